package stackcluster

import (
	"net/netip"
	"slices"
	"strings"
)

// EmbeddedBlocks are the blocks of addresses that embedded clusters choose from, each
// for one cluster: 10.200.0.0/16 to 10.254.0.0/16. They do not overlap the defaults of
// Docker (172.17.0.0/16 and following) and of Kubernetes services (10.96.0.0/12).
func EmbeddedBlocks() []netip.Prefix {
	const first, last, bits = 200, 254, 16
	var blocks []netip.Prefix
	for second := byte(first); second <= last; second++ {
		blocks = append(blocks, netip.PrefixFrom(netip.AddrFrom4([4]byte{10, second, 0, 0}), bits))
	}
	return blocks
}

// proxyVariables name a proxy, and noProxyVariables the hosts that are reached without
// it. Programs read either case, and not all the same one.
var (
	proxyVariables   = []string{"HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"}
	noProxyVariables = []string{"NO_PROXY", "no_proxy"}
)

// ProxyExceptions returns the variables, by name, that let programs reach a cluster of
// this machine past the user's proxy, which has no way to it: what the user has set, and
// the cluster's addresses and names. It returns none where there is no proxy, nor for an
// existing cluster: how that is reached is the user's choice.
func ProxyExceptions(provider string, get func(string) string) map[string]string {
	set := func(name string) bool { return get(name) != "" }
	if !IsOfThisMachine(provider) || !slices.ContainsFunc(proxyVariables, set) {
		return nil
	}
	var hosts []string
	add := func(more ...string) {
		for _, host := range more {
			if host = strings.TrimSpace(host); host != "" && !slices.Contains(hosts, host) {
				hosts = append(hosts, host)
			}
		}
	}
	for _, name := range noProxyVariables {
		add(strings.Split(get(name), ",")...)
	}
	add("localhost", "127.0.0.1", "::1", ".svc", ".cluster.local")
	if provider == Embedded {
		// The cluster may not be there yet, so that its block is not known.
		for _, block := range merge(EmbeddedBlocks()) {
			add(block.String())
		}
	}
	all := strings.Join(hosts, ",")
	exceptions := map[string]string{}
	for _, name := range noProxyVariables {
		exceptions[name] = all
	}
	return exceptions
}

// merge joins neighbours of the same length, which are sorted, to larger blocks.
func merge(blocks []netip.Prefix) []netip.Prefix {
	var merged []netip.Prefix
	for _, block := range blocks {
		merged = append(merged, block)
		for len(merged) > 1 {
			a, b := merged[len(merged)-2], merged[len(merged)-1]
			wider := netip.PrefixFrom(a.Addr(), a.Bits()-1).Masked()
			if a.Bits() != b.Bits() || !wider.Contains(b.Addr()) {
				break
			}
			merged = append(merged[:len(merged)-2], wider)
		}
	}
	return merged
}
