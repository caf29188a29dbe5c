package api

import (
	"fmt"
	"strings"
	"testing"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
)

// waitForHindrance waits until the condition Degraded has the reason and the words.
func (m miniCluster) waitForHindrance(reason, words string) {
	m.t.Helper()
	eventually(m.t, func() error {
		c := meta.FindStatusCondition(m.get().Status.Conditions, api.ConditionDegraded)
		if c == nil || c.Reason != reason || !strings.Contains(c.Message, words) {
			return fmt.Errorf("want %s and %q, have %+v", reason, words, c)
		}
		return nil
	})
}

// wantOneWarning fails unless the MiniCluster has been warned once for the reason.
func (m miniCluster) wantOneWarning(reason, words string) {
	m.t.Helper()
	if got := m.waitForEvent(reason); !strings.Contains(got, words) {
		m.t.Errorf("the event says %q, want %q", got, words)
	}
	var events corev1.EventList
	if err := world.client.List(m.t.Context(), &events, client.InNamespace(m.key.Namespace)); err != nil {
		m.t.Fatal(err)
	}
	count := int32(0)
	for _, e := range events.Items {
		if e.InvolvedObject.Kind == api.Kind && e.Reason == reason {
			count += e.Count
			if e.Type != corev1.EventTypeWarning {
				m.t.Errorf("event %s is of type %s", reason, e.Type)
			}
		}
	}
	if count != 1 {
		m.t.Errorf("%d events %s, want 1", count, reason)
	}
}

// wantNothingInTheWay waits until nothing is, and each rank is ready.
func (m miniCluster) wantNothingInTheWay(size int32) {
	m.t.Helper()
	m.waitForSize(size)
	m.waitForHindrance(api.ReasonAsExpected, "")
}

// mend changes an object.
func mend[T client.Object](t *testing.T, o T, change func(T)) {
	t.Helper()
	before := o.DeepCopyObject().(T)
	change(o)
	if err := world.client.Patch(t.Context(), o, client.MergeFrom(before)); err != nil {
		t.Fatalf("change %s: %v", o.GetName(), err)
	}
}

// TestPodsThatAreRefusedAreTold: in the words of the API server, and until they are
// taken. The Job controller tells them in events of the Job alone.
func TestPodsThatAreRefusedAreTold(t *testing.T) {
	t.Parallel()
	memory := func(amount string) corev1.ResourceList {
		return corev1.ResourceList{corev1.ResourceMemory: resource.MustParse(amount)}
	}
	for name, test := range map[string]struct {
		// forbid makes what refuses the pods, and returns what mends it.
		forbid func(t *testing.T, namespace string) (lift func())
		spec   func(*api.MiniClusterSpec)
		words  []string
	}{
		"a quota": {
			forbid: func(t *testing.T, namespace string) func() {
				pods := func(n string) corev1.ResourceList {
					return corev1.ResourceList{corev1.ResourcePods: resource.MustParse(n)}
				}
				quota := &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "one-pod"}, Spec: corev1.ResourceQuotaSpec{Hard: pods("1")}}
				if err := world.client.Create(t.Context(), quota); err != nil {
					t.Fatal(err)
				}
				// No controller counts what is used.
				quota.Status = corev1.ResourceQuotaStatus{Hard: pods("1"), Used: pods("0")}
				if err := world.client.Status().Update(t.Context(), quota); err != nil {
					t.Fatal(err)
				}
				return func() {
					if err := world.client.Delete(t.Context(), quota); err != nil {
						t.Fatal(err)
					}
				}
			},
			words: []string{"ranks 1-2 have no pod, since the API server refuses it: ", "exceeded quota: one-pod"},
		},
		"a LimitRange": {
			forbid: func(t *testing.T, namespace string) func() {
				small := &corev1.LimitRange{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "small"}, Spec: corev1.LimitRangeSpec{
					Limits: []corev1.LimitRangeItem{{Type: corev1.LimitTypeContainer, Default: memory("16Mi"), DefaultRequest: memory("8Mi")}},
				}}
				if err := world.client.Create(t.Context(), small); err != nil {
					t.Fatal(err)
				}
				return func() {
					mend(t, small, func(l *corev1.LimitRange) { l.Spec.Limits[0].Default = memory("64Mi") })
				}
			},
			spec:  func(s *api.MiniClusterSpec) { s.Containers[0].Resources.Requests = memory("32Mi") },
			words: []string{"ranks 0-2 have no pod", "must be less than or equal to memory limit"},
		},
		"Pod Security": {
			forbid: func(t *testing.T, namespace string) func() {
				const label = "pod-security.kubernetes.io/enforce"
				ns := &corev1.Namespace{}
				if err := world.client.Get(t.Context(), client.ObjectKey{Name: namespace}, ns); err != nil {
					t.Fatal(err)
				}
				mend(t, ns, func(n *corev1.Namespace) { n.Labels[label] = "restricted" })
				return func() { mend(t, ns, func(n *corev1.Namespace) { delete(n.Labels, label) }) }
			},
			words: []string{"ranks 0-2 have no pod", `violates PodSecurity "restricted:latest"`, "runAsNonRoot"},
		},
		"a ServiceAccount that is missing": {
			forbid: func(t *testing.T, namespace string) func() {
				return func() {
					account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "not-made-yet"}}
					if err := world.client.Create(t.Context(), account); err != nil {
						t.Fatal(err)
					}
				}
			},
			spec:  func(s *api.MiniClusterSpec) { s.Pod.ServiceAccountName = "not-made-yet" },
			words: []string{"ranks 0-2 have no pod", `serviceaccount "not-made-yet" not found`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			namespace := newNamespace(t)
			lift := test.forbid(t, namespace)
			spec := api.MiniClusterSpec{Size: 3, Containers: []api.Container{{Image: "example.org/image:1"}}}
			if test.spec != nil {
				test.spec(&spec)
			}
			m := createIn(t, namespace, spec)
			for _, words := range test.words {
				m.waitForHindrance(api.ReasonPodsRefused, words)
			}
			if c := meta.FindStatusCondition(m.get().Status.Conditions, api.ConditionReady); !strings.Contains(c.Message, test.words[1]) {
				t.Errorf("condition Ready says %q", c.Message)
			}
			lift()
			m.wantNothingInTheWay(3)
			m.wantOneWarning(api.ReasonPodsRefused, test.words[0])
		})
	}
}

func TestSchedulerThatDoesNotExistIsTold(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	release := world.kubelet.hold(namespace)
	spec := api.MiniClusterSpec{Size: 2}
	spec.Pod.SchedulerName = "gang"
	m := createIn(t, namespace, spec)
	const words = `it may be that none of the name "gang" runs`
	m.waitForHindrance(api.ReasonSchedulerMissing, "no scheduler has looked at ranks 0-1: "+words)
	release()
	m.wantNothingInTheWay(2)
	m.wantOneWarning(api.ReasonSchedulerMissing, words)
}

func TestImageThatCannotBePulledIsTold(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	release := world.kubelet.hold(namespace)
	m := createIn(t, namespace, api.MiniClusterSpec{Size: 2})
	m.waitForPods(2)
	for _, pod := range m.pods() {
		world.kubelet.wait(t, pod, corev1.ContainerStateWaiting{Reason: "ErrImagePull", Message: "no such host"})
	}
	const words = `cannot have its image "example.org/image:1" (ErrImagePull): no such host`
	m.waitForHindrance(api.ReasonImagePullFailed, `container "flux-sample" of ranks 0-1 `+words)
	release()
	m.wantNothingInTheWay(2)
	// The Warning may come when only the first rank's kubelet has reported.
	m.wantOneWarning(api.ReasonImagePullFailed, words)
}

// wait reports that the pod has a node, and that its container waits.
func (k *kubelet) wait(t *testing.T, pod *corev1.Pod, why corev1.ContainerStateWaiting) {
	t.Helper()
	eventually(t, func() error {
		var live corev1.Pod
		if err := world.client.Get(t.Context(), client.ObjectKeyFromObject(pod), &live); err != nil {
			return err
		}
		setCondition(&live, corev1.PodScheduled, corev1.ConditionTrue)
		live.Status.ContainerStatuses = []corev1.ContainerStatus{{
			Name: live.Spec.Containers[0].Name, Image: live.Spec.Containers[0].Image,
			State: corev1.ContainerState{Waiting: &why},
		}}
		return world.client.Status().Update(t.Context(), &live)
	})
}

// TestRankThatFailsAgainAndAgainIsTold: how often is said by what the Job keeps, also
// by an operator that starts anew.
func TestRankThatFailsAgainAndAgainIsTold(t *testing.T) {
	t.Parallel()
	m := create(t, api.MiniClusterSpec{Size: 2})
	m.waitForSize(2)
	world.kubelet.hold(m.key.Namespace)
	fail := func(message string) {
		t.Helper()
		eventually(t, func() error {
			for _, pod := range m.allPods() { // the Job keeps those that have failed
				if rankOf(&pod) == "1" && pod.Status.Phase != corev1.PodFailed {
					world.kubelet.writeEnd(t.Context(), &pod, 7, message)
					return nil
				}
			}
			return fmt.Errorf("rank 1 has no pod")
		})
	}
	fail(`{"message":"no data"}`)
	m.waitForHindrance(api.ReasonContainerFailing, "rank 1 has failed with exit code 7: no data")
	fail("still\nno data\n")
	m.waitForHindrance(api.ReasonContainerFailing, "rank 1 has failed twice, last with exit code 7: still | no data")
	m.waitForMessage(api.ReasonScalingUp, "1 of 2 ranks are ready; waiting for rank 1; rank 1 has failed twice")
	m.wantOneWarning(api.ReasonContainerFailing, "rank 1 has failed with exit code 7: no data")
}

// TestAutoscalerBeyondTheBoundsIsTold: the API server refuses what it wants, and only
// its own status says so.
func TestAutoscalerBeyondTheBoundsIsTold(t *testing.T) {
	t.Parallel()
	// Without metrics of its own, the autoscaler measures CPU.
	cpu := api.Resources{Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("1")}}
	m := create(t, api.MiniClusterSpec{Size: 3, MinSize: 2, MaxSize: 4, Containers: []api.Container{{Image: "example.org/image:1", Resources: cpu}}})
	m.waitForSize(3)
	hpa := &autoscalingv2.HorizontalPodAutoscaler{
		ObjectMeta: metav1.ObjectMeta{Namespace: m.key.Namespace, Name: "generous"},
		Spec: autoscalingv2.HorizontalPodAutoscalerSpec{
			ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{APIVersion: api.GroupVersion.String(), Kind: api.Kind, Name: m.key.Name},
			MinReplicas:    ptr.To[int32](5), MaxReplicas: 10,
		},
	}
	if err := world.client.Create(t.Context(), hpa); err != nil {
		t.Fatal(err)
	}
	const words = "HorizontalPodAutoscaler generous may scale from 5 to 10, and the bounds are 2 to 4"
	m.waitForHindrance(api.ReasonAutoscalerOutOfBounds, words)
	m.waitForHindrance(api.ReasonAutoscalerOutOfBounds, "size 5 must be at most maxSize 4")
	mend(t, hpa, func(h *autoscalingv2.HorizontalPodAutoscaler) {
		h.Spec.MinReplicas, h.Spec.MaxReplicas = ptr.To[int32](4), 4
	})
	m.wantNothingInTheWay(4)
	m.wantOneWarning(api.ReasonAutoscalerOutOfBounds, words)
}
