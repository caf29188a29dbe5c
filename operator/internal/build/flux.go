package build

import (
	"cmp"
	"slices"

	corev1 "k8s.io/api/core/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	"k8s.io/utils/ptr"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
	"github.com/gopherlocks/gopherlocks/operator/internal/agentapi"
)

const defaultViewImage = "ghcr.io/converged-computing/flux-view-rocky:tag-9"

// DefaultViewName and DefaultViewPath are defaults of flux.container.
const (
	DefaultViewName = "flux-view"
	DefaultViewPath = "/mnt/flux"
)

// FluxEnabled tells whether the ranks are an instance of Flux.
func FluxEnabled(mc *api.MiniCluster) bool { return ptr.Deref(mc.Spec.Flux.Enabled, true) }

// FluxContainer returns the container that runs the rank, with Flux or without:
// the one with runFlux, or else the first. It is nil without containers, which
// the API refuses.
func FluxContainer(mc *api.MiniCluster) *api.Container {
	if len(mc.Spec.Containers) == 0 {
		return nil
	}
	return &mc.Spec.Containers[rankIndex(mc)]
}

// rankIndex returns the index of FluxContainer in spec.containers.
func rankIndex(mc *api.MiniCluster) int {
	return max(0, slices.IndexFunc(mc.Spec.Containers, func(c api.Container) bool { return c.RunFlux }))
}

// RankContainerName returns the name of the rank's container in each pod.
func RankContainerName(mc *api.MiniCluster) string {
	if c := FluxContainer(mc); c != nil && c.Name != "" {
		return c.Name
	}
	return mc.Name
}

// viewPath returns where the view is mounted; empty without a view.
func viewPath(mc *api.MiniCluster) string {
	if mc.Spec.Flux.Container.Disable {
		return ""
	}
	return mountPath(mc)
}

// mountPath returns where the volume of the view is mounted. All containers of a rank's
// pod have it, also without a view: it holds the broker's socket, and files that users
// of the Flux Operator know. It is empty where the rank has a volume of its own there.
func mountPath(mc *api.MiniCluster) string {
	view := mc.Spec.Flux.Container
	place := withDefault(view.MountPath, DefaultViewPath)
	if view.Disable && hasVolumeAt(*FluxContainer(mc), place) {
		return ""
	}
	return place
}

// viewMounts returns the places of the view's volume in the rank's container. A rank
// that is not root cannot link the view to where its programs expect it.
func viewMounts(mc *api.MiniCluster) []*corev1ac.VolumeMountApplyConfiguration {
	place := mountPath(mc)
	if place == "" {
		return nil
	}
	mounts := []*corev1ac.VolumeMountApplyConfiguration{mount(viewVolume, place)}
	if viewPath(mc) != "" && runsAsOther(mc) {
		mounts = append(mounts,
			mount(viewVolume, agentapi.ViewLinks).WithSubPath(agentapi.MountedLinks),
			mount(viewVolume, agentapi.ViewSoftware).WithSubPath(agentapi.MountedSoftware))
	}
	return mounts
}

// runsAsOther tells whether the spec says that the rank's user is not root. What the
// container says counts before what the pod says.
func runsAsOther(mc *api.MiniCluster) bool {
	pod, own := mc.Spec.Pod.SecurityContext, FluxContainer(mc).SecurityContext
	if pod == nil {
		pod = &corev1.PodSecurityContext{}
	}
	user := cmp.Or(own.RunAsUser, pod.RunAsUser)
	other := cmp.Or(own.RunAsNonRoot, pod.RunAsNonRoot)
	return ptr.Deref(user, 0) != 0 || ptr.Deref(other, mc.Spec.Pod.Restricted)
}

func hasVolumeAt(c api.Container, place string) bool {
	for _, volume := range c.Volumes {
		if samePlace(placeOf(volume), place) {
			return true
		}
	}
	return false
}

func withDefault(text, byDefault string) string {
	if text == "" {
		return byDefault
	}
	return text
}
