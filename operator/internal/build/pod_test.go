package build

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
)

func TestRanksPodHasNothingThatItDoesNotAskFor(t *testing.T) {
	for _, mc := range []*api.MiniCluster{sample(), plainSample()} {
		spec := builtPod(t, mc).Spec
		if *spec.AutomountServiceAccountToken || *spec.EnableServiceLinks || spec.RestartPolicy != corev1.RestartPolicyNever {
			t.Errorf("pod %s", encode(t, spec))
		}
		equal(t, "seccomp", spec.SecurityContext.SeccompProfile.Type, corev1.SeccompProfileTypeRuntimeDefault)
	}
}

// TestNamesOfRanksResolve: with other policies brokers would not find each other.
func TestNamesOfRanksResolve(t *testing.T) {
	for _, c := range []struct {
		policy corev1.DNSPolicy
		change func(*api.MiniClusterSpec)
		want   corev1.DNSPolicy
	}{
		{corev1.DNSNone, func(*api.MiniClusterSpec) {}, corev1.DNSClusterFirst},
		{corev1.DNSNone, func(s *api.MiniClusterSpec) { s.Flux.Enabled = ptr.To(false) }, corev1.DNSClusterFirst},
		{corev1.DNSDefault, func(*api.MiniClusterSpec) {}, corev1.DNSClusterFirst},
		{corev1.DNSDefault, func(s *api.MiniClusterSpec) { s.Flux.BrokerConfig = "[x]" }, corev1.DNSDefault},
		{corev1.DNSDefault, func(s *api.MiniClusterSpec) { s.Flux.Enabled = ptr.To(false) }, corev1.DNSDefault},
		{"", func(*api.MiniClusterSpec) {}, ""},
	} {
		mc := with(with(sample(), c.change), func(s *api.MiniClusterSpec) { s.Pod.DNSPolicy = c.policy })
		equal(t, string(c.policy), builtPod(t, mc).Spec.DNSPolicy, c.want)
	}
}

func TestOptionsOfPods(t *testing.T) {
	mc := with(sample(), func(s *api.MiniClusterSpec) {
		s.ShareProcessNamespace = true
		s.Network.HeadlessName = "net"
		s.Pod = api.Pod{
			Annotations: map[string]string{"a": "1"}, ServiceAccountName: "account", AutomountServiceAccountToken: true,
			SchedulerName: "scheduler", RuntimeClassName: "class", NodeSelector: map[string]string{"n": "1"},
			Tolerations: []corev1.Toleration{{Key: "k", Operator: "Equal", Value: "v", Effect: "NoExecute", TolerationSeconds: ptr.To[int64](9)}},
			DNSPolicy:   corev1.DNSClusterFirstWithHostNet, HostIPC: true, TerminationGracePeriodSeconds: ptr.To[int64](90),
			SecurityContext: &corev1.PodSecurityContext{FSGroup: ptr.To[int64](7), Sysctls: []corev1.Sysctl{{Name: "kernel.shm_rmid_forced", Value: "1"}}},
		}
	})
	template := builtPod(t, mc)
	equal(t, "annotation", template.Annotations["a"], "1")
	got := template.Spec
	want := corev1.PodSpec{
		Subdomain: "net", ServiceAccountName: "account", AutomountServiceAccountToken: ptr.To(true),
		SchedulerName: "scheduler", RuntimeClassName: ptr.To("class"), NodeSelector: map[string]string{"n": "1"},
		Tolerations: mc.Spec.Pod.Tolerations, DNSPolicy: corev1.DNSClusterFirstWithHostNet,
		HostIPC: true, ShareProcessNamespace: ptr.To(true), TerminationGracePeriodSeconds: ptr.To[int64](90),
		RestartPolicy: corev1.RestartPolicyNever, EnableServiceLinks: ptr.To(false),
		SecurityContext: &corev1.PodSecurityContext{
			FSGroup: ptr.To[int64](7), Sysctls: []corev1.Sysctl{{Name: "kernel.shm_rmid_forced", Value: "1"}},
			SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
		},
		// Tested elsewhere.
		InitContainers: got.InitContainers, Containers: got.Containers, Volumes: got.Volumes, Affinity: got.Affinity,
	}
	equal(t, "pod", got, want)
	equal(t, "grace of the agent", toldConfig(t, mc, 2, 4).GraceSeconds, int64(90))
	host := builtPod(t, with(sample(), func(s *api.MiniClusterSpec) { s.Pod.HostPID = true }))
	equal(t, "hostPID", host.Spec.HostPID, true)
}

func TestSeccompProfileOfTheUserStays(t *testing.T) {
	pod := builtPod(t, with(sample(), func(s *api.MiniClusterSpec) {
		s.Pod.SecurityContext = &corev1.PodSecurityContext{SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeUnconfined}}
	}))
	equal(t, "seccomp", pod.Spec.SecurityContext.SeccompProfile.Type, corev1.SeccompProfileTypeUnconfined)
}

func TestLabelsOfOthersKeepTheirValues(t *testing.T) {
	mc := with(sample(), func(s *api.MiniClusterSpec) {
		s.JobLabels = map[string]string{"both": "job", "job": "1", "job-name": "x", api.LabelMiniCluster: "x"}
		s.Pod.Labels = map[string]string{"both": "pod", "pod": "1", "app": "mine", "batch.kubernetes.io/controller-uid": "x", api.LabelRole: "x"}
	})
	equal(t, "labels of pods", builtPod(t, mc).Labels, map[string]string{
		"both": "pod", "job": "1", "pod": "1",
		"app": "mine", "app.kubernetes.io/name": "sample", "namespace": "ns", "hpa-selector": "sample",
		api.LabelMiniCluster: "sample", api.LabelRole: api.RoleRank, api.LabelManagedBy: api.ManagedBy,
	})
	job, err := Job(mc, 2, 4, settings())
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "labels of the Job", job.Labels, map[string]string{
		"both": "job", "job": "1", "job-name": "x", api.LabelMiniCluster: "sample", api.LabelManagedBy: api.ManagedBy,
	})
	if len(mc.Spec.JobLabels) != 4 || mc.Spec.JobLabels[api.LabelMiniCluster] != "x" {
		t.Errorf("the MiniCluster has changed: %v", mc.Spec.JobLabels)
	}
}
