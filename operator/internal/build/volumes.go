package build

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
	"github.com/gopherlocks/gopherlocks/operator/internal/agentapi"
)

// VolumePrefix begins the names of our own volumes, and of no user's.
const VolumePrefix = "gopherlocks"

const (
	agentVolume  = VolumePrefix
	secretVolume = VolumePrefix + "-secret"
	viewVolume   = VolumePrefix + "-view"
	stateVolume  = VolumePrefix + "-state"
)

// agentFolderLimit bounds the memory that agentapi.Folder may take, of which it
// takes only what it holds: the agent's program of some 10 MB, the brokers' small
// files, and what jobs put into their FLUX_JOB_TMPDIR.
const agentFolderLimit = "1Gi"

const (
	// stateFolder is where the pod's own disk is mounted for the instance's state.
	stateFolder = "/var/lib/gopherlocks"
	// defaultStateDir is the state folder of an instance without flux.stateDir. It
	// ends with the pod. Without any, Flux keeps its store, which the output of all
	// jobs goes to, in its rundir, and that is in memory.
	// Source: content-sqlite of flux-core, which takes statedir or else rundir.
	defaultStateDir = stateFolder + "/flux"
)

// SharedMemory is where an emptyDir without a path is mounted, as the Flux Operator
// does: libraries of MPI look for shared memory there.
const SharedMemory = "/dev/shm"

// ourPlaces are those that no user's volume can have in any container.
var ourPlaces = []string{agentapi.Folder, agentapi.SecretFolder, stateFolder}

// OurPlaces are the paths that no user's volume can have, in both spellings.
func OurPlaces() []string {
	var paths []string
	for _, place := range ourPlaces {
		paths = append(paths, place, place+"/")
	}
	return paths
}

// placeOf returns where a container has the volume.
func placeOf(v api.Volume) string { return withDefault(v.Path, SharedMemory) }

// podVolumes are the users' volumes of a pod.
type podVolumes struct {
	volumes []*corev1ac.VolumeApplyConfiguration
	// names are those in the pod, by container and by the name that it has for them.
	names []map[string]string
}

// userVolumes returns the volumes that the containers of a pod ask for. Those of one
// name and one source are one volume. One with nothing but a path is the first of its
// name that has a source, or else an emptyDir. Of several sources, the first keeps the
// name.
func userVolumes(containers []api.Container) podVolumes {
	sources := map[string][]api.Volume{}
	taken := map[string]bool{}
	for _, c := range containers {
		for name, v := range c.Volumes {
			taken[name] = true
			if hasSource(v) && indexOfSource(sources[name], v) < 0 {
				sources[name] = append(sources[name], sourceOf(v))
			}
		}
	}
	var p podVolumes
	inPod := map[string][]string{}
	for _, name := range sortedKeys(taken) {
		if len(sources[name]) == 0 {
			sources[name] = []api.Volume{{}}
		}
		for i, source := range sources[name] {
			other := name
			if i > 0 {
				other = freeName(name, taken)
			}
			inPod[name] = append(inPod[name], other)
			p.volumes = append(p.volumes, userVolume(other, source))
		}
	}
	for _, c := range containers {
		names := map[string]string{}
		for name, v := range c.Volumes {
			names[name] = inPod[name][max(0, indexOfSource(sources[name], v))]
		}
		p.names = append(p.names, names)
	}
	return p
}

// freeName returns a name like name that is not taken, and takes it.
func freeName(name string, taken map[string]bool) string {
	for i := 2; ; i++ {
		suffix := fmt.Sprintf("-%d", i)
		free := strings.TrimRight(name[:min(len(name), validation.DNS1123LabelMaxLength-len(suffix))], "-") + suffix
		if !taken[free] {
			taken[free] = true
			return free
		}
	}
}

// sourceOf leaves out of a volume where a container has it, and how.
func sourceOf(v api.Volume) api.Volume {
	v.Path, v.ReadOnly = "", false
	return v
}

// hasSource tells whether a volume has more than a place.
func hasSource(v api.Volume) bool { return !equality.Semantic.DeepEqual(sourceOf(v), api.Volume{}) }

func indexOfSource(sources []api.Volume, v api.Volume) int {
	return slices.IndexFunc(sources, func(s api.Volume) bool { return equality.Semantic.DeepEqual(s, sourceOf(v)) })
}

func userVolume(name string, v api.Volume) *corev1ac.VolumeApplyConfiguration {
	volume := corev1ac.Volume().WithName(name)
	switch {
	case v.HostPath != "":
		volume.WithHostPath(corev1ac.HostPathVolumeSource().WithPath(v.HostPath))
	case v.ConfigMapName != "":
		volume.WithConfigMap(corev1ac.ConfigMapVolumeSource().WithName(v.ConfigMapName).WithItems(keyPaths(v.Items)...))
	case v.SecretName != "":
		volume.WithSecret(corev1ac.SecretVolumeSource().WithSecretName(v.SecretName).WithItems(keyPaths(v.Items)...))
	case v.ClaimName != "":
		volume.WithPersistentVolumeClaim(corev1ac.PersistentVolumeClaimVolumeSource().WithClaimName(v.ClaimName))
	case v.CSIDriver != "":
		csi := corev1ac.CSIVolumeSource().WithDriver(v.CSIDriver)
		if len(v.CSIDriverAttributes) > 0 {
			csi.WithVolumeAttributes(v.CSIDriverAttributes)
		}
		volume.WithCSI(csi)
	default:
		folder := corev1ac.EmptyDirVolumeSource()
		if strings.EqualFold(v.EmptyDirMedium, string(corev1.StorageMediumMemory)) {
			folder.WithMedium(corev1.StorageMediumMemory)
		}
		if v.EmptyDirSizeLimit != nil {
			folder.WithSizeLimit(*v.EmptyDirSizeLimit)
		}
		volume.WithEmptyDir(folder)
	}
	return volume
}

func keyPaths(items map[string]string) []*corev1ac.KeyToPathApplyConfiguration {
	var paths []*corev1ac.KeyToPathApplyConfiguration
	for _, key := range sortedKeys(items) {
		paths = append(paths, corev1ac.KeyToPath().WithKey(key).WithPath(items[key]))
	}
	return paths
}

// userMounts returns the places of a container's volumes, whose names in the pod are
// inPod.
func userMounts(c api.Container, inPod map[string]string) []*corev1ac.VolumeMountApplyConfiguration {
	var mounts []*corev1ac.VolumeMountApplyConfiguration
	for _, name := range sortedKeys(c.Volumes) {
		m := mount(inPod[name], placeOf(c.Volumes[name]))
		if c.Volumes[name].ReadOnly {
			m.WithReadOnly(true)
		}
		mounts = append(mounts, m)
	}
	return mounts
}

func mount(volume, path string) *corev1ac.VolumeMountApplyConfiguration {
	return corev1ac.VolumeMount().WithName(volume).WithMountPath(path)
}

// agentFolder returns the volume of agentapi.Folder.
func agentFolder() *corev1ac.VolumeApplyConfiguration {
	return corev1ac.Volume().WithName(agentVolume).WithEmptyDir(corev1ac.EmptyDirVolumeSource().
		WithMedium(corev1.StorageMediumMemory).
		WithSizeLimit(resource.MustParse(agentFolderLimit)))
}

// fluxVolumes returns the further volumes of a rank of Flux.
func fluxVolumes(mc *api.MiniCluster) []*corev1ac.VolumeApplyConfiguration {
	// The files belong to root, and the image's user may be another. No other container
	// has the volume.
	const allRead = 0o444
	volumes := []*corev1ac.VolumeApplyConfiguration{
		corev1ac.Volume().WithName(secretVolume).WithSecret(corev1ac.SecretVolumeSource().
			WithSecretName(SecretName(mc)).
			WithDefaultMode(allRead)),
		corev1ac.Volume().WithName(viewVolume).WithEmptyDir(corev1ac.EmptyDirVolumeSource()),
	}
	if mc.Spec.Flux.StateDir == "" {
		volumes = append(volumes, corev1ac.Volume().WithName(stateVolume).WithEmptyDir(corev1ac.EmptyDirVolumeSource()))
	}
	return volumes
}

// fluxMounts returns the places of our volumes in the container of a rank of Flux.
func fluxMounts(mc *api.MiniCluster) []*corev1ac.VolumeMountApplyConfiguration {
	mounts := []*corev1ac.VolumeMountApplyConfiguration{
		mount(agentVolume, agentapi.Folder),
		mount(secretVolume, agentapi.SecretFolder).WithReadOnly(true),
	}
	if mc.Spec.Flux.StateDir == "" {
		mounts = append(mounts, mount(stateVolume, stateFolder))
	}
	return append(mounts, viewMounts(mc)...)
}

// samePlace tells whether two paths are the same but for a slash at their ends.
func samePlace(a, b string) bool { return strings.TrimSuffix(a, "/") == strings.TrimSuffix(b, "/") }
