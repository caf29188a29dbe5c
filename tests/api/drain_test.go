package api

import (
	"fmt"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/utils/ptr"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
)

// wantCompletions fails unless the Job is of this size.
func (m miniCluster) wantCompletions(size int32) {
	m.t.Helper()
	if got := *m.job().Spec.Completions; got != size {
		m.t.Fatalf("the Job has %d completions, want %d", got, size)
	}
}

func TestShrinkingWaitsForTheJobsOnRanksThatGo(t *testing.T) {
	t.Parallel()
	m, lead := createInstance(t, api.MiniClusterSpec{Size: 4, MaxSize: 4})
	m.waitForSize(4)
	lead.setBusy(0, 3)
	lead.serve(m)
	before, written := uids(m.pods()), len(jobWrites(writes(t, m.key.Namespace)))

	m.mustScale(2)
	lead.waitForDrained("2-3")
	eventually(t, func() error {
		if drain := m.get().Status.Drain; drain == nil || drain.Ranks != "2-3" || drain.Busy != "3" {
			return fmt.Errorf("status.drain is %+v, want ranks 2-3, busy 3", drain)
		}
		return nil
	})
	c := m.waitForReason(api.ConditionProgressing, api.ReasonDraining)
	if !strings.Contains(c.Message, "1 job runs on rank 3") {
		t.Errorf("the message does not tell what is waited for: %q", c.Message)
	}
	if !meta.IsStatusConditionTrue(m.get().Status.Conditions, api.ConditionReady) {
		t.Error("not Ready, although every desired rank is")
	}
	m.wantCompletions(4)
	if out, err := kubectl(t, "get", "mc", "-n", m.key.Namespace, "--no-headers"); err != nil || fmt.Sprint(strings.Fields(out)[1:6]) != "[2 4 4 4 Draining]" {
		t.Errorf("kubectl get mc: %v, %q", err, out)
	}

	lead.setBusy(0)
	m.waitForSize(2)
	if m.get().Status.Drain != nil {
		t.Errorf("status.drain is left: %+v", m.get().Status.Drain)
	}
	if got := jobWrites(writes(t, m.key.Namespace))[written:]; len(got) != 1 {
		t.Errorf("the Job was written by %v, want one patch", got)
	}
	for rank, uid := range uids(m.pods()) {
		if before[rank] != uid {
			t.Errorf("rank %s was replaced", rank)
		}
	}
	m.waitForEvent(api.EventDraining)
	m.waitForEvent(api.EventDrained)
}

func TestNewWishCancelsTheDrain(t *testing.T) {
	t.Parallel()
	m, lead := createInstance(t, api.MiniClusterSpec{Size: 4, MaxSize: 4})
	m.waitForSize(4)
	lead.setBusy(2, 3)
	lead.serve(m)
	before := uids(m.pods())
	m.mustScale(1)
	lead.waitForDrained("1-3")
	m.mustScale(3)
	lead.waitForDrained("3")
	m.mustScale(4)
	lead.waitForDrained("")
	m.waitForSize(4)
	m.waitForEvent(api.EventDrainCanceled)
	if fmt.Sprint(uids(m.pods())) != fmt.Sprint(before) {
		t.Error("a rank was replaced")
	}
	if drain := m.get().Status.Drain; drain != nil {
		t.Errorf("status.drain is left: %+v", drain)
	}
}

func TestDrainEndsWithItsTime(t *testing.T) {
	t.Parallel()
	m, lead := createInstance(t, api.MiniClusterSpec{Size: 3, MaxSize: 4, ScaleDown: api.ScaleDown{DrainTimeoutSeconds: ptr.To(int32(2))}})
	m.waitForSize(3)
	lead.setBusy(2)
	lead.serve(m)
	m.mustScale(1)
	lead.waitForDrained("1-2")
	m.waitForSize(1)
	if got := m.waitForEvent(api.EventDrainTimedOut); !strings.Contains(got, "1 job runs on rank 2") {
		t.Errorf("the event does not name the jobs: %q", got)
	}
}

func TestPeopleInAHurryChangeTheTimeWhileRanksDrain(t *testing.T) {
	t.Parallel()
	m, lead := createInstance(t, api.MiniClusterSpec{Size: 3, MaxSize: 4})
	m.waitForSize(3)
	lead.setBusy(2)
	lead.serve(m)
	m.mustScale(1)
	m.waitForReason(api.ConditionProgressing, api.ReasonDraining)
	job := m.job().UID
	m.change(func(spec *api.MiniClusterSpec) { spec.ScaleDown.DrainTimeoutSeconds = ptr.To(int32(0)) })
	m.waitForSize(1)
	if m.job().UID != job {
		t.Error("the Job was made anew")
	}
}

// TestSilentLeadKeepsItsRanks: no answer means that jobs may run.
func TestSilentLeadKeepsItsRanks(t *testing.T) {
	t.Parallel()
	m, lead := createInstance(t, api.MiniClusterSpec{Size: 3, MaxSize: 4})
	m.waitForSize(3)
	m.mustScale(1)
	eventually(t, func() error {
		c := meta.FindStatusCondition(m.get().Status.Conditions, api.ConditionProgressing)
		if c.Reason != api.ReasonDraining || !strings.Contains(c.Message, "the lead does not answer") {
			return fmt.Errorf("%s: %q", c.Reason, c.Message)
		}
		return nil
	})
	m.wantCompletions(3)
	lead.serve(m)
	m.waitForSize(1)
}

func TestDrainGoesOnUnderAnotherOperator(t *testing.T) {
	m, lead := createInstance(t, api.MiniClusterSpec{Size: 3, MaxSize: 4})
	m.waitForSize(3)
	lead.setBusy(2)
	lead.serve(m)
	m.mustScale(1)
	m.waitForReason(api.ConditionProgressing, api.ReasonDraining)
	start := m.get().Status.Drain.StartTime

	world.operators.current().kill()
	startOperator(t)
	lead.mu.Lock()
	asked := lead.requests
	lead.mu.Unlock()
	eventually(t, func() error {
		lead.mu.Lock()
		defer lead.mu.Unlock()
		if lead.requests == asked {
			return fmt.Errorf("the second operator has not asked the lead")
		}
		return nil
	})
	if drain := m.get().Status.Drain; drain == nil || !drain.StartTime.Equal(&start) {
		t.Errorf("the drain began anew: %+v, began at %s", drain, start)
	}
	m.wantCompletions(3)
	lead.setBusy()
	m.waitForSize(1)
	if lead.refused > 0 {
		t.Errorf("%d requests had another token", lead.refused)
	}
}
