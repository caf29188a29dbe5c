package preflight

import (
	"slices"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/gopherlocks/gopherlocks/declared"
)

// desired is what a small stack declares.
func desired(change ...func(*Desired)) Desired {
	want := Desired{
		Stack:   "org/gopherlocks/mine",
		Metrics: MetricsAuto, Autoscales: true, Served: []string{"v1alpha2", "v1alpha1"},
		Objects: []declared.Object{
			{Resource: declared.Definitions, Name: DefinitionName, Stays: true},
			{Resource: declared.Namespaces, Name: "gopherlocks-system"},
			{Resource: declared.Namespaces, Name: "hpc"},
			{Resource: declared.Deployments, Namespace: "gopherlocks-system", Name: "operator"},
			sample,
		},
		MetricsServer: []declared.Object{{Resource: declared.Deployments, Namespace: "kube-system", Name: "metrics-server", Exclusive: true}, {Resource: declared.APIServices, Name: declared.MetricsAPIName}},
	}
	for _, c := range change {
		c(&want)
	}
	return want
}

// sample is a MiniCluster of desired.
var sample = declared.Object{Resource: declared.MiniClusters, Namespace: "hpc", Name: "sample", Exclusive: true}

// customMetrics is one of the APIServices of queueMetrics.
var customMetrics = declared.Object{Resource: declared.APIServices, Name: "v1beta1.custom.metrics.k8s.io", Exclusive: true}

func queueMetrics(want *Desired) {
	want.Objects = append(want.Objects, declared.Object{Resource: declared.Services, Namespace: "gopherlocks-system", Name: "gopherlocks-metrics"}, customMetrics)
}

// there is an object of a stack.
func there(o declared.Object, of Owned) func(*Facts) {
	return func(f *Facts) { f.Objects = map[declared.ID]Owned{o.ID(): of} }
}

// facts describe an empty cluster.
func facts(change ...func(*Facts)) Facts {
	f := Facts{Version: "v1.34.2", Namespaces: map[string]Owned{}}
	for _, c := range change {
		c(&f)
	}
	return f
}

var (
	mine   = Owned{Stack: "org/gopherlocks/mine"}
	theirs = Owned{Stack: "org/gopherlocks/theirs"}
)

func definition(d Definition) func(*Facts) { return func(f *Facts) { f.Definition = &d } }

func metricsAPI(m MetricsAPI) func(*Facts) {
	m.Service = "kube-system/metrics-server"
	return func(f *Facts) { f.MetricsAPI = &m }
}

func fluxOperator(replicas int32) func(*Facts) {
	return func(f *Facts) {
		f.FluxOperators = []Deployment{{NamespacedName{"operator-system", "operator-controller-manager"}, "ghcr.io/flux-framework/flux-operator:latest", replicas}}
	}
}

func takeOver(want *Desired) { want.TakeOver = true }

func metrics(m Metrics) func(*Desired) { return func(want *Desired) { want.Metrics = m } }

func TestWhatCannotWorkIsRefused(t *testing.T) {
	upstream := Definition{Stored: []string{"v1alpha2"}, MiniClusters: 3}
	for name, c := range map[string]struct {
		desired Desired
		facts   Facts
		want    []string // of each problem, a part of the message with its reason
	}{
		"nothing is in an empty cluster": {desired(), facts(), nil},
		"an old Kubernetes": {
			desired(), facts(func(f *Facts) { f.Version = "v1.29.15" }),
			[]string{"version v1.29.15 of Kubernetes must be at least 1.30", "(KubernetesTooOld)"},
		},
		"the Flux Operator's definition": {
			desired(), facts(definition(upstream)),
			[]string{
				"CustomResourceDefinition miniclusters.flux-framework.org, with 3 MiniClusters, is not Gopherlocks'",
				"pulumi config set takeOverCRD true", "kubectl delete crd miniclusters.flux-framework.org", "(ForeignDefinition)",
			},
		},
		"one of an unknown number": {
			desired(), facts(definition(Definition{MiniClusters: -1})), []string{"with an unknown number of MiniClusters", "(ForeignDefinition)"},
		},
		"a Flux Operator that runs": {
			desired(), facts(fluxOperator(1)),
			[]string{"kubectl scale deployment -n operator-system operator-controller-manager --replicas=0", "ghcr.io/flux-framework/flux-operator:latest", "(FluxOperatorRuns)"},
		},
		"a Flux Operator that runs, also when taking over": {
			desired(takeOver), facts(fluxOperator(1), definition(upstream)), []string{"--replicas=0", "(FluxOperatorRuns)"},
		},
		"taking over what nobody can tell about": {
			desired(takeOver), facts(definition(upstream), func(f *Facts) { f.FluxOperatorsUnknown = "forbidden" }),
			[]string{"cannot tell whether the Flux Operator still runs, and its definition is to be taken over: forbidden", "(FluxOperatorRuns)"},
		},
		"a Flux Operator that runs, beside its definition": {
			desired(), facts(fluxOperator(1), definition(upstream)), []string{"(FluxOperatorRuns)", "(ForeignDefinition)"},
		},
		"not a Flux Operator that was stopped":        {desired(takeOver), facts(fluxOperator(0), definition(upstream)), nil},
		"not our definition, whoever installed it":    {desired(), facts(definition(Definition{Ours: true, Stored: []string{"v1alpha2"}})), nil},
		"not where operators are not to be looked at": {desired(), facts(func(f *Facts) { f.FluxOperatorsUnknown = "forbidden" }), nil},
		"objects of a version that is not ours": {
			desired(takeOver), facts(definition(Definition{Stored: []string{"v1alpha1", "v1beta1"}})),
			[]string{"objects may be stored as v1beta1", "it serves v1alpha2, v1alpha1", "(StoredVersion)"},
		},
		"the operator of another stack": {
			desired(), facts(func(f *Facts) { f.Operator = &theirs }),
			[]string{"belongs to the stack org/gopherlocks/theirs", "(OtherStack)"},
		},
		"not our own operator": {desired(), facts(func(f *Facts) { f.Operator = &mine }), nil},
		"an operator without a name": {
			desired(), facts(func(f *Facts) { f.Operator = &Owned{} }),
			[]string{"the operator is there already and bears no stack's name", "component MiniCluster alone", "(OperatorExists)"},
		},
		"a MiniCluster that somebody has made": {
			desired(), facts(there(sample, Owned{})),
			[]string{
				"miniclusters.flux-framework.org hpc/sample is there already and bears no stack's name", "Take another name",
				"kubectl annotate --overwrite -n hpc miniclusters.flux-framework.org sample flux-framework.org/pulumi-stack=org/gopherlocks/mine", "(ObjectExists)",
			},
		},
		"a MiniCluster of another stack": {
			desired(), facts(there(sample, theirs)), []string{"hpc/sample is there already and is of the stack org/gopherlocks/theirs", "(ObjectExists)"},
		},
		"not our own MiniCluster": {desired(), facts(there(sample, mine)), nil},
		"a metrics-server that serves nothing": {
			desired(), facts(there(desired().MetricsServer[0], Owned{})), []string{"deployments.apps kube-system/metrics-server is there already", "(ObjectExists)"},
		},
		"metrics of another adapter, of an old version": {
			desired(queueMetrics), facts(there(customMetrics, Owned{Service: "monitoring/prometheus-adapter"})),
			[]string{
				"Service monitoring/prometheus-adapter serves v1beta1.custom.metrics.k8s.io already", "pulumi config set queueMetrics false", "(CustomMetricsExist)",
			},
		},
		"metrics that the API server serves": {
			desired(queueMetrics), facts(there(customMetrics, Owned{})), []string{"the API server itself serves v1beta1.custom.metrics.k8s.io", "(CustomMetricsExist)"},
		},
		"metrics of the queue of another stack": {
			desired(queueMetrics), facts(there(customMetrics, Owned{Stack: theirs.Stack, Service: "gopherlocks-system/gopherlocks-metrics"})),
			[]string{
				"apiservices.apiregistration.k8s.io v1beta1.custom.metrics.k8s.io is there already and is of the stack org/gopherlocks/theirs", "Remove it, or let",
				"kubectl annotate --overwrite apiservices.apiregistration.k8s.io v1beta1.custom.metrics.k8s.io flux-framework", "(ObjectExists)",
			},
		},
		"not our own metrics of the queue":           {desired(queueMetrics), facts(there(customMetrics, mine)), nil},
		"not another adapter's that nobody is after": {desired(), facts(there(customMetrics, Owned{Service: "monitoring/prometheus-adapter"})), nil},
		"not one that is not to be installed":        {desired(metrics(MetricsSkip)), facts(there(desired().MetricsServer[0], Owned{})), nil},
		"a second metrics-server": {
			desired(metrics(MetricsInstall)), facts(metricsAPI(MetricsAPI{})),
			[]string{"Service kube-system/metrics-server serves v1beta1.metrics.k8s.io already", "metricsServer auto", "(MetricsServerExists)"},
		},
		"a second metrics-server of another stack": {
			desired(metrics(MetricsInstall)), facts(metricsAPI(MetricsAPI{Owned: theirs})), []string{"(MetricsServerExists)"},
		},
		"a pull secret that is not there": {
			desired(), facts(func(f *Facts) { f.SecretsMissing = []NamespacedName{{"hpc", "registry"}} }),
			[]string{`imagePullSecret "registry" is not in namespace hpc`, "kubectl create secret docker-registry -n hpc registry", "(PullSecretMissing)"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			err := Judge(c.desired, c.facts).Err("the cluster")
			if len(c.want) == 0 {
				if err != nil {
					t.Errorf("refused: %v", err)
				}
				return
			}
			if err == nil {
				t.Fatal("accepted")
			}
			reasons := 0
			for _, want := range append(c.want, "the cluster cannot take this stack, so nothing was changed:") {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q does not say %q", err, want)
				}
				if strings.HasPrefix(want, "(") {
					reasons++
				}
			}
			if got := strings.Count(err.Error(), "\n"); got != reasons {
				t.Errorf("%d problems, want %d: %v", got, reasons, err)
			}
		})
	}
}

func TestMetricsServerIsInstalledWhereNobodyElseServesMetrics(t *testing.T) {
	for name, c := range map[string]struct {
		mode     Metrics
		facts    Facts
		installs bool
		servedBy string
	}{
		"auto, and nobody does":     {MetricsAuto, facts(), true, ""},
		"auto, and somebody does":   {MetricsAuto, facts(metricsAPI(MetricsAPI{})), false, "Service kube-system/metrics-server"},
		"auto, and another stack":   {MetricsAuto, facts(metricsAPI(MetricsAPI{Owned: theirs})), false, "Service kube-system/metrics-server of the stack org/gopherlocks/theirs"},
		"auto, and this stack has":  {MetricsAuto, facts(metricsAPI(MetricsAPI{Owned: mine})), true, ""},
		"auto, and it is built in":  {MetricsAuto, facts(func(f *Facts) { f.MetricsAPI = &MetricsAPI{} }), false, "the API server itself"},
		"install, and nobody does":  {MetricsInstall, facts(), true, ""},
		"install, and so it did":    {MetricsInstall, facts(metricsAPI(MetricsAPI{Owned: mine})), true, ""},
		"skip, and nobody does":     {MetricsSkip, facts(), false, ""},
		"skip, and somebody does":   {MetricsSkip, facts(metricsAPI(MetricsAPI{})), false, "Service kube-system/metrics-server"},
		"skip, where the stack has": {MetricsSkip, facts(metricsAPI(MetricsAPI{Owned: mine})), false, "Service kube-system/metrics-server of the stack org/gopherlocks/mine"},
	} {
		t.Run(name, func(t *testing.T) {
			v := Judge(desired(metrics(c.mode)), c.facts)
			if v.InstallMetricsServer != c.installs || v.MetricsServedBy != c.servedBy {
				t.Errorf("installs %t, served by %q; want %t, %q", v.InstallMetricsServer, v.MetricsServedBy, c.installs, c.servedBy)
			}
			asks := slices.ContainsFunc(v.Needs, func(n Need) bool { return n.Resource.Resource == "apiservices" })
			if asks != c.installs {
				t.Errorf("asks for permissions on it: %t, want %t", asks, c.installs)
			}
		})
	}
}

func TestWhatWasThereBeforeStays(t *testing.T) {
	v := Judge(desired(), facts(
		definition(Definition{Ours: true}),
		func(f *Facts) {
			f.Namespaces = map[string]Owned{"hpc": {}, "gopherlocks-system": mine, "kube-system": {}}
		}))
	for _, c := range []struct {
		resource declared.Resource
		name     string
		keeps    bool
	}{
		{declared.Namespaces, "hpc", true},
		{declared.Namespaces, "gopherlocks-system", false},
		{declared.Namespaces, "not-there-yet", false},
		{declared.Namespaces, "kube-system", false}, // not declared
		{declared.Definitions, DefinitionName, true},
	} {
		if got := v.Keeps(c.resource, c.name); got != c.keeps {
			t.Errorf("keeps %s %t, want %t", c.name, got, c.keeps)
		}
	}
	// It is not to be created, and not to be deleted.
	for _, n := range v.Needs {
		if (n.Name == "hpc" || n.Name == DefinitionName) && n.Verb != "get" && n.Verb != "patch" {
			t.Errorf("asks for %s of what stays", n.Permission)
		}
	}
	if slices.ContainsFunc(Judge(desired(), facts()).Needs, func(n Need) bool { return n.Name == DefinitionName && n.Verb == "delete" }) {
		t.Error("asks to delete the definition, which stays in any case")
	}
	if v := Judge(desired(), facts(func(f *Facts) { f.Namespaces = map[string]Owned{"hpc": theirs} })); !v.Keeps(declared.Namespaces, "hpc") {
		t.Error("the namespace of another stack goes")
	}
}

func TestReadersAreToldWhatIsLeftAlone(t *testing.T) {
	for name, c := range map[string]struct {
		desired Desired
		facts   Facts
		want    []string
	}{
		"an empty cluster": {desired(), facts(), nil},
		"metrics-server":   {desired(), facts(metricsAPI(MetricsAPI{})), []string{"metrics-server is left alone: Service kube-system/metrics-server serves v1beta1.metrics.k8s.io"}},
		"one that is broken": {
			desired(), facts(metricsAPI(MetricsAPI{Unavailable: "MissingEndpoints: none"})),
			[]string{"metrics-server is left alone: Service kube-system/metrics-server serves v1beta1.metrics.k8s.io, which does not answer, so that autoscalers cannot work: MissingEndpoints: none"},
		},
		"none at all":                      {desired(metrics(MetricsSkip)), facts(), []string{"metricsServer is skip and nobody serves v1beta1.metrics.k8s.io: autoscalers cannot work"}},
		"none at all, and nobody needs it": {desired(metrics(MetricsSkip), func(want *Desired) { want.Autoscales = false }), facts(), nil},
		"a namespace":                      {desired(), facts(func(f *Facts) { f.Namespaces["hpc"] = Owned{} }), []string{"namespace hpc is not of this stack: pulumi destroy will leave it"}},
		"a definition that is taken over": {
			desired(takeOver), facts(definition(Definition{MiniClusters: 1})),
			[]string{"takes over miniclusters.flux-framework.org with 1 MiniCluster: those that run are started anew by the operator"},
		},
		"one that Helm would delete": {
			desired(), facts(definition(Definition{Ours: true, HelmRelease: NamespacedName{"hpc", "flux"}})),
			[]string{
				"miniclusters.flux-framework.org belongs to Helm's release hpc/flux: helm uninstall would delete it with all MiniClusters. Have Helm " +
					"forget the release instead: kubectl delete secret -n hpc -l owner=helm,name=flux",
			},
		},
		"a pull secret of a namespace to come": {
			desired(func(want *Desired) { want.PullSecrets = []NamespacedName{{"hpc", "registry"}} }), facts(),
			[]string{"namespace hpc is not there yet, so imagePullSecret \"registry\" must come into it by itself; otherwise make both before, or set registryCredentials"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Judge(c.desired, c.facts).Notices; !slices.Equal(got, c.want) {
				t.Errorf("notices = %q, want %q", got, c.want)
			}
		})
	}
}

func TestGrantsNeedEscalationOrWhatTheyGrant(t *testing.T) {
	rules := []rbacv1.PolicyRule{
		{APIGroups: []string{""}, Resources: []string{"pods", "pods/log"}, Verbs: []string{"get"}},
		{APIGroups: []string{"apps"}, Resources: []string{"deployments"}, ResourceNames: []string{"a", "b"}, Verbs: []string{"patch"}},
	}
	clusterRole := declared.Object{Resource: declared.ClusterRoles, Name: "role", Rules: rules}
	binding := declared.Object{Resource: declared.RoleBindings, Namespace: "ns", Name: "binding", Role: &clusterRole}
	v := Judge(desired(func(want *Desired) { want.Objects = []declared.Object{clusterRole, binding} }), facts(func(f *Facts) { f.MetricsAPI = &MetricsAPI{} }))
	var got []string
	for _, n := range v.Needs {
		if len(n.Instead) > 0 {
			got = append(got, n.String()+" | "+strings.Join(described(n.Instead), ", "))
		}
	}
	want := []string{
		"escalate clusterroles.rbac.authorization.k8s.io/role (cluster-wide) | get pods (cluster-wide), get pods/log (cluster-wide), " +
			"patch deployments.apps/a (cluster-wide), patch deployments.apps/b (cluster-wide)",
		"bind clusterroles.rbac.authorization.k8s.io/role (cluster-wide) | get pods (namespace ns), get pods/log (namespace ns), " +
			"patch deployments.apps/a (namespace ns), patch deployments.apps/b (namespace ns)",
	}
	if !slices.Equal(got, want) {
		t.Errorf("needs = %q\nwant %q", got, want)
	}
}

func TestMissingPermissionsAreListed(t *testing.T) {
	crd := Permission{Verb: "create", Resource: declared.Definitions}
	denied := []Denial{
		{Permission: crd},
		{Permission: Permission{Verb: "delete", Resource: declared.Definitions, Name: DefinitionName}},
		{Permission: Permission{Verb: "patch", Resource: declared.Secrets, Namespace: "hpc", Name: "registry"}},
		{Permission: Permission{Verb: "patch", Resource: declared.Secrets, Namespace: "other", Name: "registry"}},
		{
			Permission: Permission{Verb: "bind", Resource: declared.ClusterRoles, Name: "gopherlocks-operator"},
			Missing:    []Permission{{Verb: "list", Resource: declared.Resource{Resource: "pods"}}, {Verb: "watch", Resource: declared.Resource{Resource: "pods"}}},
		},
		{
			Permission: Permission{Verb: "escalate", Resource: declared.ClusterRoles, Name: "gopherlocks-operator"},
			Missing:    []Permission{{Verb: "list", Resource: declared.Resource{Resource: "pods"}}, {Verb: "watch", Resource: declared.Resource{Resource: "pods"}}},
		},
	}
	problem := Explain("jane", denied)
	want := "jane lacks permissions, which an administrator of the cluster can grant:\n" +
		"    create, delete customresourcedefinitions.apiextensions.k8s.io (cluster-wide)\n" +
		"    patch secrets (namespaces hpc, other)\n" +
		"    bind, escalate clusterroles.rbac.authorization.k8s.io/gopherlocks-operator (cluster-wide), or all that it grants; of that is missing: list, watch pods (cluster-wide)"
	if problem == nil || problem.Reason != ReasonForbidden || problem.Message != want {
		t.Errorf("problem = %+v\nwant %s", problem, want)
	}
	if got := crd.String(); got != "create customresourcedefinitions.apiextensions.k8s.io (cluster-wide)" {
		t.Errorf("a permission in words: %q", got)
	}
	if Explain("jane", nil) != nil {
		t.Error("nothing is missing, and it is a problem")
	}
}

// TestNamespacesAreAskedForAsTheAPIServerJudgesThem: a Role in a namespace may allow
// to get it.
func TestNamespacesAreAskedForAsTheAPIServerJudgesThem(t *testing.T) {
	known := Permission{Verb: "get", Resource: declared.Namespaces, Namespace: "kube-system", Name: "kube-system"}
	if !slices.ContainsFunc(Judge(desired(), facts()).Needs, func(n Need) bool { return n.Permission == known }) {
		t.Error("what the cluster is known by is not asked for")
	}
	for _, n := range Judge(desired(), facts()).Needs {
		if n.Resource == declared.Namespaces && n.Name != "" && n.Namespace != n.Name {
			t.Errorf("%s is asked for in namespace %q", n.Permission, n.Namespace)
		}
	}
}
