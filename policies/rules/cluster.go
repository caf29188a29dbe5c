package rules

import (
	"errors"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	"k8s.io/apimachinery/pkg/util/version"

	"github.com/gopherlocks/gopherlocks/operator/kubeversion"
)

// clusterRules are about the Kubernetes cluster that a MiniCluster is in.
var clusterRules = []Rule{
	{
		Name:        "metrics-server",
		Description: "A cluster that the stack makes or equips has metrics-server, or another source of CPU and memory metrics, for autoscalers.",
		Level:       Mandatory,
		Options: []Option{{Name: "provided", Schema: map[string]any{
			"type": "boolean", "default": false,
			"description": "Whether the cluster has one that is not in the stack.",
		}}},
		Check: checkMetricsServer,
	},
	{
		Name:        "kubernetes-version",
		Description: "Kubernetes is recent enough to take the definition of MiniClusters.",
		Level:       Mandatory,
		Options: []Option{{Name: "minimum", Schema: map[string]any{
			"type": "string", "pattern": `^[0-9]+\.[0-9]+$`, "default": kubeversion.Minimum,
			"description": "The oldest version of Kubernetes, such as " + kubeversion.Minimum + ".",
		}}},
		Check: checkKubernetesVersion,
	},
}

// configMetricsServer is the key of our program's configuration for metrics-server:
// "skip" means that the cluster has one already.
const configMetricsServer = "gopherlocks:metricsServer"

const metricsServer = "metrics-server"

func checkMetricsServer(s Stack, settings Settings) []Finding {
	if !s.Complete || settings.boolean("provided") || s.Config[configMetricsServer] == "skip" || !slices.ContainsFunc(s.Resources, equips) {
		return nil
	}
	provided := slices.ContainsFunc(s.Resources, providesMetrics)
	var r report
	for _, a := range s.autoscalers() {
		metrics, err := a.metrics()
		if err != nil {
			r.cannotTell(a.Resource, err)
		}
		if len(metrics) > 0 && !provided {
			r.violation(a.Resource, ReasonMetricsServerMissing, "this stack has an autoscaler and no metrics-server: install it, "+
				"or say that the cluster has one (option provided of this policy, or pulumi config set "+configMetricsServer+" skip)")
			break // The other autoscalers lack the same.
		}
	}
	return r
}

// equips says whether a stack makes or equips a cluster with a resource. If a stack
// only puts MiniClusters into a cluster, somebody else provides its metrics.
func equips(r Resource) bool {
	return r.Type == typeClusterComponent || r.Type == typeOperatorComponent || isOwnCluster(&r)
}

// providesMetrics says whether a resource is a source of the metrics of pods.
func providesMetrics(r Resource) bool {
	is := func(want string, path ...string) bool {
		text, err := r.input(path...).text()
		return err == nil && text == want
	}
	switch r.Type {
	case typeMetricsServerComponent:
		return true
	case typeClusterComponent:
		// Found in an existing cluster.
		return !r.input("existing", "metricsServedBy").absent()
	case typeAPIService:
		return is("metrics.k8s.io", "spec", "group")
	case typeHelmRelease:
		return is(metricsServer, "chart")
	}
	return isOf(r.Type, "kubernetes:apps/", "Deployment") && is(metricsServer, "metadata", "name")
}

func checkKubernetesVersion(s Stack, settings Settings) []Finding {
	minimum, err := version.ParseGeneric(settings.text("minimum"))
	if err != nil {
		return nil // The schema does not let it through.
	}
	var r report
	for i := range s.Resources {
		at := &s.Resources[i]
		if !isOwnCluster(at) {
			continue
		}
		f, found, err := versionOf(at)
		switch {
		case err != nil:
			r.cannotTell(at, err)
		case found != nil && found.LessThan(minimum):
			r.violation(at, ReasonKubernetesTooOld, "%s %s must be at least %s", f.path, f.shown(), settings.text("minimum"))
		}
	}
	return r
}

func isOwnCluster(r *Resource) bool {
	return strings.HasPrefix(r.Type, prefixOwnTypes) && strings.HasSuffix(r.Type, "Cluster")
}

// versionOf returns the field that tells the version of a cluster, and the version.
// An output counts for more than an input. The version is nil if no field tells
// one.
func versionOf(cluster *Resource) (field, *version.Version, error) {
	var errs []error
	for _, f := range []field{cluster.output("kubernetesVersion"), cluster.input("kubernetesVersion"), cluster.input("nodeImage")} {
		if f.absent() {
			continue
		}
		found, err := kubernetesVersion(f)
		if err == nil {
			return f, found, nil
		}
		errs = append(errs, err)
	}
	return field{}, nil, errors.Join(errs...)
}

// kubernetesVersion reads a version, or the tag of a kind node's image. The tag of
// a user's own image may be no version.
func kubernetesVersion(f field) (*version.Version, error) {
	text, err := f.text()
	if err != nil {
		return nil, err
	}
	if tag, found := imageTag(text); found {
		text = tag
	}
	parsed, err := version.ParseGeneric(text)
	if err != nil {
		return nil, unknownError{f.path + " " + f.shown() + ", as a version of Kubernetes,"}
	}
	return parsed, nil
}

// imageTag returns the tag of an image reference, also of one with a digest.
func imageTag(reference string) (tag string, found bool) {
	withoutDigest, _, _ := strings.Cut(reference, "@")
	parsed, err := name.NewTag(withoutDigest, name.WithDefaultTag(""))
	if err != nil || parsed.TagStr() == "" {
		return "", false
	}
	return parsed.TagStr(), true
}
