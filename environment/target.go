package environment

import (
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/gopherlocks/gopherlocks/components"
	"github.com/gopherlocks/gopherlocks/config"
	"github.com/gopherlocks/gopherlocks/declared"
	"github.com/gopherlocks/gopherlocks/preflight"
	"github.com/gopherlocks/gopherlocks/preflight/cluster"
	"github.com/gopherlocks/gopherlocks/stackcluster"
)

// target is what an environment comes into. In a cluster of its own, everything is
// the stack's.
type target struct {
	// kubeconfig is that of an existing cluster, by its chosen context alone.
	kubeconfig string
	// clusterID is the same however that cluster is reached; empty where nobody knows.
	clusterID string
	// stack is noted on what the stack makes in an existing cluster; empty elsewhere.
	stack string
	// metricsServer says whether the stack installs one, and metricsServedBy who
	// serves metrics otherwise, if anybody does.
	metricsServer   bool
	metricsServedBy string
	// keepsNamespace says which namespaces were there before, and stay when the stack
	// goes.
	keepsNamespace func(name string) bool
}

// newTarget looks at an existing cluster before anything is declared, in previews
// too. Whatever would keep an update from working there is the error.
func newTarget(ctx *pulumi.Context, s config.Settings) (target, error) {
	if s.ClusterProvider != stackcluster.Existing {
		return target{
			metricsServer:  s.MetricsServer != preflight.MetricsSkip,
			keepsNamespace: func(string) bool { return false },
		}, nil
	}
	kubeconfig, err := readKubeconfig(s.Kubeconfig, s.Context)
	if err != nil {
		return target{}, err
	}
	stack := fmt.Sprintf("%s/%s/%s", ctx.Organization(), ctx.Project(), ctx.Stack())
	desired, err := desiredOf(s, stack)
	if err != nil {
		return target{}, err
	}
	verdict, err := inspect(ctx, kubeconfig, desired)
	if err != nil {
		return target{}, err
	}
	for _, notice := range verdict.Notices {
		if err := ctx.Log.Info(notice, nil); err != nil {
			return target{}, err
		}
	}
	return target{
		kubeconfig: kubeconfig, clusterID: verdict.ClusterID, stack: stack,
		metricsServer: verdict.InstallMetricsServer, metricsServedBy: verdict.MetricsServedBy,
		keepsNamespace: func(name string) bool { return verdict.Keeps(declared.Namespaces, name) },
	}, nil
}

// inspect gathers the facts, judges them, and asks for the permissions that follow.
func inspect(ctx *pulumi.Context, kubeconfig string, desired preflight.Desired) (preflight.Verdict, error) {
	existing, err := cluster.Connect(kubeconfig)
	if err != nil {
		return preflight.Verdict{}, err
	}
	operator := preflight.NamespacedName{Namespace: components.OperatorNamespace, Name: components.OperatorName}
	facts, err := existing.Look(ctx.Context(), desired, operator)
	if err != nil {
		return preflight.Verdict{}, err
	}
	verdict := preflight.Judge(desired, facts)
	denied, err := existing.Denied(ctx.Context(), verdict.Needs)
	if err != nil {
		return preflight.Verdict{}, err
	}
	if problem := preflight.Explain(facts.User, denied); problem != nil {
		verdict.Problems = append(verdict.Problems, *problem)
	}
	return verdict, verdict.Err(existing.String())
}
