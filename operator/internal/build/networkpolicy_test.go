package build

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/labels"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
	"github.com/gopherlocks/gopherlocks/operator/internal/agentapi"
)

// allows is what a network plugin makes of a policy's ingress.
// Source: https://kubernetes.io/docs/concepts/services-networking/network-policies/
func allows(spec networkingv1.NetworkPolicySpec, namespace, pod labels.Set, protocol corev1.Protocol, port int32, ranges bool) bool {
	fromHere := func(peer networkingv1.NetworkPolicyPeer) bool {
		if peer.NamespaceSelector != nil {
			return labels.SelectorFromSet(peer.NamespaceSelector.MatchLabels).Matches(namespace)
		}
		return namespace["kubernetes.io/metadata.name"] == "ns" && labels.SelectorFromSet(peer.PodSelector.MatchLabels).Matches(pod)
	}
	for _, rule := range spec.Ingress {
		from := len(rule.From) == 0
		for _, peer := range rule.From {
			from = from || fromHere(peer)
		}
		for _, p := range rule.Ports {
			first := int32(p.Port.IntValue())
			last := first
			if p.EndPort != nil && ranges {
				last = *p.EndPort
			}
			if from && *p.Protocol == protocol && first <= port && port <= last {
				return true
			}
		}
	}
	return false
}

func TestOnlyTheOperatorReachesTheAgent(t *testing.T) {
	mc := with(sample(), func(s *api.MiniClusterSpec) { s.Containers[0].Ports = []int32{8888} })
	policy := decode[networkingv1.NetworkPolicy](t, NetworkPolicy(mc, settings()))
	if !labels.SelectorFromSet(policy.Spec.PodSelector.MatchLabels).Matches(labels.Set(builtPod(t, mc).Labels)) {
		t.Errorf("the policy does not select ranks: %s", encode(t, policy.Spec))
	}
	operator := labels.Set{"kubernetes.io/metadata.name": "operator-ns"}
	own := labels.Set{"kubernetes.io/metadata.name": "ns"}
	foreign := labels.Set{"kubernetes.io/metadata.name": "other"}
	rank, other := labels.Set(RankLabels("sample")), labels.Set(RankLabels("other"))
	for _, c := range []struct {
		what           string
		namespace, pod labels.Set
		protocol       corev1.Protocol
		port           int32
		want           bool
	}{
		{"the operator to the agent", operator, nil, corev1.ProtocolTCP, agentapi.AgentPort, true},
		{"a rank to the agent", own, rank, corev1.ProtocolTCP, agentapi.AgentPort, false},
		{"a foreigner to the agent", foreign, nil, corev1.ProtocolTCP, agentapi.AgentPort, false},
		{"a rank to the broker", own, rank, corev1.ProtocolTCP, agentapi.BrokerPort, true},
		{"another MiniCluster's rank to the broker", own, other, corev1.ProtocolTCP, agentapi.BrokerPort, false},
		{"a namesake elsewhere to the broker", foreign, rank, corev1.ProtocolTCP, agentapi.BrokerPort, false},
		{"anybody to the health port", foreign, nil, corev1.ProtocolTCP, agentapi.HealthPort, true},
		{"anybody to a user's port", foreign, nil, corev1.ProtocolTCP, 8888, true},
	} {
		for _, ranges := range []bool{true, false} {
			if got := allows(policy.Spec, c.namespace, c.pod, c.protocol, c.port, ranges); got != c.want {
				t.Errorf("%s (plugin knows ranges: %t): %t", c.what, ranges, got)
			}
		}
	}
	for _, protocol := range []corev1.Protocol{corev1.ProtocolTCP, corev1.ProtocolUDP, corev1.ProtocolSCTP} {
		for port := int32(1); port <= 65535; port++ {
			ours := protocol == corev1.ProtocolTCP && (port == agentapi.AgentPort || port == agentapi.BrokerPort)
			if allows(policy.Spec, foreign, nil, protocol, port, true) == ours {
				t.Fatalf("%s port %d is open to anybody: %t", protocol, port, !ours)
			}
		}
	}
}

func TestPolicyIsForIncomingTrafficOnly(t *testing.T) {
	policy := decode[networkingv1.NetworkPolicy](t, NetworkPolicy(sample(), settings()))
	equal(t, "types", policy.Spec.PolicyTypes, []networkingv1.PolicyType{networkingv1.PolicyTypeIngress})
}

func TestRanksWithoutFluxAreOpen(t *testing.T) {
	if policy := NetworkPolicy(plainSample(), settings()); policy != nil {
		t.Errorf("policy %s", encode(t, policy))
	}
}
