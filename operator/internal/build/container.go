package build

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
)

// userContainer returns what all containers of a MiniCluster have in common,
// whatever they run.
func userContainer(name string, c api.Container) *corev1ac.ContainerApplyConfiguration {
	container := corev1ac.Container().
		WithName(name).
		WithImage(c.Image).
		WithImagePullPolicy(pullPolicy(c.PullAlways)).
		WithVolumeMounts(userMounts(c)...).
		WithSecurityContext(securityContext(c.SecurityContext))
	if c.WorkingDir != "" {
		container.WithWorkingDir(c.WorkingDir)
	}
	for _, port := range c.Ports {
		container.WithPorts(containerPort(portName(port), port))
	}
	if r := resources(c.Resources); r != nil {
		container.WithResources(r)
	}
	if l := lifecycle(c.LifeCycle); l != nil {
		container.WithLifecycle(l)
	}
	return container
}

// sideContainer returns a container that runs beside the ranks, or in the pod of
// services. path names it in errors.
func sideContainer(path string, c api.Container, strict bool) (*corev1ac.ContainerApplyConfiguration, error) {
	container := userContainer(c.Name, c).WithEnv(userEnvironment(c.Secrets, c.Environment)...)
	command, err := directCommand(path, c, strict)
	if err != nil {
		return nil, err
	}
	setCommand(container, command, c.NoWrapEntrypoint)
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

func pullPolicy(always bool) corev1.PullPolicy {
	if always {
		return corev1.PullAlways
	}
	return corev1.PullIfNotPresent
}

// securityContext takes everything from a container that it does not ask for. Not
// "run as non-root": that is the image's choice, and images of Flux differ in it.
func securityContext(s api.SecurityContext) *corev1ac.SecurityContextApplyConfiguration {
	if s.Privileged {
		// Has all capabilities, and may not be kept from more privileges.
		return corev1ac.SecurityContext().WithPrivileged(true)
	}
	capabilities := corev1ac.Capabilities().WithDrop("ALL")
	if len(s.AddCapabilities) > 0 {
		capabilities.WithAdd(s.AddCapabilities...)
	}
	// The kernel's no_new_privs, which this sets, also keeps a program from
	// capabilities that its file gives it: whoever adds some wants those.
	return corev1ac.SecurityContext().
		WithAllowPrivilegeEscalation(len(s.AddCapabilities) > 0).
		WithCapabilities(capabilities)
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
