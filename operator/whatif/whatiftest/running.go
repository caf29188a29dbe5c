// Package whatiftest makes, for tests, what is there of a MiniCluster that runs.
package whatiftest

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
	"github.com/gopherlocks/gopherlocks/operator/internal/build"
	"github.com/gopherlocks/gopherlocks/operator/internal/plan"
	"github.com/gopherlocks/gopherlocks/operator/whatif"
)

// Running returns mc as the operator leaves it on Kubernetes 1.34: a Service, a Job,
// and a ready pod for each rank, called NAME-RANK-x. UID and status of mc are set.
func Running(t testing.TB, mc *api.MiniCluster) whatif.Live {
	t.Helper()
	mc = mc.DeepCopy()
	mc.UID = types.UID("uid-of-" + mc.Name)
	settings := build.Settings{AgentImage: "registry.example/agent:1", Features: build.FeaturesOf(1, 34)}
	p := plan.Make(plan.Observed{MiniCluster: mc, Settings: settings})
	if p.Service == nil || p.Job == nil {
		t.Fatalf("the operator would not make MiniCluster %s: %s", mc.Name, p.Message)
	}
	mc.Status = api.MiniClusterStatus{
		Size: p.Desired, Ready: p.Desired, Desired: p.Desired, MaximumSize: p.Maximum,
		Conditions: []metav1.Condition{{Type: api.ConditionProgressing, Status: metav1.ConditionFalse, Reason: api.ReasonReady}},
	}
	live := whatif.Live{MiniCluster: mc, Service: &corev1.Service{}, Job: &batchv1.Job{}, Now: time.Now(), Major: 1, Minor: 34}
	convert(t, p.Service, live.Service)
	convert(t, p.Job, live.Job)
	live.Job.UID = mc.UID + "-job"
	// What the API server notes of the operator's apply.
	live.Job.ManagedFields = []metav1.ManagedFieldsEntry{{
		Manager: plan.FieldManager, Operation: metav1.ManagedFieldsOperationApply, APIVersion: "batch/v1",
		FieldsType: "FieldsV1", FieldsV1: metav1.NewFieldsV1(`{"f:spec":{"f:completions":{},"f:parallelism":{}}}`),
	}}
	for rank := range p.Desired {
		live.Pods = append(live.Pods, rankPod(live, rank))
	}
	return live
}

func rankPod(live whatif.Live, rank int32) corev1.Pod {
	return corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Name:            fmt.Sprintf("%s-%d-x", live.MiniCluster.Name, rank),
			Namespace:       live.MiniCluster.Namespace,
			Labels:          build.RankLabels(live.MiniCluster.Name),
			Annotations:     map[string]string{batchv1.JobCompletionIndexAnnotation: fmt.Sprint(rank)},
			OwnerReferences: []metav1.OwnerReference{{Kind: "Job", UID: live.Job.UID, Controller: ptr.To(true)}},
		},
		Spec: live.Job.Spec.Template.Spec,
		Status: corev1.PodStatus{
			Phase:      corev1.PodRunning,
			Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}},
			ContainerStatuses: []corev1.ContainerStatus{{
				Name: build.RankContainerName(live.MiniCluster), Ready: true,
				State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}},
			}},
		},
	}
}

// convert turns an apply configuration into the object that it is for.
func convert(t testing.TB, config, object any) {
	t.Helper()
	data, err := json.Marshal(config)
	if err == nil {
		err = json.Unmarshal(data, object)
	}
	if err != nil {
		t.Fatal(err)
	}
}
