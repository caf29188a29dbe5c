package crds

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/validation"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"sigs.k8s.io/yaml"

	"github.com/gopherlocks/gopherlocks/operator/bounds"
)

// TestCELAgreesWithTheBoundsRule holds the two forms of the rule together: for
// every combination of small numbers, and for numbers around the limits, the API
// server's own validator says word for word what package bounds says.
func TestCELAgreesWithTheBoundsRule(t *testing.T) {
	validate := validator(t)
	cases := 0
	check := func(s bounds.Sizes, zeroIsWritten bool) {
		cases++
		var want []string
		for _, v := range bounds.Check(s) {
			want = append(want, v.Message)
		}
		got := validate(object(s, zeroIsWritten), nil)
		slices.Sort(want)
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Fatalf("%+v: CEL says %q, bounds.Check says %q", s, got, want)
		}
	}

	for size := -1; size <= 5; size++ {
		for minSize := -1; minSize <= 5; minSize++ {
			for maxSize := -1; maxSize <= 5; maxSize++ {
				for maximumSize := 0; maximumSize <= 5; maximumSize++ {
					check(bounds.Sizes{Size: size, MinSize: minSize, MaxSize: maxSize, MaximumSize: maximumSize}, maximumSize%2 == 0)
				}
			}
		}
	}
	random := rand.New(rand.NewPCG(1, 2)) // the same cases every time
	number := func() int {
		near := []int{0, 1, 100, bounds.Limit, 1<<31 - 1}
		return near[random.IntN(len(near))] - random.IntN(3) + 1 - random.IntN(2)
	}
	for range 3000 {
		check(bounds.Sizes{Size: number(), MinSize: number(), MaxSize: number(), MaximumSize: max(number(), 0)}, random.IntN(2) == 0)
	}
	t.Logf("%d cases agree", cases)
}

// TestDefinitionIsValid runs the checks of the API server that it is created in,
// among them the limit on what the rules may cost.
func TestDefinitionIsValid(t *testing.T) {
	crd := definition(t)
	apiextensionsv1.SetDefaults_CustomResourceDefinition(crd)
	apiextensionsv1.SetDefaults_CustomResourceDefinitionSpec(&crd.Spec)
	var internal apiextensions.CustomResourceDefinition
	err := apiextensionsv1.Convert_v1_CustomResourceDefinition_To_apiextensions_CustomResourceDefinition(crd, &internal, nil)
	if err != nil {
		t.Fatalf("convert the definition: %v", err)
	}
	internal.Status.StoredVersions = []string{crd.Spec.Versions[0].Name}
	for _, e := range validation.ValidateCustomResourceDefinition(context.Background(), &internal) {
		t.Error(e)
	}
}

// TestStatusCanBeWrittenBesideAnOldViolation: a size that got past an older rule
// must not keep the operator from saying so in the status.
func TestStatusCanBeWrittenBesideAnOldViolation(t *testing.T) {
	validate := validator(t)
	broken := bounds.Sizes{Size: 9, MinSize: 1, MaximumSize: 4}
	if got := validate(object(broken, false), object(broken, false)); len(got) > 0 {
		t.Errorf("a write that leaves size and maximum alone is refused: %q", got)
	}
	worse := broken
	worse.Size = 10
	if got := validate(object(worse, false), object(broken, false)); len(got) != 1 {
		t.Errorf("a write that changes the size: got %q, want one violation", got)
	}
	better := broken
	better.Size = 4
	if got := validate(object(better, false), object(broken, false)); len(got) > 0 {
		t.Errorf("a write that mends the size is refused: %q", got)
	}
	// The operator remembers a size at creation that has grown meanwhile: it must
	// look again.
	unseen := bounds.Sizes{Size: 9, MinSize: 1}
	if got := validate(object(broken, false), object(unseen, false)); len(got) != 1 {
		t.Errorf("a first maximum below the size: got %q, want one violation", got)
	}
}

// TestNameMustFitIntoHostNames: a rank's host name has at most 63 characters.
func TestNameMustFitIntoHostNames(t *testing.T) {
	validate := validator(t)
	tests := map[string]bool{
		"flux-sample": true, "a": true, "a1": true,
		"1a": false, "a-": false, "a.b": false,
		"a23456789012345678901234567890123456789012345678901234567":  true,
		"a234567890123456789012345678901234567890123456789012345678": false,
	}
	for name, valid := range tests {
		o := object(bounds.Sizes{Size: 1, MinSize: 1}, false)
		o["metadata"] = map[string]any{"name": name}
		if got := validate(o, nil); (len(got) == 0) != valid {
			t.Errorf("name %q: got %q, want valid = %v", name, got, valid)
		}
	}
}

func definition(t *testing.T) *apiextensionsv1.CustomResourceDefinition {
	t.Helper()
	var crd apiextensionsv1.CustomResourceDefinition
	if err := yaml.UnmarshalStrict(MiniCluster, &crd); err != nil {
		t.Fatalf("decode the CustomResourceDefinition: %v", err)
	}
	return &crd
}

// validator returns the API server's validator of the CEL rules; it returns the
// messages of those that fail.
func validator(t *testing.T) func(object, old map[string]any) []string {
	t.Helper()
	crd := definition(t)
	var internal apiextensions.JSONSchemaProps
	err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(
		crd.Spec.Versions[0].Schema.OpenAPIV3Schema, &internal, nil)
	if err != nil {
		t.Fatalf("convert the schema: %v", err)
	}
	structural, err := schema.NewStructural(&internal)
	if err != nil {
		t.Fatalf("make the schema structural: %v", err)
	}
	v := cel.NewValidator(structural, true, celconfig.PerCallLimit)
	return func(object, old map[string]any) []string {
		var oldObject any
		if old != nil {
			oldObject = old
		}
		errs, _ := v.Validate(context.Background(), nil, structural, object, oldObject, celconfig.RuntimeCELCostBudget)
		var messages []string
		for _, e := range errs {
			messages = append(messages, e.Detail)
		}
		return messages
	}
}

// object is a MiniCluster as the API server sees it, with its defaults set.
func object(s bounds.Sizes, zeroIsWritten bool) map[string]any {
	spec := map[string]any{
		"size":       int64(s.Size),
		"minSize":    int64(s.MinSize),
		"containers": []any{map[string]any{"image": "example.org/image"}},
	}
	if s.MaxSize != 0 || zeroIsWritten {
		spec["maxSize"] = int64(s.MaxSize)
	}
	o := map[string]any{
		"apiVersion": "flux-framework.org/v1alpha2",
		"kind":       "MiniCluster",
		"metadata":   map[string]any{"name": fmt.Sprintf("sample%d", len(spec))},
		"spec":       spec,
	}
	status := map[string]any{}
	if s.MaximumSize != 0 || zeroIsWritten {
		status["maximumSize"] = int64(s.MaximumSize)
	}
	if len(status) > 0 || zeroIsWritten {
		o["status"] = status
	}
	return o
}
