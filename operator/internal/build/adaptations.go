package build

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
	"github.com/gopherlocks/gopherlocks/operator/internal/agentapi"
	"github.com/gopherlocks/gopherlocks/operator/internal/argv"
)

// Adaptations returns what of the spec is not done as it says, since an elastic
// instance cannot, and what is done instead. It does no harm: what would mean something
// else is refused. Somebody who comes from the Flux Operator is to hear of it once.
func Adaptations(mc *api.MiniCluster) []string {
	told := append(fluxAdaptations(mc), podAdaptations(mc)...)
	for i, c := range mc.Spec.Containers {
		told = append(told, containerAdaptations(containerPath("containers", i), c, roleOf(mc, i))...)
		if i != rankIndex(mc) && len(c.Ports) > 0 && !hasService(mc, c) {
			told = append(told, fmt.Sprintf("containers[%d].ports: no Service can have the name %s; the ranks' host names reach them", i, c.Name))
		}
	}
	for i, c := range mc.Spec.Services {
		told = append(told, containerAdaptations(containerPath("services", i), c, service)...)
	}
	told = append(told, volumeAdaptations("containers", mc.Spec.Containers)...)
	return append(told, volumeAdaptations("services", mc.Spec.Services)...)
}

// adaptation is told where it is so.
type adaptation struct {
	is   bool
	text string
}

func tell(adaptations []adaptation) []string {
	var told []string
	for _, a := range adaptations {
		if a.is {
			told = append(told, a.text)
		}
	}
	return told
}

func fluxAdaptations(mc *api.MiniCluster) []string {
	flux := mc.Spec.Flux
	return tell([]adaptation{
		{flux.MinimalService, "flux.minimalService: every rank has a host name all the same, since ranks come and go"},
		{flux.DisableSocket, "flux.disableSocket: the broker's socket is " + agentapi.Socket + " all the same"},
		{flux.CompleteWorkers, "flux.completeWorkers: a follower that fails is started again, and all end with the lead"},
		{flux.Arch != "", "flux.arch: the images decide"},
	})
}

func podAdaptations(mc *api.MiniCluster) []string {
	pod := mc.Spec.Pod
	return tell([]adaptation{
		{
			pod.RestartPolicy != "" && pod.RestartPolicy != string(corev1.RestartPolicyNever),
			"pod.restartPolicy: brokers are started again in their pod, and the Job replaces pods",
		},
		{len(pod.Resources) > 0, "pod.resources: the resources of the containers count"},
		{dnsPolicy(mc) != pod.DNSPolicy, fmt.Sprintf("pod.dnsPolicy: %s in place of %s, since ranks find each other by the cluster's DNS", dnsPolicy(mc), pod.DNSPolicy)},
	})
}

// containerAdaptations tells of fields that do nothing for a container's role.
func containerAdaptations(at string, c api.Container, r role) []string {
	const byFlux = "does nothing here: it is for the container that runs Flux"
	unsplit := false
	if _, err := argv.Split(c.Command); err != nil {
		unsplit = true
	}
	told := tell([]adaptation{
		{r != fluxRank && c.Logs != "", "logs " + byFlux},
		{r != fluxRank && c.Commands.BrokerPre != "", "commands.brokerPre " + byFlux},
		{r != fluxRank && c.Commands.WorkerPre != "", "commands.workerPre " + byFlux},
		{r != fluxRank && c.Commands.Prefix != "", "commands.prefix " + byFlux},
		{r == fluxRank && c.Commands.ServicePre != "", "commands.servicePre does nothing here: the container that runs Flux has commands.pre"},
		{r == fluxRank && c.NoWrapEntrypoint, "noWrapEntrypoint does nothing here: the agent is the entrypoint where Flux runs"},
		{r != fluxRank && c.NoWrapEntrypoint && hasLines(c), "noWrapEntrypoint leaves out the commands of this container"},
		{r != fluxRank && c.NoWrapEntrypoint && unsplit, "command is split at white space: with noWrapEntrypoint no shell reads it"},
	})
	for _, name := range sortedKeys(c.Secrets) {
		if _, both := c.Environment[name]; both {
			told = append(told, "environment."+name+" is that of secrets")
		}
	}
	for i := range told {
		told[i] = at + "." + told[i]
	}
	return told
}

// volumeAdaptations tells of volumes of the containers of one pod that are not what
// they may seem to be.
func volumeAdaptations(list string, containers []api.Container) []string {
	var told []string
	volumes := userVolumes(containers)
	sourced := map[string]bool{}
	for _, c := range containers {
		for name, v := range c.Volumes {
			sourced[name] = sourced[name] || hasSource(v)
		}
	}
	for i, c := range containers {
		for _, name := range sortedKeys(c.Volumes) {
			at := fmt.Sprintf("%s.volumes[%s]", containerPath(list, i), name)
			if !sourced[name] {
				told = append(told, at+" has no source: it is an emptyDir, which ends with its pod")
			}
			if volumes.names[i][name] != name {
				told = append(told, at+" has another source than another container's of this name: each has its own")
			}
		}
	}
	return told
}

// asksForBursting tells whether more is said of bursting than what programs with the
// Flux Operator's types send, and its API server fills in.
func asksForBursting(b *api.Bursting) bool {
	return b != nil && (b.LeadBroker.Address != "" || b.LeadBroker.Name != "" || b.Hostlist != "" || len(b.Clusters) > 0)
}
