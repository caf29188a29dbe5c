package components

import (
	"errors"
	"fmt"

	apiregistrationv1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/apiregistration/v1"
	appsv1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/apps/v1"
	corev1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/core/v1"
	metav1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/meta/v1"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/gopherlocks/gopherlocks/preflight"
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
	// preflight.AnnotationStack, so that the stack finds again what it has made.
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
	child := pulumi.Parent(m)
	account, err := corev1.NewServiceAccount(ctx, name, &corev1.ServiceAccountArgs{
		Metadata: metricsServerMeta(),
	}, child)
	if err != nil {
		return nil, fmt.Errorf("metrics-server's ServiceAccount: %w", err)
	}
	rules, err := newMetricsServerRBAC(ctx, name, account, m)
	if err != nil {
		return nil, err
	}
	// The Deployment is waited for; to wait for the Service's endpoints besides
	// would only add the time that Pulumi gives them to settle.
	serviceMeta := metricsServerMeta()
	serviceMeta.Annotations = pulumi.StringMap{"pulumi.com/skipAwait": pulumi.String("true")}
	service, err := corev1.NewService(ctx, name, &corev1.ServiceArgs{
		Metadata: serviceMeta,
		Spec: corev1.ServiceSpecArgs{
			Selector: metricsServerLabels(),
			Ports: corev1.ServicePortArray{corev1.ServicePortArgs{
				Name: pulumi.String("https"), Port: pulumi.Int(443), TargetPort: pulumi.String("https"),
			}},
		},
	}, child)
	if err != nil {
		return nil, fmt.Errorf("metrics-server's Service: %w", err)
	}
	secret, err := newPullSecret(ctx, name+"-registry", pulumi.String(metricsServerNamespace), args.Pull, child)
	if err != nil {
		return nil, err
	}
	deployment, err := newMetricsServerDeployment(ctx, name, args, account, m, append(rules, secret...))
	if err != nil {
		return nil, err
	}
	_, err = apiregistrationv1.NewAPIService(ctx, name, &apiregistrationv1.APIServiceArgs{
		Metadata: metav1.ObjectMetaArgs{
			Name: pulumi.String(preflight.MetricsAPIName), Labels: metricsServerLabels(), Annotations: signature(args.Stack),
		},
		Spec: apiregistrationv1.APIServiceSpecArgs{
			Group:                pulumi.String("metrics.k8s.io"),
			Version:              pulumi.String("v1beta1"),
			GroupPriorityMinimum: pulumi.Int(100),
			VersionPriority:      pulumi.Int(100),
			// metrics-server signs its own certificate at each start.
			InsecureSkipTLSVerify: pulumi.Bool(true),
			Service: apiregistrationv1.ServiceReferenceArgs{
				Name: service.Metadata.Name(), Namespace: service.Metadata.Namespace(),
			},
		},
	}, child, pulumi.DependsOn([]pulumi.Resource{deployment}))
	if err != nil {
		return nil, fmt.Errorf("metrics-server's APIService: %w", err)
	}
	return m, ctx.RegisterResourceOutputs(m, pulumi.Map{"namespace": pulumi.String(metricsServerNamespace)})
}

func newMetricsServerDeployment(
	ctx *pulumi.Context, name string, args MetricsServerArgs, account *corev1.ServiceAccount, parent *MetricsServer, after []pulumi.Resource,
) (*appsv1.Deployment, error) {
	flags := pulumi.StringArray{
		pulumi.String(fmt.Sprintf("--secure-port=%d", metricsServerPort)),
		pulumi.String("--cert-dir=/tmp"),
		pulumi.String("--kubelet-preferred-address-types=InternalIP,ExternalIP,Hostname"),
		pulumi.String("--kubelet-use-node-status-port"),
		pulumi.String("--metric-resolution=15s"),
	}
	if args.KubeletCertificateAuthority != "" {
		flags = append(flags, pulumi.String("--kubelet-certificate-authority="+args.KubeletCertificateAuthority))
	}
	if args.KubeletInsecureTLS {
		flags = append(flags, pulumi.String("--kubelet-insecure-tls"))
	}
	probe := func(path string, delay int) corev1.ProbeArgs {
		return corev1.ProbeArgs{
			HttpGet: corev1.HTTPGetActionArgs{
				Path: pulumi.String(path), Port: pulumi.String("https"), Scheme: pulumi.String("HTTPS"),
			},
			InitialDelaySeconds: pulumi.Int(delay),
			PeriodSeconds:       pulumi.Int(2),
			FailureThreshold:    pulumi.Int(15),
		}
	}
	meta := metricsServerMeta()
	meta.Annotations = signature(args.Stack)
	deployment, err := appsv1.NewDeployment(ctx, name, &appsv1.DeploymentArgs{
		Metadata: meta,
		Spec: appsv1.DeploymentSpecArgs{
			Selector: metav1.LabelSelectorArgs{MatchLabels: metricsServerLabels()},
			Template: corev1.PodTemplateSpecArgs{
				Metadata: metav1.ObjectMetaArgs{Labels: metricsServerLabels()},
				Spec: corev1.PodSpecArgs{
					ServiceAccountName: account.Metadata.Name(),
					PriorityClassName:  pulumi.String("system-cluster-critical"),
					ImagePullSecrets:   args.Pull.references(),
					Containers: corev1.ContainerArray{corev1.ContainerArgs{
						Name:  pulumi.String(metricsServerName),
						Image: args.Image,
						Args:  flags,
						Ports: corev1.ContainerPortArray{corev1.ContainerPortArgs{
							Name: pulumi.String("https"), ContainerPort: pulumi.Int(metricsServerPort),
						}},
						LivenessProbe:   probe("/livez", 0),
						ReadinessProbe:  probe("/readyz", 0),
						Resources:       requests("50m", "64Mi"),
						SecurityContext: hardened(),
						VolumeMounts: corev1.VolumeMountArray{corev1.VolumeMountArgs{
							Name: pulumi.String("tmp"), MountPath: pulumi.String("/tmp"),
						}},
					}},
					Volumes: corev1.VolumeArray{corev1.VolumeArgs{
						Name: pulumi.String("tmp"), EmptyDir: corev1.EmptyDirVolumeSourceArgs{},
					}},
				},
			},
		},
	}, pulumi.Parent(parent), pulumi.DependsOn(after))
	if err != nil {
		return nil, fmt.Errorf("metrics-server's Deployment: %w", err)
	}
	return deployment, nil
}

func metricsServerLabels() pulumi.StringMap {
	return pulumi.StringMap{"k8s-app": pulumi.String(metricsServerName)}
}

func metricsServerMeta() metav1.ObjectMetaArgs {
	return metav1.ObjectMetaArgs{
		Name:      pulumi.String(metricsServerName),
		Namespace: pulumi.String(metricsServerNamespace),
		Labels:    metricsServerLabels(),
	}
}
