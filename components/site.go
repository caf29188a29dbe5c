package components

import (
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/gopherlocks/gopherlocks/config"
	"github.com/gopherlocks/gopherlocks/preflight"
	"github.com/gopherlocks/gopherlocks/preflight/cluster"
)

// site is what an environment comes into. In a cluster of its own, everything is
// the stack's.
type site struct {
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
	// keeps says what was there before, and stays when the stack goes.
	keeps func(resource preflight.Resource, name string) bool
}

// newSite looks at an existing cluster before anything is declared, in previews
// too. Whatever would keep an update from working there is the error.
func newSite(ctx *pulumi.Context, s config.Settings) (site, error) {
	if s.ClusterProvider != config.ProviderExisting {
		return site{
			metricsServer: s.MetricsServer != preflight.MetricsSkip,
			keeps:         func(preflight.Resource, string) bool { return false },
		}, nil
	}
	kubeconfig, err := config.ReadKubeconfig(s.Kubeconfig, s.Context)
	if err != nil {
		return site{}, err
	}
	stack := fmt.Sprintf("%s/%s/%s", ctx.Organization(), ctx.Project(), ctx.Stack())
	wishes, err := wishesOf(s, stack)
	if err != nil {
		return site{}, err
	}
	verdict, err := inspect(ctx, kubeconfig, wishes)
	if err != nil {
		return site{}, err
	}
	for _, notice := range verdict.Notices {
		if err := ctx.Log.Info(notice, nil); err != nil {
			return site{}, err
		}
	}
	return site{
		kubeconfig: kubeconfig, clusterID: verdict.ClusterID, stack: stack,
		metricsServer: verdict.InstallMetricsServer, metricsServedBy: verdict.MetricsServedBy,
		keeps: verdict.Keeps,
	}, nil
}

// inspect gathers the facts, judges them, and asks for the permissions that follow.
func inspect(ctx *pulumi.Context, kubeconfig string, wishes preflight.Wishes) (preflight.Verdict, error) {
	existing, err := cluster.Connect(kubeconfig)
	if err != nil {
		return preflight.Verdict{}, err
	}
	operator := preflight.NamespacedName{Namespace: operatorNamespace, Name: operatorName}
	facts, err := existing.Look(ctx.Context(), wishes, operator)
	if err != nil {
		return preflight.Verdict{}, err
	}
	verdict := preflight.Judge(wishes, facts)
	denied, err := existing.Denied(ctx.Context(), verdict.Needs)
	if err != nil {
		return preflight.Verdict{}, err
	}
	if problem := preflight.Explain(facts.User, denied); problem != nil {
		verdict.Problems = append(verdict.Problems, *problem)
	}
	return verdict, verdict.Err(existing.String())
}

// signature is the annotation by which a stack finds again what it has made; none
// where it need not.
func signature(stack string) pulumi.StringMap {
	if stack == "" {
		return nil
	}
	return pulumi.StringMap{preflight.AnnotationStack: pulumi.String(stack)}
}

// keptOrSigned are the annotations and options of an object: one that was there
// before is left without a signature, and stays when the stack goes.
func keptOrSigned(kept bool, stack string) (pulumi.StringMap, []pulumi.ResourceOption) {
	if kept {
		return nil, []pulumi.ResourceOption{pulumi.RetainOnDelete(true)}
	}
	return signature(stack), nil
}
