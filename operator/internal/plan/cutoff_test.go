package plan

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
)

// TestShrinkThatCutsWorkOffIsNoSuccess: with as many completions as ranks that have
// succeeded, the Job would be complete, and final.
func TestShrinkThatCutsWorkOffIsNoSuccess(t *testing.T) {
	o := settled(miniCluster(3, 1, 3))
	o.Job.Status.CompletedIndexes = "0"
	o.MiniCluster.Spec.Size = 1
	p := Make(o)
	if p.Job == nil || *p.Job.Spec.Completions != 3 || *p.Job.Spec.Parallelism != 0 {
		t.Fatalf("Job %+v: want its pods gone, and its completions as they were", p.Job)
	}
	wantState(t, p, api.ReasonCutOff, "ended with exit code 0, for good: rank 0; the work of ranks 1-2 was cut off by the shrink to size 1: grow to size 3")
	if len(p.Events) != 1 || p.Events[0].Message != "Shrinking from 3 to 1 rank" {
		t.Errorf("events %v", p.Events)
	}

	// It stays so, without a word.
	o.Job.Spec.Parallelism = ptr.To[int32](0)
	o.Pods = nil
	p = Make(o)
	quiet(t, p)
	wantState(t, p, api.ReasonCutOff, "ranks 1-2")

	// The way back.
	for size, message := range map[int32]string{2: "Shrinking from 3 to 2 ranks", 3: "Growing from 0 to 3 ranks"} {
		o.MiniCluster.Spec.Size = size
		p = Make(o)
		if p.Job == nil || *p.Job.Spec.Completions != size || *p.Job.Spec.Parallelism != size {
			t.Errorf("Job %+v, want %d ranks", p.Job, size)
		}
		wantState(t, p, api.ReasonCompleting, "rank 0")
		if len(p.Events) != 1 || p.Events[0].Message != message {
			t.Errorf("events %v, want %q", p.Events, message)
		}
	}
}

func TestShrinkThatCutsOffNothingIsAShrink(t *testing.T) {
	for name, change := range map[string]func(*Observed){
		"a rank that stays has work":  func(o *Observed) { o.MiniCluster.Spec.Size = 2 },
		"no rank has ended":           func(o *Observed) { o.Job.Status.CompletedIndexes = "" },
		"a rank that goes has ended":  func(o *Observed) { o.Job.Status.CompletedIndexes = "2" },
		"the end is that of the lead": func(o *Observed) { o.MiniCluster.Spec.Flux.Enabled = nil; o.Settings.AgentImage = "agent" },
	} {
		o := settled(miniCluster(3, 1, 3))
		o.Job.Status.CompletedIndexes = "0"
		o.MiniCluster.Spec.Size = 1
		o.MiniCluster.Spec.ScaleDown.DrainTimeoutSeconds = ptr.To[int32](0)
		change(&o)
		if o.MiniCluster.Spec.Flux.Enabled == nil {
			made := instance()
			o.Job.Annotations, o.MiniCluster.Spec.MaxSize = made.Job.Annotations, made.MiniCluster.Spec.MaxSize
			o.Job.Spec.SuccessPolicy = made.Job.Spec.SuccessPolicy
		}
		size := o.MiniCluster.Spec.Size
		if p := Make(o); p.Job == nil || *p.Job.Spec.Completions != size || *p.Job.Spec.Parallelism != size {
			t.Errorf("%s: Job %+v in state %s (%s), want %d ranks", name, p.Job, p.State, p.Message, size)
		}
	}
}

// TestPodTellsOfItsEndBeforeTheJob: a shrink may come between the two.
func TestPodTellsOfItsEndBeforeTheJob(t *testing.T) {
	o := settled(miniCluster(3, 1, 3))
	o.Pods[0].Status.Phase = corev1.PodSucceeded
	o.MiniCluster.Spec.Size = 1
	if p := Make(o); p.Job == nil || *p.Job.Spec.Completions != 3 {
		t.Errorf("Job %+v, want its completions as they were", p.Job)
	}
}
