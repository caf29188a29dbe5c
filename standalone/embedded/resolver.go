package embedded

import (
	"bufio"
	"bytes"
	"fmt"
	"net/netip"
	"os"
	"strings"
)

// resolverFiles list the machine's name servers. If the first has only a resolver
// on the loopback, systemd-resolved or NetworkManager may list in the others which
// servers that one asks.
var resolverFiles = []string{
	"/etc/resolv.conf", "/run/systemd/resolve/resolv.conf", "/run/NetworkManager/no-stub-resolv.conf",
}

// resolvedStub is systemd-resolved's own address. Its file lists the servers behind
// it; without a network there may be none.
const resolvedStub = "127.0.0.53"

// findNameServers returns the machine's name servers that can be reached from
// another network namespace. The first file that has any counts. If none has any,
// unusable says which others are listed where.
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
// If the machine has none, as without a network, the cluster keeps its own.
func chooseNameServers(have, found []string) []string {
	if len(found) == 0 {
		return have
	}
	return found
}

// parseNameServers reads a resolv.conf(5). It returns the IPv4 name servers that
// are not on the loopback, and separately all others: the node has no IPv6.
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

// warnOfNameServers says what a cluster with the name servers have must expect if
// the machine has only unusable ones. It says nothing if the machine has none at
// all.
func warnOfNameServers(name string, have, unusable []string) string {
	if len(unusable) == 0 {
		return ""
	}
	effect := "its pods find no names outside of the cluster, and it pulls no images"
	if len(have) > 0 {
		effect = "it still asks " + strings.Join(have, ", ") + ", which this machine had before"
	}
	return fmt.Sprintf("cluster %s cannot reach this machine's name servers: they are on the machine's loopback or have no IPv4 address "+
		"(%s). So %s. Add another one to %s, which may come after those, and run \"pulumi up\" again",
		name, strings.Join(unusable, "; "), effect, resolverFiles[0])
}
