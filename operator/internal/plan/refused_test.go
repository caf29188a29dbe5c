package plan

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
	"github.com/gopherlocks/gopherlocks/operator/idset"
)

// without is a MiniCluster of three ranks of which the given ones have no pod.
func without(ranks ...int32) Observed {
	o := settled(miniCluster(3, 1, 4))
	o.Now = now
	gone := idset.Of(ranks...)
	var pods []corev1.Pod
	for _, p := range o.Pods {
		p.CreationTimestamp = ago(time.Minute)
		if rank, _ := rankOf(&p); !gone.Contains(rank) {
			pods = append(pods, p)
		}
	}
	o.Pods = pods
	o.Job.Name = "sample"
	return o
}

func aboutJob(o Observed) Question {
	return Question{Kind: "Job", UID: o.Job.UID, Name: o.Job.Name}
}

const overQuota = `pods "sample-1-abcde" is forbidden: exceeded quota: one-pod, requested: pods=1, used: pods=1, limited: pods=1`

func TestPodsThatAreRefusedAreToldInTheServersWords(t *testing.T) {
	o := without(1, 2)
	p := Make(o)
	if len(p.Questions) != 1 || p.Questions[0] != aboutJob(o) || len(p.Hindrances) > 0 {
		t.Fatalf("asks %+v and knows %+v, want one question about the Job", p.Questions, p.Hindrances)
	}
	o.Told = []Told{
		{aboutJob(o), reasonFailedCreate, "Error creating: " + overQuota, now},
		{aboutJob(o), reasonFailedCreate, "Error creating: an earlier reason", now.Add(-time.Second)},
		{aboutJob(o), "Other", "nothing about pods", now},
		{Question{Kind: "Pod"}, reasonFailedCreate, "of another", now},
	}
	const because = `pods "sample" is forbidden: exceeded quota: one-pod, requested: pods=1, used: pods=1, limited: pods=1`
	wantHindrance(t, Make(o), api.ReasonPodsRefused, "1-2", "ranks 1-2 have no pod, since the API server refuses it: "+because)
	o.Told[0].Message = "(combined from similar events): Error creating: " + overQuota
	wantHindrance(t, Make(o), api.ReasonPodsRefused, "1-2", "ranks 1-2 have no pod, since the API server refuses it: "+because)
}

// TestNamesOfRefusedPodsAreNotTold: they are others with each try, and would make the
// status another. The last two are of objects that are there.
func TestNamesOfRefusedPodsAreNotTold(t *testing.T) {
	for message, want := range map[string]string{
		`pods "sample-1-abcde" is forbidden`:                        `pods "sample" is forbidden`,
		`Pod "sample-12-x9z2v" is invalid`:                          `Pod "sample" is invalid`,
		`pods "sample-0-" is forbidden: error looking up`:           `pods "sample" is forbidden: error looking up`,
		`pods "sample-services-6d5f8b7c9d-abcde" is forbidden`:      `pods "sample-services" is forbidden`,
		`serviceaccount "sample-self-scaling" not found`:            `serviceaccount "sample-self-scaling" not found`,
		`secret "sample-flux-8c9d5f6b7c" is forbidden by a webhook`: `secret "sample-flux-8c9d5f6b7c" is forbidden by a webhook`,
	} {
		if got := refusalWords(message); got != want {
			t.Errorf("%q becomes %q, want %q", message, got, want)
		}
	}
}

// TestOldRefusalIsNotTold: pods have come since.
func TestOldRefusalIsNotTold(t *testing.T) {
	o := without(1)
	o.Told = []Told{{aboutJob(o), reasonFailedCreate, "Error creating: " + overQuota, now.Add(-time.Hour)}}
	if p := Make(o); len(p.Hindrances) > 0 {
		t.Errorf("in the way: %+v", p.Hindrances)
	}
}

func TestNothingIsAskedWhereNothingIsMissing(t *testing.T) {
	for name, o := range map[string]Observed{
		"all are there":    without(),
		"suspended":        func() Observed { o := without(1); o.Job.Spec.Suspend = ptr.To(true); return o }(),
		"about to go":      func() Observed { o := without(1); o.Job.DeletionTimestamp = ptr.To(metav1.Now()); return o }(),
		"completed":        func() Observed { o := without(1); o.Job.Status.CompletedIndexes = "1"; return o }(),
		"not to run yet":   func() Observed { o := without(2); o.Job.Spec.Parallelism = ptr.To[int32](2); return o }(),
		"still ending":     func() Observed { o := without(); o.Pods[1] = ending(o.Pods[1]); return o }(),
		"tried again soon": func() Observed { o := without(1); o.Pods = append(o.Pods, failed(1, 1, time.Second, "")); return o }(),
	} {
		if p := Make(o); len(p.Questions) > 0 {
			t.Errorf("%s: asks %+v", name, p.Questions)
		}
	}
	late := without(1)
	late.Pods = append(late.Pods, failed(1, 1, time.Minute, ""))
	if p := Make(late); len(p.Questions) != 1 {
		t.Errorf("the back-off is over: asks %+v, want one question", p.Questions)
	}
}

func TestServicesThatAreRefusedAreTold(t *testing.T) {
	o := without()
	o.MiniCluster.Spec.Services = []api.Container{{Name: "store", Image: "image:1"}}
	p := Make(o)
	q := Question{Kind: "ReplicaSet", Name: "sample-services-"}
	if len(p.Questions) != 1 || p.Questions[0] != q {
		t.Fatalf("asks %+v, want %+v", p.Questions, q)
	}
	o.Told = []Told{{q, reasonFailedCreate, `Error creating: pods "sample-services-6d5f8b7c9d-abcde" is forbidden: no`, now}}
	wantHindrance(t, Make(o), api.ReasonPodsRefused, "", `the services have no pod, since the API server refuses it: pods "sample-services" is forbidden: no`)
}

func TestVolumesThatCannotBeMountedAreTold(t *testing.T) {
	creating := func(rank int32) corev1.Pod {
		p := pending(rank, waiting(rankContainer, "ContainerCreating", ""))
		p.UID, p.Name = "pod", "sample-1-abcde"
		return p
	}
	o := observed(creating(1), creating(2))
	p := Make(o)
	q := Question{Kind: "Pod", UID: "pod", Name: "sample-1-abcde"}
	if len(p.Questions) != 1 || p.Questions[0] != q {
		t.Fatalf("asks %+v, want %+v", p.Questions, q)
	}
	o.Told = []Told{{q, "FailedMount", `MountVolume.SetUp failed for volume "data" : configmap "data" not found`, now}}
	wantHindrance(t, Make(o), api.ReasonContainerNotStarted, "1-2",
		`the containers of ranks 1-2 cannot be made: FailedMount: MountVolume.SetUp failed for volume "data" : configmap "data" not found`)

	o.Told[0].At = now.Add(-time.Hour)
	if p := Make(o); len(p.Hindrances) > 0 {
		t.Errorf("what was told before the pod had a node is told: %+v", p.Hindrances)
	}
	o = observed(creating(1))
	o.Pods[2].Status.Conditions[2].LastTransitionTime = ago(mountPatience - time.Second)
	if p := Make(o); len(p.Questions) > 0 || !p.WakeAt.Equal(now.Add(time.Second)) {
		t.Errorf("asks %+v, wakes at %v; want no question yet", p.Questions, p.WakeAt)
	}
}
