// Package preview runs a preview of Pulumi, once, and reads from its events what
// would happen to MiniClusters and their autoscalers.
package preview

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/auto"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/events"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optpreview"
	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"

	"github.com/gopherlocks/gopherlocks/resizeplan"
)

// KubeconfigOutput is the stack output that holds the cluster's kubeconfig.
const KubeconfigOutput = "kubeconfig"

// Stack is a stack of the project in a folder.
type Stack struct {
	// Name of the stack.
	Name      string
	workspace auto.Workspace
}

// Open finds the stack called name of the project in dir, or the selected stack if
// name is empty. It selects nothing. It uses the pulumi on PATH with the
// environment of this process, so policy packs and other options from there apply
// here too.
func Open(ctx context.Context, dir, name string) (*Stack, error) {
	workspace, err := auto.NewLocalWorkspace(ctx, auto.WorkDir(dir))
	if err != nil {
		return nil, fmt.Errorf(`no pulumi that can be used (run "make tools" and eval "$(make -s env)" first): %w`, err)
	}
	s := &Stack{Name: name, workspace: onlyLooking{workspace}}
	if name == "" {
		selected, err := s.pulumi(ctx, "stack", "--show-name")
		if err != nil {
			return nil, fmt.Errorf(`no stack is selected (run "pulumi stack select NAME", or name one with --stack): %w`, err)
		}
		s.Name = strings.TrimSpace(selected)
	}
	return s, nil
}

// onlyLooking is a workspace in which the Automation API selects no stack.
// Otherwise the user's next command would be about another stack.
type onlyLooking struct{ auto.Workspace }

// SelectStack does nothing: each command names its stack.
func (onlyLooking) SelectStack(context.Context, string) error { return nil }

// pulumi runs a command that reads, and returns what it printed.
func (s *Stack) pulumi(ctx context.Context, args ...string) (string, error) {
	out, errOut, _, err := s.workspace.PulumiCommand().Run(ctx, s.workspace.WorkDir(), nil, nil, nil, nil, args...)
	if err != nil {
		return "", errors.New(firstError(errOut, err))
	}
	return out, nil
}

// Kubeconfig returns the stack's kubeconfig, which is a secret. It is empty if the
// stack was never brought up, or does not export one.
func (s *Stack) Kubeconfig(ctx context.Context) (string, error) {
	kubeconfig, err := s.pulumi(ctx, "stack", "output", KubeconfigOutput, "--show-secrets", "--stack", s.Name)
	if err != nil && strings.Contains(err.Error(), "does not have output property") {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("output %s of stack %s: %w", KubeconfigOutput, s.Name, err)
	}
	return kubeconfig, nil
}

// Preview runs the preview. If the preview fails and its events say why, there is
// no error: the Refusals have the reasons.
func (s *Stack) Preview(ctx context.Context) (resizeplan.Preview, error) {
	stack, err := auto.SelectStack(ctx, s.Name, s.workspace)
	if err != nil {
		return resizeplan.Preview{}, err
	}
	stream, received, stop := make(chan events.EngineEvent), make(chan []apitype.EngineEvent), make(chan struct{})
	go collect(stream, stop, received)
	var errOut strings.Builder
	_, err = stack.Preview(ctx, optpreview.EventStreams(stream), optpreview.ErrorProgressStreams(&errOut),
		optpreview.ProgressStreams(io.Discard), optpreview.Color("never"))
	close(stop)
	preview := decode(s.Name, <-received)
	switch {
	case ctx.Err() != nil:
		return preview, context.Cause(ctx)
	case err != nil && len(preview.Refusals) == 0:
		return preview, failure(s.Name, firstError(errOut.String(), err))
	}
	return preview, nil
}

// failure is the error of a preview that failed before it said anything about
// resources. It says what to do next.
func failure(stack, said string) error {
	next := fmt.Sprintf(`"pulumi preview --stack %s" says more`, stack)
	if strings.HasPrefix(said, "no stack named ") {
		next = fmt.Sprintf(`"pulumi stack init %s" makes it, "pulumi stack ls" lists the existing ones`, stack)
	}
	return fmt.Errorf("preview of stack %s: %s (%s)", stack, said, next)
}

// collect receives events until there are no more or stop is closed. None is lost
// then: the preview returns only after its last event was taken.
func collect(stream <-chan events.EngineEvent, stop <-chan struct{}, received chan<- []apitype.EngineEvent) {
	var all []apitype.EngineEvent
	defer func() { received <- all }()
	for {
		select {
		case e, open := <-stream:
			if !open {
				return
			}
			all = append(all, e.EngineEvent)
		case <-stop:
			return
		}
	}
}

// firstError is the first error that a command of Pulumi printed, or else err.
func firstError(errOut string, err error) string {
	_, said, found := strings.Cut(errOut, "error: ")
	if !found {
		return err.Error()
	}
	return strings.TrimSpace(said)
}
