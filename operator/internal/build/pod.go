package build

import (
	"encoding/json"
	"maps"
	"strings"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
)

// podTemplate returns the template of the ranks' pods. Their host names,
// NAME-RANK, come from the Job.
func podTemplate(mc *api.MiniCluster, size, ceiling int32, s Settings) (*corev1ac.PodTemplateSpecApplyConfiguration, error) {
	volumes := userVolumes(mc.Spec.Containers)
	parts, err := buildRank(mc, volumes, size, ceiling, s)
	if err != nil {
		return nil, err
	}
	containers, err := rankContainers(mc, volumes, parts.rank)
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
		WithVolumes(volumes.volumes...).
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

// podLabels returns the labels of the ranks' pods. Those that we select by win. The
// author's win over those that are here for people who come from the Flux Operator.
// Those that the Job controller sets are left to it: the API server refuses a template
// in which they have another value.
func podLabels(mc *api.MiniCluster) map[string]string {
	wanted := upstreamLabels(mc)
	wanted[labelScaled] = mc.Name
	maps.Copy(wanted, mc.Spec.JobLabels)
	maps.Copy(wanted, mc.Spec.Pod.Labels)
	maps.DeleteFunc(wanted, func(name, _ string) bool {
		return name == labelJobName || name == "controller-uid" || strings.HasPrefix(name, batchPrefix)
	})
	maps.Copy(wanted, Labels(mc.Name))
	maps.Copy(wanted, RankLabels(mc.Name))
	return wanted
}

// Labels that the Flux Operator gives to pods, besides api.LabelJobIndex: Services,
// and people, select by them. Nothing of ours does.
// Source: flux-framework/flux-operator, controllers/flux/pods.go and job.go.
const (
	labelApp       = "app"
	appName        = "flux-operator"
	labelName      = "app.kubernetes.io/name"
	labelNamespace = "namespace"
	// labelScaled is on ranks only: an autoscaler's selector there.
	labelScaled = "hpa-selector"
	// labelJobName is the Job controller's on ranks; on the pod of services it is not.
	labelJobName = "job-name"
)

func upstreamLabels(mc *api.MiniCluster) map[string]string {
	return map[string]string{labelApp: appName, labelName: mc.Name, labelNamespace: mc.Namespace}
}

// dnsPolicy returns the DNS policy of the ranks' pods; empty for Kubernetes' default.
// Ranks find each other by the cluster's DNS: None would need a list of name servers,
// and with Default no host name of a rank resolves, which brokers need.
func dnsPolicy(mc *api.MiniCluster) corev1.DNSPolicy {
	policy := mc.Spec.Pod.DNSPolicy
	if policy == corev1.DNSNone || policy == corev1.DNSDefault && FluxEnabled(mc) && mc.Spec.Flux.BrokerConfig == "" {
		return corev1.DNSClusterFirst
	}
	return policy
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
	if policy := dnsPolicy(mc); policy != "" {
		spec.WithDNSPolicy(policy)
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
	security, err := podSecurity(pod.SecurityContext, pod.Restricted)
	if err != nil {
		return err
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
