package sbom

import (
	"bytes"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spdx/tools-golang/json"
	"github.com/spdx/tools-golang/spdx/v2/common"
	"github.com/spdx/tools-golang/spdx/v2/v2_3"
	"github.com/spdx/tools-golang/spdxlib"
)

func newSubject() Subject {
	return Subject{
		Name: "app", Digest: strings.Repeat("ab", 32), Architecture: "arm64", Version: "1.2.3", License: "Apache-2.0",
		Info: &debug.BuildInfo{
			GoVersion: "go1.26.8", Path: "example.org/team/cmd/app", Main: debug.Module{Path: "example.org/team", Version: "(devel)"},
			Deps: []*debug.Module{
				{Path: "example.org/A_b", Version: "v1.0.0", Sum: "h1:abc="},
				{Path: "example.org/A-b", Version: "v2.0.0+incompatible", Sum: "h1:def="},
				{Path: "example.org/old", Version: "v1.0.0", Replace: &debug.Module{Path: "example.org/new", Version: "v1.1.0", Sum: "h1:ghi="}},
			},
		},
	}
}

func parse(t *testing.T, document []byte) *v2_3.Document {
	t.Helper()
	var parsed v2_3.Document
	if err := json.ReadInto(bytes.NewReader(document), &parsed); err != nil {
		t.Fatal(err)
	}
	return &parsed
}

func build(t *testing.T, s Subject) []byte {
	t.Helper()
	document, err := Build(s)
	if err != nil {
		t.Fatal(err)
	}
	return document
}

func TestDocumentNamesWhatTheProgramWasBuiltFrom(t *testing.T) {
	document := parse(t, build(t, newSubject()))
	got := map[string]*v2_3.Package{}
	var urls []string
	for _, p := range document.Packages {
		got[p.PackageName] = p
		for _, r := range p.PackageExternalReferences {
			urls = append(urls, r.Locator)
		}
	}
	want := []string{
		"pkg:oci/app@sha256%3A" + newSubject().Digest + "?arch=arm64",
		"pkg:golang/example.org/team@v1.2.3",
		"pkg:golang/stdlib@1.26.8",
		"pkg:golang/example.org/A_b@v1.0.0",
		"pkg:golang/example.org/A-b@v2.0.0%2Bincompatible",
		"pkg:golang/example.org/new@v1.1.0",
	}
	if !slices.Equal(urls, want) {
		t.Errorf("packages = %q, want %q", urls, want)
	}
	if p := got["example.org/new"]; p == nil || p.PackageSourceInfo != "go.sum h1:ghi=" || p.PackageComment != "in place of example.org/old v1.0.0" {
		t.Errorf("the module that replaces another is %+v", p)
	}
	if p := got["app"]; p == nil || len(p.PackageChecksums) != 1 || p.PackageChecksums[0].Value != newSubject().Digest {
		t.Errorf("the image is %+v", p)
	}
	if p := got["example.org/team/cmd/app"]; p == nil || p.PackageVersion != "1.2.3" || p.PackageLicenseDeclared != "Apache-2.0" {
		t.Errorf("the program is %+v", p)
	}
}

// TestDocumentHasWhatTheSpecificationRequires: https://spdx.github.io/spdx-spec/v2.3/document-creation-information/
// and https://spdx.github.io/spdx-spec/v2.3/package-information/
func TestDocumentHasWhatTheSpecificationRequires(t *testing.T) {
	raw := build(t, newSubject())
	document := parse(t, raw)
	if err := spdxlib.ValidateDocument(document); err != nil {
		t.Errorf("relationships: %v", err)
	}
	if document.SPDXVersion != "SPDX-2.3" || document.DataLicense != "CC0-1.0" || document.SPDXIdentifier != "DOCUMENT" ||
		document.DocumentName == "" || !strings.HasPrefix(document.DocumentNamespace, "https://") || strings.Contains(document.DocumentNamespace, "#") {
		t.Errorf("the document is %+v", document)
	}
	if c := document.CreationInfo; c == nil || len(c.Creators) == 0 || c.Creators[0].Creator == "" {
		t.Errorf("nobody created it: %+v", c)
	} else if _, err := time.Parse(time.RFC3339, c.Created); err != nil || !strings.HasSuffix(c.Created, "Z") {
		t.Errorf("created %q: %v", c.Created, err)
	}
	id := regexp.MustCompile(`^[A-Za-z0-9.-]+$`)
	seen := map[common.ElementID]bool{}
	for _, p := range document.Packages {
		if p.PackageName == "" || p.PackageDownloadLocation == "" || p.FilesAnalyzed || !id.MatchString(string(p.PackageSPDXIdentifier)) || seen[p.PackageSPDXIdentifier] {
			t.Errorf("package %+v", p)
		}
		seen[p.PackageSPDXIdentifier] = true
	}
	if n := strings.Count(string(raw), `"filesAnalyzed": false`); n != len(document.Packages) {
		t.Errorf("%d of %d packages say that their files are not described", n, len(document.Packages))
	}
	described, err := spdxlib.GetDescribedPackageIDs(document)
	if err != nil || !slices.Equal(described, []common.ElementID{imageID}) {
		t.Errorf("the document describes %q, %v", described, err)
	}
	// Everything except the image itself belongs to the image.
	reached := map[common.ElementID]bool{}
	for _, r := range document.Relationships {
		reached[r.RefB.ElementRefID] = true
	}
	for id := range seen {
		if !reached[id] {
			t.Errorf("nothing leads to %s", id)
		}
	}
}

func TestDocumentFollowsFromImageAndProgram(t *testing.T) {
	plain := build(t, newSubject())
	if !bytes.Equal(plain, build(t, newSubject())) {
		t.Error("the same program gives another document")
	}
	other := newSubject()
	other.Digest = strings.Repeat("cd", 32)
	if parse(t, plain).DocumentNamespace == parse(t, build(t, other)).DocumentNamespace {
		t.Error("another image has a document of the same name")
	}
}

func TestProgramsThatTellNothingAreRefused(t *testing.T) {
	for name, change := range map[string]func(*Subject){
		"no name":       func(s *Subject) { s.Name = "" },
		"no digest":     func(s *Subject) { s.Digest = "" },
		"no version":    func(s *Subject) { s.Version = "" },
		"no build info": func(s *Subject) { s.Info = nil },
		"no module":     func(s *Subject) { s.Info = &debug.BuildInfo{} },
	} {
		s := newSubject()
		change(&s)
		if _, err := Build(s); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
