package embedded

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/gopherlocks/gopherlocks/images"
	"github.com/gopherlocks/gopherlocks/provider/localimage"
	"github.com/gopherlocks/gopherlocks/standalone/internal/cgroup"
	"github.com/gopherlocks/gopherlocks/standalone/internal/kubeapi"
	"github.com/gopherlocks/gopherlocks/standalone/internal/network"
	"github.com/gopherlocks/gopherlocks/standalone/internal/node"
	"github.com/gopherlocks/gopherlocks/standalone/internal/nodeconfig"
	"github.com/gopherlocks/gopherlocks/standalone/internal/state"
)

const (
	// startTimeout bounds the start of a node. A start takes about 10 s, on some
	// machines far longer. A failed start shows earlier: its components end.
	startTimeout = 4 * time.Minute
	// maxEnds is how often a component may end before the start counts as failed.
	// It may end once or twice because another one has not started yet.
	maxEnds = 3
)

// start starts the node of a configured cluster, waits until it is ready and
// records that. After a failure the node is stopped.
func start(ctx context.Context, dir state.Dir, record state.Record, machine machine, progress Progress) (Cluster, error) {
	config, err := nodeconfig.New(dir, record)
	if err != nil {
		return Cluster{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if err = startNode(ctx, config, machine, progress); err != nil {
		stopCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTimeout)
		defer cancel()
		return Cluster{}, errors.Join(err, node.Stop(stopCtx, dir, false))
	}
	if record.KubernetesVersion, err = readVersion(ctx, config); err != nil {
		return Cluster{}, err
	}
	if err := writeKubeconfigCopy(dir, record); err != nil {
		return Cluster{}, err
	}
	record.Phase = state.PhaseReady
	if err := state.Save(dir, record); err != nil {
		return Cluster{}, err
	}
	// The logs of an earlier failure say nothing about this cluster.
	if err := os.RemoveAll(dir.FailedLogs()); err != nil {
		return Cluster{}, fmt.Errorf("removing the logs of a failed start: %w", err)
	}
	progress("ready")
	return describe(Ref{Name: record.Name, StateRoot: filepath.Dir(string(dir))}, record)
}

// startNode starts the supervisor, connects it, and follows it until it is ready.
func startNode(ctx context.Context, config nodeconfig.Cluster, machine machine, progress Progress) error {
	dir := config.Dir
	if err := os.MkdirAll(dir.Logs(), 0o700); err != nil {
		return fmt.Errorf("making the folder of logs: %w", err)
	}
	// The report of an earlier supervisor would be taken for the new one's.
	if err := os.Remove(dir.Node()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("removing an old report: %w", err)
	}
	if err := cgroup.NewBranch(machine.hierarchies, config.CgroupName()).Create(); err != nil {
		return err
	}
	handle, err := node.Start(filepath.Join(dir.Bin(), nodeProgram), dir)
	if err != nil {
		return err
	}
	defer handle.Close()
	if err := network.Connect(config.Link, config.Plan, config.Record.MTU, handle.PID); err != nil {
		return err
	}
	if err := network.OpenFirewall(config.Record.Name, config.Link, config.Plan); err != nil {
		return err
	}
	if err := handle.Proceed(); err != nil {
		return errors.Join(err, describeLogs(dir, "node", "node.stderr"))
	}
	return follow(ctx, dir, handle, progress)
}

// follow waits for the supervisor's word that the node is ready. In between it
// loads the image that every pod needs.
func follow(ctx context.Context, dir state.Dir, handle *node.Handle, progress Progress) error {
	events := make(chan node.Event)
	ended := make(chan error, 1)
	go func() {
		ended <- node.ReadEvents(handle.Events, func(event node.Event) bool {
			select {
			case events <- event:
				return true
			case <-ctx.Done():
				return false
			}
		})
	}()
	waitingFor := "the supervisor"
	for {
		select {
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("waiting for %s: %w", waitingFor, context.Cause(ctx)), describeLogs(dir, waitingFor, "kubelet"))
		case err := <-ended:
			if errors.Is(err, io.EOF) {
				err = errors.New("the node's supervisor ended while the node started")
			}
			return errors.Join(err, describeLogs(dir, "node", "node.stderr"))
		case event := <-events:
			switch {
			case event.Kind == node.EventReady && event.Component == "":
				return nil
			case event.Kind == node.EventReady && event.Component == nodeconfig.Containerd:
				// It is loaded while the API server starts: no pod can exist yet.
				if err := loadPause(ctx, dir); err != nil {
					return err
				}
			case event.Kind == node.EventWaiting:
				waitingFor = event.Message
				progress("waiting for " + waitingFor)
			case event.Kind == node.EventFailed, event.Kind == node.EventEnded && event.Ends >= maxEnds:
				return errors.Join(fmt.Errorf("the node does not start: %s %s", event.Component, event.Message),
					describeLogs(dir, event.Component))
			}
		}
	}
}

// readVersion asks the API server for its version. It asks from the machine's side
// of the link, and so also checks that clients can reach it.
func readVersion(ctx context.Context, config nodeconfig.Cluster) (string, error) {
	client, err := kubeapi.NewAdmin(config.Endpoint(), config.Dir.PKI())
	if err != nil {
		return "", err
	}
	var version struct {
		GitVersion string `json:"gitVersion"`
	}
	if err := client.Get(ctx, "/version", &version); err != nil {
		return "", fmt.Errorf("reaching the API server at %s: %w", config.Endpoint(), err)
	}
	return version.GitVersion, nil
}

const pauseRepository = "localhost/gopherlocks/pause"

func buildPause(dir state.Dir) (localimage.Image, error) {
	name, content, err := localimage.ReadBinary(filepath.Join(dir.Bin(), pauseProgram))
	if err != nil {
		return localimage.Image{}, err
	}
	return localimage.Build(pauseRepository, images.Spec{BinaryName: name, Binary: content})
}

func loadPause(ctx context.Context, dir state.Dir) error {
	image, err := buildPause(dir)
	if err != nil {
		return err
	}
	return localimage.Store{Address: dir.ContainerdSocket()}.Load(ctx, image)
}
