package environment

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/gopherlocks/gopherlocks/components"
	"github.com/gopherlocks/gopherlocks/components/componentstest"
	"github.com/gopherlocks/gopherlocks/config"
	"github.com/gopherlocks/gopherlocks/declared"
	"github.com/gopherlocks/gopherlocks/preflight"
)

// thisStack is what the recorder's stack signs with.
const thisStack = "organization/gopherlocks/dev"

const (
	namespaceToken  = "kubernetes:core/v1:Namespace"
	definitionToken = "kubernetes:apiextensions.k8s.io/v1:CustomResourceDefinition"
	secretToken     = "kubernetes:core/v1:Secret"
)

// signed is an annotation, whose name has dots in it.
func signed(r componentstest.Registration) any {
	annotations, _ := r.At("metadata.annotations").(map[string]any)
	return annotations[declared.AnnotationStack]
}

func TestExistingClusterIsKnownByWhatStays(t *testing.T) {
	system := strings.Replace(there("v1", "Namespace", "kube-system", ""), `"metadata": {`, `"metadata": {"uid": "c-1", `, 1)
	r := onAnswering(t, &answering{objects: map[string]string{namespacePath + "kube-system": system}}, existingSettings(described("hpc", "a")))
	r.Get(t, "pulumi:providers:kubernetes", "cluster").Want(t, map[string]any{"clusterIdentifier": "c-1"})
}

func TestWhatAStackMakesIsSignedAndGoesWithIt(t *testing.T) {
	a := described("hpc", "a")
	a.Autoscale, a.Resources = &components.AutoscaleArgs{CPUTarget: 50}, map[string]map[string]string{"requests": {"cpu": "1"}}
	s := existingSettings(a)
	s.MetricsServer, s.ImagePullSecret, s.RegistryCredentials = preflight.MetricsAuto, "registry", `{"auths": {"r": {"auth": "hidden"}}}`
	s.QueueMetrics, s.QueueMetricsImage = true, "metrics"
	r := onAnswering(t, &answering{}, s)
	for _, c := range []struct{ token, name string }{
		{namespaceToken, "hpc"},
		{namespaceToken, "operator-namespace"},
		{miniClusterObject, "hpc/a"},
		{hpaObject, "hpc/a-hpa"},
		{secretToken, "operator-registry"},
		{secretToken, "metrics-server-registry"},
		{secretToken, "hpc/registry"},
		{"kubernetes:apps/v1:Deployment", "operator"},
		{"kubernetes:apps/v1:Deployment", "metrics-server"},
		{"kubernetes:apiregistration.k8s.io/v1:APIService", "metrics-server"},
		{"kubernetes:apps/v1:Deployment", "queue-metrics"},
		{"kubernetes:apiregistration.k8s.io/v1:APIService", "queue-metrics"},
		{"kubernetes:apiregistration.k8s.io/v1:APIService", "queue-metrics-v1beta1"},
	} {
		made := r.Get(t, c.token, c.name)
		if got := signed(made); got != thisStack || made.RPC.GetRetainOnDelete() {
			t.Errorf("%s %s: signed %v, stays %t", c.token, c.name, got, made.RPC.GetRetainOnDelete())
		}
	}
}

// TestDefinitionStays: with it, the MiniClusters of everybody would go.
func TestDefinitionStays(t *testing.T) {
	r := onExisting(t, described("hpc", "a"))
	if crd := r.Get(t, definitionToken, "operator-customresourcedefinition"); !crd.RPC.GetRetainOnDelete() {
		t.Error("it goes with the stack")
	}
}

// TestNamespaceOfEverybodyStays: Kubernetes does not let anybody delete it.
func TestNamespaceOfEverybodyStays(t *testing.T) {
	r := componentstest.NewRecorder()
	s := onOneMiniCluster("embedded")
	s.MiniClusters[0].Namespace = pulumi.String("default")
	s.OperatorImage, s.AgentImage, s.MetricsServer = "operator", "agent", preflight.MetricsSkip
	if err := r.Run(func(ctx *pulumi.Context) error {
		_, err := New(ctx, s)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if !r.Get(t, namespaceToken, "default").RPC.GetRetainOnDelete() {
		t.Error("it goes with its last MiniCluster")
	}
	if crd := r.Get(t, definitionToken, "operator-customresourcedefinition"); crd.RPC.GetRetainOnDelete() {
		t.Error("the definition outlives a cluster of this machine in the state")
	}
}

// TestWhatOthersHaveMadeIsNotTaken, whatever it is.
func TestWhatOthersHaveMadeIsNotTaken(t *testing.T) {
	server := &answering{objects: map[string]string{
		"/apis/flux-framework.org/v1alpha1/namespaces/hpc/miniclusters/a":              there("flux-framework.org/v1alpha1", "MiniCluster", "a", ""),
		"/apis/autoscaling/v2/namespaces/hpc/horizontalpodautoscalers/a-hpa":           there("autoscaling/v2", "HorizontalPodAutoscaler", "a-hpa", "organization/gopherlocks/other"),
		namespacePath + "hpc/secrets/registry":                                         there("v1", "Secret", "registry", ""),
		"/apis/apps/v1/namespaces/kube-system/deployments/metrics-server":              there("apps/v1", "Deployment", "metrics-server", ""),
		"/apis/apps/v1/namespaces/gopherlocks-system/deployments/gopherlocks-operator": there("apps/v1", "Deployment", "gopherlocks-operator", ""),
		"/apis/flux-framework.org/v1alpha2/namespaces/hpc/miniclusters/b":              there("flux-framework.org/v1alpha2", "MiniCluster", "b", thisStack),
	}}
	a := described("hpc", "a")
	a.Autoscale, a.Resources = &components.AutoscaleArgs{CPUTarget: 50}, map[string]map[string]string{"requests": {"cpu": "1"}}
	s := existingSettings(a, described("hpc", "b"))
	s.MetricsServer, s.ImagePullSecret, s.RegistryCredentials = preflight.MetricsAuto, "registry", `{"auths": {"r": {"auth": "hidden"}}}`
	s.Kubeconfig = server.start(t)
	componentstest.MustRefuse(t, func(ctx *pulumi.Context) error {
		_, err := New(ctx, s)
		if err != nil && strings.Count(err.Error(), "Exists)") != 5 {
			t.Errorf("not five problems: %v", err)
		}
		return err
	}, "miniclusters.flux-framework.org hpc/a is there already and bears no stack's name",
		"horizontalpodautoscalers.autoscaling hpc/a-hpa is there already and is of the stack organization/gopherlocks/other",
		"secrets hpc/registry is there already", "deployments.apps kube-system/metrics-server is there already",
		"the operator is there already and bears no stack's name")
}

// TestCustomMetricsOfOthersAreLeftAlone: Prometheus' adapter serves one version of two, and its
// autoscalers would ask us by the other.
func TestCustomMetricsOfOthersAreLeftAlone(t *testing.T) {
	const name = "v1beta1.custom.metrics.k8s.io"
	adapter := strings.TrimSuffix(there("apiregistration.k8s.io/v1", "APIService", name, ""), "}") +
		`, "spec": {"service": {"namespace": "monitoring", "name": "prometheus-adapter"}}}`
	server := &answering{objects: map[string]string{"/apis/apiregistration.k8s.io/v1/apiservices/" + name: adapter}}
	s := existingSettings(described("hpc", "a"))
	if onAnswering(t, server, s).Has("gopherlocks:components:QueueMetrics", "queue-metrics") {
		t.Error("the metrics are installed, and nobody has asked for them")
	}
	s.QueueMetrics, s.QueueMetricsImage, s.Kubeconfig = true, "metrics", server.start(t)
	componentstest.MustRefuse(t, func(ctx *pulumi.Context) error {
		_, err := New(ctx, s)
		return err
	}, "Service monitoring/prometheus-adapter serves "+name+" already", "pulumi config set queueMetrics false")
}

func TestWhatWasThereBeforeIsNotSignedAndStays(t *testing.T) {
	server := &answering{objects: map[string]string{
		namespacePath + "hpc":                there("v1", "Namespace", "hpc", ""),
		namespacePath + "mine":               there("v1", "Namespace", "mine", thisStack),
		namespacePath + "gopherlocks-system": there("v1", "Namespace", "gopherlocks-system", "organization/gopherlocks/other"),
		definitionPath:                       strings.Replace(there("apiextensions.k8s.io/v1", "CustomResourceDefinition", preflight.DefinitionName, ""), `"annotations"`, `"labels": {"app.kubernetes.io/part-of": "gopherlocks"}, "annotations"`, 1),
	}}
	r := onAnswering(t, server, existingSettings(described("hpc", "a"), described("mine", "b")))
	for _, c := range []struct{ token, name string }{
		{namespaceToken, "hpc"}, {namespaceToken, "operator-namespace"}, {definitionToken, "operator-customresourcedefinition"},
	} {
		kept := r.Get(t, c.token, c.name)
		if got := signed(kept); got != nil || !kept.RPC.GetRetainOnDelete() {
			t.Errorf("%s %s: signed %v, stays %t", c.token, c.name, got, kept.RPC.GetRetainOnDelete())
		}
	}
	if mine := r.Get(t, namespaceToken, "mine"); signed(mine) != thisStack || mine.RPC.GetRetainOnDelete() {
		t.Errorf("the stack's own namespace: signed %v, stays %t", signed(mine), mine.RPC.GetRetainOnDelete())
	}
}

func TestMetricsServerOfOthersIsLeftAlone(t *testing.T) {
	s := existingSettings(described("hpc", "a"))
	s.MetricsServer = preflight.MetricsAuto
	server := &answering{objects: map[string]string{metricsAPIPath: there("apiregistration.k8s.io/v1", "APIService", declared.MetricsAPIName, "")}}
	r := onAnswering(t, server, s)
	if r.Has("gopherlocks:components:MetricsServer", "metrics-server") {
		t.Error("it is installed beside another")
	}
	r.Get(t, "gopherlocks:components:Cluster", "cluster").Want(t, map[string]any{"existing.metricsServedBy": "the API server itself"})

	server.objects[metricsAPIPath] = there("apiregistration.k8s.io/v1", "APIService", declared.MetricsAPIName, thisStack)
	if !onAnswering(t, server, s).Has("gopherlocks:components:MetricsServer", "metrics-server") {
		t.Error("the stack drops the one that it has installed")
	}
}

func TestExistingClusterIsJudgedBeforeAnythingIsDeclared(t *testing.T) {
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	refusing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = w.Write([]byte(`{"apiVersion": "v1", "kind": "Status", "status": "Failure", "reason": "Unauthorized", "code": 401}`))
	}))
	t.Cleanup(refusing.Close)
	distrusted := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(distrusted.Close)
	limited := &answering{
		denies: func(verb, resource string) bool {
			return verb == "create" && resource == "clusterrolebindings" || verb == "escalate" || verb == "watch" && resource == "pods"
		},
		objects: map[string]string{definitionPath: there("apiextensions.k8s.io/v1", "CustomResourceDefinition", preflight.DefinitionName, "")},
	}
	for name, c := range map[string]struct {
		kubeconfig string
		want       []string
	}{
		"no kubeconfig":       {"/nowhere/kubeconfig", []string{"gopherlocks:kubeconfig: give the path of a kubeconfig that can be read"}},
		"nobody answers":      {writeKubeconfig(t, gone.URL), []string{`gopherlocks:context: the cluster of context "it" (` + gone.URL + `) does not answer`, "connection refused", "kubectl --context it version"}},
		"expired credentials": {writeKubeconfig(t, refusing.URL), []string{`refuses the credentials of user "it"`, "log in again", "kubectl --context it auth whoami"}},
		"another certificate": {writeKubeconfig(t, distrusted.URL), []string{"cannot be trusted", "certificate-authority"}},
		"all problems at once": {limited.start(t), []string{
			"cannot take this stack, so nothing was changed", "(ForeignDefinition)",
			"create clusterrolebindings.rbac.authorization.k8s.io (cluster-wide)", "watch pods (namespace gopherlocks-system)",
			"escalate clusterroles.rbac.authorization.k8s.io/gopherlocks-operator (cluster-wide), or all that it grants; of that is missing: watch pods (cluster-wide)",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			componentstest.MustRefuse(t, func(ctx *pulumi.Context) error {
				s := existingSettings(described("hpc", "a"))
				s.Kubeconfig = c.kubeconfig
				_, err := New(ctx, s)
				return err
			}, c.want...)
		})
	}
}

// TestOnlyAnHPANeedsMetrics: who scales by the queue asks nobody for them.
func TestOnlyAnHPANeedsMetrics(t *testing.T) {
	byCPU, byQueue := described("hpc", "a"), described("hpc", "b")
	byCPU.Autoscale = &components.AutoscaleArgs{CPUTarget: 50}
	byQueue.Flux, byQueue.QueueAutoscale = true, &components.QueueAutoscaleArgs{}
	for _, c := range []struct {
		miniClusters []config.MiniCluster
		want         bool
	}{{[]config.MiniCluster{byQueue}, false}, {[]config.MiniCluster{byCPU, byQueue}, true}} {
		desired, err := desiredOf(existingSettings(c.miniClusters...), thisStack)
		if err != nil || desired.Autoscales != c.want {
			t.Errorf("of %d MiniClusters: %t, %v; want %t", len(c.miniClusters), desired.Autoscales, err, c.want)
		}
	}
}

// TestDesiredIsWhatIsDeclared holds the list, by which permissions are asked for,
// against what the components really declare.
func TestDesiredIsWhatIsDeclared(t *testing.T) {
	a, b := described("hpc", "a"), described("other", "b")
	a.Autoscale, a.Resources = &components.AutoscaleArgs{CPUTarget: 50}, map[string]map[string]string{"requests": {"cpu": "1"}}
	b.Flux, b.QueueAutoscale = true, &components.QueueAutoscaleArgs{}
	s := existingSettings(a, b)
	s.MetricsServer, s.ImagePullSecret, s.RegistryCredentials = preflight.MetricsInstall, "registry", `{"auths": {"r": {"auth": "hidden"}}}`
	s.QueueMetrics, s.QueueMetricsImage = true, "metrics"
	desired, err := desiredOf(s, thisStack)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]bool{}
	for _, o := range slices.Concat(desired.Objects, desired.MetricsServer) {
		want[strings.Join([]string{o.Group, o.Resource.Resource, o.Namespace, o.Name}, " ")] = true
	}
	got := map[string]bool{}
	for key, made := range onAnswering(t, &answering{}, s).Asked {
		token, isKubernetes := strings.CutPrefix(strings.Fields(key)[0], "kubernetes:")
		if !isKubernetes {
			continue
		}
		apiVersion, kind, _ := strings.Cut(token, ":")
		group, _, _ := strings.Cut(apiVersion, "/")
		if group == "core" {
			group = ""
		}
		namespace, _ := made.At("metadata.namespace").(string)
		name, _ := made.At("metadata.name").(string)
		got[strings.Join([]string{group, plural(kind), namespace, name}, " ")] = true
		checkRules(t, made, slices.Concat(desired.Objects, desired.MetricsServer), plural(kind), name)
	}
	if !maps.Equal(got, want) {
		t.Errorf("declared: %q\ndesired:  %q", slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)))
	}
}

func plural(kind string) string { return strings.ToLower(kind) + "s" }

// checkRules compares how many rules a role has, and which one a binding refers to.
func checkRules(t *testing.T, made componentstest.Registration, desired []declared.Object, resource, name string) {
	t.Helper()
	rules, _ := made.At("rules").([]any)
	refers, _ := made.At("roleRef.name").(string)
	for _, o := range desired {
		if o.Resource.Resource != resource || o.Name != name {
			continue
		}
		if len(o.Rules) != len(rules) {
			t.Errorf("%s %s: %d rules are desired, %d declared", resource, name, len(o.Rules), len(rules))
		}
		if o.Role == nil && refers != "" || o.Role != nil && o.Role.Name != refers {
			t.Errorf("%s %s refers to %q, desired is %+v", resource, name, refers, o.Role)
		}
	}
}

func TestPullSecretsAreMadeWhereImagesArePulled(t *testing.T) {
	a, b := described("hpc", "a"), described("other", "b")
	a.ImagePullSecret, b.ImagePullSecret = pulumi.String("registry"), pulumi.String("of-their-own")
	s := existingSettings(a, b, described("hpc", "public"))
	s.MetricsServer, s.ImagePullSecret, s.RegistryCredentials = preflight.MetricsInstall, "registry", `{"auths": {"r": {"auth": "hidden"}}}`
	r := onAnswering(t, &answering{}, s)
	for name, namespace := range map[string]string{
		"operator-registry": "gopherlocks-system", "metrics-server-registry": "kube-system", "hpc/registry": "hpc", "other/registry": "other",
	} {
		secret := r.Get(t, secretToken, name)
		secret.Want(t, map[string]any{"metadata.name": "registry", "metadata.namespace": namespace, "type": "kubernetes.io/dockerconfigjson"})
		// The magic key of a secret in Pulumi's protocol.
		data := secret.RPC.GetObject().GetFields()["stringData"].String()
		if !strings.Contains(data, "4dabf18193072939515e22adb298388d") {
			t.Errorf("the content of %s is not a secret: %s", name, data)
		}
	}
	for _, name := range []string{"operator", "metrics-server"} {
		pod := r.Get(t, "kubernetes:apps/v1:Deployment", name).At("spec.template.spec").(map[string]any)
		if got := pod["imagePullSecrets"]; len(got.([]any)) != 1 || got.([]any)[0].(map[string]any)["name"] != "registry" {
			t.Errorf("%s pulls with %v", name, got)
		}
	}
	for name, want := range map[string]any{"hpc/a": "registry", "other/b": "of-their-own", "hpc/public": nil} {
		container := r.Get(t, miniClusterObject, name).At("spec.containers").([]any)[0].(map[string]any)
		if container["imagePullSecret"] != want {
			t.Errorf("%s pulls with %v, want %v", name, container["imagePullSecret"], want)
		}
	}
}

func TestPullSecretsOfOthersMustBeThere(t *testing.T) {
	a := described("hpc", "a")
	a.ImagePullSecret = pulumi.String("registry")
	s := existingSettings(a)
	s.ImagePullSecret = "registry"
	server := &answering{objects: map[string]string{namespacePath + "hpc": there("v1", "Namespace", "hpc", "")}}
	s.Kubeconfig = server.start(t)
	componentstest.MustRefuse(t, func(ctx *pulumi.Context) error {
		_, err := New(ctx, s)
		return err
	}, `imagePullSecret "registry" is not in namespace hpc`, "(PullSecretMissing)")

	server.objects[namespacePath+"hpc/secrets/registry"] = there("v1", "Secret", "registry", "")
	r := onAnswering(t, server, s)
	if r.Has(secretToken, "hpc/registry") || r.Has(secretToken, "operator-registry") {
		t.Error("a Secret is made without credentials")
	}
}
