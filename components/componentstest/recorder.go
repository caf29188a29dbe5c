// Package componentstest stands for Pulumi's engine in tests of programs that declare
// components: it makes every resource at once, and remembers what was asked for.
package componentstest

import (
	"strings"
	"sync"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/protobuf/types/known/emptypb"
)

// ClusterChoice is the type of the resource that chooses a stack's cluster.
const ClusterChoice = "gopherlocks:index:ClusterChoice"

// Recorder is an engine that makes every resource at once, as it was asked for.
type Recorder struct {
	mu    sync.Mutex
	Asked map[string]Registration // by type and name
	// Outputs are what the provider of a resource adds to its inputs, by type.
	Outputs map[string]resource.PropertyMap
}

// Registration is what a program has said of one resource.
type Registration struct {
	Inputs map[string]any
	RPC    *pulumirpc.RegisterResourceRequest
}

// NewResource makes a resource.
func (r *Recorder) NewResource(args pulumi.MockResourceArgs) (string, resource.PropertyMap, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.Asked[args.TypeToken+" "+args.Name] = Registration{Inputs: args.Inputs.Mappable(), RPC: args.RegisterRPC}
	outputs := args.Inputs.Copy()
	if wish, ok := outputs["wish"]; ok && args.TypeToken == ClusterChoice {
		outputs["clusterProvider"] = wish // Outputs say what becomes of auto
		if _, wished := outputs["clusterName"]; !wished {
			outputs["clusterName"] = outputs["nameProposal"]
		}
	}
	for key, value := range r.Outputs[args.TypeToken] {
		outputs[key] = value
	}
	return args.Name + "-id", outputs, nil
}

// Call answers no function.
func (r *Recorder) Call(pulumi.MockCallArgs) (resource.PropertyMap, error) {
	return resource.PropertyMap{}, nil
}

// RegisterResourceOutputs takes what a component gives back.
func (r *Recorder) RegisterResourceOutputs() (*emptypb.Empty, error) { return &emptypb.Empty{}, nil }

// NewRecorder returns an engine that nothing was asked of yet.
func NewRecorder() *Recorder {
	return &Recorder{Asked: map[string]Registration{}, Outputs: map[string]resource.PropertyMap{}}
}

// Declare runs a program, which must succeed, and returns what it declared.
func Declare(t *testing.T, program pulumi.RunFunc) *Recorder {
	t.Helper()
	r := NewRecorder()
	if err := r.Run(program); err != nil {
		t.Fatal(err)
	}
	return r
}

// Run runs a program.
func (r *Recorder) Run(program pulumi.RunFunc) error {
	return pulumi.RunErr(program, pulumi.WithMocks("gopherlocks", "dev", r))
}

// Preview runs a program as a preview does.
func (r *Recorder) Preview(program pulumi.RunFunc) error {
	preview := func(info *pulumi.RunInfo) { info.DryRun = true }
	return pulumi.RunErr(program, pulumi.WithMocks("gopherlocks", "dev", r), preview)
}

// MustRefuse runs a program that must fail with all of the messages, before it
// declares anything.
func MustRefuse(t *testing.T, program pulumi.RunFunc, messages ...string) {
	t.Helper()
	r := NewRecorder()
	err := r.Run(program)
	if err == nil {
		t.Fatal("accepted")
	}
	for _, want := range messages {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q does not say %q", err, want)
		}
	}
	for key := range r.Asked {
		if !strings.HasPrefix(key, "pulumi:pulumi:Stack") {
			t.Errorf("%s was declared all the same", key)
		}
	}
}

// Get returns what was said of a resource, which must have been declared.
func (r *Recorder) Get(t *testing.T, token, name string) Registration {
	t.Helper()
	found, ok := r.Asked[token+" "+name]
	if !ok {
		t.Fatalf("no %s %s is declared, but %v", token, name, r.Keys())
	}
	return found
}

// Has tells whether a resource was declared.
func (r *Recorder) Has(token, name string) bool {
	_, ok := r.Asked[token+" "+name]
	return ok
}

// Keys are type and name of all that was declared.
func (r *Recorder) Keys() (keys []string) {
	for key := range r.Asked {
		keys = append(keys, key)
	}
	return keys
}

// At follows a path into the inputs: "metadata.name". It is nil where nothing
// is.
func (r Registration) At(path string) any {
	var value any = r.Inputs
	for key := range strings.SplitSeq(path, ".") {
		object, ok := value.(map[string]any)
		if !ok {
			return nil
		}
		value = object[key]
	}
	return value
}

// Want compares inputs with what they should be, by path.
func (r Registration) Want(t *testing.T, values map[string]any) {
	t.Helper()
	for path, want := range values {
		if got := r.At(path); got != want {
			t.Errorf("%s = %v, want %v", path, got, want)
		}
	}
}

// FormerNames are the names, and for each the parent, by which an older
// program may have declared the resource.
func (r Registration) FormerNames() (former []string) {
	for _, alias := range r.RPC.GetAliases() {
		spec := alias.GetSpec()
		name := spec.GetName()
		if parent := spec.GetParentUrn(); parent != "" {
			name += " of " + parent
		}
		former = append(former, name)
	}
	return former
}
