package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
	"github.com/gopherlocks/gopherlocks/operator/rbac"
)

const metricsUser = "gopherlocks-metrics"

// admitMetrics gives gopherlocks-metrics a user with the permissions that it is installed
// with, and returns its kubeconfig file.
func admitMetrics(ctx context.Context, env *envtest.Environment, dir string) (string, error) {
	path, err := addUser(env, dir, metricsUser)
	if err != nil {
		return "", err
	}
	subjects := []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: metricsUser}}
	reference := func(kind, name string) rbacv1.RoleRef {
		return rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: kind, Name: name}
	}
	named := func(namespace, name string) metav1.ObjectMeta {
		return metav1.ObjectMeta{Namespace: namespace, Name: name}
	}
	for _, o := range []client.Object{
		&rbacv1.ClusterRole{ObjectMeta: named("", metricsUser), Rules: rbac.MetricsRules},
		&rbacv1.Role{ObjectMeta: named(operatorNamespace, metricsUser), Rules: rbac.MetricsKeyRules},
		&rbacv1.ClusterRoleBinding{ObjectMeta: named("", metricsUser), Subjects: subjects, RoleRef: reference("ClusterRole", metricsUser)},
		&rbacv1.RoleBinding{ObjectMeta: named(operatorNamespace, metricsUser), Subjects: subjects, RoleRef: reference("Role", metricsUser)},
		&rbacv1.ClusterRoleBinding{ObjectMeta: named("", metricsUser+"-auth"), Subjects: subjects, RoleRef: reference("ClusterRole", "system:auth-delegator")},
		&rbacv1.RoleBinding{ObjectMeta: named("kube-system", metricsUser), Subjects: subjects, RoleRef: reference("Role", "extension-apiserver-authentication-reader")},
	} {
		if err := world.client.Create(ctx, o); err != nil {
			return "", fmt.Errorf("create %T %s: %w", o, o.GetName(), err)
		}
	}
	return path, nil
}

// metricsProgram is gopherlocks-metrics, and where it is reached.
type metricsProgram struct{ keda, series string }

// startMetrics starts gopherlocks-metrics, and registers its API.
func startMetrics(t *testing.T) metricsProgram {
	t.Helper()
	dir := t.TempDir()
	program := filepath.Join(dir, "gopherlocks-metrics")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program,
		"github.com/gopherlocks/gopherlocks/operator/cmd/gopherlocks-metrics").CombinedOutput(); err != nil {
		t.Fatalf("build gopherlocks-metrics: %v\n%s", err, out)
	}
	addresses := make([]string, 3)
	for i := range addresses {
		var err error
		if addresses[i], err = freeAddress(); err != nil {
			t.Fatal(err)
		}
	}
	_, port, err := net.SplitHostPort(addresses[0])
	if err != nil {
		t.Fatal(err)
	}
	log := filepath.Join(dir, "metrics.log")
	p, err := startProcess(log, program, "--kubeconfig="+world.metricsKubeconfig, "--namespace="+operatorNamespace,
		"--secure-port="+port, "--keda-address="+addresses[1], "--series-address="+addresses[2])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.kill()
		if said, readErr := os.ReadFile(log); readErr == nil && t.Failed() {
			t.Logf("gopherlocks-metrics has logged:\n%s", said)
		}
	})

	number, err := strconv.ParseInt(port, 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	objects := []client.Object{&corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: operatorNamespace, Name: metricsUser},
		Spec:       corev1.ServiceSpec{Type: corev1.ServiceTypeExternalName, ExternalName: "localhost", Ports: []corev1.ServicePort{{Port: int32(number)}}},
	}}
	for _, version := range []string{"v1beta1", "v1beta2"} {
		objects = append(objects, &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService",
			"metadata": map[string]any{"name": version + ".custom.metrics.k8s.io"},
			"spec": map[string]any{
				"group": "custom.metrics.k8s.io", "version": version, "groupPriorityMinimum": int64(100), "versionPriority": int64(100),
				"insecureSkipTLSVerify": true, "service": map[string]any{"namespace": operatorNamespace, "name": metricsUser, "port": number},
			},
		}})
	}
	for _, o := range objects {
		if err := world.client.Create(t.Context(), o); err != nil {
			t.Fatalf("create %s: %v", o.GetName(), err)
		}
		t.Cleanup(func() { _ = world.client.Delete(context.Background(), o) })
	}
	return metricsProgram{addresses[1], addresses[2]}
}

// readMetric reads a metric as a user of the API does.
func readMetric(t *testing.T, m miniCluster, name string) (string, error) {
	t.Helper()
	out, err := kubectl(t, "get", "--raw",
		fmt.Sprintf("/apis/custom.metrics.k8s.io/v1beta2/namespaces/%s/miniclusters.flux-framework.org/%s/%s", m.key.Namespace, m.key.Name, name))
	if err != nil {
		return "", errors.New(out)
	}
	var list struct {
		Items []struct {
			DescribedObject corev1.ObjectReference
			Value           string
		}
	}
	if err := json.Unmarshal([]byte(out), &list); err != nil {
		return "", fmt.Errorf("%s: %w", out, err)
	}
	if len(list.Items) != 1 || list.Items[0].DescribedObject.Kind != api.Kind || list.Items[0].DescribedObject.Name != m.key.Name {
		return "", fmt.Errorf("got %s", out)
	}
	return list.Items[0].Value, nil
}

// TestAutoscalersReadTheQueue: a HorizontalPodAutoscaler follows a metric of the queue, and
// KEDA and Prometheus are told the same numbers.
func TestAutoscalersReadTheQueue(t *testing.T) {
	t.Parallel()
	program := startMetrics(t)
	m, lead := createInstance(t, api.MiniClusterSpec{Size: 1, MaxSize: 8})
	lead.has(demand{up: 1, pending: 2, wanted: 3})
	m.waitForSize(1)
	lead.serve(m)
	want := map[string]string{"ranks_wanted_count": "3", "node_up_count": "1", "node_free_count": "1", "job_queue_state_sched_count": "2", "job_queue_state_run_count": "0"}
	eventually(t, func() error {
		for name, value := range want {
			got, err := readMetric(t, m, name)
			if err != nil {
				return fmt.Errorf("read %s: %w", name, err)
			}
			if got != value {
				return fmt.Errorf("%s is %q, want %s", name, got, value)
			}
		}
		return nil
	})
	// Clients that know the older version alone are answered too.
	older := fmt.Sprintf("/apis/custom.metrics.k8s.io/v1beta1/namespaces/%s/miniclusters.flux-framework.org/%s/ranks_wanted_count", m.key.Namespace, m.key.Name)
	eventually(t, func() error {
		if out, err := kubectl(t, "get", "--raw", older); err != nil || !strings.Contains(out, `"value":"3"`) {
			return fmt.Errorf("%s: %s, want 3", older, out)
		}
		return nil
	})
	for name, problem := range map[string]string{
		"no_such_count": "the metrics are ranks_wanted_count, node_up_count",
	} {
		if got, err := readMetric(t, m, name); err == nil || !strings.Contains(err.Error(), problem) {
			t.Errorf("%s is %q, %v, want an error with %q", name, got, err, problem)
		}
	}
	checkScaler(t, program, m)
	checkSeries(t, program, m)

	hpa := &autoscalingv2.HorizontalPodAutoscaler{
		ObjectMeta: metav1.ObjectMeta{Namespace: m.key.Namespace, Name: "by-the-queue"},
		Spec: autoscalingv2.HorizontalPodAutoscalerSpec{
			ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{APIVersion: api.GroupVersion.String(), Kind: api.Kind, Name: m.key.Name},
			MinReplicas:    ptr.To[int32](1), MaxReplicas: 8,
			Metrics: []autoscalingv2.MetricSpec{{
				Type: autoscalingv2.ObjectMetricSourceType,
				Object: &autoscalingv2.ObjectMetricSource{
					DescribedObject: autoscalingv2.CrossVersionObjectReference{APIVersion: api.GroupVersion.String(), Kind: api.Kind, Name: m.key.Name},
					Metric:          autoscalingv2.MetricIdentifier{Name: "ranks_wanted_count"},
					Target:          autoscalingv2.MetricTarget{Type: autoscalingv2.AverageValueMetricType, AverageValue: resource.NewQuantity(1, resource.DecimalSI)},
				},
			}},
			Behavior: &autoscalingv2.HorizontalPodAutoscalerBehavior{ScaleDown: &autoscalingv2.HPAScalingRules{StabilizationWindowSeconds: ptr.To[int32](0)}},
		},
	}
	if err := world.client.Create(t.Context(), hpa); err != nil {
		t.Fatal(err)
	}
	m.waitForSize(3)
	lead.has(demand{up: 3})
	m.waitForSize(1)

	// What is not known is an error, and never 0: the size stays.
	lead.has(demand{up: 1, pending: 1, wanted: 2})
	m.waitForSize(2)
	lead.stop()
	eventually(t, func() error {
		got, err := readMetric(t, m, "ranks_wanted_count")
		switch {
		case err == nil:
			return fmt.Errorf("a silent lead has %q", got)
		case !strings.Contains(err.Error(), "its lead does not tell"):
			return fmt.Errorf("of a silent lead is said: %w", err)
		}
		return nil
	})
	if size := m.get().Spec.Size; size != 2 {
		t.Errorf("beside a silent lead the size became %d", size)
	}
}

// checkScaler asks as KEDA does. The bytes are written here by hand, by KEDA's own protocol.
func checkScaler(t *testing.T, program metricsProgram, m miniCluster) {
	t.Helper()
	conn, err := grpc.NewClient(program.keda, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	text := func(field byte, value string) []byte { return append([]byte{field<<3 | 2, byte(len(value))}, value...) }
	object := append(text(1, m.key.Name), text(2, m.key.Namespace)...)
	var active, value rawMessage
	err = conn.Invoke(ctx, "/externalscaler.ExternalScaler/IsActive", rawMessage(object), &active, grpc.ForceCodec(rawCodec{}))
	if err != nil || string(active) != "\x08\x01" {
		t.Errorf("IsActive answers %q, %v", active, err)
	}
	request := append(text(1, string(object)), text(2, "ranks_wanted_count")...)
	err = conn.Invoke(ctx, "/externalscaler.ExternalScaler/GetMetrics", rawMessage(request), &value, grpc.ForceCodec(rawCodec{}))
	const three = "\x0a\x1f\x0a\x12ranks_wanted_count\x10\x03\x19\x00\x00\x00\x00\x00\x00\x08\x40"
	if err != nil || string(value) != three {
		t.Errorf("GetMetrics answers %q, %v, want %q", value, err, three)
	}
}

// rawMessage is a message as it is on the wire.
type rawMessage []byte

type rawCodec struct{}

func (rawCodec) Name() string                  { return "proto" }
func (rawCodec) Marshal(v any) ([]byte, error) { return v.(rawMessage), nil }
func (rawCodec) Unmarshal(data []byte, v any) error {
	*v.(*rawMessage) = append(rawMessage(nil), data...)
	return nil
}

// checkSeries reads as Prometheus does.
func checkSeries(t *testing.T, program metricsProgram, m miniCluster) {
	t.Helper()
	said := scrape(t, "http://"+program.series+"/metrics")
	labels := fmt.Sprintf(`{minicluster="%s",namespace="%s"}`, m.key.Name, m.key.Namespace)
	for _, want := range []string{"gopherlocks_minicluster_answers" + labels + " 1\n", "gopherlocks_minicluster_ranks_wanted_count" + labels + " 3\n"} {
		if !strings.Contains(said, want) {
			t.Errorf("no series %q in\n%s", want, said)
		}
	}
}
