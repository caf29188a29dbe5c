package langhost_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const pulumiProgram = `package main

import (
	"errors"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi/config"
)

func main() {
	pulumi.Run(func(ctx *pulumi.Context) error {
		if config.GetBool(ctx, "fail") {
			return errors.New("asked to fail")
		}
		ctx.Export("greeting", pulumi.String(config.Require(ctx, "greeting")))
		return nil
	})
}
`

// TestPulumiRunsAProgram lets the real command line run a program by this host: up,
// preview, a failure and destroy.
func TestPulumiRunsAProgram(t *testing.T) {
	if _, err := exec.LookPath("pulumi"); err != nil {
		t.Skip("no pulumi on PATH: run the tests by `make test`")
	}
	project, bin := t.TempDir(), t.TempDir()
	root := moduleRoot(t)

	build := exec.Command("go", "build", "-o", filepath.Join(bin, "pulumi-language-go"), "./standalone/langhost/cmd/pulumi-language-go")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the host: %v\n%s", err, out)
	}
	// With our go.mod under another name, the program uses the SDK that this
	// module has downloaded and compiled.
	gomod := regexp.MustCompile(`(?s)^module \S+|\ntool \(.*?\n\)|\ntool [^\n]+`).ReplaceAllString(readFile(t, filepath.Join(root, "go.mod")), "")
	for name, content := range map[string]string{
		"go.mod":      "module program\n" + gomod,
		"go.sum":      readFile(t, filepath.Join(root, "go.sum")),
		"main.go":     pulumiProgram,
		"Pulumi.yaml": "name: langhost-test\nruntime: {name: go, options: {buildTarget: out/program}}\n",
	} {
		if err := os.WriteFile(filepath.Join(project, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}

	pulumi := func(args ...string) (string, error) {
		cmd := exec.Command("pulumi", append(args, "--non-interactive", "--color=never")...)
		cmd.Dir = project
		cmd.Env = append(os.Environ(),
			"PATH="+bin+string(filepath.ListSeparator)+os.Getenv("PATH"),
			"PULUMI_HOME="+t.TempDir(), "PULUMI_BACKEND_URL=file://"+project, "PULUMI_STACK=test",
			"PULUMI_CONFIG_PASSPHRASE=", "PULUMI_SKIP_UPDATE_CHECK=true")
		var stdout, stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		err := cmd.Run()
		t.Logf("pulumi %s: %v\n%s%s", strings.Join(args, " "), err, &stdout, &stderr)
		return stdout.String(), err
	}
	for _, args := range [][]string{
		{"stack", "init", "test"},
		{"config", "set", "greeting", "hello"},
		{"up", "--yes", "--skip-preview"},
		{"preview", "--expect-no-changes"},
	} {
		if _, err := pulumi(args...); err != nil {
			t.Fatal(err)
		}
	}
	out, err := pulumi("stack", "output", "--json")
	var outputs struct{ Greeting string }
	if err != nil || json.Unmarshal([]byte(out), &outputs) != nil || outputs.Greeting != "hello" {
		t.Errorf("outputs %s (%v), want the greeting of the configuration", out, err)
	}

	if _, err = pulumi("config", "set", "fail", "true"); err != nil {
		t.Fatal(err)
	}
	out, err = pulumi("preview")
	if count := strings.Count(out, "asked to fail"); err == nil || count != 1 {
		t.Errorf("a program that fails: error %v, its message printed %d times; want it once", err, count)
	}
	if _, err := pulumi("destroy", "--yes", "--skip-preview"); err != nil {
		t.Error(err)
	}
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// moduleRoot is the folder of the go.mod that this test belongs to.
func moduleRoot(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}
