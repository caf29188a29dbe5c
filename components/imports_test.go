package components

import (
	"os/exec"
	"strings"
	"testing"
)

// TestComponentsLinkNoClient: the linter looks at what the package imports itself, and
// this at all that its users link with it.
func TestComponentsLinkNoClient(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	for linked := range strings.Lines(string(out)) {
		linked = strings.TrimSpace(linked)
		for _, barred := range []string{
			"k8s.io/client-go", "sigs.k8s.io/controller-runtime",
			"github.com/gopherlocks/gopherlocks/preflight", "github.com/gopherlocks/gopherlocks/config",
		} {
			if linked == barred || strings.HasPrefix(linked, barred+"/") {
				t.Errorf("programs that use a component link %s", linked)
			}
		}
	}
}
