// Package crdtest does to a MiniCluster, for tests, what the API server does
// before it stores one, with the API server's own packages: strict decoding,
// defaults, and validation by schema and by rules.
package crdtest

import (
	"context"
	"fmt"
	"slices"

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

// Server is the API server's treatment of one version of a resource. It can be
// used by several goroutines.
type Server struct {
	structural *schema.Structural
	schema     validation.SchemaValidator
	rules      *cel.Validator
}

// Definition decodes a CustomResourceDefinition.
func Definition(manifest []byte) (*apiextensionsv1.CustomResourceDefinition, error) {
	var crd apiextensionsv1.CustomResourceDefinition
	if err := yaml.UnmarshalStrict(manifest, &crd); err != nil {
		return nil, fmt.Errorf("decode the CustomResourceDefinition: %w", err)
	}
	return &crd, nil
}

// New compiles the schema and the rules of a version.
func New(version apiextensionsv1.CustomResourceDefinitionVersion) (*Server, error) {
	var internal apiextensions.JSONSchemaProps
	err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(
		version.Schema.OpenAPIV3Schema, &internal, nil)
	if err != nil {
		return nil, fmt.Errorf("convert the schema: %w", err)
	}
	structural, err := schema.NewStructural(&internal)
	if err != nil {
		return nil, fmt.Errorf("make the schema structural: %w", err)
	}
	bySchema, _, err := validation.NewSchemaValidator(&internal)
	if err != nil {
		return nil, fmt.Errorf("make the validator of the schema: %w", err)
	}
	return &Server{structural, bySchema, cel.NewValidator(structural, true, celconfig.PerCallLimit)}, nil
}

// Decode reads a manifest as the API server does; unknown are the fields that
// strict decoding (the default of kubectl) refuses and others drop.
func (s *Server) Decode(manifest []byte) (object map[string]any, unknown []string, err error) {
	text, err := yaml.YAMLToJSONStrict(manifest)
	if err == nil {
		err = json.Unmarshal(text, &object)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("decode the manifest: %w", err)
	}
	unknown = pruning.PruneWithOptions(object, s.structural, true, schema.UnknownFieldPathOptions{TrackUnknownFieldPaths: true})
	defaulting.PruneNonNullableNullsWithoutDefaults(object, s.structural)
	defaulting.Default(object, s.structural)
	return object, unknown, nil
}

// Validate returns why the API server would refuse the object, which replaces old
// unless that is nil.
func (s *Server) Validate(object, old map[string]any) []string {
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

// CheckRules returns the messages of the rules that refuse the object, without
// the names of their fields.
func (s *Server) CheckRules(object, old map[string]any) []string {
	var messages []string
	for _, e := range s.checkRules(object, old) {
		messages = append(messages, e.Detail)
	}
	return messages
}

func (s *Server) checkRules(object, old map[string]any) field.ErrorList {
	var oldObject any
	if old != nil {
		oldObject = old
	}
	errs, _ := s.rules.Validate(context.Background(), nil, s.structural, object, oldObject, celconfig.RuntimeCELCostBudget)
	return errs
}
