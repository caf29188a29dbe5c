package build

import (
	"errors"
	"fmt"
	"path"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
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
	errs := []error{checkPod(mc), checkNames(mc), checkCurve(mc), checkShared("containers", spec.Containers), checkShared("services", spec.Services)}
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
	if spec.Pod.DNSPolicy == corev1.DNSNone {
		errs = append(errs, errors.New("pod.dnsPolicy: None needs a list of name servers, which a MiniCluster cannot have, and ranks find each other by the cluster's DNS; use ClusterFirst"))
	}
	if spec.Pod.DNSPolicy == corev1.DNSDefault && FluxEnabled(mc) && spec.Flux.BrokerConfig == "" {
		errs = append(errs, errors.New("pod.dnsPolicy: Default resolves no host name of a rank, which brokers need; use ClusterFirst"))
	}
	if spec.Pod.HostPID && spec.ShareProcessNamespace {
		errs = append(errs, errors.New("shareProcessNamespace: true contradicts pod.hostPID: true; set one of them"))
	}
	return errors.Join(append(errs, checkWithoutFlux(spec))...)
}

// checkWithoutFlux refuses what only an instance of Flux can do. What flux holds
// besides is how it would be set up, and may stay.
func checkWithoutFlux(spec api.MiniClusterSpec) error {
	if spec.Flux.Enabled == nil || *spec.Flux.Enabled {
		return nil
	}
	var errs []error
	for _, f := range []struct {
		set    bool
		field  string
		reason string
	}{
		{spec.Interactive, "interactive: true", "there is no instance to enter"},
		{spec.Tasks > 1, fmt.Sprintf("tasks: %d", spec.Tasks), "each rank runs the command once"},
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
	claim("", agentContainerName, "the container that installs the agent")
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
	errs := []error{checkMeaning(at, c, r), checkVolumes(at, c, r, view)}
	for name := range c.Secrets {
		if _, both := c.Environment[name]; both {
			errs = append(errs, fmt.Errorf("%s.secrets: variable %s is in environment too; keep one of them", at, name))
		}
	}
	return errors.Join(errs...)
}

// checkMeaning refuses fields that mean nothing for a container's role: nothing
// that somebody has written is to be ignored.
func checkMeaning(at string, c api.Container, r role) error {
	const byFlux = "only the container that runs Flux has"
	wrapped := c.Commands.Init != "" || c.Commands.Pre != "" || c.Commands.ServicePre != "" || c.Commands.Post != ""
	var errs []error
	for _, f := range []struct {
		set    bool
		field  string
		reason string
	}{
		{r != fluxRank && c.Launcher, "launcher", byFlux + " it"},
		{r != fluxRank && c.Batch, "batch", byFlux + " it"},
		{r != fluxRank && c.BatchRaw, "batchRaw", byFlux + " it"},
		{r != fluxRank && c.Logs != "", "logs", byFlux + " it"},
		{r != fluxRank && c.Commands.BrokerPre != "", "commands.brokerPre", byFlux + " it; use commands.init"},
		{r != fluxRank && c.Commands.WorkerPre != "", "commands.workerPre", byFlux + " it; use commands.init"},
		{r != fluxRank && c.Commands.Prefix != "", "commands.prefix", byFlux + " it; put it before the command"},
		{r != fluxRank && c.Commands.Script != "", "commands.script", byFlux + " it; use command with sh -c '…'"},
		{r == fluxRank && c.Commands.Script != "" && !c.Batch, "commands.script", "it is the text of a batch script; set batch: true, or use command"},
		{r == fluxRank && c.Commands.ServicePre != "", "commands.servicePre", "the container that runs Flux has commands.pre instead"},
		{r == plainRank && c.Commands.ServicePre != "", "commands.servicePre", "the container that runs the rank has commands.pre instead"},
		{r == fluxRank && c.NoWrapEntrypoint, "noWrapEntrypoint", "the container that runs Flux needs the agent as its entrypoint"},
		{r != fluxRank && c.NoWrapEntrypoint && wrapped, "noWrapEntrypoint", "commands of the container are set, which need another entrypoint; remove one of them"},
	} {
		if f.set {
			errs = append(errs, fmt.Errorf("%s.%s: %s", at, f.field, f.reason))
		}
	}
	return errors.Join(errs...)
}

// checkShared refuses a volume to which containers of one pod give two sources: it
// is one volume for all that name it, and one of the sources would be ignored.
func checkShared(list string, containers []api.Container) error {
	var errs []error
	first := map[string]int{}
	for i, c := range containers {
		for _, name := range sortedKeys(c.Volumes) {
			j, known := first[name]
			if !known {
				first[name] = i
				continue
			}
			if !equality.Semantic.DeepEqual(sourceOf(c.Volumes[name]), sourceOf(containers[j].Volumes[name])) {
				errs = append(errs, fmt.Errorf("%s.volumes[%s]: %s gives this volume another source; give it the same here, or choose another name",
					containerPath(list, i), name, containerPath(list, j)))
			}
		}
	}
	return errors.Join(errs...)
}

// sourceOf leaves out of a volume where a container has it, and how.
func sourceOf(v api.Volume) api.Volume {
	v.Path, v.ReadOnly = "", false
	return v
}

// checkVolumes refuses names and places that are ours or used twice.
func checkVolumes(at string, c api.Container, r role, view string) error {
	places := map[string]string{}
	if r == fluxRank || r == plainRank {
		places[agentapi.Folder] = "the agent"
	}
	if r == fluxRank {
		places[agentapi.SecretFolder] = "the MiniCluster's Secret"
		places[stateFolder] = "the instance's state (see flux.stateDir)"
		if view != "" {
			places[path.Clean(view)] = "flux.container.mountPath"
		}
	}
	var errs []error
	for _, name := range sortedKeys(c.Volumes) {
		field := fmt.Sprintf("%s.volumes[%s]", at, name)
		if problems := validation.IsDNS1123Label(name); len(problems) > 0 {
			errs = append(errs, fmt.Errorf("%s: the name of a volume must be a DNS label: %s", field, strings.Join(problems, "; ")))
		}
		if strings.HasPrefix(name, volumePrefix) {
			errs = append(errs, fmt.Errorf("%s: names of volumes that begin with %q are ours; choose another", field, volumePrefix))
		}
		place := path.Clean(c.Volumes[name].Path)
		if by, found := places[place]; found {
			errs = append(errs, fmt.Errorf("%s.path: %s is taken by %s; choose another", field, place, by))
		}
		places[place] = "the volume " + name
	}
	return errors.Join(errs...)
}
