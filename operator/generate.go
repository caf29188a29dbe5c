// Package operator is the parent of the operator's packages. The flow is
//
//	MiniCluster ── gather ──► plan (pure) ── apply ──► Service, Job ── status
//
// internal/controller gathers, applies and reports; internal/plan decides;
// internal/build makes the objects. bounds is the rule about sizes, api the types,
// rbac the generated rules, cmd the program.
package operator

// The deep copies and the CustomResourceDefinition are made from the types and
// their markers, the RBAC rules from markers in the code; they are committed.
// internal/insertrules puts the rules of api/v1alpha2/rules where markers refer to
// them. The definition's older version is a copy that crds/serveversion makes, so
// that it needs no Go types of its own.
//go:generate go tool controller-gen object crd:crdVersions=v1 paths=./api/... output:crd:dir=../crds
//go:generate go run ./internal/insertrules -from api/v1alpha2 ../crds/flux-framework.org_miniclusters.yaml
//go:generate go run ../crds/serveversion -as v1alpha1 ../crds/flux-framework.org_miniclusters.yaml
//go:generate go tool controller-gen rbac:roleName=gopherlocks-operator paths=./internal/... output:rbac:dir=rbac
