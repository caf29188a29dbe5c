package embedded

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/gopherlocks/gopherlocks/standalone/internal/state"
)

// removeStateCommand makes the test's program remove the state of a cluster.
const removeStateCommand = "remove-state"

func init() {
	testCommands[removeStateCommand] = func(args []string) error { return removeState(state.Dir(args[0])) }
}

// TestKilledRemovalLeavesNoClusterBehind kills a removal in each of the state's
// folders: the file system chooses the order of the removal.
func TestKilledRemovalLeavesNoClusterBehind(t *testing.T) {
	folders := []string{"bin", "pki", "config", "logs", "etcd", "containerd", "kubelet", "tmp", "var-lib", "var-log"}
	for _, folder := range folders {
		t.Run(folder, func(t *testing.T) {
			ref := Ref{Name: "killed", StateRoot: t.TempDir()}
			dir := ref.dir()
			const tries = 20
			caught := false
			for range tries {
				makeState(t, dir, folders)
				if caught = killRemoval(t, dir, dir.Path(folder)); caught {
					break
				}
			}
			if !caught {
				t.Fatalf("none of %d removals was caught in the middle", tries)
			}
			if _, err := os.Stat(dir.Record()); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("the half of a cluster has a record: %v", err)
			}
			// So that neither `up` nor `refresh` takes it for one.
			if _, err := Inspect(ref); !errors.Is(err, ErrNotFound) {
				t.Errorf("the half of a cluster is found: %v", err)
			}
			// As a repeated destroy does, and `up` before it makes a new one.
			if err := removeState(dir); err != nil {
				t.Fatal(err)
			}
			if _, err := os.Stat(string(dir)); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("the state is still there: %v", err)
			}
		})
	}
}

// makeState makes the folder of a cluster that was ready. It has so many files that
// a removal can be killed in the middle.
func makeState(t *testing.T, dir state.Dir, folders []string) {
	t.Helper()
	const files = 100
	for _, folder := range folders {
		if err := os.MkdirAll(dir.Path(folder), 0o700); err != nil {
			t.Fatal(err)
		}
		for i := range files {
			write(t, dir.Path(folder, fmt.Sprint(i)), "")
		}
	}
	if err := state.Save(dir, state.Record{Name: "killed", Phase: state.PhaseReady}); err != nil {
		t.Fatal(err)
	}
}

// killRemoval removes a state in another process, and kills that when the first
// file in folder is gone. caught is false if the removal was faster.
func killRemoval(t *testing.T, dir state.Dir, folder string) (caught bool) {
	t.Helper()
	watch, err := unix.InotifyInit1(unix.IN_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(watch)
	if _, err = unix.InotifyAddWatch(watch, folder, unix.IN_DELETE); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command(self, removeStateCommand, string(dir))
	command.Stderr = os.Stderr
	if err = command.Start(); err != nil {
		t.Fatal(err)
	}
	_, readErr := unix.Read(watch, make([]byte, unix.SizeofInotifyEvent+unix.NAME_MAX+1))
	killErr := command.Process.Kill()
	// Its result is that it was killed.
	_ = command.Wait()
	if err = errors.Join(readErr, killErr); err != nil {
		t.Fatal(err)
	}
	_, err = os.Stat(string(dir))
	return err == nil
}
