package cluster

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/tools/clientcmd/api"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/gopherlocks/gopherlocks/crds"
	"github.com/gopherlocks/gopherlocks/declared"
	"github.com/gopherlocks/gopherlocks/preflight"
)

var operatorAt = preflight.NamespacedName{Namespace: "gopherlocks-system", Name: "gopherlocks-operator"}

// look reads the facts, and fails the test if it cannot.
func look(t *testing.T, c *Cluster, want preflight.Desired) preflight.Facts {
	t.Helper()
	f, err := c.Look(t.Context(), want, operatorAt)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// upstream is the Flux Operator's definition, as far as it matters here.
func upstream(versions ...string) *apiextensionsv1.CustomResourceDefinition {
	crd := &apiextensionsv1.CustomResourceDefinition{
		ObjectMeta: metav1.ObjectMeta{Name: preflight.DefinitionName},
		Spec: apiextensionsv1.CustomResourceDefinitionSpec{
			Group: "flux-framework.org", Scope: apiextensionsv1.NamespaceScoped,
			Names: apiextensionsv1.CustomResourceDefinitionNames{Plural: "miniclusters", Singular: "minicluster", Kind: "MiniCluster", ListKind: "MiniClusterList"},
		},
	}
	for i, name := range versions {
		crd.Spec.Versions = append(crd.Spec.Versions, apiextensionsv1.CustomResourceDefinitionVersion{
			Name: name, Served: true, Storage: i == 0,
			Schema: &apiextensionsv1.CustomResourceValidation{OpenAPIV3Schema: &apiextensionsv1.JSONSchemaProps{
				Type: "object", XPreserveUnknownFields: ptr.To(true),
			}},
		})
	}
	return crd
}

// install makes a definition and waits until its resources are served. At the end
// of the test it removes them and waits until they are gone.
func install(t *testing.T, crd *apiextensionsv1.CustomResourceDefinition) {
	t.Helper()
	create(t, crd)
	wait(t, func() bool {
		var list unstructured.UnstructuredList
		list.SetAPIVersion("flux-framework.org/" + crd.Spec.Versions[0].Name)
		list.SetKind("MiniClusterList")
		return world.client.List(t.Context(), &list) == nil
	})
}

func wait(t *testing.T, until func() bool) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for !until() {
		if time.Now().After(deadline) {
			t.Fatal("after a minute still not")
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func TestEmptyClusterHasNothingToTell(t *testing.T) {
	c := connect(t, "")
	var system corev1.Namespace
	wait(t, func() bool { // The API server makes it itself, once it serves.
		return world.client.Get(t.Context(), client.ObjectKey{Name: "kube-system"}, &system) == nil
	})
	f := look(t, c, preflight.Desired{PullSecrets: []preflight.NamespacedName{{Namespace: "nowhere", Name: "registry"}}})
	if !strings.HasPrefix(f.Version, "v1.") || f.User == "" {
		t.Errorf("version %q, user %q", f.Version, f.User)
	}
	if f.ClusterID == "" || f.ClusterID != string(system.UID) {
		t.Errorf("the cluster is %q, want the UID of kube-system, %s", f.ClusterID, system.UID)
	}
	if f.Definition != nil || f.FluxOperators != nil || f.FluxOperatorsUnknown != "" || f.Operator != nil || f.MetricsAPI != nil ||
		len(f.Namespaces) != 0 || f.SecretsMissing != nil {
		t.Errorf("facts = %+v", f)
	}
}

// namespaced declares a namespace of each kind.
var namespaced = preflight.Desired{
	Objects: []declared.Object{
		{Resource: declared.Namespaces, Name: "old"}, {Resource: declared.Namespaces, Name: "signed"}, {Resource: declared.Namespaces, Name: "new"},
	},
	PullSecrets: []preflight.NamespacedName{{Namespace: "old", Name: "there"}, {Namespace: "old", Name: "missing"}, {Namespace: "new", Name: "to-come"}},
}

func TestWhatIsThereIsFound(t *testing.T) {
	c := connect(t, "")
	create(t,
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "old"}},
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "signed", Annotations: map[string]string{declared.AnnotationStack: "o/p/s"}}},
		&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "there", Namespace: "old"}},
		metricsAPI())
	crd := upstream("v1alpha2")
	crd.Annotations = map[string]string{"meta.helm.sh/release-name": "flux", "meta.helm.sh/release-namespace": "hpc"}
	install(t, crd)
	for _, name := range []string{"a", "b", "c"} {
		create(t, miniCluster(name))
	}
	desired := namespaced
	signed := func(group, resource, namespace, name string) declared.Object {
		return declared.Object{Resource: declared.Resource{Group: group, Resource: resource}, Namespace: namespace, Name: name, Exclusive: true}
	}
	a, to, secret := signed("flux-framework.org", "miniclusters", "default", "a"), signed("flux-framework.org", "miniclusters", "default", "to-come"), signed("", "secrets", "old", "there")
	api := declared.Object{Resource: declared.APIServices, Name: declared.MetricsAPIName, Exclusive: true}
	desired.Objects = append(slices.Clone(desired.Objects), a, to, secret, api)
	f := look(t, c, desired)
	if _, comes := f.Objects[to.ID()]; comes || len(f.Objects) != 3 || f.Objects[a.ID()].Stack != "o/p/s" || f.Objects[secret.ID()].Stack != "" ||
		f.Objects[api.ID()].Service != "kube-system/metrics-server" {
		t.Errorf("objects = %+v", f.Objects)
	}
	if len(f.Namespaces) != 3 || f.Namespaces["old"].Stack != "" || f.Namespaces["signed"].Stack != "o/p/s" {
		t.Errorf("namespaces = %+v", f.Namespaces)
	}
	if want := []preflight.NamespacedName{{Namespace: "old", Name: "missing"}}; !slices.Equal(f.SecretsMissing, want) {
		t.Errorf("missing Secrets = %v, want %v", f.SecretsMissing, want)
	}
	if d := f.Definition; d == nil || d.Ours || d.MiniClusters != 3 || d.HelmRelease.String() != "hpc/flux" || !slices.Equal(d.Stored, []string{"v1alpha2"}) {
		t.Errorf("definition = %+v", d)
	}
	if m := f.MetricsAPI; m == nil || m.Service != "kube-system/metrics-server" || m.Stack != "" {
		t.Errorf("metrics API = %+v", m)
	}
	// It has no Service, which the aggregator notices after a while.
	wait(t, func() bool { return look(t, c, namespaced).MetricsAPI.Unavailable != "" })
}

func miniCluster(name string) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "flux-framework.org/v1alpha2", "kind": "MiniCluster",
		"metadata": map[string]any{"name": name, "namespace": "default", "annotations": map[string]any{declared.AnnotationStack: "o/p/s"}}, "spec": map[string]any{"size": int64(2)},
	}}
}

func metricsAPI() *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "metadata": map[string]any{"name": declared.MetricsAPIName},
		"spec": map[string]any{
			"group": "metrics.k8s.io", "version": "v1beta1", "groupPriorityMinimum": int64(100), "versionPriority": int64(100),
			"insecureSkipTLSVerify": true, "service": map[string]any{"namespace": "kube-system", "name": "metrics-server"},
		},
	}}
}

func TestOurDefinitionIsKnownByItsLabel(t *testing.T) {
	c := connect(t, "")
	for _, ours := range []bool{true, false} {
		var crd apiextensionsv1.CustomResourceDefinition
		if err := yaml.Unmarshal(crds.MiniCluster, &crd); err != nil {
			t.Fatal(err)
		}
		if !ours {
			crd.Labels = nil
		}
		t.Run(fmt.Sprint(ours), func(t *testing.T) {
			// Until another test's definition is gone.
			wait(t, func() bool { return look(t, c, preflight.Desired{}).Definition == nil })
			create(t, &crd)
			if d := look(t, c, preflight.Desired{}).Definition; d == nil || d.Ours != ours {
				t.Errorf("definition = %+v", d)
			}
		})
	}
}

func deployment(namespace, name, image string, replicas *int32) *appsv1.Deployment {
	labels := map[string]string{"control-plane": "controller-manager"}
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: labels},
		Spec: appsv1.DeploymentSpec{
			Replicas: replicas, Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "manager", Image: image}}},
			},
		},
	}
}

func TestFluxOperatorsAreFoundAndNothingElse(t *testing.T) {
	c := connect(t, "")
	create(t, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "operator-system"}},
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: operatorAt.Namespace}})
	own := deployment(operatorAt.Namespace, operatorAt.Name, "registry.example/gopherlocks-operator:1", nil)
	own.Annotations = map[string]string{declared.AnnotationStack: "o/p/s"}
	create(t, own,
		deployment("operator-system", "operator-controller-manager", "registry.example:5000/mirror/flux-operator:v2", nil),
		deployment("default", "hpc-controller-manager", "ghcr.io/flux-framework/flux-operator:latest", ptr.To[int32](0)),
		// Flux CD's, and somebody else's of kubebuilder.
		deployment("default", "flux-operator", "ghcr.io/controlplaneio-fluxcd/flux-operator:v0.30.0", nil),
		deployment("default", "another-controller-manager", "registry.example/another:1", nil))
	f := look(t, c, preflight.Desired{})
	slices.SortFunc(f.FluxOperators, func(a, b preflight.Deployment) int { return strings.Compare(a.Namespace, b.Namespace) })
	want := []preflight.Deployment{
		{NamespacedName: preflight.NamespacedName{Namespace: "default", Name: "hpc-controller-manager"}, Image: "ghcr.io/flux-framework/flux-operator:latest"},
		{NamespacedName: preflight.NamespacedName{Namespace: "operator-system", Name: "operator-controller-manager"}, Image: "registry.example:5000/mirror/flux-operator:v2", Replicas: 1},
	}
	if !slices.Equal(f.FluxOperators, want) || f.FluxOperatorsUnknown != "" {
		t.Errorf("found %+v (%s), want %+v", f.FluxOperators, f.FluxOperatorsUnknown, want)
	}
	if f.Operator == nil || f.Operator.Stack != "o/p/s" {
		t.Errorf("our operator = %+v", f.Operator)
	}

	// A user who may look only at the usual place finds what is there, and says so.
	allow(t, "neighbour", "operator-system", rule("apps", "deployments", "list"))
	f = look(t, connect(t, "neighbour"), preflight.Desired{})
	if !slices.Equal(f.FluxOperators, want[1:]) || !strings.Contains(f.FluxOperatorsUnknown, "cluster scope") {
		t.Errorf("the neighbour finds %+v (%s)", f.FluxOperators, f.FluxOperatorsUnknown)
	}
}

// needed are the needs to put an object of each kind into an empty cluster.
func needed() []preflight.Need {
	rules := []rbacv1.PolicyRule{rule("", "pods", "get", "list"), rule("batch", "jobs", "create")}
	role := declared.Object{Resource: declared.ClusterRoles, Name: "role", Rules: rules}
	return preflight.Judge(preflight.Desired{Metrics: preflight.MetricsSkip, Objects: []declared.Object{
		{Resource: declared.Definitions, Name: preflight.DefinitionName},
		role,
		{Resource: declared.RoleBindings, Namespace: "default", Name: "binding", Role: &role},
		{Resource: declared.Secrets, Namespace: "default", Name: "one"},
	}}, preflight.Facts{Version: "v1.34.2"}).Needs
}

func denials(t *testing.T, user string) []preflight.Denial {
	t.Helper()
	denied, err := connect(t, user).Denied(t.Context(), needed())
	if err != nil {
		t.Fatal(err)
	}
	return denied
}

func TestPermissionsThatAreMissingAreFoundByName(t *testing.T) {
	if denied := denials(t, ""); denied != nil {
		t.Errorf("an administrator lacks %v", denied)
	}
	var all []string
	for _, n := range needed() {
		all = append(all, n.String())
	}
	var lacks []string
	for _, d := range denials(t, "nobody") {
		lacks = append(lacks, d.String())
	}
	if !slices.Equal(lacks, all) {
		t.Errorf("nobody lacks %q, want %q", lacks, all)
	}

	verbs := []string{"create", "get", "list", "watch", "patch", "delete"}
	allow(t, "jane", "", rule("apiextensions.k8s.io", "customresourcedefinitions", "get", "list", "watch", "patch"),
		rule(rbacv1.GroupName, "clusterroles", verbs...), rule("", "pods", "get"))
	oneSecret := rule("", "secrets", "get", "patch", "delete")
	oneSecret.ResourceNames = []string{"one"}
	allow(t, "jane", "default", rule(rbacv1.GroupName, "rolebindings", verbs...), rule("", "pods", "list"), rule("batch", "jobs", "create"),
		oneSecret, rule("", "secrets", "create", "list", "watch"))
	allow(t, "jane", "kube-system", rule("", "namespaces", "get"))
	want := []string{
		"create customresourcedefinitions.apiextensions.k8s.io (cluster-wide)",
		"delete customresourcedefinitions.apiextensions.k8s.io/miniclusters.flux-framework.org (cluster-wide)",
		// In the namespace she has what the role grants, so she may bind it there.
		"escalate clusterroles.rbac.authorization.k8s.io/role (cluster-wide): [list pods (cluster-wide) create jobs.batch (cluster-wide)]",
	}
	var got []string
	for _, d := range denials(t, "jane") {
		text := d.String()
		if len(d.Missing) > 0 {
			var missing []string
			for _, p := range d.Missing {
				missing = append(missing, p.String())
			}
			text += ": [" + strings.Join(missing, " ") + "]"
		}
		got = append(got, text)
	}
	if !slices.Equal(got, want) {
		t.Errorf("jane lacks %q\nwant %q", got, want)
	}
}

// TestWhoMayNotAskIsNotTakenForAllowed takes away the binding that lets every user
// ask.
func TestWhoMayNotAskIsNotTakenForAllowed(t *testing.T) {
	c := connect(t, "nobody")
	binding := &rbacv1.ClusterRoleBinding{}
	if err := world.client.Get(t.Context(), client.ObjectKey{Name: "system:basic-user"}, binding); err != nil {
		t.Fatal(err)
	}
	if err := world.client.Delete(t.Context(), binding); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		binding.ObjectMeta = metav1.ObjectMeta{Name: binding.Name}
		if err := world.client.Create(context.Background(), binding); err != nil {
			t.Error(err)
		}
	})
	var err error
	wait(t, func() bool {
		_, err = c.Denied(t.Context(), needed())
		return err != nil
	})
	if !strings.Contains(err.Error(), "may not ask what they may do") {
		t.Errorf("error = %v", err)
	}
}

// TestEscalationIsWhatTheAPIServerCallsIt compares our answer with what the API
// server does when a role is made and bound.
func TestEscalationIsWhatTheAPIServerCallsIt(t *testing.T) {
	verbs := []string{"create", "get", "list", "watch", "patch", "delete"}
	for user, further := range map[string][]rbacv1.PolicyRule{
		"without-anything": nil,
		"by-the-verbs":     {rule(rbacv1.GroupName, "clusterroles", "escalate", "bind")},
		"by-holding-it":    {rule("", "pods", "get", "list"), rule("batch", "jobs", "create")},
	} {
		allow(t, user, "", append(further, rule(rbacv1.GroupName, "clusterroles", verbs...), rule(rbacv1.GroupName, "rolebindings", verbs...),
			rule("apiextensions.k8s.io", "customresourcedefinitions", verbs...), rule("", "secrets", verbs...), rule("", "namespaces", "get"))...)
		c := connect(t, user)
		denied, err := c.Denied(t.Context(), needed())
		if err != nil {
			t.Fatal(err)
		}
		role := &rbacv1.ClusterRole{
			ObjectMeta: metav1.ObjectMeta{Name: "role-of-" + user},
			Rules:      []rbacv1.PolicyRule{rule("", "pods", "get", "list"), rule("batch", "jobs", "create")},
		}
		_, err = c.typed.RbacV1().ClusterRoles().Create(t.Context(), role, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		if (err == nil) != (len(denied) == 0) {
			t.Errorf("%s: denied %v, and the API server says %v", user, denied, err)
		}
		if user == "without-anything" && len(denied) != 2 {
			t.Errorf("%s lacks %v, want to escalate and to bind", user, denied)
		}
	}
}

func TestCredentialsThatDoNotWorkAreNamed(t *testing.T) {
	content := kubeconfigAs(t, func(a *api.AuthInfo) { *a = api.AuthInfo{Token: "of-long-ago"} })
	c, err := Connect(content)
	if err != nil {
		t.Fatal(err)
	}
	if _, err = c.Look(t.Context(), preflight.Desired{}, operatorAt); err == nil || !strings.Contains(err.Error(), "refuses the credentials of user") {
		t.Errorf("error = %v", err)
	}
	content = kubeconfigAs(t, func(a *api.AuthInfo) {
		*a = api.AuthInfo{Exec: &api.ExecConfig{APIVersion: "client.authentication.k8s.io/v1", Command: "no-such-login-program", InteractiveMode: api.NeverExecInteractiveMode}}
	})
	if c, err = Connect(content); err != nil {
		t.Fatal(err)
	}
	_, err = c.Look(t.Context(), preflight.Desired{}, operatorAt)
	if err == nil || !strings.Contains(err.Error(), "the kubeconfig's program for the credentials") || !strings.Contains(err.Error(), "no-such-login-program") {
		t.Errorf("error = %v", err)
	}
	content = kubeconfigAs(t, func(a *api.AuthInfo) { a.ClientCertificateData = expiredCertificate(t) })
	if _, err = Connect(content); err == nil || !strings.Contains(err.Error(), "has expired on") {
		t.Errorf("error = %v", err)
	}
}
