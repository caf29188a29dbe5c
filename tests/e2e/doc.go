// Package e2e tries the whole of Gopherlocks as a user would: in a copy of the
// work tree, through make, pulumi and kubectl, on an embedded cluster of its
// own, with real load. It needs Linux and root.
package e2e
