package stackcluster

import (
	"path/filepath"
	"slices"
)

// MaxNameLength is how many characters the name of a cluster on this machine may
// have: it becomes a part of paths, network interfaces and node names.
const MaxNameLength = 40

// Package is a package of Debian, and the programs that show that it is there, be
// they from Debian or from elsewhere.
type Package struct {
	Name     string
	Programs []string
	// Folders are where all programs must be together. Nil: each may be in any folder
	// of PATH.
	Folders []string
}

// ContainerPackages run containers, in an embedded cluster and in an engine for kind.
var ContainerPackages = []Package{
	{Name: "containerd", Programs: []string{"containerd", "containerd-shim-runc-v2", "ctr"}},
	{Name: "runc", Programs: []string{"runc"}},
	{Name: "iptables", Programs: []string{"iptables", "iptables-save", "iptables-restore"}},
}

// CNIPackage has the plugins of an embedded cluster's network. Its folders are those
// of upstream, Debian and Fedora.
var CNIPackage = Package{
	Name:     "containernetworking-plugins",
	Programs: []string{"bridge", "host-local", "loopback", "portmap"},
	Folders:  []string{"/opt/cni/bin", "/usr/lib/cni", "/usr/libexec/cni"},
}

// EmbeddedPackages are what an embedded cluster needs.
var EmbeddedPackages = append(slices.Clone(ContainerPackages), CNIPackage)

// FindFolder returns the first of Folders that has all programs, "" for none. exists
// says whether a file is there.
func (p Package) FindFolder(exists func(path string) bool) string {
	for _, folder := range p.Folders {
		lacks := func(program string) bool { return !exists(filepath.Join(folder, program)) }
		if !slices.ContainsFunc(p.Programs, lacks) {
			return folder
		}
	}
	return ""
}
