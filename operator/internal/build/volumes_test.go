package build

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
)

func TestSourcesOfVolumes(t *testing.T) {
	items := map[string]string{"b": "dir/b", "a": "dir/a"}
	paths := []corev1.KeyToPath{{Key: "a", Path: "dir/a"}, {Key: "b", Path: "dir/b"}}
	limit := resource.MustParse("2Gi")
	for what, c := range map[string]struct {
		volume api.Volume
		want   corev1.VolumeSource
	}{
		"hostPath":  {api.Volume{HostPath: "/data"}, corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/data"}}},
		"claim":     {api.Volume{ClaimName: "claim"}, corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "claim"}}},
		"configMap": {api.Volume{ConfigMapName: "map"}, corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: "map"}}}},
		"items of a configMap": {api.Volume{ConfigMapName: "map", Items: items}, corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{
			LocalObjectReference: corev1.LocalObjectReference{Name: "map"}, Items: paths,
		}}},
		"items of a secret": {api.Volume{SecretName: "s", Items: items}, corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "s", Items: paths}}},
		"emptyDir":          {api.Volume{EmptyDir: true}, corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}},
		"emptyDir in memory": {api.Volume{EmptyDir: true, EmptyDirMedium: "memory", EmptyDirSizeLimit: &limit}, corev1.VolumeSource{
			EmptyDir: &corev1.EmptyDirVolumeSource{Medium: corev1.StorageMediumMemory, SizeLimit: &limit},
		}},
		"csi": {api.Volume{CSIDriver: "driver", CSIDriverAttributes: map[string]string{"k": "v"}}, corev1.VolumeSource{
			CSI: &corev1.CSIVolumeSource{Driver: "driver", VolumeAttributes: map[string]string{"k": "v"}},
		}},
	} {
		equal(t, what, decode[corev1.Volume](t, userVolume("v", c.volume)), corev1.Volume{Name: "v", VolumeSource: c.want})
	}
}

func TestOneNameIsOneVolume(t *testing.T) {
	got := decode[[]corev1.Volume](t, userVolumes([]api.Container{
		{Volumes: map[string]api.Volume{"b": {ClaimName: "claim"}, "a": {HostPath: "/a"}}},
		{Volumes: map[string]api.Volume{"b": {ClaimName: "claim", ReadOnly: true}, "c": {HostPath: "/c"}}},
	}))
	equal(t, "volumes", len(got), 3)
	equal(t, "order", []string{got[0].Name, got[1].Name, got[2].Name}, []string{"a", "b", "c"})
	equal(t, "source", got[1].PersistentVolumeClaim.ClaimName, "claim")
}

func TestEachContainerHasItsOwnMounts(t *testing.T) {
	pod := builtPod(t, with(sample(), func(s *api.MiniClusterSpec) {
		s.Containers[0].RunFlux = true
		s.Containers[0].Volumes = map[string]api.Volume{"data": {Path: "/data", ClaimName: "claim"}}
		s.Containers = append(s.Containers,
			api.Container{Name: "reader", Image: "i", Volumes: map[string]api.Volume{"data": {Path: "/in", ClaimName: "claim", ReadOnly: true}}},
			api.Container{Name: "other", Image: "i"})
	}))
	equal(t, "rank", container(t, pod, "sample").VolumeMounts[0], corev1.VolumeMount{Name: "data", MountPath: "/data"})
	equal(t, "reader", container(t, pod, "reader").VolumeMounts, []corev1.VolumeMount{{Name: "data", MountPath: "/in", ReadOnly: true}})
	equal(t, "other", len(container(t, pod, "other").VolumeMounts), 0)
	equal(t, "volumes", len(pod.Spec.Volumes), 5)
}
