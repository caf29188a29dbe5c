// Package rbac holds the operator's generated access rules. They are the least
// that it works with: the tests against a real API server run under them.
package rbac

import _ "embed"

// Role is YAML of two documents: the ClusterRole gopherlocks-operator, for what
// the operator does with MiniClusters in every namespace, and the Role of the
// same name for the lease of its leader election. The Role's namespace in the
// file is a placeholder, "system": put the operator's own in.
//
//go:embed role.yaml
var Role []byte
