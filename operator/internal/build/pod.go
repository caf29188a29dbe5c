package build

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
)

// podTemplate returns the template of the ranks' pods. Their host names,
// NAME-RANK, come from the Job.
func podTemplate(mc *api.MiniCluster, size, maximum int32, s Settings) (*corev1ac.PodTemplateSpecApplyConfiguration, error) {
	parts, err := buildRank(mc, size, maximum, s)
	if err != nil {
		return nil, err
	}
	containers, err := rankContainers(mc, maximum, parts.rank)
	if err != nil {
		return nil, err
	}
	spec := corev1ac.PodSpec().
		// Required by podFailurePolicy: the Job replaces a rank that fails.
		WithRestartPolicy(corev1.RestartPolicyNever).
		WithSubdomain(ServiceName(mc)).
		WithEnableServiceLinks(false).
		WithTerminationGracePeriodSeconds(graceSeconds(mc)).
		WithInitContainers(parts.init...).
		WithContainers(containers...).
		WithVolumes(parts.volumes...).
		WithVolumes(userVolumes(mc.Spec.Containers)...).
		WithImagePullSecrets(pullSecrets(mc.Spec.Containers, viewPullSecret(mc), agentPullSecret(parts, s))...)
	setAccount(spec, mc)
	setPlacement(spec, mc)
	if err := setOptions(spec, mc); err != nil {
		return nil, err
	}
	annotations := map[string]string{api.AnnotationDefaultContainer: RankContainerName(mc)}
	maps.Copy(annotations, mc.Spec.Pod.Annotations)
	return corev1ac.PodTemplateSpec().
		WithLabels(podLabels(mc)).
		WithAnnotations(annotations).
		WithSpec(spec), nil
}

// podLabels returns the labels of the ranks' pods. Ours win, and those that the
// Job controller sets are left to it: the API server refuses a template in which
// they have another value.
func podLabels(mc *api.MiniCluster) map[string]string {
	wanted := map[string]string{}
	maps.Copy(wanted, mc.Spec.JobLabels)
	maps.Copy(wanted, mc.Spec.Pod.Labels)
	maps.DeleteFunc(wanted, func(name, _ string) bool {
		return name == "job-name" || name == "controller-uid" || strings.HasPrefix(name, batchPrefix)
	})
	maps.Copy(wanted, Labels(mc.Name))
	maps.Copy(wanted, RankLabels(mc.Name))
	return wanted
}

// batchPrefix begins the labels of the Job controller, such as
// batchv1.JobNameLabel.
const batchPrefix = batchv1.GroupName + ".kubernetes.io/"

// agentPullSecret is what the agent's image is pulled with, where there is an agent.
func agentPullSecret(parts rankPod, s Settings) string {
	if len(parts.init) == 0 {
		return ""
	}
	return s.AgentPullSecret
}

func viewPullSecret(mc *api.MiniCluster) string {
	if !FluxEnabled(mc) || viewPath(mc) == "" {
		return ""
	}
	return mc.Spec.Flux.Container.ImagePullSecret
}

// setAccount decides who the pods are to the API server.
func setAccount(spec *corev1ac.PodSpecApplyConfiguration, mc *api.MiniCluster) {
	switch {
	case mc.Spec.SelfScaling:
		spec.WithServiceAccountName(SelfScalingName(mc.Name))
	case mc.Spec.Pod.ServiceAccountName != "":
		spec.WithServiceAccountName(mc.Spec.Pod.ServiceAccountName)
	}
	spec.WithAutomountServiceAccountToken(mc.Spec.SelfScaling || mc.Spec.Pod.AutomountServiceAccountToken)
}

// setOptions sets what else spec.pod says.
func setOptions(spec *corev1ac.PodSpecApplyConfiguration, mc *api.MiniCluster) error {
	pod := mc.Spec.Pod
	if pod.RuntimeClassName != "" {
		spec.WithRuntimeClassName(pod.RuntimeClassName)
	}
	if pod.DNSPolicy != "" {
		spec.WithDNSPolicy(pod.DNSPolicy)
	}
	if pod.HostIPC {
		spec.WithHostIPC(true)
	}
	if pod.HostPID {
		spec.WithHostPID(true)
	}
	if mc.Spec.ShareProcessNamespace {
		spec.WithShareProcessNamespace(true)
	}
	security := corev1ac.PodSecurityContext()
	if pod.SecurityContext != nil {
		if err := convert(pod.SecurityContext, security); err != nil {
			return fmt.Errorf("pod.securityContext: %w", err)
		}
	}
	if security.SeccompProfile == nil {
		security.WithSeccompProfile(corev1ac.SeccompProfile().WithType(corev1.SeccompProfileTypeRuntimeDefault))
	}
	spec.WithSecurityContext(security)
	return nil
}

// convert copies a type of Kubernetes' API into its apply configuration, which
// has the same form in JSON.
func convert(from, to any) error {
	data, err := json.Marshal(from)
	if err != nil {
		return err
	}
	return json.Unmarshal(data, to)
}
