package crds

import (
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

	"github.com/gopherlocks/gopherlocks/crds/crdtest"
)

// server is the API server's treatment of one version.
type server struct{ *crdtest.Server }

func (s server) decode(t *testing.T, manifest []byte) (object map[string]any, unknown []string) {
	t.Helper()
	object, unknown, err := s.Decode(manifest)
	if err != nil {
		t.Fatal(err)
	}
	return object, unknown
}

func definition(t *testing.T) *apiextensionsv1.CustomResourceDefinition {
	t.Helper()
	crd, err := crdtest.Definition(MiniCluster)
	if err != nil {
		t.Fatal(err)
	}
	return crd
}

// eachVersion runs a test for every version that the definition serves.
func eachVersion(t *testing.T, test func(t *testing.T, apiVersion string, s server)) {
	t.Helper()
	crd := definition(t)
	for _, version := range crd.Spec.Versions {
		t.Run(version.Name, func(t *testing.T) {
			s, err := crdtest.New(version)
			if err != nil {
				t.Fatal(err)
			}
			test(t, crd.Spec.Group+"/"+version.Name, server{s})
		})
	}
}
