package build

import (
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
	"github.com/gopherlocks/gopherlocks/operator/internal/agentapi"
	"github.com/gopherlocks/gopherlocks/operator/internal/fluxconf"
)

// AgentContainerName is the name of the init container that installs the agent. No
// other container has it.
const AgentContainerName = "gopherlocks-agent"

// agentUser is whom the agent is installed by: anybody but root.
const agentUser = 65532

// rankPod is what a rank's pod consists of because of what it runs.
type rankPod struct {
	init    []*corev1ac.ContainerApplyConfiguration
	rank    *corev1ac.ContainerApplyConfiguration
	volumes []*corev1ac.VolumeApplyConfiguration
}

// buildRank returns the parts of a pod that run its rank. volumes are the users'.
func buildRank(mc *api.MiniCluster, volumes podVolumes, size, ceiling int32, s Settings) (rankPod, error) {
	if FluxEnabled(mc) {
		return buildFluxRank(mc, volumes, size, ceiling, s)
	}
	return buildPlainRank(mc, volumes, s)
}

// buildFluxRank: the agent is the entrypoint, and starts the broker.
func buildFluxRank(mc *api.MiniCluster, volumes podVolumes, size, ceiling int32, s Settings) (rankPod, error) {
	if s.AgentImage == "" {
		return rankPod{}, errNoAgentImage
	}
	config, err := configValue(mc, size, ceiling)
	if err != nil {
		return rankPod{}, err
	}
	user := *FluxContainer(mc)
	rank, err := userContainer(RankContainerName(mc), user, volumes.names[rankIndex(mc)], mc.Spec.Pod.Restricted)
	if err != nil {
		return rankPod{}, err
	}
	rank.WithCommand(agentapi.Program, "rank").
		WithEnv(userEnvironment(user.Secrets,
			fluxconf.SchedulerEnvironment(mc.Spec.Flux.Scheduler.Simple), mc.Spec.Flux.Environment, user.Environment)...).
		WithEnv(rankEnvironment(mc)...).
		WithEnv(corev1ac.EnvVar().WithName(agentapi.ConfigVariable).WithValue(config)).
		WithPorts(
			containerPort("broker", agentapi.BrokerPort),
			containerPort("agent", agentapi.AgentPort),
			containerPort("health", agentapi.HealthPort)).
		WithVolumeMounts(fluxMounts(mc)...).
		WithReadinessProbe(readinessProbe())
	installer, err := agentInstaller(mc, s)
	if err != nil {
		return rankPod{}, err
	}
	pod := rankPod{
		init:    []*corev1ac.ContainerApplyConfiguration{installer},
		rank:    rank,
		volumes: append([]*corev1ac.VolumeApplyConfiguration{agentFolder()}, fluxVolumes(mc)...),
	}
	if viewPath(mc) != "" {
		view, err := viewCopier(mc)
		if err != nil {
			return rankPod{}, err
		}
		pod.init = append(pod.init, view)
	}
	return pod, nil
}

// buildPlainRank: the agent runs the command, so that a rank that is stopped
// never exits with 0. Without a command there is nothing for it to run: the image
// starts as it would anywhere.
func buildPlainRank(mc *api.MiniCluster, volumes podVolumes, s Settings) (rankPod, error) {
	user := *FluxContainer(mc)
	command := directCommand(user, besideRank(mc))
	rank, err := userContainer(RankContainerName(mc), user, volumes.names[rankIndex(mc)], mc.Spec.Pod.Restricted)
	if err != nil {
		return rankPod{}, err
	}
	rank.WithEnv(userEnvironment(user.Secrets, user.Environment)...).
		WithEnv(rankEnvironment(mc)...)
	if len(command) == 0 || user.NoWrapEntrypoint {
		setCommand(rank, command, user.NoWrapEntrypoint)
		return rankPod{rank: rank}, nil
	}
	if s.AgentImage == "" {
		return rankPod{}, errNoAgentImage
	}
	installer, err := agentInstaller(mc, s)
	if err != nil {
		return rankPod{}, err
	}
	rank.WithCommand(append([]string{agentapi.Program, "plain", "--"}, command...)...).
		WithVolumeMounts(mount(agentVolume, agentapi.Folder))
	return rankPod{
		init:    []*corev1ac.ContainerApplyConfiguration{installer},
		rank:    rank,
		volumes: []*corev1ac.VolumeApplyConfiguration{agentFolder()},
	}, nil
}

var errNoAgentImage = errors.New("the operator does not know the agent's image: it must be told when it starts")

// agentInstaller copies the agent to where the rank's container finds it.
func agentInstaller(mc *api.MiniCluster, s Settings) (*corev1ac.ContainerApplyConfiguration, error) {
	security, err := hardened(api.SecurityContext{}, true)
	if err != nil {
		return nil, err
	}
	container := corev1ac.Container().
		WithName(AgentContainerName).
		WithImage(s.AgentImage).
		WithImagePullPolicy(corev1.PullIfNotPresent).
		WithArgs("install", agentapi.Program).
		WithVolumeMounts(mount(agentVolume, agentapi.Folder)).
		WithSecurityContext(security.
			// Whatever the pod's security context says of its containers.
			WithRunAsNonRoot(true).
			WithRunAsUser(agentUser).
			WithReadOnlyRootFilesystem(true))
	if r := resources(initResources(mc)); r != nil {
		container.WithResources(r)
	}
	return container, nil
}

// viewCopier copies Flux out of the view's image. The agent does it, which by
// then is installed.
func viewCopier(mc *api.MiniCluster) (*corev1ac.ContainerApplyConfiguration, error) {
	view := mc.Spec.Flux.Container
	security, err := hardened(view.SecurityContext, mc.Spec.Pod.Restricted)
	if err != nil {
		return nil, fmt.Errorf("flux.container.%w", err)
	}
	container := corev1ac.Container().
		WithName(viewContainerName(mc)).
		WithImage(withDefault(view.Image, defaultViewImage)).
		WithImagePullPolicy(pullPolicy(view.PullAlways, view.ImagePullPolicy)).
		WithCommand(agentapi.Program, "copy-view", viewPath(mc)).
		WithVolumeMounts(
			mount(agentVolume, agentapi.Folder).WithReadOnly(true),
			mount(viewVolume, viewPath(mc))).
		WithSecurityContext(security)
	if view.WorkingDir != "" {
		container.WithWorkingDir(view.WorkingDir)
	}
	wish := view.Resources
	if len(wish.Requests) == 0 && len(wish.Limits) == 0 {
		wish = initResources(mc)
	}
	if r := resources(wish); r != nil {
		container.WithResources(r)
	}
	return container, nil
}

func viewContainerName(mc *api.MiniCluster) string {
	return withDefault(mc.Spec.Flux.Container.Name, DefaultViewName)
}

// initResources returns CPU and memory of the rank's container, for init
// containers. Kubernetes sets aside for a pod the larger of what its containers
// and what an init container requests, so that this costs nothing, keeps the pod's
// quality-of-service class (and with Guaranteed its own cores), and passes quotas
// that the rank passes. A HorizontalPodAutoscaler does not look at it.
// Source: calculatePodRequestsFromContainers of Kubernetes' podautoscaler.
func initResources(mc *api.MiniCluster) api.Resources {
	user := FluxContainer(mc).Resources
	only := func(list corev1.ResourceList) corev1.ResourceList {
		kept := corev1.ResourceList{}
		for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory} {
			if quantity, found := list[name]; found {
				kept[name] = quantity
			}
		}
		return kept
	}
	return api.Resources{Requests: only(user.Requests), Limits: only(user.Limits)}
}

// readinessProbe asks the agent whether the broker is up. Every second, since a
// broker is up one second after its start: it is the kubelet that asks, and the
// API server only hears of changes. Three failures of at most 3 s each, since a
// rank that computes on all cores may answer late, and a flapping rank does cost
// writes to the API server.
//
// There is no liveness probe: the agent is what restarts a broker, with the pod's
// jobs alive as long as can be; a kubelet that restarts the container would kill
// them because the node is busy. Nor a startup probe: a follower may wait for its
// lead without end.
func readinessProbe() *corev1ac.ProbeApplyConfiguration {
	return corev1ac.Probe().
		WithHTTPGet(corev1ac.HTTPGetAction().
			WithPath("/readyz").
			WithPort(intstr.FromInt32(agentapi.HealthPort))).
		WithPeriodSeconds(1).
		WithTimeoutSeconds(3).
		WithFailureThreshold(3)
}

// rankContainers returns the containers of a rank's pod, in the order of the spec.
func rankContainers(mc *api.MiniCluster, volumes podVolumes, rank *corev1ac.ContainerApplyConfiguration) ([]*corev1ac.ContainerApplyConfiguration, error) {
	var containers []*corev1ac.ContainerApplyConfiguration
	for i, c := range mc.Spec.Containers {
		if i == rankIndex(mc) {
			containers = append(containers, rank)
			continue
		}
		container, err := sideContainer(c, volumes.names[i], mc.Spec.Pod.Restricted, besideRank(mc))
		if err != nil {
			return nil, fmt.Errorf("%s.%w", containerPath("containers", i), err)
		}
		if place := mountPath(mc); FluxEnabled(mc) && place != "" && !hasVolumeAt(c, place) {
			container.WithVolumeMounts(mount(viewVolume, place))
		}
		containers = append(containers, container.WithEnv(rankEnvironment(mc)...))
	}
	return containers, nil
}
