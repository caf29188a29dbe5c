package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const definition = `---
spec:
  group: example.org
  versions:
  - additionalPrinterColumns:
    - jsonPath: .spec.size
      name: Size
      type: integer
    name: v2
    schema:
      openAPIV3Schema:
        type: object
    served: true
    storage: true
    subresources:
      status: {}
`

const wanted = definition + `  - additionalPrinterColumns:
    - jsonPath: .spec.size
      name: Size
      type: integer
    name: v1
    schema:
      openAPIV3Schema:
        type: object
    served: true
    storage: false
    subresources:
      status: {}
`

func TestServeCopiesTheStoredVersion(t *testing.T) {
	got, err := serve([]byte(definition), "v1")
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != wanted {
		t.Errorf("got:\n%s\nwant:\n%s", got, wanted)
	}
}

func TestServeTwiceChangesNothing(t *testing.T) {
	file := filepath.Join(t.TempDir(), "crd.yaml")
	if err := os.WriteFile(file, []byte(definition), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := rewrite(file, "v1"); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != wanted {
		t.Errorf("got:\n%s\nwant:\n%s", got, wanted)
	}
}

func TestServeSaysWhatIsWrong(t *testing.T) {
	tests := map[string]struct{ definition, name, want string }{
		"no stored version":  {strings.ReplaceAll(definition, "storage: true", "storage: false"), "v1", "spec.versions: none has storage: true"},
		"no versions":        {"spec: {}", "v1", "spec.versions: none has storage: true"},
		"the stored version": {definition, "v2", "spec.versions[0]: v2 is the stored version itself"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := serve([]byte(tt.definition), tt.name)
			if err == nil || err.Error() != tt.want {
				t.Errorf("got error %v, want %q", err, tt.want)
			}
		})
	}
}
