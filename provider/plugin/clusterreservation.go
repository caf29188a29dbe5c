package plugin

import (
	"context"
	"fmt"

	p "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi-go-provider/infer"

	"github.com/gopherlocks/gopherlocks/standalone/embedded"
)

// ClusterReservation is the resource gopherlocks:index:ClusterReservation.
//
// Pulumi records a resource once it is made. If `pulumi up` is killed while it
// makes a cluster, the stack's state does not know the cluster, and `pulumi
// destroy` would leave it running. The reservation takes no time to make, so it is
// recorded before the cluster is begun.
type ClusterReservation struct{}

var (
	_ infer.CustomResource[ClusterReservationArgs, ClusterReservationState] = (*ClusterReservation)(nil)
	_ infer.CustomCheck[ClusterReservationArgs]                             = (*ClusterReservation)(nil)
	_ infer.CustomDiff[ClusterReservationArgs, ClusterReservationState]     = (*ClusterReservation)(nil)
	_ infer.CustomDelete[ClusterReservationState]                           = (*ClusterReservation)(nil)
)

// ClusterReservationArgs are the inputs of a ClusterReservation.
type ClusterReservationArgs struct {
	Name      string `pulumi:"name"`
	StateRoot string `pulumi:"stateRoot,optional"`
	TakeOver  bool   `pulumi:"takeOver,optional"`
}

// ClusterReservationState are the outputs of a ClusterReservation.
type ClusterReservationState struct {
	Name      string `pulumi:"name"`
	StateRoot string `pulumi:"stateRoot"`
}

// Annotate documents the resource.
func (r *ClusterReservation) Annotate(a infer.Annotator) {
	a.SetToken(module, "ClusterReservation")
	a.Describe(&r, "The name of an `EmbeddedCluster`, reserved before the cluster is made: let the cluster depend on it. "+
		"If `pulumi up` is killed while it makes the cluster, Pulumi does not know the cluster yet. Deleting the reservation "+
		"then removes what there is of it. So a name that already has a cluster is refused.")
}

// Annotate documents the inputs.
func (args *ClusterReservationArgs) Annotate(a infer.Annotator) {
	a.Describe(&args.Name, describeName)
	a.Describe(&args.StateRoot, describeRoot)
	a.SetDefault(&args.StateRoot, embedded.DefaultStateRoot)
	a.Describe(&args.TakeOver, describeTakeOver)
}

// Annotate documents the outputs.
func (s *ClusterReservationState) Annotate(a infer.Annotator) {
	a.Describe(&s.Name, describeName)
	a.Describe(&s.StateRoot, describeRoot)
}

func (args ClusterReservationArgs) ref() embedded.Ref {
	return embedded.Ref{Name: args.Name, StateRoot: args.StateRoot}
}

// Check refuses a name that no cluster can have.
func (*ClusterReservation) Check(ctx context.Context, req infer.CheckRequest) (infer.CheckResponse[ClusterReservationArgs], error) {
	args, failures, err := infer.DefaultCheck[ClusterReservationArgs](ctx, req.NewInputs)
	response := infer.CheckResponse[ClusterReservationArgs]{Inputs: args, Failures: failures}
	if err != nil || len(failures) > 0 {
		return response, err
	}
	for _, value := range req.NewInputs.All {
		if value.HasComputed() {
			// Checked again when all is known.
			return response, nil
		}
	}
	if err := args.ref().Validate(); err != nil {
		response.Failures = append(response.Failures, p.CheckFailure{Reason: err.Error()})
	}
	return response, nil
}

// Create makes nothing: the record in the stack's state is all.
func (*ClusterReservation) Create(
	_ context.Context, req infer.CreateRequest[ClusterReservationArgs],
) (infer.CreateResponse[ClusterReservationState], error) {
	ref := req.Inputs.ref()
	if err := refuseTaken(ref.Name, req.Inputs.TakeOver, func() (string, bool, error) { return embedded.Remembered(ref) }); err != nil {
		return infer.CreateResponse[ClusterReservationState]{}, err
	}
	return infer.CreateResponse[ClusterReservationState]{
		ID: buildID(ref), Output: ClusterReservationState{Name: ref.Name, StateRoot: ref.StateRoot},
	}, nil
}

// Diff makes another name another reservation.
func (*ClusterReservation) Diff(
	_ context.Context, req infer.DiffRequest[ClusterReservationArgs, ClusterReservationState],
) (infer.DiffResponse, error) {
	changes := map[string]p.PropertyDiff{}
	if req.Inputs.Name != req.State.Name {
		changes["name"] = p.PropertyDiff{Kind: p.UpdateReplace, InputDiff: true}
	}
	if req.Inputs.StateRoot != req.State.StateRoot {
		changes["stateRoot"] = p.PropertyDiff{Kind: p.UpdateReplace, InputDiff: true}
	}
	return infer.DiffResponse{HasChanges: len(changes) > 0, DetailedDiff: changes}, nil
}

// Delete removes a cluster of the name. There is one only if Pulumi never recorded
// it: otherwise it was deleted before.
func (*ClusterReservation) Delete(ctx context.Context, req infer.DeleteRequest[ClusterReservationState]) (infer.DeleteResponse, error) {
	ref := parseID(req.ID)
	if err := embedded.Delete(ctx, ref, status(ctx)); err != nil {
		return infer.DeleteResponse{}, fmt.Errorf("removing what there may be of a cluster %s: %w", ref.Name, err)
	}
	return infer.DeleteResponse{}, nil
}
