package build

import (
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"
	networkingv1ac "k8s.io/client-go/applyconfigurations/networking/v1"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
	"github.com/gopherlocks/gopherlocks/operator/internal/agentapi"
)

const lastPort = 65535

// NetworkPolicy returns the policy that opens the ranks' agent port to the
// operator only, and the brokers' port to ranks only; nil without Flux. A pod that
// a policy selects is closed but for what some policy allows, so that it opens all
// other ports to everybody, as they were. Who wants them closed cannot do so
// by a further policy, since policies only add up.
func NetworkPolicy(mc *api.MiniCluster, s Settings) *networkingv1ac.NetworkPolicyApplyConfiguration {
	if !FluxEnabled(mc) {
		return nil
	}
	operator := networkingv1ac.NetworkPolicyPeer().WithNamespaceSelector(metav1ac.LabelSelector().
		WithMatchLabels(map[string]string{corev1.LabelMetadataName: s.OperatorNamespace}))
	ranks := metav1ac.LabelSelector().WithMatchLabels(RankLabels(mc.Name))
	policy := networkingv1ac.NetworkPolicy(mc.Name, mc.Namespace).
		WithLabels(Labels(mc.Name)).
		WithOwnerReferences(ownerReference(mc)).
		WithSpec(networkingv1ac.NetworkPolicySpec().
			WithPodSelector(ranks).
			WithPolicyTypes(networkingv1.PolicyTypeIngress).
			WithIngress(
				networkingv1ac.NetworkPolicyIngressRule().
					WithFrom(operator).
					WithPorts(policyPort(corev1.ProtocolTCP, agentapi.AgentPort)),
				networkingv1ac.NetworkPolicyIngressRule().
					WithFrom(networkingv1ac.NetworkPolicyPeer().WithPodSelector(ranks)).
					WithPorts(policyPort(corev1.ProtocolTCP, agentapi.BrokerPort)),
				networkingv1ac.NetworkPolicyIngressRule().
					WithPorts(openPorts(mc)...)))
	return policy.WithAnnotations(contentAnnotation(policy))
}

// TieToSecret makes the policy a dependent of the MiniCluster's Secret as well. When
// somebody deletes the Secret, the garbage collector takes this owner away from the policy,
// which can be watched: Secrets cannot without being read.
func TieToSecret(policy *networkingv1ac.NetworkPolicyApplyConfiguration, mc *api.MiniCluster, secret types.UID) {
	policy.WithOwnerReferences(metav1ac.OwnerReference().
		WithAPIVersion(corev1.SchemeGroupVersion.String()).
		WithKind("Secret").
		WithName(SecretName(mc)).
		WithUID(secret))
}

// openPorts returns all ports but the brokers' and the agent's. Those that are
// known to be used come one by one besides: a network plugin that knows no ranges
// of ports takes only the first port of each.
// Source: https://kubernetes.io/docs/concepts/services-networking/network-policies/#targeting-a-range-of-ports
func openPorts(mc *api.MiniCluster) []*networkingv1ac.NetworkPolicyPortApplyConfiguration {
	ports := []*networkingv1ac.NetworkPolicyPortApplyConfiguration{policyPort(corev1.ProtocolTCP, agentapi.HealthPort)}
	for _, port := range servicePorts(mc) {
		ports = append(ports, policyPort(corev1.ProtocolTCP, port))
	}
	return append(ports,
		policyPort(corev1.ProtocolTCP, 1).WithEndPort(agentapi.BrokerPort-1),
		policyPort(corev1.ProtocolTCP, agentapi.AgentPort+1).WithEndPort(lastPort),
		policyPort(corev1.ProtocolUDP, 1).WithEndPort(lastPort),
		policyPort(corev1.ProtocolSCTP, 1).WithEndPort(lastPort))
}

func policyPort(protocol corev1.Protocol, port int32) *networkingv1ac.NetworkPolicyPortApplyConfiguration {
	return networkingv1ac.NetworkPolicyPort().WithProtocol(protocol).WithPort(intstr.FromInt32(port))
}
