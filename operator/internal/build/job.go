package build

import (
	"fmt"
	"math"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	batchv1ac "k8s.io/client-go/applyconfigurations/batch/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
	"github.com/gopherlocks/gopherlocks/operator/internal/argv"
)

// Exit codes of a program that a signal has ended, 128 plus the signal's number:
// SIGKILL is 9, SIGTERM is 15.
const (
	exitSIGKILL = 137
	exitSIGTERM = 143
)

// Job returns the elastic Indexed Job that runs size ranks. Its pod template
// depends on maximum but not on size, so that scaling leaves it as it is. The
// error says what is wrong with the command.
func Job(mc *api.MiniCluster, size, maximum int32) (*batchv1ac.JobApplyConfiguration, error) {
	pod, err := podTemplate(mc, maximum)
	if err != nil {
		return nil, err
	}
	return batchv1ac.Job(mc.Name, mc.Namespace).
		WithLabels(Labels(mc.Name)).
		WithAnnotations(map[string]string{api.AnnotationTemplateHash: TemplateHash(mc, maximum)}).
		WithOwnerReferences(ownerReference(mc)).
		WithSpec(batchv1ac.JobSpec().
			WithCompletionMode(batchv1.IndexedCompletion).
			WithCompletions(size).
			WithParallelism(size).
			// A rank that fails is replaced, however often: a MiniCluster is
			// there until it is deleted. The Job controller waits longer with
			// each failure (10 s, doubled up to 10 min, also for the failures
			// that podFailurePolicy ignores). Counted per index, that leaves
			// the other ranks alone; counted per Job, one evicted rank would
			// hold up growth.
			WithBackoffLimit(math.MaxInt32).
			WithBackoffLimitPerIndex(math.MaxInt32).
			// Two pods of one index would share a host name and a rank.
			WithPodReplacementPolicy(batchv1.Failed).
			WithPodFailurePolicy(podFailurePolicy()).
			WithTemplate(pod)), nil
}

// podFailurePolicy keeps an intended stop (scaling down, eviction, node drain)
// from counting as a failure of the Job.
func podFailurePolicy() *batchv1ac.PodFailurePolicyApplyConfiguration {
	return batchv1ac.PodFailurePolicy().WithRules(
		batchv1ac.PodFailurePolicyRule().
			WithAction(batchv1.PodFailurePolicyActionIgnore).
			WithOnPodConditions(batchv1ac.PodFailurePolicyOnPodConditionsPattern().
				WithType(corev1.DisruptionTarget).
				WithStatus(corev1.ConditionTrue)),
		batchv1ac.PodFailurePolicyRule().
			WithAction(batchv1.PodFailurePolicyActionIgnore).
			WithOnExitCodes(batchv1ac.PodFailurePolicyOnExitCodesRequirement().
				WithOperator(batchv1.PodFailurePolicyOnExitCodesOpIn).
				WithValues(exitSIGKILL, exitSIGTERM)),
	)
}

func podTemplate(mc *api.MiniCluster, maximum int32) (*corev1ac.PodTemplateSpecApplyConfiguration, error) {
	container, err := rankContainer(mc, maximum)
	if err != nil {
		return nil, err
	}
	podLabels := RankLabels(mc.Name)
	podLabels[api.LabelManagedBy] = api.ManagedBy
	return corev1ac.PodTemplateSpec().
		WithLabels(podLabels).
		WithSpec(corev1ac.PodSpec().
			// Required by podFailurePolicy: the Job replaces a rank that fails.
			WithRestartPolicy(corev1.RestartPolicyNever).
			WithSubdomain(mc.Name).
			WithAutomountServiceAccountToken(false).
			WithEnableServiceLinks(false).
			WithSecurityContext(corev1ac.PodSecurityContext().
				WithSeccompProfile(corev1ac.SeccompProfile().
					WithType(corev1.SeccompProfileTypeRuntimeDefault))).
			WithContainers(container)), nil
}

func rankContainer(mc *api.MiniCluster, maximum int32) (*corev1ac.ContainerApplyConfiguration, error) {
	user := mc.Spec.Containers[0]
	command, err := argv.Split(user.Command)
	if err != nil {
		return nil, fmt.Errorf("containers[0].command: %w", err)
	}
	container := corev1ac.Container().
		WithName(containerName(mc)).
		WithImage(user.Image).
		WithEnv(environment(mc, maximum)...).
		// Not "run as non-root": that is the image's choice, and images of Flux
		// differ in it.
		WithSecurityContext(corev1ac.SecurityContext().
			WithAllowPrivilegeEscalation(false).
			WithCapabilities(corev1ac.Capabilities().WithDrop("ALL")))
	if len(command) > 0 {
		container.WithCommand(command...)
	}
	if user.WorkingDir != "" {
		container.WithWorkingDir(user.WorkingDir)
	}
	for _, port := range user.Ports {
		container.WithPorts(corev1ac.ContainerPort().
			WithName(portName(port)).
			WithProtocol(corev1.ProtocolTCP).
			WithContainerPort(port))
	}
	if r := user.Resources; len(r.Requests) > 0 || len(r.Limits) > 0 {
		requirements := corev1ac.ResourceRequirements()
		if len(r.Requests) > 0 {
			requirements.WithRequests(r.Requests)
		}
		if len(r.Limits) > 0 {
			requirements.WithLimits(r.Limits)
		}
		container.WithResources(requirements)
	}
	return container, nil
}

func containerName(mc *api.MiniCluster) string {
	if name := mc.Spec.Containers[0].Name; name != "" {
		return name
	}
	return mc.Name
}
