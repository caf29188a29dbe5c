package api

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"path/filepath"

	rbacv1 "k8s.io/api/rbac/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/util/version"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/yaml"

	"github.com/gopherlocks/gopherlocks/operator/kubeversion"
)

// auditPolicy logs each request of the operator once, when it is answered.
const auditPolicy = `
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived, ResponseStarted]
rules:
- level: Metadata
  users: [` + operatorUser + `]
- level: None
`

// controlPlaneVariable is a folder with another kube-apiserver and
// kube-controller-manager. "make test-oldest" takes those of the oldest supported
// Kubernetes.
const controlPlaneVariable = "GOPHERLOCKS_CONTROL_PLANE"

// controlPlane returns the path of a program of the control plane.
func controlPlane(bin, name string) string {
	return filepath.Join(cmp.Or(os.Getenv(controlPlaneVariable), bin), name)
}

// startAPIServer starts etcd and kube-apiserver with our resource definition. The
// caller must stop the environment even after an error.
func startAPIServer(bin, dir string) (*envtest.Environment, error) {
	definition, err := crd()
	if err != nil {
		return nil, err
	}
	policy := filepath.Join(dir, "audit-policy.yaml")
	if err := os.WriteFile(policy, []byte(auditPolicy), 0o600); err != nil {
		return nil, err
	}
	world.auditLog = filepath.Join(dir, "audit.log")

	env := &envtest.Environment{CRDs: []*apiextensionsv1.CustomResourceDefinition{definition}}
	server := env.ControlPlane.GetAPIServer()
	server.Path = controlPlane(bin, "kube-apiserver")
	server.Configure().
		Set("audit-policy-file", policy).
		Set("audit-log-path", world.auditLog).
		// A write must be in the log before the operator gets the answer.
		Set("audit-log-mode", "blocking-strict").
		// Without this, no pod is refused for want of its ServiceAccount.
		Disable("disable-admission-plugins").
		// Stricter than the default: it asks for miniclusters/finalizers.
		Append("enable-admission-plugins", "OwnerReferencesPermissionEnforcement")
	if err := aggregate(server, dir); err != nil {
		return nil, err
	}
	env.ControlPlane.Etcd = &envtest.Etcd{Path: filepath.Join(bin, "etcd")}
	env.ControlPlane.KubectlPath = filepath.Join(bin, "kubectl")
	if _, err := env.Start(); err != nil {
		return env, fmt.Errorf("start the API server: %w", err)
	}
	return env, nil
}

// serverVersion asks the API server for its version. Where it is to be the oldest that
// is supported, it must be.
func serverVersion(config *rest.Config) (*version.Version, error) {
	answering, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return nil, err
	}
	info, err := answering.ServerVersion()
	if err != nil {
		return nil, fmt.Errorf("ask the API server for its version: %w", err)
	}
	found, err := version.ParseGeneric(info.GitVersion)
	if err != nil {
		return nil, err
	}
	oldest := version.MustParseGeneric(kubeversion.Minimum)
	if os.Getenv(controlPlaneVariable) != "" && (found.Major() != oldest.Major() || found.Minor() != oldest.Minor()) {
		return nil, fmt.Errorf("%s has Kubernetes %s, and the oldest that is supported is %s", controlPlaneVariable, info.GitVersion, kubeversion.Minimum)
	}
	return found, nil
}

// startControllerManager starts the controllers that the operator builds upon.
func startControllerManager(bin, dir, kubeconfig string) (*process, error) {
	// Nodes are given up sooner than after 50 s: see nodes_test.go. kwok's nodes
	// get the full time, since the machine may be busy.
	gracePeriod := "20s"
	if os.Getenv(kwokVariable) != "" {
		gracePeriod = "5m"
	}
	return startProcess(filepath.Join(dir, "kube-controller-manager.log"),
		controlPlane(bin, "kube-controller-manager"),
		"--kubeconfig="+kubeconfig,
		"--leader-elect=false",
		"--secure-port=0",
		"--controllers=job-controller,garbage-collector-controller,namespace-controller,"+
			"disruption-controller,node-lifecycle-controller,taint-eviction-controller,"+
			"horizontal-pod-autoscaler-controller",
		// Without metrics, all that it does is to hold sizes within its own bounds.
		"--horizontal-pod-autoscaler-sync-period=1s",
		"--node-monitor-period=1s", "--node-monitor-grace-period="+gracePeriod, "--node-eviction-rate=10",
		// The tests run side by side; the default of 20 requests per second would
		// make them wait for each other.
		"--kube-api-qps=500", "--kube-api-burst=1000")
}

// decodeRoles reads the two documents of package rbac.
func decodeRoles(data []byte, clusterRole *rbacv1.ClusterRole, role *rbacv1.Role) error {
	documents := bytes.Split(bytes.TrimPrefix(data, []byte("---\n")), []byte("\n---\n"))
	if len(documents) != 2 {
		return fmt.Errorf("the generated rules have %d documents, want a ClusterRole and a Role", len(documents))
	}
	if err := yaml.UnmarshalStrict(documents[0], clusterRole); err != nil {
		return fmt.Errorf("decode the ClusterRole: %w", err)
	}
	if err := yaml.UnmarshalStrict(documents[1], role); err != nil {
		return fmt.Errorf("decode the Role: %w", err)
	}
	return nil
}
