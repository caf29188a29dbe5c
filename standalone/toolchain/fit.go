package main

import (
	"fmt"
	"strings"

	"github.com/gopherlocks/gopherlocks/stackcluster"
)

// wayOut is what remains where no cluster can be made.
const wayOut = "use a cluster that you have: `make tools CLUSTER=existing` provides the tools for it, without root (docs/existing-clusters.md)"

// host is what decides which clusters can be made on a machine.
type host struct {
	os   string // GOOS
	user int    // The effective user; 0 is root.
	// checkEngine says why no container engine works; nil when one does.
	checkEngine func() error
	// checkOwn says why no engine of ours may take the place of those that do not
	// work, going on from why they do not; nil when one may.
	checkOwn func(cause error) error
}

// fits says why a cluster provider cannot work here, before anything is compiled
// for it, and what is to be done; nil when it can.
func (h host) fits(provider string) error {
	noRoot := ""
	switch {
	case h.os != "linux":
		noRoot = "Linux, and this is " + h.os
	case h.user != 0:
		noRoot = fmt.Sprintf("root, and this is user %d: run the command as root", h.user)
	}
	embedded := "an embedded cluster needs " + noRoot
	switch provider {
	case stackcluster.Embedded:
		if noRoot == "" {
			return nil
		}
		if h.checkEngine() == nil {
			return fmt.Errorf("%s; take CLUSTER=kind, for a container engine works here; or %s", embedded, wayOut)
		}
	case stackcluster.Kind:
		if h.checkEngine() == nil {
			return nil
		}
	default:
		return nil
	}
	noKind := h.checkEngine()
	if provider == stackcluster.Kind && noRoot == "" {
		if noKind = h.checkOwn(noKind); noKind == nil {
			return nil
		}
	}
	lines := []string{"no cluster can be made here:", "  - kind: " + noKind.Error()}
	if noRoot != "" {
		lines = append(lines, "  - "+embedded)
	} else {
		lines = append(lines, "  - an embedded cluster could: take CLUSTER=embedded")
	}
	return fmt.Errorf("%s\nPut one of these right and run the command again, or %s", strings.Join(lines, "\n"), wayOut)
}
