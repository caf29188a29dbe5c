package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// module is a Go module that programs are compiled from, in one go command, so
// that they share what they have in common and are linked in parallel.
type module struct {
	name     string // Of the step and its log.
	title    string // What the user reads, with the version.
	dir      string // Absolute.
	ldflags  string // Of the linker; the same for all programs.
	programs []program
	// closure says that a program's key covers the packages that it imports,
	// and not the module's whole folder: right for a module that changes often.
	closure bool
	fork    *fork // Of a module that does not compile as it is; nil for none.
}

// program is one executable file.
type program struct {
	name string
	// pkg is the import path, or relative to the module's folder; its last
	// element is the name, as `go build -o DIR/` names its results.
	pkg   string
	links []string // Further names, for programs that look at the name they are called by.
}

// kubernetesLinks are the names that the multi-call binary goes by, but kubectl.
var kubernetesLinks = []string{"kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy"}

const (
	pulumiModule     = "github.com/pulumi/pulumi/pkg/v3"
	pulumiPackage    = pulumiModule + "/cmd/pulumi"
	pulumiVersion    = "github.com/pulumi/pulumi/sdk/v3/go/common/version.Version"
	pluginModule     = "github.com/pulumi/pulumi-kubernetes/provider/v4"
	pluginVersion    = pluginModule + "/pkg/version.Version"
	pluginSDKModule  = "github.com/pulumi/pulumi-kubernetes/sdk/v4"
	policyPack       = "gopherlocks-policies"
	kubernetesModule = "k8s.io/kubernetes"
	stripped         = "-s -w" // No symbol tables: smaller files and faster linking.
)

// catalogue lists the modules and programs to provide, less what the plan takes
// from the machine.
func (t *tree) catalogue(v versions, plan plan) []module {
	ours := module{
		name:    "gopherlocks",
		title:   "Gopherlocks",
		dir:     t.root,
		closure: true,
		ldflags: fmt.Sprintf("%s -X %s=%s", stripped, pulumiVersion, v.pulumi),
		programs: []program{
			{name: "pulumi-resource-gopherlocks", pkg: "./provider/cmd/pulumi-resource-gopherlocks"},
			{name: "gopherlocks-operator", pkg: "./operator/cmd/gopherlocks-operator"},
			{name: "gopherlocks-metrics", pkg: "./operator/cmd/gopherlocks-metrics"},
			{name: "gopherlocks-agent", pkg: "./operator/cmd/gopherlocks-agent"},
			{name: "gopherlocks-demo-workload", pkg: "./demo/cmd/gopherlocks-demo-workload"},
			{name: "gopherlocks-demo", pkg: "./demo/cmd/gopherlocks-demo"},
			{name: policyPack, pkg: "./policies/cmd/gopherlocks-policies"},
			{name: "gopherlocks-plan", pkg: "./resizeplan/cmd/gopherlocks-plan"},
			{name: "pause", pkg: "./standalone/cmd/pause"},
		},
	}
	if plan.pulumi.build {
		ours.title += " and Pulumi " + v.pulumi
		ours.programs = append(ours.programs,
			program{name: "pulumi", pkg: pulumiPackage},
			program{name: "pulumi-language-go", pkg: "./standalone/langhost/cmd/pulumi-language-go"})
	}
	if plan.kind && plan.cluster.build {
		ours.programs = append(ours.programs, program{name: "kindnet", pkg: "./standalone/kind/cmd/kindnet"})
	}
	modules := []module{ours}
	if plan.cluster.build || plan.kubectl.build {
		modules = append(modules, t.kubernetes(v.kubernetes, plan))
	}
	if plan.plugin.build {
		modules = append(modules, t.plugin(v.pluginSDK))
	}
	return modules
}

// kubernetes is the module of the cluster's programs, all unchanged upstream.
// Where nothing but kubectl is needed, it is a program of its own: the one of all
// servers takes eight minutes of the processor.
func (t *tree) kubernetes(version string, plan plan) module {
	m := module{
		name:    "kubernetes",
		title:   "Kubernetes " + version,
		dir:     filepath.Join(t.root, modulesFolder, "kubernetes"),
		ldflags: kubernetesFlags(version),
	}
	if !plan.cluster.build {
		m.title = "kubectl " + version
		m.programs = []program{{name: "kubectl", pkg: kubernetesModule + "/cmd/kubectl"}}
		return m
	}
	multicall := program{name: "kubernetes", pkg: "./cmd/kubernetes", links: slices.Clone(kubernetesLinks)}
	if plan.kubectl.build {
		multicall.links = append(multicall.links, "kubectl")
	}
	m.programs = []program{multicall}
	for _, name := range []string{"etcd", "coredns", "metrics-server"} {
		m.programs = append(m.programs, program{name: name, pkg: "./cmd/" + name})
	}
	if plan.kind {
		m.programs = append(m.programs, program{name: "kubeadm", pkg: "./cmd/kubeadm"})
	}
	return m
}

// kubernetesFlags tell Kubernetes' programs their version.
func kubernetesFlags(version string) string {
	v := parseVersion(version)
	return fmt.Sprintf("%s -X %[2]sgitVersion=%[3]s -X %[2]sgitMajor=%[4]d -X %[2]sgitMinor=%[5]d -X k8s.io/client-go/pkg/version.gitVersion=%[3]s",
		stripped, "k8s.io/component-base/version.", version, v.major, v.minor)
}

// plugin is the module of Pulumi's Kubernetes plugin. The last version that is
// published as a Go module wants an older Pulumi than we pin; with the edits it
// compiles with ours, and shares its compiled packages.
func (t *tree) plugin(version string) module {
	const command = "cmd/pulumi-resource-kubernetes"
	return module{
		name:     "pulumi-kubernetes",
		title:    "Pulumi's Kubernetes plugin " + version,
		dir:      filepath.Join(t.root, modulesFolder, "pulumi-kubernetes"),
		ldflags:  fmt.Sprintf("%s -X %s=%s", stripped, pluginVersion, strings.TrimPrefix(version, "v")),
		programs: []program{{name: "pulumi-resource-kubernetes", pkg: pluginModule + "/" + command}},
		fork: &fork{
			module:  pluginModule,
			folders: []string{"pkg", command},
			embeds: map[string]string{
				command + "/schema-embed.json":            command + "/schema.json",
				command + "/terraform-mapping-embed.json": command + "/terraform-mapping.json",
			},
			version: strings.TrimPrefix(version, "v"),
		},
	}
}

// everyName lists all names of the bin folder that may hide a program of the machine.
// What kind's nodes are made of hides none. It stays: tests of kind need it while other
// tests of the same tree provide their tools.
func (t *tree) everyName(v versions) []string {
	all := choice{build: true}
	var names []string
	for _, m := range t.catalogue(v, plan{pulumi: all, plugin: all, kubectl: all, cluster: all}) {
		for _, p := range m.programs {
			names = append(append(names, p.name), p.links...)
		}
	}
	return names
}
