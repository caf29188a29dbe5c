package rules

import (
	"errors"
	"slices"

	"github.com/gopherlocks/gopherlocks/operator/bounds"
)

// miniCluster is a MiniCluster as a program declares it: the custom resource, or
// our component. The component shows the declared size even if the custom resource
// ignores changes of it.
type miniCluster struct {
	*Resource
	component bool
	// sizes holds the fields size, minSize and maxSize.
	sizes field
	id    objectID
}

// objectID identifies a namespaced object of Kubernetes.
type objectID struct{ namespace, name field }

// objectID returns that of the object which the program declares.
func (r *Resource) objectID() objectID {
	return objectID{r.input("metadata", "namespace"), r.input("metadata", "name")}
}

// miniClusters returns the stack's MiniClusters: custom resources and components.
func (s Stack) miniClusters() []miniCluster {
	var all []miniCluster
	for i := range s.Resources {
		switch r := &s.Resources[i]; {
		case r.Type == typeMiniClusterComponent:
			all = append(all, miniCluster{Resource: r, component: true, sizes: r.input()})
		case isOf(r.Type, prefixMiniCluster, kind):
			all = append(all, miniCluster{Resource: r, sizes: r.input("spec"), id: r.objectID()})
		}
	}
	return all
}

// customResources are the MiniClusters without the components.
func (s Stack) customResources() []miniCluster {
	var all []miniCluster
	for _, m := range s.miniClusters() {
		if !m.component {
			all = append(all, m)
		}
	}
	return all
}

// defaultNamespace is where an object without a namespace goes.
const defaultNamespace = "default"

// is says whether two IDs are the same. The error names a field that is not known
// yet. A malformed ID equals no other.
func (id objectID) is(other objectID) (bool, error) {
	if same, err := equal(id.name, other.name, ""); !same {
		return false, err
	}
	return equal(id.namespace, other.namespace, defaultNamespace)
}

func equal(a, b field, fallback string) (bool, error) {
	for _, f := range []field{a, b} {
		if f.unknown() {
			return false, unknownError{f.path}
		}
	}
	first, errFirst := a.textOr(fallback)
	second, errSecond := b.textOr(fallback)
	return errFirst == nil && errSecond == nil && first == second && first != "", nil
}

// defaultSize is the API server's default of size and minSize.
// Source: operator/api/v1alpha2.
const defaultSize = 1

// declaredSizes are the sizes that the program asks for.
func (m miniCluster) declaredSizes() (bounds.Sizes, error) {
	size, errSize := m.sizes.at("size").integerOr(defaultSize)
	minSize, errMin := m.sizes.at("minSize").integerOr(defaultSize)
	maxSize, errMax := m.sizes.at("maxSize").integerOr(0)
	s := bounds.Sizes{Size: size, MinSize: minSize, MaxSize: maxSize}
	if m.leavesOut("size") {
		s.Size = minSize // It violates nothing that is not reported of minSize.
	}
	// The program does not declare this one: the operator keeps it in the status,
	// if there is one.
	if maximum, err := m.output("status", "maximumSize").integer(); err == nil {
		s.MaximumSize = maximum
	}
	return s, errors.Join(errSize, errMin, errMax)
}

// leavesOut says that the MiniCluster is a Patch without the field.
func (m miniCluster) leavesOut(name string) bool { return m.isPatch() && m.sizes.at(name).absent() }

// violations are those of the bounds rule by fields that are declared.
func (m miniCluster) violations(s bounds.Sizes) []bounds.Violation {
	return slices.DeleteFunc(bounds.Check(s), func(v bounds.Violation) bool { return m.leavesOut(v.Field) })
}

// live is the number of ranks that exist. ok is false if it is not known.
func (m miniCluster) live() (size int, ok bool) {
	size, err := m.output("status", "size").integer()
	return size, err == nil && size > 0
}

// hidesSizes says that one of the sizes must not be shown.
func (m miniCluster) hidesSizes() bool {
	return m.sizes.at("size").secret || m.sizes.at("minSize").secret || m.sizes.at("maxSize").secret
}

// bound adds a violation of the bounds rule, with the rule's own message.
func (r *report) bound(at *Resource, v bounds.Violation, hidden bool) {
	if hidden {
		r.violation(at, v.Reason, "%s is out of bounds; the values are not shown, since they are secret", v.Field)
		return
	}
	r.violation(at, v.Reason, "%s", v.Message)
}
