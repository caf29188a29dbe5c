package crds

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"

	"github.com/gopherlocks/gopherlocks/operator/kubeversion"
)

// Module files of crds/validators.
const (
	oldestModule  = "oldest.mod"
	currentModule = "go.mod"
)

// TestDefinitionIsValid asks the validators of the oldest version of Kubernetes that
// is supported, and those of the current one. A definition that only the newer one
// takes, such as one with a rule of its CEL, could not be installed on the older.
func TestDefinitionIsValid(t *testing.T) {
	tests := map[string]struct {
		change func(root *apiextensionsv1.JSONSchemaProps)
		// refused is a part of what each says.
		refused map[string]string
	}{
		"as it is": {nil, nil},
		// Once the oldest version is newer than 1.30, take a function that came with it.
		"a rule of the CEL that the oldest knows, and takes in a new rule from the next version on": {
			func(root *apiextensionsv1.JSONSchemaProps) {
				root.XValidations = append(root.XValidations, apiextensionsv1.ValidationRule{Rule: "isIP('10.0.0.1')"})
			},
			map[string]string{oldestModule: "undeclared reference to 'isIP'"},
		},
		"rules that cost too much, over a list without maxItems": {
			func(root *apiextensionsv1.JSONSchemaProps) {
				spec := root.Properties["spec"]
				containers := spec.Properties["containers"]
				containers.MaxItems = nil
				spec.Properties["containers"] = containers
			},
			map[string]string{oldestModule: "exceeds budget", currentModule: "exceeds budget"},
		},
	}
	for _, module := range []string{oldestModule, currentModule} {
		t.Run(module, func(t *testing.T) {
			t.Parallel()
			validate := compileValidators(t, module)
			for name, test := range tests {
				manifest := MiniCluster
				if test.change != nil {
					crd := definition(t)
					test.change(crd.Spec.Versions[0].Schema.OpenAPIV3Schema)
					var err error
					if manifest, err = yaml.Marshal(crd); err != nil {
						t.Fatal(err)
					}
				}
				got, want := validate(manifest), test.refused[module]
				if (got == "") != (want == "") || !strings.Contains(got, want) {
					t.Errorf("%s: the validators of Kubernetes %s say %q, want %q", name, validatorsVersion(t, module), got, want)
				}
			}
		})
	}
}

// TestValidatorsAreOfTheVersionsThatWeName: oldest.mod follows the oldest version,
// go.mod the version of the libraries that all else is tested with.
func TestValidatorsAreOfTheVersionsThatWeName(t *testing.T) {
	if got := validatorsVersion(t, oldestModule); got != kubeversion.Minimum {
		t.Errorf("%s has the validators of %s, and the oldest version is %s", oldestModule, got, kubeversion.Minimum)
	}
	if got, want := validatorsVersion(t, currentModule), validatorsVersion(t, filepath.Join("..", "..", "go.mod")); got != want {
		t.Errorf("%s has the validators of %s, and the repository's go.mod those of %s", currentModule, got, want)
	}
}

// compileValidators returns the program of crds/validators as this module file
// makes it: it returns why a definition is refused, or nothing.
func compileValidators(t *testing.T, module string) func(definition []byte) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "validators")
	runGo(t, "build", "-modfile="+module, "-o", program, ".")
	return func(definition []byte) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), program)
		cmd.Stdin = bytes.NewReader(definition)
		out, err := cmd.Output()
		if refused := new(exec.ExitError); err != nil && (!errors.As(err, &refused) || len(out) == 0) {
			t.Fatalf("run the validators of %s: %v", module, err)
		}
		return strings.TrimSpace(string(out))
	}
}

// validatorsVersion returns the version of Kubernetes, such as 1.30, whose
// validators a module file requires.
func validatorsVersion(t *testing.T, module string) string {
	t.Helper()
	var file struct {
		Require []struct{ Path, Version string }
	}
	if err := json.Unmarshal(runGo(t, "mod", "edit", "-json", module), &file); err != nil {
		t.Fatal(err)
	}
	for _, required := range file.Require {
		// Version v0.30.14 of the library is of Kubernetes 1.30.14.
		if minor, found := strings.CutPrefix(required.Version, "v0."); found && required.Path == "k8s.io/apiextensions-apiserver" {
			minor, _, _ = strings.Cut(minor, ".")
			return "1." + minor
		}
	}
	t.Fatalf("%s requires no validators", module)
	return ""
}

// runGo runs the go command in the folder of the validators.
func runGo(t *testing.T, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = "validators"
	cmd.Env = append(os.Environ(), "GOWORK=off")
	out, err := cmd.Output()
	if err != nil {
		stderr := ""
		if failed := new(exec.ExitError); errors.As(err, &failed) {
			stderr = string(failed.Stderr)
		}
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, stderr)
	}
	return out
}
