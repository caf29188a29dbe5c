// Package e2e tries the whole of Gopherlocks as a user would: in a copy of the
// work tree, through make, pulumi and kubectl, on a cluster of its own, with real
// load. It needs Linux and root. The cluster is an embedded one, or with
// GOPHERLOCKS_CLUSTER=kind one of three nodes in containers.
package e2e
