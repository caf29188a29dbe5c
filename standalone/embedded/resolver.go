package embedded

import (
	"bufio"
	"bytes"
	"fmt"
	"net/netip"
	"os"
	"strings"
)

// resolverFiles are where the machine's name servers are listed. Where the first
// has only a resolver on this machine's loopback, systemd-resolved and
// NetworkManager may list in the others whom it asks.
var resolverFiles = []string{
	"/etc/resolv.conf", "/run/systemd/resolve/resolv.conf", "/run/NetworkManager/no-stub-resolv.conf",
}

// resolvedStub is systemd-resolved's own address. Its file says what is behind it,
// which may be nothing, without a network.
const resolvedStub = "127.0.0.53"

// findNameServers returns the machine's name servers that can be reached from
// another network namespace: the first file with any counts. Without any, unusable
// says which others are listed where.
func findNameServers(files []string) (servers, unusable []string) {
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		usable, others := parseNameServers(data)
		if len(usable) > 0 {
			return usable, nil
		}
		if len(others) > 0 {
			unusable = append(unusable, file+" lists "+strings.Join(others, ", "))
		}
	}
	return nil, unusable
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
// not on the loopback, and the others: the node has no IPv6.
func parseNameServers(data []byte) (servers, others []string) {
	lines := bufio.NewScanner(bytes.NewReader(data))
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 2 || fields[0] != "nameserver" {
			continue
		}
		addr, err := netip.ParseAddr(fields[1])
		switch {
		case err == nil && addr.Is4() && !addr.IsLoopback() && !addr.IsUnspecified():
			servers = append(servers, addr.String())
		case fields[1] != resolvedStub:
			others = append(others, fields[1])
		}
	}
	return servers, others
}

// warnOfNameServers says what it means for a cluster with the name servers have
// that the machine has only unusable ones; nothing when it has none at all.
func warnOfNameServers(name string, have, unusable []string) string {
	if len(unusable) == 0 {
		return ""
	}
	effect := "its pods find no names of the world, and it pulls no images"
	if len(have) > 0 {
		effect = "it goes on asking " + strings.Join(have, ", ") + ", which this machine had before"
	}
	return fmt.Sprintf("cluster %s reaches none of this machine's name servers, since they are on the machine's loopback or "+
		"have no IPv4 address (%s): %s; add another one to %s, if only behind those, and run \"pulumi up\" again",
		name, strings.Join(unusable, "; "), effect, resolverFiles[0])
}
