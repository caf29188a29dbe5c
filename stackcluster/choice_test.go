package stackcluster

import (
	"errors"
	"strings"
	"testing"
)

func TestClusterProviderIsDecidedOnce(t *testing.T) {
	works := func() error { return nil }
	none := func() error { return ErrNoEngine }
	stopped := func() error { return errors.New("docker is installed and not running") }
	for name, test := range map[string]struct {
		in   Inputs
		want string
	}{
		"an engine works":                  {Inputs{CheckEngine: works}, "kind, because a container engine works here"},
		"no engine is there":               {Inputs{CheckEngine: none}, "embedded, because no container engine works here"},
		"an engine does not work":          {Inputs{CheckEngine: stopped}, "embedded, because no container engine works here (docker is installed and not running)"},
		"auto in the configuration":        {Inputs{Configured: "auto", CheckEngine: works}, "kind, because a container engine works here"},
		"auto as a command":                {Inputs{Command: "auto", CheckEngine: none}, "embedded, because no container engine works here"},
		"auto is requested":                {Inputs{Requested: Choice{Provider: "auto"}, CheckEngine: works}, "kind, because a container engine works here"},
		"the engine has gone":              {Inputs{Recorded: "kind", CheckEngine: none}, "kind, because stack dev is made for it"},
		"an engine has come":               {Inputs{Command: "auto", Configured: "auto", Recorded: "embedded", CheckEngine: works}, "embedded, because stack dev is made for it"},
		"the configuration says":           {Inputs{Configured: "existing", CheckEngine: works}, "existing, because the configuration of stack dev says so"},
		"the configuration says another":   {Inputs{Configured: "kind", Recorded: "embedded"}, "kind, because the configuration of stack dev says so; it takes the place of embedded, which the stack has now"},
		"a command":                        {Inputs{Command: "kind", CheckEngine: none}, "kind, because CLUSTER says so"},
		"a command for what there is":      {Inputs{Command: "kind", Recorded: "kind"}, "kind, because CLUSTER says so"},
		"a command for another":            {Inputs{Command: "kind", Configured: "auto", Recorded: "embedded"}, "kind, because CLUSTER says so; it takes the place of embedded, which the stack has now"},
		"a command, not the configuration": {Inputs{Command: "kind", Configured: "embedded"}, "kind, because CLUSTER says so"},
		"a request":                        {Inputs{Requested: Choice{Provider: "kind", Reason: "it was there"}, Recorded: "embedded"}, "kind, because it was there; it takes the place of embedded, which the stack has now"},
		"a proposal":                       {Inputs{Proposal: Choice{Provider: "embedded", Reason: "it was there"}, CheckEngine: works}, "embedded, because it was there"},
		"a proposal for another":           {Inputs{Proposal: Choice{Provider: "embedded"}, Recorded: "kind"}, "kind, because stack dev is made for it"},
	} {
		test.in.Stack = "dev"
		if got, want := Choose(test.in).String(), "clusterProvider: "+test.want; got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

func TestChoiceIsLeftToWhoKnowsTheMachine(t *testing.T) {
	if got := Choose(Inputs{Stack: "dev"}); got != (Choice{Provider: Auto}) {
		t.Errorf("without a machine: %+v", got)
	}
}

func TestCommandsThatCannotLastAreRefused(t *testing.T) {
	for _, test := range []struct{ command, configured, want string }{
		{"", "embedded", ""},
		{"auto", "embedded", ""},
		{"kind", "", ""},
		{"kind", "auto", ""},
		{"kind", "kind", ""},
		{"kind", "embedded", "CLUSTER=kind, and the configuration of stack dev says clusterProvider embedded"},
		{"docker", "", "CLUSTER=docker: take embedded, kind, existing or auto"},
	} {
		err := Inputs{Stack: "dev", Command: test.command, Configured: test.configured}.CheckCommand()
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("CLUSTER=%s with %q configured: %v, want %q", test.command, test.configured, err, test.want)
		}
	}
}
