package kind

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"sigs.k8s.io/kind/pkg/apis/config/v1alpha4"
)

// waitReady waits until all nodes are ready and pods have a service account to
// run as. kind itself looks at control planes alone, and only warns.
func (c *Client) waitReady(ctx context.Context, spec Spec, config *v1alpha4.Cluster) error {
	ctx, cancel := context.WithTimeoutCause(ctx, spec.Wait, fmt.Errorf("not within the %s that the nodes are given", spec.Wait))
	defer cancel()
	c.progress("waiting for the nodes")
	ticker := time.NewTicker(500 * time.Millisecond)
	defer ticker.Stop()
	for {
		missing, err := c.notReady(ctx, spec.Name, config)
		if err == nil && missing == "" {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("kind cluster %s is not ready: %s (%w)", spec.Name, errorOr(err, missing), context.Cause(ctx))
		case <-ticker.C:
		}
	}
}

// notReady says what a cluster still lacks before it can be used, or "".
func (c *Client) notReady(ctx context.Context, name string, config *v1alpha4.Cluster) (string, error) {
	containers, err := c.containers(ctx, name)
	if err != nil {
		return "", err
	}
	control, ok := runningControlPlane(containers)
	if !ok {
		return "no control plane runs", nil
	}
	output, err := c.kubectl(ctx, control, "get", "nodes", "--output=json")
	if err != nil {
		return "", err
	}
	// Without a network plugin no node gets ready. The user has chosen to bring
	// one.
	if !config.Networking.DisableDefaultCNI {
		missing, readErr := notReadyNodes([]byte(output), nodeNames(config), startTimes(containers))
		if readErr != nil || missing != "" {
			return missing, readErr
		}
	}
	_, err = c.kubectl(ctx, control, "get", "serviceaccount", "default", "--namespace=default")
	return "", err
}

// kubectl runs in a control plane. So this machine needs no kubectl, and no way to
// the API server.
func (c *Client) kubectl(ctx context.Context, control string, args ...string) (string, error) {
	return c.engine.Do(ctx, append([]string{"exec", control, "kubectl", "--kubeconfig=" + adminKubeconfig}, args...)...)
}

// startTimes are when the containers were started, by their names.
func startTimes(containers []NodeStatus) map[string]time.Time {
	times := map[string]time.Time{}
	for _, container := range containers {
		times[container.Name] = container.Started
	}
	return times
}

// notReadyNodes reads a list of nodes and returns those of names that are not
// ready, or "". A status from before the node was started does not count. The API
// keeps it up to 50 seconds after the node was stopped; kubelet and containerd may
// not run yet.
func notReadyNodes(list []byte, names []string, started map[string]time.Time) (string, error) {
	var nodes struct {
		Items []struct {
			Metadata struct {
				Name string `json:"name"`
			} `json:"metadata"`
			Status struct {
				Conditions []struct {
					Type, Status, Message string
					LastHeartbeatTime     time.Time
				} `json:"conditions"`
			} `json:"status"`
		} `json:"items"`
	}
	if err := json.Unmarshal(list, &nodes); err != nil {
		return "", fmt.Errorf("reading the list of nodes: %w", err)
	}
	why := map[string]string{}
	for _, node := range nodes.Items {
		why[node.Metadata.Name] = "not ready"
		for _, condition := range node.Status.Conditions {
			if condition.Type != "Ready" {
				continue
			}
			// The API keeps whole seconds.
			since := started[node.Metadata.Name].Truncate(time.Second)
			switch {
			case condition.LastHeartbeatTime.Before(since):
				why[node.Metadata.Name] = "nothing heard of it since it was started"
			case condition.Status == "True":
				why[node.Metadata.Name] = ""
			default:
				why[node.Metadata.Name] = condition.Message
			}
		}
	}
	var missing []string
	for _, name := range names {
		switch reason, joined := why[name]; {
		case !joined:
			missing = append(missing, name+": has not joined")
		case reason != "":
			missing = append(missing, name+": "+reason)
		}
	}
	return strings.Join(missing, "; "), nil
}
