package build

import (
	"strings"
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
	}).volumes)
	equal(t, "volumes", len(got), 3)
	equal(t, "order", []string{got[0].Name, got[1].Name, got[2].Name}, []string{"a", "b", "c"})
	equal(t, "source", got[1].PersistentVolumeClaim.ClaimName, "claim")
}

// TestVolumeWithoutASource is the one of its name that has one, or else an emptyDir.
func TestVolumeWithoutASource(t *testing.T) {
	p := userVolumes([]api.Container{
		{Volumes: map[string]api.Volume{"data": {Path: "/data"}, "none": {Path: "/none"}}},
		{Volumes: map[string]api.Volume{"data": {Path: "/in", HostPath: "/host"}}},
	})
	got := decode[[]corev1.Volume](t, p.volumes)
	equal(t, "volumes", len(got), 2)
	equal(t, "data", got[0].HostPath.Path, "/host")
	if got[1].Name != "none" || got[1].EmptyDir == nil {
		t.Errorf("volume %s", encode(t, got[1]))
	}
	equal(t, "names", p.names, []map[string]string{{"data": "data", "none": "none"}, {"data": "data"}})
}

// TestOneNameWithTwoSources: each container has what it asks for.
func TestOneNameWithTwoSources(t *testing.T) {
	p := userVolumes([]api.Container{
		{Volumes: map[string]api.Volume{"data": {Path: "/data", ClaimName: "one"}}},
		{Volumes: map[string]api.Volume{"data": {Path: "/data", ClaimName: "two"}, "data-2": {Path: "/x", EmptyDir: true}}},
		{Volumes: map[string]api.Volume{"data": {Path: "/data", ClaimName: "two"}}},
	})
	claims := map[string]string{}
	for _, volume := range decode[[]corev1.Volume](t, p.volumes) {
		if claim := volume.PersistentVolumeClaim; claim != nil {
			claims[volume.Name] = claim.ClaimName
		}
	}
	equal(t, "claims", claims, map[string]string{"data": "one", "data-3": "two"})
	equal(t, "names", p.names, []map[string]string{{"data": "data"}, {"data": "data-3", "data-2": "data-2"}, {"data": "data-3"}})
	long := strings.Repeat("a", 63)
	if name := freeName(long, map[string]bool{}); len(name) != 63 || name == long {
		t.Errorf("name %s", name)
	}
}

func TestEmptyDirWithoutAPathIsSharedMemory(t *testing.T) {
	mc := with(sample(), func(s *api.MiniClusterSpec) {
		memory := map[string]api.Volume{"memory": {EmptyDir: true}}
		s.Containers[0].Volumes = memory
		s.Services = []api.Container{{Name: "db", Image: "i", Volumes: memory}}
	})
	services, err := ServicesPod(mc)
	if err != nil {
		t.Fatal(err)
	}
	want := corev1.VolumeMount{Name: "memory", MountPath: "/dev/shm"}
	equal(t, "rank", container(t, builtPod(t, mc), "sample").VolumeMounts[0], want)
	equal(t, "service", decode[corev1.PodTemplateSpec](t, services.Spec.Template).Spec.Containers[0].VolumeMounts[0], want)
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
	equal(t, "reader", container(t, pod, "reader").VolumeMounts, []corev1.VolumeMount{
		{Name: "data", MountPath: "/in", ReadOnly: true}, {Name: viewVolume, MountPath: "/mnt/flux"},
	})
	equal(t, "other", mountPaths(container(t, pod, "other")), []string{"/mnt/flux"})
	equal(t, "volumes", len(pod.Spec.Volumes), 5)
}
