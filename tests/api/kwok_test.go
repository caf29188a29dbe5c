package api

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/wait"
)

// kwokVariable is the path of kwok (https://kwok.sigs.k8s.io). If it is set, a real
// scheduler places the pods on nodes that kwok simulates, instead of the stand-in
// of kubelet_test.go. This is for benchmarks, which are compared with other
// people's.
const kwokVariable = "GOPHERLOCKS_KWOK"

// Each of the simulatedNodes takes podsOfANode pods, as kubelets do by default.
const (
	simulatedNodes = 10
	podsOfANode    = 110
)

// stages are what kwok's nodes do with pods: what the stand-in does.
//
//go:embed testdata/kwok-stages.yaml
var stages []byte

// simulation is the programs that stand for nodes.
type simulation []*process

func (s simulation) kill() {
	for _, p := range s {
		p.kill()
	}
}

// startSimulation starts a scheduler and kwok, and makes the nodes.
func startSimulation(ctx context.Context, bin, kwok, dir, kubeconfig string) (simulation, error) {
	config := filepath.Join(dir, "kwok-stages.yaml")
	if err := os.WriteFile(config, stages, 0o600); err != nil {
		return nil, err
	}
	scheduler, err := startProcess(filepath.Join(dir, "kube-scheduler.log"), filepath.Join(bin, "kube-scheduler"),
		"--kubeconfig="+kubeconfig, "--leader-elect=false", "--secure-port=0",
		// As of the controller manager.
		"--kube-api-qps=500", "--kube-api-burst=1000")
	if err != nil {
		return nil, err
	}
	simulator, err := startProcess(filepath.Join(dir, "kwok.log"), kwok,
		"--kubeconfig="+kubeconfig, "--config="+config, "--manage-all-nodes", "--node-lease-duration-seconds=40")
	if err != nil {
		scheduler.kill()
		return nil, err
	}
	started := simulation{scheduler, simulator}
	if err := makeNodes(ctx, simulator); err != nil {
		started.kill()
		return nil, err
	}
	return started, nil
}

// makeNodes makes nodes, and waits until kwok has taken them over.
func makeNodes(ctx context.Context, kwok *process) error {
	for i := range simulatedNodes {
		node := &corev1.Node{}
		node.Name = fmt.Sprintf("simulated-%d", i)
		node.Labels = map[string]string{corev1.LabelHostname: node.Name}
		node.Status.Allocatable = corev1.ResourceList{
			corev1.ResourceCPU:    resource.MustParse("64"),
			corev1.ResourceMemory: resource.MustParse("256Gi"),
			corev1.ResourcePods:   *resource.NewQuantity(podsOfANode, resource.DecimalSI),
		}
		node.Status.Capacity = node.Status.Allocatable
		if err := world.client.Create(ctx, node); err != nil {
			return fmt.Errorf("make node %s: %w", node.Name, err)
		}
	}
	return wait.PollUntilContextTimeout(ctx, pollInterval, patience, true, func(ctx context.Context) (bool, error) {
		select {
		case <-kwok.ended:
			return false, errors.New("kwok has ended: see kwok.log")
		default:
		}
		var list corev1.NodeList
		if err := world.client.List(ctx, &list); err != nil {
			return false, err
		}
		open := 0
		for _, node := range list.Items {
			// New nodes have a taint for not being ready. The node lifecycle
			// controller removes it when they are.
			if len(node.Status.Conditions) > 0 && len(node.Spec.Taints) == 0 {
				open++
			}
		}
		return open == simulatedNodes, nil
	})
}
