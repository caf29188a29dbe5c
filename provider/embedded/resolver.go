package embedded

import (
	"bufio"
	"bytes"
	"net/netip"
	"os"
	"strings"
)

// resolverFiles are where the machine's name servers are listed. The second is
// systemd-resolved's, whose first is only its own address on the loopback.
var resolverFiles = []string{"/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"}

// findNameServers returns the machine's name servers that can be reached from
// another network namespace: the first file with any counts.
func findNameServers(files []string) []string {
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		if servers := parseNameServers(data); len(servers) > 0 {
			return servers
		}
	}
	return nil
}

// chooseNameServers returns the name servers for a cluster that has some already.
// Where the machine has none, as one without a network, the cluster keeps its own:
// they are no worse.
func chooseNameServers(have, found []string) []string {
	if len(found) == 0 {
		return have
	}
	return found
}

// parseNameServers returns the IPv4 name servers of a resolv.conf(5) that are
// not on the loopback: the node has no IPv6.
func parseNameServers(data []byte) []string {
	var servers []string
	lines := bufio.NewScanner(bytes.NewReader(data))
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 2 || fields[0] != "nameserver" {
			continue
		}
		if addr, err := netip.ParseAddr(fields[1]); err == nil && addr.Is4() && !addr.IsLoopback() {
			servers = append(servers, addr.String())
		}
	}
	return servers
}
