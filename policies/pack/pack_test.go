package pack

import (
	"bufio"
	"context"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/gopherlocks/gopherlocks/policies/rules"
)

// miniCluster is a MiniCluster that is too large.
func miniCluster(urn, parent string) rules.Resource {
	return rules.Resource{
		URN: urn, Parent: parent, Type: "kubernetes:flux-framework.org/v1alpha2:MiniCluster",
		Inputs: map[string]any{"metadata": map[string]any{"name": urn}, "spec": map[string]any{"size": 9.0, "maxSize": 4.0}},
	}
}

func said(found []diagnostic) string {
	var all []string
	for _, d := range found {
		all = append(all, d.URN+" "+d.rule.Name+" "+string(d.level))
	}
	return strings.Join(all, ", ")
}

func TestEachFindingIsToldOnce(t *testing.T) {
	p := newPolicies()
	if got, want := said(p.analyze(miniCluster("a", ""))), "a minicluster-size mandatory"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	outputs := []rules.Resource{
		{URN: "b", Type: "kubernetes:flux-framework.org/v1alpha2:MiniCluster", Outputs: miniCluster("b", "").Inputs},
		{URN: "a", Type: "kubernetes:flux-framework.org/v1alpha2:MiniCluster", Outputs: miniCluster("a", "").Inputs},
	}
	if got, want := said(p.analyzeStack(outputs)), "b minicluster-size mandatory"; got != want {
		t.Errorf("at the end: got %q, want %q", got, want)
	}
}

func TestWhatAComponentIsToBlameForIsNotHeldAgainstItsObjects(t *testing.T) {
	p := newPolicies()
	component := rules.Resource{
		URN: "component", Type: "gopherlocks:components:MiniCluster", Inputs: map[string]any{"size": 9.0, "maxSize": 4.0},
	}
	if got, want := said(p.analyze(component)), "component minicluster-size mandatory"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := said(p.analyze(miniCluster("child", "component"))); got != "" {
		t.Errorf("said again of the component's object: %q", got)
	}
	if got, want := said(p.analyze(miniCluster("other", "stack"))), "other minicluster-size mandatory"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestOtherResourcesAreNotJudged(t *testing.T) {
	if got := said(newPolicies().analyze(rules.Resource{URN: "a", Type: "random:index:RandomPet"})); got != "" {
		t.Errorf("got %q", got)
	}
}

func TestEachPolicyIsDescribedToPulumi(t *testing.T) {
	info, err := (&server{}).GetAnalyzerInfo(t.Context(), &emptypb.Empty{})
	if err != nil {
		t.Fatal(err)
	}
	all := rules.All()
	if len(info.GetPolicies()) != len(all) {
		t.Fatalf("%d policies, want %d", len(info.GetPolicies()), len(all))
	}
	for i, policy := range info.GetPolicies() {
		if policy.GetName() != all[i].Name || fromWire(policy.GetEnforcementLevel()) != all[i].Level {
			t.Errorf("%v is not %s, %s", policy, all[i].Name, all[i].Level)
		}
		if got := len(policy.GetConfigSchema().GetProperties().AsMap()); got != len(all[i].Options) {
			t.Errorf("%s has %d options, want %d", policy.GetName(), got, len(all[i].Options))
		}
	}
	if got := fromWire(pulumirpc.EnforcementLevel(99)); got != rules.Mandatory {
		t.Errorf("a level of the future is %s", got)
	}
}

// TestServingEndsWithPulumi: Pulumi may be killed, and then cannot stop the pack.
func TestServingEndsWithPulumi(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	out, in := io.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- Serve(ctx, in, "") }()
	port, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	connection, err := net.Dial("tcp", "127.0.0.1:"+strings.TrimSpace(port))
	if err != nil {
		t.Fatal(err)
	}
	if err := connection.Close(); err != nil {
		t.Error(err)
	}
	stop()
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Error("it goes on")
	}
}
