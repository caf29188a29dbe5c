package api

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
)

// eventually waits until check returns nil.
func eventually(t testing.TB, check func() error) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("after %s still: %v", patience, err)
		}
		time.Sleep(pollInterval)
	}
}

// newNamespace makes a namespace for one test. It need not be deleted: the API server
// ends with the tests.
func newNamespace(t testing.TB) string { return newNamespaceWith(t, nil) }

func newNamespaceWith(t testing.TB, labels map[string]string) string {
	t.Helper()
	needWorld(t)
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "test-", Labels: labels}}
	if err := world.client.Create(t.Context(), ns); err != nil {
		t.Fatalf("create a namespace: %v", err)
	}
	// No controller makes the ServiceAccount that pods have by default.
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "default", Namespace: ns.Name}}
	if err := world.client.Create(t.Context(), account); err != nil {
		t.Fatalf("create the default ServiceAccount: %v", err)
	}
	return ns.Name
}

// miniCluster is one MiniCluster in a test.
type miniCluster struct {
	t   testing.TB
	key types.NamespacedName
}

const name = "flux-sample"

// create makes a MiniCluster in a namespace of its own.
func create(t testing.TB, spec api.MiniClusterSpec) miniCluster {
	t.Helper()
	return createIn(t, newNamespace(t), spec)
}

func createIn(t testing.TB, namespace string, spec api.MiniClusterSpec) miniCluster {
	t.Helper()
	if len(spec.Containers) == 0 {
		spec.Containers = []api.Container{{Image: "example.org/image:1", Command: "work --hard"}}
	}
	if spec.Flux.Enabled == nil {
		spec.Flux.Enabled = ptr.To(false)
	}
	mc := &api.MiniCluster{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: namespace}, Spec: spec}
	if err := world.client.Create(t.Context(), mc); err != nil {
		t.Fatalf("create the MiniCluster: %v", err)
	}
	return miniCluster{t, client.ObjectKeyFromObject(mc)}
}

func (m miniCluster) get() *api.MiniCluster {
	m.t.Helper()
	var mc api.MiniCluster
	if err := world.client.Get(m.t.Context(), m.key, &mc); err != nil {
		m.t.Fatalf("get the MiniCluster: %v", err)
	}
	return &mc
}

func (m miniCluster) job() *batchv1.Job {
	m.t.Helper()
	var job batchv1.Job
	if err := world.client.Get(m.t.Context(), m.key, &job); err != nil {
		m.t.Fatalf("get the Job: %v", err)
	}
	return &job
}

// waitForOtherJob waits for a Job in place of the old one, and returns it.
func (m miniCluster) waitForOtherJob(old *batchv1.Job) *batchv1.Job {
	m.t.Helper()
	var other *batchv1.Job
	eventually(m.t, func() error {
		var job batchv1.Job
		if err := world.client.Get(m.t.Context(), m.key, &job); err != nil {
			return err
		}
		if job.UID == old.UID {
			return fmt.Errorf("the Job is the old one")
		}
		other = &job
		return nil
	})
	return other
}

// secret returns the Secret that the ranks mount.
func (m miniCluster) secret() *corev1.Secret {
	m.t.Helper()
	for _, volume := range m.job().Spec.Template.Spec.Volumes {
		if volume.Secret == nil {
			continue
		}
		var secret corev1.Secret
		key := types.NamespacedName{Namespace: m.key.Namespace, Name: volume.Secret.SecretName}
		if err := world.client.Get(m.t.Context(), key, &secret); err != nil {
			m.t.Fatalf("get the Secret: %v", err)
		}
		return &secret
	}
	m.t.Fatal("the Job mounts no Secret")
	return nil
}

// change updates the MiniCluster's spec.
func (m miniCluster) change(edit func(*api.MiniClusterSpec)) {
	m.t.Helper()
	mc := m.get()
	before := mc.DeepCopy()
	edit(&mc.Spec)
	if err := world.client.Patch(m.t.Context(), mc, client.MergeFrom(before)); err != nil {
		m.t.Fatalf("change the MiniCluster: %v", err)
	}
}

// touch makes a change to the MiniCluster that means nothing to the operator, so
// that it reconciles. It returns the MiniCluster's new version.
func (m miniCluster) touch() string {
	m.t.Helper()
	mc := m.get()
	before := mc.DeepCopy()
	mc.Annotations = map[string]string{"example.org/touched": time.Now().Format(time.RFC3339Nano)}
	if err := world.client.Patch(m.t.Context(), mc, client.MergeFrom(before)); err != nil {
		m.t.Fatalf("touch the MiniCluster: %v", err)
	}
	return mc.ResourceVersion
}

// scale writes the scale subresource, as an autoscaler does.
func (m miniCluster) scale(replicas int32) error {
	scale := &autoscalingv1.Scale{Spec: autoscalingv1.ScaleSpec{Replicas: replicas}}
	mc := &api.MiniCluster{ObjectMeta: metav1.ObjectMeta{Name: m.key.Name, Namespace: m.key.Namespace}}
	return world.client.SubResource("scale").Update(m.t.Context(), mc, client.WithSubResourceBody(scale))
}

func (m miniCluster) mustScale(replicas int32) {
	m.t.Helper()
	if err := m.scale(replicas); err != nil {
		m.t.Fatalf("scale to %d: %v", replicas, err)
	}
}

func (m miniCluster) getScale() *autoscalingv1.Scale {
	m.t.Helper()
	var scale autoscalingv1.Scale
	if err := world.client.SubResource("scale").Get(m.t.Context(), m.get(), &scale); err != nil {
		m.t.Fatalf("get the scale: %v", err)
	}
	return &scale
}

// allPods returns the pods of the ranks. They are found by status.selector, as an
// autoscaler finds them.
func (m miniCluster) allPods() []corev1.Pod {
	m.t.Helper()
	selector, err := labels.Parse(m.get().Status.Selector)
	if err != nil {
		m.t.Fatalf("parse status.selector: %v", err)
	}
	var list corev1.PodList
	err = world.client.List(m.t.Context(), &list, client.InNamespace(m.key.Namespace), client.MatchingLabelsSelector{Selector: selector})
	if err != nil {
		m.t.Fatalf("list the pods: %v", err)
	}
	return list.Items
}

// pods returns the pods that are not ending, by rank.
func (m miniCluster) pods() map[string]*corev1.Pod {
	m.t.Helper()
	found := map[string]*corev1.Pod{}
	for _, pod := range m.allPods() {
		if pod.DeletionTimestamp == nil {
			found[rankOf(&pod)] = &pod
		}
	}
	return found
}

// waitForSize waits until exactly size ranks exist and are ready, nothing changes
// any more, and the status says so.
func (m miniCluster) waitForSize(size int32) {
	m.t.Helper()
	eventually(m.t, func() error {
		mc := m.get()
		s := mc.Status
		if s.ObservedGeneration != mc.Generation || s.Size != size || s.Ready != size || s.Desired != size {
			return fmt.Errorf("want size %d; status: %+v", size, s)
		}
		if !meta.IsStatusConditionTrue(s.Conditions, api.ConditionReady) || !meta.IsStatusConditionFalse(s.Conditions, api.ConditionProgressing) {
			return fmt.Errorf("size %d, but conditions: %+v", size, s.Conditions)
		}
		if n := len(m.pods()); n != int(size) {
			return fmt.Errorf("want %d pods, have %d", size, n)
		}
		return nil
	})
	job := m.job()
	if *job.Spec.Completions != size || *job.Spec.Parallelism != size {
		m.t.Fatalf("the Job has %d completions and %d parallelism, want %d", *job.Spec.Completions, *job.Spec.Parallelism, size)
	}
}

// waitForReason waits until a condition has a reason, and returns it.
func (m miniCluster) waitForReason(conditionType, reason string) metav1.Condition {
	m.t.Helper()
	var found metav1.Condition
	eventually(m.t, func() error {
		mc := m.get()
		c := meta.FindStatusCondition(mc.Status.Conditions, conditionType)
		if c == nil || c.Reason != reason || c.ObservedGeneration != mc.Generation {
			return fmt.Errorf("want %s with reason %s, have %+v", conditionType, reason, mc.Status.Conditions)
		}
		found = *c
		return nil
	})
	return found
}

// waitForEvent waits until the MiniCluster has an event, and returns its message.
func (m miniCluster) waitForEvent(reason string) string {
	m.t.Helper()
	var message string
	eventually(m.t, func() error {
		var events corev1.EventList
		if err := world.client.List(m.t.Context(), &events, client.InNamespace(m.key.Namespace)); err != nil {
			return err
		}
		var reasons []string
		for _, e := range events.Items {
			if e.InvolvedObject.Kind == api.Kind && e.Reason == reason {
				message = e.Message
				return nil
			}
			reasons = append(reasons, e.Reason)
		}
		return fmt.Errorf("no event %s, only %q", reason, reasons)
	})
	return message
}

// kubectl runs the real kubectl, and returns all that it prints.
func kubectl(t testing.TB, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	out, err := exec.CommandContext(ctx, world.kubectl, append([]string{"--kubeconfig=" + world.kubeconfig}, args...)...).CombinedOutput()
	return strings.TrimSpace(string(out)), err
}
