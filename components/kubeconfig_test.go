package components

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/client-go/tools/clientcmd"

	"github.com/gopherlocks/gopherlocks/components/componentstest"
)

// TestSelectedContextIsReadByKubectl, whose library the components do without.
func TestSelectedContextIsReadByKubectl(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "ca.crt"), []byte("certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	content, err := selectContext(componentstest.TwoContexts, "second")
	if err != nil {
		t.Fatal(err)
	}
	got, err := clientcmd.Load([]byte(content))
	if err != nil {
		t.Fatal(err)
	}
	cluster, user := got.Clusters["b"], got.AuthInfos["bob"]
	if got.CurrentContext != "second" || len(got.Clusters) != 1 || len(got.AuthInfos) != 1 || len(got.Contexts) != 1 {
		t.Fatalf("there is more than the second context:\n%s", content)
	}
	if cluster.Server != "https://b:6443" || string(cluster.CertificateAuthorityData) != "certificate" || cluster.CertificateAuthority != "" || user.Token != "secret-of-bob" {
		t.Errorf("the kubeconfig does not lead to the cluster, or not without files:\n%s", content)
	}
	if got, err := endpoint(content); err != nil || got != "https://b:6443" {
		t.Errorf("endpoint = %q, %v", got, err)
	}
	if current, err := selectContext(componentstest.TwoContexts, ""); err != nil || !strings.Contains(current, "current-context: first") || strings.Contains(current, "secret-of-bob") {
		t.Errorf("without a context: %v\n%s", err, current)
	}
}

// TestSelectingTwiceChangesNothing: the kubeconfig is an input of Pulumi's provider.
func TestSelectingTwiceChangesNothing(t *testing.T) {
	parsed, err := clientcmd.Load([]byte(strings.ReplaceAll(componentstest.TwoContexts, "certificate-authority: ca.crt", "certificate-authority-data: "+base64.StdEncoding.EncodeToString([]byte("certificate")))))
	if err != nil {
		t.Fatal(err)
	}
	for name := range parsed.Contexts {
		if name != "second" {
			delete(parsed.Contexts, name)
		}
	}
	delete(parsed.Clusters, "a")
	delete(parsed.AuthInfos, "alice")
	parsed.CurrentContext = "second"
	written, err := clientcmd.Write(*parsed)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := selectContext(string(written), "second"); err != nil || got != string(written) {
		t.Errorf("error %v; kubectl's library wrote\n%s\nand it became\n%s", err, written, got)
	}
}

func TestKubeconfigThatLeadsNowhereIsRefused(t *testing.T) {
	if _, err := selectContext(componentstest.TwoContexts, "third"); err == nil || !strings.Contains(err.Error(), `context "third"`) {
		t.Errorf("error = %v", err)
	}
	if _, err := selectContext(componentstest.TwoContexts, "second"); err == nil || !strings.Contains(err.Error(), "certificate-authority: open ca.crt") {
		t.Errorf("a file that is not there: error = %v", err)
	}
	if _, err := selectContext("{", ""); err == nil {
		t.Error("what is no YAML is taken")
	}
	nowhere := strings.ReplaceAll(componentstest.TwoContexts, "server: https://a:6443", "")
	if _, err := endpoint(nowhere); err == nil || !strings.Contains(err.Error(), `context "first" leads to no server`) {
		t.Errorf("error = %v", err)
	}
}
