package autoscaler

import (
	"errors"
	"net/http"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
	"github.com/gopherlocks/gopherlocks/operator/autoscale"
	"github.com/gopherlocks/gopherlocks/operator/internal/plan"
)

// memory is what is remembered of a MiniCluster from one look to the next. An operator
// that starts anew knows nothing of when the size has grown, and takes it for grown just
// now: ranks may stay for an idle time longer, and never go too early.
type memory struct {
	uid types.UID
	// size and generation are those seen last, and changedAt is when this generation was
	// seen first.
	size       int32
	generation int64
	changedAt  time.Time
	grownAt    time.Time
	needs      autoscale.Needs
	lead       types.UID // the pod that has told of the queue last
	// writtenOn is the version of the MiniCluster on which the size was written last. It
	// is the cache's for a moment yet.
	writtenOn string
	// wantedSince is since when a larger size has been wanted that was not written yet;
	// zero where none is, or where no report asks for it.
	wantedSince time.Time
	growth      growth
	refusal     refusal
	// outcome is what is to be told; nil before the first decision.
	outcome *plan.Autoscaled
}

// growth is a growth whose ranks are not ready yet; the zero value is none. since is when
// it was asked for.
type growth struct {
	size  int32
	since time.Time
}

// refusal is why the API server did not take a size; the zero value is none.
type refusal struct {
	generation int64
	size       int32
	words      string
	at         time.Time
}

// otherSizeRetry is the time until another size is tried than the one that was refused.
const otherSizeRetry = time.Second

// wait returns for how long the size is not to be tried: what refuses it is not watched.
func (r refusal) wait(generation int64, size int32, now time.Time) time.Duration {
	switch {
	case r.words == "" || r.generation != generation:
		return 0
	case r.size == size:
		return max(0, r.at.Add(plan.RefusalRetry).Sub(now))
	}
	return max(0, r.at.Add(otherSizeRetry).Sub(now))
}

// isRefusal tells of errors that say that this size, or this writer, is not wanted.
func isRefusal(err error) bool {
	status := apierrors.APIStatus(nil)
	if !errors.As(err, &status) || apierrors.IsNotFound(err) || apierrors.IsConflict(err) || apierrors.IsTooManyRequests(err) {
		return false
	}
	code := status.Status().Code
	return code >= http.StatusBadRequest && code < http.StatusInternalServerError
}

// look notes the size that a MiniCluster has, whoever gave it, and returns what is
// remembered.
func (a *Autoscaler) look(mc *api.MiniCluster, now time.Time) memory {
	a.mu.Lock()
	defer a.mu.Unlock()
	key := client.ObjectKeyFromObject(mc)
	m := a.memories[key]
	if m == nil || m.uid != mc.UID {
		m = &memory{uid: mc.UID, size: mc.Spec.Size, generation: mc.Generation, changedAt: now, grownAt: now}
		a.memories[key] = m
	}
	if m.writtenOn == mc.ResourceVersion {
		return *m
	}
	if mc.Generation != m.generation {
		m.generation, m.changedAt = mc.Generation, now
	}
	if mc.Spec.Size > m.size {
		m.grownAt = now
	}
	if mc.Spec.Size < m.growth.size {
		m.growth = growth{} // Somebody else has shrunk it.
	}
	m.size = mc.Spec.Size
	return *m
}

// hear notes what work needs, as far as the lead tells. It returns what work has needed,
// and from when on ranks count as idle that are not up. With another lead, that begins
// anew: the ranks have yet to join it.
func (a *Autoscaler) hear(mc *api.MiniCluster, policy autoscale.Policy, answer *plan.QueueAnswer, now time.Time) (autoscale.Needs, time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	m := a.memories[client.ObjectKeyFromObject(mc)]
	if answer.Use != nil {
		m.needs = m.needs.Note(policy.Wish(*answer.Use), now, policy.IdleTime)
		if m.lead != answer.Pod {
			m.lead, m.grownAt = answer.Pod, now
		}
	}
	return m.needs, m.grownAt
}

// wants returns since when the decision is wanted, for the measurement: the report that
// asks for it, or a later change of the spec; zero where no larger size is, or without a
// report.
func (a *Autoscaler) wants(mc *api.MiniCluster, answer *plan.QueueAnswer, d autoscale.Decision) time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	m := a.memories[client.ObjectKeyFromObject(mc)]
	switch {
	case d.Size < mc.Spec.Size || answer.Use == nil:
		m.wantedSince = time.Time{}
	case m.wantedSince.IsZero():
		m.wantedSince = answer.At
		if m.changedAt.After(answer.At) {
			m.wantedSince = m.changedAt
		}
	}
	return m.wantedSince
}

// rest notes that the size is the one to have.
func (a *Autoscaler) rest(mc *api.MiniCluster, d autoscale.Decision) {
	a.update(mc, d, func(m *memory) { m.wantedSince, m.refusal = time.Time{}, refusal{} })
}

// update changes what is remembered, and says so where that is to be told.
func (a *Autoscaler) update(mc *api.MiniCluster, d autoscale.Decision, change func(*memory)) {
	key := client.ObjectKeyFromObject(mc)
	a.mu.Lock()
	m := a.memories[key]
	change(m)
	outcome := plan.Autoscaled{Wish: d.Wish, Because: d.Because, Refusal: m.refusal.words}
	isNew := m.outcome == nil || *m.outcome != outcome
	m.outcome = &outcome
	a.mu.Unlock()
	if isNew {
		a.told(key)
	}
}

// forget drops what is remembered of a MiniCluster that does not follow its queue.
func (a *Autoscaler) forget(key types.NamespacedName) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.memories, key)
}

// Outcome returns what is to be told of a MiniCluster; nil for nothing yet.
func (a *Autoscaler) Outcome(key types.NamespacedName, uid types.UID) *plan.Autoscaled {
	a.mu.Lock()
	defer a.mu.Unlock()
	if m := a.memories[key]; m != nil && m.uid == uid {
		return m.outcome
	}
	return nil
}

// AllReady says that all ranks of a size are ready: it ends the measurement of a growth.
func (a *Autoscaler) AllReady(mc *api.MiniCluster, size int32, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	m := a.memories[client.ObjectKeyFromObject(mc)]
	if m == nil || m.uid != mc.UID || m.growth.size == 0 || size < m.growth.size {
		return
	}
	if !m.growth.since.IsZero() {
		readySeconds.Observe(now.Sub(m.growth.since).Seconds())
	}
	m.growth = growth{}
}
