package plan

import (
	"encoding/json"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
)

// TestLeadGetsItsIndexOnce, and no other rank: see unlabelledLead.
func TestLeadGetsItsIndexOnce(t *testing.T) {
	for _, flux := range []bool{true, false} {
		mc := miniCluster(2, 1, 4)
		mc.Spec.Flux.Enabled = ptr.To(flux)
		o := settled(mc)
		if p := Make(o); p.LabelLead != &o.Pods[0] {
			t.Errorf("labels %v, want the lead", p.LabelLead)
		}
		o.Pods[0].Labels = map[string]string{api.LabelJobIndex: "0"}
		if p := Make(o); p.LabelLead != nil {
			t.Errorf("labels %s again", p.LabelLead.Name)
		}
	}
	o := settled(miniCluster(2, 1, 4))
	o.Pods[0].OwnerReferences[0].UID = "another"
	if p := Make(o); p.LabelLead != nil {
		t.Error("labels a pod of another Job")
	}
}

// TestServicesBesideTheRankComeBack, and are left to whom they belong.
func TestServicesBesideTheRankComeBack(t *testing.T) {
	mc := miniCluster(2, 1, 4)
	mc.UID = "mc"
	mc.Spec.Containers[0].RunFlux = true
	mc.Spec.Containers = append(mc.Spec.Containers, api.Container{Name: "front", Image: "i", Ports: []int32{80}})
	o := settled(mc)
	p := Make(o)
	if len(p.SideServices) != 1 || *p.SideServices[0].Name != "front" {
		t.Fatalf("applies %v, want front", p.SideServices)
	}
	data, err := json.Marshal(p.SideServices[0])
	if err != nil {
		t.Fatal(err)
	}
	o.SideServices = make([]corev1.Service, 1)
	there := &o.SideServices[0]
	if err := json.Unmarshal(data, there); err != nil {
		t.Fatal(err)
	}
	if p := Make(o); len(p.SideServices) > 0 {
		t.Error("applied again")
	}
	there.ResourceVersion, there.Spec.Ports = "7", nil
	if p := Make(o); len(p.SideServices) != 1 || *p.SideServices[0].ResourceVersion != "7" {
		t.Error("an edited one is not put right")
	}
	there.OwnerReferences = nil
	if p := Make(o); len(p.SideServices) > 0 {
		t.Error("somebody else's is taken over")
	}
	o.Job, o.Pods = nil, nil
	events := Make(o).Events
	if last := events[len(events)-1]; last.Reason != api.EventAdapted || !strings.Contains(last.Message, "front has no Service") {
		t.Errorf("told %v", last)
	}
}

// TestAdaptationsAreToldWithTheJob, once.
func TestAdaptationsAreToldWithTheJob(t *testing.T) {
	mc := miniCluster(2, 1, 4)
	mc.Spec.Pod.RestartPolicy = "OnFailure"
	var messages []string
	for _, e := range Make(Observed{MiniCluster: mc}).Events {
		if e.Reason == api.EventAdapted {
			messages = append(messages, e.Message)
		}
	}
	if len(messages) != 1 || messages[0] != "pod.restartPolicy: brokers are started again in their pod, and the Job replaces pods" {
		t.Errorf("told %q", messages)
	}
	if p := Make(settled(mc)); len(p.Events) > 0 {
		t.Errorf("told again: %v", p.Events)
	}
}
