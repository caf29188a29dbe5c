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

// secretReads is a resource whose Read answers with the secrets of its schema as
// secrets. Of an answer infer makes secret what was so in the state before, and
// neither an import nor a look-up by ID has such a state: Pulumi would keep the
// kubeconfig of the cluster's administrator in plain text.
type secretReads struct{ infer.InferredResource }

// Read is that of the resource.
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

// declaredReads is a resource that nothing but the stack's state knows: there is
// nothing to make its inputs from when it is imported or looked up by its ID. infer
// answers then with empty ones, and Pulumi takes them for what is there.
type declaredReads struct{ infer.InferredResource }

// Read is that of the resource where the state knows it.
func (r declaredReads) Read(ctx context.Context, req p.ReadRequest) (p.ReadResponse, error) {
	if req.Properties.Len() == 0 {
		return p.ReadResponse{}, fmt.Errorf("a %s cannot be imported or looked up: declare it in the program", req.Urn.Type().Name())
	}
	return r.InferredResource.Read(ctx, req)
}
