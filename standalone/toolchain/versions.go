package main

//go:generate go run . versions ../../docs/versions.md

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
)

// pin is a version of other people's software that this tree names.
type pin struct{ what, version, place string }

// pins lists what is supported and used, each from the one place where it stands.
func (t *tree) pins(ctx context.Context) ([]pin, error) {
	var all []pin
	for _, source := range []struct {
		what, folder string
		module       string // Required by the folder's go.mod; "go" is Go itself.
		constant     string // Or of the folder's Go package.
	}{
		{"Kubernetes, oldest that is supported", "operator/kubeversion", "", "Minimum"},
		{"Flux (flux-core), oldest that is supported", "operator/internal/fluxcli", "", "Minimum"},
		{"Pulumi's command line, oldest that is used", "standalone/toolchain", "", "minimumPulumi"},
		{"Go, oldest that compiles all this", ".", "go", ""},
		{"Kubernetes of an embedded cluster", "standalone/modules/kubernetes", kubernetesModule, ""},
		{"Kubernetes of kind's nodes", "provider/kind", "", "DefaultNodeImage"},
		{"Kubernetes, oldest that tests run on", "standalone/modules/oldest", kubernetesModule, ""},
		{"etcd", "standalone/modules/kubernetes", "go.etcd.io/etcd/server/v3", ""},
		{"CoreDNS", "standalone/modules/kubernetes", "github.com/coredns/coredns", ""},
		{"metrics-server", "standalone/modules/kubernetes", "sigs.k8s.io/metrics-server", ""},
		{"Pulumi's command line, where it is compiled", ".", pulumiModule, ""},
		{"Pulumi's Go SDK", ".", "github.com/pulumi/pulumi/sdk/v3", ""},
		{"Pulumi's Kubernetes plugin and its SDK", ".", pluginSDKModule, ""},
		{"kind", ".", "sigs.k8s.io/kind", ""},
		{"Kubernetes libraries", ".", "k8s.io/client-go", ""},
		{"controller-runtime", ".", "sigs.k8s.io/controller-runtime", ""},
		{"kwok, for benchmarks", "standalone/modules/kwok", kwokModule, ""},
		{"golangci-lint", "standalone/modules/lint", lintModule, ""},
		{"Kubernetes API linter", "standalone/modules/lint", apiLintModule, ""},
	} {
		p := pin{what: source.what, place: source.folder}
		folder := filepath.Join(t.root, source.folder)
		if source.constant != "" {
			version, err := constant(folder, source.constant)
			if err != nil {
				return nil, err
			}
			p.version = tag(version)
		} else {
			m, err := readGomod(ctx, folder)
			if err != nil {
				return nil, err
			}
			p.place = filepath.ToSlash(filepath.Join(source.folder, "go.mod"))
			p.version = m.version(source.module)
			if source.module == "go" {
				p.version = m.Go
			}
		}
		if p.version == "" {
			return nil, fmt.Errorf("%s: no version in %s", p.what, p.place)
		}
		all = append(all, p)
	}
	return all, nil
}

// tag returns the tag of an image, NAME:TAG[@DIGEST], and all else as it is.
func tag(image string) string {
	image, _, _ = strings.Cut(image, "@")
	return image[strings.LastIndex(image, ":")+1:]
}

// table writes pins as a table in Markdown. Its columns are also straight in plain
// text.
func table(pins []pin) string {
	rows := append([]pin{{"what", "version", "where it stands"}, {"", "", ""}}, pins...)
	var widths [3]int
	for _, p := range rows {
		for i, cell := range []string{p.what, p.version, p.place} {
			widths[i] = max(widths[i], len(cell))
		}
	}
	rule := func(n int) string { return strings.Repeat("-", n) }
	rows[1] = pin{rule(widths[0]), rule(widths[1]), rule(widths[2])}
	var out strings.Builder
	for _, p := range rows {
		fmt.Fprintf(&out, "| %-*s | %-*s | %-*s |\n", widths[0], p.what, widths[1], p.version, widths[2], p.place)
	}
	return out.String()
}

// tableStart and tableEnd enclose the table in docs/versions.md.
const (
	tableStart = "<!-- `make generate` writes this table. -->\n"
	tableEnd   = "<!-- end of the table -->\n"
)

// writeVersions prints the table, or writes it into a page that has a place for it.
func writeVersions(ctx context.Context, t *tree, page string) error {
	pins, err := t.pins(ctx)
	if err != nil {
		return err
	}
	if page == "" {
		fmt.Print(table(pins))
		return nil
	}
	return rewrite(page, page, func(content []byte) ([]byte, error) {
		before, rest, found := strings.Cut(string(content), tableStart)
		_, after, ended := strings.Cut(rest, tableEnd)
		if !found || !ended {
			return nil, fmt.Errorf("%s has no place for the table: %q, and further down %q", page, tableStart, tableEnd)
		}
		return []byte(before + tableStart + "\n" + table(pins) + "\n" + tableEnd + after), nil
	})
}
