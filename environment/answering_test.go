package environment

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// answering is an API server that has some objects, and allows everything but what
// is denied.
type answering struct {
	// objects are in JSON, by the path that they are at.
	objects map[string]string
	// denies says whether a verb on a resource is denied.
	denies func(verb, resource string) bool

	mu    sync.Mutex
	asked []string // paths of what was read
}

func (a *answering) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case r.URL.Path == "/version":
		fmt.Fprint(w, `{"major": "1", "minor": "34", "gitVersion": "v1.37.2"}`)
	case strings.HasSuffix(r.URL.Path, "/selfsubjectaccessreviews"):
		var review struct {
			Spec struct {
				ResourceAttributes struct{ Verb, Resource string }
			}
		}
		body, _ := io.ReadAll(r.Body)
		if err := json.Unmarshal(body, &review); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		asked := review.Spec.ResourceAttributes
		allowed := a.denies == nil || asked.Verb != "*" && !a.denies(asked.Verb, asked.Resource)
		fmt.Fprintf(w, `{"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview", "status": {"allowed": %t}}`, allowed)
	default:
		a.asked = append(a.asked, r.URL.Path)
		if object, ok := a.objects[r.URL.Path]; ok {
			fmt.Fprint(w, object)
			return
		}
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, `{"apiVersion": "v1", "kind": "Status", "status": "Failure", "reason": "NotFound", "code": 404}`)
	}
}

// askedOf are the paths, sorted, that begin with a prefix.
func (a *answering) askedOf(prefix string) (paths []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, path := range a.asked {
		if strings.HasPrefix(path, prefix) {
			paths = append(paths, path)
		}
	}
	slices.Sort(paths)
	return paths
}

// start serves it, and returns the path of a kubeconfig that leads there.
func (a *answering) start(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(a)
	t.Cleanup(server.Close)
	return writeKubeconfig(t, server.URL)
}

func writeKubeconfig(t *testing.T, url string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kubeconfig")
	if err := os.WriteFile(path, []byte(kubeconfigOf(url)), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func kubeconfigOf(url string) string {
	return fmt.Sprintf(`apiVersion: v1
kind: Config
current-context: it
clusters: [{name: it, cluster: {server: %q}}]
contexts: [{name: it, context: {cluster: it, user: it}}]
users: [{name: it}]
`, url)
}

// namespacePath and others are where objects are.
const (
	namespacePath  = "/api/v1/namespaces/"
	definitionPath = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/miniclusters.flux-framework.org"
	metricsAPIPath = "/apis/apiregistration.k8s.io/v1/apiservices/v1beta1.metrics.k8s.io"
)

// there is an object of nothing but metadata, signed by a stack or not.
func there(apiVersion, kind, name, stack string) string {
	annotations := "{}"
	if stack != "" {
		annotations = fmt.Sprintf(`{"flux-framework.org/pulumi-stack": %q}`, stack)
	}
	return fmt.Sprintf(`{"apiVersion": %q, "kind": %q, "metadata": {"name": %q, "annotations": %s}}`, apiVersion, kind, name, annotations)
}
