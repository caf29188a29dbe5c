package processes

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
)

func TestProcessesOfOtherTestsAreToldFromOnesOwn(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("reads /proc, which is Linux's")
	}
	shell, err := exec.LookPath("sh")
	if err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(t.TempDir(), "other.test")
	if err := os.Symlink(shell, other); err != nil {
		t.Fatal(err)
	}
	for program, want := range map[string]bool{shell: false, other: true} {
		// It prints the ID of its child, and lives until its input ends.
		cmd := exec.Command(program, "-c", "sleep 60 & echo $!; read -r line; kill $!")
		input, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		output, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		var child int
		if _, err := fmt.Fscanln(output, &child); err != nil {
			t.Fatal(err)
		}
		if got := OfOtherTest(cmd.Process.Pid); got != want {
			t.Errorf("%s is another test's: %t, want %t", program, got, want)
		}
		if got := OfOtherTest(child); got != want {
			t.Errorf("the child of %s is another test's: %t, want %t", program, got, want)
		}
		_ = input.Close() // It ends.
		_ = cmd.Wait()
	}
}

func TestParentOfAProcessWhoseNameHasSpaces(t *testing.T) {
	for stat, want := range map[string]int{
		"7 (a) S 3 7 7 0":       3,
		"7 (a b) c) R 12 7 7 0": 12,
		"7 (a) S":               0,
		"":                      0,
	} {
		if got := parent(stat); got != want {
			t.Errorf("parent of %q: %d, want %d", stat, got, want)
		}
	}
}
