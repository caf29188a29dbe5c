// Package e2e tries the whole of Gopherlocks as a user would, in a copy of the work
// tree. It uses make, pulumi and kubectl, makes its own cluster, and puts real load
// on it. It needs Linux and root. The cluster is an embedded one, or with
// GOPHERLOCKS_CLUSTER=kind one of three nodes in containers.
package e2e
