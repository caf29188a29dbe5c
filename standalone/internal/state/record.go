// Package state is what the machine remembers about an embedded cluster: one
// folder per cluster, laid out by Dir, with a Record that says what was made.
package state

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"time"

	"github.com/gopherlocks/gopherlocks/provider/atomicfile"
)

// Phase says how far the making of a cluster came.
type Phase string

const (
	// PhaseCreating is a cluster that is being made. If a later process finds it,
	// its creation was interrupted, and it is removed.
	PhaseCreating Phase = "creating"
	// PhaseReady is a cluster that was ready once and has state worth keeping.
	PhaseReady Phase = "ready"
)

// Record is the file cluster.json of a cluster's folder. It holds inputs and
// decisions, never credentials.
type Record struct {
	Name  string `json:"name"`
	Phase Phase  `json:"phase"`
	// Subnet is the block that all addresses of the cluster come from.
	Subnet netip.Prefix `json:"subnet"`
	// MTU of the cluster's interfaces, in bytes: the same as on the machine's
	// default route.
	MTU int `json:"mtu"`
	// NameServers are the servers that CoreDNS forwards to; none without a network.
	// Records of earlier versions call them upstreams, so the key stays.
	NameServers []string `json:"upstreams,omitempty"`
	// CNIBinDir is the folder with the CNI plugins.
	CNIBinDir string `json:"cniBinDir"`
	// RestrictOOMScoreAdj says that the machine refuses to lower oom_score_adj.
	// containerd must not try it then.
	RestrictOOMScoreAdj bool `json:"restrictOOMScoreAdj,omitempty"`
	// PauseImage is the reference of the image that holds a pod's namespaces.
	PauseImage string `json:"pauseImage"`
	// HPASyncPeriod is how often the HorizontalPodAutoscaler looks; 0 means upstream's default.
	HPASyncPeriod time.Duration `json:"hpaSyncPeriod,omitempty"`
	// KubernetesVersion is the API server's, such as v1.37.2; known once ready.
	KubernetesVersion string `json:"kubernetesVersion,omitempty"`
	// KubeconfigFile is where a copy of the admin's kubeconfig was written, if anywhere.
	KubeconfigFile string `json:"kubeconfigFile,omitempty"`
	// Binaries are the SHA-256 of the installed programs by name.
	Binaries map[string]string `json:"binaries,omitempty"`
}

// Load reads the record of a cluster's folder. Its error is fs.ErrNotExist if there
// is no cluster.
func Load(dir Dir) (Record, error) {
	var record Record
	data, err := os.ReadFile(dir.Record())
	if err != nil {
		return record, fmt.Errorf("reading the cluster's record: %w", err)
	}
	if err := json.Unmarshal(data, &record); err != nil {
		return record, fmt.Errorf("reading the cluster's record %s: %w", dir.Record(), err)
	}
	return record, nil
}

// Save writes the record of a cluster's folder as one step: a reader sees the
// old or the new one.
func Save(dir Dir, record Record) error {
	if err := atomicfile.WriteJSON(dir.Record(), record); err != nil {
		return fmt.Errorf("writing the cluster's record: %w", err)
	}
	return nil
}

// List returns the records of all clusters under root. A folder without a
// readable record is no cluster.
func List(root string) ([]Record, error) {
	entries, err := os.ReadDir(root)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("listing clusters: %w", err)
	}
	var records []Record
	for _, entry := range entries {
		if record, err := Load(NewDir(root, entry.Name())); err == nil {
			records = append(records, record)
		}
	}
	return records, nil
}
