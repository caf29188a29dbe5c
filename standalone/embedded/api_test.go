package embedded

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gopherlocks/gopherlocks/standalone/internal/state"
)

func TestValidateNamesTheFaultyInput(t *testing.T) {
	for _, test := range []struct {
		spec Spec
		want string
	}{
		{Spec{Ref: Ref{Name: "Upper"}}, "name"},
		{Spec{Ref: Ref{Name: ""}}, "name"},
		{Spec{Ref: Ref{Name: "../escape"}}, "name"},
		{Spec{Ref: Ref{Name: strings.Repeat("a", 41)}}, "name"},
		{Spec{Ref: Ref{Name: "a", StateRoot: "relative"}}, "stateRoot"},
		{Spec{Ref: Ref{Name: "a", StateRoot: "/" + strings.Repeat("x", 100)}}, "stateRoot"},
		{Spec{Ref: Ref{Name: "a"}, Subnet: netip.MustParsePrefix("10.0.0.0/24")}, "subnet"},
		{Spec{Ref: Ref{Name: "a"}, KubeconfigFile: "relative"}, "kubeconfigFile"},
		{Spec{Ref: Ref{Name: "a"}, HPASyncPeriod: -time.Second}, "hpaSyncPeriod"},
	} {
		if err := test.spec.Validate(); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%+v: the error is %v, without %q", test.spec, err, test.want)
		}
	}
	if err := (Spec{Ref: Ref{Name: "a-1"}}).Validate(); err != nil {
		t.Error(err)
	}
}

func TestProgramsOfOneFileAreLinksToIt(t *testing.T) {
	source, dir := t.TempDir(), state.Dir(t.TempDir())
	for _, name := range []string{"etcd", "coredns", "pause", "kubernetes"} {
		write(t, filepath.Join(source, name), "program "+name)
	}
	digests, err := installPrograms(dir, source)
	if err != nil {
		t.Fatal(err)
	}
	if len(digests) != 4 {
		t.Errorf("there are %d files: %v", len(digests), digests)
	}
	for _, program := range Programs {
		want := program
		if strings.HasPrefix(program, "kube") {
			want = "kubernetes"
		}
		data, err := os.ReadFile(filepath.Join(dir.Bin(), program))
		if err != nil || string(data) != "program "+want {
			t.Errorf("%s is %q, %v", program, data, err)
		}
	}
}

func TestProgramsAreComparedByContent(t *testing.T) {
	dir := state.Dir(t.TempDir())
	first, second := t.TempDir(), t.TempDir()
	for _, program := range Programs {
		write(t, filepath.Join(first, program), program)
		write(t, filepath.Join(second, program), program)
	}
	digests, err := installPrograms(dir, first)
	if err != nil {
		t.Fatal(err)
	}
	if err := state.Save(dir, state.Record{Name: "a", Binaries: digests}); err != nil {
		t.Fatal(err)
	}
	requireChanged(t, dir, first, false)
	requireChanged(t, dir, second, false)
	// A new file in its place, as compilers write it.
	if err := os.Remove(filepath.Join(second, "etcd")); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(second, "etcd"), "newer")
	requireChanged(t, dir, second, true)
	// The installed ones do not depend on the folder that they came from.
	if err := os.RemoveAll(first); err != nil {
		t.Fatal(err)
	}
	if data, err := os.ReadFile(filepath.Join(dir.Bin(), "etcd")); err != nil || string(data) != "etcd" {
		t.Errorf("the installed program is %q, %v", data, err)
	}
}

func requireChanged(t *testing.T, dir state.Dir, binDir string, want bool) {
	t.Helper()
	if changed, err := programsChanged(dir, binDir); err != nil || changed != want {
		t.Errorf("changed is %t (%v), want %t", changed, err, want)
	}
}

func TestTailOfALogIsItsLastWholeLines(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	write(t, path, "one\ntwo\nthree\n")
	if got := readTail(path, 2, 1000); got != "two\nthree" {
		t.Errorf("got %q", got)
	}
	if got := readTail(path+"-missing", 2, 1000); got != "" {
		t.Errorf("got %q", got)
	}
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o755); err != nil {
		t.Fatal(err)
	}
}
