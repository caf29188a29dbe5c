package kubeversion

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func TestVersionsFromTheMinimumOnAreTaken(t *testing.T) {
	for _, found := range []string{"v1.30.0", "1.30", "v1.34.2", "v1.34.2-gke.1073000", "v1.31.4+k3s1", "v1.34.2-eks-1234567", "v2.0.0"} {
		if err := Check(found); err != nil {
			t.Errorf("%s: %v", found, err)
		}
	}
	for found, want := range map[string]string{
		"v1.29.15":          "version v1.29.15 of Kubernetes must be at least 1.30: older ones refuse the definition of MiniClusters",
		"v1.29.9-gke.12000": "must be at least 1.30",
		"v1.27.0":           "must be at least 1.30",
		"":                  "cannot be read",
		"latest":            "cannot be read",
	} {
		if err := Check(found); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error = %v, want %q", found, err, want)
		}
	}
}

// TestPagesNameTheMinimum: those that say which versions of Kubernetes will do.
func TestPagesNameTheMinimum(t *testing.T) {
	statement := regexp.MustCompile(`Kubernetes (1\.\d+) or later|must be at least (1\.\d+)`)
	root := filepath.Join("..", "..")
	pages, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	silent := map[string]bool{"existing-clusters.md": true, "kind.md": true, "policies.md": true, "README.md": true, "Pulumi.yaml": true}
	for _, page := range append(pages, filepath.Join(root, "README.md"), filepath.Join(root, "Pulumi.yaml")) {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range statement.FindAllStringSubmatch(string(text), -1) {
			delete(silent, filepath.Base(page))
			if version := match[1] + match[2]; version != Minimum {
				t.Errorf("%s says %q, and the oldest version is %s", page, match[0], Minimum)
			}
		}
	}
	for page := range silent {
		t.Errorf("%s does not say that %s is the oldest version", page, Minimum)
	}
}
