package network

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/gopherlocks/gopherlocks/stackcluster"
)

func TestPlanPartsAreApartAndInsideTheBlock(t *testing.T) {
	for _, text := range []string{"10.0.0.0/8", "10.200.0.0/16", "192.168.4.0/22", "172.16.0.0/12"} {
		subnet := netip.MustParsePrefix(text)
		plan, err := NewPlan(subnet)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		parts := []netip.Prefix{plan.Link, plan.Services, plan.Pods}
		for i, part := range parts {
			if part != part.Masked() || part.Bits() < subnet.Bits() || !subnet.Contains(part.Addr()) {
				t.Errorf("%s: %s is not a part of the block", text, part)
			}
			if other, overlaps := firstOverlap(part, parts[i+1:]); overlaps {
				t.Errorf("%s: %s overlaps %s", text, part, other)
			}
		}
		// kube-apiserver allows at most 2^20 services.
		if plan.Services.Bits() < 12 {
			t.Errorf("%s: %s is too large for services", text, plan.Services)
		}
		for prefix, addrs := range map[netip.Prefix][]netip.Addr{
			plan.Link: {plan.HostIP, plan.NodeIP}, plan.Services: {plan.APIServerIP, plan.DNSIP},
		} {
			for _, addr := range addrs {
				if !prefix.Contains(addr) {
					t.Errorf("%s: %s is not in %s", text, addr, prefix)
				}
			}
		}
	}
}

func TestPlanUsesConventionalAddresses(t *testing.T) {
	plan, err := NewPlan(netip.MustParsePrefix("10.200.0.0/16"))
	if err != nil {
		t.Fatal(err)
	}
	got := []string{
		plan.HostIP.String(), plan.NodeIP.String(), plan.Services.String(),
		plan.APIServerIP.String(), plan.DNSIP.String(), plan.Pods.String(),
	}
	want := "10.200.0.1 10.200.0.2 10.200.64.0/18 10.200.64.1 10.200.64.10 10.200.128.0/17"
	if strings.Join(got, " ") != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestPlanRefusesUnusableBlocks(t *testing.T) {
	for _, subnet := range []netip.Prefix{
		{},
		netip.MustParsePrefix("fd00::/64"), netip.MustParsePrefix("10.200.0.0/23"),
		netip.MustParsePrefix("10.200.0.1/16"), netip.MustParsePrefix("10.0.0.0/7"),
	} {
		if plan, err := NewPlan(subnet); err == nil {
			t.Errorf("%s was accepted as %+v", subnet, plan)
		}
	}
}

func TestChooseSubnetKeepsClearOfOthers(t *testing.T) {
	first, err := ChooseSubnet("a", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if again, _ := ChooseSubnet("a", nil, nil); again != first {
		t.Errorf("the same name got %s and then %s", first, again)
	}
	// A single address inside is enough to leave the block alone.
	inside := netip.PrefixFrom(first.Addr().Next(), 32)
	second, err := ChooseSubnet("a", []netip.Prefix{inside}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if second.Overlaps(first) {
		t.Errorf("%s overlaps %s, which is in use", second, first)
	}
}

func TestChooseSubnetUsesTheWholePoolAndThenSaysSo(t *testing.T) {
	var used []netip.Prefix
	for range stackcluster.EmbeddedBlocks() {
		subnet, err := ChooseSubnet("b", nil, used)
		if err != nil {
			t.Fatalf("after %d blocks: %v", len(used), err)
		}
		used = append(used, subnet)
	}
	if subnet, err := ChooseSubnet("b", nil, used); err == nil || !strings.Contains(err.Error(), "subnet") {
		t.Errorf("got %s and error %v", subnet, err)
	}
}

func TestWideRoutesStandInNoWay(t *testing.T) {
	first, err := ChooseSubnet("a", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	// The routes of a VPN for everything, and of one for a company.
	wide := parsePrefixes("0.0.0.0/1", "128.0.0.0/1", "10.0.0.0/8")
	if got, err := ChooseSubnet("a", wide, nil); err != nil || got != first {
		t.Errorf("beside %v, the block is %s (%v), not %s", wide, got, err, first)
	}
	// A block that hides nothing is better.
	most := parsePrefixes("10.192.0.0/11", "10.224.0.0/12", "10.240.0.0/13", "10.248.0.0/14", "10.252.0.0/15")
	only := netip.MustParsePrefix("10.254.0.0/16")
	if got, err := ChooseSubnet("a", most, nil); err != nil || got != only {
		t.Errorf("beside %v, the block is %s (%v), not %s", most, got, err, only)
	}
	// A network as narrow as the block counts, even beside wider ones.
	gateway := netip.PrefixFrom(first.Addr().Next(), 32)
	if got, err := ChooseSubnet("a", append(wide, gateway), nil); err != nil || got.Overlaps(first) {
		t.Errorf("beside %s, the block is %s (%v)", gateway, got, err)
	}
}

func TestConflictsAreWithWhatIsNotWider(t *testing.T) {
	subnet := netip.MustParsePrefix("10.200.0.0/16")
	for text, want := range map[string]bool{
		"0.0.0.0/1": false, "10.200.0.0/15": false, "10.200.0.0/16": true, "10.200.200.0/24": true, "10.201.0.0/24": false,
	} {
		if other, taken := FirstConflict(subnet, parsePrefixes(text), nil); taken != want {
			t.Errorf("%s is in the way of %s: %t (%s)", text, subnet, taken, other)
		}
	}
	// Another cluster's block counts, however wide it is.
	if _, taken := FirstConflict(subnet, nil, parsePrefixes("10.0.0.0/8")); !taken {
		t.Error("the block of another cluster is taken")
	}
}

func parsePrefixes(texts ...string) []netip.Prefix {
	var prefixes []netip.Prefix
	for _, text := range texts {
		prefixes = append(prefixes, netip.MustParsePrefix(text))
	}
	return prefixes
}

func TestLinkNameFitsTheKernelAndTellsClustersApart(t *testing.T) {
	a, b := LinkName("/var/lib/gopherlocks/a"), LinkName("/tmp/a")
	if len(a) > 15 || a == b {
		t.Errorf("names %q and %q", a, b)
	}
	if wall, err := newFirewall("a", a); err == nil && len(wall.chain) > 28 {
		t.Errorf("the kernel has no room for the name of chain %q", wall.chain)
	}
}
