// Package api tests the operator from outside, as a program. It runs against a real
// kube-apiserver and etcd, with the Job controller, the garbage collector and the
// namespace controller of a real kube-controller-manager. It has only the permissions that it is installed
// with.
//
// There is no node. A stand-in for the kubelet (see kubelet_test.go) binds pods
// to a node that does not exist and writes their status.
package api

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/version"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/yaml"

	"github.com/gopherlocks/gopherlocks/crds"
	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
	"github.com/gopherlocks/gopherlocks/operator/rbac"
)

// operatorUser is the operator's user at the API server; operatorNamespace has its
// lease.
const (
	operatorUser      = "gopherlocks-operator"
	operatorNamespace = "gopherlocks-system"
)

// world is what all tests share.
var world struct {
	missing    string // what the tests need and do not have; empty if nothing is missing
	client     client.Client
	version    *version.Version // of the API server
	kubectl    string
	kubeconfig string // of an administrator
	// metricsKubeconfig is that of gopherlocks-metrics.
	metricsKubeconfig string
	operators         *operators
	kubelet           *kubelet
	auditLog          string
}

func TestMain(m *testing.M) {
	if os.Getenv(pulumi.EnvMonitor) != "" {
		pulumi.Run(declareMiniCluster) // Pulumi has started this executable as its program.
		return
	}
	os.Exit(runAll(m))
}

func runAll(m *testing.M) int {
	bin, missing := binaries()
	if missing != "" {
		world.missing = missing
		return m.Run() // each test skips itself, which "go test -v" shows
	}
	dir, err := os.MkdirTemp("", "gopherlocks-api-test-")
	if err != nil {
		fmt.Println("make a folder for the test's files:", err)
		return 1
	}
	defer os.RemoveAll(dir)

	code := 1
	if err := inWorld(bin, dir, func() { code = m.Run() }); err != nil {
		fmt.Println("set up the test's cluster:", err)
		printLogs(dir)
		return 1
	}
	if code != 0 {
		printLogs(dir)
	}
	return code
}

// needWorld skips the test where there is nothing to test against.
func needWorld(t testing.TB) {
	t.Helper()
	if world.missing != "" {
		t.Skipf("%s: run \"make tools\", and set GOPHERLOCKS_BIN to the folder of its Kubernetes programs", world.missing)
	}
}

// binaries returns the folder of Kubernetes' programs, and what is missing in it.
func binaries() (dir, missing string) {
	dir = os.Getenv("GOPHERLOCKS_BIN")
	if dir == "" {
		return "", "GOPHERLOCKS_BIN is not set"
	}
	for _, name := range []string{"etcd", "kube-apiserver", "kube-controller-manager", "kubectl"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			return "", fmt.Sprintf("GOPHERLOCKS_BIN=%s has no %s", dir, name)
		}
	}
	return dir, ""
}

// inWorld starts all that the tests need, runs them, and stops it again.
func inWorld(bin, dir string, run func()) (err error) {
	world.kubectl = filepath.Join(bin, "kubectl")

	env, err := startAPIServer(bin, dir)
	if env != nil {
		defer func() { err = errors.Join(err, env.Stop()) }()
	}
	// Watches end before the API server, which would wait for them.
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if err != nil {
		return err
	}
	scheme := runtime.NewScheme()
	err = errors.Join(clientgoscheme.AddToScheme(scheme), apiextensionsv1.AddToScheme(scheme), api.AddToScheme(scheme))
	if err != nil {
		return err
	}
	if world.client, err = client.New(env.Config, client.Options{Scheme: scheme}); err != nil {
		return err
	}
	if world.version, err = serverVersion(env.Config); err != nil {
		return err
	}
	world.kubeconfig = filepath.Join(dir, "admin.kubeconfig")
	if err = os.WriteFile(world.kubeconfig, env.KubeConfig, 0o600); err != nil {
		return err
	}

	manager, err := startControllerManager(bin, dir, world.kubeconfig)
	if err != nil {
		return err
	}
	defer manager.kill()

	kubeconfig, err := admitOperator(ctx, env, dir)
	if err != nil {
		return err
	}
	if world.metricsKubeconfig, err = admitMetrics(ctx, env, dir); err != nil {
		return err
	}
	if world.operators, err = buildOperator(ctx, dir, kubeconfig); err != nil {
		return err
	}
	defer world.operators.killAll()
	if _, err = world.operators.start(); err != nil {
		return err
	}

	start := startKubelet
	if kwok := os.Getenv(kwokVariable); kwok != "" {
		start = watchPods
		nodes, startErr := startSimulation(ctx, bin, kwok, dir, world.kubeconfig)
		if startErr != nil {
			return startErr
		}
		defer nodes.kill()
	}
	if world.kubelet, err = start(ctx, env.Config); err != nil {
		return err
	}
	run()
	return nil
}

// addUser makes a user without permissions, and returns its kubeconfig file.
func addUser(env *envtest.Environment, dir, name string) (string, error) {
	user, err := env.AddUser(envtest.User{Name: name}, nil)
	if err != nil {
		return "", err
	}
	kubeconfig, err := user.KubeConfig()
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, name+".kubeconfig")
	return path, os.WriteFile(path, kubeconfig, 0o600)
}

// admitOperator gives the operator a user and exactly the rules that package rbac
// exports, and returns its kubeconfig file.
func admitOperator(ctx context.Context, env *envtest.Environment, dir string) (string, error) {
	path, err := addUser(env, dir, operatorUser)
	if err != nil {
		return "", err
	}

	var clusterRole rbacv1.ClusterRole
	var role rbacv1.Role
	if err := decodeRoles(rbac.Role, &clusterRole, &role); err != nil {
		return "", err
	}
	role.Namespace = operatorNamespace
	namespace := &corev1.Namespace{}
	namespace.Name = operatorNamespace
	subject := []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: operatorUser}}
	everywhere := &rbacv1.ClusterRoleBinding{
		Subjects: subject,
		RoleRef:  rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: clusterRole.Name},
	}
	everywhere.Name = clusterRole.Name
	lease := &rbacv1.RoleBinding{
		Subjects: subject,
		RoleRef:  rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: role.Name},
	}
	lease.Namespace, lease.Name = operatorNamespace, role.Name
	for _, o := range []client.Object{namespace, &clusterRole, &role, everywhere, lease} {
		if err := world.client.Create(ctx, o); err != nil {
			return "", fmt.Errorf("create %T %s: %w", o, o.GetName(), err)
		}
	}
	return path, nil
}

// crd returns the CustomResourceDefinition as it is installed.
func crd() (*apiextensionsv1.CustomResourceDefinition, error) {
	var c apiextensionsv1.CustomResourceDefinition
	return &c, yaml.UnmarshalStrict(crds.MiniCluster, &c)
}

func init() {
	// controller-runtime warns when nobody sets a logger.
	ctrl.SetLogger(ctrl.Log.WithSink(nil))
}
