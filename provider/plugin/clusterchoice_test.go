package plugin

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	p "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi/sdk/v3/go/property"
)

func TestFirstChoiceOfACluster(t *testing.T) {
	works := func() error { return nil }
	fails := func() error { return errors.New("docker is not running") }
	embedded, kind, why := "embedded", "kind", "it was there"
	for name, c := range map[string]struct {
		args             ClusterChoiceArgs
		engine           func() error
		provider, reason string
	}{
		"an engine works":   {ClusterChoiceArgs{Wish: "auto"}, works, "kind", "a container engine works here"},
		"no engine works":   {ClusterChoiceArgs{Wish: "auto"}, fails, "embedded", "no container engine works here (docker is not running)"},
		"a proposal":        {ClusterChoiceArgs{Wish: "auto", Proposal: &embedded, Reason: &why}, works, "embedded", "it was there"},
		"a bare proposal":   {ClusterChoiceArgs{Wish: "auto", Proposal: &kind}, fails, "kind", "it was proposed"},
		"a wish":            {ClusterChoiceArgs{Wish: "existing", Proposal: &kind}, works, "existing", "it was asked for"},
		"a wish with cause": {ClusterChoiceArgs{Wish: "kind", Reason: &why}, fails, "kind", "it was there"},
	} {
		got := c.args.choose("", c.engine)
		if got.Provider != c.provider || got.Reason != c.reason {
			t.Errorf("%s: %s, because %s; want %s, because %s", name, got.Provider, got.Reason, c.provider, c.reason)
		}
	}
}

func TestChoiceOfAClusterIsChecked(t *testing.T) {
	for _, c := range []struct{ property, value, want string }{
		{"wish", "moon", `"moon" is neither auto nor one of embedded, kind, existing`},
		{"proposal", "existing", `"existing" is neither embedded nor kind`},
		{"recordFile", "here", `"here" is not an absolute path`},
	} {
		inputs := map[string]property.Value{"wish": property.New("auto"), c.property: property.New(c.value)}
		failures := newProvider(t).check("ClusterChoice", inputs).Failures
		if len(failures) != 1 || failures[0].Property != c.property || failures[0].Reason != c.want {
			t.Errorf("%s %s: %+v, want %s", c.property, c.value, failures, c.want)
		}
	}
}

// TestChoiceOfAClusterStays follows a choice through the life of a stack.
func TestChoiceOfAClusterStays(t *testing.T) {
	server := newProvider(t)
	file := filepath.Join(t.TempDir(), "state", "clusterProvider.dev")
	wish := func(wish, proposal string) property.Map {
		return property.NewMap(map[string]property.Value{
			"wish": property.New(wish), "proposal": property.New(proposal), "recordFile": property.New(file),
		})
	}
	mustRecord := func(want string) {
		t.Helper()
		if content, err := os.ReadFile(file); strings.TrimSpace(string(content)) != want || want == "" && err == nil {
			t.Errorf("recorded is %q (%v), want %q", content, err, want)
		}
	}
	provider := func(state property.Map) string {
		t.Helper()
		value := state.Get("clusterProvider")
		if !value.IsString() {
			t.Fatalf("the choice is not known: %v", value)
		}
		return value.AsString()
	}

	preview, err := server.Create(p.CreateRequest{Urn: urn("ClusterChoice"), Properties: wish("auto", "kind"), DryRun: true})
	if err != nil || provider(preview.Properties) != "kind" {
		t.Fatalf("a preview chooses %v (%v)", preview.Properties, err)
	}
	mustRecord("")
	made, err := server.Create(p.CreateRequest{Urn: urn("ClusterChoice"), Properties: wish("auto", "kind")})
	if err != nil || provider(made.Properties) != "kind" {
		t.Fatalf("chosen is %v (%v)", made.Properties, err)
	}
	mustRecord("kind")

	diff := func(inputs property.Map) p.DiffResponse {
		t.Helper()
		response, err := server.Diff(p.DiffRequest{
			ID: made.ID, Urn: urn("ClusterChoice"), State: made.Properties, Inputs: inputs, OldInputs: wish("auto", "kind"),
		})
		if err != nil {
			t.Fatal(err)
		}
		return response
	}
	for name, same := range map[string]property.Map{
		"the same": wish("auto", "kind"), "an engine that is gone": wish("auto", "embedded"), "a wish for what there is": wish("kind", "embedded"),
	} {
		if response := diff(same); response.HasChanges {
			t.Errorf("%s changes %v", name, response.DetailedDiff)
		}
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if response := diff(wish("auto", "embedded")); response.DetailedDiff["recordFile"].Kind != p.Update {
		t.Errorf("a lost record changes %v", response.DetailedDiff)
	}

	other := wish("embedded", "kind")
	if response := diff(other); response.DetailedDiff["wish"].Kind != p.Update {
		t.Errorf("another wish changes %v", response.DetailedDiff)
	}
	update := p.UpdateRequest{ID: made.ID, Urn: urn("ClusterChoice"), State: made.Properties, Inputs: other, OldInputs: wish("auto", "kind"), DryRun: true}
	for _, dryRun := range []bool{true, false} {
		update.DryRun = dryRun
		updated, err := server.Update(update)
		if err != nil || provider(updated.Properties) != "embedded" {
			t.Fatalf("another wish makes it %v (%v)", updated.Properties, err)
		}
		if dryRun {
			mustRecord("")
		}
	}
	mustRecord("embedded")

	if err := server.Delete(p.DeleteRequest{ID: made.ID, Urn: urn("ClusterChoice"), Properties: made.Properties}); err != nil {
		t.Fatal(err)
	}
	mustRecord("")
}

// TestNameOfAClusterStays: a later proposal, as from another folder, changes
// nothing. A name that is asked for does, and stays too.
func TestNameOfAClusterStays(t *testing.T) {
	server := newProvider(t)
	inputs := func(name, proposal string) property.Map {
		values := map[string]property.Value{"wish": property.New("auto"), "proposal": property.New("embedded")}
		if name != "" {
			values["clusterName"] = property.New(name)
		}
		if proposal != "" {
			values["nameProposal"] = property.New(proposal)
		}
		return property.NewMap(values)
	}
	made, err := server.Create(p.CreateRequest{Urn: urn("ClusterChoice"), Properties: inputs("", "dev-here"), DryRun: true})
	if err != nil || made.Properties.Get("clusterName").AsString() != "dev-here" {
		t.Fatalf("a preview names it %v (%v)", made.Properties.Get("clusterName"), err)
	}
	state := made.Properties
	for _, step := range []struct {
		why            string
		name, proposal string
		want           string
	}{
		{"another folder", "", "dev-elsewhere", "dev-here"},
		{"a name", "mine", "dev-elsewhere", "mine"},
		{"no name any more", "", "dev-elsewhere", "mine"},
	} {
		diff, err := server.Diff(p.DiffRequest{ID: "it", Urn: urn("ClusterChoice"), State: state, Inputs: inputs(step.name, step.proposal)})
		if err != nil {
			t.Fatal(err)
		}
		if changes := step.want != state.Get("clusterName").AsString(); diff.HasChanges != changes {
			t.Errorf("%s changes %v", step.why, diff.DetailedDiff)
		}
		updated, err := server.Update(p.UpdateRequest{ID: "it", Urn: urn("ClusterChoice"), State: state, Inputs: inputs(step.name, step.proposal), DryRun: true})
		if err != nil || updated.Properties.Get("clusterName").AsString() != step.want {
			t.Fatalf("%s: the name is %v, want %s (%v)", step.why, updated.Properties.Get("clusterName"), step.want, err)
		}
		state = updated.Properties
	}
}
