package components

import (
	"maps"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/gopherlocks/gopherlocks/components/componentstest"
)

func TestOperatorIsInstalledWithItsGeneratedManifests(t *testing.T) {
	r := componentstest.Declare(t, func(ctx *pulumi.Context) error {
		_, err := NewOperator(ctx, "operator", OperatorArgs{Image: pulumi.String("image"), AgentImage: pulumi.String("agent")})
		return err
	})
	r.Get(t, "gopherlocks:components:Operator", "operator").Want(t, map[string]any{"image": "image", "agentImage": "agent"})
	r.Get(t, "kubernetes:apiextensions.k8s.io/v1:CustomResourceDefinition", "operator-customresourcedefinition").
		Want(t, map[string]any{"spec.names.kind": "MiniCluster"})
	r.Get(t, "kubernetes:rbac.authorization.k8s.io/v1:ClusterRole", "operator-clusterrole")
	r.Get(t, "kubernetes:rbac.authorization.k8s.io/v1:Role", "operator-role").Want(t, map[string]any{"metadata.namespace": OperatorNamespace})
	deployment := r.Get(t, "kubernetes:apps/v1:Deployment", "operator")
	deployment.Want(t, map[string]any{"metadata.name": OperatorName, "metadata.namespace": OperatorNamespace})
	container := deployment.At("spec.template.spec.containers").([]any)[0].(map[string]any)
	if container["image"] != "image" {
		t.Errorf("the operator runs image %v", container["image"])
	}
}

func TestOperatorLeavesALostNodeSoon(t *testing.T) {
	r := componentstest.Declare(t, func(ctx *pulumi.Context) error {
		_, err := NewOperator(ctx, "operator", OperatorArgs{Image: pulumi.String("image"), AgentImage: pulumi.String("agent")})
		return err
	})
	tolerated := map[any]any{}
	for _, toleration := range r.Get(t, "kubernetes:apps/v1:Deployment", "operator").At("spec.template.spec.tolerations").([]any) {
		fields := toleration.(map[string]any)
		tolerated[fields["key"]] = fields["tolerationSeconds"]
	}
	want := map[any]any{"node.kubernetes.io/not-ready": 30.0, "node.kubernetes.io/unreachable": 30.0}
	if !maps.Equal(tolerated, want) {
		t.Errorf("tolerated are %v, want %v", tolerated, want)
	}
}

func TestMetricsServerIsServedAsAnAPI(t *testing.T) {
	r := componentstest.Declare(t, func(ctx *pulumi.Context) error {
		_, err := NewMetricsServer(ctx, "metrics", MetricsServerArgs{Image: pulumi.String("image"), KubeletCertificateAuthority: "/ca.crt"})
		return err
	})
	r.Get(t, "gopherlocks:components:MetricsServer", "metrics").Want(t, map[string]any{"image": "image", "kubeletCertificateAuthority": "/ca.crt"})
	r.Get(t, "kubernetes:apiregistration.k8s.io/v1:APIService", "metrics").
		Want(t, map[string]any{"metadata.name": "v1beta1.metrics.k8s.io", "spec.service.name": "metrics-server", "spec.service.namespace": "kube-system"})
	container := r.Get(t, "kubernetes:apps/v1:Deployment", "metrics").At("spec.template.spec.containers").([]any)[0].(map[string]any)
	flags := container["args"].([]any)
	if container["image"] != "image" || flags[len(flags)-1] != "--kubelet-certificate-authority=/ca.crt" {
		t.Errorf("container = %v", container)
	}
}

// TestQueueMetricsAreServedAsAnAPI, to the autoscaler of Kubernetes too, and may read the
// operator's key and no other Secret.
func TestQueueMetricsAreServedAsAnAPI(t *testing.T) {
	r := componentstest.Declare(t, func(ctx *pulumi.Context) error {
		_, err := NewQueueMetrics(ctx, "queue-metrics", QueueMetricsArgs{Image: pulumi.String("image")})
		return err
	})
	r.Get(t, "gopherlocks:components:QueueMetrics", "queue-metrics").Want(t, map[string]any{"image": "image"})
	r.Get(t, "kubernetes:apiregistration.k8s.io/v1:APIService", "queue-metrics").Want(t, map[string]any{
		"metadata.name": "v1beta2.custom.metrics.k8s.io", "spec.service.name": QueueMetricsName, "spec.service.namespace": OperatorNamespace,
	})
	// An adapter of others may serve only that one.
	r.Get(t, "kubernetes:apiregistration.k8s.io/v1:APIService", "queue-metrics-v1beta1").Want(t, map[string]any{
		"metadata.name": "v1beta1.custom.metrics.k8s.io", "spec.version": "v1beta1", "spec.service.name": QueueMetricsName,
	})
	key := r.Get(t, "kubernetes:rbac.authorization.k8s.io/v1:Role", "queue-metrics-key")
	key.Want(t, map[string]any{"metadata.namespace": OperatorNamespace})
	rules := key.At("rules").([]any)
	if rule := rules[0].(map[string]any); len(rules) != 1 || rule["resourceNames"].([]any)[0] != "gopherlocks-operator-key" {
		t.Errorf("rules of the key: %v", rules)
	}
	subject := r.Get(t, "kubernetes:rbac.authorization.k8s.io/v1:ClusterRoleBinding", "queue-metrics-reader").At("subjects").([]any)[0].(map[string]any)
	if subject["name"] != "horizontal-pod-autoscaler" || subject["namespace"] != "kube-system" {
		t.Errorf("the metrics are read by %v", subject)
	}
	container := r.Get(t, "kubernetes:apps/v1:Deployment", "queue-metrics").At("spec.template.spec.containers").([]any)[0].(map[string]any)
	if container["image"] != "image" {
		t.Errorf("container = %v", container)
	}
}

func TestProgramsWithoutImagesAreRefused(t *testing.T) {
	componentstest.MustRefuse(t, func(ctx *pulumi.Context) error {
		_, err := NewOperator(ctx, "operator", OperatorArgs{Image: pulumi.String("image")})
		return err
	}, "operator: image and agentImage must both be set")
	componentstest.MustRefuse(t, func(ctx *pulumi.Context) error {
		_, err := NewMetricsServer(ctx, "metrics", MetricsServerArgs{})
		return err
	}, "metrics-server: image is not set")
	componentstest.MustRefuse(t, func(ctx *pulumi.Context) error {
		_, err := NewQueueMetrics(ctx, "queue-metrics", QueueMetricsArgs{})
		return err
	}, "queue metrics: image is not set")
}

func TestManifestWithoutANameIsRefused(t *testing.T) {
	_, err := manifestParts([]byte("apiVersion: v1\nkind: ConfigMap\n"), "")
	if err == nil || !strings.Contains(err.Error(), "metadata.name") {
		t.Errorf("error = %v, want one that names metadata.name", err)
	}
}
