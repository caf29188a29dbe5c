package plan

import (
	"reflect"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
	"github.com/gopherlocks/gopherlocks/operator/bounds"
	"github.com/gopherlocks/gopherlocks/operator/idset"
	"github.com/gopherlocks/gopherlocks/operator/internal/build"
)

// situation is what FuzzMake varies. Bytes keep the sizes small, so that they
// often meet.
type situation struct {
	size, minSize, maxSize, maximumSize int8
	job                                 uint8 // ranks of the Job as it is
	running, ready                      uint8 // which of the first 8 ranks
	flux                                bool
	timeout                             uint8 // seconds
	drained                             uint8 // kind of the answer, see observe
	drainingFor                         int8  // seconds; below 0: not draining
}

// observe makes the situation one that the operator could meet, and returns what
// was there before the size was wished for.
func (s situation) observe() Observed {
	mc := miniCluster(int32(s.size), int32(s.minSize), int32(s.maxSize))
	mc.Spec.Flux.Enabled = ptr.To(s.flux)
	mc.Spec.ScaleDown.DrainTimeoutSeconds = ptr.To(int32(s.timeout))
	mc.Status.MaximumSize = int32(max(s.maximumSize, 0))
	o := settled(mc)
	o.Now = noon
	ranks := int32(s.job%8) + 1
	o.Job.Spec.Completions, o.Job.Spec.Parallelism = ptr.To(ranks), ptr.To(ranks)
	o.Pods = nil
	for rank := range ranks {
		if s.running&(1<<rank) != 0 {
			o.Pods = append(o.Pods, pod("job", rank, s.ready&(1<<rank) != 0))
		}
	}
	desired := min(Make(o).Desired, ranks)
	going := idset.Range(desired, ranks)
	if s.drainingFor >= 0 && desired < ranks {
		mc.Status.Drain = &api.Drain{Ranks: going.String(), StartTime: metav1.NewTime(noon.Add(-time.Duration(s.drainingFor) * time.Second))}
	}
	switch s.drained % 5 {
	case 1:
		o.Drain = &DrainAnswer{Ranks: going}
	case 2:
		o.Drain = &DrainAnswer{Ranks: going, Busy: going, Jobs: []string{"f1"}, JobCount: 1}
	case 3:
		o.Drain = &DrainAnswer{Ranks: going, Problem: "no route"}
	case 4:
		o.Drain = &DrainAnswer{Ranks: set("97-98")}
	}
	return o
}

// mayShrink repeats the protocol in one sentence: ranks go that do nothing, that
// the lead says are idle, or whose time is over.
func (s situation) mayShrink(o Observed, desired int32) bool {
	busy := false
	for rank := desired; rank < *o.Job.Spec.Completions; rank++ {
		busy = busy || s.running&(1<<rank) != 0
	}
	overdue := s.timeout == 0 || s.drainingFor >= 0 && int(s.drainingFor) >= int(s.timeout)
	return !s.flux || !busy || overdue || s.drained%5 == 1
}

// FuzzMake holds plans to what must be true of each: sizes within bounds, one
// write that changes completions and parallelism together, no rank that goes while
// it may work, never the lead.
func FuzzMake(f *testing.F) {
	f.Add(int8(2), int8(1), int8(4), int8(4), uint8(3), uint8(0xff), uint8(0xff), true, uint8(60), uint8(2), int8(5))
	f.Add(int8(4), int8(1), int8(4), int8(4), uint8(1), uint8(0x03), uint8(0x03), true, uint8(60), uint8(0), int8(-1))
	f.Add(int8(9), int8(5), int8(4), int8(0), uint8(7), uint8(0xff), uint8(0), false, uint8(0), uint8(3), int8(9))
	f.Add(int8(0), int8(-3), int8(0), int8(7), uint8(5), uint8(0xff), uint8(1), true, uint8(3), uint8(1), int8(3))
	f.Fuzz(func(t *testing.T, size, minSize, maxSize, maximumSize int8, job, running, ready uint8, flux bool, timeout, drained uint8, drainingFor int8) {
		s := situation{size, minSize, maxSize, maximumSize, job, running, ready, flux, timeout, drained, drainingFor}
		o := s.observe()
		before := o.MiniCluster.DeepCopy()
		p := Make(o)
		if !reflect.DeepEqual(before, o.MiniCluster) {
			t.Fatalf("%+v: the plan changed what was observed", s)
		}
		if again := Make(o); !reflect.DeepEqual(p, again) {
			t.Fatalf("%+v: planned twice: %+v, then %+v", s, p, again)
		}
		if p.Desired < 1 || p.Desired > p.Maximum || p.Maximum > bounds.Limit {
			t.Fatalf("%+v: desired %d of at most %d", s, p.Desired, p.Maximum)
		}
		if p.DeleteJob != nil {
			t.Fatalf("%+v: all ranks are restarted for a resize", s)
		}
		completions := *o.Job.Spec.Completions
		if (p.Job == nil) != (completions == p.Desired || p.State == api.ReasonDraining) {
			t.Fatalf("%+v: %d ranks become %d, state %s, write %+v", s, completions, p.Desired, p.State, p.Job)
		}
		if p.Job != nil && (*p.Job.Spec.Completions != p.Desired || *p.Job.Spec.Parallelism != p.Desired) {
			t.Fatalf("%+v: %+v does not make %d ranks in one write", s, p.Job.Spec, p.Desired)
		}
		if shrinks := p.Job != nil && p.Desired < completions; shrinks && !s.mayShrink(o, p.Desired) {
			t.Fatalf("%+v: ranks go that may work", s)
		}
		checkDrain(t, s, o, p)
	})
}

func checkDrain(t *testing.T, s situation, o Observed, p Plan) {
	t.Helper()
	if p.State != api.ReasonDraining {
		return
	}
	completions := *o.Job.Spec.Completions
	if s.mayShrink(o, p.Desired) {
		t.Fatalf("%+v: waits for ranks that may go", s)
	}
	going := idset.Range(p.Desired, completions).String()
	if p.DrainOrder == nil || p.DrainOrder.Ranks.String() != going || p.DrainStatus == nil || p.DrainStatus.Ranks != going {
		t.Fatalf("%+v: order %+v, status %+v, want ranks %s", s, p.DrainOrder, p.DrainStatus, going)
	}
	if !p.WakeAt.After(o.Now) {
		t.Fatalf("%+v: nothing ends the wait: wakes at %s", s, p.WakeAt)
	}
	if !build.FluxEnabled(o.MiniCluster) {
		t.Fatalf("%+v: drains without Flux", s)
	}
}
