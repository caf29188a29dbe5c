package build

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/utils/ptr"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
)

func built(t *testing.T, c api.Container) corev1.Container {
	t.Helper()
	return decode[corev1.Container](t, userContainer("name", c))
}

func TestContainerIsAsWritten(t *testing.T) {
	memory := corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("1Gi")}
	got := built(t, api.Container{
		Image: "image", PullAlways: true, WorkingDir: "/work", Ports: []int32{80, 8080},
		Resources: api.Resources{Limits: memory},
		LifeCycle: api.LifeCycle{PostStartExec: "echo $$", PreStopExec: "stop"},
	})
	hook := func(line string) *corev1.LifecycleHandler {
		return &corev1.LifecycleHandler{Exec: &corev1.ExecAction{Command: []string{"/bin/sh", "-c", line}}}
	}
	equal(t, "container", got, corev1.Container{
		Name: "name", Image: "image", ImagePullPolicy: corev1.PullAlways, WorkingDir: "/work",
		Ports: []corev1.ContainerPort{
			{Name: "port-80", Protocol: corev1.ProtocolTCP, ContainerPort: 80},
			{Name: "port-8080", Protocol: corev1.ProtocolTCP, ContainerPort: 8080},
		},
		Resources:       corev1.ResourceRequirements{Limits: memory},
		Lifecycle:       &corev1.Lifecycle{PostStart: hook("echo $$"), PreStop: hook("stop")},
		SecurityContext: got.SecurityContext, // tested below
	})
}

func TestPrivilegesAreGivenWhereAskedFor(t *testing.T) {
	for _, c := range []struct {
		wish api.SecurityContext
		want corev1.SecurityContext
	}{
		{api.SecurityContext{}, corev1.SecurityContext{
			AllowPrivilegeEscalation: ptr.To(false), Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
		}},
		{api.SecurityContext{AddCapabilities: []corev1.Capability{"SYS_PTRACE"}}, corev1.SecurityContext{
			AllowPrivilegeEscalation: ptr.To(true),
			Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}, Add: []corev1.Capability{"SYS_PTRACE"}},
		}},
		{api.SecurityContext{Privileged: true, AddCapabilities: []corev1.Capability{"SYS_PTRACE"}}, corev1.SecurityContext{Privileged: ptr.To(true)}},
	} {
		equal(t, encode(t, c.wish), *built(t, api.Container{SecurityContext: c.wish}).SecurityContext, c.want)
	}
}

func TestImagesArePulledWhereMissing(t *testing.T) {
	equal(t, "policy", built(t, api.Container{Image: "image:latest"}).ImagePullPolicy, corev1.PullIfNotPresent)
}

func TestPullSecretsComeOnce(t *testing.T) {
	got := decode[[]corev1.LocalObjectReference](t, pullSecrets([]api.Container{{ImagePullSecret: "b"}, {}, {ImagePullSecret: "a"}, {ImagePullSecret: "b"}}, "a", "c", ""))
	equal(t, "pull secrets", got, []corev1.LocalObjectReference{{Name: "a"}, {Name: "b"}, {Name: "c"}})
}
