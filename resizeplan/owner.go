package resizeplan

import api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"

// ownSize leaves spec.size to its owner. An answer of the API server has done so
// already.
func (m *MiniCluster) ownSize(d Declared, live *api.MiniCluster, after *specAfter) {
	declaredSame := m.DeclaredNow != nil && m.DeclaredWished != nil && *m.DeclaredNow == *m.DeclaredWished
	if live != nil && !after.answered && (m.scalesItself() || declaredSame) {
		// Without an answer it is not known whether Pulumi would take the size
		// back. It does not take an autoscaler's, and usually ignores changes of
		// the size.
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

// tellDrift notes a size that somebody has set and that Pulumi leaves. The
// program's own notices come first: they know who owns the size. A size that
// changes is in the plan anyway.
func (m *MiniCluster) tellDrift(d Declared, notices []Finding) {
	if d.Operation != Same || m.scalesItself() || m.Live == nil || m.DeclaredWished == nil || m.Live.Wished == *m.DeclaredWished {
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
