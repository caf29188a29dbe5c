package controller

import (
	"sync"

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
	uid           types.UID
	prerequisites digest
	refusal       refusal
	reports       reports
	resize        resizeTimer
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

// forget drops what is remembered of a MiniCluster that is no more.
func (m *memory) forget(key types.NamespacedName) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.entries, key)
}
