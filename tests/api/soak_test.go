package api

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
	"github.com/gopherlocks/gopherlocks/tests/environ"
)

// Variables of the environment: how many resizes, and the seed of an earlier run.
const (
	soakVariable = "GOPHERLOCKS_SOAK"
	seedVariable = "GOPHERLOCKS_SOAK_SEED"
)

const (
	// shortSoak is the number of resizes where soakVariable is not set.
	shortSoak = 10
	// soakMaximum is the largest size.
	soakMaximum = 8
	// soakDrainTimeout is short, so that some jobs are not waited for.
	soakDrainTimeout = 3 * time.Second
	// accidentEvery is the number of resizes from one accident to the next.
	accidentEvery = 4
)

// TestSoak resizes an instance at random while jobs come and go, the operator dies,
// and pods are deleted. Only accidents and timeouts of drains may end a job early.
// In the end the size must be right. The test acts on the operator, so it does not
// run beside others.
func TestSoak(t *testing.T) {
	resizes := int(environ.NumberFrom(t, soakVariable, shortSoak))
	seed := uint64(environ.NumberFrom(t, seedVariable, time.Now().UnixNano()))
	t.Logf("%d resizes; %s=%d makes the same choices again", resizes, seedVariable, seed)
	random := rand.New(rand.NewPCG(seed, 0))

	logged := logSize(t)
	m, lead := createInstance(t, api.MiniClusterSpec{
		Size: 2, MaxSize: soakMaximum,
		ScaleDown: api.ScaleDown{DrainTimeoutSeconds: ptr.To(int32(soakDrainTimeout / time.Second))},
	})
	m.waitForSize(2)
	w := startWorkload(t, m, lead)
	size := int32(2)
	var stops []logPart
	accidents := []func(){
		func() {
			stops = append(stops, stopOperator(t))
			startOperator(t)
		},
		func() { w.deletePod(follower(random, size), false) },
		func() {
			world.operators.current().kill()
			startOperator(t)
		},
		func() { w.deletePod(follower(random, size), true) },
		func() { w.deletePod(0, false) },
		func() { w.deletePod(0, true) },
	}
	for i := range resizes {
		for range random.IntN(2 * soakMaximum) {
			w.startJob(random.IntN(soakMaximum), jobDuration(random))
		}
		size = 1 + random.Int32N(soakMaximum)
		m.mustScale(size)
		if i%accidentEvery == accidentEvery-1 {
			accidents[i/accidentEvery%len(accidents)]()
		}
		if random.IntN(3) == 0 {
			m.waitForSize(size)
			w.waitForOnline(int(size)) // the next resize meets ranks at work
		} else {
			<-time.After(time.Duration(random.IntN(600)) * time.Millisecond) // people are not patient
		}
	}
	m.waitForSize(size)
	w.stop()

	ready := map[int]int{}
	for _, pod := range world.kubelet.podsIn(m.key.Namespace) {
		if isReady(pod) && pod.DeletionTimestamp == nil {
			rank, err := strconv.Atoi(rankOf(pod))
			if err != nil {
				t.Errorf("pod %s: %v", pod.Name, err)
			}
			ready[rank]++
		}
	}
	for rank := range int(size) {
		if ready[rank] != 1 {
			t.Errorf("rank %d has %d ready pods, want 1", rank, ready[rank])
		}
	}
	if len(ready) != int(size) {
		t.Errorf("%d ranks are ready, want %d: %v", len(ready), size, ready)
	}
	if s := m.job().Status; s.CompletedIndexes != "" || ptr.Deref(s.FailedIndexes, "") != "" {
		t.Errorf("indexes are lost: completed %q, failed %q", s.CompletedIndexes, ptr.Deref(s.FailedIndexes, ""))
	}
	lead.mu.Lock()
	defer lead.mu.Unlock()
	if lead.refused > 0 {
		t.Errorf("%d requests had another token", lead.refused)
	}
	for _, line := range errorsLogged(t, logged, stops) {
		t.Errorf("the operator logged: %s", line)
	}
	t.Logf("%d jobs ran, %d of them until the drain's time was over; %d shrinks; %d requests to the lead",
		w.jobs, w.timedOut, w.shrinks, lead.requests)
}

// follower is a rank other than the lead. If there is none, the rank has no pod.
func follower(random *rand.Rand, size int32) int { return 1 + random.IntN(max(1, int(size)-1)) }

// jobDuration is a random duration of a job. One in ten is longer than the drain
// timeout.
func jobDuration(random *rand.Rand) time.Duration {
	if random.IntN(10) == 0 {
		return 2 * soakDrainTimeout
	}
	return time.Duration(50+random.IntN(1450)) * time.Millisecond
}

// stopOperator asks the operator to end, and returns what it wrote from then on.
func stopOperator(t *testing.T) logPart {
	t.Helper()
	from := logSize(t)
	world.operators.current().stop()
	return logPart{from: from, to: logSize(t)}
}

// deletePod deletes the pod of a rank, if it has one; its job dies with it.
func (w *workload) deletePod(rank int, force bool) {
	w.t.Helper()
	pod := w.m.pods()[strconv.Itoa(rank)]
	if pod == nil {
		return
	}
	w.expectDeath(pod.UID)
	var options []client.DeleteOption
	if force {
		options = append(options, client.GracePeriodSeconds(0))
	}
	if err := client.IgnoreNotFound(world.client.Delete(w.t.Context(), pod, options...)); err != nil {
		w.t.Fatalf("delete the pod of rank %d: %v", rank, err)
	}
}

func logSize(t *testing.T) int {
	t.Helper()
	needWorld(t)
	data, err := os.ReadFile(world.operators.log)
	if err != nil {
		t.Fatalf("read the operator's log: %v", err)
	}
	return len(data)
}

// logPart is a part of the operators' log, in bytes from its begin.
type logPart struct{ from, to int }

// Some errors are expected. conflict is a write that met a newer version. A stop
// interrupts what is under way, and gives up the lease.
const conflict = "the object has been modified"

var ofStop = []string{"context canceled", "leader election lost"}

// errorsLogged returns the errors that operators have logged from an offset on,
// without the expected ones.
func errorsLogged(t *testing.T, from int, stops []logPart) []string {
	t.Helper()
	data, err := os.ReadFile(world.operators.log)
	if err != nil {
		t.Fatalf("read the operator's log: %v", err)
	}
	var found []string
	offset := from
	for line := range strings.Lines(string(data[from:])) {
		begin := offset
		offset += len(line)
		var entry struct{ Level string }
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			found = append(found, fmt.Sprintf("what is no entry of the log: %s", line))
			continue
		}
		if entry.Level != "ERROR" || strings.Contains(line, conflict) {
			continue
		}
		stopping := slices.ContainsFunc(stops, func(p logPart) bool { return p.from <= begin && begin < p.to })
		if stopping && slices.ContainsFunc(ofStop, func(part string) bool { return strings.Contains(line, part) }) {
			continue
		}
		found = append(found, line)
	}
	return found
}
