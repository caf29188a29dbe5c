package kind

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/kind/pkg/log"

	"github.com/gopherlocks/gopherlocks/provider/containerengine"
)

// answers is a machine on which each command line gives a fixed answer. One that
// begins with "error: " is an error. Other programs are not found.
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

func (a answers) machine() containerengine.Machine {
	return containerengine.Machine{Run: a.run, Getenv: func(string) string { return "" }}
}

func TestClusterKeepsTheEngineThatItWasMadeOn(t *testing.T) {
	const asked = " info --format {{json .}}"
	both := answers{
		"docker -v": "Docker version 28", "docker info": "", "docker" + asked: `{"ID": "d"}`,
		"podman -v": "podman version 5", "podman info": "", "podman" + asked: `{"store": {"graphRoot": "/p"}}`,
	}
	stopped := maps.Clone(both)
	stopped["docker info"] = "error: cannot connect"
	for name, test := range map[string]struct {
		machine    answers
		remembered *record
		want       string // The engine, or a part of the error.
	}{
		"nothing was made":     {both, nil, "docker"},
		"it was on podman":     {both, &record{Engine: "podman"}, "podman"},
		"its engine stands":    {stopped, &record{Engine: "docker"}, "docker is installed and not running"},
		"its engine is gone":   {both, &record{Engine: "nerdctl"}, "docker"},
		"an earlier version's": {stopped, &record{}, "podman"},
	} {
		found, err := findEngine(t.Context(), test.machine.machine(), test.remembered)
		if got := found.Program; err == nil && got != test.want || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %q (%v), want %s", name, got, err, test.want)
		}
		if err == nil && found.identity == (containerengine.Identity{}) {
			t.Errorf("%s: nobody asked %s who it is", name, found.Program)
		}
	}
}

// installDocker puts a docker on PATH. With DOCKER_HOST=stopped it does not answer.
// Otherwise its data is in the folder DOCKER_HOST, and it has no containers.
func installDocker(t *testing.T) {
	t.Helper()
	const program = `#!/bin/sh
case "$1 $2" in
"-v "*) echo Docker version 28 ;;
"info --format") echo '{"ID": "id", "Name": "laptop", "DockerRootDir": "'$DOCKER_HOST'"}' ;;
"info "*) [ "$DOCKER_HOST" != stopped ] || { echo Cannot connect to the Docker daemon >&2; exit 1; } ;;
"ps "*) ;;
*) echo "not expected: $*" >&2; exit 1 ;;
esac
`
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "docker"), []byte(program), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", folder+":/usr/bin:/bin")
	t.Setenv(containerengine.Variable, "")
}

// TestClusterOnAnotherEngineIsNotTakenForGone: the command line is the same, but
// another engine answers, which has no such cluster.
func TestClusterOnAnotherEngineIsNotTakenForGone(t *testing.T) {
	installDocker(t)
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	records, err := defaultRecords(os.Getenv)
	if err != nil {
		t.Fatal(err)
	}
	made := record{Phase: phaseReady, Engine: "docker", Identity: containerengine.Identity{ID: "id", Host: "laptop", Root: "/machine"}}
	if err = records.save("demo", made); err != nil {
		t.Fatal(err)
	}
	progress := func(string) {}
	for host, want := range map[string][]string{
		"/ours":   {"docker on laptop with its data in /machine", "docker on laptop with its data in /ours", records.file("demo")},
		"stopped": {"docker is installed and not running"},
	} {
		t.Setenv("DOCKER_HOST", host)
		_, newErr := NewClient(t.Context(), "demo", progress)
		for _, err := range []error{newErr, DeleteOurs(t.Context(), "demo", progress)} {
			for _, part := range want {
				if err == nil || !strings.Contains(err.Error(), part) {
					t.Errorf("DOCKER_HOST=%s: the error is %v, want %q in it", host, err, part)
				}
			}
		}
	}
	found, err := records.load("demo")
	if err != nil || found == nil || *found != made {
		t.Errorf("what is remembered has become %+v (%v)", found, err)
	}
	t.Setenv("DOCKER_HOST", "/machine")
	client, err := NewClient(t.Context(), "demo", progress)
	if err != nil {
		t.Fatal(err)
	}
	if _, err = client.Inspect(t.Context(), "demo"); !errors.Is(err, ErrNotFound) {
		t.Errorf("on its own engine: %v", err)
	}
	// The way out that the error names.
	t.Setenv("DOCKER_HOST", "/ours")
	if err = os.Remove(records.file("demo")); err != nil {
		t.Fatal(err)
	}
	if client, err = NewClient(t.Context(), "demo", progress); err != nil {
		t.Fatal(err)
	}
	if err := client.remember(Spec{Name: "demo"}, phaseCreating, "d"); err != nil {
		t.Fatal(err)
	}
	if found, err := records.load("demo"); err != nil || found.Identity.Root != "/ours" {
		t.Errorf("the engine that a cluster is made on is not remembered: %+v (%v)", found, err)
	}
}

func TestRemovalIsACommandOfTheEngine(t *testing.T) {
	for _, test := range []struct{ program, host, want string }{
		{"docker", "", "`docker rm -fv $(docker ps -aq --filter label=io.x-k8s.kind.cluster=demo)`"},
		{"docker", "tcp://there", "`docker --host tcp://there rm -fv $(docker --host tcp://there ps -aq --filter label=io.x-k8s.kind.cluster=demo)`"},
		{"docker", containerengine.OwnHost, "`eval \"$(make -s env)\"; docker rm -fv $(docker ps -aq --filter label=io.x-k8s.kind.cluster=demo)`"},
		{"podman", "tcp://there", "`podman rm -fv $(podman ps -aq --filter label=io.x-k8s.kind.cluster=demo)`"},
	} {
		machine := containerengine.Machine{Getenv: func(string) string { return test.host }}
		on := engine{Engine: containerengine.Engine{Machine: machine, Program: test.program}}
		if got := on.removal("demo"); got != test.want {
			t.Errorf("%s at %q: got %s, want %s", test.program, test.host, got, test.want)
		}
		for _, remembered := range []*record{nil, {}} {
			if err := refusal("demo", remembered, on.removal("demo")); !strings.Contains(err.Error(), test.want) {
				t.Errorf("the refusal does not name it: %v", err)
			}
		}
	}
}

func TestContainersAreReadOfEveryEngine(t *testing.T) {
	started := time.Date(2026, 11, 26, 1, 0, 10, 5, time.UTC)
	for name, test := range map[string]struct {
		said string
		want NodeStatus
	}{
		"docker":       {`[{"Image": "sha256:0", "Config": {"Image": "kindest/node:v1"}, "State": {"Running": true, "StartedAt": "2026-11-26T01:00:10.000000005Z"}}]`, NodeStatus{Image: "kindest/node:v1", Running: true, Started: started}},
		"podman":       {`[{"Image": "0", "ImageName": "docker.io/kindest/node:v1", "Config": {"Image": "docker.io/kindest/node:v1"}, "State": {"Running": false, "StartedAt": "2026-11-26T02:00:10.000000005+01:00"}}]`, NodeStatus{Image: "docker.io/kindest/node:v1", Started: started}},
		"old nerdctl":  {`[{"Image": "docker.io/kindest/node:v1", "Config": {"Hostname": "a"}, "State": {"Status": "running", "Running": true}}]`, NodeStatus{Image: "docker.io/kindest/node:v1", Running: true}},
		"only created": {`[{"Image": "docker.io/kindest/node:v1", "Config": {}, "State": {"Running": false, "StartedAt": ""}}]`, NodeStatus{Image: "docker.io/kindest/node:v1"}},
	} {
		got, err := readContainer(test.said)
		if err != nil || got.Image != test.want.Image || got.Running != test.want.Running || !got.Started.Equal(test.want.Started) {
			t.Errorf("%s: got %+v (%v), want %+v", name, got, err, test.want)
		}
	}
	for _, said := range []string{"", "[]", "[{}, {}]", `[{"State": {"StartedAt": "yesterday"}}]`} {
		if got, err := readContainer(said); err == nil || strings.Contains(err.Error(), "%!") {
			t.Errorf("%q is read as %+v, with the error %v", said, got, err)
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
	want := record{Phase: phaseCreating, Digest: "d", KubeconfigFile: "/k", Identity: containerengine.Identity{ID: "i", Root: "/r"}}
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
		{"metadata": {"name": "a"}, "status": {"conditions": [{"type": "Ready", "status": "True", "message": "fine", "lastHeartbeatTime": "2026-11-26T01:00:10Z"}]}},
		{"metadata": {"name": "b"}, "status": {"conditions": [{"type": "Ready", "status": "False", "message": "no network", "lastHeartbeatTime": "2026-11-26T01:00:10Z"}]}}]}`
	heard := time.Date(2026, 11, 26, 1, 0, 10, 0, time.UTC)
	for _, test := range []struct {
		names   []string
		started time.Time
		want    string
	}{
		{[]string{"a"}, heard.Add(-time.Hour), ""},
		{[]string{"a", "b"}, heard.Add(-time.Hour), "b: no network"},
		{[]string{"a", "c"}, heard.Add(-time.Hour), "c: has not joined"},
		// The API keeps whole seconds.
		{[]string{"a"}, heard.Add(900 * time.Millisecond), ""},
		{[]string{"a"}, heard.Add(time.Second), "a: nothing heard of it since it was started"},
	} {
		started := map[string]time.Time{"a": test.started, "b": test.started}
		if got, err := notReadyNodes([]byte(list), test.names, started); got != test.want || err != nil {
			t.Errorf("%v started %s: got %q, %v, want %q", test.names, test.started, got, err, test.want)
		}
	}
	if _, err := notReadyNodes([]byte("<html>"), nil, nil); err == nil {
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
