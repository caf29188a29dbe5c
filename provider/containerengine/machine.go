package containerengine

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gopherlocks/gopherlocks/stackcluster"
)

// Machine is where engines are looked for: its environment and its programs.
type Machine struct {
	Getenv func(name string) string
	// Run runs a program and returns its standard output. An error of it has the
	// program's standard error in its text, and is exec.ErrNotFound where there is
	// no such program.
	Run func(ctx context.Context, stdin io.Reader, program string, args ...string) (string, error)
}

// Here is this machine as this process sees it.
func Here() Machine { return machine(os.Environ()) }

// WithoutOwn is this machine without the engine that the toolchain has started. The
// link to that engine's command line is left out too.
func WithoutOwn() Machine { return machine(withoutOwn(os.Environ())) }

func withoutOwn(env []string) []string {
	var left []string
	for _, variable := range env {
		if variable == "DOCKER_HOST="+OwnHost {
			continue
		}
		if path, ok := strings.CutPrefix(variable, "PATH="); ok {
			folders := slices.DeleteFunc(filepath.SplitList(path), func(folder string) bool { return strings.HasSuffix(folder, stackcluster.BinSuffix) })
			variable = "PATH=" + strings.Join(folders, string(filepath.ListSeparator))
		}
		left = append(left, variable)
	}
	return left
}

func machine(env []string) Machine {
	getenv := func(name string) string {
		// The last one counts.
		for _, variable := range slices.Backward(env) {
			if value, ok := strings.CutPrefix(variable, name+"="); ok {
				return value
			}
		}
		return ""
	}
	return Machine{Getenv: getenv, Run: func(ctx context.Context, stdin io.Reader, program string, args ...string) (string, error) {
		path, err := find(program, getenv("PATH"))
		if err != nil {
			return "", err
		}
		var stdout, stderr bytes.Buffer
		command := exec.CommandContext(ctx, path, args...)
		command.Env, command.Stdin, command.Stdout, command.Stderr = env, stdin, &stdout, &stderr
		if err := command.Run(); err != nil {
			if ctx.Err() != nil {
				return "", ctx.Err()
			}
			what := strings.TrimSpace(program + " " + strings.Join(args[:min(1, len(args))], " "))
			// In one line: it becomes a part of sentences.
			if said := strings.ReplaceAll(strings.TrimSpace(stderr.String()), "\n", "; "); said != "" {
				return "", fmt.Errorf("%s: %w: %s", what, err, said)
			}
			return "", fmt.Errorf("%s: %w", what, err)
		}
		return stdout.String(), nil
	}}
}

// find looks for a program in the folders of a given PATH. exec.LookPath knows the
// PATH of this process only.
func find(program, path string) (string, error) {
	for _, folder := range filepath.SplitList(path) {
		file := filepath.Join(folder, program)
		info, err := os.Stat(file)
		if filepath.IsAbs(folder) && err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o111 != 0 {
			return file, nil
		}
	}
	return "", &exec.Error{Name: program, Err: exec.ErrNotFound}
}
