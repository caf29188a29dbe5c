package build

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
)

func TestContainersKeepWhatTheRuntimeGives(t *testing.T) {
	for _, mc := range []*api.MiniCluster{sample(), plainSample()} {
		pod := builtPod(t, mc)
		if c := container(t, pod, "sample"); c.SecurityContext != nil {
			t.Errorf("security context %s", encode(t, c.SecurityContext))
		}
		for _, c := range pod.Spec.InitContainers {
			if *c.SecurityContext.AllowPrivilegeEscalation {
				t.Errorf("init container %s: %s", c.Name, encode(t, c.SecurityContext))
			}
			equal(t, c.Name, *c.SecurityContext.Capabilities, corev1.Capabilities{Drop: []corev1.Capability{"ALL"}})
		}
	}
}

func TestSecurityContextIsAsKubernetesHasIt(t *testing.T) {
	ptrace := []corev1.Capability{"SYS_PTRACE"}
	for _, c := range []struct {
		wish api.SecurityContext
		want corev1.SecurityContext
	}{
		{api.SecurityContext{AddCapabilities: ptrace}, corev1.SecurityContext{Capabilities: &corev1.Capabilities{Add: ptrace}}},
		{
			api.SecurityContext{
				AddCapabilities: []corev1.Capability{"cap_sys_ptrace", "CAP_IPC_LOCK"},
				Capabilities:    api.Capabilities{Add: []corev1.Capability{"SYS_PTRACE", "ALL"}, Drop: []corev1.Capability{"Cap_Net_Raw"}},
			},
			corev1.SecurityContext{Capabilities: &corev1.Capabilities{
				Add: []corev1.Capability{"SYS_PTRACE", "IPC_LOCK", "ALL"}, Drop: []corev1.Capability{"NET_RAW"},
			}},
		},
		{api.SecurityContext{Privileged: true, AddCapabilities: []corev1.Capability{"*"}}, corev1.SecurityContext{Privileged: ptr.To(true)}},
		{
			api.SecurityContext{
				RunAsUser: ptr.To[int64](0), RunAsGroup: ptr.To[int64](1), RunAsNonRoot: ptr.To(false), ReadOnlyRootFilesystem: ptr.To(true),
				AllowPrivilegeEscalation: ptr.To(false), ProcMount: ptr.To(corev1.UnmaskedProcMount),
				SeccompProfile: &corev1.SeccompProfile{Type: "Unconfined"}, AppArmorProfile: &corev1.AppArmorProfile{Type: "Unconfined"},
				SELinuxOptions: &corev1.SELinuxOptions{Type: "spc_t"},
			},
			corev1.SecurityContext{
				RunAsUser: ptr.To[int64](0), RunAsGroup: ptr.To[int64](1), RunAsNonRoot: ptr.To(false), ReadOnlyRootFilesystem: ptr.To(true),
				AllowPrivilegeEscalation: ptr.To(false), ProcMount: ptr.To(corev1.UnmaskedProcMount),
				SeccompProfile: &corev1.SeccompProfile{Type: "Unconfined"}, AppArmorProfile: &corev1.AppArmorProfile{Type: "Unconfined"},
				SELinuxOptions: &corev1.SELinuxOptions{Type: "spc_t"},
			},
		},
	} {
		equal(t, encode(t, c.wish), *built(t, api.Container{SecurityContext: c.wish}).SecurityContext, c.want)
	}
}

func TestViewMayBeGivenWhatItAsksFor(t *testing.T) {
	view := container(t, builtPod(t, with(sample(), func(s *api.MiniClusterSpec) {
		s.Flux.Container.SecurityContext = api.SecurityContext{RunAsUser: ptr.To[int64](0), AddCapabilities: []corev1.Capability{"CHOWN"}}
		s.Flux.Container.ImagePullPolicy = corev1.PullNever
	})), "flux-view")
	equal(t, "policy", view.ImagePullPolicy, corev1.PullNever)
	equal(t, "view", *view.SecurityContext, corev1.SecurityContext{
		RunAsUser: ptr.To[int64](0), AllowPrivilegeEscalation: ptr.To(true),
		Capabilities: &corev1.Capabilities{Add: []corev1.Capability{"CHOWN"}, Drop: []corev1.Capability{"ALL"}},
	})
}

// TestRestrictedPods: tests/api tries them in a namespace that demands the standard.
func TestRestrictedPods(t *testing.T) {
	mc := with(sample(), func(s *api.MiniClusterSpec) {
		s.Pod.Restricted = true
		s.Containers[0].RunFlux = true
		s.Containers[0].SecurityContext.AddCapabilities = []corev1.Capability{"NET_BIND_SERVICE"}
		s.Containers = append(s.Containers, api.Container{Name: "side", Image: "i"})
		s.Services = []api.Container{{Name: "db", Image: "i"}}
	})
	services, err := ServicesPod(mc)
	if err != nil {
		t.Fatal(err)
	}
	for _, pod := range []corev1.PodTemplateSpec{builtPod(t, mc), decode[corev1.PodTemplateSpec](t, services.Spec.Template)} {
		if security := pod.Spec.SecurityContext; !*security.RunAsNonRoot || security.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault {
			t.Errorf("pod %s", encode(t, security))
		}
		for _, c := range append(pod.Spec.InitContainers, pod.Spec.Containers...) {
			if *c.SecurityContext.AllowPrivilegeEscalation {
				t.Errorf("container %s: %s", c.Name, encode(t, c.SecurityContext))
			}
			equal(t, c.Name, c.SecurityContext.Capabilities.Drop, []corev1.Capability{"ALL"})
		}
	}
}

// TestRootByNameStaysInARestrictedPod: the namespace's admission judges it.
func TestRootByNameStaysInARestrictedPod(t *testing.T) {
	pod := builtPod(t, with(sample(), func(s *api.MiniClusterSpec) {
		s.Pod.Restricted = true
		s.Pod.SecurityContext = &corev1.PodSecurityContext{RunAsNonRoot: ptr.To(false)}
	}))
	equal(t, "runAsNonRoot", *pod.Spec.SecurityContext.RunAsNonRoot, false)
}
