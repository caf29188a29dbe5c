package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gopherlocks/gopherlocks/provider/containerengine"
	"github.com/gopherlocks/gopherlocks/stackcluster"
)

// export is a shell variable to set.
type export struct{ name, value string }

// printEnvironment prints the exports that make plain pulumi and kubectl work
// on this tree, for `eval "$(make -s env)"`, and returns them.
func printEnvironment(ctx context.Context, out io.Writer, t *tree) ([]export, error) {
	if _, err := os.Stat(t.bin); err != nil {
		return nil, fmt.Errorf("no programs in %s; run `make tools` first", t.bin)
	}
	exports := environment(t, t.clusterProvider(ctx), t.selectedStack(os.Getenv), os.LookupEnv)
	for _, e := range exports {
		fmt.Fprintf(out, "export %s=%s\n", e.name, quoteShell(e.value))
	}
	return exports, nil
}

// environment returns the exports for a tree. cluster is the provider of the
// selected stack: the tools are for it, and the program must take it if it may
// choose. What the user has set stays. PULUMI_HOME is left alone: the user's
// plugins are there, and Pulumi writes no credentials there if PULUMI_BACKEND_URL
// names the backend.
func environment(t *tree, cluster stackcluster.Choice, stack string, lookup func(string) (string, bool)) []export {
	get := func(name string) string { value, _ := lookup(name); return value }
	exports := []export{
		{"PATH", appendMissing(prependPath(t.bin, get("PATH")), systemFolders)},
		{stackcluster.BinVariable, t.bin},
		{stackcluster.ProposalVariable, cluster.Provider},
		{stackcluster.ProposalReasonVariable, cluster.Reason},
	}
	switch {
	case stackcluster.IsOfThisMachine(cluster.Provider):
		exports = append(exports, export{"KUBECONFIG", stackcluster.KubeconfigFile(t.state, stack)})
	case filepath.Dir(get("KUBECONFIG")) == t.state:
		// Another stack's kubeconfig leads to the wrong cluster. Empty means the
		// user's own.
		exports = append(exports, export{"KUBECONFIG", ""})
	}
	if chosen := get("PULUMI_STACK"); chosen != "" {
		exports = append(exports, export{"PULUMI_STACK", chosen})
	}
	// They are set even if the stack has another cluster by now: the old one may
	// have to be removed.
	exports = append(exports, t.kindExports()...)
	exports = append(exports, export{"PULUMI_BACKEND_URL", t.backend(get)})
	exceptions := stackcluster.ProxyExceptions(cluster.Provider, get)
	for _, name := range slices.Sorted(maps.Keys(exceptions)) {
		exports = append(exports, export{name, exceptions[name]})
	}
	// Pulumi refuses to start without a passphrase, or a file with one. An empty
	// one suffices for a stack without secrets of its own. For other stacks the
	// program refuses it (package config).
	_, hasPassphrase := lookup("PULUMI_CONFIG_PASSPHRASE")
	if _, hasFile := lookup("PULUMI_CONFIG_PASSPHRASE_FILE"); !hasPassphrase && !hasFile {
		exports = append(exports, export{"PULUMI_CONFIG_PASSPHRASE", ""})
	}
	if packs, chosen := t.policyPacks(lookup); !chosen {
		exports = append(exports, export{policyPacksVariable, packs})
	}
	return append(exports,
		export{"PULUMI_SKIP_UPDATE_CHECK", "true"},
		// Pulumi compiles the program by itself. With the same flags as all other
		// builds here it uses their compiled packages.
		export{"CGO_ENABLED", "0"},
		export{"GOFLAGS", addFlags(get("GOFLAGS"), buildFlags)},
	)
}

// policyPacksVariable gives Pulumi's preview and up their option --policy-pack,
// besides those on the command line. Other commands ignore it.
const policyPacksVariable = "PULUMI_OPTION_POLICY_PACK"

// policyPacks returns the policy packs of a tree as Pulumi reads them. chosen says
// that the user has chosen others instead; an empty variable is such a choice. The
// pack of another tree is none.
func (t *tree) policyPacks(lookup func(string) (string, bool)) (packs string, chosen bool) {
	have, set := lookup(policyPacksVariable)
	if other, ok := lookup(stackcluster.BinVariable); set && (!ok || have != asOption(filepath.Join(other, policyPack))) {
		return "", true
	}
	return asOption(filepath.Join(t.bin, policyPack)), false
}

// asOption writes a path as an element of a list that Pulumi reads from the
// environment. Pulumi splits the list at commas and quotes twice: once for the
// variable and once for the option.
func asOption(path string) string {
	for range 2 {
		if strings.ContainsAny(path, ",\"") {
			path = `"` + strings.ReplaceAll(path, `"`, `""`) + `"`
		}
	}
	return path
}

// kindExports name what was provided for kind.
func (t *tree) kindExports() []export {
	provided := containerengine.LoadProvided(t.state)
	var exports []export
	if provided.DockerHost != "" {
		exports = append(exports, export{"DOCKER_HOST", provided.DockerHost})
	}
	if provided.NodeImage != "" {
		exports = append(exports, export{stackcluster.NodeImageVariable, provided.NodeImage})
	}
	return exports
}

// prependPath puts dir first in a PATH, and only there.
func prependPath(dir, path string) string {
	rest := slices.DeleteFunc(filepath.SplitList(path), func(entry string) bool { return entry == dir })
	return strings.Join(append([]string{dir}, rest...), string(filepath.ListSeparator))
}

// appendMissing puts folders last in a PATH, unless they are in it. Programs must
// be found wherever missingPackages looks for them, and `su` without `-` leaves a
// plain user's PATH.
func appendMissing(path string, folders []string) string {
	entries := filepath.SplitList(path)
	for _, folder := range folders {
		if !slices.Contains(entries, folder) {
			entries = append(entries, folder)
		}
	}
	return strings.Join(entries, string(filepath.ListSeparator))
}

// addFlags adds flags to a list that is separated by spaces. It skips those that
// the list has already, with any value.
func addFlags(list string, flags []string) string {
	all := strings.Fields(list)
	for _, flag := range flags {
		name, _, _ := strings.Cut(flag, "=")
		if !slices.ContainsFunc(all, func(have string) bool { return have == name || strings.HasPrefix(have, name+"=") }) {
			all = append(all, flag)
		}
	}
	return strings.Join(all, " ")
}

// quoteShell quotes a value for a POSIX shell.
func quoteShell(value string) string {
	return "'" + strings.ReplaceAll(value, "'", `'\''`) + "'"
}
