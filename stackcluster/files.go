package stackcluster

import "path/filepath"

// Variables of the environment by which make and `make env` tell the program and
// the plugin what was asked for and provided.
const (
	// CommandVariable is what `make CLUSTER=…` was told.
	CommandVariable = "GOPHERLOCKS_CLUSTER"
	// ProposalVariable is what a stack without a choice is to take, and
	// ProposalReasonVariable why.
	ProposalVariable       = "GOPHERLOCKS_CLUSTER_PROVIDER"
	ProposalReasonVariable = "GOPHERLOCKS_CLUSTER_REASON"
	// BinVariable is the folder of the programs.
	BinVariable = "GOPHERLOCKS_BIN"
	// NodeImageVariable is the image of kind's nodes, where one was built.
	NodeImageVariable = "GOPHERLOCKS_KIND_NODE_IMAGE"
)

// StateFolder, in the folder of the project, holds what belongs to one checkout of
// it. Git ignores it.
const StateFolder = ".gopherlocks"

// BinSuffix ends the path of the folder of programs in every checkout.
const BinSuffix = "/" + StateFolder + "/bin"

// recordPrefix begins the name of each record; the stack's name follows.
const recordPrefix = "clusterProvider."

// RecordFile is where the plugin notes the provider of a stack's cluster, for
// programs that cannot ask Pulumi.
func RecordFile(state, stack string) string { return filepath.Join(state, recordPrefix+stack) }

// RecordFiles are those of all stacks in a state folder, by stack.
func RecordFiles(state string) map[string]string {
	// The pattern is well-formed.
	files, _ := filepath.Glob(RecordFile(state, "*"))
	byStack := make(map[string]string, len(files))
	for _, file := range files {
		byStack[filepath.Base(file)[len(recordPrefix):]] = file
	}
	return byStack
}

// KubeconfigFile is where the kubeconfig of a stack's own cluster is kept: each stack
// has its own.
func KubeconfigFile(state, stack string) string { return filepath.Join(state, "kubeconfig."+stack) }

// ProvidedFile is where the toolchain notes what it has provided for clusters of kind.
// The Makefile reads it too.
func ProvidedFile(state string) string { return filepath.Join(state, "kind.json") }
