package resizeplan

import api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"

// patchForce is an annotation for Pulumi: with "true" it takes fields from whoever
// else has written them.
// Source: https://www.pulumi.com/registry/packages/kubernetes/how-to-guides/managing-resources-with-server-side-apply/
const patchForce = "pulumi.com/patchForce"

// sizeOwner returns whose size counts after the update.
func sizeOwner(d Declared, m MiniCluster) SizeOwner {
	metadata, _ := d.After["metadata"].(map[string]any)
	annotations, _ := metadata["annotations"].(map[string]any)
	switch {
	case m.Autoscaler != nil:
		return OwnerAutoscaler
	case annotations[patchForce] == "true":
		return OwnerPulumi
	case m.AutoscalerUnknown != "":
		return OwnerUnknown
	}
	return OwnerAnybody
}

// ownSize leaves spec.size to its owner. What the API server has answered knows it
// already.
func (m *MiniCluster) ownSize(d Declared, live *api.MiniCluster, after *specAfter) {
	if m.SizeOwner == OwnerPulumi {
		if wished := m.DeclaredWished; live != nil && wished != nil && after.spec.Size != *wished {
			m.note("somebody has set size %d where the configuration owns it and says %d: Pulumi takes it back with its next change here, or with --refresh",
				after.spec.Size, *wished)
		}
		return
	}
	// Pulumi ignores changes of a size that is another's; what it declares is then
	// what it declared before.
	sameDeclared := m.DeclaredNow != nil && m.DeclaredWished != nil && *m.DeclaredNow == *m.DeclaredWished
	if live != nil && !after.answered && (m.Autoscaler != nil || sameDeclared) {
		after.spec.Size = live.Spec.Size
	}
	if m.Autoscaler == nil {
		return
	}
	if held := m.Autoscaler.clamp(after.spec.Size); held != after.spec.Size {
		m.note("the HorizontalPodAutoscaler brings size %d to %d, into its range", after.spec.Size, held)
		after.spec.Size = held
	}
}
