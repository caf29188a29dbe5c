package plugin

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	p "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi-go-provider/infer"

	"github.com/gopherlocks/gopherlocks/provider/kind"
	"github.com/gopherlocks/gopherlocks/stackcluster"
)

// ClusterChoice is the resource gopherlocks:index:ClusterChoice.
type ClusterChoice struct{}

var (
	_ infer.CustomResource[ClusterChoiceArgs, ClusterChoiceState]       = (*ClusterChoice)(nil)
	_ infer.CustomCheck[ClusterChoiceArgs]                              = (*ClusterChoice)(nil)
	_ infer.CustomDiff[ClusterChoiceArgs, ClusterChoiceState]           = (*ClusterChoice)(nil)
	_ infer.CustomUpdate[ClusterChoiceArgs, ClusterChoiceState]         = (*ClusterChoice)(nil)
	_ infer.CustomDelete[ClusterChoiceState]                            = (*ClusterChoice)(nil)
	_ infer.ExplicitDependencies[ClusterChoiceArgs, ClusterChoiceState] = (*ClusterChoice)(nil)
)

// probeTimeout bounds how long a container engine may take to say that it works.
const probeTimeout = 20 * time.Second

// ClusterChoiceArgs are the inputs of a ClusterChoice.
type ClusterChoiceArgs struct {
	Wish       string  `pulumi:"wish"`
	Proposal   *string `pulumi:"proposal,optional"`
	Reason     *string `pulumi:"reason,optional"`
	RecordFile *string `pulumi:"recordFile,optional"`

	ClusterName  *string `pulumi:"clusterName,optional"`
	NameProposal *string `pulumi:"nameProposal,optional"`
}

// ClusterChoiceState are the outputs of a ClusterChoice.
type ClusterChoiceState struct {
	ClusterProvider string  `pulumi:"clusterProvider"`
	Reason          string  `pulumi:"reason"`
	RecordFile      *string `pulumi:"recordFile,optional"`
	ClusterName     string  `pulumi:"clusterName,optional"`
}

// Annotate documents the resource.
func (c *ClusterChoice) Annotate(a infer.Annotator) {
	a.SetToken(module, "ClusterChoice")
	a.Describe(&c, "Where a stack's Kubernetes comes from. It is chosen once, and remembered as long as the stack has this resource. "+
		"`auto` takes kind if a container engine works, else an embedded cluster, and stays with that when engines come and go. "+
		"The cluster's name is remembered too, even if the project's folder moves. Previews know the choice already. Let the cluster depend on it.")
}

// Annotate documents the inputs.
func (args *ClusterChoiceArgs) Annotate(a infer.Annotator) {
	a.Describe(&args.Wish, "`embedded`, `kind` or `existing`; or `auto`, which keeps what was chosen before, and takes the proposal the first time.")
	a.Describe(&args.Proposal, "What `auto` takes the first time. Default: kind if a container engine works, else embedded.")
	a.Describe(&args.Reason, "Why this provider is asked for or proposed, as a clause.")
	a.Describe(&args.RecordFile, "Absolute path of a file with the choice, for programs that cannot ask Pulumi. It exists as long "+
		"as the resource.")
	a.Describe(&args.ClusterName, "Name of the cluster. Default: the name that it has, or the proposal the first time.")
	a.Describe(&args.NameProposal, "Name that the cluster takes the first time.")
}

// Annotate documents the outputs.
func (s *ClusterChoiceState) Annotate(a infer.Annotator) {
	a.Describe(&s.ClusterProvider, "`embedded`, `kind` or `existing`.")
	a.Describe(&s.Reason, "Why, as a clause.")
	a.Describe(&s.RecordFile, "Path of the file with the choice.")
	a.Describe(&s.ClusterName, "Name of the cluster; empty if it was given none.")
}

// Check validates the inputs.
func (*ClusterChoice) Check(ctx context.Context, req infer.CheckRequest) (infer.CheckResponse[ClusterChoiceArgs], error) {
	args, failures, err := infer.DefaultCheck[ClusterChoiceArgs](ctx, req.NewInputs)
	response := infer.CheckResponse[ClusterChoiceArgs]{Inputs: args, Failures: failures}
	if err != nil || len(failures) > 0 {
		return response, err
	}
	fail := func(property, format string, values ...any) {
		response.Failures = append(response.Failures, p.CheckFailure{Property: property, Reason: fmt.Sprintf(format, values...)})
	}
	if args.Wish != stackcluster.Auto && !slices.Contains(stackcluster.Providers, args.Wish) {
		fail("wish", "%q is neither %s nor one of %s", args.Wish, stackcluster.Auto, strings.Join(stackcluster.Providers, ", "))
	}
	// A machine cannot propose an existing cluster.
	if args.Proposal != nil && !stackcluster.IsOfThisMachine(*args.Proposal) {
		fail("proposal", "%q is neither %s nor %s", *args.Proposal, stackcluster.Embedded, stackcluster.Kind)
	}
	if args.RecordFile != nil && !filepath.IsAbs(*args.RecordFile) {
		fail("recordFile", "%q is not an absolute path", *args.RecordFile)
	}
	return response, nil
}

// WireDependencies tells that the choice is always known. A preview chooses too:
// the program cannot go on without it.
func (*ClusterChoice) WireDependencies(f infer.FieldSelector, _ *ClusterChoiceArgs, state *ClusterChoiceState) {
	f.OutputField(&state.ClusterProvider).AlwaysKnown()
	f.OutputField(&state.Reason).AlwaysKnown()
	f.OutputField(&state.RecordFile).AlwaysKnown()
	f.OutputField(&state.ClusterName).AlwaysKnown()
}

// Create chooses.
func (*ClusterChoice) Create(
	ctx context.Context, req infer.CreateRequest[ClusterChoiceArgs],
) (infer.CreateResponse[ClusterChoiceState], error) {
	chosen := req.Inputs.choose("", func() error {
		probing, cancel := context.WithTimeout(ctx, probeTimeout)
		defer cancel()
		return kind.CheckEngine(probing)
	})
	p.GetLogger(ctx).Info(chosen.String())
	state := ClusterChoiceState{ClusterProvider: chosen.Provider, Reason: chosen.Reason, RecordFile: req.Inputs.RecordFile}
	state.name(req.Inputs)
	response := infer.CreateResponse[ClusterChoiceState]{ID: req.Name, Output: state}
	if req.DryRun {
		return response, nil
	}
	return response, response.Output.record()
}

// choose decides for a stack. recorded is the provider that it has now, or empty.
func (args ClusterChoiceArgs) choose(recorded string, checkEngine func() error) stackcluster.Choice {
	return stackcluster.Choose(stackcluster.Inputs{
		Requested:   stackcluster.Choice{Provider: args.Wish, Reason: valueOr(args.Reason, "it was asked for")},
		Recorded:    recorded,
		Proposal:    stackcluster.Choice{Provider: valueOr(args.Proposal, ""), Reason: valueOr(args.Reason, "it was proposed")},
		CheckEngine: checkEngine,
	})
}

// Diff sees only another provider or name that is asked for, and a wrong file of
// the record. Once there is a choice, proposals do not matter.
func (*ClusterChoice) Diff(
	_ context.Context, req infer.DiffRequest[ClusterChoiceArgs, ClusterChoiceState],
) (infer.DiffResponse, error) {
	changes := map[string]p.PropertyDiff{}
	chosen := req.State.follow(req.Inputs)
	if chosen.ClusterProvider != req.State.ClusterProvider {
		changes["wish"] = p.PropertyDiff{Kind: p.Update, InputDiff: true}
	}
	if valueOr(chosen.RecordFile, "") != valueOr(req.State.RecordFile, "") || !chosen.isRecorded() {
		changes["recordFile"] = p.PropertyDiff{Kind: p.Update, InputDiff: true}
	}
	if chosen.ClusterName != req.State.ClusterName {
		changes["clusterName"] = p.PropertyDiff{Kind: p.Update, InputDiff: true}
	}
	return infer.DiffResponse{HasChanges: len(changes) > 0, DetailedDiff: changes}, nil
}

// Update follows what is asked for.
func (*ClusterChoice) Update(
	ctx context.Context, req infer.UpdateRequest[ClusterChoiceArgs, ClusterChoiceState],
) (infer.UpdateResponse[ClusterChoiceState], error) {
	response := infer.UpdateResponse[ClusterChoiceState]{Output: req.State.follow(req.Inputs)}
	if before, now := req.State.ClusterProvider, response.Output.ClusterProvider; now != before {
		p.GetLogger(ctx).Infof("clusterProvider: %s instead of %s, because %s", now, before, response.Output.Reason)
	}
	if req.DryRun {
		return response, nil
	}
	if before := valueOr(req.State.RecordFile, ""); before != valueOr(req.Inputs.RecordFile, "") {
		if err := removeRecord(before); err != nil {
			return response, err
		}
	}
	return response, response.Output.record()
}

// follow is the choice under other inputs: auto keeps what was chosen.
func (s ClusterChoiceState) follow(args ClusterChoiceArgs) ClusterChoiceState {
	s.RecordFile = args.RecordFile
	if chosen := args.choose(s.ClusterProvider, nil); chosen.Replaces != "" {
		s.ClusterProvider, s.Reason = chosen.Provider, chosen.Reason
	}
	s.name(args)
	return s
}

// name gives the cluster the name that is asked for, or the proposed one if it has
// none yet.
func (s *ClusterChoiceState) name(args ClusterChoiceArgs) {
	switch {
	case valueOr(args.ClusterName, "") != "":
		s.ClusterName = *args.ClusterName
	case s.ClusterName == "":
		s.ClusterName = valueOr(args.NameProposal, "")
	}
}

// Delete forgets the choice.
func (*ClusterChoice) Delete(
	_ context.Context, req infer.DeleteRequest[ClusterChoiceState],
) (infer.DeleteResponse, error) {
	return infer.DeleteResponse{}, removeRecord(valueOr(req.State.RecordFile, ""))
}

func (s ClusterChoiceState) isRecorded() bool {
	if s.RecordFile == nil {
		return true
	}
	content, err := os.ReadFile(*s.RecordFile)
	return err == nil && strings.TrimSpace(string(content)) == s.ClusterProvider
}

// record writes the file of the record, if the inputs ask for one.
func (s ClusterChoiceState) record() error {
	if s.RecordFile == nil {
		return nil
	}
	err := os.MkdirAll(filepath.Dir(*s.RecordFile), 0o755)
	if err == nil {
		err = os.WriteFile(*s.RecordFile, []byte(s.ClusterProvider+"\n"), 0o644)
	}
	if err != nil {
		return fmt.Errorf("recording the choice of a cluster: %w", err)
	}
	return nil
}

func removeRecord(file string) error {
	if file == "" {
		return nil
	}
	if err := os.Remove(file); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("forgetting the choice of a cluster: %w", err)
	}
	return nil
}
