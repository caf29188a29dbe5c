package build

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
)

func built(t *testing.T, c api.Container) corev1.Container {
	t.Helper()
	container, err := userContainer("name", c, userVolumes([]api.Container{c}).names[0], false)
	if err != nil {
		t.Fatal(err)
	}
	return decode[corev1.Container](t, container)
}

func TestContainerIsAsWritten(t *testing.T) {
	memory := corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("1Gi")}
	got := built(t, api.Container{
		Image: "image", PullAlways: true, WorkingDir: "/work", Ports: []int32{80, 8080, 80},
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
		Resources: corev1.ResourceRequirements{Limits: memory},
		Lifecycle: &corev1.Lifecycle{PostStart: hook("echo $$"), PreStop: hook("stop")},
	})
}

func TestImagesArePulledAsAskedFor(t *testing.T) {
	for _, c := range []struct {
		container api.Container
		want      corev1.PullPolicy
	}{
		{api.Container{Image: "image:latest"}, corev1.PullIfNotPresent},
		{api.Container{ImagePullPolicy: corev1.PullNever}, corev1.PullNever},
		{api.Container{ImagePullPolicy: corev1.PullNever, PullAlways: true}, corev1.PullAlways},
	} {
		equal(t, "policy", built(t, c.container).ImagePullPolicy, c.want)
	}
}

func TestPullSecretsComeOnce(t *testing.T) {
	got := decode[[]corev1.LocalObjectReference](t, pullSecrets([]api.Container{{ImagePullSecret: "b"}, {}, {ImagePullSecret: "a"}, {ImagePullSecret: "b"}}, "a", "c", ""))
	equal(t, "pull secrets", got, []corev1.LocalObjectReference{{Name: "a"}, {Name: "b"}, {Name: "c"}})
}
