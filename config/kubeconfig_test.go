package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/client-go/tools/clientcmd"
)

const twoContexts = `apiVersion: v1
kind: Config
current-context: first
clusters:
- {name: a, cluster: {server: https://a:6443}}
- {name: b, cluster: {server: https://b:6443, certificate-authority: ca.crt}}
contexts:
- {name: first, context: {cluster: a, user: alice}}
- {name: second, context: {cluster: b, user: bob}}
users:
- {name: alice, user: {token: secret-of-alice}}
- {name: bob, user: {token: secret-of-bob}}
`

func TestKubeconfigLeadsToTheChosenContextOnly(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "config")
	for name, content := range map[string]string{path: twoContexts, filepath.Join(dir, "ca.crt"): "certificate"} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	content, err := ReadKubeconfig(path, "second")
	if err != nil {
		t.Fatal(err)
	}
	got, err := clientcmd.Load([]byte(content))
	if err != nil {
		t.Fatal(err)
	}
	if got.CurrentContext != "second" || string(got.Clusters["b"].CertificateAuthorityData) != "certificate" {
		t.Errorf("the kubeconfig does not lead to the second context, or without its files:\n%s", content)
	}
	if strings.Contains(content, "secret-of-alice") {
		t.Errorf("the kubeconfig has another context's credentials:\n%s", content)
	}
	if endpoint, err := Endpoint(content); err != nil || endpoint != "https://b:6443" {
		t.Errorf("endpoint = %q, %v", endpoint, err)
	}
	if current, err := ReadKubeconfig(path, ""); err != nil || !strings.Contains(current, "current-context: first") {
		t.Errorf("without a context: %v\n%s", err, current)
	}
}

func TestContextThatIsNotThereIsNamed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(path, []byte(twoContexts), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadKubeconfig(path, "third"); err == nil || !strings.Contains(err.Error(), `gopherlocks:context: "third" is not in`) {
		t.Errorf("error = %v", err)
	}
	if _, err := SelectContext(twoContexts, "third"); err == nil || !strings.Contains(err.Error(), `context "third"`) {
		t.Errorf("error = %v", err)
	}
	if _, err := ReadKubeconfig(path+"-missing", ""); err == nil || !strings.Contains(err.Error(), "gopherlocks:kubeconfig") {
		t.Errorf("error = %v", err)
	}
}
