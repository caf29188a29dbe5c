package resizeplan_test

import (
	"encoding/json"
	"maps"
	"testing"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
	"github.com/gopherlocks/gopherlocks/operator/whatif/whatiftest"
	"github.com/gopherlocks/gopherlocks/resizeplan"
)

const namespace = "flux-operator"

// scenario is a stack with one MiniCluster that runs, and what its next update would
// do with it: by default nothing.
type scenario struct {
	t        *testing.T
	declared resizeplan.Declared
	preview  resizeplan.Preview
	live     resizeplan.Live
	there    resizeplan.LiveMiniCluster
}

// newScenario declares a MiniCluster as the program does.
func newScenario(t *testing.T, name string, size, minSize, maxSize int32, flux bool, more ...func(spec map[string]any)) *scenario {
	t.Helper()
	container := map[string]any{
		"name": name, "image": "workload:1",
		"resources": map[string]any{"requests": map[string]any{"cpu": "100m", "memory": "32Mi"}},
	}
	object := map[string]any{
		"metadata": map[string]any{"name": name, "namespace": namespace},
		"spec": map[string]any{
			"size": float64(size), "minSize": float64(minSize), "maxSize": float64(maxSize),
			"flux": map[string]any{"enabled": flux}, "containers": []any{container},
		},
	}
	for _, change := range more {
		change(object["spec"].(map[string]any))
	}
	s := &scenario{t: t, declared: resizeplan.Declared{
		URN: "urn:" + name, Operation: resizeplan.Same, Namespace: namespace, Name: name, Before: object, After: clone(t, object),
	}}
	var mc api.MiniCluster
	s.decode(object, &mc)
	mc.Spec.Tasks = ptr.To[int32](1) // the API server's default
	s.there.Live = whatiftest.Running(t, &mc)
	s.preview.Stack = "dev"
	s.live.Nodes = oneNode("1000m", "100m")
	return s
}

// decode reads an object as the API server would.
func (s *scenario) decode(object map[string]any, into any) {
	s.t.Helper()
	data, err := json.Marshal(object)
	if err == nil {
		err = json.Unmarshal(data, into)
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

func clone(t *testing.T, object map[string]any) map[string]any {
	t.Helper()
	data, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	var copied map[string]any
	if err := json.Unmarshal(data, &copied); err != nil {
		t.Fatal(err)
	}
	return copied
}

// oneNode is a node of so much CPU, with a pod on it that requests some.
func oneNode(cpu, used string) resizeplan.Nodes {
	return resizeplan.Nodes{
		Nodes: []corev1.Node{{
			ObjectMeta: metav1.ObjectMeta{Name: "node"},
			Status: corev1.NodeStatus{Allocatable: corev1.ResourceList{
				corev1.ResourceCPU: resource.MustParse(cpu), corev1.ResourceMemory: resource.MustParse("4Gi"), corev1.ResourcePods: resource.MustParse("110"),
			}},
		}},
		Pods: []corev1.Pod{{Spec: corev1.PodSpec{NodeName: "node", Containers: []corev1.Container{{
			Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(used)}},
		}}}}},
	}
}

// update lets the stack declare other values in the spec. The dry run's answer is
// the live object with these values.
func (s *scenario) update(spec map[string]any, changed ...string) *scenario {
	s.t.Helper()
	s.declared.Operation, s.declared.Changed = resizeplan.Update, changed
	maps.Copy(s.declared.After["spec"].(map[string]any), clone(s.t, spec))
	var result api.MiniCluster
	s.decode(map[string]any{"spec": s.there.MiniCluster.Spec}, &result)
	s.decode(map[string]any{"spec": spec}, &result)
	data, err := json.Marshal(result)
	if err == nil {
		err = json.Unmarshal(data, &s.declared.Result)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return s
}

// unanswered removes the API server's answer.
func (s *scenario) unanswered() *scenario {
	s.declared.Result = nil
	return s
}

// autoscaler adds a declared autoscaler that exists already.
func (s *scenario) autoscaler(minReplicas, maxReplicas, wish int32) *scenario {
	hpa := s.liveAutoscaler(minReplicas, maxReplicas, wish)
	object := map[string]any{"spec": map[string]any{
		"minReplicas": float64(minReplicas), "maxReplicas": float64(maxReplicas),
		"scaleTargetRef": map[string]any{"kind": "MiniCluster", "name": s.declared.Name, "apiVersion": "flux-framework.org/v1alpha2"},
	}}
	s.preview.Autoscalers = []resizeplan.Declared{{
		URN: "urn:hpa", Operation: resizeplan.Same, Namespace: namespace, Name: hpa.Name, Before: object, After: clone(s.t, object),
	}}
	return s
}

// liveAutoscaler is one that Pulumi has not made.
func (s *scenario) liveAutoscaler(minReplicas, maxReplicas, wish int32) autoscalingv2.HorizontalPodAutoscaler {
	hpa := autoscalingv2.HorizontalPodAutoscaler{
		ObjectMeta: metav1.ObjectMeta{Name: s.declared.Name + "-hpa", Namespace: namespace},
		Spec: autoscalingv2.HorizontalPodAutoscalerSpec{
			ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{Kind: "MiniCluster", Name: s.declared.Name},
			MinReplicas:    ptr.To(minReplicas), MaxReplicas: maxReplicas,
		},
		Status: autoscalingv2.HorizontalPodAutoscalerStatus{DesiredReplicas: wish},
	}
	if wish == minReplicas {
		hpa.Status.Conditions = []autoscalingv2.HorizontalPodAutoscalerCondition{{
			Type: autoscalingv2.ScalingLimited, Status: corev1.ConditionTrue, Reason: "TooFewReplicas",
		}}
	}
	s.there.Autoscalers = []autoscalingv2.HorizontalPodAutoscaler{hpa}
	return hpa
}

// queued lets the queue scale the MiniCluster, and the operator tell of the queue.
func (s *scenario) queued(said *api.QueueStatus) *scenario {
	s.there.MiniCluster.Spec.Autoscaling.Queue = &api.QueueAutoscaling{IdleSeconds: ptr.To[int32](60)}
	s.there.MiniCluster.Status.Queue = said
	for _, object := range []map[string]any{s.declared.Before, s.declared.After} {
		object["spec"].(map[string]any)["autoscaling"] = map[string]any{"queue": map[string]any{"idleSeconds": 60.0}}
	}
	return s
}

// report makes the report of the scenarios as one stack.
func report(scenarios ...*scenario) resizeplan.Report {
	first := scenarios[0]
	p, live := first.preview, first.live
	live.MiniClusters = map[resizeplan.Key]resizeplan.LiveMiniCluster{}
	for _, s := range scenarios {
		p.MiniClusters = append(p.MiniClusters, s.declared)
		live.MiniClusters[s.declared.Key()] = s.there
	}
	return resizeplan.Make(p, live)
}

// only is the report about the one MiniCluster.
func (s *scenario) only() resizeplan.MiniCluster {
	s.t.Helper()
	r := report(s)
	if len(r.MiniClusters) != 1 {
		s.t.Fatalf("%d MiniClusters", len(r.MiniClusters))
	}
	return r.MiniClusters[0]
}

// newLive is the scenario's MiniCluster with its objects, made anew from its spec.
func newLive(t *testing.T, s *scenario) resizeplan.LiveMiniCluster {
	t.Helper()
	return resizeplan.LiveMiniCluster{Live: whatiftest.Running(t, s.there.MiniCluster)}
}
