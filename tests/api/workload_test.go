package api

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
)

// onlineAfter is how long a broker of Flux takes from its start until the rank
// takes jobs (measured with flux-core 0.88: 0.8 to 1.0 s).
const onlineAfter = 800 * time.Millisecond

// workload is the jobs of an instance. It does to the lead's record what Flux
// does: no job starts on a drained rank or one that is not online; a rank that
// comes back undrains itself; the lead is silent without its pod. It watches that
// nobody takes a rank away that runs a job.
type workload struct {
	t    *testing.T
	m    miniCluster
	lead *lead
	end  []func()

	mu sync.Mutex
	// online are the pods of the ranks that take jobs.
	online map[int]types.UID
	// expected are the pods that the test itself deletes.
	expected map[types.UID]bool
	// drains are the states of status.drain, in order.
	drains []seenDrain
	// taken are the ranks that were taken away while they were busy.
	taken                   []takenRank
	jobs, shrinks, timedOut int
}

type seenDrain struct {
	at    time.Time
	drain api.Drain
}

type takenRank struct {
	at   time.Time
	rank int
	how  string
}

// startWorkload makes the lead serve, and watches until stop is called.
func startWorkload(t *testing.T, m miniCluster, l *lead) *workload {
	t.Helper()
	w := &workload{t: t, m: m, lead: l, online: map[int]types.UID{}, expected: map[types.UID]bool{}}
	l.serve(m)
	w.watch(&api.MiniClusterList{}, w.seeMiniCluster)
	w.watch(&batchv1.JobList{}, w.seeShrinks())
	handle, err := world.kubelet.informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(o any) { w.seePod(nil, o.(*corev1.Pod)) },
		UpdateFunc: func(old, o any) { w.seePod(old.(*corev1.Pod), o.(*corev1.Pod)) },
	})
	if err != nil {
		t.Fatalf("watch the pods: %v", err)
	}
	w.end = append(w.end, func() { _ = world.kubelet.informer.RemoveEventHandler(handle) })
	return w
}

// watch calls see with each version of the namespace's objects of a kind.
func (w *workload) watch(list client.ObjectList, see func(client.Object)) {
	w.t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", world.kubeconfig)
	if err != nil {
		w.t.Fatalf("read the kubeconfig: %v", err)
	}
	c, err := client.NewWithWatch(config, client.Options{Scheme: world.client.Scheme()})
	if err != nil {
		w.t.Fatalf("set up a client: %v", err)
	}
	ctx, cancel := context.WithCancel(w.t.Context())
	watcher, err := c.Watch(ctx, list, client.InNamespace(w.m.key.Namespace))
	if err != nil {
		w.t.Fatalf("watch %T: %v", list, err)
	}
	var seer sync.WaitGroup
	seer.Go(func() {
		for event := range watcher.ResultChan() {
			if o, ok := event.Object.(client.Object); ok && event.Type != watch.Deleted {
				see(o)
			}
		}
		if ctx.Err() == nil {
			w.t.Errorf("the watch of %T has ended: not all was seen", list)
		}
	})
	w.end = append(w.end, func() {
		cancel()
		watcher.Stop()
		seer.Wait()
	})
}

// stop ends the watching, and reports what was taken away from jobs.
func (w *workload) stop() {
	w.t.Helper()
	for _, end := range w.end {
		end()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, taken := range w.taken {
		if w.wasTimedOut(taken) {
			w.timedOut++
			continue
		}
		w.t.Errorf("rank %d ran a job when %s; drains: %+v", taken.rank, taken.how, w.drains)
	}
}

// wasTimedOut tells whether the rank's drain had had its time. It needs the lock.
func (w *workload) wasTimedOut(taken takenRank) bool {
	// Another watch may tell a little later; status has whole seconds.
	const slack, rounding = 500 * time.Millisecond, time.Second
	for _, seen := range slices.Backward(w.drains) {
		if seen.at.After(taken.at.Add(slack)) || !slices.Contains(ranksOf(seen.drain.Ranks), taken.rank) {
			continue
		}
		return taken.at.Sub(seen.drain.StartTime.Time) >= soakDrainTimeout-rounding
	}
	return false
}

// startJob runs a job on a rank, if the instance would.
func (w *workload) startJob(rank int, duration time.Duration) {
	w.mu.Lock()
	uid, online := w.online[rank]
	w.mu.Unlock()
	if !online || !w.lead.startJob(rank) {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.online[rank] != uid {
		w.lead.endJob(rank) // gone meanwhile
		return
	}
	w.jobs++
	time.AfterFunc(duration, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.online[rank] == uid {
			w.lead.endJob(rank)
		}
	})
}

// expectDeath notes that the test deletes a pod: a job dies by accident.
func (w *workload) expectDeath(pod types.UID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.expected[pod] = true
}

func (w *workload) seeMiniCluster(o client.Object) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if drain := o.(*api.MiniCluster).Status.Drain; drain != nil {
		w.drains = append(w.drains, seenDrain{time.Now(), *drain})
	}
}

// seeShrinks checks at each shrink of the Job that no rank goes that is busy.
func (w *workload) seeShrinks() func(client.Object) {
	before := int32(0)
	return func(o client.Object) {
		size := *o.(*batchv1.Job).Spec.Completions
		w.mu.Lock()
		defer w.mu.Unlock()
		if size < before {
			w.shrinks++
			for _, rank := range w.lead.busyNow() {
				if rank >= int(size) && !w.expected[w.online[rank]] {
					w.taken = append(w.taken, takenRank{time.Now(), rank, fmt.Sprintf("the Job shrank from %d to %d", before, size)})
				}
			}
		}
		before = size
	}
}

// seePod follows a rank as it comes online and goes.
func (w *workload) seePod(old, pod *corev1.Pod) {
	rank, err := strconv.Atoi(rankOf(pod))
	if pod.Namespace != w.m.key.Namespace || err != nil {
		return
	}
	gone := pod.DeletionTimestamp != nil || pod.Status.Phase == corev1.PodFailed
	wasGone := old != nil && (old.DeletionTimestamp != nil || old.Status.Phase == corev1.PodFailed)
	switch {
	case gone && !wasGone:
		w.goOffline(rank, pod.UID)
	case !gone && isReady(pod) && (old == nil || !isReady(old)):
		if rank == 0 && old != nil {
			w.lead.serve(w.m)
		}
		time.AfterFunc(onlineAfter, func() { w.goOnline(rank, pod) })
	}
}

func (w *workload) goOnline(rank int, pod *corev1.Pod) {
	o, exists, err := world.kubelet.informer.GetStore().Get(pod)
	if err != nil || !exists || o.(*corev1.Pod).UID != pod.UID || o.(*corev1.Pod).DeletionTimestamp != nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lead.undrain(rank)
	w.online[rank] = pod.UID
}

// waitForOnline waits until so many ranks take jobs.
func (w *workload) waitForOnline(ranks int) {
	w.t.Helper()
	eventually(w.t, func() error {
		w.mu.Lock()
		defer w.mu.Unlock()
		if len(w.online) != ranks {
			return fmt.Errorf("%d ranks take jobs, want %d", len(w.online), ranks)
		}
		return nil
	})
}

func (w *workload) goOffline(rank int, pod types.UID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if rank == 0 {
		w.lead.stop()
	}
	if w.online[rank] != pod {
		return // it never came online
	}
	delete(w.online, rank)
	if w.lead.endJob(rank) && !w.expected[pod] {
		w.taken = append(w.taken, takenRank{time.Now(), rank, "its pod was deleted"})
	}
}

// startJob makes a rank busy that is neither drained nor busy, and tells whether
// it has.
func (l *lead) startJob(rank int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if slices.Contains(ranksOf(l.drained), rank) || slices.Contains(l.busy, rank) {
		return false
	}
	l.becomeBusy(append(slices.Clone(l.busy), rank))
	return true
}

// endJob makes a rank idle, and tells whether it was busy.
func (l *lead) endJob(rank int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	was := slices.Contains(l.busy, rank)
	l.becomeBusy(slices.DeleteFunc(slices.Clone(l.busy), func(r int) bool { return r == rank }))
	return was
}

func (l *lead) busyNow() []int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.busy)
}

// undrain lets jobs run on a rank again.
func (l *lead) undrain(rank int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var stay []string
	for _, r := range ranksOf(l.drained) {
		if r != rank {
			stay = append(stay, strconv.Itoa(r))
		}
	}
	l.drained = strings.Join(stay, ",")
}

// isReady tells whether a pod is.
func isReady(pod *corev1.Pod) bool {
	return slices.ContainsFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	})
}
