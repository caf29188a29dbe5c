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
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
)

// onlineAfter is how long a broker of Flux takes from its start until the rank
// takes jobs (measured with flux-core 0.88: 0.8 to 1.0 s).
const onlineAfter = 800 * time.Millisecond

// workload is the jobs of an instance. It changes the lead's record as Flux does.
// No job starts on a rank that is drained or not online. A rank that comes back
// undrains itself, unless it was drained since its pod is there. Without its pod, the lead does not answer. It watches that no
// rank is taken away from a running job.
type workload struct {
	t    *testing.T
	m    miniCluster
	lead *lead
	end  []func()

	mu sync.Mutex
	// online are the pods of the ranks that take jobs.
	online map[int]types.UID
	// expected are the pods that the test itself deletes, and those of shrinks that
	// were reported already.
	expected map[types.UID]bool
	// drains are the states of status.drain in order; without ranks where there is none.
	drains []seenDrain
	// taken are the ranks that were taken away while they were busy.
	taken                   []takenRank
	jobs, shrinks, timedOut int
}

// moment is when a version of an object was seen. All versions come from one store,
// so they tell which of two objects was written first. Watches may deliver them in
// another order.
type moment struct {
	version uint64
	at      time.Time
}

func (w *workload) seen(o client.Object) moment {
	version, err := strconv.ParseUint(o.GetResourceVersion(), 10, 64)
	if err != nil {
		w.t.Errorf("the version of %T: %v", o, err)
	}
	return moment{version, time.Now()}
}

type seenDrain struct {
	moment
	drain api.Drain
}

type takenRank struct {
	moment
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
		w.t.Errorf("%s: rank %d ran a job when %s; drains until then: %s",
			taken.at.Format(clock), taken.rank, taken.how, w.drainsUntil(taken.moment))
	}
}

// clock is the form of a time in messages, which the operator's log has too.
const clock = "15:04:05.000"

// drainsUntil are the last drains before a moment, for a message. It needs the lock.
func (w *workload) drainsUntil(end moment) string {
	const told = 8
	var lines []string
	for _, s := range w.before(end) {
		lines = append(lines, fmt.Sprintf("%s: of %q since %s, busy %q",
			s.at.Format(clock), s.drain.Ranks, s.drain.StartTime.UTC().Format(time.TimeOnly), s.drain.Busy))
	}
	return strings.Join(lines[max(0, len(lines)-told):], "; ")
}

// before are the drains that were written before a moment. It needs the lock.
func (w *workload) before(end moment) []seenDrain {
	i := slices.IndexFunc(w.drains, func(s seenDrain) bool { return s.version > end.version })
	if i < 0 {
		return w.drains
	}
	return w.drains[:i]
}

// wasTimedOut tells whether the rank had been draining for the whole timeout,
// without a break. It needs the lock.
func (w *workload) wasTimedOut(taken takenRank) bool {
	// The status has whole seconds, and is seen a little after it was written.
	const rounding, slack = time.Second, 500 * time.Millisecond
	since := taken.at
	for _, s := range slices.Backward(w.before(taken.moment)) {
		if !slices.Contains(ranksOf(s.drain.Ranks), taken.rank) {
			break
		}
		since = s.at
	}
	return taken.at.Sub(since) >= soakDrainTimeout-rounding-slack
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
	w.drains = append(w.drains, seenDrain{w.seen(o), ptr.Deref(o.(*api.MiniCluster).Status.Drain, api.Drain{})})
}

// seeShrinks checks at each shrink of the Job that no busy rank goes.
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
					w.taken = append(w.taken, takenRank{w.seen(o), rank, fmt.Sprintf("the Job shrank from %d to %d", before, size)})
					w.expected[w.online[rank]] = true // told once
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
		w.goOffline(rank, pod)
	case !gone && isReady(pod) && (old == nil || !isReady(old)):
		if rank == 0 && old != nil {
			w.lead.serve(w.m)
		}
		w.lead.undrain(rank)
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

func (w *workload) goOffline(rank int, pod *corev1.Pod) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if rank == 0 {
		w.lead.stop()
	}
	if w.online[rank] != pod.UID {
		return // it never came online
	}
	delete(w.online, rank)
	if w.lead.endJob(rank) && !w.expected[pod.UID] {
		w.taken = append(w.taken, takenRank{w.seen(pod), rank, "its pod was deleted"})
	}
}

// startJob makes a rank busy unless it is drained or busy already, and tells
// whether it has.
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
