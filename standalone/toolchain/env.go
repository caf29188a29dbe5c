package main

import (
	"context"
	"fmt"
	"io"
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
// on this tree, for `eval "$(make -s env)"`.
func printEnvironment(ctx context.Context, out io.Writer, t *tree) error {
	if _, err := os.Stat(t.bin); err != nil {
		return fmt.Errorf("no programs in %s; run `make tools` first", t.bin)
	}
	for _, e := range environment(t, t.clusterProvider(ctx), t.selectedStack(os.Getenv), os.LookupEnv) {
		fmt.Fprintf(out, "export %s=%s\n", e.name, quoteShell(e.value))
	}
	return nil
}

// environment returns the exports for a tree whose selected stack has the given cluster
// provider, which the program is to take if it may choose: the tools are those
// of that one. What the user has chosen by hand stays. PULUMI_HOME is left alone:
// with a backend that is named by PULUMI_BACKEND_URL, Pulumi writes no
// credentials there, and the user's plugins are to be found.
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
		// That of another stack leads to the wrong cluster: empty is the user's own.
		exports = append(exports, export{"KUBECONFIG", ""})
	}
	if chosen := get("PULUMI_STACK"); chosen != "" {
		exports = append(exports, export{"PULUMI_STACK", chosen})
	}
	// Also when the cluster is another by now: the old one may have to be removed.
	exports = append(exports, t.kindExports()...)
	exports = append(exports, export{"PULUMI_BACKEND_URL", t.backend(get)})
	// Pulumi refuses to start without a passphrase, or a file with one; an empty
	// one will do for a stack without secrets of its own. The program says of others
	// that it will not (package config).
	_, hasPassphrase := lookup("PULUMI_CONFIG_PASSPHRASE")
	if _, hasFile := lookup("PULUMI_CONFIG_PASSPHRASE_FILE"); !hasPassphrase && !hasFile {
		exports = append(exports, export{"PULUMI_CONFIG_PASSPHRASE", ""})
	}
	if packs, chosen := t.policyPacks(lookup); !chosen {
		exports = append(exports, export{policyPacksVariable, packs})
	}
	return append(exports,
		export{"PULUMI_SKIP_UPDATE_CHECK", "true"},
		// Pulumi compiles the program by itself: with the flags of all other
		// builds here, what they have compiled serves it too.
		export{"CGO_ENABLED", "0"},
		export{"GOFLAGS", addFlags(get("GOFLAGS"), buildFlags)},
	)
}

// policyPacksVariable gives Pulumi's preview and up their option --policy-pack;
// what the command line has of it comes in addition. Other commands ignore it.
const policyPacksVariable = "PULUMI_OPTION_POLICY_PACK"

// policyPacks returns the policy packs of a tree as Pulumi reads them, or that
// the user has chosen others: an empty variable means none. The pack of another
// tree is no choice.
func (t *tree) policyPacks(lookup func(string) (string, bool)) (packs string, chosen bool) {
	have, set := lookup(policyPacksVariable)
	if other, ok := lookup(stackcluster.BinVariable); set && (!ok || have != asOption(filepath.Join(other, policyPack))) {
		return "", true
	}
	return asOption(filepath.Join(t.bin, policyPack)), false
}

// asOption writes a path as an element of a list that Pulumi reads from the
// environment: it takes commas and quotes apart twice, once for the variable and
// once for the option.
func asOption(path string) string {
	for range 2 {
		if strings.ContainsAny(path, ",\"") {
			path = `"` + strings.ReplaceAll(path, `"`, `""`) + `"`
		}
	}
	return path
}

// kindExports lead to what was provided for kind.
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

// appendMissing puts folders last in a PATH, unless they are in it: programs are
// to be found where missingPackages looks for them. `su` without `-` leaves the
// PATH of a plain user.
func appendMissing(path string, folders []string) string {
	entries := filepath.SplitList(path)
	for _, folder := range folders {
		if !slices.Contains(entries, folder) {
			entries = append(entries, folder)
		}
	}
	return strings.Join(entries, string(filepath.ListSeparator))
}

// addFlags adds flags to a list that is separated by spaces, unless they are
// there with this or another value.
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
