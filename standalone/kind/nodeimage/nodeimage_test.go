package nodeimage

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestBaseSpecHidesTheMachineAndInheritsLimits(t *testing.T) {
	got, err := buildBaseSpec([]byte(`{"process":{"cwd":"/","rlimits":[{"type":"RLIMIT_NOFILE"}]}}`))
	if err != nil || strings.Contains(string(got), "rlimits") || !strings.Contains(string(got), "mount-product-files.sh") {
		t.Errorf("got %s (%v)", got, err)
	}
	if _, err := buildBaseSpec([]byte(`{}`)); err == nil {
		t.Error("a container without a process is no error")
	}
}

func TestNameOfAnImage(t *testing.T) {
	for reference, want := range map[string]string{
		"registry.k8s.io/coredns/coredns:v1.12.1": "coredns",
		"registry.k8s.io/pause:3.10":              "pause",
		kindnetReference:                          "kindnet",
	} {
		if got := nameOf(reference); got != want {
			t.Errorf("%s: got %s", reference, got)
		}
		if _, ok := imageProgram[want]; !ok {
			t.Errorf("%s has no program", want)
		}
	}
}

func TestNetworkOfTheManifestIsTheImageThatIsMade(t *testing.T) {
	manifest, err := source.ReadFile("files/kind/manifests/default-cni.yaml")
	if err != nil || !strings.Contains(string(manifest), "image: "+kindnetReference+"\n") {
		t.Errorf("the manifest does not use %s (%v)", kindnetReference, err)
	}
}

func newSpec(t *testing.T) Spec {
	t.Helper()
	dir := t.TempDir()
	for _, name := range Programs {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return Spec{Programs: dir, KindModule: "/mod/kind@v1", KubernetesVersion: "v1.34.2"}
}

func TestKeyFollowsFromWhatTheImageIsMadeFrom(t *testing.T) {
	key := func(s Spec) string {
		t.Helper()
		key, err := s.key()
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	spec := newSpec(t)
	plain := key(spec)
	if again := key(newSpec(t)); again != plain {
		t.Errorf("the same programs in another folder: %s and %s", plain, again)
	}
	other := spec
	other.KubernetesVersion = "v1.34.3"
	if key(other) == plain {
		t.Error("another version has the same key")
	}
	if err := os.WriteFile(filepath.Join(spec.Programs, "etcd"), []byte("new"), 0o755); err != nil {
		t.Fatal(err)
	}
	if key(spec) == plain {
		t.Error("another program has the same key")
	}
	if err := os.Remove(filepath.Join(spec.Programs, "kubeadm")); err != nil {
		t.Fatal(err)
	}
	if _, err := spec.key(); err == nil || !strings.Contains(err.Error(), "make tools CLUSTER=kind") {
		t.Errorf("a missing program: %v", err)
	}
}

// newRoot is a root file system with Debian's merged folders and one package.
func newRoot(t *testing.T) rootfs {
	t.Helper()
	root := rootfs(t.TempDir())
	for path, content := range map[string]string{
		"usr/lib/libx.so.1":            "library",
		"usr/share/doc/x":              "text",
		"var/lib/dpkg/info/x:any.list": "/.\n/lib\n/lib/libx.so.1\n/lib/libx.so\n/usr/share/doc/x\n",
		"var/lib/dpkg/info/xy.list":    "/usr/share/doc/x\n",
	} {
		if err := root.write(path, content); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(root.link("usr/lib", "lib"), root.link("libx.so.1", "usr/lib/libx.so")); err != nil {
		t.Fatal(err)
	}
	return root
}

func TestPackagesFilesKeepTheirRealPlace(t *testing.T) {
	root := newRoot(t)
	files, err := root.packageFiles("x")
	if err != nil || !slices.Equal(files, []string{"/lib/libx.so.1", "/lib/libx.so"}) {
		t.Fatalf("the files are %v (%v)", files, err)
	}
	if _, err = root.packageFiles("y"); err == nil {
		t.Error("a package that is not installed is no error")
	}
	layer, err := root.packageLayer([]string{"x"})
	if err != nil {
		t.Fatal(err)
	}
	content, err := layer.Uncompressed()
	if err != nil {
		t.Fatal(err)
	}
	entries := readTar(t, content)
	if got := entries["usr/lib/libx.so.1"]; got != "library" {
		t.Errorf("the library is %q in %v", got, entries)
	}
	for name, target := range map[string]string{"lib": "usr/lib", "usr/lib/libx.so": "libx.so.1", "usr/sbin/iptables-save": "xtables-nft-multi"} {
		if got := entries[name]; got != "-> "+target {
			t.Errorf("%s is %q, want a link to %s", name, got, target)
		}
	}
}

func TestProgramsImagesShareALayer(t *testing.T) {
	spec := newSpec(t)
	layer, err := programLayer(spec, "kubernetes")
	if err != nil {
		t.Fatal(err)
	}
	content, err := layer.Uncompressed()
	if err != nil {
		t.Fatal(err)
	}
	entries := readTar(t, content)
	if entries["usr/local/bin/kubernetes"] != "kubernetes" || entries["usr/local/bin/kube-scheduler"] != "-> kubernetes" {
		t.Errorf("got %v", entries)
	}
}

func TestNodeImageIsOneForDockerLoad(t *testing.T) {
	dir := t.TempDir()
	layer, target := filepath.Join(dir, "layer"), filepath.Join(dir, "node.tar")
	if err := os.WriteFile(layer, []byte("layer"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := writeImage(target, "node:v1", layer); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(target)
	if err != nil {
		t.Fatal(err)
	}
	entries := readTar(t, bytes.NewReader(content))
	var manifest []struct {
		Config   string
		RepoTags []string
		Layers   []string
	}
	var config struct {
		RootFS struct {
			DiffIDs []string `json:"diff_ids"`
		}
	}
	if err := json.Unmarshal([]byte(entries["manifest.json"]), &manifest); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(entries[manifest[0].Config]), &config); err != nil {
		t.Fatal(err)
	}
	// printf layer | sha256sum
	const digest = "sha256:dac1d7cfa95021764849fd102524e141488c5e3a90f861dbb5a12d9ac8584f85"
	if manifest[0].RepoTags[0] != "node:v1" || entries[manifest[0].Layers[0]] != "layer" || config.RootFS.DiffIDs[0] != digest {
		t.Errorf("the manifest is %+v, the configuration %+v", manifest, config)
	}
}

func readTar(t *testing.T, archive io.Reader) map[string]string {
	t.Helper()
	entries := map[string]string{}
	for reader := tar.NewReader(archive); ; {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return entries
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(reader)
		if err != nil {
			t.Fatal(err)
		}
		entries[header.Name] = string(content)
		if header.Typeflag == tar.TypeSymlink {
			entries[header.Name] = "-> " + header.Linkname
		}
	}
}

func TestWhatABuildLacksIsNamed(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: without, a build is refused for that")
	}
	t.Setenv("PATH", t.TempDir())
	_, err := Build(t.Context(), newSpec(t), t.TempDir(), func(string) {})
	if err == nil || !strings.Contains(err.Error(), "apt-get install debootstrap") {
		t.Errorf("the error is %v", err)
	}
}
