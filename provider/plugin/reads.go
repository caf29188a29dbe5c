package plugin

import (
	"context"
	"errors"
	"fmt"

	p "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi-go-provider/infer"
	"github.com/pulumi/pulumi/pkg/v3/codegen/schema"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
)

// secretReads is a resource that marks the secrets of its schema in what Read
// returns. infer marks only what was secret in the state before. An import or a
// look-up by ID has no such state: Pulumi would keep the administrator's kubeconfig
// in plain text.
type secretReads struct{ infer.InferredResource }

// Read is the resource's own, with the secrets marked.
func (r secretReads) Read(ctx context.Context, req p.ReadRequest) (p.ReadResponse, error) {
	response, err := r.InferredResource.Read(ctx, req)
	spec, schemaErr := r.GetSchema(func(tokens.Type, schema.ComplexTypeSpec) bool { return false })
	if schemaErr != nil {
		return p.ReadResponse{}, errors.Join(err, schemaErr)
	}
	for name, property := range spec.Properties {
		if value, has := response.Properties.GetOk(name); has && property.Secret {
			response.Properties = response.Properties.Set(name, value.WithSecret(true))
		}
	}
	return response, err
}

// declaredReads is a resource that only the stack's state knows. It cannot be
// imported or looked up by its ID: nothing tells its inputs. infer would return
// empty ones, and Pulumi would take them for the real ones.
type declaredReads struct{ infer.InferredResource }

// Read is the resource's own if the state has it, and else an error.
func (r declaredReads) Read(ctx context.Context, req p.ReadRequest) (p.ReadResponse, error) {
	if req.Properties.Len() == 0 {
		return p.ReadResponse{}, fmt.Errorf("a %s cannot be imported or looked up: declare it in the program", req.Urn.Type().Name())
	}
	return r.InferredResource.Read(ctx, req)
}
