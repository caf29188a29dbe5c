package resizeplan

import api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"

// ownSize leaves spec.size to whoever owns it. What the API server has answered
// knows it already.
func (m *MiniCluster) ownSize(d Declared, live *api.MiniCluster, after *specAfter) {
	declaredSame := m.DeclaredNow != nil && m.DeclaredWished != nil && *m.DeclaredNow == *m.DeclaredWished
	if live != nil && !after.answered && (m.Autoscaler != nil || declaredSame) {
		// Whether Pulumi would take the size back is not known; an autoscaler's it does
		// not, and mostly it has been told to ignore it.
		after.spec.Size = live.Spec.Size
	}
	if a := m.Autoscaler; a != nil {
		if held := a.clamp(after.spec.Size); held != after.spec.Size {
			m.note("the HorizontalPodAutoscaler brings size %d to %d, into its range", after.spec.Size, held)
			after.spec.Size = held
		}
		return
	}
	if d.Operation == Same && live != nil && m.DeclaredWished != nil && live.Spec.Size != *m.DeclaredWished && len(m.Notes) == 0 {
		m.note("the stack declares size %d, and %d is set: an update that changes nothing else here leaves it", *m.DeclaredWished, live.Spec.Size)
	}
}
