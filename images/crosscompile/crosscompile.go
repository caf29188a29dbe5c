// Package crosscompile builds Go programs for the platforms of images. Only the
// source, the Go version and the arguments decide what it builds. The folder, the
// machine and the user's settings of the go command do not.
package crosscompile

import (
	"bytes"
	"context"
	"debug/buildinfo"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/gopherlocks/gopherlocks/images"
)

// interruptGrace is how long the go command may take to clean up.
const interruptGrace = 5 * time.Second

// Build compiles static programs for Linux. commands are import paths of packages
// main in folder's module; the result has the programs by the last element of the
// path. progress is called after each compiled package with their number so far.
func Build(ctx context.Context, folder, architecture string, progress func(packages int), commands ...string) (map[string]images.Program, error) {
	out, err := os.MkdirTemp("", "gopherlocks-images-")
	if err != nil {
		return nil, fmt.Errorf("make a folder for the programs: %w", err)
	}
	defer os.RemoveAll(out)
	cmd := exec.CommandContext(ctx, "go", slices.Concat(arguments(out), commands)...)
	cmd.Dir = folder
	cmd.Env = append(os.Environ(), environment(architecture)...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGINT) }
	cmd.WaitDelay = interruptGrace
	said := &output{progress: progress}
	cmd.Stdout, cmd.Stderr = said, said
	if err = cmd.Run(); err != nil {
		return nil, fmt.Errorf("compile for linux/%s: %w\n%s", architecture, err, strings.TrimSpace(said.text.String()))
	}
	programs := map[string]images.Program{}
	for _, command := range commands {
		name := path.Base(command)
		if programs[name], err = Read(filepath.Join(out, name)); err != nil {
			return nil, fmt.Errorf("program %s for linux/%s: %w", name, architecture, err)
		}
	}
	return programs, nil
}

// output takes what the go command says: a line for each package, and errors.
type output struct {
	rest     []byte
	packages int
	progress func(packages int)
	text     strings.Builder // All but the packages.
}

var packageLine = regexp.MustCompile(`^[^\s:]+$`)

func (o *output) Write(data []byte) (int, error) {
	o.rest = append(o.rest, data...)
	for {
		line, rest, found := bytes.Cut(o.rest, []byte("\n"))
		if !found {
			return len(data), nil
		}
		o.rest = rest
		if packageLine.Match(line) {
			o.packages++
			o.progress(o.packages)
		} else {
			o.text.Write(append(line, '\n'))
		}
	}
}

// Read reads a program that was compiled before.
func Read(file string) (images.Program, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return images.Program{}, err
	}
	info, err := buildinfo.Read(bytes.NewReader(content))
	if err != nil {
		return images.Program{}, err
	}
	return images.Program{Content: content, Info: info}, checkSettings(info.Settings)
}

// arguments are the same as in all compilation of the project, except for the
// linker's. So packages that were compiled before are used here too (see
// standalone/toolchain).
func arguments(out string) []string {
	return []string{
		"build", "-v", "-trimpath", "-buildvcs=false",
		"-ldflags=-s -w",
		"-o", out + string(filepath.Separator),
	}
}

// environment sets all variables that change the programs, so that the user's
// environment and `go env -w` do not count. An empty variable does not hide one of
// `go env -w`: see checkSettings.
func environment(architecture string) []string {
	return []string{
		"GOOS=linux", "GOARCH=" + architecture, "CGO_ENABLED=0", "GOWORK=off", "GOFLAGS=-trimpath",
		// Go's defaults, for the oldest processors.
		"GOAMD64=v1", "GOARM64=v8.0",
		"GOEXPERIMENT=", "GOFIPS140=off",
	}
}

// expected are the settings that a program may have, each with its only value or
// with none if several are right.
var expected = map[string]string{
	"-buildmode": "exe", "-compiler": "gc", "-trimpath": "true", "CGO_ENABLED": "0", "GOOS": "linux", "GOARCH": "",
	"GOAMD64": "v1", "GOARM64": "v8.0", "DefaultGODEBUG": "",
}

// checkSettings finds settings that have changed the program in spite of
// environment.
func checkSettings(settings []debug.BuildSetting) error {
	for _, s := range settings {
		want, known := expected[s.Key]
		if !known || want != "" && s.Value != want {
			return fmt.Errorf("it was built with %s=%s and would differ from what others build; find where that is set (go env -changed) and unset it", s.Key, s.Value)
		}
	}
	return nil
}
