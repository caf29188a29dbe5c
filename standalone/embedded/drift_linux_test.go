package embedded

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/gopherlocks/gopherlocks/standalone/internal/network"
	"github.com/gopherlocks/gopherlocks/standalone/internal/nodeconfig"
	"github.com/gopherlocks/gopherlocks/standalone/internal/state"
)

func TestClusterKeepsItsNameServersWhereTheMachineHasNone(t *testing.T) {
	have := []string{"192.0.2.1"}
	if got := chooseNameServers(have, nil); !slices.Equal(got, have) {
		t.Errorf("without a network, the cluster has %v", got)
	}
	found := []string{"192.0.2.9"}
	if got := chooseNameServers(have, found); !slices.Equal(got, found) {
		t.Errorf("in another network, the cluster has %v", got)
	}
}

func TestClusterSaysThatItReachesNoNameServer(t *testing.T) {
	ref := Ref{Name: "a", StateRoot: t.TempDir()}
	record := state.Record{Name: ref.Name, Phase: state.PhaseReady, Subnet: netip.MustParsePrefix("10.200.0.0/16")}
	if err := errors.Join(os.MkdirAll(ref.dir().Config(), 0o700), state.Save(ref.dir(), record)); err != nil {
		t.Fatal(err)
	}
	write(t, ref.dir().AdminKubeconfig(), "")
	file := filepath.Join(t.TempDir(), "resolv.conf")
	original := resolverFiles
	resolverFiles = []string{file}
	defer func() { resolverFiles = original }()

	for servers, want := range map[string]bool{localResolver: true, usableServers: false} {
		write(t, file, servers)
		cluster, err := Inspect(ref)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(cluster.NameServerWarning, file); got != want {
			t.Errorf("with %q, the warning is %q", servers, cluster.NameServerWarning)
		}
	}
}

// requireMove gives the machine another name server, as another network does.
func (c *testCluster) requireMove(t *testing.T) {
	plan, err := network.NewPlan(c.cluster.Subnet)
	if err != nil {
		t.Fatal(err)
	}
	const name, address = "moved.example.", "192.0.2.99"
	serveName(t, plan.HostIP.String(), name, address)
	file := filepath.Join(t.TempDir(), "resolv.conf")
	write(t, file, "nameserver "+plan.HostIP.String()+"\n")
	original := resolverFiles
	resolverFiles = []string{file}
	defer func() { resolverFiles = original }()

	servers := []string{plan.HostIP.String()}
	c.requireDrift(t, Drift{NameServers: servers})
	pid := c.report(t).PID
	cluster, err := Update(t.Context(), c.spec, c.progress)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(cluster.NameServers, servers) {
		t.Errorf("the cluster's name servers are %v, want %v", cluster.NameServers, servers)
	}
	c.requireDrift(t, Drift{})
	resolver := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, net.JoinHostPort(plan.NodeIP.String(), "53"))
	}}
	c.await(t, "the cluster's DNS to ask the new name server", func() error {
		addresses, err := resolver.LookupHost(t.Context(), name)
		if err == nil && !slices.Equal(addresses, []string{address}) {
			err = fmt.Errorf("%s is %v, not %s", name, addresses, address)
		}
		return err
	})
	report := c.report(t)
	if report.PID != pid || report.Components[nodeconfig.CoreDNS].Restarts > 0 {
		t.Errorf("the node or its DNS was started again: %+v", report)
	}
}

func (c *testCluster) requireMendedFirewall(t *testing.T) {
	if err := network.CloseFirewall(c.spec.Name, network.LinkName(c.spec.StateDir())); err != nil {
		t.Fatal(err)
	}
	// The name servers are left from the test before.
	drift, err := FindDrift(c.spec.Ref)
	if err != nil || !drift.NetworkClosed {
		t.Errorf("the drift is %+v (%v)", drift, err)
	}
	if _, err := Update(t.Context(), c.spec, c.progress); err != nil {
		t.Fatal(err)
	}
	c.requireDrift(t, Drift{})
}

func (c *testCluster) requireDrift(t *testing.T, want Drift) {
	t.Helper()
	got, err := FindDrift(c.spec.Ref)
	if err != nil || got.NetworkClosed != want.NetworkClosed || !slices.Equal(got.NameServers, want.NameServers) {
		t.Errorf("the drift is %+v (%v), want %+v", got, err, want)
	}
}

// serveName is a name server that knows one name, until the test ends.
func serveName(t *testing.T, host, name, address string) {
	t.Helper()
	connection, err := net.ListenPacket("udp4", net.JoinHostPort(host, "53"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = connection.Close() })
	go func() {
		buffer := make([]byte, 4096)
		for {
			count, client, err := connection.ReadFrom(buffer)
			if err != nil {
				return // Closed.
			}
			if answer, err := answerName(buffer[:count], name, address); err == nil {
				// A client without an answer asks again.
				_, _ = connection.WriteTo(answer, client)
			}
		}
	}()
}

func answerName(query []byte, name, address string) ([]byte, error) {
	var message dnsmessage.Message
	if err := message.Unpack(query); err != nil {
		return nil, err
	}
	message.Response, message.RecursionAvailable = true, true
	// The query's EDNS does not belong in the answer.
	message.Additionals = nil
	for _, question := range message.Questions {
		if question.Name.String() != name {
			message.RCode = dnsmessage.RCodeNameError
		} else if question.Type == dnsmessage.TypeA {
			message.Answers = append(message.Answers, dnsmessage.Resource{
				Header: dnsmessage.ResourceHeader{Name: question.Name, Type: question.Type, Class: question.Class, TTL: 1},
				Body:   &dnsmessage.AResource{A: [4]byte(net.ParseIP(address).To4())},
			})
		}
	}
	return message.Pack()
}
