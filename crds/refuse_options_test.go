package crds

import (
	"strings"
	"testing"
)

func TestFluxOptionsAreRefused(t *testing.T) { checkRefusals(t, fluxRefusals) }

var fluxRefusals = []refusal{
	{"munge", `flux: {mungeSecret: munge}`, []string{
		`spec.flux.mungeSecret: Invalid value: flux.mungeSecret is not supported: it serves bursting, which this operator does not do`,
	}},
	{"bursting", `flux: {bursting: {leadBroker: {address: 10.0.0.1, name: lead, size: 2}}}`, []string{
		`spec.flux.bursting: Invalid value: flux.bursting is not supported: an instance has the ranks of one MiniCluster`,
	}},
	{"minimal service", `flux: {minimalService: true}`, []string{
		`spec.flux.minimalService: Invalid value: flux.minimalService is not supported: every rank's host name must resolve, since followers come and go`,
	}},
	{"no socket", `flux: {disableSocket: true}`, []string{
		`spec.flux.disableSocket: Invalid value: flux.disableSocket is not supported: the agent needs the broker's socket`,
	}},
	{"completed workers", `flux: {completeWorkers: true}`, []string{
		`spec.flux.completeWorkers: Invalid value: flux.completeWorkers is not supported: a rank that has completed could never come back`,
	}},
	{"tree of brokers", `flux: {topology: "kary:2"}`, []string{
		`spec.flux.topology: Invalid value: flux.topology kary:2 is not supported: it must be kary:0, since with a tree the loss of one rank would take others with it`,
	}},
	{"architecture", `flux: {arch: aarch64}`, []string{
		`spec.flux.arch: Invalid value: flux.arch is not supported: nothing is downloaded; the images decide`,
	}},
	{"log level out of range", `flux: {logLevel: 8}`, []string{
		`spec.flux.logLevel: Invalid value: 8: spec.flux.logLevel in body should be less than or equal to 7`,
	}},
	{"timeout without a unit", `flux: {connectTimeout: "5"}`, []string{
		`spec.flux.connectTimeout: Invalid value: "5": spec.flux.connectTimeout in body should match '^([0-9]+(\.[0-9]+)?(ms|s|m|h))?$'`,
	}},
	{"queue policy that is not known", `flux: {scheduler: {queuePolicy: lifo}}`, []string{
		`spec.flux.scheduler.queuePolicy: Unsupported value: "lifo": supported values: "", "fcfs", "easy", "hybrid", "conservative"`,
	}},
	{"queue policy of the simple scheduler", `flux: {scheduler: {simple: true, queuePolicy: easy}}`, []string{
		`spec.flux.scheduler.queuePolicy: Invalid value: queuePolicy is Fluxion's: it has no meaning with simple: true`,
	}},
	{"state in a relative folder", `flux: {stateDir: state}`, []string{
		`spec.flux.stateDir: Invalid value: "state": spec.flux.stateDir in body should match '^(/.*)?$'`,
	}},
	{"archive at a relative path", `archive: {path: state.tar}`, []string{
		`spec.archive.path: Invalid value: "state.tar": spec.archive.path in body should match '^(/.*)?$'`,
	}},
	{"view at a relative path", `flux: {container: {mountPath: mnt}}`, []string{
		`spec.flux.container.mountPath: Invalid value: "mnt": spec.flux.container.mountPath in body should match '^(/.*)?$'`,
	}},
}

func TestPodOptionsAreRefused(t *testing.T) { checkRefusals(t, podRefusals) }

var podRefusals = []refusal{
	{"pods that restart", `pod: {restartPolicy: Always}`, []string{
		`spec.pod.restartPolicy: Invalid value: restartPolicy Always is not supported: it must be Never; the agent restarts brokers in their pod, and the Job replaces pods`,
	}},
	{"resources of the pod", `pod: {resources: {cpu: 1}}`, []string{
		`spec.pod.resources: Invalid value: pod.resources is not supported: set resources of the containers`,
	}},
	{"policy of DNS that is not known", `pod: {dnsPolicy: clusterfirst}`, []string{
		`spec.pod.dnsPolicy: Unsupported value: "clusterfirst": supported values: "ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"`,
	}},
	{"no policy of DNS", `pod: {dnsPolicy: None}`, []string{
		`spec.pod.dnsPolicy: Invalid value: dnsPolicy None is not supported: it needs a list of name servers, which a MiniCluster cannot have`,
	}},
	{"processes of pod and node", `shareProcessNamespace: true, pod: {hostPID: true}`, []string{
		`spec.shareProcessNamespace: Invalid value: shareProcessNamespace and pod.hostPID exclude each other: choose one`,
	}},
	{"self-scaling with another ServiceAccount", `selfScaling: true, pod: {serviceAccountName: builder}`, []string{
		`spec.selfScaling: Invalid value: selfScaling gives the pods a ServiceAccount of their own: it cannot be used with pod.serviceAccountName builder`,
	}},
	{"placement that is not known", `pod: {placement: {policy: Pack}}`, []string{
		`spec.pod.placement.policy: Unsupported value: "Pack": supported values: "", "Spread", "OnePerNode", "Any"`,
	}},
	{"node label with a space", `pod: {placement: {topologyKey: "a zone"}}`, []string{
		`spec.pod.placement.topologyKey: Invalid value: "a zone": spec.pod.placement.topologyKey in body should match '^(([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$'`,
	}},
	{"one rank per zone", `pod: {placement: {policy: OnePerNode, topologyKey: topology.kubernetes.io/zone}}`, []string{
		`spec.pod.placement.topologyKey: Invalid value: topologyKey topology.kubernetes.io/zone has no meaning with policy OnePerNode: it says what policy Spread spreads over`,
	}},
	{"any zone", `pod: {placement: {policy: Any, topologyKey: kubernetes.io/hostname}}`, []string{
		`spec.pod.placement.topologyKey: Invalid value: topologyKey kubernetes.io/hostname has no meaning with policy Any: it says what policy Spread spreads over`,
	}},
	{"one rank per node without affinity", `network: {disableAffinity: true}, pod: {placement: {policy: OnePerNode}}`, []string{
		`spec.network.disableAffinity: Invalid value: network.disableAffinity is policy Any: it cannot be used with pod.placement.policy OnePerNode`,
	}},
	{"spreading without affinity", `network: {disableAffinity: true}, pod: {placement: {policy: Spread, topologyKey: topology.kubernetes.io/zone}}`, []string{
		`spec.network.disableAffinity: Invalid value: network.disableAffinity is policy Any: it cannot be used with pod.placement.policy Spread`,
	}},
	{"zones without affinity", `network: {disableAffinity: true}, pod: {placement: {topologyKey: topology.kubernetes.io/zone}}`, []string{
		`spec.network.disableAffinity: Invalid value: network.disableAffinity is policy Any: it cannot be used with pod.placement.topologyKey topology.kubernetes.io/zone`,
	}},
	{"service name with a dot", `network: {headlessName: flux.svc}`, []string{
		`spec.network.headlessName: Invalid value: "flux.svc": spec.network.headlessName in body should match '^([a-z]([-a-z0-9]*[a-z0-9])?)?$'`,
	}},
	{"service name too long", `network: {headlessName: ` + strings.Repeat("a", 64) + `}`, []string{
		`spec.network.headlessName: Too long: may not be more than 63 bytes`,
	}},
}
