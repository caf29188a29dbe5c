package network

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// NodeInterface is the name of the node's end of the veth pair.
const NodeInterface = "eth0"

// UsedPrefixes returns the networks of the machine's interfaces and routes. The
// machine's own addresses and its gateways are networks of one address each. The
// interface named except is left out.
func UsedPrefixes(except string) ([]netip.Prefix, error) {
	skip := -1
	if link, err := netlink.LinkByName(except); err == nil {
		skip = link.Attrs().Index
	}
	var used []netip.Prefix
	addrs, err := netlink.AddrList(nil, netlink.FAMILY_V4)
	if err != nil {
		return nil, fmt.Errorf("listing the machine's addresses: %w", err)
	}
	for _, addr := range addrs {
		if addr.LinkIndex != skip {
			used = appendAddress(appendPrefix(used, addr.IPNet), addr.IP)
		}
	}
	routes, err := netlink.RouteList(nil, netlink.FAMILY_V4)
	if err != nil {
		return nil, fmt.Errorf("listing the machine's routes: %w", err)
	}
	for _, route := range routes {
		if route.LinkIndex == skip {
			continue
		}
		used = appendAddress(appendPrefix(used, route.Dst), route.Gw)
		for _, hop := range route.MultiPath {
			used = appendAddress(used, hop.Gw)
		}
	}
	return used, nil
}

func appendAddress(prefixes []netip.Prefix, ip net.IP) []netip.Prefix {
	return appendPrefix(prefixes, &net.IPNet{IP: ip.To4(), Mask: net.CIDRMask(32, 32)})
}

// appendPrefix leaves the default route out: it overlaps everything.
func appendPrefix(prefixes []netip.Prefix, ipNet *net.IPNet) []netip.Prefix {
	if ipNet == nil {
		return prefixes
	}
	addr, ok := netip.AddrFromSlice(ipNet.IP)
	if !ok {
		return prefixes
	}
	bits, _ := ipNet.Mask.Size()
	if bits == 0 {
		return prefixes
	}
	return append(prefixes, netip.PrefixFrom(addr.Unmap(), bits).Masked())
}

// DefaultMTU returns the MTU, in bytes, of the interface of the machine's default
// route: packets of pods must fit through it. Without a default route it is 1500. A
// VPN for everything has two routes for half of the addresses each: the smallest
// MTU counts.
func DefaultMTU() int {
	const fallback = 1500
	routes, err := netlink.RouteList(nil, netlink.FAMILY_V4)
	if err != nil {
		return fallback
	}
	var found []int
	for _, route := range routes {
		if route.Dst != nil {
			if bits, _ := route.Dst.Mask.Size(); bits > 1 {
				continue
			}
		}
		if link, err := netlink.LinkByIndex(route.LinkIndex); err == nil {
			found = append(found, link.Attrs().MTU)
		}
	}
	if len(found) == 0 {
		return fallback
	}
	return slices.Min(found)
}

// Connect makes the veth pair between the machine and the network namespace of
// process pid, and gives the machine's end its address. The node's end is
// configured from inside by ConfigureNode.
func Connect(name string, plan Plan, mtu, pid int) error {
	if err := Disconnect(name); err != nil {
		return err
	}
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.MTU = name, mtu
	veth := netlink.NewVeth(attrs)
	veth.PeerName, veth.PeerMTU = NodeInterface, uint32(mtu)
	veth.PeerNamespace = netlink.NsPid(pid)
	if err := netlink.LinkAdd(veth); err != nil {
		return fmt.Errorf("making the veth pair %s: %w", name, err)
	}
	if err := setAddress(veth, plan.HostIP, plan.Link.Bits()); err != nil {
		return errors.Join(err, Disconnect(name))
	}
	return nil
}

// Disconnect removes the veth pair, if it is there.
func Disconnect(name string) error {
	link, err := netlink.LinkByName(name)
	if errors.As(err, &netlink.LinkNotFoundError{}) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("looking for interface %s: %w", name, err)
	}
	// The kernel removes the pair soon after the node's namespace, so it may be
	// gone by now.
	if err := netlink.LinkDel(link); err != nil && !errors.Is(err, unix.ENODEV) {
		return fmt.Errorf("removing interface %s: %w", name, err)
	}
	return nil
}

// ConfigureNode configures the node's end of the veth pair and the namespace's
// loopback. It is called inside the node.
func ConfigureNode(plan Plan) error {
	loopback, err := netlink.LinkByName("lo")
	if err != nil {
		return fmt.Errorf("looking for the loopback interface: %w", err)
	}
	if err = netlink.LinkSetUp(loopback); err != nil {
		return fmt.Errorf("bringing the loopback interface up: %w", err)
	}
	link, err := netlink.LinkByName(NodeInterface)
	if err != nil {
		return fmt.Errorf("looking for interface %s: %w", NodeInterface, err)
	}
	if err := setAddress(link, plan.NodeIP, plan.Link.Bits()); err != nil {
		return err
	}
	gateway := &netlink.Route{LinkIndex: link.Attrs().Index, Gw: plan.HostIP.AsSlice()}
	if err := netlink.RouteReplace(gateway); err != nil {
		return fmt.Errorf("setting the node's default route: %w", err)
	}
	// Services of pods on the bridge need kube-proxy's rules on bridged frames too.
	// If the kernel lacks br_netfilter, the file is missing, and kube-proxy
	// masquerades everything.
	for path, value := range map[string]string{
		"/proc/sys/net/ipv4/ip_forward":                "1",
		"/proc/sys/net/bridge/bridge-nf-call-iptables": "1",
	} {
		err := os.WriteFile(path, []byte(value), 0)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("setting %s: %w", path, err)
		}
	}
	return nil
}

func setAddress(link netlink.Link, addr netip.Addr, bits int) error {
	address := &netlink.Addr{IPNet: &net.IPNet{IP: addr.AsSlice(), Mask: net.CIDRMask(bits, 32)}}
	if err := netlink.AddrReplace(link, address); err != nil {
		return fmt.Errorf("giving %s the address %s: %w", link.Attrs().Name, addr, err)
	}
	if err := netlink.LinkSetUp(link); err != nil {
		return fmt.Errorf("bringing %s up: %w", link.Attrs().Name, err)
	}
	return nil
}
