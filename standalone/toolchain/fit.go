package main

import (
	"fmt"
	"strings"

	"github.com/gopherlocks/gopherlocks/stackcluster"
)

// useExisting is the advice if no cluster can be made.
const useExisting = "use a cluster that you have: `make tools CLUSTER=existing` provides the tools for it, without root (docs/existing-clusters.md)"

// host is what a machine has, as far as it decides which clusters can be made on
// it.
type host struct {
	os   string // GOOS
	user int    // The effective user; 0 is root.
	// checkEngine says why no container engine works; nil when one does.
	checkEngine func() error
	// checkOwn returns nil if an engine of ours may take the place of those that do
	// not work. Otherwise its error wraps cause, the reason why they do not.
	checkOwn func(cause error) error
}

// fits returns nil if a cluster provider can work here. Otherwise its error says
// why not, and what to do. It is asked before anything is compiled for the
// provider.
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
			return fmt.Errorf("%s; a container engine works here, so take CLUSTER=kind; or %s", embedded, useExisting)
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
	return fmt.Errorf("%s\nCorrect one of these and run the command again, or %s", strings.Join(lines, "\n"), useExisting)
}
