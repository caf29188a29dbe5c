package podstandin

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/gopherlocks/gopherlocks/operator/internal/agentapi"
)

const (
	// processName is the name of a pod's first process before it becomes its
	// container's command.
	processName   = "pod-of-a-test"
	innerVariable = "PODSTANDIN_POD"
)

// Main must be called first in TestMain: pods begin as processes of the test
// binary. In those it does not return.
func Main() {
	if os.Args[0] != processName {
		return
	}
	fmt.Fprintln(os.Stderr, "podstandin:", becomePod())
	os.Exit(1)
}

// becomePod makes the surroundings of a pod's container, and becomes its command.
func becomePod() error {
	var pod inner
	if err := json.Unmarshal([]byte(os.Getenv(innerVariable)), &pod); err != nil {
		return err
	}
	// The machine's end of the interface is there once there is something to read.
	connected := os.NewFile(3, "connected")
	if _, err := connected.Read(make([]byte, 1)); err != nil {
		return fmt.Errorf("the test has gone: %w", err)
	}
	if err := connected.Close(); err != nil {
		return err
	}
	if err := unix.Sethostname([]byte(pod.Host)); err != nil {
		return fmt.Errorf("the host name: %w", err)
	}
	if err := errors.Join(bringUp("lo", ""), bringUp(podInterface, pod.Address)); err != nil {
		return err
	}
	if err := pod.makeRoot(); err != nil {
		return err
	}
	return fmt.Errorf("%s: %w", pod.Command[0], unix.Exec(pod.Command[0], pod.Command, pod.Env))
}

// makeRoot makes a tree of what the machine has and the pod's own files, and the
// process's root of it.
func (pod inner) makeRoot() error {
	// What the machine unmounts is to go here too; nothing goes the other way.
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_SLAVE, ""); err != nil {
		return fmt.Errorf("mounts of its own: %w", err)
	}
	root := filepath.Join(pod.Folder, rootFolder)
	if err := unix.Mount("tmpfs", root, "tmpfs", 0, "mode=755"); err != nil {
		return fmt.Errorf("a new root: %w", err)
	}
	in := func(path string) string { return filepath.Join(root, path) }
	if err := errors.Join(
		mirror("/", root, "proc", "dev", "etc", filepath.Base(agentapi.Folder)),
		mirror("/etc", in("/etc"), "hosts", "gopherlocks"),
		mirror("/dev", in("/dev"), filepath.Base(agentapi.TerminationMessageFile)),
		bindFile(pod.Hosts, in("/etc/hosts")),
		bindFile(filepath.Join(pod.Folder, terminationFile), in(agentapi.TerminationMessageFile)),
		bindFolder(filepath.Join(pod.Folder, secretFolder), in(agentapi.SecretFolder)),
		bindFolder(filepath.Join(pod.Folder, programFolder), in(agentapi.Folder)),
		os.Mkdir(in("/proc"), 0o555),
	); err != nil {
		return err
	}
	if err := unix.Mount("proc", in("/proc"), "proc", 0, ""); err != nil {
		return fmt.Errorf("/proc: %w", err)
	}
	if err := unix.Chroot(root); err != nil {
		return fmt.Errorf("the new root: %w", err)
	}
	return os.Chdir("/")
}

// mirror makes a folder that shows what source holds, but for the exceptions.
func mirror(source, target string, except ...string) error {
	if err := os.MkdirAll(target, 0o755); err != nil {
		return err
	}
	entries, err := os.ReadDir(source)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		from, to := filepath.Join(source, entry.Name()), filepath.Join(target, entry.Name())
		switch {
		case slices.Contains(except, entry.Name()):
		case entry.IsDir():
			err = bindFolder(from, to)
		case entry.Type() == os.ModeSymlink:
			var link string
			if link, err = os.Readlink(from); err == nil {
				err = os.Symlink(link, to)
			}
		case entry.Type().IsRegular() || entry.Type()&os.ModeDevice != 0:
			err = bindFile(from, to)
		}
		if err != nil && !errors.Is(err, os.ErrNotExist) { // else it has gone just now
			return err
		}
	}
	return nil
}

func bindFolder(source, target string) error {
	if err := os.MkdirAll(target, 0o755); err != nil {
		return err
	}
	return bind(source, target)
}

func bindFile(source, target string) error {
	if err := os.WriteFile(target, nil, 0o600); err != nil {
		return err
	}
	return bind(source, target)
}

func bind(source, target string) error {
	if err := unix.Mount(source, target, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return fmt.Errorf("mounting %s: %w", source, err)
	}
	return nil
}
