package crds

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
)

// TestEveryFieldIsDocumented: "kubectl explain minicluster.spec --recursive" is
// the reference of the API, so that each field needs a text, and the text each
// default.
func TestEveryFieldIsDocumented(t *testing.T) {
	root := definition(t).Spec.Versions[0].Schema.OpenAPIV3Schema
	fields := 0
	for _, name := range []string{"spec", "status"} {
		property := root.Properties[name]
		walk(name, &property, func(path string, schema *apiextensionsv1.JSONSchemaProps) {
			fields++
			for _, fault := range documentationFaults(schema) {
				t.Errorf("%s: %s", path, fault)
			}
		})
	}
	if fields < 150 {
		t.Errorf("walked over %d fields only", fields)
	}
}

func TestDocumentationFaultsAreFound(t *testing.T) {
	standard := &apiextensionsv1.JSON{Raw: json.RawMessage("7")}
	tests := map[string]struct {
		schema apiextensionsv1.JSONSchemaProps
		want   string
	}{
		"no text":             {apiextensionsv1.JSONSchemaProps{}, "has no description"},
		"a short text":        {apiextensionsv1.JSONSchemaProps{Description: "Size is the size."}, `its description "Size is the size." is too short to help`},
		"a default unsaid":    {apiextensionsv1.JSONSchemaProps{Description: "Size is the wished number of ranks.", Default: standard}, `its description does not say "Default: 7"`},
		"a default said":      {apiextensionsv1.JSONSchemaProps{Description: "Size is the wished number of ranks.\nDefault: 7.", Default: standard}, ""},
		"another is said":     {apiextensionsv1.JSONSchemaProps{Description: "Size is the wished number of ranks. Default: 71.", Default: standard}, `its description does not say "Default: 7"`},
		"a text that will do": {apiextensionsv1.JSONSchemaProps{Description: "Size is the wished number of ranks."}, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := strings.Join(documentationFaults(&tt.schema), "; "); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// documentationFaults are what a reader of "kubectl explain" would miss.
func documentationFaults(schema *apiextensionsv1.JSONSchemaProps) []string {
	const shortest = 20
	text := strings.Join(strings.Fields(schema.Description), " ")
	switch {
	case text == "":
		return []string{"has no description"}
	case len(text) < shortest:
		return []string{fmt.Sprintf("its description %q is too short to help", text)}
	}
	if schema.Default != nil {
		want := "Default: " + strings.Trim(string(schema.Default.Raw), `"`)
		if !strings.Contains(text+" ", want+". ") {
			return []string{fmt.Sprintf("its description does not say %q", want)}
		}
	}
	return nil
}

// walk visits the schema and all fields below it. Items of lists and values of
// maps have no name of their own in "kubectl explain": only their fields count.
func walk(path string, schema *apiextensionsv1.JSONSchemaProps, visit func(string, *apiextensionsv1.JSONSchemaProps)) {
	visit(path, schema)
	fieldsOf := schema
	for ok := true; ok; {
		switch {
		case fieldsOf.Items != nil:
			fieldsOf, path = fieldsOf.Items.Schema, path+"[]"
		case fieldsOf.AdditionalProperties != nil:
			fieldsOf, path = fieldsOf.AdditionalProperties.Schema, path+".*"
		default:
			ok = false
		}
	}
	for _, name := range slices.Sorted(maps.Keys(fieldsOf.Properties)) {
		property := fieldsOf.Properties[name]
		walk(path+"."+name, &property, visit)
	}
}
