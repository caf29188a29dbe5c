package config

import (
	"errors"
	"fmt"
)

// validate reports every setting that cannot work, all at once.
func (s Settings) validate() error {
	var errs []error
	errs = append(errs, checkProvider(s)...)
	for _, m := range s.MiniClusters {
		for _, p := range m.Check() {
			errs = append(errs, invalid(m.path+p.Field, "%w", p.Err))
		}
	}
	errs = append(errs, checkRankImages(s)...)
	errs = append(errs, checkDuplicates(s)...)
	return errors.Join(errs...)
}

func invalid(key, format string, args ...any) error {
	return fmt.Errorf("gopherlocks:%s: %w", key, fmt.Errorf(format, args...))
}

func checkProvider(s Settings) []error {
	switch s.ClusterProvider {
	case ProviderEmbedded:
		return nil
	case ProviderExisting:
		return checkOperatorImages(s)
	default:
		return []error{invalid("clusterProvider", "%q is not a cluster provider; take %q or %q", s.ClusterProvider, ProviderEmbedded, ProviderExisting)}
	}
}

// checkOperatorImages asks for references of the images that only an embedded
// cluster can be given from this machine.
func checkOperatorImages(s Settings) (errs []error) {
	for _, image := range []struct{ key, reference string }{
		{"operatorImage", s.OperatorImage}, {"agentImage", s.AgentImage},
	} {
		if image.reference == "" {
			errs = append(errs, imageNotSet(s, image.key))
		}
	}
	return errs
}

// checkRankImages asks for the images that the ranks run. Only an embedded
// cluster has one by default, the demo's workload, which is no place for Flux.
func checkRankImages(s Settings) (errs []error) {
	for _, m := range s.MiniClusters {
		switch {
		case m.Image != "":
		case s.ClusterProvider == ProviderExisting:
			errs = append(errs, imageNotSet(s, m.path+"image"))
		case m.Flux:
			errs = append(errs, invalid(m.path+"image", "is not set; with flux true give an image with a glibc, such as rockylinux:9"))
		}
	}
	return errs
}

func imageNotSet(s Settings, key string) error {
	return invalid(key, "is not set; with clusterProvider %q give an image that the cluster can pull", s.ClusterProvider)
}

func checkDuplicates(s Settings) (errs []error) {
	first := map[string]string{}
	for _, m := range s.MiniClusters {
		id := m.Namespace + "/" + m.Name
		if path, there := first[id]; there && m.Name != "" {
			errs = append(errs, invalid(m.path+"name", "%q is %sname too, in the same namespace %q; a MiniCluster is described once", m.Name, path, m.Namespace))
			continue
		}
		first[id] = m.path
	}
	return errs
}
