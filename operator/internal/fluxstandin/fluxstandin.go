// Package fluxstandin builds, for tests, the program that stands in for the
// command "flux" where there is no Flux: see cmd/flux for what it plays.
//
// A test package uses it so:
//
//	func TestMain(m *testing.M) { os.Exit(fluxstandin.Main(m)) }
//
//	func TestX(t *testing.T) { flux := fluxstandin.Flux(t); … }
//
// With RealVariable such a test runs with a real Flux instead.
package fluxstandin

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// source is the import path of the program.
const source = "github.com/gopherlocks/gopherlocks/operator/internal/fluxstandin/cmd/flux"

// RealVariable is the variable of the environment that, as 1, makes tests run with
// the real flux on PATH.
const RealVariable = "FLUX_TEST_REAL"

// Real says whether tests run with a real Flux.
func Real() bool { return os.Getenv(RealVariable) == "1" }

// Flux is the path of the flux to test with: the real one, or else the stand-in.
func Flux(t testing.TB) string {
	t.Helper()
	if !Real() {
		t.Logf("with the stand-in for flux, which is not Flux; %s=1 takes the real one on PATH", RealVariable)
		return Program(t)
	}
	path, err := exec.LookPath("flux")
	if err != nil {
		t.Fatalf("%s=1 needs flux on PATH: %v", RealVariable, err)
	}
	version, err := realVersion(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("with the real flux %s, %s", path, version)
	return path
}

// realVersion is the first line of "flux version".
func realVersion(path string) (string, error) {
	cmd := exec.Command(path, "version")
	// With a broker's address it would ask that too.
	cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "FLUX_URI=") })
	output, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s version: %w: %s", path, err, output)
	}
	if strings.Contains(string(output), "stand-in") {
		return "", fmt.Errorf("%s=1, but %s is the stand-in: put a real flux before it on PATH", RealVariable, path)
	}
	line, _, _ := strings.Cut(string(output), "\n")
	return strings.Join(strings.Fields(line), " "), nil
}

// folder is where Main lets the program be built.
var folder string

// Main runs the tests of a package, and removes the program afterwards. It returns
// the exit code.
func Main(m *testing.M) int {
	// Under nohup, SIGHUP is ignored, and so it would be by all programs that tests
	// start: brokers end theirs by it. One that is caught here is not ignored there.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP)
	var err error
	if folder, err = os.MkdirTemp("", "fluxstandin-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code := m.Run()
	if err := os.RemoveAll(folder); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// Program is the path of the program, whose name is "flux". It is built once for
// all tests of a package.
func Program(t testing.TB) string {
	t.Helper()
	path, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

var build = sync.OnceValues(func() (string, error) {
	if folder == "" {
		return "", errors.New("fluxstandin: TestMain must call fluxstandin.Main")
	}
	path := filepath.Join(folder, "flux")
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-o", path, source)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build of the stand-in for Flux: %w\n%s", err, output)
	}
	return path, nil
})
