package queue

import (
	"maps"
	"slices"
	"testing"

	"github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
)

func TestCommandFindsTheFluxOfTheRank(t *testing.T) {
	for program, container := range map[string]v1alpha2.FluxContainer{
		"/mnt/flux/view/bin/flux": {}, "/opt/flux/view/bin/flux": {MountPath: "/opt/flux"}, "flux": {Disable: true, MountPath: "/opt/flux"},
	} {
		m := &v1alpha2.MiniCluster{}
		m.Spec.Flux.Container = container
		want := []string{"env", "FLUX_URI=local:///gopherlocks/run/local", program, "jobs", "-a"}
		if got := commandIn(m, []string{"jobs", "-a"}); !slices.Equal(got, want) {
			t.Errorf("%+v: %q, want %q", container, got, want)
		}
	}
}

func TestStandInIsNotCalledFlux(t *testing.T) {
	for said, want := range map[string]string{
		"commands:    \t\t0.88.0-59-g4a5e79f56\nlibflux-core:\t\t0.88.0\nbuild-options:\t\t+hwloc==2.9.0\n": "Flux 0.88.0-59-g4a5e79f56",
		"commands:    \t\t0.88.0\nlibflux-core:\t\t0.88.0\nbuild-options:\t\t+stand-in\n":                   "the stand-in for Flux 0.88.0, which is not Flux",
		"": "Flux of an unknown version",
	} {
		if got := describe(said); got != want {
			t.Errorf("%q is described as %q, want %q", said, got, want)
		}
	}
}

func TestStatusesAreReadByID(t *testing.T) {
	want := map[string]string{"ƒA": "RUN", "ƒB": "COMPLETED"}
	if got := parseStatuses("ƒA RUN\nƒB COMPLETED\n\n"); !maps.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
