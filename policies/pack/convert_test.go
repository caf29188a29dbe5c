package pack

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/asset"

	"github.com/gopherlocks/gopherlocks/policies/rules"
)

func text(s string) resource.PropertyValue { return resource.NewProperty(s) }

// properties has a value of each type that Pulumi may send.
func properties(t *testing.T) resource.PropertyMap {
	t.Helper()
	file, err := asset.FromText("content")
	if err != nil {
		t.Fatal(err)
	}
	return resource.PropertyMap{
		"null": resource.NewNullProperty(), "bool": resource.NewProperty(true), "number": resource.NewProperty(3.0), "text": text("a"),
		"list":     resource.NewProperty([]resource.PropertyValue{text("a"), resource.MakeComputed(text(""))}),
		"computed": resource.MakeComputed(text("")),
		"secret":   resource.MakeSecret(resource.NewProperty(resource.PropertyMap{"size": resource.NewProperty(9.0)})),
		"output":   resource.NewProperty(resource.Output{Element: resource.NewProperty(4.0), Known: true, Secret: true}),
		"unknown":  resource.NewProperty(resource.Output{}),
		"asset":    resource.NewProperty(file),
		"resource": resource.MakeCustomResourceReference("urn:pulumi:a::b::c:d:E::f", "id", "1"),
	}
}

func TestPropertiesBecomePlain(t *testing.T) {
	want := map[string]any{
		"null": nil, "bool": true, "number": 3.0, "text": "a",
		"list": []any{"a", rules.Unknown{}}, "computed": rules.Unknown{},
		"secret": rules.Secret{Value: map[string]any{"size": 9.0}},
		"output": rules.Secret{Value: 4.0}, "unknown": rules.Unknown{},
		"asset": "asset", "resource": `resourceReference("urn:pulumi:a::b::c:d:E::f", "{id}", "1")`,
	}
	if diff := cmp.Diff(want, plainMap(properties(t))); diff != "" {
		t.Errorf("values (-want +got):\n%s", diff)
	}
}

// TestPropertiesSurviveTheWire: a corrected property goes back to Pulumi together
// with all others.
func TestPropertiesSurviveTheWire(t *testing.T) {
	encoded, err := encode(properties(t))
	if err != nil {
		t.Fatal(err)
	}
	decoded, err := decode(encoded)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(plainMap(properties(t)), plainMap(decoded)); diff != "" {
		t.Errorf("values (-before +after):\n%s", diff)
	}
}

func TestCorrectionsTouchNothingElse(t *testing.T) {
	before := properties(t)
	after := correct(before, rules.Correction{Path: []string{"secret", "size"}, Value: 4})
	after = correct(after, rules.Correction{Path: []string{"output"}, Value: 5})
	after = correct(after, rules.Correction{Path: []string{"spec", "size"}, Value: 6})

	want := plainMap(properties(t))
	if diff := cmp.Diff(want, plainMap(before)); diff != "" {
		t.Errorf("the original has changed (-want +got):\n%s", diff)
	}
	want["secret"] = rules.Secret{Value: map[string]any{"size": 4.0}}
	want["output"] = rules.Secret{Value: 5.0}
	want["spec"] = map[string]any{"size": 6.0}
	if diff := cmp.Diff(want, plainMap(after)); diff != "" {
		t.Errorf("values (-want +got):\n%s", diff)
	}
}
