package cluster

import (
	"context"
	"errors"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	utilexec "k8s.io/client-go/util/exec"
)

func TestExplainSaysWhyTheLeadDoesNotAnswer(t *testing.T) {
	late, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("no answer within 20s"))
	forbidden := apierrors.NewForbidden(corev1.Resource("pods/exec"), "x-0", errors.New("not you"))
	tests := []struct {
		name   string
		ctx    context.Context
		err    error
		stderr string
		want   string
	}{
		{"no error", t.Context(), nil, "a warning", ""},
		{
			"an older agent", t.Context(),
			utilexec.CodeExitError{Code: 64, Err: errors.New("exit")},
			"gopherlocks-agent: cannot understand \"jobs 1\"\nusage: …\n",
			`the agent in pod x-0 ended with exit code 64: gopherlocks-agent: cannot understand "jobs 1"`,
		},
		{"too late", late, errors.New("stream closed"), "", "pod x-0: no answer within 20s"},
		{"forbidden", t.Context(), forbidden, "", `no permission to ask the lead: pods/exec "x-0" is forbidden: not you`},
		{"anything else", t.Context(), errors.New("no route to host"), "", "asking the lead in pod x-0: no route to host"},
	}
	for _, tt := range tests {
		got := ""
		if err := explain(tt.ctx, tt.err, "x-0", tt.stderr); err != nil {
			got = err.Error()
		}
		if got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestVersionsOfProvidersAreRead(t *testing.T) {
	for text, want := range map[string]int{"34": 34, "34+": 34, "": 0, "x": 0} {
		if got := leadingNumber(text); got != want {
			t.Errorf("%q is %d, want %d", text, got, want)
		}
	}
}
