package components

import (
	"errors"
	"fmt"
	"slices"

	apiregistrationv1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/apiregistration/v1"
	appsv1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/apps/v1"
	corev1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/core/v1"
	metav1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/meta/v1"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/gopherlocks/gopherlocks/declared"
)

const (
	metricsServerName = "metrics-server"
	// metricsServerNamespace is where upstream's manifests put it, and where
	// tools look for it.
	metricsServerNamespace = "kube-system"
	metricsServerPort      = 10250
)

// MetricsServerArgs describe metrics-server.
type MetricsServerArgs struct {
	// Image runs metrics-server; its entrypoint must be the program. Required.
	Image pulumi.StringInput
	// KubeletCertificateAuthority is the path, in the container, of the CA
	// that signed the kubelets' serving certificates. Default: the container's
	// usual CAs.
	KubeletCertificateAuthority string
	// KubeletInsecureTLS takes kubelets' serving certificates as they are: for
	// clusters of this machine whose kubelets sign their own. Default: false.
	KubeletInsecureTLS bool
	// Pull says how the image is pulled from a private registry. Default (nil): it is
	// not.
	Pull *PullArgs
	// Stack is noted on Deployment and APIService in the annotation of
	// declared.AnnotationStack, so that the stack finds again what it has made.
	// Default: nothing is noted.
	Stack string
}

// MetricsServer serves the resource metrics API (metrics.k8s.io), which the
// HPA and `kubectl top` read.
type MetricsServer struct {
	pulumi.ResourceState
}

// NewMetricsServer installs metrics-server with the objects of upstream's
// release manifest and waits until it has its first metrics.
// Source: https://github.com/kubernetes-sigs/metrics-server/tree/v0.9.0/manifests
func NewMetricsServer(ctx *pulumi.Context, name string, args MetricsServerArgs, opts ...pulumi.ResourceOption) (*MetricsServer, error) {
	if args.Image == nil {
		return nil, errors.New("metrics-server: image is not set")
	}
	m := &MetricsServer{}
	if err := ctx.RegisterComponentResourceV2("gopherlocks:components:MetricsServer", name, pulumi.Map{
		"image":                       args.Image,
		"kubeletCertificateAuthority": pulumi.String(args.KubeletCertificateAuthority),
		"kubeletInsecureTLS":          pulumi.Bool(args.KubeletInsecureTLS),
	}, m, opts...); err != nil {
		return nil, fmt.Errorf("metrics-server: %w", err)
	}
	if err := declareParts(ctx, name, args.parts(), pulumi.Parent(m)); err != nil {
		return nil, fmt.Errorf("metrics-server: %w", err)
	}
	return m, ctx.RegisterResourceOutputs(m, pulumi.Map{"namespace": pulumi.String(metricsServerNamespace)})
}

// Objects are what the component declares.
func (a MetricsServerArgs) Objects() []declared.Object { return objectsOf(a.parts()) }

func (a MetricsServerArgs) parts() []*part {
	account := &part{Object: metricsServerObject(declared.ServiceAccounts), labels: metricsServerLabels, declare: newServiceAccount}
	roles, bindings := metricsServerRBAC(account)
	service, deployment, api := metricsServerService(), a.deploymentPart(), a.apiPart()
	deployment.after = append([]*part{account}, bindings...)
	parts := slices.Concat([]*part{account}, roles, bindings, []*part{service})
	for _, secret := range a.Pull.parts(metricsServerNamespace) {
		secret.suffix = "-registry"
		deployment.after = append(deployment.after, secret)
		parts = append(parts, secret)
	}
	api.after = []*part{service, deployment}
	return append(parts, deployment, api)
}

func metricsServerService() *part {
	return &part{
		Object: metricsServerObject(declared.Services),
		labels: metricsServerLabels,
		// The Deployment is waited for; to wait for the Service's endpoints besides
		// would only add the time for which Pulumi wants them unchanged.
		annotations: map[string]string{"pulumi.com/skipAwait": "true"},
		declare: func(c child) (pulumi.Resource, error) {
			return corev1.NewService(c.ctx, c.name, &corev1.ServiceArgs{
				Metadata: c.meta,
				Spec: corev1.ServiceSpecArgs{
					Selector: pulumi.ToStringMap(metricsServerLabels),
					Ports: corev1.ServicePortArray{corev1.ServicePortArgs{
						Name: pulumi.String("https"), Port: pulumi.Int(443), TargetPort: pulumi.String("https"),
					}},
				},
			}, c.opts...)
		},
	}
}

func (a MetricsServerArgs) apiPart() *part {
	return &part{
		Object:      declared.Object{Resource: declared.APIServices, Name: declared.MetricsAPIName},
		labels:      metricsServerLabels,
		annotations: signature(a.Stack),
		declare: func(c child) (pulumi.Resource, error) {
			return apiregistrationv1.NewAPIService(c.ctx, c.name, &apiregistrationv1.APIServiceArgs{
				Metadata: c.meta,
				Spec: apiregistrationv1.APIServiceSpecArgs{
					Group:                pulumi.String("metrics.k8s.io"),
					Version:              pulumi.String("v1beta1"),
					GroupPriorityMinimum: pulumi.Int(100),
					VersionPriority:      pulumi.Int(100),
					// metrics-server signs its own certificate at each start.
					InsecureSkipTLSVerify: pulumi.Bool(true),
					Service: apiregistrationv1.ServiceReferenceArgs{
						Name: pulumi.String(metricsServerName), Namespace: pulumi.String(metricsServerNamespace),
					},
				},
			}, c.opts...)
		},
	}
}

func (a MetricsServerArgs) deploymentPart() *part {
	o := metricsServerObject(declared.Deployments)
	o.Exclusive = true
	return &part{
		Object: o, labels: metricsServerLabels, annotations: signature(a.Stack),
		declare: func(c child) (pulumi.Resource, error) {
			return appsv1.NewDeployment(c.ctx, c.name, &appsv1.DeploymentArgs{
				Metadata: c.meta,
				Spec: appsv1.DeploymentSpecArgs{
					Selector: metav1.LabelSelectorArgs{MatchLabels: pulumi.ToStringMap(metricsServerLabels)},
					Template: corev1.PodTemplateSpecArgs{
						Metadata: metav1.ObjectMetaArgs{Labels: pulumi.ToStringMap(metricsServerLabels)},
						Spec:     a.pod(),
					},
				},
			}, c.opts...)
		},
	}
}

func (a MetricsServerArgs) pod() corev1.PodSpecArgs {
	flags := pulumi.StringArray{
		pulumi.String(fmt.Sprintf("--secure-port=%d", metricsServerPort)),
		pulumi.String("--cert-dir=/tmp"),
		pulumi.String("--kubelet-preferred-address-types=InternalIP,ExternalIP,Hostname"),
		pulumi.String("--kubelet-use-node-status-port"),
		pulumi.String("--metric-resolution=15s"),
	}
	if a.KubeletCertificateAuthority != "" {
		flags = append(flags, pulumi.String("--kubelet-certificate-authority="+a.KubeletCertificateAuthority))
	}
	if a.KubeletInsecureTLS {
		flags = append(flags, pulumi.String("--kubelet-insecure-tls"))
	}
	probe := func(path string) corev1.ProbeArgs {
		return corev1.ProbeArgs{
			HttpGet: corev1.HTTPGetActionArgs{
				Path: pulumi.String(path), Port: pulumi.String("https"), Scheme: pulumi.String("HTTPS"),
			},
			InitialDelaySeconds: pulumi.Int(0),
			PeriodSeconds:       pulumi.Int(2),
			FailureThreshold:    pulumi.Int(15),
		}
	}
	return corev1.PodSpecArgs{
		ServiceAccountName: pulumi.String(metricsServerName),
		PriorityClassName:  pulumi.String("system-cluster-critical"),
		ImagePullSecrets:   a.Pull.references(),
		Containers: corev1.ContainerArray{corev1.ContainerArgs{
			Name:  pulumi.String(metricsServerName),
			Image: a.Image,
			Args:  flags,
			Ports: corev1.ContainerPortArray{corev1.ContainerPortArgs{
				Name: pulumi.String("https"), ContainerPort: pulumi.Int(metricsServerPort),
			}},
			LivenessProbe:   probe("/livez"),
			ReadinessProbe:  probe("/readyz"),
			Resources:       requests("50m", "64Mi"),
			SecurityContext: hardened(),
			VolumeMounts: corev1.VolumeMountArray{corev1.VolumeMountArgs{
				Name: pulumi.String("tmp"), MountPath: pulumi.String("/tmp"),
			}},
		}},
		Volumes: corev1.VolumeArray{corev1.VolumeArgs{
			Name: pulumi.String("tmp"), EmptyDir: corev1.EmptyDirVolumeSourceArgs{},
		}},
	}
}

var metricsServerLabels = map[string]string{"k8s-app": metricsServerName}

func metricsServerObject(kind declared.Resource) declared.Object {
	return declared.Object{Resource: kind, Namespace: metricsServerNamespace, Name: metricsServerName}
}
