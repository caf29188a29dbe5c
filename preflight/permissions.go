package preflight

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/gopherlocks/gopherlocks/declared"
)

// Permission is what may be allowed.
type Permission struct {
	Verb string
	declared.Resource
	// Subresource may be empty.
	Subresource string
	// Namespace is empty for the whole cluster.
	Namespace string
	// Name is empty for all objects.
	Name string
}

// Need is a permission that must be allowed, or others that can replace it.
type Need struct {
	Permission
	// Instead replaces it if all of Instead is allowed; nil if nothing replaces it.
	Instead []Permission
}

// Denial is a need that is not met.
type Denial struct {
	Permission
	// Missing is what is missing of Need.Instead.
	Missing []Permission
}

// Verbs of Pulumi's Kubernetes provider, with server-side apply. It applies, which
// takes patch, and create where there is nothing yet; it reads what is there, and
// watches until it is ready or gone.
var (
	verbsOfAll = []string{"create", "list", "watch"}
	verbsOfOne = []string{"get", "patch", "delete"}
	// verbsKept are for an object that was there before and stays.
	verbsKept = []string{"get", "patch"}
	// verbsWatched are for objects that are only watched.
	verbsWatched = []string{"list", "watch"}
)

// watchedUntilReady are the kinds that Pulumi also watches until an object of a
// kind is ready, in the object's namespace.
var watchedUntilReady = map[declared.Resource][]declared.Resource{
	declared.Deployments: {{Group: "apps", Resource: "replicasets"}, {Resource: "pods"}, {Resource: "persistentvolumeclaims"}},
}

// needs are the permissions to declare objects, each once. Kept objects need fewer.
func needs(objects []declared.Object, kept func(declared.Object) bool) []Need {
	var found []Need
	for _, o := range objects {
		at := Permission{Resource: o.Resource, Namespace: o.Namespace}
		named := at
		named.Name = o.Name
		if o.Resource == declared.Namespaces {
			// The API server checks a request about one namespace as one in it.
			named.Namespace = o.Name
		}
		switch {
		case kept(o):
			found = appendVerbs(found, named, verbsKept...)
		case o.Stays:
			found = appendVerbs(appendVerbs(found, at, verbsOfAll...), named, verbsKept...)
		default:
			found = appendVerbs(appendVerbs(found, at, verbsOfAll...), named, verbsOfOne...)
		}
		for _, r := range watchedUntilReady[o.Resource] {
			found = appendVerbs(found, Permission{Resource: r, Namespace: o.Namespace}, verbsWatched...)
		}
		// Without these a user cannot grant permissions that they do not have.
		if len(o.Rules) > 0 {
			named.Verb = "escalate"
			found = append(found, Need{named, granted(o.Rules, o.Namespace)})
		}
		if role := o.Role; role != nil {
			bind := Permission{Verb: "bind", Resource: role.Resource, Namespace: role.Namespace, Name: role.Name}
			// By a RoleBinding, a ClusterRole grants its rules in the binding's
			// namespace.
			found = append(found, Need{bind, granted(role.Rules, o.Namespace)})
		}
	}
	return distinct(found)
}

func appendVerbs(to []Need, at Permission, verbs ...string) []Need {
	for _, verb := range verbs {
		at.Verb = verb
		to = append(to, Need{Permission: at})
	}
	return to
}

func distinct(all []Need) (once []Need) {
	seen := map[Permission]bool{}
	for _, n := range all {
		if !seen[n.Permission] {
			seen[n.Permission] = true
			once = append(once, n)
		}
	}
	return once
}

// granted are the permissions that rules grant in a namespace, or in the whole
// cluster if it is empty.
func granted(rules []rbacv1.PolicyRule, namespace string) (all []Permission) {
	for _, rule := range rules {
		names := rule.ResourceNames
		if len(names) == 0 {
			names = []string{""}
		}
		for _, group := range rule.APIGroups {
			for _, resource := range rule.Resources {
				for _, verb := range rule.Verbs {
					for _, name := range names {
						resource, subresource, _ := strings.Cut(resource, "/")
						all = append(all, Permission{verb, declared.Resource{Group: group, Resource: resource}, subresource, namespace, name})
					}
				}
			}
		}
	}
	return all
}

// what is what a permission is about, as kubectl writes it: "deployments.apps/name".
func (p Permission) what() string {
	what := p.Resource.Resource
	if p.Subresource != "" {
		what += "/" + p.Subresource
	}
	if p.Group != "" {
		what += "." + p.Group
	}
	if p.Name != "" {
		what += "/" + p.Name
	}
	return what
}

// String is a permission in words: "create customresourcedefinitions.apiextensions.k8s.io (cluster-wide)".
func (p Permission) String() string { return described([]Permission{p})[0] }

// described lists permissions, one line for all about the same: "get, list pods
// (cluster-wide)", "get secrets (namespaces a, b)".
func described(all []Permission) (lines []string) {
	type place struct{ what, namespace string }
	type rule struct{ what, verbs string }
	verbs := map[place][]string{}
	var places []place
	for _, p := range all {
		at := place{p.what(), p.Namespace}
		if verbs[at] == nil {
			places = append(places, at)
		}
		verbs[at] = append(verbs[at], p.Verb)
	}
	namespaces := map[rule][]string{}
	var rules []rule
	for _, at := range places {
		of := slices.Compact(slices.Sorted(slices.Values(verbs[at])))
		r := rule{at.what, strings.Join(of, ", ")}
		if at.namespace == "" {
			r.what += " (cluster-wide)"
		}
		if namespaces[r] == nil {
			rules = append(rules, r)
		}
		namespaces[r] = append(namespaces[r], at.namespace)
	}
	for _, r := range rules {
		line := r.verbs + " " + r.what
		switch in := namespaces[r]; {
		case in[0] == "":
		case len(in) == 1:
			line += fmt.Sprintf(" (namespace %s)", in[0])
		default:
			line += fmt.Sprintf(" (namespaces %s)", strings.Join(in, ", "))
		}
		lines = append(lines, line)
	}
	return lines
}

// Explain turns denials into a problem, nil if there are none.
func Explain(user string, denied []Denial) *Problem {
	if len(denied) == 0 {
		return nil
	}
	var plain []Permission
	grants := map[string][]Permission{} // by what is missing instead
	var missing []string
	for _, d := range denied {
		if len(d.Missing) == 0 {
			plain = append(plain, unnamed(d.Permission))
			continue
		}
		instead := strings.Join(described(d.Missing), "; ")
		if grants[instead] == nil {
			missing = append(missing, instead)
		}
		grants[instead] = append(grants[instead], d.Permission)
	}
	lines := described(plain)
	for _, instead := range missing {
		lines = append(lines, fmt.Sprintf("%s, or all that it grants; of that is missing: %s",
			strings.Join(described(grants[instead]), "; "), instead))
	}
	who := cmp.Or(user, "the user of the context")
	return &Problem{
		Reason: ReasonForbidden,
		Message: fmt.Sprintf("%s lacks permissions, which an administrator of the cluster can grant:\n    %s",
			who, strings.Join(lines, "\n    ")),
	}
}

// unnamed leaves out the name of an object: an administrator will grant it for the
// whole resource. Some verbs know no names anyway.
func unnamed(p Permission) Permission {
	p.Name = ""
	return p
}
