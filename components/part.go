package components

import (
	"fmt"

	corev1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/core/v1"
	metav1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/meta/v1"
	rbacv1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/rbac/v1"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/gopherlocks/gopherlocks/declared"
)

// part is a Kubernetes object of a component: its description, which others judge
// before anything is declared, and how it is declared. A component declares its list
// of parts and nothing else, so that the two cannot differ.
type part struct {
	declared.Object
	// suffix follows the component's name in the name of the Pulumi resource.
	suffix              string
	labels, annotations map[string]string
	// after are parts that must be there before.
	after   []*part
	declare func(child) (pulumi.Resource, error)
	// made is the resource, once it is declared.
	made pulumi.Resource
}

// child is what a part is declared with.
type child struct {
	ctx  *pulumi.Context
	name string
	meta metav1.ObjectMetaArgs
	opts []pulumi.ResourceOption
}

// declareParts declares the parts of a component, in their order.
func declareParts(ctx *pulumi.Context, name string, parts []*part, opts ...pulumi.ResourceOption) error {
	for _, p := range parts {
		c := child{ctx: ctx, name: name + p.suffix, meta: p.meta()}
		c.opts = append(c.opts, opts...)
		if len(p.after) > 0 {
			var earlier []pulumi.Resource
			for _, other := range p.after {
				earlier = append(earlier, other.made)
			}
			c.opts = append(c.opts, pulumi.DependsOn(earlier))
		}
		if p.Stays {
			c.opts = append(c.opts, pulumi.RetainOnDelete(true))
		}
		var err error
		if p.made, err = p.declare(c); err != nil {
			return fmt.Errorf("%s %s: %w", p.Resource.Resource, p.Name, err)
		}
	}
	return nil
}

func (p *part) meta() metav1.ObjectMetaArgs {
	meta := metav1.ObjectMetaArgs{Name: pulumi.String(p.Name)}
	if p.Namespace != "" {
		meta.Namespace = pulumi.String(p.Namespace)
	}
	if len(p.labels) > 0 {
		meta.Labels = pulumi.ToStringMap(p.labels)
	}
	if len(p.annotations) > 0 {
		meta.Annotations = pulumi.ToStringMap(p.annotations)
	}
	return meta
}

func objectsOf(parts []*part) []declared.Object {
	objects := make([]declared.Object, len(parts))
	for i, p := range parts {
		objects[i] = p.Object
	}
	return objects
}

// signature is the annotation by which a stack finds again what it has made; none
// where it need not.
func signature(stack string) map[string]string {
	if stack == "" {
		return nil
	}
	return map[string]string{declared.AnnotationStack: stack}
}

func newServiceAccount(c child) (pulumi.Resource, error) {
	return corev1.NewServiceAccount(c.ctx, c.name, &corev1.ServiceAccountArgs{Metadata: c.meta}, c.opts...)
}

// bindingPart grants a role to a ServiceAccount: in a namespace, or with an empty one in
// the whole cluster.
func bindingPart(namespace, name string, role declared.Object, account *part) *part {
	ref := rbacv1.RoleRefArgs{
		ApiGroup: pulumi.String(role.Group), Kind: pulumi.String("ClusterRole"), Name: pulumi.String(role.Name),
	}
	if role.Namespace != "" {
		ref.Kind = pulumi.String("Role")
	}
	subjects := rbacv1.SubjectArray{rbacv1.SubjectArgs{
		Kind: pulumi.String("ServiceAccount"), Name: pulumi.String(account.Name), Namespace: pulumi.String(account.Namespace),
	}}
	binding := &part{Object: declared.Object{Resource: declared.ClusterRoleBindings, Name: name, Role: &role}, after: []*part{account}}
	binding.declare = func(c child) (pulumi.Resource, error) {
		return rbacv1.NewClusterRoleBinding(c.ctx, c.name, &rbacv1.ClusterRoleBindingArgs{Metadata: c.meta, RoleRef: ref, Subjects: subjects}, c.opts...)
	}
	if namespace != "" {
		binding.Resource, binding.Namespace = declared.RoleBindings, namespace
		binding.declare = func(c child) (pulumi.Resource, error) {
			return rbacv1.NewRoleBinding(c.ctx, c.name, &rbacv1.RoleBindingArgs{Metadata: c.meta, RoleRef: ref, Subjects: subjects}, c.opts...)
		}
	}
	return binding
}
