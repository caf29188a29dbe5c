package plugin

import (
	"context"
	"fmt"

	p "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi-go-provider/infer"

	"github.com/gopherlocks/gopherlocks/provider/kind"
)

// KindClusterReservation is the resource gopherlocks:index:KindClusterReservation.
// It does for a KindCluster what a ClusterReservation does for an EmbeddedCluster.
type KindClusterReservation struct{}

var (
	_ infer.CustomResource[KindClusterReservationArgs, KindClusterReservationState] = (*KindClusterReservation)(nil)
	_ infer.CustomDiff[KindClusterReservationArgs, KindClusterReservationState]     = (*KindClusterReservation)(nil)
	_ infer.CustomDelete[KindClusterReservationState]                               = (*KindClusterReservation)(nil)
)

// KindClusterReservationArgs are the inputs of a KindClusterReservation.
type KindClusterReservationArgs struct {
	Name     string `pulumi:"name"`
	TakeOver bool   `pulumi:"takeOver,optional"`
}

// KindClusterReservationState are the outputs of a KindClusterReservation.
type KindClusterReservationState struct {
	Name string `pulumi:"name"`
}

// Annotate documents the resource.
func (r *KindClusterReservation) Annotate(a infer.Annotator) {
	a.SetToken(module, "KindClusterReservation")
	a.Describe(&r, "The name of a `KindCluster`, reserved before the cluster is made: let the cluster depend on it. If "+
		"`pulumi up` is killed while it makes the cluster, Pulumi does not know the cluster yet. Deleting the reservation "+
		"then removes what there is of it, but no cluster that somebody else has made. So a name that already has a cluster "+
		"of this machine is refused.")
}

// Annotate documents the inputs.
func (args *KindClusterReservationArgs) Annotate(a infer.Annotator) {
	a.Describe(&args.Name, describeKindName)
	a.Describe(&args.TakeOver, describeTakeOver)
}

// Annotate documents the outputs.
func (s *KindClusterReservationState) Annotate(a infer.Annotator) {
	a.Describe(&s.Name, describeKindName)
}

// Create makes nothing: the record in the stack's state is all.
func (*KindClusterReservation) Create(
	_ context.Context, req infer.CreateRequest[KindClusterReservationArgs],
) (infer.CreateResponse[KindClusterReservationState], error) {
	name := req.Inputs.Name
	if err := refuseTaken(name, req.Inputs.TakeOver, func() (string, bool, error) { return kind.Remembered(name) }); err != nil {
		return infer.CreateResponse[KindClusterReservationState]{}, err
	}
	return infer.CreateResponse[KindClusterReservationState]{ID: name, Output: KindClusterReservationState{Name: name}}, nil
}

// Diff makes another name another reservation.
func (*KindClusterReservation) Diff(
	_ context.Context, req infer.DiffRequest[KindClusterReservationArgs, KindClusterReservationState],
) (infer.DiffResponse, error) {
	if req.Inputs.Name == req.State.Name {
		return infer.DiffResponse{}, nil
	}
	return infer.DiffResponse{HasChanges: true, DetailedDiff: map[string]p.PropertyDiff{
		"name": {Kind: p.UpdateReplace, InputDiff: true},
	}}, nil
}

// Delete removes a cluster of ours that Pulumi never recorded.
func (*KindClusterReservation) Delete(
	ctx context.Context, req infer.DeleteRequest[KindClusterReservationState],
) (infer.DeleteResponse, error) {
	if err := kind.DeleteOurs(ctx, req.ID, kindStatus(ctx)); err != nil {
		return infer.DeleteResponse{}, fmt.Errorf("removing what there may be of a kind cluster %s: %w", req.ID, err)
	}
	return infer.DeleteResponse{}, nil
}
