package crds

import (
	"strings"
	"testing"
)

func TestContainersAreRefused(t *testing.T) { checkRefusals(t, containerRefusals) }

var containerRefusals = []refusal{
	{"no containers", `containers: []`, []string{
		`spec.containers: Invalid value: 0: spec.containers in body should have at least 1 items`,
	}},
	{"container without an image", `containers: [{command: hostname}]`, []string{
		`spec.containers[0].image: Required value`,
	}},
	{"empty image", `containers: [{image: ""}]`, []string{
		`spec.containers[0].image: Invalid value: "": spec.containers[0].image in body should be at least 1 chars long`,
	}},
	{"container name with a capital", `containers: [{image: a, name: App}]`, []string{
		`spec.containers[0].name: Invalid value: name App must have small letters, numbers and - only, and begin and end with a letter or a number`,
	}},
	{"container name too long", `containers: [{image: a, name: ` + strings.Repeat("a", 64) + `}]`, []string{
		`spec.containers[0].name: Too long: may not be more than 63 bytes`,
	}},
	{"none of several containers runs Flux", `containers: [{image: a, name: one}, {image: b, name: two}]`, []string{
		`spec.containers: Invalid value: 0 of 2 containers have runFlux: exactly one must`,
	}},
	{"several containers run Flux", `containers: [{image: a, runFlux: true}, {image: b, name: two, runFlux: true}, {image: c, name: three}]`, []string{
		`spec.containers: Invalid value: 2 of 3 containers have runFlux: exactly one must`,
	}},
	{"side container without a name", `containers: [{image: a, runFlux: true}, {image: example.org/side}]`, []string{
		`spec.containers: Invalid value: the container with image example.org/side needs a name: only the one that runs Flux has one by default`,
	}},
	{"two containers of one name", `containers: [{image: a, name: app, runFlux: true}, {image: b, name: app}]`, []string{
		`spec.containers: Invalid value: name app is used by more than one container`,
	}},
	{"side container with launcher", `containers: [{image: a, runFlux: true}, {image: b, name: side, launcher: true}]`, []string{
		`spec.containers: Invalid value: launcher and batch are for the container that runs Flux: set its runFlux`,
	}},
	{"batch without Flux", `flux: {enabled: false}, containers: [{image: a, batch: true, command: hostname}]`, []string{
		`spec.containers: Invalid value: launcher and batch need Flux: with flux.enabled false every rank runs the command`,
	}},
	{"launcher and batch", `containers: [{image: a, launcher: true, batch: true, command: hostname}]`, []string{
		`spec.containers[0]: Invalid value: launcher and batch exclude each other: choose one`,
	}},
	{"batchRaw without batch", `containers: [{image: a, batchRaw: true, command: hostname}]`, []string{
		`spec.containers[0].batchRaw: Invalid value: batchRaw needs batch: true`,
	}},
	{"batch without a script", `containers: [{image: a, batch: true}]`, []string{
		`spec.containers[0]: Invalid value: batch needs a command or commands.script: the text of the batch script`,
	}},
	{"script beside Flux", `containers: [{image: a, runFlux: true}, {image: b, name: side, commands: {script: hostname}}]`, []string{
		`spec.containers: Invalid value: commands.script is for the container that runs Flux: use command in others, which may have several lines`,
	}},
	{"script without Flux", `flux: {enabled: false}, containers: [{image: a, commands: {script: hostname}}]`, []string{
		`spec.containers: Invalid value: commands.script is for the container that runs Flux: use command in others, which may have several lines`,
	}},
	{"name of the agent's container", `containers: [{image: a, name: gopherlocks-agent}]`, []string{
		`spec.containers[0].name: Invalid value: name gopherlocks-agent is that of the container that installs the agent: choose another`,
	}},
	{"name of the view", `containers: [{image: a, name: flux-view}]`, []string{
		`spec.containers: Invalid value: name flux-view is that of flux.container: choose another for one of them`,
	}},
	{"name of the container that runs Flux", `containers: [{image: a, runFlux: true}, {image: b, name: sample}]`, []string{
		`spec.containers: Invalid value: name sample is that of the container that runs Flux: choose another, or give that one a name`,
	}},
	{"command and script", `containers: [{image: a, batch: true, command: hostname, commands: {script: hostname}}]`, []string{
		`spec.containers[0].commands.script: Invalid value: command and commands.script exclude each other: choose one`,
	}},
	{"variable of ours", `containers: [{image: a, environment: {GOPHERLOCKS_RANK: "1"}}]`, []string{
		`spec.containers[0].environment: Invalid value: variable GOPHERLOCKS_RANK must not begin with GOPHERLOCKS_: the operator sets those`,
	}},
	{"variable of ours from a secret", `containers: [{image: a, secrets: {GOPHERLOCKS_RANK: {name: s, key: k}}}]`, []string{
		`spec.containers[0].secrets: Invalid value: variable GOPHERLOCKS_RANK must not begin with GOPHERLOCKS_: the operator sets those`,
	}},
	{"secret without a key", `containers: [{image: a, secrets: {TOKEN: {name: s}}}]`, []string{
		`spec.containers[0].secrets.TOKEN.key: Required value`,
	}},
	{"port out of range", `containers: [{image: a, ports: [65536]}]`, []string{
		`spec.containers[0].ports[0]: Invalid value: 65536: spec.containers[0].ports[0] in body should be less than or equal to 65535`,
	}},
	{"port of the ranks", `containers: [{image: a, ports: [80, 8050]}]`, []string{
		`spec.containers: Invalid value: ports 8050 to 8052 are in use by the ranks themselves: choose others`,
	}},
	{"capability that is none", `containers: [{image: a, securityContext: {addCapabilities: [SYS_PTRACE, NO_SUCH_THING]}}]`, []string{
		`spec.containers[0].securityContext.addCapabilities: Invalid value: NO_SUCH_THING is no capability of Linux: write a name such as SYS_PTRACE or CAP_SYS_PTRACE, or ALL`,
	}},
	{"capability with a prefix twice", `containers: [{image: a, securityContext: {capabilities: {add: [CAP_CAP_CHOWN]}}}]`, []string{
		`spec.containers[0].securityContext.capabilities.add: Invalid value: CAP_CAP_CHOWN is no capability of Linux: write a name such as SYS_PTRACE or CAP_SYS_PTRACE, or ALL`,
	}},
	{"capability to drop that is none", `containers: [{image: a, securityContext: {capabilities: {drop: ["*"]}}}]`, []string{
		`spec.containers[0].securityContext.capabilities.drop: Invalid value: * is no capability of Linux: write a name such as NET_RAW or CAP_NET_RAW, or ALL`,
	}},
	{"every capability without privileges", `containers: [{image: a, securityContext: {addCapabilities: ["*"]}}]`, []string{
		`spec.containers[0].securityContext.addCapabilities: Invalid value: addCapabilities * means nothing without privileged: true: write ALL, or set privileged`,
	}},
	{"privileges without escalation", `containers: [{image: a, securityContext: {privileged: true, allowPrivilegeEscalation: false}}]`, []string{
		`spec.containers[0].securityContext.allowPrivilegeEscalation: Invalid value: allowPrivilegeEscalation: false contradicts privileged: true, which cannot do without: choose`,
	}},
	{"policy of pulling that is not known", `containers: [{image: a, imagePullPolicy: Sometimes}]`, []string{
		`spec.containers[0].imagePullPolicy: Unsupported value: "Sometimes": supported values: "", "Always", "IfNotPresent", "Never"`,
	}},
	{"quantity that is none", `containers: [{image: a, resources: {requests: {cpu: lots}}}]`, []string{
		`spec.containers[0].resources.requests.cpu: Invalid value: "lots": spec.containers[0].resources.requests.cpu in body should match ` + quantity,
	}},
	{"limit that is no quantity", `containers: [{image: a, resources: {limits: {memory: 1 GB}}}]`, []string{
		`spec.containers[0].resources.limits.memory: Invalid value: "1 GB": spec.containers[0].resources.limits.memory in body should match ` + quantity,
	}},
	{"command too long", `containers: [{image: a, command: ` + strings.Repeat("a", 16385) + `}]`, []string{
		`spec.containers[0].command: Too long: may not be more than 16384 bytes`,
	}},
}

func TestServicesAreRefused(t *testing.T) { checkRefusals(t, serviceRefusals) }

var serviceRefusals = []refusal{
	{"service without a name", `services: [{image: example.org/cache}]`, []string{
		`spec.services: Invalid value: the container of services with image example.org/cache needs a name`,
	}},
	{"two services of one name", `services: [{image: a, name: cache}, {image: b, name: cache}]`, []string{
		`spec.services: Invalid value: name cache is used by more than one container of services`,
	}},
	{"script of a service", `services: [{image: a, name: cache, commands: {script: hostname}}]`, []string{
		`spec.services: Invalid value: commands.script is for the container that runs Flux: use command in services, which may have several lines`,
	}},
	{"service that runs Flux", `services: [{image: a, name: cache, runFlux: true}]`, []string{
		`spec.services: Invalid value: containers of services do not run Flux: runFlux, launcher and batch have no meaning there`,
	}},
}
