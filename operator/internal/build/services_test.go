package build

import (
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/utils/ptr"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
)

func TestNoServicesNoPod(t *testing.T) {
	if deployment, err := ServicesPod(sample()); deployment != nil || err != nil {
		t.Errorf("deployment %v, %v", deployment, err)
	}
}

func TestServicesAreOnePodWithAHostName(t *testing.T) {
	mc := with(sample(), func(s *api.MiniClusterSpec) {
		s.Network.HeadlessName = "net"
		s.Pod = api.Pod{HostPID: true, ServiceAccountName: "ranks"} // the ranks' only
		s.Services = []api.Container{
			{
				Name: "db", Image: "i", Command: "serve", ImagePullSecret: "registry", Ports: []int32{5432},
				Commands: api.Commands{ServicePre: "prepare"}, Environment: map[string]string{"A": "1"},
				Volumes: map[string]api.Volume{"data": {Path: "/data", ClaimName: "claim"}},
			},
			{Name: "web", Image: "i"},
		}
	})
	built, err := ServicesPod(mc)
	if err != nil {
		t.Fatal(err)
	}
	deployment := decode[appsv1.Deployment](t, built)
	equal(t, "name", deployment.Name, "sample-services")
	equal(t, "replicas", deployment.Spec.Replicas, ptr.To[int32](1))
	equal(t, "strategy", deployment.Spec.Strategy.Type, appsv1.RecreateDeploymentStrategyType)
	pod := deployment.Spec.Template
	if !labels.SelectorFromSet(deployment.Spec.Selector.MatchLabels).Matches(labels.Set(pod.Labels)) {
		t.Errorf("selector %v, labels %v", deployment.Spec.Selector, pod.Labels)
	}
	equal(t, "role", pod.Labels[api.LabelRole], api.RoleServices)
	equal(t, "host", pod.Spec.Hostname+"."+pod.Spec.Subdomain, "sample-services.net")
	if pod.Spec.HostPID || pod.Spec.ServiceAccountName != "" || *pod.Spec.AutomountServiceAccountToken {
		t.Errorf("pod %s", encode(t, pod.Spec))
	}
	equal(t, "pull secrets", pod.Spec.ImagePullSecrets, []corev1.LocalObjectReference{{Name: "registry"}})
	equal(t, "volumes", pod.Spec.Volumes[0].PersistentVolumeClaim.ClaimName, "claim")
	db := container(t, pod, "db")
	equal(t, "variables", db.Env, []corev1.EnvVar{{Name: "A", Value: "1"}})
	equal(t, "command", db.Command, []string{"/bin/sh", "-c", strings.ReplaceAll(bashOrShell, "$", "$$"), "sh", "prepare\nexec \"$$@\"", "sh", "serve"})
	equal(t, "labels", pod.Labels, map[string]string{
		"app": "flux-operator", "app.kubernetes.io/name": "sample", "namespace": "ns", "job-name": "sample", "job-index": "services",
		api.LabelMiniCluster: "sample", api.LabelRole: api.RoleServices, api.LabelManagedBy: api.ManagedBy,
	})
	equal(t, "containers", len(pod.Spec.Containers), 2)
}
