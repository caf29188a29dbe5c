package api

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
)

// refuse adds a policy by which the API server refuses operations on a resource in
// a namespace: see refuseUnless.
func refuse(t *testing.T, namespace, group, resource string, operation admissionv1.OperationType, probe func(context.Context) error) (lift func()) {
	t.Helper()
	return refuseUnless(t, "false", "not today", namespace, group, resource, operation, probe)
}

// refuseUnless adds a policy by which the API server refuses operations on a resource
// in a namespace with a message unless the expression is true, until lift is called or the test ends.
// Policies come into force with some delay, so probe, a request that must be refused, is
// called until it is.
func refuseUnless(t *testing.T, expression, message, namespace, group, resource string, operation admissionv1.OperationType, probe func(context.Context) error) (lift func()) {
	t.Helper()
	policy := &admissionv1.ValidatingAdmissionPolicy{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "test-"},
		Spec: admissionv1.ValidatingAdmissionPolicySpec{
			MatchConstraints: &admissionv1.MatchResources{
				ResourceRules: []admissionv1.NamedRuleWithOperations{{RuleWithOperations: admissionv1.RuleWithOperations{
					Operations: []admissionv1.OperationType{operation},
					Rule:       admissionv1.Rule{APIGroups: []string{group}, APIVersions: []string{"*"}, Resources: []string{resource}},
				}}},
			},
			Validations: []admissionv1.Validation{{Expression: expression, Message: message}},
		},
	}
	if err := world.client.Create(t.Context(), policy); err != nil {
		t.Fatalf("create the policy: %v", err)
	}
	binding := &admissionv1.ValidatingAdmissionPolicyBinding{
		ObjectMeta: metav1.ObjectMeta{Name: policy.Name},
		Spec: admissionv1.ValidatingAdmissionPolicyBindingSpec{
			PolicyName:        policy.Name,
			ValidationActions: []admissionv1.ValidationAction{admissionv1.Deny},
			MatchResources: &admissionv1.MatchResources{NamespaceSelector: &metav1.LabelSelector{
				MatchLabels: map[string]string{corev1.LabelMetadataName: namespace},
			}},
		},
	}
	if err := world.client.Create(t.Context(), binding); err != nil {
		t.Fatalf("bind the policy: %v", err)
	}
	lift = func() {
		ctx := context.WithoutCancel(t.Context()) // also called when the test is over
		for _, o := range []client.Object{binding, policy} {
			if err := world.client.Delete(ctx, o); client.IgnoreNotFound(err) != nil {
				t.Errorf("lift the policy: %v", err)
			}
		}
	}
	t.Cleanup(lift)
	eventually(t, func() error {
		if err := probe(t.Context()); err == nil || !strings.Contains(err.Error(), message) {
			return errors.New(fmt.Sprint("the policy is not in force: ", err))
		}
		return nil
	})
	return lift
}

// touchJob changes nothing of the Job, as the API server is asked.
func (m miniCluster) touchJob(ctx context.Context) error {
	return world.client.Update(ctx, m.job(), client.DryRunAll)
}

// createDeployment makes none, as the API server is asked.
func (m miniCluster) createDeployment(ctx context.Context) error {
	return world.client.Create(ctx, &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: m.key.Namespace, Name: "probe"},
		Spec:       deploymentSpec(),
	}, client.DryRunAll)
}

// deploymentSpec is the spec of a Deployment that belongs to nobody.
func deploymentSpec() appsv1.DeploymentSpec {
	labels := map[string]string{"probe": "true"}
	return appsv1.DeploymentSpec{
		Selector: &metav1.LabelSelector{MatchLabels: labels},
		Template: corev1.PodTemplateSpec{
			ObjectMeta: metav1.ObjectMeta{Labels: labels},
			Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "probe", Image: "example.org/image:1"}}},
		},
	}
}

func (m miniCluster) services() client.Object {
	return &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: m.key.Namespace, Name: m.key.Name + "-services"}}
}

// waitForPods waits until there are so many ranks, ready or not.
func (m miniCluster) waitForPods(n int) {
	m.t.Helper()
	eventually(m.t, func() error {
		if got := len(m.pods()); got != n {
			return fmt.Errorf("want %d ranks, have %d", n, got)
		}
		return nil
	})
}

// TestJobThatTheServerRefusesEndsNoRanks: only the API server knows that requests
// must not be above limits.
func TestJobThatTheServerRefusesEndsNoRanks(t *testing.T) {
	t.Parallel()
	m := create(t, api.MiniClusterSpec{Size: 1, MaxSize: 3})
	m.waitForSize(1)
	uid, before := m.job().UID, uids(m.pods())
	m.change(func(s *api.MiniClusterSpec) {
		s.Containers[0].Resources = api.Resources{
			Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("2")},
			Limits:   corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("1")},
		}
	})
	c := m.waitForReason(api.ConditionReady, api.ReasonApplyFailed)
	if !strings.Contains(c.Message, "must be less than or equal to cpu limit") || !strings.Contains(c.Message, `"`+name+`"`) {
		t.Errorf("the condition does not say what is wrong: %q", c.Message)
	}
	m.waitForEvent(api.ReasonApplyFailed)
	m.mustScale(3)
	m.waitForPods(3)
	if m.job().UID != uid || m.pods()["0"].UID != before["0"] {
		t.Error("the ranks were ended for a Job that cannot be")
	}
	var jobs batchv1.JobList
	if err := world.client.List(t.Context(), &jobs, client.InNamespace(m.key.Namespace)); err != nil || len(jobs.Items) != 1 {
		t.Errorf("%d Jobs, %v; want none of a trial", len(jobs.Items), err)
	}

	m.change(func(s *api.MiniClusterSpec) {
		s.Containers[0].Resources.Limits[corev1.ResourceCPU] = resource.MustParse("2")
	})
	m.waitForSize(3)
	if m.job().UID == uid {
		t.Error("the corrected spec is not taken over")
	}
}

func TestServicesThatCannotBeKeepNoRanksFromComing(t *testing.T) {
	t.Parallel()
	m := create(t, api.MiniClusterSpec{Size: 1, MaxSize: 3})
	m.waitForSize(1)
	lift := refuse(t, m.key.Namespace, "apps", "deployments", admissionv1.Create, m.createDeployment)
	m.change(func(s *api.MiniClusterSpec) {
		s.Services = []api.Container{{Name: "store", Image: "example.org/store:1", Command: "serve"}}
		s.Size = 3
	})
	if c := m.waitForReason(api.ConditionReady, api.ReasonApplyFailed); !strings.Contains(c.Message, "not today") {
		t.Errorf("the condition does not say who refuses: %q", c.Message)
	}
	m.waitForPods(3)
	lift()
	m.waitForSize(3)
	if err := world.client.Get(t.Context(), client.ObjectKeyFromObject(m.services()), m.services()); err != nil {
		t.Errorf("get the services: %v", err)
	}
}

// TestDrainSurvivesAFailedWrite: the drain's timeout does not start again.
func TestDrainSurvivesAFailedWrite(t *testing.T) {
	t.Parallel()
	m, lead := createInstance(t, api.MiniClusterSpec{Size: 3, MaxSize: 4, ScaleDown: api.ScaleDown{DrainTimeoutSeconds: ptr.To(int32(2))}})
	m.waitForSize(3)
	lead.setBusy(2)
	lead.serve(m)
	lift := refuse(t, m.key.Namespace, "batch", "jobs", admissionv1.Update, m.touchJob)
	m.mustScale(1)
	m.waitForReason(api.ConditionProgressing, api.ReasonDraining)
	start := m.get().Status.Drain.StartTime
	m.waitForReason(api.ConditionReady, api.ReasonApplyFailed)
	if drain := m.get().Status.Drain; drain == nil || drain.Ranks != "1-2" || !drain.StartTime.Equal(&start) {
		t.Errorf("status.drain is %+v, want ranks 1-2 since %s", drain, start)
	}
	m.wantCompletions(3)
	lift()
	m.waitForSize(1)
	if drain := m.get().Status.Drain; drain != nil {
		t.Errorf("status.drain is left: %+v", drain)
	}
}

// TestLastingRefusalKeepsRanksFromNothing: the operator retries a refused write
// ever more rarely. The timeout of a drain must not wait for that, and a rank that
// is back must not either.
func TestLastingRefusalKeepsRanksFromNothing(t *testing.T) {
	t.Parallel()
	const drainTimeout = 10 * time.Second
	m, lead := createInstance(t, api.MiniClusterSpec{
		Size: 3, MaxSize: 4, ScaleDown: api.ScaleDown{DrainTimeoutSeconds: ptr.To(int32(drainTimeout.Seconds()))},
	})
	m.waitForSize(3)
	lead.setBusy(2)
	lead.serve(m)
	lift := refuse(t, m.key.Namespace, "apps", "deployments", admissionv1.Create, m.createDeployment)
	m.change(func(s *api.MiniClusterSpec) {
		s.Services = []api.Container{{Name: "store", Image: "example.org/store:1"}}
	})
	m.waitForReason(api.ConditionReady, api.ReasonApplyFailed)
	for refused := m.refusals("deployments"); refused < 14; refused = m.refusals("deployments") {
		m.touch()
		eventually(t, func() error {
			if m.refusals("deployments") == refused {
				return errors.New("the operator has not tried again")
			}
			return nil
		})
	}

	began := time.Now()
	m.mustScale(2)
	m.waitForReason(api.ConditionProgressing, api.ReasonApplyFailed)
	eventually(t, func() error {
		if n := *m.job().Spec.Completions; n != 2 {
			return fmt.Errorf("the Job has %d ranks", n)
		}
		return nil
	})
	// The next try is half a minute away by then.
	if took := time.Since(began); took > drainTimeout+15*time.Second {
		t.Errorf("the rank that went at the latest after %s went after %s", drainTimeout, took)
	}
	if err := world.client.Delete(t.Context(), m.pods()["1"]); err != nil {
		t.Fatal(err)
	}
	waitForStops(t, m, "1")
	waitForStops(t, m, "")
	lift()
	m.waitForSize(2) // without anybody who asks for it
}

// refusals is how often the API server has refused the operator's writes of a
// resource.
func (m miniCluster) refusals(resource string) int {
	m.t.Helper()
	n := 0
	for _, r := range requests(m.t) {
		if r.namespace == m.key.Namespace && r.resource == resource && !r.isRead() && r.code >= 400 {
			n++
		}
	}
	return n
}

func TestEndIsToldWhenTheServicesAreGone(t *testing.T) {
	t.Parallel()
	m, _ := createInstance(t, api.MiniClusterSpec{Size: 2, Services: []api.Container{{Name: "store", Image: "example.org/store:1"}}})
	m.waitForSize(2)
	lift := refuse(t, m.key.Namespace, "apps", "deployments", admissionv1.Delete, func(ctx context.Context) error {
		return world.client.Delete(ctx, m.services(), client.DryRunAll)
	})
	world.kubelet.endCommand(t.Context(), m.pods()["0"], 0)
	m.waitForReason(api.ConditionReady, api.ReasonApplyFailed)
	if meta.IsStatusConditionTrue(m.get().Status.Conditions, api.ConditionComplete) {
		t.Error("the end is told although the services are still there")
	}
	lift()
	m.waitForReason(api.ConditionComplete, api.ReasonCommandSucceeded)
	if err := world.client.Get(t.Context(), client.ObjectKeyFromObject(m.services()), m.services()); !apierrors.IsNotFound(err) {
		t.Errorf("the services are still there: %v", err)
	}
}

// TestObjectsOfAnEarlierMiniClusterAreWaitedFor: a user who deletes a MiniCluster
// and makes it anew must not read that somebody else has its name.
func TestObjectsOfAnEarlierMiniClusterAreWaitedFor(t *testing.T) {
	t.Parallel()
	m := create(t, api.MiniClusterSpec{Size: 1})
	m.waitForSize(1)
	release := hold(t, &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: m.key.Name, Namespace: m.key.Namespace}})
	if err := world.client.Delete(t.Context(), m.get()); err != nil {
		t.Fatal(err)
	}
	again := createIn(t, m.key.Namespace, api.MiniClusterSpec{Size: 1})
	again.waitForReason(api.ConditionProgressing, api.ReasonRecreating)
	release()
	again.waitForSize(1)
	var events corev1.EventList
	if err := world.client.List(t.Context(), &events, client.InNamespace(m.key.Namespace)); err != nil {
		t.Fatal(err)
	}
	for _, e := range events.Items {
		if e.Reason == api.ReasonNameConflict {
			t.Errorf("warned of what passes by itself: %s", e.Message)
		}
	}
}

// TestNameConflictForgetsNoEnd: with cleanup, only the status tells that the
// command has run.
func TestNameConflictForgetsNoEnd(t *testing.T) {
	t.Parallel()
	m, _ := createInstance(t, api.MiniClusterSpec{Size: 1, Cleanup: true})
	m.waitForSize(1)
	world.kubelet.endCommand(t.Context(), m.pods()["0"], 0)
	m.waitForEvent(api.EventCleanedUp)
	eventually(t, func() error {
		if err := world.client.Get(t.Context(), m.key, &batchv1.Job{}); !apierrors.IsNotFound(err) {
			return errors.New(fmt.Sprint("the Job is still there: ", err))
		}
		return nil
	})
	theirs := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: "theirs", Namespace: m.key.Namespace},
		Spec:       corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 80}}},
	}
	if err := world.client.Create(t.Context(), theirs); err != nil {
		t.Fatal(err)
	}
	m.change(func(s *api.MiniClusterSpec) { s.Network.HeadlessName = theirs.Name })
	m.waitForReason(api.ConditionReady, api.ReasonNameConflict)
	mine := m.get().Status
	if !meta.IsStatusConditionTrue(mine.Conditions, api.ConditionComplete) || !ptr.Equal(mine.ExitCode, ptr.To(int32(0))) {
		t.Errorf("the end is forgotten: %+v", mine)
	}
	m.change(func(s *api.MiniClusterSpec) { s.Network.HeadlessName = "" })
	m.waitForReason(api.ConditionReady, api.ReasonCompleted)
	if err := world.client.Get(t.Context(), m.key, &batchv1.Job{}); !apierrors.IsNotFound(err) {
		t.Errorf("the command runs again: %v", err)
	}
}
