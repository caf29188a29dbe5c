package containerengine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gopherlocks/gopherlocks/stackcluster"
)

const (
	docker  = "Docker version 28.2.2"
	nerdctl = "nerdctl version 2.0"
	podman  = "podman version 5.0"

	stopped = "error: Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?"
	foreign = "error: permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock"
)

// answers is a machine on which each command line gives a fixed answer. One that
// begins with "error: " is an error. Other programs are not found. An engine that
// answers `-v` works, unless `info` answers otherwise.
func answers(answers map[string]string, env ...string) Machine {
	m := machine(env)
	m.Run = func(_ context.Context, _ io.Reader, program string, args ...string) (string, error) {
		line := strings.Join(append([]string{program}, args...), " ")
		answer, ok := answers[line]
		if _, greets := answers[program+" -v"]; !ok && !greets {
			return "", &exec.Error{Name: program, Err: exec.ErrNotFound}
		}
		if message, failed := strings.CutPrefix(answer, "error: "); failed {
			return "", fmt.Errorf("%s: exit status 1: %s", line, message)
		}
		return answer, nil
	}
	return m
}

func TestEngineIsTheFirstThatWorks(t *testing.T) {
	for name, test := range map[string]struct {
		answers map[string]string
		chosen  string
		want    string
	}{
		"docker":                       {map[string]string{"docker -v": docker, "podman -v": podman}, "", "docker"},
		"podman":                       {map[string]string{"podman -v": podman}, "", "podman"},
		"podman as docker":             {map[string]string{"docker -v": podman, "podman -v": podman}, "", "podman"},
		"nerdctl before podman":        {map[string]string{"nerdctl -v": nerdctl, "podman -v": podman}, "", "nerdctl"},
		"podman beside stopped docker": {map[string]string{"docker -v": docker, "docker info": stopped, "podman -v": podman}, "", "podman"},
		"by choice":                    {map[string]string{"docker -v": docker, "podman -v": podman}, "podman", "podman"},
		"a name of kind's":             {map[string]string{"docker -v": docker, "nerdctl.lima -v": nerdctl}, "nerdctl.lima", "nerdctl.lima"},
		"which nobody takes unasked":   {map[string]string{"nerdctl.lima -v": nerdctl}, "", "none of docker, nerdctl, finch and podman is on PATH"},
		"a choice that is not there":   {map[string]string{"docker -v": docker}, "podman", "podman is not on PATH"},
		"a choice that is stopped":     {map[string]string{"docker -v": docker, "docker info": stopped, "podman -v": podman}, "docker", "KIND_EXPERIMENTAL_PROVIDER=docker allows no other"},
		"a choice that is wrong":       {map[string]string{"docker -v": docker}, "lxc", "no such engine"},
		"none":                         {nil, "", "docs.docker.com/engine/install"},
	} {
		engine, err := answers(test.answers, Variable+"="+test.chosen).Find(t.Context())
		if got := engine.Program; err != nil && !strings.Contains(err.Error(), test.want) || err == nil && got != test.want {
			t.Errorf("%s: got %q, %v, want %s", name, got, err, test.want)
		}
	}
}

func TestEveryCauseIsKept(t *testing.T) {
	_, err := answers(map[string]string{
		"docker -v": docker, "docker info": foreign, "podman -v": podman, "podman info": "error: Cannot connect to Podman",
	}).Find(t.Context())
	if err == nil || errors.Is(err, stackcluster.ErrNoEngine) {
		t.Fatalf("the error is %v", err)
	}
	for _, want := range []string{"usermod -aG docker", "permission denied", "podman machine start", "nerdctl and finch are not on PATH"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error lacks %q: %v", want, err)
		}
	}
	if _, err := answers(nil).Find(t.Context()); !errors.Is(err, stackcluster.ErrNoEngine) {
		t.Errorf("nothing is installed, and the error is %v", err)
	}
}

func TestUnusableEngineIsExplained(t *testing.T) {
	for _, test := range []struct{ program, host, said, want string }{
		{"docker", "", stopped, "systemctl start docker"},
		{"docker", "", "error: failed to connect to the docker API at unix:///var/run/docker.sock; check if the path is correct and if the daemon is running", "systemctl start docker"},
		{"docker", "tcp://there", stopped, "at DOCKER_HOST=tcp://there"},
		{"docker", OwnHost, stopped, "make tools CLUSTER=kind"},
		{"docker", "", foreign, "usermod -aG docker"},
		{"podman", "", "error: dial unix /run/user/1000/podman.sock: connect: no such file or directory", "podman machine start"},
		{"nerdctl", "", `error: cannot access containerd socket "/run/containerd/containerd.sock": no such file or directory`, "systemctl start containerd"},
		{"docker", "", "error: client version 1.50 is too new. Maximum supported API version is 1.41", "must succeed first"},
	} {
		machine := answers(map[string]string{test.program + " -v": "", test.program + " info": test.said}, "DOCKER_HOST="+test.host)
		err := Engine{machine, test.program}.Check(t.Context())
		said := strings.TrimPrefix(test.said, "error: ")
		if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), said) {
			t.Errorf("%s\nis explained as\n%v\nwithout %q", said, err, test.want)
		}
	}
}

func TestInterruptionIsNoCause(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := answers(nil).Find(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v, not the interruption", err)
	}
}

// TestOnlyEnginesOfTheMachineCount puts a docker on PATH that works with the
// DOCKER_HOST that it is given, and no other.
func TestOnlyEnginesOfTheMachineCount(t *testing.T) {
	install := func(folder, host string) {
		t.Helper()
		program := "#!/bin/sh\ncase \"$1 $DOCKER_HOST\" in -v*) echo Docker version 28;; \"info " + host + "\");; *) echo cannot connect >&2; exit 1;; esac\n"
		if err := os.MkdirAll(folder, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, "docker"), []byte(program), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	bin := t.TempDir()
	install(bin, "unix:///works")
	for host, works := range map[string]bool{"unix:///works": true, OwnHost: false} {
		engine, err := machine(withoutOwn([]string{"PATH=/none:" + bin, "DOCKER_HOST=" + host})).Find(t.Context())
		if (err == nil) != works {
			t.Errorf("DOCKER_HOST=%s: %q, %v", host, engine.Program, err)
		}
	}
	ours := filepath.Join(t.TempDir(), stackcluster.BinSuffix)
	install(ours, OwnHost)
	env := []string{"PATH=" + ours, "DOCKER_HOST=" + OwnHost}
	if engine, err := machine(env).Find(t.Context()); err != nil || engine.Program != "docker" {
		t.Errorf("the plugin does not find what the toolchain has started: %v", err)
	}
	if _, err := machine(withoutOwn(env)).Find(t.Context()); !errors.Is(err, stackcluster.ErrNoEngine) {
		t.Errorf("our link counts as the machine's Docker: %v", err)
	}
}

func TestProgramsErrorsAreShownInOneLine(t *testing.T) {
	_, err := Here().Run(t.Context(), nil, "sh", "-c", "echo reason >&2; echo more >&2; exit 3")
	if err == nil || !strings.Contains(err.Error(), "reason; more") {
		t.Errorf("the error is %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Here().Run(ctx, nil, "sh", "-c", "exit 0"); !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v, not the interruption", err)
	}
}
