package crds

import (
	"context"
	"slices"
	"testing"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/util/json"
	"k8s.io/apimachinery/pkg/util/validation/field"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"sigs.k8s.io/yaml"
)

// server does to a MiniCluster of one version what the API server does before it
// stores it, with the API server's own packages: strict decoding, defaults, and
// validation by schema and by rules.
type server struct {
	structural *schema.Structural
	schema     validation.SchemaValidator
	rules      *cel.Validator
}

func newServer(t *testing.T, version apiextensionsv1.CustomResourceDefinitionVersion) server {
	t.Helper()
	var internal apiextensions.JSONSchemaProps
	err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(
		version.Schema.OpenAPIV3Schema, &internal, nil)
	if err != nil {
		t.Fatalf("convert the schema: %v", err)
	}
	structural, err := schema.NewStructural(&internal)
	if err != nil {
		t.Fatalf("make the schema structural: %v", err)
	}
	bySchema, _, err := validation.NewSchemaValidator(&internal)
	if err != nil {
		t.Fatalf("make the validator of the schema: %v", err)
	}
	return server{structural, bySchema, cel.NewValidator(structural, true, celconfig.PerCallLimit)}
}

// decode reads a manifest as the API server does; unknown are the fields that
// strict decoding (the default of kubectl) refuses and others drop.
func (s server) decode(t *testing.T, manifest []byte) (object map[string]any, unknown []string) {
	t.Helper()
	text, err := yaml.YAMLToJSONStrict(manifest)
	if err == nil {
		err = json.Unmarshal(text, &object)
	}
	if err != nil {
		t.Fatalf("decode the manifest: %v", err)
	}
	unknown = pruning.PruneWithOptions(object, s.structural, true, schema.UnknownFieldPathOptions{TrackUnknownFieldPaths: true})
	defaulting.PruneNonNullableNullsWithoutDefaults(object, s.structural)
	defaulting.Default(object, s.structural)
	return object, unknown
}

// validate returns why the API server would refuse the object, which replaces old
// unless that is nil.
func (s server) validate(object, old map[string]any) []string {
	var errs field.ErrorList
	if old == nil {
		errs = validation.ValidateCustomResource(nil, object, s.schema)
	} else {
		errs = validation.ValidateCustomResourceUpdate(nil, object, old, s.schema)
	}
	errs = append(errs, listtype.ValidateListSetsAndMaps(nil, s.structural, object)...)
	// What the schema refuses in this way may not have the types that the rules
	// expect: the API server does not run them then.
	blocking := slices.ContainsFunc(errs, func(e *field.Error) bool {
		return slices.Contains([]field.ErrorType{
			field.ErrorTypeNotSupported, field.ErrorTypeRequired, field.ErrorTypeTooLong,
			field.ErrorTypeTooMany, field.ErrorTypeTypeInvalid,
		}, e.Type)
	})
	if !blocking {
		errs = append(errs, s.checkRules(object, old)...)
	}
	var messages []string
	for _, e := range errs {
		messages = append(messages, e.Error())
	}
	return messages
}

func (s server) checkRules(object, old map[string]any) field.ErrorList {
	var oldObject any
	if old != nil {
		oldObject = old
	}
	errs, _ := s.rules.Validate(context.Background(), nil, s.structural, object, oldObject, celconfig.RuntimeCELCostBudget)
	return errs
}

func definition(t *testing.T) *apiextensionsv1.CustomResourceDefinition {
	t.Helper()
	var crd apiextensionsv1.CustomResourceDefinition
	if err := yaml.UnmarshalStrict(MiniCluster, &crd); err != nil {
		t.Fatalf("decode the CustomResourceDefinition: %v", err)
	}
	return &crd
}

// eachVersion runs a test for every version that the definition serves.
func eachVersion(t *testing.T, test func(t *testing.T, apiVersion string, s server)) {
	t.Helper()
	crd := definition(t)
	for _, version := range crd.Spec.Versions {
		t.Run(version.Name, func(t *testing.T) {
			test(t, crd.Spec.Group+"/"+version.Name, newServer(t, version))
		})
	}
}
