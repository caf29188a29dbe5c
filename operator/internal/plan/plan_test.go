package plan

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	"k8s.io/utils/ptr"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
	"github.com/gopherlocks/gopherlocks/operator/bounds"
	"github.com/gopherlocks/gopherlocks/operator/idset"
	"github.com/gopherlocks/gopherlocks/operator/internal/build"
)

func miniCluster(size, minSize, maxSize int32) *api.MiniCluster {
	return &api.MiniCluster{
		ObjectMeta: metav1.ObjectMeta{Name: "sample", Namespace: "ns", UID: "mc"},
		Spec: api.MiniClusterSpec{
			Size: size, MinSize: minSize, MaxSize: maxSize,
			Containers: []api.Container{{Image: "image", Ports: []int32{80, 8080}}},
			Flux:       api.Flux{Enabled: ptr.To(false)},
		},
	}
}

func ownedBy(mc *api.MiniCluster) []metav1.OwnerReference {
	return []metav1.OwnerReference{{Kind: api.Kind, Name: mc.Name, UID: mc.UID, Controller: ptr.To(true)}}
}

// settled is a MiniCluster whose Service and Job are as its spec says, with a
// ready pod for each rank.
func settled(mc *api.MiniCluster) Observed {
	p := Make(Observed{MiniCluster: mc})
	o := Observed{
		MiniCluster: mc,
		Service:     live(build.Service(mc)),
		Job: &batchv1.Job{
			ObjectMeta: metav1.ObjectMeta{
				Name: mc.Name, UID: "job", ResourceVersion: "7", OwnerReferences: ownedBy(mc),
				Annotations: map[string]string{api.AnnotationTemplateHash: build.TemplateHash(mc, p.Maximum)},
				ManagedFields: []metav1.ManagedFieldsEntry{{
					Manager: FieldManager, Operation: metav1.ManagedFieldsOperationApply, APIVersion: "batch/v1",
					FieldsType: "FieldsV1", FieldsV1: metav1.NewFieldsV1(
						`{"f:spec":{"f:completions":{},"f:parallelism":{},"f:backoffLimit":{}}}`),
				}},
			},
			Spec: batchv1.JobSpec{
				Completions: ptr.To(p.Desired), Parallelism: ptr.To(p.Desired), BackoffLimit: ptr.To(int32(5)),
			},
		},
	}
	for rank := range p.Desired {
		o.Pods = append(o.Pods, pod("job", rank, true))
	}
	return o
}

// live returns the Service as the API server would keep it.
func live(config *corev1ac.ServiceApplyConfiguration) *corev1.Service {
	data, err := json.Marshal(config)
	if err != nil {
		panic(err)
	}
	service := &corev1.Service{}
	if err := json.Unmarshal(data, service); err != nil {
		panic(err)
	}
	service.UID = "service"
	return service
}

func pod(job types.UID, rank int32, ready bool) corev1.Pod {
	status := corev1.ConditionFalse
	if ready {
		status = corev1.ConditionTrue
	}
	return corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Annotations:     map[string]string{batchv1.JobCompletionIndexAnnotation: strconv.Itoa(int(rank))},
			OwnerReferences: []metav1.OwnerReference{{Kind: "Job", UID: job, Controller: ptr.To(true)}},
		},
		Status: corev1.PodStatus{
			Phase:      corev1.PodRunning,
			Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: status}},
		},
	}
}

// set reads a set of ranks as Flux writes it.
func set(text string) idset.Set {
	ranks, err := idset.Parse(text)
	if err != nil {
		panic(err)
	}
	return ranks
}

func ending(p corev1.Pod) corev1.Pod {
	p.DeletionTimestamp = ptr.To(metav1.Now())
	return p
}

// quiet fails unless the plan writes nothing.
func quiet(t *testing.T, p Plan) {
	t.Helper()
	if p.Service != nil || p.Job != nil || p.DeleteJob != nil || len(p.Events) > 0 {
		t.Errorf("the plan writes: Service %v, Job %v, delete %v, event %v", p.Service != nil, p.Job != nil, p.DeleteJob != nil, p.Events)
	}
}

func wantState(t *testing.T, p Plan, state, message string) {
	t.Helper()
	if p.State != state || !strings.Contains(p.Message, message) {
		t.Errorf("state %s, %q; want %s, %q", p.State, p.Message, state, message)
	}
}

func TestCreateServiceAndJob(t *testing.T) {
	p := Make(Observed{MiniCluster: miniCluster(2, 1, 4)})
	if p.Service == nil || p.Job == nil {
		t.Fatal("Service or Job missing in the plan")
	}
	if *p.Job.Spec.Completions != 2 || *p.Job.Spec.Parallelism != 2 {
		t.Errorf("completions %d, parallelism %d, want 2", *p.Job.Spec.Completions, *p.Job.Spec.Parallelism)
	}
	if p.Job.UID != nil || p.Service.UID != nil {
		t.Error("a new object must not be tied to a UID")
	}
	wantState(t, p, api.ReasonStarting, "0 of 2 ranks are ready")
	if len(p.Events) != 1 || p.Events[0].Reason != api.EventCreated {
		t.Errorf("events %v", p.Events)
	}
}

func TestSettledIsQuiet(t *testing.T) {
	p := Make(settled(miniCluster(3, 1, 4)))
	quiet(t, p)
	wantState(t, p, api.ReasonReady, "3 of 3 ranks are ready")
	if p.Ranks.Existing != 3 || p.Ranks.Ready != 3 {
		t.Errorf("ranks %+v", p.Ranks)
	}
}

func TestResizeChangesTwoNumbersOnly(t *testing.T) {
	tests := []struct {
		size                 int32
		state, reason, tells string
	}{
		{4, api.ReasonScalingUp, api.EventScalingUp, "Growing from 3 to 4 ranks"},
		{1, api.ReasonScalingDown, api.EventScalingDown, "Shrinking from 3 to 1 rank"},
	}
	for _, tt := range tests {
		o := settled(miniCluster(3, 1, 4))
		o.MiniCluster.Spec.Size = tt.size
		p := Make(o)
		if p.Job == nil || p.DeleteJob != nil || p.Service != nil {
			t.Fatalf("to %d: want a write to the Job alone", tt.size)
		}
		spec := p.Job.Spec
		if *spec.Completions != tt.size || *spec.Parallelism != tt.size {
			t.Errorf("to %d: completions %d, parallelism %d", tt.size, *spec.Completions, *spec.Parallelism)
		}
		if *spec.BackoffLimit != 5 || spec.Template != nil {
			t.Errorf("to %d: the write must hold what is owned, as it is: %+v", tt.size, spec)
		}
		if *p.Job.UID != "job" || *p.Job.ResourceVersion != "7" {
			t.Errorf("to %d: not tied to the version observed", tt.size)
		}
		wantState(t, p, tt.state, "")
		if len(p.Events) != 1 || p.Events[0].Reason != tt.reason || p.Events[0].Message != tt.tells {
			t.Errorf("to %d: events %v", tt.size, p.Events)
		}
	}
}

func TestSizeIsClampedAndSaidSo(t *testing.T) {
	o := settled(miniCluster(4, 1, 4))
	o.MiniCluster.Spec.Size = 9
	p := Make(o)
	quiet(t, p) // it runs 4 already
	if p.Desired != 4 || len(p.Violations) != 1 || p.Violations[0].Reason != bounds.ReasonSizeAboveMaximum {
		t.Errorf("desired %d, violations %v", p.Desired, p.Violations)
	}
}

func TestMaximumIsRemembered(t *testing.T) {
	mc := miniCluster(3, 1, 0)
	if p := Make(Observed{MiniCluster: mc}); p.Maximum != 3 {
		t.Errorf("maximum %d, want the size at creation", p.Maximum)
	}
	mc.Status.MaximumSize = 3
	o := settled(mc)
	mc.Spec.Size = 1
	if p := Make(o); p.Maximum != 3 || p.DeleteJob != nil || *p.Job.Spec.Completions != 1 {
		t.Errorf("shrinking: maximum %d, Job %+v", p.Maximum, p.Job)
	}
}

func TestTemplateChangeDeletesThenWaitsThenCreates(t *testing.T) {
	o := settled(miniCluster(2, 1, 2))
	o.MiniCluster.Spec.Containers[0].Image = "another"

	p := Make(o)
	if p.DeleteJob != o.Job || p.Job != nil || p.Events[0].Reason != api.EventRecreating {
		t.Fatalf("want the Job deleted, and nothing created: %+v", p)
	}
	o.Job.DeletionTimestamp = ptr.To(metav1.Now())
	p = Make(o)
	quiet(t, p)
	wantState(t, p, api.ReasonRecreating, "")

	// The Job is gone, and one pod has still to end.
	o.Job = nil
	o.Pods = []corev1.Pod{ending(pod("job", 0, true))}
	p = Make(o)
	quiet(t, p)
	wantState(t, p, api.ReasonRecreating, "still to end: 1")

	o.Pods = nil
	if p = Make(o); p.Job == nil {
		t.Error("want the Job created")
	}
}

// volumesThatCannotBe got past an older definition.
var volumesThatCannotBe = map[string]api.Volume{"Data": {Path: "/data", EmptyDir: true}}

func TestInvalidVolume(t *testing.T) {
	mc := miniCluster(2, 1, 4)
	mc.Spec.Containers[0].Volumes = volumesThatCannotBe
	p := Make(Observed{MiniCluster: mc})
	if p.Job != nil {
		t.Error("a Job is created with a volume that cannot be")
	}
	wantState(t, p, api.ReasonInvalidSpec, "containers[0].volumes[Data]")

	o := settled(miniCluster(2, 1, 4))
	o.MiniCluster.Spec.Containers[0].Volumes = volumesThatCannotBe
	o.MiniCluster.Spec.Size = 3
	p = Make(o)
	if p.DeleteJob != nil || p.Job == nil || *p.Job.Spec.Completions != 3 {
		t.Errorf("running ranks must go on and scale: %+v", p)
	}
	wantState(t, p, api.ReasonInvalidSpec, "")
}

func TestInvalidServiceIsNoReasonToStartRanks(t *testing.T) {
	mc := miniCluster(2, 1, 4)
	mc.Spec.Services = []api.Container{{Name: "store", Image: "image", Volumes: volumesThatCannotBe}}
	p := Make(Observed{MiniCluster: mc})
	if p.Job != nil || p.Prerequisites {
		t.Error("a Job is created beside services that cannot run")
	}
	wantState(t, p, api.ReasonInvalidSpec, "services[0].volumes[Data]")
}

func TestObjectsOfOthersAreLeftAlone(t *testing.T) {
	for _, kind := range []string{"Service", "Job"} {
		o := settled(miniCluster(2, 1, 4))
		o.MiniCluster.Spec.Size = 3
		if kind == "Service" {
			o.Service.OwnerReferences, o.Service.Labels = nil, nil
		} else {
			o.Job.OwnerReferences[0].UID = "another"
		}
		p := Make(o)
		quiet(t, p)
		wantState(t, p, api.ReasonNameConflict, kind)
		// Those of our Job still run. Pods of a Job that is not ours are no ranks.
		want := map[string]int32{"Service": 2, "Job": 0}[kind]
		if p.Ranks.Existing != want || p.Ranks.Ready != want {
			t.Errorf("%s: ranks %+v, want %d that are ready", kind, p.Ranks, want)
		}
	}
}

func TestServiceIsRepaired(t *testing.T) {
	breaks := map[string]func(*corev1.ServiceSpec){
		"ports":     func(s *corev1.ServiceSpec) { s.Ports = s.Ports[:1] },
		"selector":  func(s *corev1.ServiceSpec) { s.Selector = nil },
		"not ready": func(s *corev1.ServiceSpec) { s.PublishNotReadyAddresses = false },
	}
	for what, spoil := range breaks {
		o := settled(miniCluster(2, 1, 4))
		spoil(&o.Service.Spec)
		if p := Make(o); p.Service == nil || *p.Service.UID != "service" || p.Job != nil {
			t.Errorf("%s: want the Service applied, and nothing else", what)
		}
	}
}

func TestFinishedJobIsLeftAlone(t *testing.T) {
	for condition, state := range map[batchv1.JobConditionType]string{
		batchv1.JobComplete: api.ReasonCompleted,
		batchv1.JobFailed:   api.ReasonJobFailed,
	} {
		o := settled(miniCluster(2, 1, 4))
		o.MiniCluster.Spec.Size = 4
		o.Job.Status.Conditions = []batchv1.JobCondition{{Type: condition, Status: corev1.ConditionTrue}}
		p := Make(o)
		quiet(t, p)
		wantState(t, p, state, "")
	}
}

func TestNothingIsMadeWhileBeingDeleted(t *testing.T) {
	mc := miniCluster(2, 1, 4)
	mc.DeletionTimestamp = ptr.To(metav1.Now())
	p := Make(Observed{MiniCluster: mc})
	quiet(t, p)
	wantState(t, p, api.ReasonDeleting, "")
}

func TestRanksAreCounted(t *testing.T) {
	failed := pod("job", 2, false)
	failed.Status.Phase = corev1.PodFailed
	stray := pod("job", 0, true)
	stray.OwnerReferences = nil
	o := settled(miniCluster(4, 1, 6))
	o.Pods = []corev1.Pod{
		pod("job", 0, true),
		pod("job", 1, false),
		ending(pod("job", 3, true)),
		failed,
		pod("job", 5, true), // above the size, not told to end yet
		stray,
		pod("earlier", 0, true),
	}
	o.Job.Status.CompletedIndexes = "2,4-9"
	r := Make(o).Ranks
	if r.Existing != 3 || r.Ready != 2 || r.Excess != 1 || r.Earlier != 1 {
		t.Errorf("ranks %+v", r)
	}
	if got := r.Missing.Words(); got != "ranks 1-3" {
		t.Errorf("missing %s", got)
	}
	if got := r.Completed.Words(); got != "rank 2" {
		t.Errorf("completed %s", got)
	}
}

func TestStates(t *testing.T) {
	tests := []struct {
		name           string
		pods           []corev1.Pod
		completed      string
		state, message string
	}{
		{"none", nil, "", api.ReasonStarting, "0 of 2"},
		{"one", []corev1.Pod{pod("job", 0, true)}, "", api.ReasonScalingUp, "1 of 2 ranks are ready; waiting for rank 1"},
		{"all", []corev1.Pod{pod("job", 0, true), pod("job", 1, true)}, "", api.ReasonReady, "2 of 2"},
		{
			"too many",
			[]corev1.Pod{pod("job", 0, true), pod("job", 1, true), ending(pod("job", 2, true))},
			"",
			api.ReasonScalingDown, "1 above the desired size",
		},
		{"one ended", []corev1.Pod{pod("job", 0, true)}, "1", api.ReasonCompleting, "rank 1"},
	}
	for _, tt := range tests {
		o := settled(miniCluster(2, 1, 4))
		o.Pods = tt.pods
		o.Job.Status.CompletedIndexes = tt.completed
		p := Make(o)
		if p.State != tt.state || !strings.Contains(p.Message, tt.message) {
			t.Errorf("%s: state %s, %q; want %s, %q", tt.name, p.State, p.Message, tt.state, tt.message)
		}
	}
}
