package components

import (
	"strings"
	"sync"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/protobuf/types/known/emptypb"
)

const clusterChoice = "gopherlocks:index:ClusterChoice"

// recorder is an engine that makes every resource at once, as it was asked for.
type recorder struct {
	mu    sync.Mutex
	asked map[string]registration // by type and name
	// outputs are what the provider of a resource adds to its inputs, by type.
	outputs map[string]resource.PropertyMap
}

// registration is what a program has said of one resource.
type registration struct {
	inputs map[string]any
	rpc    *pulumirpc.RegisterResourceRequest
}

func (r *recorder) NewResource(args pulumi.MockResourceArgs) (string, resource.PropertyMap, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked[args.TypeToken+" "+args.Name] = registration{inputs: args.Inputs.Mappable(), rpc: args.RegisterRPC}
	outputs := args.Inputs.Copy()
	if wish, ok := outputs["wish"]; ok && args.TypeToken == clusterChoice {
		outputs["clusterProvider"] = wish // r.outputs say what becomes of auto
		if _, wished := outputs["clusterName"]; !wished {
			outputs["clusterName"] = outputs["nameProposal"]
		}
	}
	for key, value := range r.outputs[args.TypeToken] {
		outputs[key] = value
	}
	return args.Name + "-id", outputs, nil
}

func (r *recorder) Call(pulumi.MockCallArgs) (resource.PropertyMap, error) {
	return resource.PropertyMap{}, nil
}

func (r *recorder) RegisterResourceOutputs() (*emptypb.Empty, error) { return &emptypb.Empty{}, nil }

func newRecorder() *recorder {
	return &recorder{asked: map[string]registration{}, outputs: map[string]resource.PropertyMap{}}
}

// declare runs a program, which must succeed, and returns what it declared.
func declare(t *testing.T, program pulumi.RunFunc) *recorder {
	t.Helper()
	r := newRecorder()
	if err := r.run(program); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *recorder) run(program pulumi.RunFunc) error {
	return pulumi.RunErr(program, pulumi.WithMocks("gopherlocks", "dev", r))
}

// mustRefuse runs a program that must fail with all of the messages, before it
// declares anything.
func mustRefuse(t *testing.T, program pulumi.RunFunc, messages ...string) {
	t.Helper()
	r := newRecorder()
	err := r.run(program)
	if err == nil {
		t.Fatal("accepted")
	}
	for _, want := range messages {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q does not say %q", err, want)
		}
	}
	for key := range r.asked {
		if !strings.HasPrefix(key, "pulumi:pulumi:Stack") {
			t.Errorf("%s was declared all the same", key)
		}
	}
}

// get returns what was said of a resource, which must have been declared.
func (r *recorder) get(t *testing.T, token, name string) registration {
	t.Helper()
	found, ok := r.asked[token+" "+name]
	if !ok {
		t.Fatalf("no %s %s is declared, but %v", token, name, r.keys())
	}
	return found
}

func (r *recorder) has(token, name string) bool {
	_, ok := r.asked[token+" "+name]
	return ok
}

func (r *recorder) keys() (keys []string) {
	for key := range r.asked {
		keys = append(keys, key)
	}
	return keys
}

// at follows a path into the inputs: "metadata.name". It is nil where nothing
// is.
func (r registration) at(path string) any {
	var value any = r.inputs
	for key := range strings.SplitSeq(path, ".") {
		object, ok := value.(map[string]any)
		if !ok {
			return nil
		}
		value = object[key]
	}
	return value
}

// want compares inputs with what they should be, by path.
func (r registration) want(t *testing.T, values map[string]any) {
	t.Helper()
	for path, want := range values {
		if got := r.at(path); got != want {
			t.Errorf("%s = %v, want %v", path, got, want)
		}
	}
}

// formerNames are the names, and for each the parent, by which an older
// program may have declared the resource.
func (r registration) formerNames() (former []string) {
	for _, alias := range r.rpc.GetAliases() {
		spec := alias.GetSpec()
		name := spec.GetName()
		if parent := spec.GetParentUrn(); parent != "" {
			name += " of " + parent
		}
		former = append(former, name)
	}
	return former
}
