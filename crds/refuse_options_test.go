package crds

import (
	"strings"
	"testing"
)

func TestFluxOptionsAreRefused(t *testing.T) { checkRefusals(t, fluxRefusals) }

var fluxRefusals = []refusal{
	{"munge", `flux: {mungeSecret: munge}`, []string{
		`spec.flux.mungeSecret: Invalid value: flux.mungeSecret is not supported: it serves bursting, which this operator does not do; leave it out`,
	}},
	{"bursting", `flux: {bursting: {leadBroker: {address: 10.0.0.1, name: lead, size: 2}}}`, []string{
		`spec.flux.bursting: Invalid value: flux.bursting is not supported: an instance has the ranks of one MiniCluster; leave it out, and make a MiniCluster in each cluster`,
	}},
	{"bursting to other clusters", `flux: {bursting: {clusters: [{name: burst-0, size: 2}]}}`, []string{
		`spec.flux.bursting: Invalid value: flux.bursting is not supported: an instance has the ranks of one MiniCluster; leave it out, and make a MiniCluster in each cluster`,
	}},
	{"tree of brokers that come and go", `size: 2, maxSize: 4, flux: {topology: "kary:2"}`, []string{
		`spec.flux.topology: Invalid value: flux.topology kary:2 needs a size that stays: size 2 must be maxSize 4, since in a tree the loss of one rank takes others with it; leave one of them out`,
	}},
	{"tree of brokers that follows the queue", `size: 4, maxSize: 4, flux: {topology: "kary:2"}, autoscaling: {queue: {}}`, []string{
		`spec.flux.topology: Invalid value: flux.topology kary:2 needs a size that stays: it cannot be used with autoscaling.queue; leave one of them out`,
	}},
	{"ceiling below maxSize", `maxSize: 17, flux: {ceiling: 16}`, []string{
		`spec.flux.ceiling: Invalid value: flux.ceiling 16 must be at least maxSize 17: raise it too, which restarts all ranks, or leave it out`,
	}},
	{"ceiling below the size", `size: 3, flux: {ceiling: 2}`, []string{
		`spec.flux.ceiling: Invalid value: flux.ceiling 2 must be at least size 3: raise it too, which restarts all ranks, or leave it out`,
	}},
	{"ceiling of a tree", `size: 4, maxSize: 4, flux: {topology: "kary:2", ceiling: 8}`, []string{
		`spec.flux.ceiling: Invalid value: flux.ceiling 8 cannot be used with flux.topology kary:2: a tree has all its ranks from the beginning; leave one of them out`,
	}},
	{"queue without Flux", `maxSize: 4, flux: {enabled: false}, autoscaling: {queue: {}}`, []string{
		`spec.autoscaling.queue: Invalid value: autoscaling.queue: there is no queue with flux.enabled: false; remove one of them`,
	}},
	{"queue without a largest size", `size: 4, autoscaling: {queue: {spareRanks: 9, step: 9}}`, []string{
		`spec.autoscaling.queue: Invalid value: autoscaling.queue needs maxSize, the largest size that it may choose: set it`,
	}},
	{"more spare ranks, and longer steps, than there can be ranks", `maxSize: 4, autoscaling: {queue: {spareRanks: 5, step: 6}}`, []string{
		`spec.autoscaling.queue.spareRanks: Invalid value: autoscaling.queue.spareRanks 5 must be at most maxSize 4`,
		`spec.autoscaling.queue.step: Invalid value: autoscaling.queue.step 6 must be at most maxSize 4`,
	}},
	{"idle for less than no time", `maxSize: 4, autoscaling: {queue: {idleSeconds: -1}}`, []string{
		`spec.autoscaling.queue.idleSeconds: Invalid value: -1: spec.autoscaling.queue.idleSeconds in body should be greater than or equal to 0`,
	}},
	{"topology that is not known", `flux: {topology: star}`, []string{
		`spec.flux.topology: Invalid value: flux.topology star is not known: write kary:N, mincrit or binomial, or leave it out`,
	}},
	{"configuration of white space", `flux: {brokerConfig: "  "}`, []string{
		`spec.flux.brokerConfig: Invalid value: flux.brokerConfig holds nothing but white space, or a NUL: write TOML, or leave it out for the default`,
	}},
	{"something to enter without Flux", `flux: {enabled: false}, interactive: true, tasks: 2, archive: {path: /a}`, []string{
		`spec.interactive: Invalid value: interactive: true: there is no instance to enter with flux.enabled: false; remove one of them`,
		`spec.tasks: Invalid value: tasks: 2: each rank runs the command once with flux.enabled: false; remove one of them`,
		`spec.archive: Invalid value: archive: there is no instance to keep with flux.enabled: false; remove one of them`,
	}},
	{"name of the view with a capital", `flux: {container: {name: View}}`, []string{
		`spec.flux.container.name: Invalid value: name View must have small letters, numbers and - only, and begin and end with a letter or a number`,
	}},
	{"view that is called as the MiniCluster", `flux: {container: {name: sample}}`, []string{
		`spec.flux.container.name: Invalid value: flux.container.name sample is that of the container that runs Flux: choose another, or give that one a name`,
	}},
	{"view in the agent's folder", `flux: {container: {mountPath: /gopherlocks/}}`, []string{
		`spec.flux.container.mountPath: Invalid value: mountPath /gopherlocks/ is in use by the operator: choose another`,
	}},
	{"log level out of range", `flux: {logLevel: 8}`, []string{
		`spec.flux.logLevel: Invalid value: 8: spec.flux.logLevel in body should be less than or equal to 7`,
	}},
	{"timeout without a unit", `flux: {connectTimeout: "5"}`, []string{
		`spec.flux.connectTimeout: Invalid value: flux.connectTimeout 5 must be a number with ms, s, m, h or d, such as 5s`,
	}},
	{"queue policy that is not known", `flux: {scheduler: {queuePolicy: lifo}}`, []string{
		`spec.flux.scheduler.queuePolicy: Unsupported value: "lifo": supported values: "", "fcfs", "easy", "hybrid", "conservative"`,
	}},
	{"queue policy of the simple scheduler", `flux: {scheduler: {simple: true, queuePolicy: easy}}`, []string{
		`spec.flux.scheduler.queuePolicy: Invalid value: queuePolicy is Fluxion's: it has no meaning with simple: true`,
	}},
	{"state in a relative folder", `flux: {stateDir: state}`, []string{
		`spec.flux.stateDir: Invalid value: flux.stateDir state must begin with /`,
	}},
	{"archive at a relative path", `archive: {path: state.tar}`, []string{
		`spec.archive.path: Invalid value: archive.path state.tar must begin with /`,
	}},
	{"view at a relative path", `flux: {container: {mountPath: mnt}}`, []string{
		`spec.flux.container.mountPath: Invalid value: mountPath mnt must begin with /`,
	}},
}

func TestPodOptionsAreRefused(t *testing.T) { checkRefusals(t, podRefusals) }

var podRefusals = []refusal{
	{"pods that restart in a way that is not known", `pod: {restartPolicy: Sometimes}`, []string{
		`spec.pod.restartPolicy: Unsupported value: "Sometimes": supported values: "", "Never", "OnFailure", "Always"`,
	}},
	{"restricted with the node's processes", `pod: {restricted: true, hostPID: true}`, []string{
		`spec.pod.restricted: Invalid value: pod.restricted excludes pod.hostPID and pod.hostIPC: choose`,
	}},
	{"restricted with privileges", `pod: {restricted: true}, services: [{image: a, name: b, securityContext: {privileged: true}}]`, []string{
		`spec.pod.restricted: Invalid value: pod.restricted excludes privileged, allowPrivilegeEscalation: true and all capabilities but NET_BIND_SERVICE in the securityContext of containers, services and flux.container: choose`,
	}},
	{"restricted with capabilities", `pod: {restricted: true}, containers: [{image: a, securityContext: {capabilities: {add: [NET_BIND_SERVICE, IPC_LOCK]}}}]`, []string{
		`spec.pod.restricted: Invalid value: pod.restricted excludes privileged, allowPrivilegeEscalation: true and all capabilities but NET_BIND_SERVICE in the securityContext of containers, services and flux.container: choose`,
	}},
	{"restricted with a privileged view", `pod: {restricted: true}, flux: {container: {securityContext: {privileged: true}}}`, []string{
		`spec.pod.restricted: Invalid value: pod.restricted excludes privileged, allowPrivilegeEscalation: true and all capabilities but NET_BIND_SERVICE in the securityContext of containers, services and flux.container: choose`,
	}},
	{"restricted with a folder of the node", `pod: {restricted: true}, containers: [{image: a, volumes: {data: {path: /data, hostPath: /data}}}]`, []string{
		`spec.pod.restricted: Invalid value: pod.restricted excludes volumes with hostPath: choose`,
	}},
	{"budget that is not known", `pod: {disruptionBudget: All}`, []string{
		`spec.pod.disruptionBudget: Unsupported value: "All": supported values: "", "Lead", "None"`,
	}},
	{"policy of DNS that is not known", `pod: {dnsPolicy: clusterfirst}`, []string{
		`spec.pod.dnsPolicy: Unsupported value: "clusterfirst": supported values: "", "ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"`,
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
		`spec.pod.placement.topologyKey: Invalid value: topologyKey a zone must be the name of a node label, such as topology.kubernetes.io/zone`,
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
		`spec.network.headlessName: Invalid value: headlessName flux.svc is the name of a Service: it must have small letters, numbers and - only, begin with a letter and not end with -`,
	}},
	{"service name too long", `network: {headlessName: ` + strings.Repeat("a", 64) + `}`, []string{
		`spec.network.headlessName: Too long: may not be more than 63 bytes`,
	}},
}
