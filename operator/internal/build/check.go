package build

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
	"github.com/gopherlocks/gopherlocks/operator/internal/agentapi"
	"github.com/gopherlocks/gopherlocks/operator/internal/fluxconf"
)

// role is what a container is for.
type role int

const (
	fluxRank  role = iota // runs the rank, with Flux
	plainRank             // runs the rank, without Flux
	side                  // runs beside the rank
	service               // runs in the pod of services
)

// roleOf returns the role of the container of spec.containers at index.
func roleOf(mc *api.MiniCluster, index int) role {
	switch {
	case index != rankIndex(mc):
		return side
	case FluxEnabled(mc):
		return fluxRank
	}
	return plainRank
}

// containerPath names a container in errors. list is "containers" or "services".
func containerPath(list string, index int) string { return fmt.Sprintf("%s[%d]", list, index) }

// Check returns what is wrong with the MiniCluster beyond what the API refuses by
// its own rules; the builders of Job and services return it too.
func Check(mc *api.MiniCluster) error {
	spec := mc.Spec
	if len(spec.Containers) == 0 {
		return errors.New("containers: there is none; add the one that runs the ranks")
	}
	errs := []error{checkPod(mc), checkNames(mc), checkCurve(mc)}
	for i, c := range spec.Containers {
		errs = append(errs, checkContainer(containerPath("containers", i), c, roleOf(mc, i), viewPath(mc)))
		if FluxEnabled(mc) {
			errs = append(errs, checkPorts(containerPath("containers", i), c.Ports))
		}
	}
	for i, c := range spec.Services {
		errs = append(errs, checkContainer(containerPath("services", i), c, service, ""))
	}
	return errors.Join(errs...)
}

// checkPod refuses options that contradict each other or lack a part.
func checkPod(mc *api.MiniCluster) error {
	spec := mc.Spec
	var errs []error
	if spec.Pod.HostPID && spec.ShareProcessNamespace {
		errs = append(errs, errors.New("shareProcessNamespace: true contradicts pod.hostPID: true; set one of them"))
	}
	return errors.Join(append(errs, checkWithoutFlux(mc))...)
}

// checkWithoutFlux refuses what only an instance of Flux can do. What flux holds
// besides is how it would be set up, and may stay.
func checkWithoutFlux(mc *api.MiniCluster) error {
	if FluxEnabled(mc) {
		return nil
	}
	spec := mc.Spec
	var errs []error
	for _, f := range []struct {
		set    bool
		field  string
		reason string
	}{
		{spec.Interactive, "interactive: true", "there is no instance to enter"},
		{tasks(mc) > 1, fmt.Sprintf("tasks: %d", tasks(mc)), "each rank runs the command once"},
		{spec.Archive != api.Archive{}, "archive", "there is no instance to keep"},
	} {
		if f.set {
			errs = append(errs, fmt.Errorf("%s: %s with flux.enabled: false; remove one of them", f.field, f.reason))
		}
	}
	return errors.Join(errs...)
}

// checkCurve refuses a certificate of the user's that no broker would take.
func checkCurve(mc *api.MiniCluster) error {
	if mc.Spec.Flux.CurveCert == "" || !FluxEnabled(mc) {
		return nil
	}
	if err := fluxconf.CheckCurve(mc.Spec.Flux.CurveCert); err != nil {
		return fmt.Errorf("flux.curveCert: %w", err)
	}
	return nil
}

// checkNames refuses names that are taken.
func checkNames(mc *api.MiniCluster) error {
	var errs []error
	taken := map[string]string{}
	claim := func(field, name, owner string) {
		if by, found := taken[name]; found {
			errs = append(errs, fmt.Errorf("%s: the name %q is taken by %s; choose another", field, name, by))
		}
		taken[name] = owner
	}
	claim("", AgentContainerName, "the container that installs the agent")
	if FluxEnabled(mc) && viewPath(mc) != "" {
		claim("flux.container.name", viewContainerName(mc), "flux.container")
	}
	rank := rankIndex(mc)
	claim(containerPath("containers", rank)+".name", RankContainerName(mc), containerPath("containers", rank)+", which runs the rank")
	for i, c := range mc.Spec.Containers {
		if i == rank {
			continue
		}
		if c.Name == "" {
			errs = append(errs, fmt.Errorf("%s.name: the container needs a name, since it does not run the rank", containerPath("containers", i)))
		} else {
			claim(containerPath("containers", i)+".name", c.Name, containerPath("containers", i))
		}
	}
	if host := ServicesName(mc.Name); len(mc.Spec.Services) > 0 && len(host) > validation.DNS1123LabelMaxLength {
		errs = append(errs, fmt.Errorf("services: their host name %s has %d characters and must have at most %d; give the MiniCluster a shorter name",
			host, len(host), validation.DNS1123LabelMaxLength))
	}
	return errors.Join(errs...)
}

// checkPorts refuses ports that the agent and the broker listen on.
func checkPorts(at string, ports []int32) error {
	var errs []error
	for _, port := range ports {
		switch port {
		case agentapi.BrokerPort, agentapi.AgentPort, agentapi.HealthPort:
			errs = append(errs, fmt.Errorf("%s.ports: port %d is one of %d to %d, which ranks of Flux use themselves; choose another",
				at, port, agentapi.BrokerPort, agentapi.HealthPort))
		}
	}
	return errors.Join(errs...)
}

func checkContainer(at string, c api.Container, r role, view string) error {
	return errors.Join(checkMeaning(at, c, r), checkVolumes(at, c, r, view))
}

// checkMeaning refuses fields that mean something else for a container's role. What
// does nothing there is told by Adaptations.
func checkMeaning(at string, c api.Container, r role) error {
	const byFlux = "only the container that runs Flux has it"
	var errs []error
	for _, f := range []struct {
		set    bool
		field  string
		reason string
	}{
		{r != fluxRank && c.Launcher, "launcher", byFlux},
		{r != fluxRank && c.Batch, "batch", byFlux},
		{r != fluxRank && c.BatchRaw, "batchRaw", byFlux},
		{r != fluxRank && c.Commands.Script != "", "commands.script", byFlux + "; use command, which may have several lines"},
	} {
		if f.set {
			errs = append(errs, fmt.Errorf("%s.%s: %s", at, f.field, f.reason))
		}
	}
	return errors.Join(errs...)
}

// checkVolumes refuses names and places that are ours or used twice.
func checkVolumes(at string, c api.Container, r role, view string) error {
	places := map[string]string{}
	var errs []error
	for _, name := range sortedKeys(c.Volumes) {
		field := fmt.Sprintf("%s.volumes[%s]", at, name)
		if problems := validation.IsDNS1123Label(name); len(problems) > 0 {
			errs = append(errs, fmt.Errorf("%s: the name of a volume must be a DNS label: %s", field, strings.Join(problems, "; ")))
		}
		if strings.HasPrefix(name, VolumePrefix) {
			errs = append(errs, fmt.Errorf("%s: names of volumes that begin with %q are ours; choose another", field, VolumePrefix))
		}
		place := placeOf(c.Volumes[name])
		by, found := places[place]
		switch {
		case slices.Contains(OurPlaces(), place):
			by, found = "the operator", true
		case r == fluxRank && view != "" && samePlace(place, view):
			by, found = "flux.container.mountPath", true
		}
		if found {
			errs = append(errs, fmt.Errorf("%s.path: %s is taken by %s; choose another", field, place, by))
		}
		places[place] = "the volume " + name
	}
	return errors.Join(errs...)
}
