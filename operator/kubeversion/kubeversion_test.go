package kubeversion

import (
	"fmt"
	"strings"
	"testing"
)

func TestVersionsFromTheMinimumOnAreTaken(t *testing.T) {
	for _, found := range []string{"v1.27.0", "1.27", "v1.34.2", "v1.34.2-gke.1073000", "v1.31.4+k3s1", "v1.34.2-eks-1234567", "v2.0.0"} {
		if err := Check(found); err != nil {
			t.Errorf("%s: %v", found, err)
		}
	}
	for found, want := range map[string]string{
		"v1.26.15":          "version v1.26.15 of Kubernetes must be at least 1.27",
		"v1.26.9-gke.12000": "must be at least 1.27",
		"":                  "cannot be read",
		"latest":            "cannot be read",
	} {
		if err := Check(found); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error = %v, want %q", found, err, want)
		}
	}
}

func TestBothFormsOfTheMinimumAgree(t *testing.T) {
	if want := fmt.Sprintf("1.%d", Minor); Minimum != want {
		t.Errorf("Minimum = %s, Minor says %s", Minimum, want)
	}
}
