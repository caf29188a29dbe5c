package network

import (
	"net"
	"net/netip"
	"slices"
	"testing"

	"github.com/vishvananda/netlink"
)

// addRoute sends what is for a network to the neighbour, as a VPN does.
func (n namespace) addRoute(network string) {
	n.t.Helper()
	_, destination, err := net.ParseCIDR(network)
	if err != nil {
		n.t.Fatal(err)
	}
	n.must(func() error { return netlink.RouteAdd(&netlink.Route{Dst: destination, Gw: neighbourIP.AsSlice()}) })
}

func (n namespace) addAddress(addr netip.Addr) {
	n.t.Helper()
	n.must(func() error {
		link, err := netlink.LinkByName(NodeInterface)
		if err != nil {
			return err
		}
		return setAddress(link, addr, 32)
	})
}

func TestUsedPrefixesAreThoseOfOthers(t *testing.T) {
	machine := enterMachine(t)
	machine.connectNeighbour()
	machine.addRoute("0.0.0.0/0")
	machine.addRoute("10.0.0.0/8")
	c := machine.connectCluster("first", "10.200.0.0/16")
	used, err := UsedPrefixes(c.link)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range parsePrefixes("192.0.2.0/24", "192.0.2.1/32", "192.0.2.2/32", "10.0.0.0/8") {
		if !slices.Contains(used, want) {
			t.Errorf("%s is not among %v", want, used)
		}
	}
	if other, taken := FirstConflict(c.plan.Subnet, used, nil); taken {
		t.Errorf("the cluster is in its own way: %s", other)
	}
	for _, prefix := range used {
		if prefix.Bits() == 0 {
			t.Errorf("the default route is among %v", used)
		}
	}
}

func TestClusterWorksBesideAWideRoute(t *testing.T) {
	machine := enterMachine(t)
	neighbour := machine.connectNeighbour()
	machine.addRoute("0.0.0.0/1")
	machine.addRoute("128.0.0.0/1")
	machine.must(func() error {
		link, err := netlink.LinkByName("lan0")
		if err != nil {
			return err
		}
		return netlink.LinkSetMTU(link, 1400)
	})
	if got := DefaultMTU(); got != 1400 {
		t.Errorf("packets of %d bytes are to go through the 1400 of a VPN", got)
	}
	used, err := UsedPrefixes("")
	if err != nil {
		t.Fatal(err)
	}
	subnet, err := ChooseSubnet("first", used, nil)
	if err != nil {
		t.Fatal(err)
	}
	c := machine.connectCluster("first", subnet.String())
	c.open()
	outside := netip.MustParseAddr("198.51.100.1")
	// In the part of the block for which the machine has no route.
	inside := offset(subnet.Addr(), 1<<8)
	hidden := offset(subnet.Addr(), 9)
	for _, addr := range []netip.Addr{outside, inside, hidden} {
		neighbour.addAddress(addr)
	}
	neighbour.listen()
	c.listen()
	machine.requireReach(c.plan.NodeIP, true, "the node, from the machine")
	c.requireReach(outside, true, "a host beyond the wide route, from the node")
	machine.requireReach(outside, true, "a host beyond the wide route, from the machine")
	machine.requireReach(inside, true, "a host inside of the block, from the machine")
	machine.requireReach(hidden, false, "a host inside of the cluster's link, from the machine")
}
