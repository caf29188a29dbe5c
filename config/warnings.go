package config

import "fmt"

// Warnings are what works but may surprise, a sentence each.
func (s Settings) Warnings() []string {
	all := append(s.passphraseWarnings(), s.kindWarnings()...)
	for _, m := range s.MiniClusters {
		all = append(all, m.warnings()...)
		if nodes, known := s.nodesForRanks(); known && m.Placement == PlacementOnePerNode && m.MaxSize > nodes {
			all = append(all, fmt.Sprintf(
				"gopherlocks:%splacement %s gives each rank a node of its own, and the cluster has %d for ranks: of the ranks up to maxSize %d "+
					"of MiniCluster %s, the others will wait for a node", m.path, PlacementOnePerNode, nodes, m.MaxSize, m.Name))
		}
	}
	return all
}

// passphraseWarnings are about secrets that everybody can read.
func (s Settings) passphraseWarnings() []string {
	switch {
	case !s.EmptyPassphrase:
		return nil
	case s.ClusterProvider == ProviderExisting:
		return []string{"the passphrase of the stack is empty: whoever has its state can read the kubeconfig of the cluster; " + givePassphrase}
	case s.RegistryCredentials != "":
		return []string{"gopherlocks:" + credentialsKey + " is stored with an empty passphrase: whoever has the stack's file can read it; " + givePassphrase}
	}
	return nil
}

// kindWarnings are about settings that only a cluster of kind has.
func (s Settings) kindWarnings() (found []string) {
	if s.ClusterProvider == ProviderKind || s.ClusterProvider == ProviderAuto {
		return nil
	}
	for _, given := range []struct {
		key string
		set bool
	}{{"kindNodeImage", s.KindNodeImage != ""}, {"kindMounts", len(s.KindMounts) > 0}} {
		if given.set {
			found = append(found, fmt.Sprintf("gopherlocks:%s does nothing here: the cluster is %s, not %s", given.key, s.ClusterProvider, ProviderKind))
		}
	}
	return found
}

func (m MiniCluster) warnings() (found []string) {
	if m.Autoscale && m.InitialSize() != m.MinSize {
		found = append(found, fmt.Sprintf(
			"gopherlocks:%ssize %d is only the size to begin with: autoscale is on, so the HorizontalPodAutoscaler %s-hpa owns "+
				"the size and chooses it between minSize %d and maxSize %d. To choose it yourself, set autoscale to false",
			m.path, *m.Size, m.Name, m.MinSize, m.MaxSize))
	}
	if m.Autoscale && m.SelfScaling {
		found = append(found, fmt.Sprintf(
			"gopherlocks:%sselfScaling and autoscale are both on: the application of MiniCluster %s and its HorizontalPodAutoscaler "+
				"%s-hpa write the same size, and undo each other. Set one of them to false", m.path, m.Name, m.Name))
	}
	if m.SelfScaling && m.OwnsSize() {
		found = append(found, fmt.Sprintf(
			"gopherlocks:%ssize %d is what an update sets MiniCluster %s back to, whatever size its application has chosen "+
				"(selfScaling). To leave the size to the application, remove size", m.path, *m.Size, m.Name))
	}
	return found
}
