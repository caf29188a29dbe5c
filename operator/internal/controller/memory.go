package controller

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
)

// memory is what the operator remembers of MiniClusters from one reconciliation to
// the next, to save requests and to measure. All of it may be lost: an operator that
// starts remembers nothing.
type memory struct {
	mu      sync.Mutex
	entries map[types.NamespacedName]*entry
}

// entry is what is remembered of one MiniCluster. It needs no lock, since no
// MiniCluster is reconciled twice at once.
type entry struct {
	// uid tells MiniClusters of one name apart.
	uid types.UID
	// prerequisites are those that were applied as a whole.
	prerequisites digest
	// parts are those that were applied, by their kinds: each is one of partKinds.
	parts map[client.Object]applied
	// secret is the Secret that was created last; empty where it is not known. secretSeen
	// is when it was known to be there.
	secret     types.UID
	secretSeen time.Time
	// drain is what the last plan said of ranks that are to go, and the lead was told.
	drain   *api.Drain
	refusal refusal
	inquiry inquiry
	reports reports
	resize  resizeTimer
}

// of returns what is remembered of a MiniCluster. Nothing is of one that is new, also
// where an earlier one had its name.
func (m *memory) of(mc *api.MiniCluster) *entry {
	m.mu.Lock()
	defer m.mu.Unlock()
	key := client.ObjectKeyFromObject(mc)
	if known := m.entries[key]; known != nil && known.uid == mc.UID {
		return known
	}
	if m.entries == nil {
		m.entries = map[types.NamespacedName]*entry{}
	}
	m.entries[key] = &entry{uid: mc.UID}
	return m.entries[key]
}

// catchUp gives a MiniCluster the drain that the lead was told of, where the cache has not
// seen the status that tells of it. A size that grows again at once would else be planned
// without it, and its ranks would stay drained.
func (e *entry) catchUp(mc *api.MiniCluster) {
	e.reports.catchUp(mc)
	if mc.Status.Drain == nil {
		mc.Status.Drain = e.drain.DeepCopy()
	}
}

// forget drops what is remembered of a MiniCluster that is no more.
func (m *memory) forget(key types.NamespacedName) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.entries, key)
}
