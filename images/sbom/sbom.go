// Package sbom writes down what a program was built from, as an SPDX 2.3 document
// in JSON. It has the Go modules and the Go version, as the compiler has noted them
// in the program. It has no time in it: the same image always has the same
// document.
//
// Source: https://spdx.github.io/spdx-spec/v2.3/
package sbom

import (
	"bytes"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"

	"github.com/spdx/tools-golang/json"
	"github.com/spdx/tools-golang/spdx/v2/common"
	"github.com/spdx/tools-golang/spdx/v2/v2_3"
)

// Subject is what the document is about.
type Subject struct {
	// Name is the name of the image and of the program in it.
	Name string
	// Digest is the digest of the image's manifest, without "sha256:".
	Digest string
	// Architecture is what the image is for, as Go names it.
	Architecture string
	// Version is the program's, such as 1.2.3.
	Version string
	// License is the licence of the program's own source, as SPDX names it.
	License string
	// Info is what the compiler has written into the program.
	Info *debug.BuildInfo
}

const (
	documentID = "DOCUMENT"
	imageID    = "Image"
	programID  = "Program"
	goID       = "Go"
	// unknown is SPDX's word for an unknown value.
	unknown = "NOASSERTION"
)

// Build writes the document.
func Build(s Subject) ([]byte, error) {
	if s.Name == "" || s.Digest == "" || s.Version == "" {
		return nil, errors.New("an SBOM needs the name, the digest and the version of an image")
	}
	if s.Info == nil || s.Info.Main.Path == "" {
		return nil, fmt.Errorf("%s does not say what it was built from: it has no Go modules", s.Name)
	}
	var out bytes.Buffer
	if err := json.Write(buildDocument(s), &out, json.Indent("  ")); err != nil {
		return nil, fmt.Errorf("writing the SBOM of %s: %w", s.Name, err)
	}
	return out.Bytes(), nil
}

func buildDocument(s Subject) *v2_3.Document {
	document := &v2_3.Document{
		SPDXVersion:    v2_3.Version,
		DataLicense:    v2_3.DataLicense,
		SPDXIdentifier: documentID,
		DocumentName:   s.Name + "-linux-" + s.Architecture,
		// This name is unique: the digest covers the whole image.
		DocumentNamespace: fmt.Sprintf("https://%s/sbom/%s/sha256-%s", s.Info.Main.Path, s.Name, s.Digest),
		CreationInfo: &v2_3.CreationInfo{
			// Fixed, like all times in the image.
			Created:  "1970-01-01T00:00:00Z",
			Creators: []common.Creator{{CreatorType: "Tool", Creator: "gopherlocks-images"}},
		},
		Packages: []*v2_3.Package{buildImage(s), buildProgram(s), buildGo(s.Info)},
		Relationships: []*v2_3.Relationship{
			relate(documentID, common.TypeRelationshipDescribe, imageID),
			relate(imageID, common.TypeRelationshipContains, programID),
			relate(programID, common.TypeRelationshipDependsOn, goID),
		},
	}
	for i, module := range s.Info.Deps {
		p := buildModule(i, module)
		document.Packages = append(document.Packages, p)
		document.Relationships = append(document.Relationships, relate(programID, common.TypeRelationshipDependsOn, p.PackageSPDXIdentifier))
	}
	return document
}

func relate(from common.ElementID, how string, to common.ElementID) *v2_3.Relationship {
	return &v2_3.Relationship{
		RefA: common.MakeDocElementID("", string(from)), Relationship: how, RefB: common.MakeDocElementID("", string(to)),
	}
}

func buildImage(s Subject) *v2_3.Package {
	p := newPackage(imageID, s.Name, s.Version, fmt.Sprintf("pkg:oci/%s@sha256%%3A%s?arch=%s", s.Name, s.Digest, s.Architecture))
	p.PackageChecksums = []common.Checksum{{Algorithm: common.SHA256, Value: s.Digest}}
	p.PrimaryPackagePurpose = "CONTAINER"
	return p
}

func buildProgram(s Subject) *v2_3.Package {
	p := newPackage(programID, s.Info.Path, s.Version, moduleURL(s.Info.Main.Path, "v"+s.Version))
	p.PackageLicenseDeclared = s.License
	p.PrimaryPackagePurpose = "APPLICATION"
	return p
}

// buildGo is Go's standard library, under the name that reports of vulnerabilities
// use.
func buildGo(info *debug.BuildInfo) *v2_3.Package {
	version := strings.TrimPrefix(info.GoVersion, "go")
	return newPackage(goID, "stdlib", version, moduleURL("stdlib", version))
}

func buildModule(i int, module *debug.Module) *v2_3.Package {
	replaced := ""
	if module.Replace != nil {
		replaced = fmt.Sprintf("in place of %s %s", module.Path, module.Version)
		module = module.Replace
	}
	id := fmt.Sprintf("Module-%d-%s", i+1, strings.Map(idRune, module.Path))
	p := newPackage(common.ElementID(id), module.Path, module.Version, moduleURL(module.Path, module.Version))
	if module.Sum != "" {
		// It is a hash of the module's files. A checksum of SPDX would be the hash
		// of an archive.
		p.PackageSourceInfo = "go.sum " + module.Sum
	}
	p.PackageComment = replaced
	return p
}

func newPackage(id common.ElementID, name, version, url string) *v2_3.Package {
	return &v2_3.Package{
		PackageSPDXIdentifier:   id,
		PackageName:             name,
		PackageVersion:          version,
		PackageDownloadLocation: unknown,
		// Nothing is said about files.
		IsFilesAnalyzedTagPresent: true,
		PackageExternalReferences: []*v2_3.PackageExternalReference{{
			Category: common.CategoryPackageManager, RefType: common.TypePackageManagerPURL, Locator: url,
		}},
	}
}

// moduleURL is the name by which scanners know a module. Letters keep their case:
// Go and the databases of vulnerabilities tell modules apart by it.
// Source: https://github.com/package-url/purl-spec
func moduleURL(path, version string) string {
	return "pkg:golang/" + path + "@" + strings.ReplaceAll(version, "+", "%2B")
}

// idRune replaces what an identifier of SPDX may not have.
func idRune(r rune) rune {
	switch {
	case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9', r == '.':
		return r
	}
	return '-'
}
