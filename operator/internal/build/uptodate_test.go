package build

import (
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
)

// served is the Deployment of services as a cache holds it.
func served(t *testing.T, mc *api.MiniCluster) *appsv1.Deployment {
	t.Helper()
	built, err := ServicesPod(mc)
	if err != nil {
		t.Fatal(err)
	}
	live := decode[appsv1.Deployment](t, built)
	live.Kind, live.APIVersion = "", ""
	live.UID, live.ResourceVersion, live.Status.Replicas = "uid", "7", 1
	live.Annotations["deployment.kubernetes.io/revision"] = "1"
	live.Spec.Template.Spec.DNSPolicy = corev1.DNSClusterFirst
	live.Spec.Template.Spec.Containers[0].TerminationMessagePath = "/dev/termination-log"
	return &live
}

func withServices() *api.MiniCluster {
	return with(sample(), func(s *api.MiniClusterSpec) {
		s.Services = []api.Container{{
			Name: "db", Image: "i", Command: "serve", Ports: []int32{5432},
			Resources: api.Resources{Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("1500m")}},
			Volumes:   map[string]api.Volume{"data": {Path: "/data", EmptyDir: true}},
		}}
	})
}

func TestUpToDateLeavesAloneWhatOthersAdd(t *testing.T) {
	mc := withServices()
	wanted, err := ServicesPod(mc)
	if err != nil {
		t.Fatal(err)
	}
	if !UpToDate(wanted, served(t, mc)) {
		t.Error("defaults and status count as differences")
	}
	mc.Spec.Services[0].Resources.Requests[corev1.ResourceCPU] = resource.MustParse("1.5")
	wanted, err = ServicesPod(mc)
	if err != nil {
		t.Fatal(err)
	}
	if !UpToDate(wanted, served(t, withServices())) {
		t.Error("another spelling of a quantity counts as a difference")
	}
}

func TestUpToDateSeesAnotherWish(t *testing.T) {
	live := served(t, withServices())
	for what, change := range map[string]func(*api.Container){
		"another image":     func(c *api.Container) { c.Image = "j" },
		"a removed command": func(c *api.Container) { c.Command = "" },
		"a removed volume":  func(c *api.Container) { c.Volumes = nil },
		"a further port":    func(c *api.Container) { c.Ports = append(c.Ports, 80) },
	} {
		mc := withServices()
		change(&mc.Spec.Services[0])
		wanted, err := ServicesPod(mc)
		if err != nil {
			t.Fatal(err)
		}
		if UpToDate(wanted, live) {
			t.Errorf("%s is not seen", what)
		}
	}
}

func TestUpToDateSeesWhatOthersChange(t *testing.T) {
	mc := withServices()
	wanted, err := ServicesPod(mc)
	if err != nil {
		t.Fatal(err)
	}
	for what, change := range map[string]func(*appsv1.Deployment){
		"replicas":  func(d *appsv1.Deployment) { *d.Spec.Replicas = 2 },
		"a label":   func(d *appsv1.Deployment) { delete(d.Labels, api.LabelMiniCluster) },
		"the image": func(d *appsv1.Deployment) { d.Spec.Template.Spec.Containers[0].Image = "j" },
		"a further container": func(d *appsv1.Deployment) {
			d.Spec.Template.Spec.Containers = append(d.Spec.Template.Spec.Containers, corev1.Container{})
		},
		"no volume": func(d *appsv1.Deployment) { d.Spec.Template.Spec.Volumes = nil },
		"no owner":  func(d *appsv1.Deployment) { d.OwnerReferences = nil },
	} {
		live := served(t, mc)
		change(live)
		if UpToDate(wanted, live) {
			t.Errorf("%s is not seen", what)
		}
	}
}

func TestOtherObjectsCanBeCompared(t *testing.T) {
	mc := with(withServices(), func(s *api.MiniClusterSpec) { s.SelfScaling = true })
	service := Service(mc)
	live := decode[corev1.Service](t, service)
	if !UpToDate(service, &live) {
		t.Error("Service")
	}
	live.Spec.Selector = RankLabels("other")
	if UpToDate(service, &live) {
		t.Error("another selector of a Service is not seen")
	}
	var none *appsv1.Deployment
	if !UpToDate(none, &live) || UpToDate(service, none) {
		t.Error("nil")
	}
}
