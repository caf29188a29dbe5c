package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestModulesAreReadAsTheGoCommandReadsThem(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("go.mod", "module m\n\ngo 1.26.0\n\nrequire k8s.io/api v0.1.0\n\nreplace k8s.io/klog => k8s.io/klog v9.0.0\n\nrequire (\n\tk8s.io/kubernetes v1.34.2\n\tk8s.io/kubernetesx v1.0.0 // indirect\n)\n")
	m, err := readGomod(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{"k8s.io/kubernetes": "v1.34.2", "k8s.io/api": "v0.1.0", "k8s.io/klog": "", "k8s/io": ""} {
		if got := m.version(path); got != want {
			t.Errorf("version of %s = %q, want %q", path, got, want)
		}
	}
	if m.Go != "1.26.0" || m.Replace[0].New.Version != "v9.0.0" {
		t.Errorf("read %+v", m)
	}
	write("go.mod", "module m\n\nrequire (\n")
	if _, err := readGomod(t.Context(), dir); err == nil || !strings.Contains(err.Error(), "go.mod") {
		t.Errorf("of a go.mod that ends too early: error = %v", err)
	}
}

func TestConstantsAreReadAsTheyAreWritten(t *testing.T) {
	dir := t.TempDir()
	const source = "package p\n\nconst Text = \"1.30\"\n\nvar (\n\tPair = version{major: 3, minor: 255}\n\tThree = Version{0, 51, 0}\n\tMade = Text + \"x\"\n\tnone int\n)\n"
	if err := os.WriteFile(filepath.Join(dir, "p.go"), []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"Text": "1.30", "Pair": "3.255", "Three": "0.51.0"} {
		if got, err := constant(dir, name); err != nil || got != want {
			t.Errorf("%s = %q, %v, want %q", name, got, err, want)
		}
	}
	for name, want := range map[string]string{"Made": "written out", "none": "declares no none", "missing": "declares no missing"} {
		if got, err := constant(dir, name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s = %q, %v, want an error with %q", name, got, err, want)
		}
	}
}

func TestTableIsStraightAndGoesIntoItsPlace(t *testing.T) {
	const want = "| what | version | where it stands |\n| ---- | ------- | --------------- |\n| Go   | 1.26.0  | go.mod          |\n"
	if got := table([]pin{{"Go", "1.26.0", "go.mod"}}); got != want {
		t.Errorf("the table is\n%s", got)
	}
	page := filepath.Join(t.TempDir(), "page.md")
	if err := os.WriteFile(page, []byte("before\n"+tableStart+"old\n"+tableEnd+"after\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	tree := projectTree(t)
	for range 2 {
		if err := writeVersions(t.Context(), tree, page); err != nil {
			t.Fatal(err)
		}
	}
	pins, err := tree.pins(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(page)
	if err != nil || string(content) != "before\n"+tableStart+"\n"+table(pins)+"\n"+tableEnd+"after\n" {
		t.Errorf("the page is %q, %v", content, err)
	}
	if err := os.WriteFile(page, []byte("no place\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := writeVersions(t.Context(), tree, page); err == nil || !strings.Contains(err.Error(), "no place") {
		t.Errorf("a page without a place for the table: error = %v", err)
	}
}

// projectTree is the tree of this source.
func projectTree(t *testing.T) *tree {
	t.Helper()
	absolute, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	return &tree{root: absolute}
}

// TestOldestKubernetesOfTestsIsTheOldestSupported: without a test, the support
// would only be a claim.
func TestOldestKubernetesOfTestsIsTheOldestSupported(t *testing.T) {
	tree := projectTree(t)
	supported, err := constant(filepath.Join(tree.root, "operator/kubeversion"), "Minimum")
	if err != nil {
		t.Fatal(err)
	}
	tested, err := tree.versionAside(t.Context(), "oldest", kubernetesModule)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(tested, "v"+supported+".") {
		t.Errorf("standalone/modules/oldest has Kubernetes %s, and the oldest that is supported is %s", tested, supported)
	}
}
