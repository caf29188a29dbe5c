package kind

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/gopherlocks/gopherlocks/provider/atomicfile"
	"github.com/gopherlocks/gopherlocks/provider/containerengine"
)

// phase says how far the making of a cluster came.
type phase string

const (
	// phaseCreating is a cluster that is being made. If a later process finds it,
	// its creation was interrupted.
	phaseCreating phase = "creating"
	// phaseReady is a cluster that was ready once.
	phaseReady phase = "ready"
)

// record is what this machine remembers about a cluster of ours: kind itself
// cannot tell a half-made cluster from a whole one, or ours from another's.
type record struct {
	Phase phase `json:"phase"`
	// Digest is the digest of the Spec.
	Digest string `json:"digest"`
	// KubeconfigFile is where a copy of the kubeconfig was written, if anywhere.
	KubeconfigFile string `json:"kubeconfigFile,omitempty"`
	// Engine is the program of the container engine that it is made on.
	Engine string `json:"engine,omitempty"`
	// Identity says which engine it is: one program can lead to several. Records of
	// earlier versions have none.
	Identity containerengine.Identity `json:"identity,omitzero"`
}

// records is the folder of the records, NAME.json, with the locks of running
// operations, NAME.lock, and the logs of the last failure, NAME.failed.
type records string

// defaultRecords is the folder of the user's records.
func defaultRecords(getenv func(string) string) (records, error) {
	root := getenv("XDG_STATE_HOME")
	if !filepath.IsAbs(root) {
		home := getenv("HOME")
		if home == "" {
			return "", errors.New("neither XDG_STATE_HOME nor HOME is set; set one of them to remember clusters there")
		}
		root = filepath.Join(home, ".local", "state")
	}
	return records(filepath.Join(root, "gopherlocks", "kind")), nil
}

func (r records) file(name string) string   { return filepath.Join(string(r), name+".json") }
func (r records) lock(name string) string   { return filepath.Join(string(r), name+".lock") }
func (r records) failed(name string) string { return filepath.Join(string(r), name+".failed") }

// load returns the record of a cluster, nil if there is none.
func (r records) load(name string) (*record, error) {
	data, err := os.ReadFile(r.file(name))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the record of kind cluster %s: %w", name, err)
	}
	found := &record{}
	if err := json.Unmarshal(data, found); err != nil {
		return nil, fmt.Errorf("reading the record of kind cluster %s, %s: %w", name, r.file(name), err)
	}
	return found, nil
}

func (r records) save(name string, what record) error {
	if err := os.MkdirAll(string(r), 0o700); err != nil {
		return fmt.Errorf("making the folder of records: %w", err)
	}
	if err := atomicfile.WriteJSON(r.file(name), what); err != nil {
		return fmt.Errorf("writing the record of kind cluster %s: %w", name, err)
	}
	return nil
}

// forget removes the record, and keeps the logs of a failure.
func (r records) forget(name string) error {
	if err := os.Remove(r.file(name)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("removing the record of kind cluster %s: %w", name, err)
	}
	return nil
}

// remove removes the record and the logs of an earlier failure.
func (r records) remove(name string) error {
	if err := errors.Join(r.forget(name), os.RemoveAll(r.failed(name))); err != nil {
		return fmt.Errorf("removing what is remembered of kind cluster %s: %w", name, err)
	}
	return nil
}

// Remembered tells whether this user has a record of the cluster, whole or begun,
// and where the copy of its kubeconfig is, if anywhere. It asks no engine.
func Remembered(name string) (kubeconfigFile string, known bool, err error) {
	records, err := defaultRecords(os.Getenv)
	if err != nil {
		return "", false, err
	}
	found, err := records.load(name)
	if err != nil || found == nil {
		return "", false, err
	}
	return found.KubeconfigFile, true, nil
}

// decision is what a creation has to do about what it finds.
type decision int

const (
	decideToCreate decision = iota
	decideToAdopt
	// decideToReplace removes what an interrupted creation left behind.
	decideToReplace
	decideToRefuse
)

// decide looks at whether there are containers of the cluster's name, and at
// what is remembered about it.
func decide(exists bool, remembered *record, digest string) decision {
	switch {
	case !exists:
		return decideToCreate
	case remembered == nil:
		return decideToRefuse
	case remembered.Phase != phaseReady:
		return decideToReplace
	case remembered.Digest != digest:
		return decideToRefuse
	default:
		return decideToAdopt
	}
}

// refusal is the error of decideToRefuse. removal is the command that removes the
// cluster.
func refusal(name string, remembered *record, removal string) error {
	if remembered == nil {
		return fmt.Errorf("there is a kind cluster %s already, and this resource has not made it: take another name, "+
			"or remove that cluster with %s. A KindCluster that is declared outside of a component can take it over: "+
			"`pulumi import gopherlocks:index:KindCluster RESOURCE %s`", name, removal, name)
	}
	return fmt.Errorf("there is a kind cluster %s already that was made from other inputs: take another name, "+
		"or the inputs that it was made from, or remove it with %s and run the command again", name, removal)
}
