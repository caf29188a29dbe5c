package components

import (
	"bytes"
	"fmt"

	"k8s.io/api/rbac/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"

	"github.com/gopherlocks/gopherlocks/config"
	"github.com/gopherlocks/gopherlocks/crds"
	"github.com/gopherlocks/gopherlocks/operator/rbac"
	"github.com/gopherlocks/gopherlocks/preflight"
)

// Kinds of Kubernetes objects that the components declare.
var (
	kindServiceAccount     = preflight.Resource{Resource: "serviceaccounts"}
	kindSecret             = preflight.Resource{Resource: "secrets"}
	kindService            = preflight.Resource{Resource: "services"}
	kindDeployment         = preflight.Resource{Group: "apps", Resource: "deployments"}
	kindClusterRole        = preflight.Resource{Group: v1.GroupName, Resource: "clusterroles"}
	kindClusterRoleBinding = preflight.Resource{Group: v1.GroupName, Resource: "clusterrolebindings"}
	kindRole               = preflight.Resource{Group: v1.GroupName, Resource: "roles"}
	kindRoleBinding        = preflight.Resource{Group: v1.GroupName, Resource: "rolebindings"}
	kindAPIService         = preflight.Resource{Group: "apiregistration.k8s.io", Resource: "apiservices"}
	kindMiniCluster        = preflight.Resource{Group: "flux-framework.org", Resource: "miniclusters"}
	kindAutoscaler         = preflight.Resource{Group: "autoscaling", Resource: "horizontalpodautoscalers"}
)

// watchedWithDeployment is what Pulumi watches until a Deployment is up.
var watchedWithDeployment = []preflight.Resource{
	{Group: "apps", Resource: "replicasets"}, {Resource: "pods"}, {Resource: "persistentvolumeclaims"},
}

// wishesOf are what an environment declares in an existing cluster, as Kubernetes
// objects. They repeat what the components say, because permissions must be asked
// for before anything is declared; a test holds them against what is declared.
func wishesOf(s config.Settings, stack string) (preflight.Wishes, error) {
	w := preflight.Wishes{Stack: stack, Metrics: s.MetricsServer, TakeOver: s.TakeOverCRD}
	var definition apiextensionsv1.CustomResourceDefinition
	if err := yaml.Unmarshal(crds.MiniCluster, &definition); err != nil {
		return w, fmt.Errorf("definition of MiniClusters: %w", err)
	}
	for _, version := range definition.Spec.Versions {
		w.Served = append(w.Served, version.Name)
	}
	clusterRole, role, err := operatorRoles()
	if err != nil {
		return w, err
	}
	w.Objects = append(operatorObjects(clusterRole, role), miniClusterObjects(s)...)
	w.MetricsServer = metricsServerObjects()
	for _, m := range s.MiniClusters {
		w.Autoscales = w.Autoscales || m.Autoscale
	}
	addPullSecrets(&w, s)
	return w, nil
}

// operatorRoles reads the generated permissions.
func operatorRoles() (clusterRole v1.ClusterRole, role v1.Role, err error) {
	everywhere, atHome, _ := bytes.Cut(bytes.TrimPrefix(rbac.Role, []byte("---\n")), []byte("\n---"))
	if err := yaml.Unmarshal(everywhere, &clusterRole); err != nil {
		return clusterRole, role, fmt.Errorf("operator's ClusterRole: %w", err)
	}
	if err := yaml.Unmarshal(atHome, &role); err != nil {
		return clusterRole, role, fmt.Errorf("operator's Role: %w", err)
	}
	return clusterRole, role, nil
}

func object(kind preflight.Resource, namespace, name string) preflight.Object {
	return preflight.Object{Resource: kind, Namespace: namespace, Name: name}
}

// signedObject bears the stack's name.
func signedObject(kind preflight.Resource, namespace, name string) preflight.Object {
	o := object(kind, namespace, name)
	o.Signed = true
	return o
}

func roleObject(kind preflight.Resource, namespace, name string, rules []v1.PolicyRule) preflight.Object {
	o := object(kind, namespace, name)
	o.Rules = rules
	return o
}

func bindingObject(kind preflight.Resource, namespace, name string, role preflight.Object) preflight.Object {
	o := object(kind, namespace, name)
	o.Refers = &role
	return o
}

func deploymentObject(namespace, name string) preflight.Object {
	o := object(kindDeployment, namespace, name)
	o.Watches = watchedWithDeployment
	return o
}

func operatorObjects(everywhere v1.ClusterRole, atHome v1.Role) []preflight.Object {
	clusterRole := roleObject(kindClusterRole, "", operatorName, everywhere.Rules)
	role := roleObject(kindRole, operatorNamespace, operatorName, atHome.Rules)
	definition := object(preflight.Definitions, "", preflight.DefinitionName)
	definition.Stays = true
	return []preflight.Object{
		definition,
		object(preflight.Namespaces, "", operatorNamespace),
		object(kindServiceAccount, operatorNamespace, operatorName),
		clusterRole,
		role,
		bindingObject(kindClusterRoleBinding, "", operatorName, clusterRole),
		bindingObject(kindRoleBinding, operatorNamespace, operatorName, role),
		deploymentObject(operatorNamespace, operatorName),
	}
}

func metricsServerObjects() []preflight.Object {
	own := roleObject(kindClusterRole, "", metricsServerRole, metricsServerRules)
	deployment := deploymentObject(metricsServerNamespace, metricsServerName)
	deployment.Signed = true
	return []preflight.Object{
		object(kindServiceAccount, metricsServerNamespace, metricsServerName),
		roleObject(kindClusterRole, "", metricsReaderRole, metricsReaderRules),
		own,
		bindingObject(kindClusterRoleBinding, "", metricsServerRole, own),
		bindingObject(kindClusterRoleBinding, "", metricsDelegatorBinding,
			roleObject(kindClusterRole, "", authDelegatorRole, authDelegatorRules)),
		bindingObject(kindRoleBinding, metricsServerNamespace, metricsAuthReaderBinding,
			roleObject(kindRole, metricsServerNamespace, authReaderRole, authReaderRules)),
		object(kindService, metricsServerNamespace, metricsServerName),
		deployment,
		object(kindAPIService, "", preflight.MetricsAPIName),
	}
}

func miniClusterObjects(s config.Settings) (objects []preflight.Object) {
	seen := map[string]bool{}
	for _, m := range s.MiniClusters {
		if !seen[m.Namespace] {
			seen[m.Namespace] = true
			objects = append(objects, object(preflight.Namespaces, "", m.Namespace))
		}
		objects = append(objects, signedObject(kindMiniCluster, m.Namespace, m.Name))
		if m.Autoscale {
			objects = append(objects, signedObject(kindAutoscaler, m.Namespace, autoscalerName(m.Name)))
		}
	}
	return objects
}

// addPullSecrets adds the Secrets that images are pulled with: to what is declared,
// where the stack makes them, or else to what must be there.
func addPullSecrets(w *preflight.Wishes, s config.Settings) {
	seen := map[preflight.NamespacedName]bool{}
	add := func(to *[]preflight.Object, namespace, name string) {
		at := preflight.NamespacedName{Namespace: namespace, Name: name}
		if name == "" || seen[at] {
			return
		}
		seen[at] = true
		switch {
		case s.RegistryCredentials != "" && name == s.ImagePullSecret:
			*to = append(*to, signedObject(kindSecret, namespace, name))
		case to != &w.MetricsServer: // Only an installed metrics-server needs it.
			w.PullSecrets = append(w.PullSecrets, at)
		}
	}
	add(&w.Objects, operatorNamespace, s.ImagePullSecret)
	add(&w.MetricsServer, metricsServerNamespace, s.ImagePullSecret)
	for _, m := range s.MiniClusters {
		add(&w.Objects, m.Namespace, s.ImagePullSecret) // of the agent's image
		add(&w.Objects, m.Namespace, m.ImagePullSecret)
	}
}
