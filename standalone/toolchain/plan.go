package main

import (
	"cmp"
	"fmt"
	"regexp"
	"strconv"

	"github.com/gopherlocks/gopherlocks/stackcluster"
)

// choice is the decision about one part: compiled here, or taken from the machine.
// It has the reason, in words for the user.
type choice struct {
	what   string
	build  bool
	reason string
}

func (c choice) String() string { return c.what + ": " + c.reason }

// plan says where each part comes from.
type plan struct {
	pulumi  choice // The command line and its Go language host.
	plugin  choice // Pulumi's Kubernetes plugin.
	kubectl choice
	cluster choice // The programs of the embedded cluster, or of kind's node image.
	kind    bool   // Whether the cluster is one of kind.
	unfit   error  // Why no cluster could be made with the compiled programs; nil when one could.
}

func (p plan) choices() []choice { return []choice{p.pulumi, p.plugin, p.kubectl, p.cluster} }

// tool is a program that the machine has; the zero tool is none.
type tool struct {
	path    string
	version string // As it reports it; "" when it did not answer.
}

// machine is what was found on the machine, outside of our own bin folders.
type machine struct {
	os              string // GOOS
	pulumi          tool
	languageHost    string // pulumi-language-go beside that pulumi.
	plugin          error  // Why an official pulumi cannot use the Kubernetes plugin; nil when it can.
	kubectl         tool
	clusterProvider string
	nodeImage       error // Why kind's released node image is not available; nil when it is.
	imageBuilder    error // Why no node image can be built instead; nil when one can.
}

// minimumPulumi is the first release that runs a compiled policy pack given by
// its path (pulumi/pulumi, --policy-pack with an executable).
var minimumPulumi = version{major: 3, minor: 255}

// choose decides where each part comes from. It asks nothing of the machine.
func choose(found machine, pinned versions) plan {
	p := plan{pulumi: choosePulumi(found, pinned), cluster: chooseCluster(found, pinned), kind: found.clusterProvider == stackcluster.Kind}
	p.plugin = choosePlugin(found, pinned, p.pulumi)
	p.kubectl = chooseKubectl(found, pinned, p.cluster)
	if p.kind && p.cluster.build && found.imageBuilder != nil {
		p.unfit = fmt.Errorf("kind's node image is not available (%w), and %w. Let the container engine reach the registry, "+
			"or give it %s from a file; or %s", found.nodeImage, found.imageBuilder, pinned.nodeImage, useExisting)
	}
	return p
}

func choosePulumi(found machine, pinned versions) choice {
	c := choice{what: "pulumi", build: true}
	v := parseVersion(found.pulumi.version)
	switch {
	case found.pulumi.path == "":
		c.reason = fmt.Sprintf("none on PATH; using %s compiled from its Go module", pinned.pulumi)
	case v == version{}:
		c.reason = fmt.Sprintf("%s does not tell its version; using %s compiled from its Go module", found.pulumi.path, pinned.pulumi)
	case v.compare(minimumPulumi) < 0:
		c.reason = fmt.Sprintf("%s is %s, older than %s; using %s compiled from its Go module", found.pulumi.path, found.pulumi.version, minimumPulumi, pinned.pulumi)
	case found.languageHost == "":
		c.reason = fmt.Sprintf("%s has no pulumi-language-go beside it; using %s compiled from its Go module", found.pulumi.path, pinned.pulumi)
	default:
		c.build = false
		c.reason = fmt.Sprintf("using %s, %s", found.pulumi.path, found.pulumi.version)
	}
	return c
}

func choosePlugin(found machine, pinned versions, pulumi choice) choice {
	c := choice{what: "Kubernetes plugin", build: true}
	switch {
	case pulumi.build:
		c.reason = fmt.Sprintf("no official pulumi to install it; using %s compiled from its Go module", pinned.pluginSDK)
	case found.plugin != nil:
		c.reason = fmt.Sprintf("pulumi cannot install it (%v); using %s compiled from its Go module", found.plugin, pinned.pluginSDK)
	default:
		c.build = false
		c.reason = fmt.Sprintf("using %s, installed by pulumi", pinned.pluginSDK)
	}
	return c
}

// chooseKubectl takes the machine's kubectl. If the cluster's programs are compiled
// anyway, they include one at no cost. The machine's must then be at most one minor
// version away from the cluster:
// https://kubernetes.io/releases/version-skew-policy/#kubectl
func chooseKubectl(found machine, pinned versions, cluster choice) choice {
	c := choice{what: "kubectl"}
	v, server := parseVersion(found.kubectl.version), parseVersion(pinned.kubernetes)
	skewed := v.major != server.major || v.minor < server.minor-1 || v.minor > server.minor+1
	unfit := ""
	switch {
	case found.kubectl.path == "":
		c.build = true
		unfit = "none on PATH"
	case v == version{}:
		c.build = true
		unfit = found.kubectl.path + " does not tell its version"
	case skewed:
		c.build = cluster.build
		unfit = fmt.Sprintf("%s is %s, more than one minor version from %s", found.kubectl.path, found.kubectl.version, pinned.kubernetes)
	}
	switch {
	case c.build && cluster.build:
		c.reason = fmt.Sprintf("%s; using %s, which the cluster's programs bring along", unfit, pinned.kubernetes)
	case c.build:
		c.reason = fmt.Sprintf("%s; using %s compiled from its Go module, without the rest of Kubernetes", unfit, pinned.kubernetes)
	// The version of an existing cluster is not known here.
	case skewed && found.clusterProvider == stackcluster.Kind:
		c.reason = fmt.Sprintf("using %s; WARNING: it is %s, more than one minor version from %s, and may lack what came in between",
			found.kubectl.path, found.kubectl.version, pinned.kubernetes)
	default:
		c.reason = fmt.Sprintf("using %s, %s", found.kubectl.path, found.kubectl.version)
	}
	return c
}

func chooseCluster(found machine, pinned versions) choice {
	c := choice{what: "cluster"}
	switch {
	case found.clusterProvider == stackcluster.Kind && found.nodeImage == nil:
		c.reason = fmt.Sprintf("nothing to provide, using %s", pinned.nodeImage)
	case found.clusterProvider == stackcluster.Kind && found.os == "linux":
		c.build = true
		c.reason = fmt.Sprintf("kind's node image is not available (%v); using one with Kubernetes %s compiled from its Go modules", found.nodeImage, pinned.kubernetes)
	case found.clusterProvider != stackcluster.Embedded:
		c.reason = fmt.Sprintf("nothing to provide, the stack's clusterProvider is %s", found.clusterProvider)
	case found.os != "linux":
		c.reason = fmt.Sprintf("nothing to provide, an embedded cluster needs Linux and this is %s", found.os)
	default:
		c.build = true
		c.reason = fmt.Sprintf("using Kubernetes %s compiled from its Go modules", pinned.kubernetes)
	}
	return c
}

// version is the part of a semantic version that decisions need.
type version struct{ major, minor int }

var versionPattern = regexp.MustCompile(`^v?(\d+)\.(\d+)(?:[.+-]|$)`)

// parseVersion reads "v1.34.2", "3.256.0-dev" and the like; the zero version
// when text is no version.
func parseVersion(text string) version {
	match := versionPattern.FindStringSubmatch(text)
	if match == nil {
		return version{}
	}
	major, errMajor := strconv.Atoi(match[1])
	minor, errMinor := strconv.Atoi(match[2])
	if errMajor != nil || errMinor != nil {
		return version{}
	}
	return version{major: major, minor: minor}
}

func (v version) compare(other version) int {
	return cmp.Or(cmp.Compare(v.major, other.major), cmp.Compare(v.minor, other.minor))
}

func (v version) String() string { return fmt.Sprintf("%d.%d", v.major, v.minor) }
