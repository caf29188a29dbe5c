package langhost

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/protobuf/types/known/structpb"
)

// writeProgram makes a Go module with the given main.go and returns its folder.
// It imports the standard library only, so that it compiles in a moment.
func writeProgram(t *testing.T, main string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string]string{"go.mod": "module program\n\ngo 1.26\n", "main.go": main} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// requestFor is what the engine sends for a program in dir.
func requestFor(t *testing.T, dir string, options map[string]any) *pulumirpc.RunRequest {
	t.Helper()
	encoded, err := structpb.NewStruct(options)
	if err != nil {
		t.Fatal(err)
	}
	return &pulumirpc.RunRequest{
		Project: "p", Stack: "s", Organization: "o", Pwd: dir, DryRun: true, Parallel: 7,
		MonitorAddress:   "127.0.0.1:1",
		Config:           map[string]string{"p:k": `a "quoted" value`},
		ConfigSecretKeys: []string{"p:secret"},
		Info:             &pulumirpc.ProgramInfo{RootDirectory: dir, ProgramDirectory: dir, EntryPoint: ".", Options: encoded},
	}
}

func TestExitCodeDecidesWhatTheEngineIsTold(t *testing.T) {
	for code, want := range map[int]struct {
		bail bool
		text string
	}{
		0:  {false, ""},
		32: {true, ""}, // The SDK has logged the error already.
		3:  {false, "exit status 3"},
	} {
		dir := writeProgram(t, fmt.Sprintf("package main\n\nimport \"os\"\n\nfunc main() { os.Exit(%d) }\n", code))
		response, err := New(t.Context(), "127.0.0.1:2").Run(t.Context(), requestFor(t, dir, nil))
		if err != nil {
			t.Fatal(err)
		}
		if response.GetBail() != want.bail || !strings.Contains(response.GetError(), want.text) || (want.text == "") != (response.GetError() == "") {
			t.Errorf("exit code %d: bail=%v, error %q; want bail=%v, error with %q", code, response.GetBail(), response.GetError(), want.bail, want.text)
		}
	}
}

func TestProgramThatDoesNotCompileIsAnError(t *testing.T) {
	dir := writeProgram(t, "package main\n\nfunc main() { undefined() }\n")
	response, err := New(t.Context(), "127.0.0.1:2").Run(t.Context(), requestFor(t, dir, nil))
	if err != nil {
		t.Fatal(err)
	}
	if response.GetBail() || !strings.Contains(response.GetError(), "compile the program in "+dir) {
		t.Errorf("got bail=%v, error %q", response.GetBail(), response.GetError())
	}
}

// environmentProgram writes down the variables that Pulumi's SDK reads.
const environmentProgram = `package main

import (
	"os"
	"strings"
)

func main() {
	var lines []string
	for _, v := range os.Environ() {
		if strings.HasPrefix(v, "PULUMI_") {
			lines = append(lines, v)
		}
	}
	if err := os.WriteFile("environment", []byte(strings.Join(lines, "\n")), 0o644); err != nil {
		panic(err)
	}
}
`

func TestProgramGetsTheStackAndBuildTargetIsKept(t *testing.T) {
	dir := writeProgram(t, environmentProgram)
	// A stack in the shell's environment must not hide the one that is updated.
	t.Setenv("PULUMI_STACK", "another")
	response, err := New(t.Context(), "127.0.0.1:2").Run(t.Context(), requestFor(t, dir, map[string]any{"buildTarget": "out/program"}))
	if err != nil || response.GetError() != "" {
		t.Fatal(err, response.GetError())
	}
	content, err := os.ReadFile(filepath.Join(dir, "environment"))
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Split(string(content), "\n")
	for _, want := range []string{
		"PULUMI_PROJECT=p", "PULUMI_STACK=s", "PULUMI_ORGANIZATION=o", "PULUMI_DRY_RUN=true", "PULUMI_PARALLEL=7",
		"PULUMI_MONITOR=127.0.0.1:1", "PULUMI_ENGINE=127.0.0.1:2", "PULUMI_ROOT_DIRECTORY=" + dir,
		`PULUMI_CONFIG={"p:k":"a \"quoted\" value"}`, `PULUMI_CONFIG_SECRET_KEYS=["p:secret"]`,
	} {
		if !slices.Contains(got, want) {
			t.Errorf("the program has no %s", want)
		}
	}
	if slices.Contains(got, "PULUMI_STACK=another") {
		t.Error("the shell's PULUMI_STACK reaches the program")
	}
	if _, err := os.Stat(filepath.Join(dir, "out/program")); err != nil {
		t.Errorf("buildTarget: %v", err)
	}
}

func TestBinaryIsRunAsItIs(t *testing.T) {
	dir := t.TempDir()
	script := "#!/bin/sh\necho ran > \"$PWD/ran\"\n"
	if err := os.WriteFile(filepath.Join(dir, "ready"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	host := New(t.Context(), "127.0.0.1:2")
	response, err := host.Run(t.Context(), requestFor(t, dir, map[string]any{"binary": "ready"}))
	if err != nil || response.GetError() != "" {
		t.Fatal(err, response.GetError())
	}
	if _, err = os.Stat(filepath.Join(dir, "ran")); err != nil {
		t.Error(err)
	}
	response, err = host.Run(t.Context(), requestFor(t, dir, map[string]any{"binary": "missing"}))
	if err != nil || !strings.Contains(response.GetError(), "runtime option binary") {
		t.Errorf("a missing binary: error %q (%v)", response.GetError(), err)
	}
}

func TestCancelStopsTheProgram(t *testing.T) {
	dir := t.TempDir()
	script := "#!/bin/sh\necho started > started.tmp && mv started.tmp started\nexec sleep 600\n"
	if err := os.WriteFile(filepath.Join(dir, "ready"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	host := New(t.Context(), "127.0.0.1:2")
	ended := make(chan *pulumirpc.RunResponse, 1)
	go func() {
		response, err := host.Run(context.Background(), requestFor(t, dir, map[string]any{"binary": "ready"}))
		if err != nil {
			t.Error(err)
		}
		ended <- response
	}()
	awaitFile(t, filepath.Join(dir, "started"))
	if _, err := host.Cancel(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	select {
	case response := <-ended:
		if !strings.Contains(response.GetError(), "was stopped") {
			t.Errorf("error %q, want that the program was stopped", response.GetError())
		}
	case <-time.After(2 * stopGrace):
		t.Fatal("the program still runs")
	}
}

func awaitFile(t *testing.T, path string) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for {
		_, err := os.Stat(path)
		if err == nil {
			return
		}
		if !errors.Is(err, os.ErrNotExist) || time.Now().After(deadline) {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Millisecond)
	}
}
