package crds

import (
	"os"
	"path/filepath"
	"testing"

	"sigs.k8s.io/yaml"
)

// TestPublishedManifestsAreAccepted: testdata/published has what manifests and programs
// for the Flux Operator say, kind by kind. Package build makes objects of the same
// files.
func TestPublishedManifestsAreAccepted(t *testing.T) {
	files, err := filepath.Glob("testdata/published/*.yaml")
	if err != nil || len(files) < 10 {
		t.Fatalf("%d files: %v", len(files), err)
	}
	eachVersion(t, func(t *testing.T, apiVersion string, s server) {
		for _, file := range files {
			t.Run(filepath.Base(file), func(t *testing.T) {
				manifest, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				object, unknown := s.decode(t, manifest)
				object["apiVersion"] = apiVersion
				if len(unknown) > 0 {
					t.Errorf("unknown fields %q", unknown)
				}
				delete(object, "status") // as the API server does at a creation
				if got := s.Validate(object, nil); len(got) > 0 {
					text, _ := yaml.Marshal(object)
					t.Errorf("refused: %q\n%s", got, text)
				}
			})
		}
	})
}
