// Package network plans a cluster's addresses and joins its node to the machine
// by a veth pair and a few rules of the machine's firewall.
//
// A cluster owns one block of addresses, split in halves: the upper half is for
// pods; the lower half is split again into the link between machine and node
// (its first 256 addresses) and, in its upper half, services.
package network

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"

	"github.com/gopherlocks/gopherlocks/stackcluster"
)

// maxBits is the smallest block that holds a link, services and pods.
const maxBits = 22

// Plan is how a cluster uses its block.
type Plan struct {
	// Subnet is the whole block.
	Subnet netip.Prefix
	// Link connects machine and node; HostIP and NodeIP are their addresses in it.
	Link           netip.Prefix
	HostIP, NodeIP netip.Addr
	// Services is the range of cluster IPs. APIServerIP is the one of the
	// Service default/kubernetes, DNSIP the one of kube-system/kube-dns.
	Services           netip.Prefix
	APIServerIP, DNSIP netip.Addr
	// Pods is the range of pod addresses.
	Pods netip.Prefix
}

// NewPlan splits the block of a cluster.
func NewPlan(subnet netip.Prefix) (Plan, error) {
	if !subnet.IsValid() || !subnet.Addr().Is4() {
		return Plan{}, fmt.Errorf("subnet %q is not an IPv4 block such as 10.200.0.0/16", subnet)
	}
	if subnet != subnet.Masked() {
		return Plan{}, fmt.Errorf("subnet %s has bits beyond its length; did you mean %s?", subnet, subnet.Masked())
	}
	if subnet.Bits() > maxBits || subnet.Bits() < 8 {
		return Plan{}, fmt.Errorf("subnet %s: its length must be from /8 to /%d", subnet, maxBits)
	}
	quarter := subnet.Bits() + 2
	services := netip.PrefixFrom(offset(subnet.Addr(), 1<<(32-quarter)), quarter)
	if services.Bits() < 12 {
		// kube-apiserver refuses a larger range of services.
		services = netip.PrefixFrom(services.Addr(), 12)
	}
	return Plan{
		Subnet:      subnet,
		Link:        netip.PrefixFrom(subnet.Addr(), 24),
		HostIP:      offset(subnet.Addr(), 1),
		NodeIP:      offset(subnet.Addr(), 2),
		Services:    services,
		APIServerIP: offset(services.Addr(), 1),
		DNSIP:       offset(services.Addr(), 10),
		Pods:        netip.PrefixFrom(offset(subnet.Addr(), 1<<(32-subnet.Bits()-1)), subnet.Bits()+1),
	}, nil
}

// ChooseSubnet returns the first block of stackcluster.EmbeddedBlocks that overlaps no network of the
// machine and no block of another cluster. If there is none, it returns the first
// without a conflict. The search starts at a place that follows from name: a
// cluster that is made again tends to get the same block.
func ChooseSubnet(name string, networks, blocks []netip.Prefix) (netip.Prefix, error) {
	pool := stackcluster.EmbeddedBlocks()
	hash := sha256.Sum256([]byte(name))
	start := int(binary.BigEndian.Uint32(hash[:4]) % uint32(len(pool)))
	var fallback netip.Prefix
	for i := range pool {
		candidate := pool[(start+i)%len(pool)]
		if _, taken := firstOverlap(candidate, slices.Concat(networks, blocks)); !taken {
			return candidate, nil
		}
		if _, taken := FirstConflict(candidate, networks, blocks); !taken && !fallback.IsValid() {
			fallback = candidate
		}
	}
	if fallback.IsValid() {
		return fallback, nil
	}
	return netip.Prefix{}, fmt.Errorf("every block from %s to %s overlaps an address, a route or "+
		"another cluster of this machine; free one (\"ip route\" lists them), or make the EmbeddedCluster in your own program "+
		"and give it another block by the input subnet", pool[0], pool[len(pool)-1])
}

// FirstConflict returns the first prefix that keeps a cluster from having the block
// subnet. Any overlapping block of another cluster does. A network of the machine
// does only if it is not wider than the block. A wider one, such as the 0.0.0.0/1
// or 10.0.0.0/8 of a VPN, still works beside the more specific route of the
// cluster's link; only its part inside of the block is hidden.
func FirstConflict(subnet netip.Prefix, networks, blocks []netip.Prefix) (netip.Prefix, bool) {
	wider := func(network netip.Prefix) bool { return network.Bits() < subnet.Bits() }
	return firstOverlap(subnet, append(slices.DeleteFunc(slices.Clone(networks), wider), blocks...))
}

func firstOverlap(subnet netip.Prefix, used []netip.Prefix) (netip.Prefix, bool) {
	for _, prefix := range used {
		if subnet.Overlaps(prefix) {
			return prefix, true
		}
	}
	return netip.Prefix{}, false
}

// LinkName returns the name of the machine's end of the veth pair. It is for the
// cluster with the state folder dir. The kernel allows 15 bytes.
func LinkName(dir string) string {
	hash := sha256.Sum256([]byte(dir))
	return "gl" + hex.EncodeToString(hash[:5])
}

func offset(addr netip.Addr, by uint32) netip.Addr {
	bytes := addr.As4()
	binary.BigEndian.PutUint32(bytes[:], binary.BigEndian.Uint32(bytes[:])+by)
	return netip.AddrFrom4(bytes)
}
