package kind

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
	"sigs.k8s.io/kind/pkg/cluster"
	"sigs.k8s.io/kind/pkg/cluster/nodes"
	"sigs.k8s.io/kind/pkg/exec"

	"github.com/gopherlocks/gopherlocks/provider/atomicfile"
	"github.com/gopherlocks/gopherlocks/provider/containerengine"
	"github.com/gopherlocks/gopherlocks/provider/flock"
	"github.com/gopherlocks/gopherlocks/provider/kubeconfig"
)

// adminKubeconfig is the administrator's kubeconfig inside a control plane.
const adminKubeconfig = "/etc/kubernetes/admin.conf"

// Client makes, reads and removes a cluster on the machine's container engine.
type Client struct {
	engine   engine
	kind     *cluster.Provider
	records  records
	progress Progress
}

// NewClient finds the container engine for the cluster of a name. The cluster need
// not exist yet. If no engine works, or not the one that the cluster was made on,
// the error says what to install or to start.
func NewClient(ctx context.Context, name string, progress Progress) (*Client, error) {
	records, err := defaultRecords(os.Getenv)
	if err != nil {
		return nil, err
	}
	remembered, err := records.load(name)
	if err != nil {
		return nil, err
	}
	engine, err := findEngine(ctx, containerengine.Here(), remembered)
	if err != nil {
		return nil, err
	}
	if err := engine.check(name, remembered, records.file(name)); err != nil {
		return nil, err
	}
	return &Client{
		engine:   engine,
		kind:     cluster.NewProvider(cluster.ProviderWithLogger(logger{progress}), engine.option()),
		records:  records,
		progress: progress,
	}, nil
}

// Inspect returns the cluster as it is. Its error is ErrNotFound when there is
// none.
func (c *Client) Inspect(ctx context.Context, name string) (Cluster, error) {
	containers, err := c.containers(ctx, name)
	if err != nil {
		return Cluster{}, err
	}
	if len(containers) == 0 {
		return Cluster{}, fmt.Errorf("%w: %s", ErrNotFound, name)
	}
	found := Cluster{Name: name, Containers: containers, Context: ContextOf(name)}
	control, ok := runningControlPlane(containers)
	if !ok {
		return found, nil
	}
	version, err := c.engine.Do(ctx, "exec", control, "cat", versionFile)
	if err != nil {
		return Cluster{}, fmt.Errorf("reading the version of node %s: %w", control, err)
	}
	found.KubernetesVersion = strings.TrimSpace(version)
	if !isServed(containers) {
		return found, nil
	}
	if _, err := c.engine.Do(ctx, "exec", control, "test", "-f", adminKubeconfig); err != nil {
		// Kubernetes was never set up on these nodes.
		return found, nil
	}
	return found, c.readKubeconfig(&found)
}

// ContextOf returns the name of the context in a cluster's kubeconfig.
func ContextOf(name string) string { return "kind-" + name }

// readKubeconfig asks kind for the kubeconfig, in which the API server has the
// address that it is published at.
func (c *Client) readKubeconfig(found *Cluster) error {
	kubeconfig, err := c.kind.KubeConfig(found.Name, false)
	if err != nil {
		return fmt.Errorf("reading the kubeconfig of kind cluster %s: %w", found.Name, withOutput(err))
	}
	var content struct {
		CurrentContext string `yaml:"current-context"`
		Clusters       []struct {
			Cluster struct {
				Server string `yaml:"server"`
			} `yaml:"cluster"`
		} `yaml:"clusters"`
	}
	if err := yaml.Unmarshal([]byte(kubeconfig), &content); err != nil || len(content.Clusters) != 1 {
		return fmt.Errorf("the kubeconfig of kind cluster %s has %d clusters, not one (%w)", found.Name, len(content.Clusters), err)
	}
	found.Kubeconfig = []byte(kubeconfig)
	found.Context, found.Endpoint = content.CurrentContext, content.Clusters[0].Cluster.Server
	return nil
}

// containers lists the cluster's containers in the order of their names,
// control planes first.
func (c *Client) containers(ctx context.Context, name string) ([]NodeStatus, error) {
	list, err := c.kind.ListNodes(name)
	if err != nil {
		return nil, fmt.Errorf("listing the nodes of kind cluster %s: %w", name, withOutput(err))
	}
	var containers []NodeStatus
	for _, node := range list {
		role, err := node.Role()
		if err != nil {
			return nil, fmt.Errorf("reading the role of node %s: %w", node, withOutput(err))
		}
		output, err := c.engine.Do(ctx, "container", "inspect", node.String())
		if err != nil {
			return nil, fmt.Errorf("inspecting node %s: %w", node, err)
		}
		container, err := readContainer(output)
		if err != nil {
			return nil, fmt.Errorf("inspecting node %s: %w", node, err)
		}
		container.Name, container.Role = node.String(), roleOf(role)
		containers = append(containers, container)
	}
	slices.SortFunc(containers, func(a, b NodeStatus) int {
		return strings.Compare(string(a.Role)+" "+naturalOrder(a.Name), string(b.Role)+" "+naturalOrder(b.Name))
	})
	return containers, nil
}

// readContainer reads the whole output of `container inspect`. A format would be
// shorter, but an engine refuses one with a field that it does not have, and some
// versions of nerdctl lack fields that Docker has.
func readContainer(output string) (NodeStatus, error) {
	var said []struct {
		// Image is a name from nerdctl, an ID from the others.
		Image  string
		Config struct{ Image string }
		State  struct {
			Running   bool
			StartedAt string
		}
	}
	if err := json.Unmarshal([]byte(output), &said); err != nil {
		return NodeStatus{}, fmt.Errorf("reading what the container engine says: %w", err)
	}
	if len(said) != 1 {
		return NodeStatus{}, fmt.Errorf("the container engine says something of %d containers, not of one", len(said))
	}
	container := NodeStatus{Image: cmp.Or(said[0].Config.Image, said[0].Image), Running: said[0].State.Running}
	if at := said[0].State.StartedAt; at != "" {
		started, err := time.Parse(time.RFC3339Nano, at)
		if err != nil {
			return NodeStatus{}, fmt.Errorf("reading when it was started: %w", err)
		}
		container.Started = started
	}
	return container, nil
}

// naturalOrder makes names sort by the number at their end: worker, worker2,
// worker10.
func naturalOrder(name string) string {
	stem := strings.TrimRight(name, "0123456789")
	return fmt.Sprintf("%s%8s", stem, strings.TrimPrefix(name, stem))
}

func runningControlPlane(containers []NodeStatus) (string, bool) {
	for _, container := range containers {
		if container.Role == ControlPlane && container.Running {
			return container.Name, true
		}
	}
	return "", false
}

// isServed says that all control planes run, and the load balancer if there are
// several. If one is stopped or gone, kind may fail to find the kubeconfig or its
// address.
func isServed(containers []NodeStatus) bool {
	controlPlanes, balancers := 0, 0
	for _, container := range containers {
		switch {
		case container.Role == Worker:
		case !container.Running:
			return false
		case container.Role == ControlPlane:
			controlPlanes++
		default:
			balancers++
		}
	}
	return controlPlanes == 1 || controlPlanes > 1 && balancers > 0
}

// nodesOf are kind's handles of the nodes, without a load balancer.
func (c *Client) nodesOf(name string) ([]nodes.Node, error) {
	list, err := c.kind.ListInternalNodes(name)
	if err != nil {
		return nil, fmt.Errorf("listing the nodes of kind cluster %s: %w", name, withOutput(err))
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("%w: %s", ErrNotFound, name)
	}
	return list, nil
}

// lock keeps other processes of this user from changing the cluster.
func (c *Client) lock(ctx context.Context, name string) (unlock func(), err error) {
	if err = os.MkdirAll(string(c.records), 0o700); err != nil {
		return nil, fmt.Errorf("making the folder of records: %w", err)
	}
	lock, err := flock.Acquire(ctx, c.records.lock(name))
	if err != nil {
		return nil, err
	}
	return func() {
		// If it cannot be removed, an empty file stays, and is used again next
		// time.
		_ = lock.Release()
	}, nil
}

// writeKubeconfig writes the copy of a cluster's kubeconfig to where it is wanted
// now, and removes the copy from where it was wanted before.
func writeKubeconfig(made Cluster, wanted, before string) error {
	if before != wanted {
		if err := kubeconfig.RemoveCopy(before, made.Context); err != nil {
			return err
		}
	}
	if wanted == "" || made.Kubeconfig == nil {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(wanted), 0o755); err != nil {
		return fmt.Errorf("making the folder of the kubeconfig: %w", err)
	}
	if err := atomicfile.Write(wanted, made.Kubeconfig); err != nil {
		return fmt.Errorf("writing the kubeconfig: %w", err)
	}
	return nil
}

// withOutput adds the output of a failed command, which kind's errors leave out. It
// adds the last lines only: kubeadm prints hundreds.
func withOutput(err error) error {
	failed := exec.RunErrorForError(err)
	if failed == nil || len(failed.Output) == 0 {
		return err
	}
	const shown = 8
	lines := strings.Split(strings.TrimSpace(string(failed.Output)), "\n")
	return fmt.Errorf("%w: %s", err, strings.Join(lines[max(0, len(lines)-shown):], "\n"))
}
