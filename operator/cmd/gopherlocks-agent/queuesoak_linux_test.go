package main

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/gopherlocks/gopherlocks/tests/environ"
)

// Variables of the environment: the number of jobs, and the seed of an earlier run.
const (
	queueJobsVariable = "GOPHERLOCKS_QUEUE_JOBS"
	queueSeedVariable = "GOPHERLOCKS_QUEUE_SEED"
)

const (
	// shortQueueSoak is the number of jobs where queueJobsVariable is not set. More of
	// them take longIdleTime, and all times grow with it.
	shortQueueSoak = 30
	longIdleTime   = 5 * time.Second
	// soakMaxSize is the largest size.
	soakMaxSize = 4
	// latest is how long after the idle time a size or a rank may still be there.
	latest = 2 * time.Second
	// noticed is how long Flux may give jobs to a rank that was killed.
	noticed = 5 * time.Second
	// lastJobs bounds the wait for the jobs that are left in the end.
	lastJobs = 5 * time.Minute
)

// TestNoJobIsLostWhenTheSizeFollowsTheQueue has jobs of random sizes and lengths come in
// waves, while the operator is killed, brokers and pods are killed, and pods are deleted.
// Only what was on a killed rank may fail. Flux's own records say what ran where and when.
func TestNoJobIsLostWhenTheSizeFollowsTheQueue(t *testing.T) {
	jobs := int(environ.NumberFrom(t, queueJobsVariable, shortQueueSoak))
	seed := uint64(environ.NumberFrom(t, queueSeedVariable, time.Now().UnixNano()))
	idleTime := time.Second
	if jobs > shortQueueSoak {
		idleTime = longIdleTime
	}
	t.Logf("%d jobs, ranks go after %v; %s=%d makes the same choices again", jobs, idleTime, queueSeedVariable, seed)
	s := newScaled(t, soakMaxSize, idleTime, true)
	w := &waves{scaled: s, random: rand.New(rand.NewPCG(seed, 0)), idleTime: idleTime, accidents: map[string]int{}}
	w.run(jobs)
	s.awaitWithin(lastJobs, func() string {
		left := slices.DeleteFunc(s.lead().jobs(), func(job jobRecord) bool { return job.State == jobInactive })
		if len(left) > 0 {
			return fmt.Sprintf("jobs are left: %+v", left)
		}
		return ""
	})
	s.await(func() string {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.size != 1 || len(s.pods) != 1 {
			return fmt.Sprintf("%d pods at size %d, want 1", len(s.pods), s.size)
		}
		return ""
	})
	w.judge(jobs)
}

// waves are jobs and accidents.
type waves struct {
	*scaled
	random    *rand.Rand
	idleTime  time.Duration
	submitted int
	// due are accidents that have still to happen, once there is a follower; accidents
	// are those that have, by what they were.
	due       int
	accidents map[string]int
}

const (
	largestWave = 8
	// accidentAfter is the number of jobs from one accident to the next.
	accidentAfter = 7
)

// run submits the jobs. Waves overlap or leave time for a shrink, by chance.
func (w *waves) run(jobs int) {
	for w.submitted < jobs {
		for range min(1+w.random.IntN(largestWave), jobs-w.submitted) {
			w.submit()
			if w.submitted%accidentAfter == 0 {
				w.due++
			}
			w.causeAccident()
			w.rest(w.idleTime / 5)
		}
		w.rest(3 * w.idleTime)
	}
}

// rest lets up to most pass.
func (w *waves) rest(most time.Duration) {
	pauseUntil(w.t.Context(), time.Duration(w.random.Int64N(int64(most))))
}

// submit submits a job of random size and length: of nodes, of cores on each of some
// nodes, or of cores anywhere.
func (w *waves) submit() {
	w.t.Helper()
	nodes := fmt.Sprintf("-N%d", 1+w.random.IntN(soakMaxSize))
	size := []string{nodes}
	switch w.random.IntN(4) {
	case 0:
		size = []string{fmt.Sprintf("-n%d", 1+w.random.IntN(soakMaxSize*int(w.config.Cores)))}
	case 1:
		size = append(size, "-n"+nodes[2:])
	}
	length := time.Duration(w.random.Int64N(int64(w.idleTime * 7 / 10)))
	w.lead().ask(append(append([]string{"submit"}, size...), "sleep", fmt.Sprintf("%.2f", length.Seconds()))...)
	w.submitted++
}

// causeAccident makes one that is due happen, if it can.
func (w *waves) causeAccident() {
	kinds := []struct {
		name string
		make func() bool
	}{
		{"kills of a follower's broker", w.killBroker},
		{"kills of the operator", func() bool { w.killOperator(); return true }},
		{"pods lost", w.losePod},
		{"pods deleted", w.deletePod},
	}
	total := 0
	for _, n := range w.accidents {
		total += n
	}
	if kind := kinds[total%len(kinds)]; w.due > 0 && kind.make() {
		w.due--
		w.accidents[kind.name]++
	}
}

// onFollower does something to a pod that was not told to end, with the lock held. It
// tells whether it was done.
func (w *waves) onFollower(do func(number int32, pod *scaledPod) bool) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	first := w.random.Int32N(soakMaxSize)
	for i := range int32(soakMaxSize) {
		number := (first + i) % soakMaxSize
		if pod := w.pods[number]; number > 0 && pod != nil && !pod.stopped && !pod.Ended() && do(number, pod) {
			return true
		}
	}
	return false
}

func (w *waves) killBroker() bool {
	return w.onFollower(func(number int32, pod *scaledPod) bool {
		brokers := pod.brokers()
		if len(brokers) != 1 {
			return false // It is only starting.
		}
		w.ledger.losses = append(w.ledger.losses, onRank{number, time.Now()})
		return syscall.Kill(brokers[0], syscall.SIGKILL) == nil
	})
}

// losePod kills all of a pod, its agent too.
func (w *waves) losePod() bool {
	return w.onFollower(func(number int32, pod *scaledPod) bool {
		w.ledger.losses = append(w.ledger.losses, onRank{number, time.Now()})
		pod.lost = true
		pod.Kill()
		return true
	})
}

// deletePod is kubectl delete pod: the agent drains its rank, and waits for its jobs.
func (w *waves) deletePod() bool {
	return w.onFollower(func(_ int32, pod *scaledPod) bool {
		pod.stopped = true
		pod.Stop()
		return true
	})
}

// judge says what has become of the jobs and of the size.
func (w *waves) judge(jobs int) {
	records := w.lead().jobs()
	w.stopOperator()
	l := w.ledger
	if len(records) != jobs {
		w.t.Errorf("Flux knows of %d jobs, and %d were submitted", len(records), jobs)
	}
	killed := 0
	for _, job := range records {
		switch {
		case job.State == jobInactive && job.Result == jobCompleted:
		case job.State == jobInactive && w.wasKilled(job):
			killed++
		default:
			w.t.Errorf("a job is lost: %+v", job)
		}
		for _, stop := range l.stops {
			if job.runsAt(stop, 0) {
				w.t.Errorf("the pod of rank %d was stopped at %.3f, with a job on it: %+v", stop.rank, unix(stop.at), job)
			}
		}
	}
	if l.longest > w.idleTime+latest {
		w.t.Errorf("a size was kept for %v that no job needed, want the idle time of %v and %v more at most", l.longest, w.idleTime, latest)
	}
	growths, before := 0, int32(1)
	for _, each := range l.sizes {
		if each.size > before {
			growths++
		}
		before = each.size
	}
	w.t.Logf("%d jobs completed, %d failed with a rank that the test killed, none was lost; %d growths, %d shrinks, %d pods stopped by them",
		len(records)-killed, killed, growths, len(l.sizes)-growths, len(l.stops))
	w.t.Logf("accidents: %v, and %d silences of the lead", w.accidents, l.silences)
	w.t.Logf("a size that no job needed was kept for %v at most; a rank had gone p50 %v, p95 %v after it was needed last",
		l.longest.Round(time.Millisecond), percentile(l.gone, 50), percentile(l.gone, 95))
}

// wasKilled tells whether a job was on a rank when the test killed that.
func (w *waves) wasKilled(job jobRecord) bool {
	for _, loss := range w.ledger.losses {
		if job.runsAt(loss, noticed) {
			return true
		}
	}
	return false
}
