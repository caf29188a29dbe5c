package dockerd

import (
	"os"
	"runtime"
	"slices"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// TestOnlyPortsFromBeforeAreRemoved: ports of new containers and of other bridges
// stay.
func TestOnlyPortsFromBeforeAreRemoved(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("a namespace of network interfaces needs root")
	}
	runtime.LockOSThread() // and no unlock: the thread is of no more use
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Fatal(err)
	}
	ours, other := addBridge(t, "br-0123456789ab"), addBridge(t, "br-other")
	addPort(t, "lost", ours)
	addPort(t, "foreign", other)
	before, err := interfaces()
	if err != nil {
		t.Fatal(err)
	}
	addPort(t, "living", ours)
	if err = removePorts(ours.Name, before); err != nil {
		t.Fatal(err)
	}
	if err = removePorts("br-none", before); err != nil {
		t.Errorf("a bridge that is not there: %v", err)
	}
	links, err := netlink.LinkList()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, link := range links {
		names = append(names, link.Attrs().Name)
	}
	slices.Sort(names)
	want := []string{"br-0123456789ab", "br-other", "foreign", "foreign-peer", "living", "living-peer", "lo"}
	if !slices.Equal(names, want) {
		t.Errorf("left are %v, want %v", names, want)
	}
}

func addBridge(t *testing.T, name string) *netlink.Bridge {
	t.Helper()
	bridge := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: name}}
	if err := netlink.LinkAdd(bridge); err != nil {
		t.Fatalf("add the bridge %s: %v", name, err)
	}
	return bridge
}

// addPort adds a pair of interfaces, one of which is a port of the bridge.
func addPort(t *testing.T, name string, bridge *netlink.Bridge) {
	t.Helper()
	port := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: name, MasterIndex: bridge.Index}, PeerName: name + "-peer"}
	if err := netlink.LinkAdd(port); err != nil {
		t.Fatalf("add the interface %s: %v", name, err)
	}
}
