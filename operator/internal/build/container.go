package build

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
)

// userContainer returns what all containers of a MiniCluster have in common,
// whatever they run. volumes are the names of its volumes in the pod, and restricted is
// spec.pod.restricted.
func userContainer(name string, c api.Container, volumes map[string]string, restricted bool) (*corev1ac.ContainerApplyConfiguration, error) {
	security, err := securityContext(c.SecurityContext, restricted)
	if err != nil {
		return nil, err
	}
	container := corev1ac.Container().
		WithName(name).
		WithImage(c.Image).
		WithImagePullPolicy(pullPolicy(c.PullAlways, c.ImagePullPolicy)).
		WithVolumeMounts(userMounts(c, volumes)...)
	if security != nil {
		container.WithSecurityContext(security)
	}
	if c.WorkingDir != "" {
		container.WithWorkingDir(c.WorkingDir)
	}
	for _, port := range portsOf(c) {
		container.WithPorts(containerPort(portName(port), port))
	}
	if r := resources(c.Resources); r != nil {
		container.WithResources(r)
	}
	if l := lifecycle(c.LifeCycle); l != nil {
		container.WithLifecycle(l)
	}
	return container, nil
}

// sideContainer returns a container that runs beside the ranks, or in the pod of
// services. around is what its command finds.
func sideContainer(c api.Container, volumes map[string]string, restricted bool, around surroundings) (*corev1ac.ContainerApplyConfiguration, error) {
	container, err := userContainer(c.Name, c, volumes, restricted)
	if err != nil {
		return nil, err
	}
	container.WithEnv(userEnvironment(c.Secrets, c.Environment)...)
	setCommand(container, directCommand(c, around), c.NoWrapEntrypoint)
	return container, nil
}

// setCommand makes the container run command. Its image's entrypoint stays
// without one, and with keepEntrypoint, which then gets the command as arguments.
func setCommand(container *corev1ac.ContainerApplyConfiguration, command []string, keepEntrypoint bool) {
	if keepEntrypoint {
		container.WithArgs(command...)
	} else {
		container.WithCommand(command...)
	}
}

func pullPolicy(always bool, policy corev1.PullPolicy) corev1.PullPolicy {
	switch {
	case always:
		return corev1.PullAlways
	case policy != "":
		return policy
	}
	return corev1.PullIfNotPresent
}

// resources returns nil where nothing is requested or limited.
func resources(r api.Resources) *corev1ac.ResourceRequirementsApplyConfiguration {
	if len(r.Requests) == 0 && len(r.Limits) == 0 {
		return nil
	}
	requirements := corev1ac.ResourceRequirements()
	if len(r.Requests) > 0 {
		requirements.WithRequests(r.Requests)
	}
	if len(r.Limits) > 0 {
		requirements.WithLimits(r.Limits)
	}
	return requirements
}

// lifecycle returns nil without hooks. Kubernetes leaves dollar signs in their
// commands as they are.
func lifecycle(l api.LifeCycle) *corev1ac.LifecycleApplyConfiguration {
	if l.PostStartExec == "" && l.PreStopExec == "" {
		return nil
	}
	shell := func(line string) *corev1ac.LifecycleHandlerApplyConfiguration {
		return corev1ac.LifecycleHandler().WithExec(corev1ac.ExecAction().WithCommand("/bin/sh", "-c", line))
	}
	hooks := corev1ac.Lifecycle()
	if l.PostStartExec != "" {
		hooks.WithPostStart(shell(l.PostStartExec))
	}
	if l.PreStopExec != "" {
		hooks.WithPreStop(shell(l.PreStopExec))
	}
	return hooks
}

func containerPort(name string, port int32) *corev1ac.ContainerPortApplyConfiguration {
	return corev1ac.ContainerPort().WithName(name).WithProtocol(corev1.ProtocolTCP).WithContainerPort(port)
}

// portsOf returns the container's ports in the order of the spec, each once.
func portsOf(c api.Container) []int32 {
	var ports []int32
	for _, port := range c.Ports {
		if !slices.Contains(ports, port) {
			ports = append(ports, port)
		}
	}
	return ports
}

func portName(port int32) string { return fmt.Sprintf("port-%d", port) }

// pullSecrets returns the names of the Secrets that images are pulled with.
func pullSecrets(containers []api.Container, further ...string) []*corev1ac.LocalObjectReferenceApplyConfiguration {
	var names []string
	for _, c := range containers {
		names = append(names, c.ImagePullSecret)
	}
	names = append(names, further...)
	slices.Sort(names)
	var references []*corev1ac.LocalObjectReferenceApplyConfiguration
	for _, name := range slices.Compact(names) {
		if name != "" {
			references = append(references, corev1ac.LocalObjectReference().WithName(name))
		}
	}
	return references
}
