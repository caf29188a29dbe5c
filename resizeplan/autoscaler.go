package resizeplan

import (
	"encoding/json"
	"fmt"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
)

// hpaSpec is what the versions of a HorizontalPodAutoscaler have in common.
type hpaSpec struct {
	Target struct {
		Kind string `json:"kind"`
		Name string `json:"name"`
	} `json:"scaleTargetRef"`
	// MinReplicas is 1 where it is not set. Source: the API's documentation.
	MinReplicas *int32 `json:"minReplicas"`
	MaxReplicas int32  `json:"maxReplicas"`
}

func (s hpaSpec) scales(name string) bool { return s.Target.Kind == api.Kind && s.Target.Name == name }

// autoscalerAfter returns the autoscaler that scales the MiniCluster after the
// update, or nil. A declared one comes first, then one that somebody else has made.
func autoscalerAfter(d Declared, declared []Declared, live []autoscalingv2.HorizontalPodAutoscaler) (*Autoscaler, error) {
	byName := map[string]*autoscalingv2.HorizontalPodAutoscaler{}
	for i := range live {
		byName[live[i].Name] = &live[i]
	}
	for _, hpa := range declared {
		if !sameNamespace(hpa, d) {
			continue
		}
		there := byName[hpa.Name]
		delete(byName, hpa.Name) // it is Pulumi's, even if the update deletes it
		if hpa.Operation == Delete {
			continue
		}
		spec, err := decodeHPA(hpa)
		if err != nil {
			return nil, err
		}
		if spec.scales(d.Name) {
			return describeHPA(hpa.Name, spec, there), nil
		}
	}
	for i := range live {
		hpa := byName[live[i].Name]
		if hpa == nil {
			continue
		}
		spec := hpaSpec{MinReplicas: hpa.Spec.MinReplicas, MaxReplicas: hpa.Spec.MaxReplicas}
		spec.Target.Kind, spec.Target.Name = hpa.Spec.ScaleTargetRef.Kind, hpa.Spec.ScaleTargetRef.Name
		if spec.scales(d.Name) {
			return describeHPA(hpa.Name, spec, hpa), nil
		}
	}
	return nil, nil
}

// sameNamespace tells whether two objects are in one namespace. If a namespace is
// known only during the update, the component's other objects have the same one.
func sameNamespace(a, b Declared) bool {
	if a.Namespace == "" || b.Namespace == "" {
		return a.Component == b.Component
	}
	return a.Namespace == b.Namespace
}

func decodeHPA(d Declared) (hpaSpec, error) {
	var spec hpaSpec
	known := merger{}
	data, err := json.Marshal(known.apply("spec", nil, nil, d.After["spec"]))
	if err == nil {
		err = json.Unmarshal(data, &spec)
	}
	if err != nil {
		return spec, fmt.Errorf("spec of HorizontalPodAutoscaler %s: %w", d.Name, err)
	}
	for _, path := range known.notKnown {
		switch path {
		case "spec.minReplicas", "spec.maxReplicas", "spec.scaleTargetRef", "spec.scaleTargetRef.name":
			return spec, fmt.Errorf("%s of HorizontalPodAutoscaler %s is known only during the update", path, d.Name)
		}
	}
	return spec, nil
}

func describeHPA(name string, spec hpaSpec, there *autoscalingv2.HorizontalPodAutoscaler) *Autoscaler {
	a := &Autoscaler{Name: name, MinReplicas: ptr.Deref(spec.MinReplicas, 1), MaxReplicas: spec.MaxReplicas}
	if there == nil {
		return a
	}
	if wish := there.Status.DesiredReplicas; wish > 0 {
		a.Wish = &wish
	}
	for _, c := range there.Status.Conditions {
		if c.Type == autoscalingv2.ScalingLimited && c.Status == corev1.ConditionTrue {
			a.Limited = c.Reason
		}
	}
	return a
}

// clamp returns the size that the autoscaler brings size to at once, whatever the
// load. Source: reconcileAutoscaler of Kubernetes' podautoscaler, which does so
// before it looks at metrics.
func (a *Autoscaler) clamp(size int32) int32 {
	return min(max(size, a.MinReplicas), a.MaxReplicas)
}
