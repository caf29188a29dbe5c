package kind

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"sigs.k8s.io/kind/pkg/apis/config/v1alpha4"
	"sigs.k8s.io/kind/pkg/cluster"

	"github.com/gopherlocks/gopherlocks/provider/kubeconfig"
)

// cleanupTimeout bounds the cleanup after a failure, which also runs when the
// context of the operation has ended.
const cleanupTimeout = 2 * time.Minute

// Create makes the cluster of spec and returns when all of its nodes are ready.
// First it removes what an interrupted Create left behind. It adopts a whole
// cluster of the same name if a Create made it from an equal spec, and refuses any
// other. After a failure only the nodes' logs stay, in a folder that the error
// names.
func (c *Client) Create(ctx context.Context, spec Spec) (Cluster, error) {
	config, err := spec.config()
	if err != nil {
		return Cluster{}, err
	}
	digest, err := spec.Digest()
	if err != nil {
		return Cluster{}, err
	}
	unlock, err := c.lock(ctx, spec.Name)
	if err != nil {
		return Cluster{}, err
	}
	defer unlock()
	containers, err := c.containers(ctx, spec.Name)
	if err != nil {
		return Cluster{}, err
	}
	remembered, err := c.records.load(spec.Name)
	if err != nil {
		return Cluster{}, err
	}
	switch decide(len(containers) > 0, remembered, digest) {
	case decideToRefuse:
		return Cluster{}, refusal(spec.Name, remembered, c.engine.removal(spec.Name))
	case decideToAdopt:
		c.progress("adopting the existing cluster " + spec.Name)
		return c.converge(ctx, spec, config)
	case decideToReplace:
		c.progress("removing what an interrupted creation left behind")
		if err = c.removeContainers(ctx, spec.Name); err != nil {
			return Cluster{}, err
		}
	}
	onCgroupV1, err := c.engine.ensureImages(ctx, config, c.progress)
	if err != nil {
		return Cluster{}, err
	}
	if onCgroupV1 {
		takeCgroupV1(config)
	}
	if err = c.remember(spec, phaseCreating, digest); err != nil {
		return Cluster{}, err
	}
	made, err := c.createNew(ctx, spec, config)
	if err == nil {
		err = c.remember(spec, phaseReady, digest)
	}
	if err != nil {
		return Cluster{}, errors.Join(err, c.abandon(ctx, spec))
	}
	return made, nil
}

// remember records how far the making of a cluster came.
func (c *Client) remember(spec Spec, phase phase, digest string) error {
	return c.records.save(spec.Name, record{
		Phase: phase, Digest: digest, KubeconfigFile: spec.KubeconfigFile, Engine: c.engine.Program, Identity: c.engine.identity,
	})
}

func (c *Client) createNew(ctx context.Context, spec Spec, config *v1alpha4.Cluster) (Cluster, error) {
	err := c.untilCanceled(ctx, spec.Name, func() error {
		return withScratchKubeconfig(func(path string) error {
			return c.kind.Create(spec.Name,
				cluster.CreateWithV1Alpha4Config(config),
				cluster.CreateWithKubeconfigPath(path),
				// Kept for its logs; see abandon.
				cluster.CreateWithRetain(true))
		})
	})
	if err != nil {
		return Cluster{}, withOutput(err)
	}
	made, err := c.finish(ctx, spec, config)
	if err != nil {
		return Cluster{}, err
	}
	return made, writeKubeconfig(made, spec.KubeconfigFile, "")
}

// untilCanceled runs a creation. kind's library cannot be interrupted: when ctx
// ends, its nodes are removed until it gives up.
func (c *Client) untilCanceled(ctx context.Context, name string, create func() error) error {
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		err = create()
	}()
	select {
	case <-done:
		return err
	case <-ctx.Done():
	}
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		// An error is ignored here: it is tried again, and once more by abandon.
		_ = c.deleteOnce(name)
		select {
		case <-done:
			return ctx.Err()
		case <-ticker.C:
		}
	}
}

// finish waits until the cluster can be used.
func (c *Client) finish(ctx context.Context, spec Spec, config *v1alpha4.Cluster) (Cluster, error) {
	if spec.Wait > 0 {
		if err := c.waitReady(ctx, spec, config); err != nil {
			return Cluster{}, err
		}
	}
	made, err := c.Inspect(ctx, spec.Name)
	if err != nil {
		return Cluster{}, err
	}
	if made.Kubeconfig == nil {
		return Cluster{}, fmt.Errorf("kind cluster %s has no API server: not all of its control planes run, with their load balancer", spec.Name)
	}
	return made, nil
}

// Update changes of an existing cluster what can be changed: it starts stopped
// containers, and writes the copy of the kubeconfig. After a failure all state
// stays.
func (c *Client) Update(ctx context.Context, spec Spec) (Cluster, error) {
	config, err := spec.config()
	if err != nil {
		return Cluster{}, err
	}
	unlock, err := c.lock(ctx, spec.Name)
	if err != nil {
		return Cluster{}, err
	}
	defer unlock()
	return c.converge(ctx, spec, config)
}

// converge starts the containers that do not run.
func (c *Client) converge(ctx context.Context, spec Spec, config *v1alpha4.Cluster) (Cluster, error) {
	containers, err := c.containers(ctx, spec.Name)
	if err != nil {
		return Cluster{}, err
	}
	missing, err := spec.Missing(Cluster{Containers: containers})
	if err != nil {
		return Cluster{}, err
	}
	if len(missing) > 0 {
		return Cluster{}, fmt.Errorf("kind cluster %s has lost its nodes %s, and kind cannot add any: remove the others with %s "+
			"and run the command again", spec.Name, strings.Join(missing, ", "), c.engine.removal(spec.Name))
	}
	for _, container := range containers {
		if container.Running {
			continue
		}
		c.progress("starting node " + container.Name)
		if _, err = c.engine.Do(ctx, "start", container.Name); err != nil {
			return Cluster{}, fmt.Errorf("starting node %s: %w", container.Name, err)
		}
	}
	remembered, err := c.records.load(spec.Name)
	if err != nil {
		return Cluster{}, err
	}
	before := ""
	if remembered != nil {
		before = remembered.KubeconfigFile
	}
	made, err := c.finish(ctx, spec, config)
	if err != nil {
		return Cluster{}, err
	}
	if err = writeKubeconfig(made, spec.KubeconfigFile, before); err != nil {
		return Cluster{}, err
	}
	digest, err := spec.Digest()
	if err != nil {
		return Cluster{}, err
	}
	// An imported cluster gets a record too: it is ours from now on.
	return made, c.remember(spec, phaseReady, digest)
}

// abandon undoes a failed creation but keeps the nodes' logs.
func (c *Client) abandon(ctx context.Context, spec Spec) error {
	interrupted := ctx.Err() != nil
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTimeout)
	defer cancel()
	var errs []error
	logs := c.records.failed(spec.Name)
	if err := os.RemoveAll(logs); err != nil {
		errs = append(errs, err)
	}
	if !interrupted {
		// An error is ignored: a node may lack one of the programs, and some logs
		// are better than none.
		_ = c.kind.CollectLogs(spec.Name, logs)
		if entries, err := os.ReadDir(logs); err == nil && len(entries) > 0 {
			errs = append(errs, fmt.Errorf("the logs of its nodes are in %s", logs))
		}
	}
	if err := c.removeContainers(ctx, spec.Name); err != nil {
		errs = append(errs, fmt.Errorf("undoing the failed creation: %w", err))
	} else if err := c.records.forget(spec.Name); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// Delete removes the cluster with all that it made, in whatever state it is. It is
// no error if there is none.
func (c *Client) Delete(ctx context.Context, name string) error {
	unlock, err := c.lock(ctx, name)
	if err != nil {
		return err
	}
	defer unlock()
	remembered, err := c.records.load(name)
	if err != nil {
		return err
	}
	c.progress("removing the nodes")
	if err := c.removeContainers(ctx, name); err != nil {
		return err
	}
	if remembered != nil {
		if err := kubeconfig.RemoveCopy(remembered.KubeconfigFile, ContextOf(name)); err != nil {
			return err
		}
	}
	return c.records.remove(name)
}

// DeleteOurs removes the cluster of a name if a Create of this user has made or
// begun it. Without a record it asks no engine: the engine may be gone.
func DeleteOurs(ctx context.Context, name string, progress Progress) error {
	records, err := defaultRecords(os.Getenv)
	if err != nil {
		return err
	}
	remembered, err := records.load(name)
	if err != nil || remembered == nil {
		return err
	}
	client, err := NewClient(ctx, name, progress)
	if err != nil {
		return err
	}
	return client.Delete(ctx, name)
}

// removeContainers removes the nodes with their volumes. A command may outlive an
// interrupted creation and add nodes meanwhile; those are removed too.
func (c *Client) removeContainers(ctx context.Context, name string) error {
	for {
		if err := c.deleteOnce(name); err != nil {
			return fmt.Errorf("removing the nodes of kind cluster %s: %w", name, withOutput(err))
		}
		left, err := c.containers(ctx, name)
		if err != nil || len(left) == 0 {
			return err
		}
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("removing the nodes of kind cluster %s: %w", name, err)
		}
	}
}

func (c *Client) deleteOnce(name string) error {
	return withScratchKubeconfig(func(path string) error { return c.kind.Delete(name, path) })
}

// withScratchKubeconfig gives kind a kubeconfig to change. kind always changes one,
// by default the user's own.
func withScratchKubeconfig(do func(path string) error) error {
	scratch, err := os.MkdirTemp("", "gopherlocks-kind-*")
	if err != nil {
		return fmt.Errorf("making a folder for kind's kubeconfig: %w", err)
	}
	defer os.RemoveAll(scratch)
	return do(filepath.Join(scratch, "kubeconfig"))
}
