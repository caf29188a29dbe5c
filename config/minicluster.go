package config

import (
	"fmt"

	"github.com/gopherlocks/gopherlocks/components"
)

// MiniCluster is one that the configuration describes, by the arguments of its
// component.
type MiniCluster struct {
	components.MiniClusterArgs
	// Protect says whether Pulumi refuses to delete it.
	Protect bool `pulumi:"protect"`

	// path is where it stands in the configuration, such as "miniClusters[1].";
	// empty for the one that the stack's own keys describe.
	path string
	// malformed are the names of fields whose values cannot be read: what is
	// there instead is not to be checked.
	malformed map[string]bool
	// autoscalerOff says that an autoscaler is chosen here, and switched off.
	autoscalerOff bool
}

// ResourceName is NAMESPACE/NAME, which no two MiniClusters share.
func (m MiniCluster) ResourceName() string { return components.Literal(m.Namespace) + "/" + m.Name }

func (m MiniCluster) warnings() (found []string) {
	if owner := m.autoscalerName(); owner != "" && m.InitialSize() != m.MinSize {
		found = append(found, fmt.Sprintf(
			"gopherlocks:%ssize %d is only the size to begin with: autoscale is on, so the %s owns "+
				"the size and chooses it between minSize %d and maxSize %d. To choose it yourself, set autoscale to false",
			m.path, *m.Size, owner, m.MinSize, m.MaxSize))
	}
	if m.autoscalerOff {
		found = append(found, fmt.Sprintf("gopherlocks:%sautoscaler %s does nothing: autoscale is false. Set it to true, or remove autoscaler",
			m.path, components.AutoscalerQueue))
	}
	if m.Autoscale != nil && m.SelfScaling {
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

// autoscalerName names what chooses the size, so that a reader can find it; empty for
// nothing.
func (m MiniCluster) autoscalerName() string {
	switch m.Autoscaler() {
	case components.AutoscalerCPU:
		return fmt.Sprintf("HorizontalPodAutoscaler %s-hpa", m.Name)
	case components.AutoscalerQueue:
		return "queue's autoscaler"
	}
	return ""
}
