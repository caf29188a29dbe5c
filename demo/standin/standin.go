// Package standin makes MiniClusters of the stand-in for Flux, for clusters that can pull
// no image of Flux: for the demo of the queue, and for tests/e2e. Their nodes must see a
// folder of this machine. The ranks have flux from that folder, and everything else but
// the agent from their node, so that the image may be any.
package standin

import (
	"maps"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
)

// Mounted is where the ranks find the folder of the programs.
const Mounted = "/stand-in"

// Place is where the ranks run.
type Place struct {
	// Image is one that the nodes have.
	Image string
	// Programs is the folder of this machine that all nodes see, by the same path. It
	// holds the program flux. The instances keep their state there too.
	Programs string
	// Resolve follows the symbolic links of a path as the nodes have them. It returns ""
	// for a path that they do not have.
	Resolve func(path string) string
}

// InstanceFolder is the folder of an instance's state in that of the programs. It must
// be empty when the instance begins.
func InstanceFolder(name string) string { return "instance-" + name }

// MiniCluster is a MiniCluster of the spec, whose first container runs the stand-in.
func MiniCluster(namespace, name string, spec v1alpha2.MiniClusterSpec, at Place) *v1alpha2.MiniCluster {
	spec.Pod.SecurityContext = &corev1.PodSecurityContext{RunAsUser: ptr.To[int64](0)} // who owns the programs
	spec.Flux.Container.Disable = true
	spec.Flux.Environment = map[string]string{"FLUX_STANDIN_DIR": Mounted + "/" + InstanceFolder(name)}
	if len(spec.Containers) == 0 {
		spec.Containers = make([]v1alpha2.Container, 1)
	}
	rank := &spec.Containers[0]
	rank.Image = at.Image
	rank.Environment = map[string]string{"PATH": Mounted + ":/usr/bin:/bin"}
	rank.Resources.Requests = corev1.ResourceList{
		corev1.ResourceCPU: resource.MustParse("50m"), corev1.ResourceMemory: resource.MustParse("32Mi"),
	}
	volumes := map[string]v1alpha2.Volume{"programs": {HostPath: at.Programs, Path: Mounted}}
	for _, folder := range []string{"usr", "bin", "lib", "lib64"} {
		// Most are links into /usr, which a mount does not follow.
		if source := at.Resolve("/" + folder); source != "" {
			volumes[folder] = v1alpha2.Volume{HostPath: source, Path: "/" + folder, ReadOnly: true}
		}
	}
	maps.Copy(volumes, rank.Volumes)
	rank.Volumes = volumes
	return &v1alpha2.MiniCluster{
		TypeMeta:   metav1.TypeMeta{APIVersion: v1alpha2.GroupVersion.String(), Kind: v1alpha2.Kind},
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: namespace},
		Spec:       spec,
	}
}
