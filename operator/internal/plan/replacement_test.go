package plan

import (
	"errors"
	"fmt"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
	"github.com/gopherlocks/gopherlocks/operator/internal/build"
)

func TestNewJobIsTriedOutBeforeTheOldOneGoes(t *testing.T) {
	o := settled(miniCluster(2, 1, 4))
	o.Now = noon
	o.MiniCluster.Spec.Containers[0].Image = "another"
	o.MiniCluster.Spec.Size = 3
	p := Make(o)
	if p.Replacement == nil || *p.Replacement.Name != "mc" || p.DeleteJob == nil || p.Job != nil {
		t.Fatalf("tries out %+v, deletes %v, writes %v", p.Replacement, p.DeleteJob, p.Job)
	}
	if image := *p.Replacement.Spec.Template.Spec.Containers[0].Image; image != "another" || *p.Replacement.Spec.Completions != 3 {
		t.Errorf("tried out is a Job of %d ranks of %s", *p.Replacement.Spec.Completions, image)
	}

	o.Refusal = "requests above limits"
	p = Make(o)
	if p.DeleteJob != nil || p.Replacement != nil || p.Prerequisites {
		t.Fatal("ranks go for a Job that cannot be")
	}
	if p.Job == nil || *p.Job.Spec.Completions != 3 {
		t.Errorf("Job %+v: the ranks can be scaled all the same", p.Job)
	}
	wantState(t, p, api.ReasonApplyFailed, "requests above limits")
	if want := noon.Add(RefusalRetry); !p.WakeAt.Equal(want) {
		t.Errorf("looks again at %s, want %s", p.WakeAt, want)
	}
}

func TestRefusedJobIsNoReasonToForgetTheEnd(t *testing.T) {
	o := ended(instance(), batchv1.JobComplete, "")
	told(o.MiniCluster, Make(o).End)
	o.MiniCluster.Spec.Containers[0].Image = "another"
	if Make(o).Replacement == nil {
		t.Error("the status changes before the API server was asked")
	}
	o.Refusal = "requests above limits"
	p := Make(o)
	quiet(t, p)
	wantState(t, p, api.ReasonCompleted, "requests above limits")
	if p.End == nil {
		t.Error("the end is forgotten")
	}
}

func TestBrokenCertificateEndsNoRanks(t *testing.T) {
	o := instance()
	o.MiniCluster.Spec.Flux.CurveCert = "no certificate"
	p := Make(o)
	quiet(t, p)
	wantState(t, p, api.ReasonInvalidSpec, "flux.curveCert")
}

func TestSpecThatCannotBeTellsAlsoOfADrain(t *testing.T) {
	o := shrinking()
	o.Settings.AgentImage = "agent"
	spoil(o.MiniCluster)
	p := Make(o)
	if p.DrainOrder == nil || p.DrainStatus == nil {
		t.Error("nothing is drained")
	}
	wantState(t, p, api.ReasonInvalidSpec, "flux.curveCert")
	wantState(t, p, api.ReasonInvalidSpec, "; ranks 2-3 take no more jobs and go when they are idle, or at 2026-01-02T13:00:00Z")
}

func TestInvalidServiceKeepsNoRanksFromComingAndGoing(t *testing.T) {
	services := []api.Container{{Name: "store", Image: "image", Volumes: volumesThatCannotBe}}
	o := settled(miniCluster(2, 1, 4))
	o.MiniCluster.Spec.Size = 3
	o.MiniCluster.Spec.Services = services
	p := Make(o)
	if p.Job == nil || *p.Job.Spec.Completions != 3 || p.Prerequisites || p.DeleteJob != nil {
		t.Errorf("Job %+v, prerequisites %t, deletes %v", p.Job, p.Prerequisites, p.DeleteJob)
	}
	wantState(t, p, api.ReasonInvalidSpec, "services[0].volumes[Data]")

	o = shrinking()
	o.MiniCluster.Spec.Services = services
	o.MiniCluster.Status.Drain = &api.Drain{Ranks: "2-3", StartTime: metav1.NewTime(noon)}
	o.Drain = &DrainAnswer{Ranks: set("2-3")}
	if p := Make(o); p.Job == nil || *p.Job.Spec.Completions != 2 {
		t.Errorf("idle ranks stay: %s, %s", p.State, p.Message)
	}
}

// TestWhatRanksStandOnIsLeftToThoseThatEnd: of the new spec they know nothing.
func TestWhatRanksStandOnIsLeftToThoseThatEnd(t *testing.T) {
	o := settled(miniCluster(2, 1, 2))
	if !Make(o).Prerequisites {
		t.Error("ranks that run stand on nothing")
	}
	o.Job.DeletionTimestamp = ptr.To(metav1.Now())
	if Make(o).Prerequisites {
		t.Error("it changes while the Job is being deleted")
	}
	o.Job = nil
	if Make(o).Prerequisites {
		t.Error("it changes while pods of the earlier Job are there")
	}
	o.Pods = nil
	if !Make(o).Prerequisites {
		t.Error("new ranks stand on nothing")
	}
}

// TestObjectsOfAnEarlierMiniClusterAreWaitedFor: they are about to be collected.
func TestObjectsOfAnEarlierMiniClusterAreWaitedFor(t *testing.T) {
	mc := miniCluster(2, 1, 4)
	earlier := mc.DeepCopy()
	earlier.UID = "earlier"
	o := settled(earlier)
	for kind, observed := range map[string]Observed{
		"Service": {MiniCluster: mc, Service: live(build.Service(earlier))},
		"Job":     {MiniCluster: mc, Job: o.Job},
	} {
		if observed.Job != nil {
			observed.Job.Labels = build.Labels(mc.Name)
		}
		p := Make(observed)
		quiet(t, p)
		wantState(t, p, api.ReasonRecreating, kind)
	}
	// Another's label says nothing about who made the object.
	another := live(build.Service(earlier))
	another.OwnerReferences[0].Name = "another"
	wantState(t, Make(Observed{MiniCluster: mc, Service: another}), api.ReasonNameConflict, "Service")
	unlabelled := live(build.Service(earlier))
	unlabelled.Labels = nil
	wantState(t, Make(Observed{MiniCluster: mc, Service: unlabelled}), api.ReasonNameConflict, "Service")
}

// TestPartOfAnotherIsToldOf: it is found only when the part is to be written, while
// ranks run.
func TestPartOfAnotherIsToldOf(t *testing.T) {
	mc := miniCluster(2, 1, 4)
	part := metav1.ObjectMeta{Name: "part", Labels: build.Labels(mc.Name), OwnerReferences: settled(mc).Job.OwnerReferences}
	if f := CheckOwner(mc, "Role", &part); f != nil {
		t.Errorf("the MiniCluster's own: %v", f)
	}
	for state, spoil := range map[string]func(*metav1.ObjectMeta){
		api.ReasonNameConflict: func(o *metav1.ObjectMeta) { o.OwnerReferences, o.Labels = nil, nil },
		api.ReasonRecreating:   func(o *metav1.ObjectMeta) { o.OwnerReferences[0].UID = "earlier" },
	} {
		o := settled(mc)
		o.Now = noon
		other := part.DeepCopy()
		spoil(other)
		p := Make(o)
		p = p.Failed(o, fmt.Errorf("apply: %w", CheckOwner(mc, "Role", other)), true)
		wantState(t, p, state, `a Role called "part"`)
		if after := p.WakeAt.Sub(noon); after <= 0 || after > ForeignRetry {
			t.Errorf("%s: looked at again after %s", state, after)
		}
	}
}

// TestFailedWriteTellsOfNoEnd: what belongs to the end is done once, before the
// status tells of it.
func TestFailedWriteTellsOfNoEnd(t *testing.T) {
	o := ended(instance(), batchv1.JobComplete, "")
	p := Make(o)
	if !p.DeleteServices || p.End == nil {
		t.Fatalf("deletes services: %t, end %+v", p.DeleteServices, p.End)
	}
	p = p.Failed(o, errors.New("no answer"), true)
	if p.End != nil {
		t.Error("the end is told although the services are still there")
	}
	told(o.MiniCluster, Make(o).End)
	p = Make(o)
	p = p.Failed(o, errors.New("no answer"), true)
	if p.End == nil {
		t.Error("an end that was told is taken back")
	}
}

func TestUnreadableJobForgetsNoDrain(t *testing.T) {
	o := shrinking()
	o.Now = noon.Add(2 * time.Hour)
	o.MiniCluster.Status.Drain = &api.Drain{Ranks: "2-3", StartTime: metav1.NewTime(noon)}
	o.Job.ManagedFields = nil
	p := Make(o)
	wantState(t, p, api.ReasonApplyFailed, "managed fields")
	if p.DrainStatus == nil {
		t.Error("it is forgotten that ranks 2-3 are drained")
	}
}
