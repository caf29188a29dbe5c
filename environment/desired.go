package environment

import (
	"fmt"
	"slices"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"

	"github.com/gopherlocks/gopherlocks/components"
	"github.com/gopherlocks/gopherlocks/config"
	"github.com/gopherlocks/gopherlocks/crds"
	"github.com/gopherlocks/gopherlocks/declared"
	"github.com/gopherlocks/gopherlocks/preflight"
)

// desiredOf is what an environment declares in an existing cluster: the objects of the
// same components, with the same arguments.
func desiredOf(s config.Settings, stack string) (preflight.Desired, error) {
	d := preflight.Desired{Stack: stack, Metrics: s.MetricsServer, TakeOver: s.TakeOverCRD}
	var definition apiextensionsv1.CustomResourceDefinition
	if err := yaml.Unmarshal(crds.MiniCluster, &definition); err != nil {
		return d, fmt.Errorf("definition of MiniClusters: %w", err)
	}
	for _, version := range definition.Spec.Versions {
		d.Served = append(d.Served, version.Name)
	}
	var err error
	if d.Objects, err = operatorArgs(s, stack).Objects(); err != nil {
		return d, err
	}
	d.MetricsServer = metricsServerArgs(s, stack).Objects()
	if s.QueueMetrics {
		d.Objects = append(d.Objects, queueMetricsArgs(s, stack).Objects()...)
	}
	for _, name := range namespacesOf(s.MiniClusters) {
		d.Objects = append(d.Objects, declared.Object{Resource: declared.Namespaces, Name: name})
		d.Objects = append(d.Objects, pullArgs(s, stack).Objects(name)...)
	}
	for _, m := range s.MiniClusters {
		d.Objects = append(d.Objects, m.Objects()...)
		d.Autoscales = d.Autoscales || m.Autoscale != nil
	}
	d.PullSecrets = foreignPullSecrets(s)
	return d, nil
}

// foreignPullSecrets are those that images are pulled with, and that somebody else
// makes. metrics-server's is not among them: it need not be installed.
func foreignPullSecrets(s config.Settings) (secrets []preflight.NamespacedName) {
	add := func(namespace, name string) {
		secret := preflight.NamespacedName{Namespace: namespace, Name: name}
		made := s.RegistryCredentials != "" && name == s.ImagePullSecret
		if name != "" && !made && !slices.Contains(secrets, secret) {
			secrets = append(secrets, secret)
		}
	}
	add(components.OperatorNamespace, s.ImagePullSecret)
	for _, m := range s.MiniClusters {
		namespace := components.Literal(m.Namespace)
		add(namespace, s.ImagePullSecret) // of the agent's image
		add(namespace, components.Literal(m.ImagePullSecret))
	}
	return secrets
}
