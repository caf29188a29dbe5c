package e2e

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
)

// ranksPods are the pods of the ranks, ended ones too.
func (f fluxInstance) ranksPods(t *testing.T) []corev1.Pod {
	t.Helper()
	var pods corev1.PodList
	f.w.get(t, &pods, "pods", "-n", namespace, "-l", "job-name="+f.name)
	return pods.Items
}

// nodesOf are the nodes of the ranks that run, by rank.
func (f fluxInstance) nodesOf(t *testing.T) []string {
	t.Helper()
	nodes := make([]string, 4)
	for _, pod := range f.ranksPods(t) {
		if pod.DeletionTimestamp == nil && pod.Status.Phase == corev1.PodRunning {
			nodes[rankOf(t, pod)] = pod.Spec.NodeName
		}
	}
	return nodes
}

// wantGone looks for the pods of lost ranks. A container runtime has found their
// containers gone.
func (f fluxInstance) wantGone(t *testing.T, lost []int) {
	t.Helper()
	const unknown = 255
	gone := map[int]bool{}
	for _, pod := range f.ranksPods(t) {
		for _, c := range pod.Status.ContainerStatuses {
			if ended := c.State.Terminated; ended != nil {
				t.Logf("pod %s ended with exit code %d, %s", pod.Name, ended.ExitCode, ended.Reason)
				gone[rankOf(t, pod)] = ended.ExitCode == unknown
			}
		}
	}
	for _, rank := range lost {
		if !gone[rank] {
			t.Errorf("no pod of rank %d ended with exit code %d: the node has not lost its containers", rank, unknown)
		}
	}
}

func rankOf(t *testing.T, pod corev1.Pod) int {
	t.Helper()
	rank, err := strconv.Atoi(pod.Annotations[batchv1.JobCompletionIndexAnnotation])
	if err != nil {
		t.Fatalf("rank of pod %s: %v", pod.Name, err)
	}
	return rank
}

// ranksOn are the ranks on a node.
func ranksOn(nodes []string, node string) []int {
	var ranks []int
	for rank, on := range nodes {
		if on == node {
			ranks = append(ranks, rank)
		}
	}
	return ranks
}

// otherWorker is the worker that is not the given one.
func (w *workspace) otherWorker(t *testing.T, node string) string {
	t.Helper()
	workers := slices.DeleteFunc(w.nodes(t), func(n string) bool { return strings.HasSuffix(n, "-control-plane") || n == node })
	if len(workers) != 1 {
		t.Fatalf("workers besides %s: %q, want one", node, workers)
	}
	return workers[0]
}

// ranksIn are the ranks of a set as Flux writes it.
func ranksIn(t *testing.T, set string) (ranks []int) {
	t.Helper()
	for part := range strings.SplitSeq(set, ",") {
		first, last, isRange := strings.Cut(part, "-")
		if !isRange {
			last = first
		}
		from, err1 := strconv.Atoi(first)
		to, err2 := strconv.Atoi(last)
		if err := errors.Join(err1, err2); err != nil {
			t.Fatalf("set %q: %v", set, err)
		}
		for rank := from; rank <= to; rank++ {
			ranks = append(ranks, rank)
		}
	}
	return ranks
}
