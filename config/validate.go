package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/gopherlocks/gopherlocks/components"
	"github.com/gopherlocks/gopherlocks/preflight"
	"github.com/gopherlocks/gopherlocks/stackcluster"
)

// validate reports every setting that cannot work, all at once.
func (s Settings) validate() (errs []error) {
	errs = append(errs, checkProvider(s)...)
	errs = append(errs, checkClusterName(s)...)
	for _, m := range s.MiniClusters {
		for _, p := range slices.Concat(m.Check(), checkRankImage(s, m), checkRoom(s, m)) {
			if !m.malformed[p.Field] {
				errs = append(errs, invalid(m.path+p.Field, "%w", p.Err))
			}
		}
	}
	errs = append(errs, checkCredentials(s)...)
	return append(errs, checkDuplicates(s)...)
}

// On returns the settings with a cluster provider in place of [stackcluster.Auto]. They
// are checked anew: an existing cluster needs more of them than one of this machine.
func (s Settings) On(provider string) (Settings, error) {
	s.ClusterProvider = provider
	return s, errors.Join(s.validate()...)
}

func invalid(key, format string, args ...any) error {
	return fmt.Errorf("gopherlocks:%s: %w", key, fmt.Errorf(format, args...))
}

func checkProvider(s Settings) []error {
	switch s.ClusterProvider {
	case stackcluster.Embedded:
		return checkOwnCluster(s)
	case stackcluster.Auto:
		return checkKind(s)
	case stackcluster.Kind:
		return append(checkKind(s), checkOwnCluster(s)...)
	case stackcluster.Existing:
		return checkOperatorImages(s)
	default:
		return []error{invalid("clusterProvider", "%q is not a cluster provider; take %s or %s",
			s.ClusterProvider, strings.Join(stackcluster.Providers, ", "), stackcluster.Auto)}
	}
}

// checkOwnCluster refuses for a cluster of this machine what belongs to one that is
// there already: whoever says it means that one.
func checkOwnCluster(s Settings) (errs []error) {
	for _, given := range []struct {
		key string
		set bool
	}{{"kubeconfig", s.Kubeconfig != ""}, {"context", s.Context != ""}, {"takeOverCRD", s.TakeOverCRD}} {
		if given.set {
			errs = append(errs, invalid(given.key, "is about a cluster that you have, and the stack's is %s: pulumi config set clusterProvider %s, or pulumi config rm %s",
				s.ClusterProvider, stackcluster.Existing, given.key))
		}
	}
	if autoscales := slices.ContainsFunc(s.MiniClusters, func(m MiniCluster) bool { return m.Autoscale != nil }); autoscales && s.MetricsServer == preflight.MetricsSkip {
		errs = append(errs, invalid("metricsServer", "is %s, and autoscale on by CPU: nothing else serves metrics in a cluster of this machine. "+
			"Take %s, autoscaler queue, or autoscale false", preflight.MetricsSkip, preflight.MetricsAuto))
	}
	return errs
}

func checkClusterName(s Settings) (errs []error) {
	if s.ClusterName == "" {
		return nil
	}
	for _, fault := range validation.IsDNS1123Label(s.ClusterName) {
		errs = append(errs, invalid("clusterName", "%q: %s", s.ClusterName, fault))
	}
	if len(s.ClusterName) > stackcluster.MaxNameLength {
		errs = append(errs, invalid("clusterName", "%q has %d characters, of at most %d", s.ClusterName, len(s.ClusterName), stackcluster.MaxNameLength))
	}
	return errs
}

func checkKind(s Settings) (errs []error) {
	if s.KindWorkers < 0 {
		errs = append(errs, invalid("kindWorkers", "kindWorkers %d must be at least 0", s.KindWorkers))
	}
	return append(errs, checkKindMounts(s.KindMounts)...)
}

// checkOperatorImages asks for references of the images that only a cluster of
// this machine can be given from here.
func checkOperatorImages(s Settings) (errs []error) {
	for _, image := range []struct {
		key, reference string
		needed         bool
	}{
		{"operatorImage", s.OperatorImage, true}, {"agentImage", s.AgentImage, true}, {"queueMetricsImage", s.QueueMetricsImage, s.QueueMetrics},
	} {
		if image.needed && image.reference == "" {
			errs = append(errs, invalid(image.key, notSetOnExisting))
		}
	}
	return errs
}

const notSetOnExisting = "is not set; with clusterProvider " + stackcluster.Existing + " give an image that the cluster can pull"

// checkRankImage asks for the image that the ranks run. Only a cluster
// of this machine has one by default, the demo's workload, which is no place for Flux.
func checkRankImage(s Settings, m MiniCluster) []components.Problem {
	switch {
	case components.Literal(m.Image) != "":
		return nil
	case s.ClusterProvider == stackcluster.Existing:
		return []components.Problem{{Field: "image", Err: errors.New(notSetOnExisting)}}
	case m.Flux:
		return []components.Problem{{Field: "image", Err: errors.New("is not set; with flux true give an image with a glibc, such as rockylinux:9")}}
	}
	return nil
}

func checkDuplicates(s Settings) (errs []error) {
	first := map[string]string{}
	for _, m := range s.MiniClusters {
		id := m.ResourceName()
		if path, there := first[id]; there && m.Name != "" {
			errs = append(errs, invalid(m.path+"name", "%q is %sname too, in the same namespace %q; a MiniCluster is described once", m.Name, path, m.Namespace))
			continue
		}
		first[id] = m.path
	}
	return errs
}
