// Package embedded makes real single-node Kubernetes clusters on this machine
// out of upstream's programs and the distribution's containerd, runc and CNI
// plugins. Such a cluster lives on when the process that made it ends; its state
// is one folder, and its node runs in namespaces of its own, see package node.
//
// A program that uses this package must begin its main with RunNode: the node's
// supervisor is the program itself, started again.
package embedded

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"github.com/gopherlocks/gopherlocks/stackcluster"
	"github.com/gopherlocks/gopherlocks/standalone/internal/network"
	"github.com/gopherlocks/gopherlocks/standalone/internal/state"
)

// DefaultStateRoot is the folder that has a folder for each cluster.
const DefaultStateRoot = "/var/lib/gopherlocks"

// ErrNotFound says that there is no cluster of a name.
var ErrNotFound = errors.New("no such cluster")

// Ref names a cluster on this machine.
type Ref struct {
	// Name is a DNS label of at most stackcluster.MaxNameLength characters.
	Name string
	// StateRoot is an absolute path; default DefaultStateRoot.
	StateRoot string
}

// Spec is what a cluster is made from.
type Spec struct {
	Ref
	// BinDir is the folder with the programs that Programs names. They are
	// linked or copied, so that the folder may go later.
	BinDir string
	// Subnet is the block of IPv4 addresses that the cluster uses for its node,
	// pods and services, /8 to /22. Without it a free /16 out of 10.200.0.0 to
	// 10.254.0.0 is chosen.
	Subnet netip.Prefix
	// KubeconfigFile, if set, is where a copy of the administrator's kubeconfig
	// is kept, readable by root alone.
	KubeconfigFile string
	// HPASyncPeriod is how often HorizontalPodAutoscalers are looked at; 0
	// means upstream's default of 15 s.
	HPASyncPeriod time.Duration
}

// Cluster is a cluster as it is.
type Cluster struct {
	Ref
	// Running says that the node's supervisor lives.
	Running bool
	// Kubeconfig is the administrator's, with credentials inside.
	Kubeconfig []byte
	// Context is the name of the only context in Kubeconfig.
	Context string
	// Endpoint is the URL of the API server.
	Endpoint string
	// KubernetesVersion is the API server's, such as v1.37.2.
	KubernetesVersion string
	NodeName          string
	// StateDir is the folder of all of the cluster's state.
	StateDir string
	// ContainerdAddress is the path of the socket of the node's containerd.
	ContainerdAddress string
	Subnet            netip.Prefix
	KubeconfigFile    string
	HPASyncPeriod     time.Duration
	// NameServers are asked by the cluster's DNS about names outside of the
	// cluster. Without a network there are none.
	NameServers []string
	// NameServerWarning says why the cluster can't ask the machine's name servers,
	// and what to do. It is empty if it can, and without a network.
	NameServerWarning string
}

// Progress is told what is being waited for, in a few words.
type Progress func(message string)

// Create makes the cluster of spec and returns when it is ready: the node is Ready,
// its DNS answers, and pods have a service account to run as. First it removes what
// an interrupted Create left behind. It adopts an existing cluster of the same
// name, as Update does. After a failure only the logs stay, in a folder that the
// error names.
func Create(ctx context.Context, spec Spec, progress Progress) (Cluster, error) {
	if err := spec.Validate(); err != nil {
		return Cluster{}, err
	}
	return create(ctx, spec, progress)
}

// Update changes an existing cluster to spec, starts it if it does not run, and
// corrects its Drift. It restarts the node if its programs or flags change.
// Objects, images and certificates stay. After a failure all state stays.
func Update(ctx context.Context, spec Spec, progress Progress) (Cluster, error) {
	if err := spec.Validate(); err != nil {
		return Cluster{}, err
	}
	return update(ctx, spec, progress)
}

// Inspect returns the cluster as it is. Its error is ErrNotFound when there is
// none, or one that was never ready.
func Inspect(ref Ref) (Cluster, error) {
	if err := ref.Validate(); err != nil {
		return Cluster{}, err
	}
	return inspect(ref)
}

// Remembered tells whether this machine has a record of a cluster, whole or begun,
// and where the copy of its kubeconfig is, if anywhere.
func Remembered(ref Ref) (kubeconfigFile string, known bool, err error) {
	if err = ref.Validate(); err != nil {
		return "", false, err
	}
	record, err := state.Load(ref.dir())
	if errors.Is(err, os.ErrNotExist) {
		return "", false, nil
	}
	return record.KubeconfigFile, err == nil, err
}

// ProgramsChanged says whether the programs in binDir differ in content from
// those that the cluster runs.
func ProgramsChanged(ref Ref, binDir string) (bool, error) {
	if err := ref.Validate(); err != nil {
		return false, err
	}
	return programsChanged(ref.dir(), binDir)
}

// Drift is what has changed on the machine since a running cluster was made. Update
// corrects it while the node runs on. The zero value is no drift.
type Drift struct {
	// NameServers are the machine's, if the cluster has others: the machine has
	// moved to another network.
	NameServers []string
	// NetworkClosed says that the cluster's firewall rules are missing, or that the
	// machine no longer forwards packets. This happens when someone reloads the
	// machine's settings. Pods then can't reach the world.
	NetworkClosed bool
}

// FindDrift looks at the machine around a cluster. A stopped cluster has no drift:
// it gets everything anew when it is started.
func FindDrift(ref Ref) (Drift, error) {
	if err := ref.Validate(); err != nil {
		return Drift{}, err
	}
	return findDrift(ref)
}

// Delete removes the cluster with all that it made on the machine, in whatever
// state it is. It is no error if there is none.
func Delete(ctx context.Context, ref Ref, progress Progress) error {
	if err := ref.Validate(); err != nil {
		return err
	}
	return remove(ctx, ref, progress)
}

var validName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`)

// Validate checks what can be checked without looking at the machine.
func (r Ref) Validate() error {
	if !validName.MatchString(r.Name) || len(r.Name) > stackcluster.MaxNameLength {
		return fmt.Errorf("name %q: a cluster's name is 1 to %d lower-case letters, digits and hyphens, "+
			"and begins and ends with a letter or digit", r.Name, stackcluster.MaxNameLength)
	}
	if !filepath.IsAbs(r.root()) {
		return fmt.Errorf("stateRoot %q is not an absolute path", r.StateRoot)
	}
	// sun_path of unix(7) has room for 107 bytes.
	const longest = 107
	if socket := r.dir().ContainerdSocket(); len(socket) > longest {
		return fmt.Errorf("stateRoot %q is too long: the path of a socket below it, %s, has more than %d bytes",
			r.StateRoot, socket, longest)
	}
	return nil
}

func (r Ref) root() string {
	if r.StateRoot == "" {
		return DefaultStateRoot
	}
	return filepath.Clean(r.StateRoot)
}

// StateDir returns the folder of the cluster's state, whether or not it exists.
func (r Ref) StateDir() string { return string(r.dir()) }

// ContainerdAddress returns where the cluster's containerd listens when it runs.
func (r Ref) ContainerdAddress() string { return r.dir().ContainerdSocket() }

func (r Ref) dir() state.Dir { return state.NewDir(r.root(), r.Name) }

// Validate checks what can be checked without looking at the machine.
func (s Spec) Validate() error {
	if err := s.Ref.Validate(); err != nil {
		return err
	}
	if s.Subnet.IsValid() {
		if _, err := network.NewPlan(s.Subnet); err != nil {
			return err
		}
	}
	if s.KubeconfigFile != "" && !filepath.IsAbs(s.KubeconfigFile) {
		return fmt.Errorf("kubeconfigFile %q is not an absolute path", s.KubeconfigFile)
	}
	if s.HPASyncPeriod < 0 {
		return fmt.Errorf("hpaSyncPeriod %s is negative", s.HPASyncPeriod)
	}
	return nil
}
