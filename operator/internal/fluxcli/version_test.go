package fluxcli

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gopherlocks/gopherlocks/operator/internal/fluxstandin"
)

func TestMain(m *testing.M) { os.Exit(fluxstandin.Main(m)) }

func TestParseVersion(t *testing.T) {
	tests := []struct {
		output string
		want   Version
	}{
		{"commands:    \t\t0.88.0\nlibflux-core:\t\t0.88.0\nbuild-options:\t\t+hwloc.api==2.9.0+zmq==4.3.5\n", Version{0, 88, 0}},
		{"commands:    \t\t0.88.0-59-g4a5e79f56\nlibflux-core:\t\t0.88.0\n", Version{0, 88, 0}},
		{"libflux-core:\t\t0.1.0\ncommands:    \t\t0.51.2\n", Version{0, 51, 2}},
		{"commands:\t1.2\n", Version{1, 2, 0}},
	}
	for _, tt := range tests {
		got, err := parseVersion(tt.output)
		if err != nil || got != tt.want {
			t.Errorf("parseVersion(%q) = %v, %v, want %v", tt.output, got, err, tt.want)
		}
	}
	for _, output := range []string{"", "flux: command not found", "commands: unknown", "commands: 99999999999999999999.1.1"} {
		if got, err := parseVersion(output); err == nil {
			t.Errorf("parseVersion(%q) = %v, want an error", output, got)
		}
	}
}

func TestVersionsCompareByNumber(t *testing.T) {
	ascending := []Version{{0, 9, 9}, {0, 51, 0}, {0, 51, 1}, {0, 66, 0}, {0, 100, 0}, {1, 0, 0}}
	for i, a := range ascending {
		for j, b := range ascending {
			if got, want := a.AtLeast(b), i >= j; got != want {
				t.Errorf("%v.AtLeast(%v) = %v, want %v", a, b, got, want)
			}
		}
	}
}

func TestTooOldVersionSaysWhatIsNeeded(t *testing.T) {
	if err := Minimum.checkMinimum(); err != nil {
		t.Errorf("checkMinimum() of the minimum: %v", err)
	}
	err := Version{0, 50, 3}.checkMinimum()
	if err == nil {
		t.Fatal("checkMinimum() of 0.50.3 = nil, want an error")
	}
	for _, want := range []string{"0.50.3", "0.51.0", "newer Flux"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("message %q does not name %q", err, want)
		}
	}
}

func TestLongOutputIsShortenedToItsEnd(t *testing.T) {
	got := shorten(strings.Repeat("ƒ", 5000) + "the reason\n")
	if !strings.HasSuffix(got, "the reason") || len(got) > 1010 || strings.ContainsRune(got, '\uFFFD') {
		t.Errorf("shorten kept %d bytes: …%q", len(got), got[len(got)-20:])
	}
}

// FuzzParse: whatever a command prints, it is read or refused.
func FuzzParse(f *testing.F) {
	f.Add("commands: 0.88.0\n")
	f.Fuzz(func(_ *testing.T, output string) { _, _ = parseVersion(output) })
}

func TestVersionIsAskedWithoutAnInstance(t *testing.T) {
	flux := fluxstandin.Flux(t)
	version, err := CheckVersion(t.Context(), flux, append(os.Environ(), "FLUX_URI=local:///nowhere"))
	if err != nil || !version.AtLeast(Minimum) {
		t.Errorf("version %v, %v, want at least %v", version, err, Minimum)
	}
}

func TestCheckSaysWhatIsMissing(t *testing.T) {
	if version, err := CheckVersion(t.Context(), filepath.Join(t.TempDir(), "flux"), nil); err == nil {
		t.Errorf("without a program: %v", version)
	}
	if version, err := CheckVersion(t.Context(), "/bin/true", nil); err == nil || !strings.Contains(err.Error(), "flux version") {
		t.Errorf("with another program: %v, %v", version, err)
	}
	old := filepath.Join(t.TempDir(), "flux")
	if err := os.WriteFile(old, []byte("#!/bin/sh\necho commands: 0.50.0\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	if version, err := CheckVersion(t.Context(), old, nil); err == nil || !strings.Contains(err.Error(), "too old") {
		t.Errorf("with an old one: %v, %v", version, err)
	}
}

func TestFailedCommandSaysWhatItSaid(t *testing.T) {
	program := filepath.Join(t.TempDir(), "flux")
	if err := os.WriteFile(program, []byte("#!/bin/sh\necho no library >&2; exit 1\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	_, err := CheckVersion(t.Context(), program, nil)
	if err == nil || err.Error() != "flux version: exit status 1: no library" || !Exited(err) {
		t.Errorf("%v", err)
	}
}

func TestCommandsEndWithTheirContext(t *testing.T) {
	cause := errors.New("the pod is being stopped")
	ctx, cancel := context.WithTimeoutCause(t.Context(), 200*time.Millisecond, cause)
	defer cancel()
	if _, err := run(ctx, "/bin/sleep", nil, "60"); !errors.Is(err, cause) || !strings.Contains(err.Error(), "flux 60") || Exited(err) {
		t.Errorf("run = %v, want the context's cause and the command", err)
	}
}
