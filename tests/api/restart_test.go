package api

import (
	"fmt"
	"strings"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/utils/ptr"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
)

// working is an instance of 3 ranks, of which rank 1 runs a job and for which two jobs wait.
func working(t *testing.T, spec api.MiniClusterSpec) (miniCluster, *lead) {
	t.Helper()
	spec.Size, spec.MaxSize = 3, 4
	m, lead := createInstance(t, spec)
	m.waitForSize(3)
	lead.has(demand{running: 1, pending: 2, wanted: 3, busy: []int{1}, up: 3})
	lead.serve(m)
	return m, lead
}

// newImage is a change that running ranks cannot take over.
func newImage(spec *api.MiniClusterSpec) { spec.Containers[0].Image = "example.org/image:2" }

func TestRestartWaitsForJobs(t *testing.T) {
	t.Parallel()
	m, lead := working(t, api.MiniClusterSpec{})
	old := m.job()
	m.change(newImage)
	lead.waitForRest("0-2")
	eventually(t, func() error {
		c := m.waitForReason(api.ConditionProgressing, api.ReasonDraining)
		for _, want := range []string{"the queue is stopped, and all ranks restart when no job runs", "1 job runs on rank 1", "2 jobs in the queue will be lost"} {
			if !strings.Contains(c.Message, want) {
				return fmt.Errorf("the message lacks %q: %s", want, c.Message)
			}
		}
		return nil
	})
	// What is asked of it meanwhile, it has when it is back.
	m.mustScale(4)
	if m.job().UID != old.UID || *m.job().Spec.Completions != 3 {
		t.Error("the Job did not wait for the jobs")
	}
	lead.has(demand{pending: 2, wanted: 3, up: 3})
	m.waitForOtherJob(old)
	m.waitForSize(4)
	m.waitForEvent(api.EventDrained)
	m.waitForEvent(api.EventStateLost)
	m.waitForEvent(api.EventRecreating)
	if drain := m.get().Status.Drain; drain != nil {
		t.Errorf("status.drain is left: %+v", drain)
	}
}

func TestRestartThatIsTakenBack(t *testing.T) {
	t.Parallel()
	m, lead := working(t, api.MiniClusterSpec{})
	old, image := m.job(), m.get().Spec.Containers[0].Image
	m.change(newImage)
	lead.waitForRest("0-2")
	m.change(func(spec *api.MiniClusterSpec) { spec.Containers[0].Image = image })
	lead.waitForDrained("")
	m.waitForEvent(api.EventDrainCanceled)
	m.waitForSize(3)
	if m.job().UID != old.UID {
		t.Error("the ranks were restarted all the same")
	}
}

func TestRestartWaitsForARequest(t *testing.T) {
	t.Parallel()
	m, lead := working(t, api.MiniClusterSpec{Restart: api.Restart{Policy: api.RestartOnRequest}})
	old := m.job()
	m.change(newImage)
	c := m.waitForReason(api.ConditionReady, api.ReasonRestartDue)
	m.waitForEvent(api.EventRestartDue)
	// The message has the command.
	_, command, found := strings.Cut(c.Message, "ask for it with: kubectl ")
	if !found {
		t.Fatalf("the message has no command: %s", c.Message)
	}
	m.mustScale(2) // Its ranks are scaled as ever.
	m.waitForReason(api.ConditionReady, api.ReasonRestartDue)
	m.wantCompletions(2)
	lead.setBusy()
	args := strings.Fields(strings.ReplaceAll(command, `"$(date)"`, "now"))
	if out, err := kubectl(t, args...); err != nil {
		t.Fatalf("kubectl %s: %v: %s", command, err, out)
	}
	job := m.waitForOtherJob(old)
	m.waitForSize(2)
	if got := job.Annotations[api.AnnotationRestart]; got != "now" {
		t.Errorf("the Job remembers the request %q", got)
	}
	m.waitForReason(api.ConditionReady, api.ReasonReady)
}

func TestRestartAtOnce(t *testing.T) {
	t.Parallel()
	for _, restart := range []api.Restart{{Policy: api.RestartAtOnce}, {DrainTimeoutSeconds: ptr.To(int32(0))}} {
		m, _ := working(t, api.MiniClusterSpec{Restart: restart})
		old := m.job()
		m.change(newImage)
		m.waitForOtherJob(old)
		m.waitForSize(3)
	}
}

func TestSleepAndWake(t *testing.T) {
	t.Parallel()
	m, lead := working(t, api.MiniClusterSpec{Services: []api.Container{{Image: "example.org/service", Name: "beside"}}})
	m.change(func(spec *api.MiniClusterSpec) { spec.Suspend = true })
	lead.waitForRest("0-2")
	lead.setBusy()
	m.waitForReason(api.ConditionReady, api.ReasonAsleep)
	m.waitForEvent(api.EventFallingAsleep)
	eventually(t, func() error {
		if pods := m.allPods(); len(pods) > 0 {
			return fmt.Errorf("%d pods are left", len(pods))
		}
		if err := world.client.Get(t.Context(), m.key, &batchv1.Job{}); !apierrors.IsNotFound(err) {
			return fmt.Errorf("the Job is left: %w", err)
		}
		return nil
	})
	if out, err := kubectl(t, "wait", "-n", m.key.Namespace, "mc/"+m.key.Name, "--for=condition=Ready", "--timeout=1s"); err != nil {
		t.Errorf("what sleeps as it is to is not Ready: %v: %s", err, out)
	}
	written := len(writes(t, m.key.Namespace))
	m.change(newImage) // costs nothing now
	m.mustScale(2)
	eventually(t, func() error {
		if got := m.get(); got.Status.Desired != 2 {
			return fmt.Errorf("status.desired is %d, want 2", got.Status.Desired)
		}
		return nil
	})
	if got := jobWrites(writes(t, m.key.Namespace)[written:]); len(got) > 0 {
		t.Errorf("while it sleeps, the Job was written by %v", got)
	}
	m.change(func(spec *api.MiniClusterSpec) { spec.Suspend = false })
	m.waitForSize(2)
	for rank, pod := range m.pods() {
		if got := pod.Spec.Containers[0].Image; got != "example.org/image:2" {
			t.Errorf("rank %s runs %s", rank, got)
		}
	}
}

func TestCreatedAsleep(t *testing.T) {
	t.Parallel()
	m, _ := createInstance(t, api.MiniClusterSpec{Size: 2, Suspend: true})
	m.waitForReason(api.ConditionReady, api.ReasonAsleep)
	m.change(func(spec *api.MiniClusterSpec) { spec.Suspend = false })
	m.waitForSize(2)
}

func TestSleepsWhenTheQueueIsEmpty(t *testing.T) {
	t.Parallel()
	m, lead := working(t, api.MiniClusterSpec{Autoscaling: api.Autoscaling{Queue: &api.QueueAutoscaling{IdleSeconds: ptr.To(int32(1)), SleepSeconds: 2}}})
	lead.has(demand{held: 1, up: 3})
	lead.idleFor(0)
	m.waitForEvent(api.EventQueueScalingDown)
	if m.get().Spec.Suspend {
		t.Error("sleeps with a job that is held")
	}
	lead.has(demand{up: 1})
	m.waitForReason(api.ConditionReady, api.ReasonAsleep)
	m.waitForEvent(api.EventQueueSleeping)
	if !m.get().Spec.Suspend {
		t.Error("sleeps, and spec.suspend does not say so")
	}
}

// TestOperatorKilledBeforeAndWhileRanksEnd: another one goes on where it was. It acts on the
// operator, so it does not run beside others.
func TestOperatorKilledBeforeAndWhileRanksEnd(t *testing.T) {
	kill := func() {
		world.operators.current().kill()
		startOperator(t)
	}
	m, lead := working(t, api.MiniClusterSpec{})
	m.change(func(spec *api.MiniClusterSpec) { spec.Suspend = true })
	lead.waitForRest("0-2")
	eventually(t, func() error {
		if m.get().Status.Drain == nil {
			return fmt.Errorf("the status tells of no rest")
		}
		return nil
	})
	since := m.get().Status.Drain.StartTime
	kill() // while jobs run
	m.waitForReason(api.ConditionProgressing, api.ReasonDraining)
	if drain := m.get().Status.Drain; drain == nil || !drain.StartTime.Equal(&since) {
		t.Errorf("status.drain became %+v: its time began at %s", drain, since)
	}
	release := world.kubelet.hold(m.key.Namespace)
	lead.setBusy()
	m.waitForReason(api.ConditionProgressing, api.ReasonFallingAsleep)
	kill() // while pods end
	release()
	m.waitForReason(api.ConditionReady, api.ReasonAsleep)
	m.change(func(spec *api.MiniClusterSpec) { spec.Suspend = false })
	m.waitForSize(3)
}
