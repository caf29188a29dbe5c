// Package operator is the parent of the operator's packages. The flow is
//
//	MiniCluster ── gather ──► plan (pure) ── apply ──► Service, Job ── status
//
// internal/controller gathers, applies and reports; internal/plan decides;
// internal/build makes the objects. bounds is the rule about sizes, api the types,
// rbac the generated rules, cmd the program.
package operator

// The deep copies, the CustomResourceDefinition and the RBAC rules are made from
// the types and the markers in the code; they are committed.
//go:generate go tool controller-gen object crd:crdVersions=v1 rbac:roleName=gopherlocks-operator paths=./... output:crd:dir=../crds output:rbac:dir=rbac
