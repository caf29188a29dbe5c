package state

import "path/filepath"

// Dir is the folder of one cluster. Its paths are the same on the machine and
// inside the node, which mounts the folder at the same path.
type Dir string

// NewDir returns the folder of the cluster name under root.
func NewDir(root, name string) Dir { return Dir(filepath.Join(root, name)) }

// Path returns a path inside the folder.
func (d Dir) Path(elem ...string) string {
	return filepath.Join(append([]string{string(d)}, elem...)...)
}

// Record is the file that Load reads.
func (d Dir) Record() string { return d.Path("cluster.json") }

// NodeLock is the file whose lock the node's supervisor holds while it lives.
func (d Dir) NodeLock() string { return d.Path("lock") }

// Node is the file in which the supervisor says what runs.
func (d Dir) Node() string { return d.Path("node.json") }

// Bin is the folder of the installed programs.
func (d Dir) Bin() string { return d.Path("bin") }

// PKI is the folder of certificates and keys.
func (d Dir) PKI() string { return d.Path("pki") }

// Config is the folder of the rendered configuration files.
func (d Dir) Config() string { return d.Path("config") }

// Logs is the folder with one log per component.
func (d Dir) Logs() string { return d.Path("logs") }

// Log is the log of one component.
func (d Dir) Log(component string) string { return d.Path("logs", component+".log") }

// ContainerdSocket is where containerd listens, inside and outside of the node.
func (d Dir) ContainerdSocket() string { return d.Path("containerd.sock") }

// AdminKubeconfig is the kubeconfig of the cluster's administrator.
func (d Dir) AdminKubeconfig() string { return d.Path("config", "admin.kubeconfig") }

// FailedLogs is where the logs of a failed creation are kept: beside the folder,
// which is removed.
func (d Dir) FailedLogs() string { return string(d) + ".failed" }

// OperationLock is the file whose lock is held while the cluster is made,
// changed or removed.
func (d Dir) OperationLock() string { return string(d) + ".lock" }
