package crds

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
)

const migrationGuide = "../docs/migrate-from-the-flux-operator.md"

// below are the fields whose own fields are Kubernetes', and documented there.
var below = regexp.MustCompile(`^(pod\.(tolerations\[\]|securityContext)|services\[\]|(containers\[\]|flux\.container)\.securityContext\.(seccompProfile|appArmorProfile|seLinuxOptions)|flux\.bursting)\.`)

// isCommand tells commands and their options from messages.
var isCommand = regexp.MustCompile(`^(kubectl |/|-)`)

// TestMigrationGuideHasEveryField: somebody who looks for a field finds its row.
func TestMigrationGuideHasEveryField(t *testing.T) {
	guide := readGuide(t)
	spec := definition(t).Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["spec"]
	walk("spec", &spec, func(path string, _ *apiextensionsv1.JSONSchemaProps) {
		field := strings.TrimPrefix(path, "spec.")
		if path == "spec" || field == "containers" || field == "flux" || field == "pod" || below.MatchString(field) {
			return // a heading, or beyond this API
		}
		if !strings.Contains(guide, fmt.Sprintf("| `%s` |", field)) {
			t.Errorf("%s has no row", field)
		}
	})
}

// TestMigrationGuideQuotesTheMessages: what the guide says of refusals is what
// the API server says.
func TestMigrationGuideQuotesTheMessages(t *testing.T) {
	var known []string
	for _, refusals := range [][]refusal{
		sizeRefusals, containerRefusals, serviceRefusals, volumeRefusals, fluxRefusals, podRefusals,
	} {
		for _, r := range refusals {
			known = append(known, r.want...)
		}
	}
	for _, u := range updates {
		known = append(known, u.want...)
	}
	said := strings.Join(known, "\n")
	quotes := 0
	for _, span := range regexp.MustCompile("`[^`]+`").FindAllString(readGuide(t), -1) {
		quote := strings.Trim(span, "`")
		if len(strings.Fields(quote)) < 4 || isCommand.MatchString(quote) {
			continue
		}
		quotes++
		if !strings.Contains(said, quote) {
			t.Errorf("no test shows the API server saying %q", quote)
		}
	}
	if quotes < 30 {
		t.Errorf("found %d quotations only", quotes)
	}
}

func readGuide(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(migrationGuide)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
