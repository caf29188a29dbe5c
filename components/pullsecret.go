package components

import (
	"fmt"

	corev1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/core/v1"
	metav1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/meta/v1"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/gopherlocks/gopherlocks/config"
)

// PullArgs say how images are pulled from a private registry.
type PullArgs struct {
	// Secret is the name of a Secret of type kubernetes.io/dockerconfigjson.
	// Required.
	Secret string
	// Credentials is the content of a Docker configuration, of which the Secret is
	// made. It is treated as a secret. Default (nil): somebody else makes the Secret.
	Credentials pulumi.StringInput
	// Stack is noted on a Secret that is made, as in OperatorArgs.
	Stack string
}

// pullArgs are those of the stack's configuration; nil when images are pulled
// without a Secret.
func pullArgs(s config.Settings, at site) *PullArgs {
	if s.ImagePullSecret == "" {
		return nil
	}
	args := &PullArgs{Secret: s.ImagePullSecret, Stack: at.stack}
	if s.RegistryCredentials != "" {
		args.Credentials = pulumi.ToSecret(pulumi.String(s.RegistryCredentials)).(pulumi.StringOutput)
	}
	return args
}

// newPullSecret makes the Secret in a namespace where it is to be made. It returns
// what pods that pull with it must come after.
func newPullSecret(ctx *pulumi.Context, name string, namespace pulumi.StringInput, pull *PullArgs, opts ...pulumi.ResourceOption) ([]pulumi.Resource, error) {
	if pull == nil || pull.Credentials == nil {
		return nil, nil
	}
	content := pulumi.ToSecret(pull.Credentials).(pulumi.StringOutput)
	secret, err := corev1.NewSecret(ctx, name, &corev1.SecretArgs{
		Metadata:   metav1.ObjectMetaArgs{Name: pulumi.String(pull.Secret), Namespace: namespace, Annotations: signature(pull.Stack)},
		Type:       pulumi.String("kubernetes.io/dockerconfigjson"),
		StringData: pulumi.StringMap{".dockerconfigjson": content},
	}, opts...)
	if err != nil {
		return nil, fmt.Errorf("pull Secret %s: %w", pull.Secret, err)
	}
	return []pulumi.Resource{secret}, nil
}

// references are a pod's imagePullSecrets.
func (p *PullArgs) references() corev1.LocalObjectReferenceArray {
	if p == nil {
		return nil
	}
	return corev1.LocalObjectReferenceArray{corev1.LocalObjectReferenceArgs{Name: pulumi.String(p.Secret)}}
}
