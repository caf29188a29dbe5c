package build

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
)

func TestSelectorPicksRanksOnly(t *testing.T) {
	mc := with(sample(), func(s *api.MiniClusterSpec) {
		s.Services = []api.Container{{Name: "db", Image: "i"}}
		s.Pod.Labels = map[string]string{api.LabelRole: "x"}
	})
	selector, err := metav1.ParseToLabelSelector(Selector("sample"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := metav1.LabelSelectorAsSelector(selector)
	if err != nil {
		t.Fatal(err)
	}
	services, err := ServicesPod(mc)
	if err != nil {
		t.Fatal(err)
	}
	if !s.Matches(labels.Set(builtPod(t, mc).Labels)) {
		t.Errorf("%s does not select a rank's pod", s)
	}
	if s.Matches(labels.Set(services.Spec.Template.Labels)) {
		t.Errorf("%s selects the pod of services", s)
	}
}

func TestServiceSelectsWhoeverHasAHostName(t *testing.T) {
	mc := sample()
	equal(t, "selector", Service(mc).Spec.Selector, RankLabels("sample"))
	mc.Spec.Services = []api.Container{{Name: "db", Image: "i"}}
	services, err := ServicesPod(mc)
	if err != nil {
		t.Fatal(err)
	}
	selector := labels.SelectorFromSet(Service(mc).Spec.Selector)
	for what, pod := range map[string]map[string]string{"rank": builtPod(t, mc).Labels, "services": services.Spec.Template.Labels} {
		if !selector.Matches(labels.Set(pod)) {
			t.Errorf("%s does not select the pod of %s", selector, what)
		}
	}
	if selector.Matches(labels.Set{api.LabelMiniCluster: "other", api.LabelRole: api.RoleRank}) {
		t.Errorf("%s selects another MiniCluster's rank", selector)
	}
}

func TestServiceHasEachPortOnce(t *testing.T) {
	mc := with(sample(), func(s *api.MiniClusterSpec) {
		s.Containers[0].Ports = []int32{8080, 80}
		s.Services = []api.Container{{Name: "db", Image: "i", Ports: []int32{5432, 80}}}
	})
	var got []string
	for _, port := range decode[corev1.Service](t, Service(mc)).Spec.Ports {
		got = append(got, port.Name+" to "+port.TargetPort.String())
	}
	equal(t, "ports", got, []string{"port-80 to 80", "port-5432 to 5432", "port-8080 to 8080"})
}

func TestNamesResolveBeforeRanksAreReady(t *testing.T) {
	mc := with(sample(), func(s *api.MiniClusterSpec) { s.Network.HeadlessName = "net" })
	service := decode[corev1.Service](t, Service(mc))
	if service.Name != "net" || service.Spec.ClusterIP != corev1.ClusterIPNone || !service.Spec.PublishNotReadyAddresses {
		t.Errorf("service %s", encode(t, service))
	}
	equal(t, "subdomain", builtPod(t, mc).Spec.Subdomain, "net")
}

// TestContainersBesideTheRankHaveServices: as with the Flux Operator, those with ports.
func TestContainersBesideTheRankHaveServices(t *testing.T) {
	mc := with(sample(), func(s *api.MiniClusterSpec) {
		s.Network.HeadlessName = "net"
		s.Containers[0].RunFlux, s.Containers[0].Ports = true, []int32{1}
		s.Containers = append(s.Containers,
			api.Container{Name: "front", Image: "i", Ports: []int32{80, 8080, 80}},
			api.Container{Name: "quiet", Image: "i"},
			api.Container{Name: "net", Image: "i", Ports: []int32{81}},
			api.Container{Name: "7up", Image: "i", Ports: []int32{82}})
	})
	services := decode[[]corev1.Service](t, SideServices(mc))
	if len(services) != 1 {
		t.Fatalf("%d Services", len(services))
	}
	front := services[0]
	equal(t, "name", front.Namespace+"/"+front.Name, "ns/front")
	equal(t, "owner", front.OwnerReferences[0].UID, mc.UID)
	var ports []string
	for _, port := range front.Spec.Ports {
		ports = append(ports, port.Name+" to "+port.TargetPort.String())
	}
	equal(t, "ports", ports, []string{"port-80 to 80", "port-8080 to 8080"})
	if front.Spec.ClusterIP != "" || !labels.SelectorFromSet(front.Spec.Selector).Matches(labels.Set(builtPod(t, mc).Labels)) {
		t.Errorf("Service %s", encode(t, front.Spec))
	}
}
