package components

import (
	"errors"
	"fmt"

	apiregistrationv1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/apiregistration/v1"
	appsv1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/apps/v1"
	corev1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/core/v1"
	metav1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/meta/v1"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	rbac "k8s.io/api/rbac/v1"

	"github.com/gopherlocks/gopherlocks/declared"
	operatorrbac "github.com/gopherlocks/gopherlocks/operator/rbac"
	"github.com/gopherlocks/gopherlocks/version"
)

// QueueMetricsName is the name of what serves the queue's numbers. It is in the operator's
// namespace, from which leads are reached.
const QueueMetricsName = "gopherlocks-metrics"

// Ports of the program's container.
const (
	queueMetricsPort = 6443
	kedaPort         = 6000
	seriesPort       = 8080
)

// customMetricsGroup is the API that a cluster has once, whoever serves it.
const customMetricsGroup = "custom.metrics.k8s.io"

// customMetricsVersions are all that there are, the preferred one first. Autoscalers ask by
// the preferred one alone. Prometheus' adapter serves only v1beta1: beside it, a v1beta2 would
// take all its autoscalers away. Therefore the stack has both, or none.
var customMetricsVersions = []string{"v1beta2", "v1beta1"}

// customMetricsRules are what reads it.
var customMetricsRules = []rbac.PolicyRule{policyRule(customMetricsGroup, []string{"*"}, "get", "list")}

// QueueMetricsArgs describe what serves the queue's numbers.
type QueueMetricsArgs struct {
	// Image runs gopherlocks-metrics; its entrypoint must be the program. Required.
	Image pulumi.StringInput
	// Pull says how the image is pulled from a private registry. Default (nil): it is
	// not.
	Pull *PullArgs
	// Stack is noted on Deployment and APIServices in the annotation of
	// declared.AnnotationStack. Default: nothing is noted.
	Stack string
}

// QueueMetrics serve the numbers of the queue to autoscalers of others: the custom metrics
// API of Kubernetes, an external scaler of KEDA, and series for Prometheus.
type QueueMetrics struct {
	pulumi.ResourceState
}

// NewQueueMetrics installs them, and waits until they are served. They need the operator,
// in whose namespace they are.
func NewQueueMetrics(ctx *pulumi.Context, name string, args QueueMetricsArgs, opts ...pulumi.ResourceOption) (*QueueMetrics, error) {
	if args.Image == nil {
		return nil, errors.New("queue metrics: image is not set")
	}
	m := &QueueMetrics{}
	if err := ctx.RegisterComponentResourceV2("gopherlocks:components:QueueMetrics", name, pulumi.Map{"image": args.Image}, m, opts...); err != nil {
		return nil, fmt.Errorf("queue metrics: %w", err)
	}
	if err := declareParts(ctx, name, args.parts(), pulumi.Parent(m)); err != nil {
		return nil, fmt.Errorf("queue metrics: %w", err)
	}
	return m, ctx.RegisterResourceOutputs(m, pulumi.Map{"namespace": pulumi.String(OperatorNamespace)})
}

// Objects are what the component declares.
func (a QueueMetricsArgs) Objects() []declared.Object { return objectsOf(a.parts()) }

func (a QueueMetricsArgs) parts() []*part {
	account := &part{Object: queueMetricsObject(declared.ServiceAccounts), labels: queueMetricsLabels(), declare: newServiceAccount}
	roles, bindings := queueMetricsRBAC(account)
	service, deployment := queueMetricsService(), a.deploymentPart()
	deployment.after = append([]*part{account}, bindings...)
	parts := append([]*part{account}, roles...)
	parts = append(parts, bindings...)
	parts = append(parts, service, deployment)
	for i, version := range customMetricsVersions {
		api := a.apiPart(version)
		api.after = []*part{service, deployment}
		if i > 0 {
			api.suffix = "-" + version
		}
		parts = append(parts, api)
	}
	return parts
}

// queueMetricsRBAC lets the program find MiniClusters and ask their leads, and check its
// callers; and lets the HorizontalPodAutoscaler of Kubernetes and people who may view a
// namespace read the metrics.
func queueMetricsRBAC(account *part) (roles, bindings []*part) {
	finder := clusterRolePart(QueueMetricsName, operatorrbac.MetricsRules)
	key := rolePart(OperatorNamespace, QueueMetricsName, operatorrbac.MetricsKeyRules)
	key.suffix = "-key"
	reader := clusterRolePart(QueueMetricsName+"-reader", customMetricsRules)
	reader.suffix, reader.labels = "-reader", aggregateToViewers()

	find := bindingPart("", QueueMetricsName, finder.Object, account)
	find.after = append(find.after, finder)
	readKey := bindingPart(OperatorNamespace, QueueMetricsName, key.Object, account)
	readKey.suffix = "-key"
	readKey.after = append(readKey.after, key)
	delegator, authReader := authBindings(QueueMetricsName, account)
	autoscaler := &part{Object: declared.Object{Resource: declared.ServiceAccounts, Namespace: "kube-system", Name: "horizontal-pod-autoscaler"}}
	autoscale := bindingPart("", QueueMetricsName+"-reader", reader.Object, autoscaler)
	autoscale.suffix, autoscale.after = "-reader", []*part{reader} // Kubernetes makes the account.
	return []*part{finder, key, reader}, []*part{find, readKey, delegator, authReader, autoscale}
}

func queueMetricsService() *part {
	port := func(name string, port, target int) corev1.ServicePortArgs {
		return corev1.ServicePortArgs{Name: pulumi.String(name), Port: pulumi.Int(port), TargetPort: pulumi.Int(target)}
	}
	return &part{
		Object: queueMetricsObject(declared.Services),
		labels: queueMetricsLabels(),
		// As for metrics-server: the Deployment is waited for.
		annotations: map[string]string{"pulumi.com/skipAwait": "true"},
		declare: func(c child) (pulumi.Resource, error) {
			return corev1.NewService(c.ctx, c.name, &corev1.ServiceArgs{
				Metadata: c.meta,
				Spec: corev1.ServiceSpecArgs{
					Selector: pulumi.ToStringMap(queueMetricsSelector),
					Ports: corev1.ServicePortArray{
						port("https", 443, queueMetricsPort), port("keda", kedaPort, kedaPort), port("metrics", seriesPort, seriesPort),
					},
				},
			}, c.opts...)
		},
	}
}

func (a QueueMetricsArgs) apiPart(version string) *part {
	return &part{
		Object:      declared.Object{Resource: declared.APIServices, Name: version + "." + customMetricsGroup, Exclusive: true},
		labels:      queueMetricsLabels(),
		annotations: signature(a.Stack),
		declare: func(c child) (pulumi.Resource, error) {
			return apiregistrationv1.NewAPIService(c.ctx, c.name, &apiregistrationv1.APIServiceArgs{
				Metadata: c.meta,
				Spec: apiregistrationv1.APIServiceSpecArgs{
					Group:                pulumi.String(customMetricsGroup),
					Version:              pulumi.String(version),
					GroupPriorityMinimum: pulumi.Int(100),
					VersionPriority:      pulumi.Int(100),
					// The program signs its own certificate at each start.
					InsecureSkipTLSVerify: pulumi.Bool(true),
					Service: apiregistrationv1.ServiceReferenceArgs{
						Name: pulumi.String(QueueMetricsName), Namespace: pulumi.String(OperatorNamespace),
					},
				},
			}, c.opts...)
		},
	}
}

func (a QueueMetricsArgs) deploymentPart() *part {
	o := queueMetricsObject(declared.Deployments)
	o.Exclusive = true
	labels := queueMetricsLabels()
	labels["app.kubernetes.io/version"] = version.Version
	return &part{
		Object: o, labels: labels, annotations: signature(a.Stack),
		declare: func(c child) (pulumi.Resource, error) {
			return appsv1.NewDeployment(c.ctx, c.name, &appsv1.DeploymentArgs{
				Metadata: c.meta,
				Spec: appsv1.DeploymentSpecArgs{
					Selector: metav1.LabelSelectorArgs{MatchLabels: pulumi.ToStringMap(queueMetricsSelector)},
					Template: corev1.PodTemplateSpecArgs{
						Metadata: metav1.ObjectMetaArgs{Labels: pulumi.ToStringMap(queueMetricsSelector)},
						Spec:     a.pod(),
					},
				},
			}, c.opts...)
		},
	}
}

func (a QueueMetricsArgs) pod() corev1.PodSpecArgs {
	probe := func(path string) corev1.ProbeArgs {
		return corev1.ProbeArgs{
			HttpGet:       corev1.HTTPGetActionArgs{Path: pulumi.String(path), Port: pulumi.String("https"), Scheme: pulumi.String("HTTPS")},
			PeriodSeconds: pulumi.Int(5),
		}
	}
	port := func(name string, port int) corev1.ContainerPortArgs {
		return corev1.ContainerPortArgs{Name: pulumi.String(name), ContainerPort: pulumi.Int(port)}
	}
	return corev1.PodSpecArgs{
		ServiceAccountName: pulumi.String(QueueMetricsName),
		ImagePullSecrets:   a.Pull.references(),
		Tolerations:        leaveLostNodes(),
		Containers: corev1.ContainerArray{corev1.ContainerArgs{
			Name:  pulumi.String("metrics"),
			Image: a.Image,
			Args: pulumi.ToStringArray([]string{
				"--namespace=" + OperatorNamespace,
				fmt.Sprintf("--secure-port=%d", queueMetricsPort),
				fmt.Sprintf("--keda-address=:%d", kedaPort),
				fmt.Sprintf("--series-address=:%d", seriesPort),
			}),
			Ports: corev1.ContainerPortArray{
				port("https", queueMetricsPort), port("keda", kedaPort), port("metrics", seriesPort),
			},
			LivenessProbe:   probe("/livez"),
			ReadinessProbe:  probe("/readyz"),
			Resources:       requests("20m", "64Mi"),
			SecurityContext: hardened(),
		}},
	}
}

var queueMetricsSelector = map[string]string{"app.kubernetes.io/name": QueueMetricsName}

func queueMetricsLabels() map[string]string {
	return map[string]string{"app.kubernetes.io/name": QueueMetricsName}
}

func queueMetricsObject(kind declared.Resource) declared.Object {
	return declared.Object{Resource: kind, Namespace: OperatorNamespace, Name: QueueMetricsName}
}
