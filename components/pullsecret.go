package components

import (
	corev1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/core/v1"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/gopherlocks/gopherlocks/declared"
)

// PullArgs say how images are pulled from a private registry.
type PullArgs struct {
	// Secret is the name of a Secret of type kubernetes.io/dockerconfigjson.
	// Required.
	Secret string
	// Credentials is the content of a Docker configuration. The Secret is made of it. It
	// is treated as a secret. Default (nil): somebody else makes the Secret.
	Credentials pulumi.StringInput
	// Stack is noted on a Secret that is made, as in OperatorArgs.
	Stack string
}

// Objects are what the component of whoever pulls declares for it in a namespace: the
// Secret, where nobody else makes it.
func (p *PullArgs) Objects(namespace string) []declared.Object { return objectsOf(p.parts(namespace)) }

// NewPullSecret makes the Secret in a namespace, where nobody else makes it. It returns
// what pods that pull with it must come after.
func NewPullSecret(ctx *pulumi.Context, name, namespace string, args *PullArgs, opts ...pulumi.ResourceOption) ([]pulumi.Resource, error) {
	var made []pulumi.Resource
	parts := args.parts(namespace)
	err := declareParts(ctx, name, parts, opts...)
	for _, p := range parts {
		made = append(made, p.made)
	}
	return made, err
}

func (p *PullArgs) parts(namespace string) []*part {
	if p == nil || p.Credentials == nil {
		return nil
	}
	return []*part{{
		Object:      declared.Object{Resource: declared.Secrets, Namespace: namespace, Name: p.Secret, Exclusive: true},
		annotations: signature(p.Stack),
		declare: func(c child) (pulumi.Resource, error) {
			content := pulumi.ToSecret(p.Credentials).(pulumi.StringOutput)
			return corev1.NewSecret(c.ctx, c.name, &corev1.SecretArgs{
				Metadata:   c.meta,
				Type:       pulumi.String("kubernetes.io/dockerconfigjson"),
				StringData: pulumi.StringMap{".dockerconfigjson": content},
			}, c.opts...)
		},
	}}
}

// references are a pod's imagePullSecrets.
func (p *PullArgs) references() corev1.LocalObjectReferenceArray {
	if p == nil {
		return nil
	}
	return corev1.LocalObjectReferenceArray{corev1.LocalObjectReferenceArgs{Name: pulumi.String(p.Secret)}}
}
