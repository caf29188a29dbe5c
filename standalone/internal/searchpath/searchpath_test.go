package searchpath

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

func TestSystemsFoldersComeBehindTheUsersOwn(t *testing.T) {
	for path, want := range map[string]string{
		// As `su` leaves it on Debian.
		"/usr/local/bin:/usr/bin:/bin:/usr/games": "/usr/local/bin:/usr/bin:/bin:/usr/games:/usr/local/sbin:/usr/sbin:/sbin",
		"/own": "/own:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"":     "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
	} {
		got := Complete(path)
		if got != want {
			t.Errorf("%q became %q, want %q", path, got, want)
		}
		if again := Complete(got); again != got {
			t.Errorf("a second time it became %q", again)
		}
	}
}

func TestProgramsAreFoundInOrder(t *testing.T) {
	first, second := t.TempDir(), t.TempDir()
	path := "relative:" + first + ":" + second
	if _, err := lookIn(path, "program"); !errors.Is(err, exec.ErrNotFound) {
		t.Errorf("the error is %v", err)
	}
	for _, folder := range []string{second, first} {
		program := filepath.Join(folder, "program")
		if err := os.WriteFile(program, nil, 0o755); err != nil {
			t.Fatal(err)
		}
		if got, err := lookIn(path, "program"); err != nil || got != program {
			t.Errorf("found is %q (%v), not %q", got, err, program)
		}
	}
	// A file that is not executable does not count.
	if err := os.Chmod(filepath.Join(first, "program"), 0o644); err != nil {
		t.Fatal(err)
	}
	if got, err := lookIn(path, "program"); err != nil || filepath.Dir(got) != second {
		t.Errorf("found is %q (%v)", got, err)
	}
}

func TestProgramsOfTheAdministratorAreFoundWithAUsersPath(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	// In /bin or /usr/bin everywhere.
	if got, err := Look("sh"); err != nil || !filepath.IsAbs(got) {
		t.Errorf("found is %q (%v)", got, err)
	}
}
