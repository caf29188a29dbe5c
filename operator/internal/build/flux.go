package build

import (
	"slices"

	"k8s.io/utils/ptr"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
)

const (
	defaultViewImage = "ghcr.io/converged-computing/flux-view-rocky:tag-9"
	defaultViewName  = "flux-view"
	defaultViewPath  = "/mnt/flux"
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
	view := mc.Spec.Flux.Container
	if view.Disable {
		return ""
	}
	return withDefault(view.MountPath, defaultViewPath)
}

func withDefault(text, byDefault string) string {
	if text == "" {
		return byDefault
	}
	return text
}
