package kind

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sigs.k8s.io/kind/pkg/log"
)

// answers is a machine on which each command line gives a fixed answer, an
// error where it begins with "error: ", and others are not found.
type answers map[string]string

func (a answers) run(_ context.Context, _ io.Reader, program string, args ...string) (string, error) {
	answer, ok := a[strings.Join(append([]string{program}, args...), " ")]
	if message, failed := strings.CutPrefix(answer, "error: "); failed {
		return "", fmt.Errorf("%s %s: exit status 1: %s", program, args[0], message)
	}
	if !ok {
		return "", fmt.Errorf("%s: %w", program, exec.ErrNotFound)
	}
	return answer, nil
}

func TestEngineIsTheFirstThatAnswersAsItself(t *testing.T) {
	const docker, nerdctl, podman = "Docker version 28.2.2", "nerdctl version 2.0", "podman version 5.0"
	for name, test := range map[string]struct {
		machine answers
		chosen  string
		want    string
	}{
		"docker":                 {answers{"docker -v": docker, "podman -v": podman}, "", "docker"},
		"podman":                 {answers{"podman -v": podman}, "", "podman"},
		"podman as docker":       {answers{"docker -v": podman, "podman -v": podman}, "", "podman"},
		"nerdctl before podman":  {answers{"nerdctl -v": nerdctl, "podman -v": podman}, "", "nerdctl"},
		"by choice":              {answers{"docker -v": docker, "podman -v": podman}, "podman", "podman"},
		"a choice that is not":   {answers{"docker -v": docker}, "podman", "not found"},
		"a choice that is wrong": {answers{"docker -v": docker}, "lxc", "no such engine"},
		"none":                   {answers{}, "", "docs.docker.com/engine/install"},
	} {
		engine, err := detectEngine(t.Context(), test.chosen, test.machine.run)
		if got := engine.program; err != nil && !strings.Contains(err.Error(), test.want) || err == nil && got != test.want {
			t.Errorf("%s: got %q, %v, want %s", name, got, err, test.want)
		}
	}
}

func TestUnusableEngineIsExplained(t *testing.T) {
	for said, want := range map[string]string{
		"Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?":         "systemctl start docker",
		"permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock":      "usermod -aG docker",
		"dial unix /run/user/1000/podman.sock: connect: no such file or directory":                                  "podman machine start",
		"Error response from daemon: client version 1.50 is too new. Maximum supported API version is 1.41 (or so)": "must succeed first",
	} {
		machine := answers{"docker info": "error: " + said}
		err := engine{program: "docker", run: machine.run}.check(t.Context())
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), said) {
			t.Errorf("%s\nis explained as\n%v\nwithout %q", said, err, want)
		}
	}
}

func TestImageThatCannotBeHadIsExplained(t *testing.T) {
	const image = "kindest/node:v1.99.0"
	for said, want := range map[string]string{
		"Error response from daemon: manifest for kindest/node:v1.99.0 not found: manifest unknown":            "there is no such image",
		"Error response from daemon: Get https://registry-1.docker.io/v2/: dial tcp: i/o timeout":              "cannot be reached",
		"toomanyrequests: You have reached your pull rate limit":                                               "docker login",
		"failed to register layer: write /usr/bin/kubelet: no space left on device":                            "disk is full",
		"Error response from daemon: pull access denied for mine, repository does not exist or may require ..": "not public",
	} {
		machine := answers{"docker image inspect " + image: "error: none", "docker pull --quiet " + image: "error: " + said}
		err := engine{program: "docker", run: machine.run}.ensureImage(t.Context(), image, func(string) {})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), image) {
			t.Errorf("%s\nis explained as\n%v\nwithout %q", said, err, want)
		}
	}
}

func TestOnlyNodeImagesThatAreNewEnoughAreUsed(t *testing.T) {
	const image = "mine:latest"
	const ask = "docker run --rm --network=none --entrypoint=cat " + image + " " + versionFile
	for answer, want := range map[string]string{
		"v1.34.2\n": "",
		"v1.26.0\n": "at least 1.27",
		"error: cat: /kind/version: No such file": "no node image",
	} {
		machine := answers{"docker image inspect " + image: "[]", ask: answer}
		err := engine{program: "docker", run: machine.run}.ensureImage(t.Context(), image, func(string) {})
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: the error is %v, want %q", answer, err, want)
		}
	}
}

func TestDecisionAboutWhatIsThere(t *testing.T) {
	whole, half := &record{Phase: phaseReady, Digest: "d"}, &record{Phase: phaseCreating, Digest: "d"}
	for name, test := range map[string]struct {
		exists     bool
		remembered *record
		want       decision
	}{
		"nothing":                         {false, nil, decideToCreate},
		"a record of what was removed":    {false, whole, decideToCreate},
		"a record of what never was":      {false, half, decideToCreate},
		"a cluster that is not ours":      {true, nil, decideToRefuse},
		"an interrupted creation":         {true, half, decideToReplace},
		"a cluster that Pulumi forgot":    {true, whole, decideToAdopt},
		"a cluster from other inputs":     {true, &record{Phase: phaseReady, Digest: "e"}, decideToRefuse},
		"half a cluster, of other inputs": {true, &record{Phase: phaseCreating, Digest: "e"}, decideToReplace},
	} {
		if got := decide(test.exists, test.remembered, "d"); got != test.want {
			t.Errorf("%s: got %v, want %v", name, got, test.want)
		}
	}
}

func TestRecordIsReadAsItWasWritten(t *testing.T) {
	records := records(filepath.Join(t.TempDir(), "kind"))
	if found, err := records.load("demo"); found != nil || err != nil {
		t.Fatalf("before: %v, %v", found, err)
	}
	want := record{Phase: phaseCreating, Digest: "d", KubeconfigFile: "/k"}
	if err := records.save("demo", want); err != nil {
		t.Fatal(err)
	}
	if found, err := records.load("demo"); err != nil || *found != want {
		t.Errorf("got %v, %v", found, err)
	}
	for range 2 { // The second time there is nothing to remove.
		if err := records.remove("demo"); err != nil {
			t.Error(err)
		}
	}
	if found, err := records.load("demo"); found != nil || err != nil {
		t.Errorf("after: %v, %v", found, err)
	}
}

func TestRecordsNeedAHome(t *testing.T) {
	for environment, want := range map[string]string{
		"XDG_STATE_HOME=/x": "/x/gopherlocks/kind",
		"HOME=/h":           "/h/.local/state/gopherlocks/kind",
		"=":                 "",
	} {
		name, value, _ := strings.Cut(environment, "=")
		got, err := defaultRecords(func(asked string) string {
			if asked == name {
				return value
			}
			return ""
		})
		if string(got) != want || (err == nil) != (want != "") {
			t.Errorf("%s: got %q, %v", environment, got, err)
		}
	}
}

func TestNodesThatAreMissingAreNamed(t *testing.T) {
	const list = `{"items": [
		{"metadata": {"name": "a"}, "status": {"conditions": [{"type": "Ready", "status": "True", "message": "fine"}]}},
		{"metadata": {"name": "b"}, "status": {"conditions": [{"type": "Ready", "status": "False", "message": "no network"}]}}]}`
	for _, test := range []struct {
		names []string
		want  string
	}{
		{[]string{"a"}, ""},
		{[]string{"a", "b"}, "b: no network"},
		{[]string{"a", "c"}, "c: has not joined"},
	} {
		if got, err := notReadyNodes([]byte(list), test.names); got != test.want || err != nil {
			t.Errorf("%v: got %q, %v, want %q", test.names, got, err, test.want)
		}
	}
	if _, err := notReadyNodes([]byte("<html>"), nil); err == nil {
		t.Error("an answer that is no list is taken for one")
	}
}

func TestStepsAreShownWithoutDecoration(t *testing.T) {
	var shown []string
	l := logger{func(message string) { shown = append(shown, message) }}
	l.V(0).Infof(" • %s  ...\n", "Installing CNI 🔌")
	l.V(0).Infof(" ✓ %s\n", "Installing CNI 🔌")
	l.V(log.Level(1)).Info("for developers")
	l.Warn("old cgroups")
	if got := strings.Join(shown, "|"); got != "Installing CNI 🔌|old cgroups" {
		t.Errorf("shown is %s", got)
	}
}

func TestNodesSortByTheirNumber(t *testing.T) {
	if naturalOrder("a-worker") >= naturalOrder("a-worker2") || naturalOrder("a-worker2") >= naturalOrder("a-worker10") {
		t.Error("worker, worker2 and worker10 are not in this order")
	}
}

func TestProgramsErrorsAreShown(t *testing.T) {
	_, err := runProgram(t.Context(), nil, "sh", "-c", "echo reason >&2; exit 3")
	if err == nil || !strings.Contains(err.Error(), "reason") {
		t.Errorf("the error is %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := runProgram(ctx, nil, "sh", "-c", "exit 0"); !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v, not the interruption", err)
	}
}
