// Package policies runs the policy pack in the real Pulumi. Its program registers
// what each test asks for. No cluster is needed.
package policies

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/gopherlocks/gopherlocks/policies/pack"
	"github.com/gopherlocks/gopherlocks/tests/pulumicli"
)

// packName is the name under which the test's own executable is the policy pack.
// Under its own name it is the program.
const packName = "gopherlocks-policies"

func TestMain(m *testing.M) {
	switch {
	case strings.HasSuffix(os.Args[0], packName):
		if err := pack.Serve(context.Background(), os.Stdout, os.Args[1]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	case os.Getenv(pulumi.EnvMonitor) != "":
		pulumi.Run(program)
	default:
		os.Exit(m.Run())
	}
}

// project is a Pulumi project with one stack.
type project struct {
	pulumicli.Project
	// pack is the executable of the policy pack.
	pack string
	// salt is what Pulumi has made for the stack's secrets.
	salt string
}

func newProject(t *testing.T) *project {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &project{Project: *pulumicli.New(t, "policies")}
	if err = os.Mkdir(filepath.Join(p.Dir, "bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	p.pack = p.link(t, self, packName)
	p.Env = append(p.Env,
		"PULUMI_DEBUG_COMMANDS=true", // Offers --event-log.
		"PATH="+filepath.Dir(p.pack)+string(filepath.ListSeparator)+os.Getenv("PATH"))
	config, err := os.ReadFile(filepath.Join(p.Dir, "Pulumi.test.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	p.salt = strings.TrimSpace(strings.TrimPrefix(string(config), "encryptionsalt:"))
	return p
}

// link makes an executable findable by another name.
func (p *project) link(t *testing.T, executable, name string) string {
	t.Helper()
	path := filepath.Join(p.Dir, "bin", name)
	if err := os.Symlink(executable, path); err != nil {
		t.Fatal(err)
	}
	return path
}

func (p *project) write(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(p.Dir, name)
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// declare writes the configuration of the stack.
func (p *project) declare(t *testing.T, resources []declared, config map[string]string) {
	t.Helper()
	text, err := json.Marshal(resources)
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]string{"policies:resources": string(text), "policies:folder": filepath.Join(p.Dir, "rendered")}
	for key, value := range config {
		values[key] = value
	}
	file, err := json.Marshal(map[string]any{"config": values, "encryptionsalt": p.salt})
	if err != nil {
		t.Fatal(err)
	}
	p.write(t, "Pulumi.test.yaml", string(file))
}

// outcome is the result of a preview or an update.
type outcome struct {
	// findings are those of the policy pack, sorted, as
	// "LEVEL RULE RESOURCE: MESSAGE".
	findings []string
	err      error
	output   string
}

// run previews or updates the stack with the policy pack.
func (p *project) run(t *testing.T, args ...string) outcome {
	t.Helper()
	log := filepath.Join(t.TempDir(), "events.json")
	output, err := p.Run(t.Context(), append(args, "--event-log", log)...)
	return outcome{findings: readFindings(t, log), err: err, output: output}
}

// preview declares the resources and previews them with the policy pack.
func (p *project) preview(t *testing.T, resources []declared, args ...string) outcome {
	t.Helper()
	p.declare(t, resources, nil)
	return p.run(t, append([]string{"preview", "--policy-pack", p.pack}, args...)...)
}

func readFindings(t *testing.T, log string) []string {
	t.Helper()
	content, err := os.ReadFile(log)
	if err != nil {
		return nil // Refused before there were events.
	}
	var findings []string
	for line := range strings.Lines(string(content)) {
		var event apitype.EngineEvent
		if err := json.Unmarshal([]byte(line), &event); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if e := event.PolicyEvent; e != nil {
			_, message, _ := strings.Cut(strings.TrimSpace(e.Message), "\n") // After the description.
			findings = append(findings, fmt.Sprintf("%s %s %s: %s", e.EnforcementLevel, e.PolicyName, resource.URN(e.ResourceURN).Name(), message))
		}
	}
	slices.Sort(findings)
	return findings
}

func (o outcome) passes(t *testing.T) {
	t.Helper()
	if o.err != nil {
		t.Errorf("refused: %v\n%s", o.err, o.output)
	}
}

func (o outcome) fails(t *testing.T) {
	t.Helper()
	if o.err == nil {
		t.Errorf("not refused:\n%s", o.output)
	}
}

// expect compares the findings with what is wanted, in any order.
func (o outcome) expect(t *testing.T, want ...string) {
	t.Helper()
	slices.Sort(want)
	if diff := cmp.Diff(want, o.findings, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("findings (-want +got):\n%s\n%s", diff, o.output)
	}
}
