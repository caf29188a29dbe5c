package config

import (
	"fmt"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
	"github.com/gopherlocks/gopherlocks/stackcluster"
)

// Warnings are what works but may surprise, a sentence each.
func (s Settings) Warnings() []string {
	all := append(s.passphraseWarnings(), s.kindWarnings()...)
	for _, m := range s.MiniClusters {
		all = append(all, m.warnings()...)
		if nodes, known := s.nodesForRanks(); known && m.Placement == api.PlacementOnePerNode && m.MaxSize > nodes {
			all = append(all, fmt.Sprintf(
				"gopherlocks:%splacement %s gives each rank a node of its own, and the cluster has %d for ranks: of the ranks up to maxSize %d "+
					"of MiniCluster %s, the others will wait for a node", m.path, api.PlacementOnePerNode, nodes, m.MaxSize, m.Name))
		}
	}
	return all
}

// passphraseWarnings are about secrets that everybody can read.
func (s Settings) passphraseWarnings() []string {
	switch {
	case !s.EmptyPassphrase:
		return nil
	case s.ClusterProvider == stackcluster.Existing:
		return []string{"the passphrase of the stack is empty: whoever has its state can read the kubeconfig of the cluster; " + givePassphrase}
	case s.RegistryCredentials != "":
		return []string{"gopherlocks:" + credentialsKey + " is stored with an empty passphrase: whoever has the stack's file can read it; " + givePassphrase}
	}
	return nil
}

// kindWarnings are about settings that only a cluster of kind has.
func (s Settings) kindWarnings() (found []string) {
	if s.ClusterProvider == stackcluster.Kind || s.ClusterProvider == stackcluster.Auto {
		return nil
	}
	for _, given := range []struct {
		key string
		set bool
	}{{"kindNodeImage", s.KindNodeImage != ""}, {"kindMounts", len(s.KindMounts) > 0}} {
		if given.set {
			found = append(found, fmt.Sprintf("gopherlocks:%s does nothing here: the cluster is %s, not %s", given.key, s.ClusterProvider, stackcluster.Kind))
		}
	}
	return found
}
