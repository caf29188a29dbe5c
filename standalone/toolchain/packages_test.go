package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/gopherlocks/gopherlocks/stackcluster"
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
		missing := missingPackages(stackcluster.EmbeddedPackages, "/usr/bin:/bin", func(path string) bool {
			return slices.Contains(complete, path) && !slices.Contains(test.without, path)
		})
		if got := strings.Join(missing, " "); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
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
			names = append(names, p.Name)
		}
		if test.want == "" && len(names) > 0 || test.want != "" && !slices.Contains(names, test.want) {
			t.Errorf("%+v: needs %v", test, names)
		}
	}
}
