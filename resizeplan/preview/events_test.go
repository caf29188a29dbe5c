package preview

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"

	"github.com/gopherlocks/gopherlocks/resizeplan"
)

// recorded returns the events of testdata/NAME.jsonl. pulumi 3.256 sent them for
// the stack "dev" on an embedded cluster. Resources that no test here looks at are
// left out.
func recorded(t *testing.T, name string) []apitype.EngineEvent {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name+".jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	var events []apitype.EngineEvent
	lines := bufio.NewScanner(bytes.NewReader(data))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e apitype.EngineEvent
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			t.Fatal(err)
		}
		events = append(events, e)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return events
}

// sizes are those before, after, and in the API server's answer; 0 for none.
func sizes(d resizeplan.Declared) [3]float64 {
	var found [3]float64
	for i, object := range []map[string]any{d.Before, d.After, d.Result} {
		spec, _ := object["spec"].(map[string]any)
		found[i], _ = spec["size"].(float64)
	}
	return found
}

func TestDecodeRecordedPreviews(t *testing.T) {
	tests := []struct {
		name      string
		operation resizeplan.Operation
		sizes     [3]float64
		changed   []string
		hpa       resizeplan.Operation // empty for none
		others    int
	}{
		{"same", resizeplan.Same, [3]float64{2, 2, 0}, nil, resizeplan.Same, 0},
		{"grow", resizeplan.Update, [3]float64{2, 3, 3}, []string{"spec.size"}, "", 0},
		{"drift-shrink", resizeplan.Update, [3]float64{2, 3, 3}, []string{"spec.size"}, "", 0},
		{"restart", resizeplan.Update, [3]float64{2, 2, 2}, []string{"spec.maxSize"}, "", 0},
		{"autoscale-off", resizeplan.Update, [3]float64{2, 2, 2}, []string{`metadata.annotations["pulumi.com/patchForce"]`}, resizeplan.Delete, 0},
		// The live size 4 stays, since its field manager is not Pulumi.
		{"image", resizeplan.Update, [3]float64{2, 2, 4}, []string{`metadata.annotations["pulumi.com/patchForce"]`, "spec.containers[0].image"}, resizeplan.Create, 1},
		{"create", resizeplan.Create, [3]float64{0, 2, 0}, nil, resizeplan.Create, 22},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := decode("dev", recorded(t, tt.name))
			if len(p.MiniClusters) != 1 || p.Stack != "dev" || len(p.Refusals) > 0 {
				t.Fatalf("%+v", p)
			}
			d := p.MiniClusters[0]
			if d.Operation != tt.operation || sizes(d) != tt.sizes || d.Name != "flux-sample" || !slices.Equal(d.Changed, tt.changed) {
				t.Errorf("%s %s with sizes %v, changed %q; want %s with %v, %q", d.Operation, d.Name, sizes(d), d.Changed, tt.operation, tt.sizes, tt.changed)
			}
			var hpa resizeplan.Operation
			if len(p.Autoscalers) == 1 {
				hpa = p.Autoscalers[0].Operation
			}
			if hpa != tt.hpa || p.OtherChanges != tt.others {
				t.Errorf("autoscaler: %q, want %q; %d other changes, want %d", hpa, tt.hpa, p.OtherChanges, tt.others)
			}
			if isNew := tt.name == "create"; d.NewCluster != isNew || (d.Namespace == "") != isNew {
				t.Errorf("new cluster: %t, namespace %q", d.NewCluster, d.Namespace)
			}
		})
	}
}

func TestDecodeRenamedMiniCluster(t *testing.T) {
	p := decode("dev", recorded(t, "rename"))
	got := map[string]resizeplan.Operation{}
	for _, d := range p.MiniClusters {
		got[d.Key().String()] = d.Operation
	}
	if len(got) != 2 || got["flux-operator/other"] != resizeplan.Create || got["flux-operator/flux-sample"] != resizeplan.Delete {
		t.Errorf("%v", got)
	}
}

func TestRefusalsAreWhatMattersOfTheMessage(t *testing.T) {
	const urn = "urn:pulumi:dev::gopherlocks::gopherlocks:components:MiniCluster$kubernetes:flux-framework.org/v1alpha2:MiniCluster::flux-sample"
	tests := []struct {
		name string
		want resizeplan.Finding
	}{
		{"crd-refused", resizeplan.NewFinding(urn, "API server", "spec.maxSize: maxSize 3 must be at least the live size 4")},
		{"program-refused", resizeplan.NewFinding("", "program",
			"configuration of stack dev is not valid, so nothing was changed:\ngopherlocks:size: size 9 must be at most maxSize 4")},
	}
	for _, tt := range tests {
		if got := decode("dev", recorded(t, tt.name)).Refusals; len(got) != 1 || got[0] != tt.want {
			t.Errorf("%s: %+v, want %+v", tt.name, got, tt.want)
		}
	}
}

// TestProgramsThatWereStoppedRefuseNothing: Pulumi stops a program after another
// error. The program's own errors are told also then.
func TestProgramsThatWereStoppedRefuseNothing(t *testing.T) {
	const stopped = "waiting for RPCs: rpc error: code = Unavailable desc = resource monitor shut down while waiting on step's done channel"
	if got, is := refusal(apitype.DiagnosticEvent{Message: "an unhandled error occurred: program failed: \n" + stopped}); is {
		t.Errorf("it refuses: %+v", got)
	}
	both := "an unhandled error occurred: program failed: 2 errors occurred:\n\t* " + stopped + "\n\t* size 9 must be at most maxSize 4"
	if got, is := refusal(apitype.DiagnosticEvent{Message: both}); !is || !strings.Contains(got.Message, "size 9") {
		t.Errorf("its own error is not told: %+v", got)
	}
}

// TestRefusalsOfRulesHaveNoValue: some versions of Kubernetes write one, others do
// not.
func TestRefusalsOfRulesHaveNoValue(t *testing.T) {
	for message, want := range map[string]string{
		`spec.size: Invalid value: "object": size 9 must be at most maxSize 4`:              "spec.size: size 9 must be at most maxSize 4",
		`spec.size: Invalid value: size 9 must be at most maxSize 4`:                        "spec.size: size 9 must be at most maxSize 4",
		`spec.containers: Invalid value: 0 of 2 containers have runFlux: exactly one must`:  "spec.containers: 0 of 2 containers have runFlux: exactly one must",
		`spec.tasks: Invalid value: 0: spec.tasks in body should be greater than or equal`:  "spec.tasks: Invalid value: 0: spec.tasks in body should be greater than or equal",
		`spec.containers[0].name: Invalid value: "A": spec.containers[0].name should match`: `spec.containers[0].name: Invalid value: "A": spec.containers[0].name should match`,
	} {
		got, _ := refusal(apitype.DiagnosticEvent{Message: `MiniCluster.flux-framework.org "a" is invalid: ` + message})
		if got != resizeplan.NewFinding("", "API server", want) {
			t.Errorf("%+v, want %q", got, want)
		}
	}
}

func TestPoliciesRefuseOrWarn(t *testing.T) {
	p := decode("dev", []apitype.EngineEvent{
		{PolicyEvent: &apitype.PolicyEvent{ResourceURN: "urn", PolicyName: "size", EnforcementLevel: "mandatory", Message: "<{%fg 1%}>too large<{%reset%}>\n"}},
		{PolicyEvent: &apitype.PolicyEvent{PolicyName: "tag", EnforcementLevel: "advisory", Message: "latest"}},
	})
	if len(p.Refusals) != 1 || p.Refusals[0] != resizeplan.NewFinding("urn", "policy size", "too large") {
		t.Errorf("refusals %+v", p.Refusals)
	}
	if len(p.Warnings) != 1 || p.Warnings[0] != resizeplan.NewFinding("", "policy tag", "latest") {
		t.Errorf("warnings %+v", p.Warnings)
	}
}

// stepOf is an event about a MiniCluster with one more property of its spec.
func stepOf(op apitype.OpType, value any) apitype.EngineEvent {
	state := &apitype.StepEventStateMetadata{Inputs: map[string]any{
		"metadata": map[string]any{"name": "sample", "namespace": "ns"},
		"spec":     map[string]any{"value": value},
	}}
	return apitype.EngineEvent{ResourcePreEvent: &apitype.ResourcePreEvent{Metadata: apitype.StepEventMetadata{
		Op: op, URN: "urn", Type: "kubernetes:flux-framework.org/v1alpha1:MiniCluster", New: state,
	}}}
}

func TestSecretsAndUnknownValuesAreMarked(t *testing.T) {
	tests := []struct{ value, want any }{
		{"04da6b54-80e4-46f7-96ec-b56ff0331ba9", resizeplan.NotKnown{}},
		{map[string]any{"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "ciphertext": "[secret]"}, resizeplan.Secret{}},
		{"plain", "plain"},
	}
	for _, tt := range tests {
		p := decode("dev", []apitype.EngineEvent{stepOf(apitype.OpUpdate, []any{tt.value})})
		spec := p.MiniClusters[0].After["spec"].(map[string]any)
		if got := spec["value"].([]any)[0]; got != tt.want {
			t.Errorf("%v is %#v, want %#v", tt.value, got, tt.want)
		}
	}
}

func TestComponentTellsWhatItsMiniClusterDoesNot(t *testing.T) {
	const urn = "urn:component"
	component := apitype.EngineEvent{ResourcePreEvent: &apitype.ResourcePreEvent{Metadata: apitype.StepEventMetadata{
		Op: apitype.OpCreate, URN: urn, Type: "gopherlocks:components:MiniCluster",
		New: &apitype.StepEventStateMetadata{Inputs: map[string]any{"namespace": "made-by-the-update"}},
	}}}
	object := stepOf(apitype.OpCreate, 1)
	state := object.ResourcePreEvent.Metadata.New
	state.Parent = urn
	state.Inputs["metadata"].(map[string]any)["namespace"] = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
	d := decode("dev", []apitype.EngineEvent{component, object}).MiniClusters[0]
	if d.Namespace != "made-by-the-update" || d.Component != urn {
		t.Errorf("namespace %q, component %q", d.Namespace, d.Component)
	}
}

func TestNoticesOfTheProgramAreKept(t *testing.T) {
	p := decode("dev", []apitype.EngineEvent{
		{DiagnosticEvent: &apitype.DiagnosticEvent{Severity: "info", URN: "urn", Message: "size 4 in the cluster\n"}},
		{DiagnosticEvent: &apitype.DiagnosticEvent{Severity: "info", URN: "urn", Message: "waiting", Ephemeral: true}},
		{DiagnosticEvent: &apitype.DiagnosticEvent{Severity: "warning", Message: "using pulumi-resource-gopherlocks from $PATH at /bin\n"}},
	})
	if len(p.Notices) != 1 || p.Notices[0] != resizeplan.NewFinding("urn", "program", "size 4 in the cluster") || len(p.Refusals)+len(p.Warnings) > 0 {
		t.Errorf("%+v", p)
	}
}

func TestRefreshesAndReadsAreNoOperations(t *testing.T) {
	p := decode("dev", []apitype.EngineEvent{
		stepOf(apitype.OpRefresh, 1), stepOf(apitype.OpSame, 1), stepOf(apitype.OpRead, 1),
	})
	if len(p.MiniClusters) != 1 || p.MiniClusters[0].Operation != resizeplan.Same {
		t.Errorf("%+v", p.MiniClusters)
	}
}

// TestWarningsAreTold: in one, the program explains why a MiniCluster with an
// autoscaler does not have the declared size.
func TestWarningsAreTold(t *testing.T) {
	say := func(urn, message string) apitype.EngineEvent {
		return apitype.EngineEvent{DiagnosticEvent: &apitype.DiagnosticEvent{URN: urn, Severity: "warning", Message: message}}
	}
	const stack, cluster = "urn:pulumi:dev::p::pulumi:pulumi:Stack::p-dev", "urn:pulumi:dev::p::gopherlocks:index:EmbeddedCluster::cluster"
	p := decode("dev", []apitype.EngineEvent{
		say(stack, "<{%fg 3%}>size 4 is only the size to begin with<{%reset%}>\n"), say("", "and this"), say(cluster, "the node does not run"),
	})
	want := []resizeplan.Finding{
		resizeplan.NewFinding(stack, "program", "size 4 is only the size to begin with"), resizeplan.NewFinding("", "program", "and this"),
		resizeplan.NewFinding(cluster, "preview", "the node does not run"),
	}
	if !slices.Equal(p.Warnings, want) || len(p.Refusals) > 0 {
		t.Errorf("warnings %+v, refusals %+v", p.Warnings, p.Refusals)
	}
}
