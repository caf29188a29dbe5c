package main

import (
	"os"
	"slices"
	"strings"
	"testing"
)

func TestMissingPackages(t *testing.T) {
	complete := []string{
		"/usr/bin/containerd", "/usr/bin/containerd-shim-runc-v2", "/usr/bin/ctr", "/usr/sbin/runc",
		"/usr/sbin/iptables", "/usr/sbin/iptables-save", "/usr/sbin/iptables-restore",
		"/usr/libexec/cni/bridge", "/usr/libexec/cni/host-local", "/usr/libexec/cni/loopback", "/usr/libexec/cni/portmap",
		// Of no use: the cluster takes all plugins from one folder.
		"/opt/cni/bin/portmap",
	}
	for name, test := range map[string]struct {
		without []string
		want    string
	}{
		"all there, partly from elsewhere": {nil, ""},
		"one program of a package":         {[]string{"/usr/bin/ctr"}, "containerd"},
		"one CNI plugin":                   {[]string{"/usr/libexec/cni/portmap"}, "containernetworking-plugins"},
		"nothing":                          {complete, "containerd runc iptables containernetworking-plugins"},
	} {
		// The sbin folders are not on the PATH of a plain user.
		missing := missingPackages(debianPackages, "/usr/bin:/bin", func(path string) bool {
			return slices.Contains(complete, path) && !slices.Contains(test.without, path)
		})
		if got := strings.Join(missing, " "); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

// TestCNIFoldersAreThoseOfTheCluster reads them from the cluster's source, which
// the toolchain cannot import: it compiles at once, from the standard library.
func TestCNIFoldersAreThoseOfTheCluster(t *testing.T) {
	source, err := os.ReadFile("../provider/embedded/preflight_linux.go")
	if err != nil {
		t.Fatal(err)
	}
	if want := `cniBinDirs = []string{"` + strings.Join(cniFolders, `", "`) + `"}`; !strings.Contains(string(source), want) {
		t.Errorf("provider/embedded has no line %s", want)
	}
}

func TestPackagesFollowTheClusterProvider(t *testing.T) {
	for _, test := range []struct {
		provider, goos string
		engine         bool
		want           string // One of the packages; "" for none.
	}{
		{"embedded", "linux", true, "containernetworking-plugins"},
		{"embedded", "darwin", true, ""},
		{"kind", "linux", false, "debootstrap"},
		{"kind", "linux", true, ""},
		{"existing", "linux", false, ""},
	} {
		var names []string
		for _, p := range neededPackages(test.provider, test.goos, func() bool { return test.engine }) {
			names = append(names, p.name)
		}
		if test.want == "" && len(names) > 0 || test.want != "" && !slices.Contains(names, test.want) {
			t.Errorf("%+v: needs %v", test, names)
		}
	}
}
