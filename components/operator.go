package components

import (
	"errors"
	"fmt"

	appsv1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/apps/v1"
	corev1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/core/v1"
	metav1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/meta/v1"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/gopherlocks/gopherlocks/crds"
	"github.com/gopherlocks/gopherlocks/declared"
	"github.com/gopherlocks/gopherlocks/operator/rbac"
	"github.com/gopherlocks/gopherlocks/version"
)

// OperatorName is the name of the operator's Deployment, and OperatorNamespace where it
// is installed.
const (
	OperatorName      = "gopherlocks-operator"
	OperatorNamespace = "gopherlocks-system"
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
	// declared.AnnotationStack, so that the stack finds again what it has made.
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
	parts []pulumi.Resource
}

// Parts are what others wait for who need the operator. To depend on the component is not
// enough: Pulumi's SDK may not know its children yet when it is asked for them.
func (o *Operator) Parts() []pulumi.Resource { return o.parts }

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
	parts, err := args.parts()
	if err != nil {
		return nil, err
	}
	if err := declareParts(ctx, name, parts, pulumi.Parent(o)); err != nil {
		return nil, fmt.Errorf("operator: %w", err)
	}
	for _, part := range parts {
		o.parts = append(o.parts, part.made)
	}
	return o, ctx.RegisterResourceOutputs(o, pulumi.Map{"namespace": pulumi.String(OperatorNamespace)})
}

// Objects are what the component declares.
func (a OperatorArgs) Objects() ([]declared.Object, error) {
	parts, err := a.parts()
	return objectsOf(parts), err
}

func (a OperatorArgs) parts() ([]*part, error) {
	definitions, err := manifestParts(crds.MiniCluster, "")
	if err != nil {
		return nil, fmt.Errorf("definition of MiniClusters: %w", err)
	}
	roles, err := manifestParts(rbac.Role, OperatorNamespace)
	if err != nil {
		return nil, fmt.Errorf("operator's roles: %w", err)
	}
	definition := definitions[0]
	if a.KeepDefinition {
		// What an older version or another operator has set of it is overruled: the API
		// server has one.
		definition.annotations = map[string]string{"pulumi.com/patchForce": "true"}
		definition.Stays = true
	}
	namespace := a.namespacePart()
	account := &part{
		Object: declared.Object{Resource: declared.ServiceAccounts, Namespace: OperatorNamespace, Name: OperatorName},
		after:  []*part{namespace}, declare: newServiceAccount,
	}
	// The operator's cache needs the CRD and the permissions: without them it
	// would start, fail and be started again with a growing back-off.
	deployment := a.deploymentPart()
	deployment.after = []*part{account, definition}
	parts := []*part{definition, namespace, account}
	for _, role := range roles {
		role.after = []*part{namespace}
		binding := bindingPart(role.Namespace, OperatorName, role.Object, account)
		binding.after = append(binding.after, role)
		deployment.after = append(deployment.after, binding)
		parts = append(parts, role, binding)
	}
	for _, secret := range a.Pull.parts(OperatorNamespace) {
		secret.suffix, secret.after = "-registry", []*part{namespace}
		deployment.after = append(deployment.after, secret)
		parts = append(parts, secret)
	}
	return append(parts, deployment), nil
}

func (a OperatorArgs) namespacePart() *part {
	namespace := &part{
		Object: declared.Object{Resource: declared.Namespaces, Name: OperatorNamespace, Stays: a.KeepNamespace},
		suffix: "-namespace",
		labels: map[string]string{"pod-security.kubernetes.io/enforce": "restricted"},
		declare: func(c child) (pulumi.Resource, error) {
			return corev1.NewNamespace(c.ctx, c.name, &corev1.NamespaceArgs{Metadata: c.meta}, c.opts...)
		},
	}
	if !a.KeepNamespace {
		namespace.annotations = signature(a.Stack)
	}
	return namespace
}

// lostNodeSeconds is for how long the operator stays on a node that does not answer,
// instead of five minutes: nobody else tells what became of the ranks there.
const lostNodeSeconds = 30

func leaveLostNodes() corev1.TolerationArray {
	var tolerations corev1.TolerationArray
	for _, taint := range []string{"node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"} {
		tolerations = append(tolerations, corev1.TolerationArgs{
			Key: pulumi.String(taint), Operator: pulumi.String("Exists"), Effect: pulumi.String("NoExecute"),
			TolerationSeconds: pulumi.Int(lostNodeSeconds),
		})
	}
	return tolerations
}

func (a OperatorArgs) deploymentPart() *part {
	const name = "app.kubernetes.io/name"
	selector := pulumi.StringMap{name: pulumi.String(OperatorName)}
	return &part{
		Object:      declared.Object{Resource: declared.Deployments, Namespace: OperatorNamespace, Name: OperatorName},
		labels:      map[string]string{name: OperatorName, "app.kubernetes.io/version": version.Version},
		annotations: signature(a.Stack),
		declare: func(c child) (pulumi.Resource, error) {
			return appsv1.NewDeployment(c.ctx, c.name, &appsv1.DeploymentArgs{
				Metadata: c.meta,
				Spec: appsv1.DeploymentSpecArgs{
					Selector: metav1.LabelSelectorArgs{MatchLabels: selector},
					Template: corev1.PodTemplateSpecArgs{
						Metadata: metav1.ObjectMetaArgs{Labels: selector},
						Spec:     a.pod(),
					},
				},
			}, c.opts...)
		},
	}
}

func (a OperatorArgs) pod() corev1.PodSpecArgs {
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
		Name: pulumi.String("GOPHERLOCKS_AGENT_IMAGE"), Value: a.AgentImage,
	}}
	if a.Pull != nil {
		env = append(env, corev1.EnvVarArgs{Name: pulumi.String("GOPHERLOCKS_AGENT_PULL_SECRET"), Value: pulumi.String(a.Pull.Secret)})
	}
	return corev1.PodSpecArgs{
		ServiceAccountName: pulumi.String(OperatorName),
		ImagePullSecrets:   a.Pull.references(),
		Tolerations:        leaveLostNodes(),
		Containers: corev1.ContainerArray{corev1.ContainerArgs{
			Name:  pulumi.String("operator"),
			Image: a.Image,
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
	}
}
