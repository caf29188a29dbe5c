package build

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
	"github.com/gopherlocks/gopherlocks/operator/internal/agentapi"
)

// Names of our own volumes. What begins with volumePrefix is no user's.
const (
	volumePrefix = "gopherlocks"
	agentVolume  = volumePrefix
	secretVolume = volumePrefix + "-secret"
	viewVolume   = volumePrefix + "-view"
	stateVolume  = volumePrefix + "-state"
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

// userVolumes returns the volumes of all containers. A name that several use is
// one volume; Check has seen that they give it one source.
func userVolumes(containers []api.Container) []*corev1ac.VolumeApplyConfiguration {
	var volumes []*corev1ac.VolumeApplyConfiguration
	known := map[string]bool{}
	for _, c := range containers {
		for _, name := range sortedKeys(c.Volumes) {
			if !known[name] {
				known[name] = true
				volumes = append(volumes, userVolume(name, c.Volumes[name]))
			}
		}
	}
	return volumes
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

// userMounts returns the places of a container's volumes.
func userMounts(c api.Container) []*corev1ac.VolumeMountApplyConfiguration {
	var mounts []*corev1ac.VolumeMountApplyConfiguration
	for _, name := range sortedKeys(c.Volumes) {
		m := mount(name, c.Volumes[name].Path)
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
	const ownerReads = 0o400
	volumes := []*corev1ac.VolumeApplyConfiguration{
		corev1ac.Volume().WithName(secretVolume).WithSecret(corev1ac.SecretVolumeSource().
			WithSecretName(SecretName(mc)).
			WithDefaultMode(ownerReads)),
	}
	if mc.Spec.Flux.StateDir == "" {
		volumes = append(volumes, corev1ac.Volume().WithName(stateVolume).WithEmptyDir(corev1ac.EmptyDirVolumeSource()))
	}
	if viewPath(mc) != "" {
		volumes = append(volumes, corev1ac.Volume().WithName(viewVolume).WithEmptyDir(corev1ac.EmptyDirVolumeSource()))
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
	if path := viewPath(mc); path != "" {
		mounts = append(mounts, mount(viewVolume, path))
	}
	return mounts
}
