package environment

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/client-go/tools/clientcmd"

	"github.com/gopherlocks/gopherlocks/components/componentstest"
)

func TestKubeconfigLeadsToTheChosenContextOnly(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "config")
	for name, content := range map[string]string{path: componentstest.TwoContexts, filepath.Join(dir, "ca.crt"): "certificate"} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	content, err := readKubeconfig(path, "second")
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
	if current, err := readKubeconfig(path, ""); err != nil || !strings.Contains(current, "current-context: first") {
		t.Errorf("without a context: %v\n%s", err, current)
	}
}

func TestContextThatIsNotThereIsNamed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(path, []byte(componentstest.TwoContexts), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := readKubeconfig(path, "third"); err == nil || !strings.Contains(err.Error(), `gopherlocks:context: "third" is not in`) {
		t.Errorf("error = %v", err)
	}
	if _, err := readKubeconfig(path+"-missing", ""); err == nil || !strings.Contains(err.Error(), "gopherlocks:kubeconfig") {
		t.Errorf("error = %v", err)
	}
}

func TestKubeconfigWithoutAChoiceSaysWhatThereIs(t *testing.T) {
	dir := t.TempDir()
	write := func(content string) string {
		t.Helper()
		path := dir + "/kubeconfig"
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for name, c := range map[string]struct{ path, context, want string }{
		"another context":   {write(componentstest.TwoContexts), "third", `choose one of ["first" "second"]`},
		"no current one":    {dir + "/none", "", "gopherlocks:context: is not set, and "},
		"no context at all": {dir + "/empty", "", "gopherlocks:kubeconfig: there is no context in "},
		"not YAML":          {dir + "/broken", "", "gopherlocks:kubeconfig: give the path of a kubeconfig that can be read"},
	} {
		t.Run(name, func(t *testing.T) {
			for file, content := range map[string]string{
				"/none": strings.Replace(componentstest.TwoContexts, "current-context: first\n", "", 1), "/empty": "apiVersion: v1\nkind: Config\n", "/broken": "{",
			} {
				if err := os.WriteFile(dir+file, []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := readKubeconfig(c.path, c.context); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error = %v, want %q", err, c.want)
			}
		})
	}
}
