package kindnet

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"
)

func parseNode(t *testing.T, text string) node {
	t.Helper()
	var n node
	if err := json.Unmarshal([]byte(text), &n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestRouteLeadsToANodesPods(t *testing.T) {
	for name, test := range map[string]struct {
		node string
		want string // "" for none yet
	}{
		"complete":         {`{"spec":{"podCIDR":"10.244.1.0/24"},"status":{"addresses":[{"type":"Hostname","address":"b"},{"type":"InternalIP","address":"172.18.0.3"}]}}`, "10.244.1.0/24 via 172.18.0.3"},
		"no block yet":     {`{"status":{"addresses":[{"type":"InternalIP","address":"172.18.0.3"}]}}`, ""},
		"no address yet":   {`{"spec":{"podCIDR":"10.244.1.0/24"}}`, ""},
		"of either family": {`{"spec":{"podCIDR":"fd00::/64"},"status":{"addresses":[{"type":"InternalIP","address":"172.18.0.3"},{"type":"InternalIP","address":"fc00::3"}]}}`, "fd00::/64 via fc00::3"},
	} {
		route, ok, err := planRoute(parseNode(t, test.node))
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if ok {
			got = route.pods.String() + " via " + route.via.String()
		}
		if got != test.want {
			t.Errorf("%s: got %q, want %q", name, got, test.want)
		}
	}
	for _, broken := range []string{
		`{"spec":{"podCIDR":"ten"}}`,
		`{"spec":{"podCIDR":"10.244.1.0/24"},"status":{"addresses":[{"type":"InternalIP","address":"b"}]}}`,
	} {
		if _, _, err := planRoute(parseNode(t, broken)); err == nil {
			t.Errorf("%s is no error", broken)
		}
	}
}

func TestPodsGetAddressesOutOfTheNodesBlock(t *testing.T) {
	content, err := buildConfList(netip.MustParsePrefix("10.244.1.0/24"))
	if err != nil {
		t.Fatal(err)
	}
	var list struct {
		Plugins []struct {
			Type string
			IPAM struct {
				Ranges [][]struct{ Subnet string }
			}
		}
	}
	if err := json.Unmarshal(content, &list); err != nil {
		t.Fatal(err)
	}
	if list.Plugins[0].Type != "bridge" || list.Plugins[0].IPAM.Ranges[0][0].Subnet != "10.244.1.0/24" {
		t.Errorf("got %s", content)
	}
	if !strings.Contains(string(content), "portmap") {
		t.Errorf("host ports do not work: %s", content)
	}
}
