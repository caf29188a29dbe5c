package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

// world is a real API server with nothing in it, which all tests here share. It is
// nil if there are no programs for one.
var world *struct {
	client     client.Client
	kubeconfig *api.Config // of an administrator
}

func init() { ctrl.SetLogger(ctrl.Log.WithSink(nil)) } // It warns when nobody sets one.

func TestMain(m *testing.M) { os.Exit(runAll(m)) }

func runAll(m *testing.M) (code int) {
	bin := os.Getenv("GOPHERLOCKS_BIN")
	for _, name := range []string{"etcd", "kube-apiserver"} {
		if _, err := os.Stat(filepath.Join(bin, name)); bin == "" || err != nil {
			return m.Run() // Each test that needs it skips itself, which "go test -v" shows.
		}
	}
	env := &envtest.Environment{}
	env.ControlPlane.GetAPIServer().Path = filepath.Join(bin, "kube-apiserver")
	env.ControlPlane.Etcd = &envtest.Etcd{Path: filepath.Join(bin, "etcd")}
	defer func() {
		if err := env.Stop(); err != nil {
			fmt.Println("stop the API server:", err)
			code = 1
		}
	}()
	if err := start(env); err != nil {
		fmt.Println("start the API server:", err)
		return 1
	}
	return m.Run()
}

func start(env *envtest.Environment) error {
	if _, err := env.Start(); err != nil {
		return err
	}
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), apiextensionsv1.AddToScheme(scheme)); err != nil {
		return err
	}
	administrator, err := client.New(env.Config, client.Options{Scheme: scheme})
	if err != nil {
		return err
	}
	kubeconfig, err := clientcmd.Load(env.KubeConfig)
	if err != nil {
		return err
	}
	world = &struct {
		client     client.Client
		kubeconfig *api.Config
	}{administrator, kubeconfig}
	return nil
}

func needWorld(t *testing.T) {
	t.Helper()
	if world == nil {
		t.Skip(`no programs for an API server: run "make tools", and set GOPHERLOCKS_BIN to their folder`)
	}
}

// create makes objects, and removes them when the test ends. Namespaces stay: no
// controller deletes them here.
func create(t *testing.T, objects ...client.Object) {
	t.Helper()
	needWorld(t)
	for _, o := range objects {
		if err := world.client.Create(t.Context(), o); err != nil {
			t.Fatalf("create %T %s: %v", o, o.GetName(), err)
		}
		if _, isNamespace := o.(*corev1.Namespace); !isNamespace {
			t.Cleanup(func() {
				if err := world.client.Delete(context.Background(), o); client.IgnoreNotFound(err) != nil {
					t.Errorf("delete %T %s: %v", o, o.GetName(), err)
				}
			})
		}
	}
}

// connect connects as a user, or as the administrator without a name.
func connect(t *testing.T, user string) *Cluster {
	t.Helper()
	c, err := Connect(kubeconfigAs(t, func(a *api.AuthInfo) { a.Impersonate = user }))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// kubeconfigAs is the administrator's kubeconfig with a change.
func kubeconfigAs(t *testing.T, change func(*api.AuthInfo)) string {
	t.Helper()
	needWorld(t)
	kubeconfig := world.kubeconfig.DeepCopy()
	change(kubeconfig.AuthInfos[kubeconfig.Contexts[kubeconfig.CurrentContext].AuthInfo])
	content, err := clientcmd.Write(*kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// allow gives a user rules, in the whole cluster or in a namespace.
func allow(t *testing.T, user, namespace string, rules ...rbacv1.PolicyRule) {
	t.Helper()
	subjects := []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: user}}
	name := user + "-" + namespace
	meta := metav1.ObjectMeta{Name: name}
	ref := rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: name}
	create(t, &rbacv1.ClusterRole{ObjectMeta: meta, Rules: rules})
	if namespace == "" {
		create(t, &rbacv1.ClusterRoleBinding{ObjectMeta: meta, Subjects: subjects, RoleRef: ref})
	} else {
		meta.Namespace = namespace
		create(t, &rbacv1.RoleBinding{ObjectMeta: meta, Subjects: subjects, RoleRef: ref})
	}
	if len(rules) == 0 {
		return
	}
	// The API server learns of its own roles a little later.
	first := rules[0]
	wait(t, func() bool {
		review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
			User: user,
			ResourceAttributes: &authorizationv1.ResourceAttributes{
				Namespace: namespace, Group: first.APIGroups[0], Resource: first.Resources[0], Verb: first.Verbs[0],
			},
		}}
		if len(first.ResourceNames) > 0 {
			review.Spec.ResourceAttributes.Name = first.ResourceNames[0]
		}
		return world.client.Create(t.Context(), review) == nil && review.Status.Allowed
	})
}

func rule(group, resource string, verbs ...string) rbacv1.PolicyRule {
	return rbacv1.PolicyRule{APIGroups: []string{group}, Resources: []string{resource}, Verbs: verbs}
}
