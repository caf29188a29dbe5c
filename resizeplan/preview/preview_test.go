package preview

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/blang/semver"
	"github.com/pulumi/pulumi/sdk/v3/go/auto"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/events"
	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
)

// pretend is a workspace with a pulumi that gives the test's answers.
type pretend struct {
	auto.Workspace
	out, errOut string
	asked       []string
}

func (p *pretend) WorkDir() string                   { return "" }
func (p *pretend) PulumiCommand() auto.PulumiCommand { return p }
func (p *pretend) Version() semver.Version           { return semver.Version{} }

func (p *pretend) Run(_ context.Context, _ string, _ io.Reader, _, _ []io.Writer, _ []string, args ...string) (string, string, int, error) {
	p.asked = args
	if p.errOut != "" {
		return "", p.errOut, 255, errors.New("exit status 255")
	}
	return p.out, "", 0, nil
}

func TestKubeconfigIsTheStacksOutput(t *testing.T) {
	tests := []struct {
		name, out, errOut string
		want, err         string
	}{
		{"there is one", "apiVersion: v1", "", "apiVersion: v1", ""},
		{"there is none", "", "error: current stack does not have output property 'kubeconfig'\n", "", ""},
		{"it cannot be read", "", "warning: old\nerror: incorrect passphrase\n", "", "output kubeconfig of stack dev: incorrect passphrase"},
		{"pulumi does not say why", "", "killed", "", "output kubeconfig of stack dev: exit status 255"},
	}
	for _, tt := range tests {
		p := &pretend{out: tt.out, errOut: tt.errOut}
		got, err := (&Stack{Name: "dev", workspace: p}).Kubeconfig(t.Context())
		if got != tt.want || (err == nil) != (tt.err == "") || err != nil && err.Error() != tt.err {
			t.Errorf("%s: %q, %v; want %q, %q", tt.name, got, err, tt.want, tt.err)
		}
		if asked := strings.Join(p.asked, " "); asked != "stack output kubeconfig --show-secrets --stack dev" {
			t.Errorf("%s: pulumi %s", tt.name, asked)
		}
	}
}

func TestFailureSaysWhatToDoNext(t *testing.T) {
	for said, want := range map[string]string{
		"no stack named 'dev' found": `preview of stack dev: no stack named 'dev' found ("pulumi stack init dev" makes it, "pulumi stack ls" lists the existing ones)`,
		"incorrect passphrase":       `preview of stack dev: incorrect passphrase ("pulumi preview --stack dev" says more)`,
	} {
		if got := failure("dev", said).Error(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestCollectTakesAllEventsAlsoWhenTheStreamNeverEnds(t *testing.T) {
	for _, ends := range []bool{true, false} {
		stream, stop, received := make(chan events.EngineEvent), make(chan struct{}), make(chan []apitype.EngineEvent)
		go collect(stream, stop, received)
		for sequence := range 3 {
			stream <- events.EngineEvent{EngineEvent: apitype.EngineEvent{Sequence: sequence}}
		}
		if ends {
			close(stream)
		} else {
			close(stop)
		}
		var got []int
		for _, e := range <-received {
			got = append(got, e.Sequence)
		}
		if !slices.Equal(got, []int{0, 1, 2}) {
			t.Errorf("stream ends: %t; received %v", ends, got)
		}
	}
}
