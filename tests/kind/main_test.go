// Package kind tests clusters of kind on a real container engine. It starts its own
// engine for the tests, and removes it with all that it made. With
// GOPHERLOCKS_TEST_ENGINE=machine it takes this machine's engine instead.
package kind

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gopherlocks/gopherlocks/standalone/kind/dockerd"
	"github.com/gopherlocks/gopherlocks/standalone/kind/provision"
)

// nodeImage is the image of all nodes.
var nodeImage string

// restart kills the engine with all that runs in it, like a crash of the machine,
// and starts it again. It is nil if the engine is not the tests' own.
var restart func(context.Context) error

func TestMain(m *testing.M) {
	dockerd.Main()
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	if os.Geteuid() != 0 {
		fmt.Println("skipped: an engine of its own needs root; run make test-kind as root")
		return 0, nil
	}
	ctx := context.Background()
	folders, err := provision.FindFolders()
	if err != nil {
		return 1, err
	}
	// Short, for the sockets below it.
	home, err := os.MkdirTemp("", "kind-test-")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(home)
	// What is remembered about clusters is not mixed with the user's.
	if err = os.Setenv("XDG_STATE_HOME", filepath.Join(home, "state")); err != nil {
		return 1, err
	}
	if os.Getenv("GOPHERLOCKS_TEST_ENGINE") != "machine" {
		stop, startErr := startEngine(ctx, folders, filepath.Join(home, "engine"))
		if startErr != nil {
			return 1, startErr
		}
		defer func() {
			if stopErr := stop(); stopErr != nil {
				code, err = 1, errors.Join(err, stopErr)
			}
		}()
	}
	if nodeImage, err = provision.NodeImage(ctx, folders); err != nil {
		return 1, err
	}
	return m.Run(), nil
}

// startEngine starts an engine for the tests. stop stops it, and checks that the
// machine is as it was.
func startEngine(ctx context.Context, folders provision.Folders, dir string) (stop func() error, err error) {
	unpacked, err := dockerd.Unpack(ctx, folders.Cached("docker"))
	if err != nil {
		return nil, err
	}
	before, err := observe()
	if err != nil {
		return nil, err
	}
	engine := dockerd.Engine{Dir: dir}
	stop = func() error {
		if err := engine.Stop(ctx, unpacked); err != nil {
			return err
		}
		if left := before.compare(); left != "" {
			return fmt.Errorf("the machine is not what it was:\n%s", left)
		}
		return nil
	}
	if err := engine.Start(ctx, unpacked); err != nil {
		return nil, errors.Join(err, stop())
	}
	if err := os.Setenv("DOCKER_HOST", engine.Host()); err != nil {
		return nil, errors.Join(err, stop())
	}
	restart = func(ctx context.Context) error {
		content, err := os.ReadFile(filepath.Join(engine.Dir, "init.pid"))
		if err != nil {
			return err
		}
		pid, err := strconv.Atoi(strings.TrimSpace(string(content)))
		if err != nil {
			return err
		}
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			return err
		}
		for engine.Running() {
			if err := ctx.Err(); err != nil {
				return err
			}
			time.Sleep(10 * time.Millisecond)
		}
		return engine.Start(ctx, unpacked)
	}
	return stop, nil
}

// machine is what an engine and its nodes could leave behind.
type machine map[string]string

func observe() (machine, error) {
	seen := machine{}
	for name, command := range map[string]string{
		"interfaces":     "ls /sys/class/net",
		"firewall":       "iptables-save | grep '^-' || true",
		"mounts":         "sort /proc/self/mounts",
		"control groups": "ls -d /sys/fs/cgroup/*gopherlocks* /sys/fs/cgroup/*/*gopherlocks* 2>/dev/null || true",
		"settings":       "cd /proc/sys && grep . net/ipv4/ip_forward vm/overcommit_memory kernel/panic kernel/panic_on_oops kernel/pid_max",
		"modules":        "ls -d /lib/modules 2>/dev/null || true",
		"engines":        "pgrep -x dockerd || true",
		"configuration":  "ls /etc/docker 2>/dev/null || true",
	} {
		output, err := exec.Command("sh", "-c", command).Output()
		if err != nil {
			return nil, fmt.Errorf("observing the %s of the machine: %w", name, err)
		}
		seen[name] = string(output)
	}
	return seen, nil
}

// compare says what is different now, or "".
func (m machine) compare() string {
	now, err := observe()
	if err != nil {
		return err.Error()
	}
	var differences strings.Builder
	for name, before := range m {
		if now[name] != before {
			fmt.Fprintf(&differences, "%s before:\n%safter:\n%s", name, before, now[name])
		}
	}
	return differences.String()
}
