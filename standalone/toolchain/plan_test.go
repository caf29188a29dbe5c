package main

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

var testPins = versions{kubernetes: "v1.34.2", pulumi: "v3.256.0", pluginSDK: "v4.25.0", nodeImage: "kindest/node:v1.34.3"}

// official is a Linux machine with everything installed.
func official() machine {
	return machine{
		os:              "linux",
		pulumi:          tool{path: "/opt/pulumi/pulumi", version: "v3.260.1"},
		languageHost:    "/opt/pulumi/pulumi-language-go",
		kubectl:         tool{path: "/usr/bin/kubectl", version: "v1.35.0"},
		clusterProvider: "embedded",
	}
}

func TestOfficialPartsAreUsed(t *testing.T) {
	p := choose(official(), testPins)
	if p.pulumi.build || p.plugin.build || p.kubectl.build {
		t.Errorf("something is compiled though all is installed: %v", p.choices())
	}
	if !p.cluster.build {
		t.Errorf("the embedded cluster has no programs: %v", p.cluster)
	}
}

func TestNodeImageOfKindIsBuiltOnlyWhereItIsNotToBeHad(t *testing.T) {
	m := official()
	m.clusterProvider = "kind"
	if p := choose(m, testPins); p.cluster.build || !strings.Contains(p.cluster.reason, testPins.nodeImage) {
		t.Errorf("with a registry: %v", p.cluster)
	}
	m.nodeImage = errors.New("no such host")
	p := choose(m, testPins)
	if !p.cluster.build || !strings.Contains(p.cluster.reason, "no such host") {
		t.Errorf("without: %v", p.cluster)
	}
	tree := &tree{root: "/r"}
	var names []string
	for _, module := range tree.catalogue(testPins, p) {
		for _, program := range module.programs {
			names = append(names, program.name)
		}
	}
	for _, name := range []string{"kubeadm", "kindnet", "kubernetes", "etcd", "coredns"} {
		if !slices.Contains(names, name) {
			t.Errorf("the node image lacks %s: %v", name, names)
		}
	}
}

func TestClustersOfOthersDoNotWaitForKubeadm(t *testing.T) {
	tree := &tree{root: "/r"}
	for _, module := range tree.catalogue(testPins, choose(official(), testPins)) {
		for _, program := range module.programs {
			if program.name == "kubeadm" || program.name == "kindnet" {
				t.Errorf("an embedded cluster has %s", program.name)
			}
		}
	}
}

// TestOthersKeepTheProgramsOfKindsNodes: who provides tools for another cluster removes
// none that tests of kind are about to use.
func TestOthersKeepTheProgramsOfKindsNodes(t *testing.T) {
	removed := (&tree{root: "/r"}).everyName(testPins)
	if slices.Contains(removed, "kubeadm") || slices.Contains(removed, "kindnet") || !slices.Contains(removed, "kubectl") {
		t.Errorf("removed where they are not wanted: %v", removed)
	}
}

func TestBareMachineCompilesEverything(t *testing.T) {
	p := choose(machine{os: "linux", clusterProvider: "embedded"}, testPins)
	for _, c := range p.choices() {
		if !c.build {
			t.Errorf("%v: want it compiled", c)
		}
	}
}

func TestUnfitPartIsCompiledAndSaysWhy(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*machine)
		choice func(plan) choice
		reason string
	}{
		"old pulumi":                  {func(m *machine) { m.pulumi.version = "v3.254.9" }, func(p plan) choice { return p.pulumi }, "older than 3.255"},
		"major version 2 of pulumi":   {func(m *machine) { m.pulumi.version = "v2.300.0" }, func(p plan) choice { return p.pulumi }, "older than 3.255"},
		"pulumi without a version":    {func(m *machine) { m.pulumi.version = "" }, func(p plan) choice { return p.pulumi }, "does not tell its version"},
		"pulumi without Go":           {func(m *machine) { m.languageHost = "" }, func(p plan) choice { return p.pulumi }, "no pulumi-language-go"},
		"plugin without pulumi":       {func(m *machine) { m.pulumi = tool{} }, func(p plan) choice { return p.plugin }, "no official pulumi"},
		"plugin cannot be downloaded": {func(m *machine) { m.plugin = errors.New("no such host") }, func(p plan) choice { return p.plugin }, "no such host"},
		"kubectl two minors behind":   {func(m *machine) { m.kubectl.version = "v1.32.4-dispatcher" }, func(p plan) choice { return p.kubectl }, "more than one minor version"},
		"kubectl two minors ahead":    {func(m *machine) { m.kubectl.version = "v1.36.0" }, func(p plan) choice { return p.kubectl }, "more than one minor version"},
		"kubectl without a version":   {func(m *machine) { m.kubectl.version = "banana" }, func(p plan) choice { return p.kubectl }, "does not tell its version"},
	} {
		t.Run(name, func(t *testing.T) {
			m := official()
			test.change(&m)
			c := test.choice(choose(m, testPins))
			if !c.build || !strings.Contains(c.reason, test.reason) {
				t.Errorf("got build=%v, %q; want it compiled because of %q", c.build, c.reason, test.reason)
			}
		})
	}
}

func TestKubectlWithinTheSkewIsUsed(t *testing.T) {
	for _, version := range []string{"v1.33.0", "v1.34.9", "v1.35.1+k3s1"} {
		m := official()
		m.kubectl.version = version
		if c := choose(m, testPins).kubectl; c.build {
			t.Errorf("kubectl %s: %v", version, c)
		}
	}
}

func TestKubectlAloneNeverCostsAllOfKubernetes(t *testing.T) {
	laptop := official() // With a Docker that has the released node image.
	laptop.clusterProvider = "kind"
	existing := official()
	existing.clusterProvider = "existing"
	for _, m := range []machine{laptop, existing} {
		m.kubectl.version = "v1.30.1"
		c := choose(m, testPins).kubectl
		if c.build || !strings.Contains(c.reason, "/usr/bin/kubectl") {
			t.Errorf("%s: a skewed kubectl is not used: %v", m.clusterProvider, c)
		}
		if warned, want := strings.Contains(c.reason, "WARNING"), m.clusterProvider == "kind"; warned != want {
			t.Errorf("%s: a warning: %v, want %v: %v", m.clusterProvider, warned, want, c)
		}
		m.kubectl = tool{}
		for _, module := range (&tree{root: "/r"}).catalogue(testPins, choose(m, testPins)) {
			for _, p := range module.programs {
				if module.name == "kubernetes" && (p.name != "kubectl" || len(p.links) > 0) {
					t.Errorf("%s without kubectl: compiles %+v", m.clusterProvider, p)
				}
			}
		}
	}
}

func TestNothingIsCompiledForANodeImageThatCannotBeBuilt(t *testing.T) {
	m := official()
	m.clusterProvider = "kind"
	m.imageBuilder = errors.New("building one needs root")
	if p := choose(m, testPins); p.unfit != nil {
		t.Errorf("with a registry: %v", p.unfit)
	}
	m.nodeImage = errors.New("no such host")
	err := choose(m, testPins).unfit
	if !errors.Is(err, m.nodeImage) || !errors.Is(err, m.imageBuilder) || !strings.Contains(err.Error(), "CLUSTER=existing") {
		t.Errorf("without: %v", err)
	}
	m.imageBuilder = nil
	if p := choose(m, testPins); p.unfit != nil {
		t.Errorf("as root: %v", p.unfit)
	}
}

func TestClusterProgramsAreOnlyForTheEmbeddedCluster(t *testing.T) {
	existing := official()
	existing.clusterProvider = "existing"
	mac := official()
	mac.os = "darwin"
	for _, m := range []machine{existing, mac} {
		if c := choose(m, testPins).cluster; c.build {
			t.Errorf("%v on %s with %s", c, m.os, m.clusterProvider)
		}
	}
}

func TestCatalogueFollowsThePlan(t *testing.T) {
	tree := &tree{root: "/tree"}
	programs := func(m machine) map[string]bool {
		all := map[string]bool{}
		for _, module := range tree.catalogue(testPins, choose(m, testPins)) {
			for _, p := range module.programs {
				all[p.name] = true
				for _, link := range p.links {
					all[link] = true
				}
			}
		}
		return all
	}

	bare := programs(machine{os: "linux", clusterProvider: "embedded"})
	for _, name := range []string{"pulumi", "pulumi-language-go", "pulumi-resource-kubernetes", "kubectl", "kubelet", "etcd", "coredns", "metrics-server", "pause", "gopherlocks-operator"} {
		if !bare[name] {
			t.Errorf("bare machine: no %s", name)
		}
	}
	full := programs(official())
	for _, name := range []string{"pulumi", "pulumi-language-go", "pulumi-resource-kubernetes", "kubectl"} {
		if full[name] {
			t.Errorf("machine with official parts: our %s would hide the official one", name)
		}
	}
	existing := official()
	existing.clusterProvider = "existing"
	if got := programs(existing); got["kubernetes"] || got["etcd"] {
		t.Error("existing cluster: Kubernetes would be compiled for nothing")
	}
	existing.kubectl = tool{}
	if got := programs(existing); !got["kubectl"] || got["kubelet"] || got["etcd"] {
		t.Errorf("existing cluster without kubectl: got %v, want kubectl and no server", got)
	}
}

func TestParseVersion(t *testing.T) {
	for text, want := range map[string]version{
		"v1.34.2": {1, 34}, "3.256.0-dev": {3, 256}, "v1.30": {1, 30}, "v1.33.1+k3s1": {1, 33},
		"": {}, "banana": {}, "v1": {}, "1.x": {}, "v1.2banana": {}, "v99999999999999999999.1.0": {},
	} {
		if got := parseVersion(text); got != want {
			t.Errorf("parseVersion(%q) = %v, want %v", text, got, want)
		}
	}
}
