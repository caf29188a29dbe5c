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
	if m.Autoscaler == nil {
		return
	}
	if held := m.Autoscaler.clamp(after.spec.Size); held != after.spec.Size {
		m.note("the HorizontalPodAutoscaler brings size %d to %d, into its range", after.spec.Size, held)
		after.spec.Size = held
	}
}

// tellDrift tells of a size that somebody has set and that Pulumi leaves. Where the
// program has something to say of it, it knows more: who owns the size. Of a size
// that changes the plan tells by itself.
func (m *MiniCluster) tellDrift(d Declared, notices []Finding) {
	if d.Operation != Same || m.Autoscaler != nil || m.Live == nil || m.DeclaredWished == nil || m.Live.Wished == *m.DeclaredWished {
		return
	}
	told := false
	for _, notice := range notices {
		if notice.concerns(d) {
			m.note("%s", notice.Message)
			told = true
		}
	}
	if !told {
		m.note("the stack declares size %d, and %d is set: an update that changes nothing else here leaves it", *m.DeclaredWished, m.Live.Wished)
	}
}
