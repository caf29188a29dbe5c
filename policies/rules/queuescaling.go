package rules

// queue is spec.autoscaling.queue, by which the operator chooses the size. Of a Patch that
// leaves it out it is what the API server answered.
func (m miniCluster) queue() field {
	path := []string{"spec", "autoscaling", "queue"}
	if queue := m.input(path...); !m.isPatch() || !queue.absent() {
		return queue
	}
	return m.output(path...)
}

// checkRivals refuses a HorizontalPodAutoscaler of a MiniCluster that its queue scales. It
// reports the second of the two.
func (r *report) checkRivals(s Stack) {
	autoscalers := s.autoscalers()
	for _, m := range s.customResources() {
		queue := m.queue()
		if queue.absent() {
			continue
		}
		_, errQueue := as[map[string]any](queue, "an object")
		if !queue.unknown() {
			r.cannotTell(m.Resource, errQueue)
		}
		for _, a := range autoscalers {
			if _, err := a.target.name.text(); err != nil || a.patchesOneOf(autoscalers) {
				continue // It is reported otherwise.
			}
			same, err := a.target.is(m.id)
			second := s.second(m.Resource, a.Resource)
			switch {
			case err != nil:
				r.cannotTell(second, err)
			case same && queue.unknown():
				r.cannotTell(second, errQueue)
			case same && errQueue == nil && second == a.Resource:
				r.violation(second, ReasonSecondAutoscaler, "%s %s is scaled by its queue already (%s): remove one of the two",
					a.target.name.path, a.target.name.shown(), queue.path)
			case same && errQueue == nil:
				r.violation(second, ReasonSecondAutoscaler, "%s of MiniCluster %s: it is scaled by %s already: remove one of the two",
					queue.path, m.id.name.shown(), a.id.name.shown())
			}
		}
	}
}

// patchesOneOf says that it is a Patch of another one of them.
func (a autoscaler) patchesOneOf(all []autoscaler) bool {
	for _, other := range all {
		if same, _ := a.id.is(other.id); same && a.isPatch() && !other.isPatch() {
			return true
		}
	}
	return false
}

// second is the one of two resources that was registered later.
func (s Stack) second(a, b *Resource) *Resource {
	for i := range s.Resources {
		switch &s.Resources[i] {
		case a:
			return b
		case b:
			return a
		}
	}
	return b
}

// checkPinnedBesideQueue refuses a pinned size of a MiniCluster that its queue scales.
func (r *report) checkPinnedBesideQueue(miniClusters []miniCluster) {
	for _, m := range miniClusters {
		for _, scaled := range miniClusters {
			queue := scaled.queue()
			same := m.Resource == scaled.Resource
			if !same {
				same, _ = m.id.is(scaled.id)
			}
			if !same || queue.absent() {
				continue
			}
			if _, err := as[map[string]any](queue, "an object"); err != nil {
				r.cannotTell(scaled.Resource, err)
			} else {
				r.pinned(m.Resource, m)
			}
			break
		}
	}
}
