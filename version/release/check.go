package main

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// tree is what a release is made of.
type tree struct {
	version   string // That of package version.
	changed   string // Files that differ from the commit, as git lists them.
	tags      string // Those of the version that are there already.
	changelog string
}

// tagOf returns the tag of a version, as Go wants it of a module.
func tagOf(version string) string { return "v" + version }

var releaseVersion = regexp.MustCompile(`^\d+\.\d+\.\d+$`)

// check says all that is in the way of a release.
func (t tree) check() error {
	var errs []error
	refuse := func(format string, args ...any) { errs = append(errs, fmt.Errorf("  "+format, args...)) }
	if t.changed != "" {
		refuse("the tree has changes that are not committed:\n%s", t.changed)
	}
	if t.tags != "" {
		refuse("the tag %s is there already: raise the version", t.tags)
	}
	section, found := t.section()
	switch {
	case !releaseVersion.MatchString(t.version):
		refuse("version/version.go says %s: take off what is behind the number, and run make generate", t.version)
	case !found:
		refuse("CHANGELOG.md has no section of the form \"## [%s] - YYYY-MM-DD\"", t.version)
	case section == "":
		refuse("the section %s of CHANGELOG.md is empty", t.version)
	}
	return errors.Join(errs...)
}

// section returns what the changelog says about the version.
func (t tree) section() (text string, found bool) {
	heading := regexp.MustCompile(`(?m)^## \[` + regexp.QuoteMeta(t.version) + `\] - \d{4}-\d{2}-\d{2}$`)
	at := heading.FindStringIndex(t.changelog)
	if at == nil {
		return "", false
	}
	text, _, _ = strings.Cut(t.changelog[at[1]:], "\n## ")
	return strings.TrimSpace(text), true
}
