package components

import (
	"errors"
	"fmt"

	appsv1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/apps/v1"
	corev1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/core/v1"
	metav1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/meta/v1"
	rbacv1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/rbac/v1"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/gopherlocks/gopherlocks/config"
	"github.com/gopherlocks/gopherlocks/crds"
	"github.com/gopherlocks/gopherlocks/operator/rbac"
	"github.com/gopherlocks/gopherlocks/version"
)

const (
	operatorName      = "gopherlocks-operator"
	operatorNamespace = config.OperatorNamespace
)

// OperatorArgs describe the operator's installation.
type OperatorArgs struct {
	// Image runs the operator; its entrypoint must be the program. Required.
	Image pulumi.StringInput
	// AgentImage is put by the operator into the ranks' pods; its entrypoint must
	// be the agent. Required.
	AgentImage pulumi.StringInput
	// Pull says how both images are pulled from a private registry. The agent's is
	// pulled into each MiniCluster's namespace, where the Secret must be, too.
	// Default (nil): they are not.
	Pull *PullArgs

	// Stack is noted on namespace and Deployment in the annotation of
	// preflight.AnnotationStack, so that the stack finds again what it has made.
	// Default: nothing is noted.
	Stack string
	// KeepDefinition says that the definition stays when the component goes, and with
	// it the MiniClusters of others: they would all be deleted with it. Default:
	// false, as in a cluster that goes too.
	KeepDefinition bool
	// KeepNamespace says that the namespace was there before: it is used, not noted
	// as the stack's, and stays when the component goes. Default: false.
	KeepNamespace bool
}

// Operator is the MiniCluster CRD and the operator that acts on it.
type Operator struct {
	pulumi.ResourceState
}

// NewOperator installs the CRD and the operator, with the permissions that the
// operator's code declares, and waits until the operator is up.
func NewOperator(ctx *pulumi.Context, name string, args OperatorArgs, opts ...pulumi.ResourceOption) (*Operator, error) {
	if args.Image == nil || args.AgentImage == nil {
		return nil, errors.New("operator: image and agentImage must both be set")
	}
	o := &Operator{}
	if err := ctx.RegisterComponentResourceV2("gopherlocks:components:Operator", name, pulumi.Map{
		"image": args.Image, "agentImage": args.AgentImage,
	}, o, opts...); err != nil {
		return nil, fmt.Errorf("operator: %w", err)
	}
	child := pulumi.Parent(o)
	crd, err := newDefinition(ctx, name, args, child)
	if err != nil {
		return nil, err
	}
	annotations, kept := keptOrSigned(args.KeepNamespace, args.Stack)
	namespace, err := corev1.NewNamespace(ctx, name+"-namespace", &corev1.NamespaceArgs{
		Metadata: metav1.ObjectMetaArgs{
			Name:   pulumi.String(operatorNamespace),
			Labels: pulumi.StringMap{"pod-security.kubernetes.io/enforce": pulumi.String("restricted")},

			Annotations: annotations,
		},
	}, append(kept, child)...)
	if err != nil {
		return nil, fmt.Errorf("operator's Namespace: %w", err)
	}
	account, err := corev1.NewServiceAccount(ctx, name, &corev1.ServiceAccountArgs{
		Metadata: metav1.ObjectMetaArgs{Name: pulumi.String(operatorName), Namespace: namespace.Metadata.Name()},
	}, child)
	if err != nil {
		return nil, fmt.Errorf("operator's ServiceAccount: %w", err)
	}
	bindings, err := newOperatorRBAC(ctx, name, namespace, account, o)
	if err != nil {
		return nil, err
	}
	// The operator's cache needs the CRD and the permissions: without them it
	// would start, fail and be started again with a growing back-off.
	after := append(bindings, crd...)
	secret, err := newPullSecret(ctx, name+"-registry", namespace.Metadata.Name().Elem(), args.Pull, child)
	if err != nil {
		return nil, err
	}
	after = append(after, secret...)
	if err := newOperatorDeployment(ctx, name, args, account, o, after); err != nil {
		return nil, err
	}
	return o, ctx.RegisterResourceOutputs(o, pulumi.Map{"namespace": pulumi.String(operatorNamespace)})
}

// newDefinition declares the definition of MiniClusters. What an older version or
// another operator has set of it is overruled: the API server has one.
func newDefinition(ctx *pulumi.Context, name string, args OperatorArgs, child pulumi.ResourceOption) ([]pulumi.Resource, error) {
	annotations := map[string]string{}
	if args.KeepDefinition {
		annotations["pulumi.com/patchForce"] = "true"
	}
	return newManifests(ctx, name, manifests{stream: crds.MiniCluster, annotations: annotations}, child, pulumi.RetainOnDelete(args.KeepDefinition))
}

func newOperatorRBAC(
	ctx *pulumi.Context, name string, namespace *corev1.Namespace, account *corev1.ServiceAccount, parent *Operator,
) ([]pulumi.Resource, error) {
	child := pulumi.Parent(parent)
	roles, err := newManifests(ctx, name, manifests{stream: rbac.Role, namespace: operatorNamespace}, child, pulumi.DependsOn([]pulumi.Resource{namespace}))
	if err != nil {
		return nil, err
	}
	subjects := rbacv1.SubjectArray{rbacv1.SubjectArgs{
		Kind: pulumi.String("ServiceAccount"), Name: account.Metadata.Name().Elem(), Namespace: account.Metadata.Namespace(),
	}}
	everywhere, err := rbacv1.NewClusterRoleBinding(ctx, name, &rbacv1.ClusterRoleBindingArgs{
		Metadata: metav1.ObjectMetaArgs{Name: pulumi.String(operatorName)},
		RoleRef:  roleRef("ClusterRole", pulumi.String(operatorName)),
		Subjects: subjects,
	}, child, pulumi.DependsOn(roles))
	if err != nil {
		return nil, fmt.Errorf("binding of the operator's ClusterRole: %w", err)
	}
	atHome, err := rbacv1.NewRoleBinding(ctx, name, &rbacv1.RoleBindingArgs{
		Metadata: metav1.ObjectMetaArgs{Name: pulumi.String(operatorName), Namespace: namespace.Metadata.Name()},
		RoleRef:  roleRef("Role", pulumi.String(operatorName)),
		Subjects: subjects,
	}, child, pulumi.DependsOn(roles))
	if err != nil {
		return nil, fmt.Errorf("binding of the operator's Role: %w", err)
	}
	return []pulumi.Resource{everywhere, atHome}, nil
}

// lostNodeSeconds is for how long the operator stays on a node that does not answer,
// instead of five minutes: nobody else tells what became of the ranks there.
const lostNodeSeconds = 30

func impatience() corev1.TolerationArray {
	var tolerations corev1.TolerationArray
	for _, taint := range []string{"node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"} {
		tolerations = append(tolerations, corev1.TolerationArgs{
			Key: pulumi.String(taint), Operator: pulumi.String("Exists"), Effect: pulumi.String("NoExecute"),
			TolerationSeconds: pulumi.Int(lostNodeSeconds),
		})
	}
	return tolerations
}

func newOperatorDeployment(
	ctx *pulumi.Context, name string, args OperatorArgs, account *corev1.ServiceAccount, parent *Operator, after []pulumi.Resource,
) error {
	labels := pulumi.StringMap{"app.kubernetes.io/name": pulumi.String(operatorName)}
	probe := func(path string) corev1.ProbeArgs {
		return corev1.ProbeArgs{
			HttpGet:       corev1.HTTPGetActionArgs{Path: pulumi.String(path), Port: pulumi.String("probes")},
			PeriodSeconds: pulumi.Int(5),
		}
	}
	env := corev1.EnvVarArray{corev1.EnvVarArgs{
		Name: pulumi.String("POD_NAMESPACE"),
		ValueFrom: corev1.EnvVarSourceArgs{
			// With the default written out: a fieldRef has one owner as a whole, so that
			// what the API server adds to it is a conflict for an update that makes the
			// Deployment again because it was killed before it could remember it.
			FieldRef: corev1.ObjectFieldSelectorArgs{ApiVersion: pulumi.String("v1"), FieldPath: pulumi.String("metadata.namespace")},
		},
	}, corev1.EnvVarArgs{
		Name: pulumi.String("GOPHERLOCKS_AGENT_IMAGE"), Value: args.AgentImage,
	}}
	if args.Pull != nil {
		env = append(env, corev1.EnvVarArgs{Name: pulumi.String("GOPHERLOCKS_AGENT_PULL_SECRET"), Value: pulumi.String(args.Pull.Secret)})
	}
	_, err := appsv1.NewDeployment(ctx, name, &appsv1.DeploymentArgs{
		Metadata: metav1.ObjectMetaArgs{
			Name: pulumi.String(operatorName), Namespace: account.Metadata.Namespace(),
			Labels: pulumi.StringMap{
				"app.kubernetes.io/name":    pulumi.String(operatorName),
				"app.kubernetes.io/version": pulumi.String(version.Version),
			},
			Annotations: signature(args.Stack),
		},
		Spec: appsv1.DeploymentSpecArgs{
			Selector: metav1.LabelSelectorArgs{MatchLabels: labels},
			Template: corev1.PodTemplateSpecArgs{
				Metadata: metav1.ObjectMetaArgs{Labels: labels},
				Spec: corev1.PodSpecArgs{
					ServiceAccountName: account.Metadata.Name(),
					ImagePullSecrets:   args.Pull.references(),
					Tolerations:        impatience(),
					Containers: corev1.ContainerArray{corev1.ContainerArgs{
						Name:  pulumi.String("operator"),
						Image: args.Image,
						Env:   env,
						Ports: corev1.ContainerPortArray{
							corev1.ContainerPortArgs{Name: pulumi.String("metrics"), ContainerPort: pulumi.Int(8080)},
							corev1.ContainerPortArgs{Name: pulumi.String("probes"), ContainerPort: pulumi.Int(8081)},
						},
						LivenessProbe:   probe("/healthz"),
						ReadinessProbe:  probe("/readyz"),
						Resources:       requests("50m", "64Mi"),
						SecurityContext: hardened(),
					}},
				},
			},
		},
	}, pulumi.Parent(parent), pulumi.DependsOn(after))
	if err != nil {
		return fmt.Errorf("operator's Deployment: %w", err)
	}
	return nil
}
