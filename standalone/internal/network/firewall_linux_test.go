package network

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// The neighbour's link with the machine.
var (
	machineIP   = netip.MustParseAddr("192.0.2.1")
	neighbourIP = netip.MustParseAddr("192.0.2.2")
)

const port = "30080"

// namespace is a network namespace that plays a machine.
type namespace struct {
	t *testing.T
	// pid is a process in it; 0 for the namespace of the test's goroutine.
	pid int
}

// enterMachine puts the test into a namespace that is the machine.
func enterMachine(t *testing.T) namespace {
	if os.Geteuid() != 0 {
		t.Skip("network namespaces need root")
	}
	if _, err := newFirewall("", ""); err != nil {
		t.Skip(err)
	}
	// Never unlocked: the thread ends with the test, and its namespace with it.
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Fatal(err)
	}
	machine := namespace{t: t}
	machine.bringUp("lo", netip.Addr{})
	machine.setForwarding()
	return machine
}

// newNamespace makes one that ends with the test.
func newNamespace(t *testing.T) namespace {
	t.Helper()
	command := exec.Command("cat")
	command.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET}
	input, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(input.Close(), command.Wait()); err != nil {
			t.Error(err)
		}
	})
	return namespace{t, command.Process.Pid}
}

// do runs an action inside of the namespace.
func (n namespace) do(action func() error) error {
	if n.pid == 0 {
		return action()
	}
	result := make(chan error)
	go func() {
		// Never unlocked: the thread is of no use to others.
		runtime.LockOSThread()
		file, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", n.pid))
		if err == nil {
			err = errors.Join(unix.Setns(int(file.Fd()), unix.CLONE_NEWNET), file.Close())
		}
		if err == nil {
			err = action()
		}
		result <- err
	}()
	return <-result
}

func (n namespace) must(action func() error) {
	n.t.Helper()
	if err := n.do(action); err != nil {
		n.t.Fatal(err)
	}
}

func (n namespace) setForwarding() {
	n.t.Helper()
	n.must(func() error { return os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0) })
}

func (n namespace) bringUp(name string, addr netip.Addr) {
	n.t.Helper()
	n.must(func() error {
		link, err := netlink.LinkByName(name)
		if err == nil && addr.IsValid() {
			return setAddress(link, addr, 24)
		}
		if err == nil {
			err = netlink.LinkSetUp(link)
		}
		return err
	})
}

// connectNeighbour joins a neighbour to the machine that routes everything
// through it.
func (n namespace) connectNeighbour() namespace {
	n.t.Helper()
	neighbour := newNamespace(n.t)
	n.must(func() error {
		attrs := netlink.NewLinkAttrs()
		attrs.Name = "lan0"
		veth := netlink.NewVeth(attrs)
		veth.PeerName, veth.PeerNamespace = NodeInterface, netlink.NsPid(neighbour.pid)
		return netlink.LinkAdd(veth)
	})
	n.bringUp("lan0", machineIP)
	neighbour.bringUp(NodeInterface, neighbourIP)
	neighbour.must(func() error {
		link, err := netlink.LinkByName(NodeInterface)
		if err != nil {
			return err
		}
		return netlink.RouteAdd(&netlink.Route{LinkIndex: link.Attrs().Index, Gw: machineIP.AsSlice()})
	})
	return neighbour
}

// cluster is one that consists of its node's network.
type cluster struct {
	namespace
	name, link string
	plan       Plan
}

func (n namespace) connectCluster(name, subnet string) cluster {
	n.t.Helper()
	plan, err := NewPlan(netip.MustParsePrefix(subnet))
	if err != nil {
		n.t.Fatal(err)
	}
	c := cluster{newNamespace(n.t), name, LinkName("/state/" + name), plan}
	n.must(func() error { return Connect(c.link, plan, 1500, c.pid) })
	c.must(func() error { return ConfigureNode(plan) })
	return c
}

func (c cluster) open() {
	c.t.Helper()
	if err := OpenFirewall(c.name, c.link, c.plan); err != nil {
		c.t.Fatal(err)
	}
}

func (c cluster) close() {
	c.t.Helper()
	if err := CloseFirewall(c.name, c.link); err != nil {
		c.t.Fatal(err)
	}
}

func (c cluster) requireOpen(want bool) {
	c.t.Helper()
	if open, err := IsFirewallOpen(c.name, c.link, c.plan); err != nil || open != want {
		c.t.Errorf("the firewall is open: %t (%v), want %t", open, err, want)
	}
}

// listen answers each caller with the address that it has.
func (n namespace) listen() {
	n.t.Helper()
	n.must(func() error {
		listener, err := net.Listen("tcp4", "0.0.0.0:"+port)
		if err != nil {
			return err
		}
		n.t.Cleanup(func() { _ = listener.Close() })
		go func() {
			for {
				connection, err := listener.Accept()
				if err != nil {
					return
				}
				// A caller that does not listen any more has got its answer.
				_, _ = fmt.Fprint(connection, connection.RemoteAddr())
				_ = connection.Close()
			}
		}()
		return nil
	})
}

// call returns the caller's address as the called one sees it.
func (n namespace) call(addr netip.Addr) (string, error) {
	var answer string
	err := n.do(func() error {
		// On one machine an answer takes less than a millisecond. The first SYN is
		// repeated only after a second.
		const patience = 900 * time.Millisecond
		connection, err := net.DialTimeout("tcp4", net.JoinHostPort(addr.String(), port), patience)
		if err != nil {
			return err
		}
		defer func() { _ = connection.Close() }()
		buffer := make([]byte, 64)
		count, err := connection.Read(buffer)
		answer, _, _ = strings.Cut(string(buffer[:count]), ":")
		return err
	})
	return answer, err
}

func (n namespace) requireReach(addr netip.Addr, want bool, what string) {
	n.t.Helper()
	if _, err := n.call(addr); (err == nil) != want {
		n.t.Errorf("%s: reached is %t (%v), want %t", what, err == nil, err, want)
	}
}

func runIptables(t *testing.T, args ...string) string {
	t.Helper()
	output, err := exec.Command("iptables", append([]string{"-w"}, args...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("iptables %v: %v: %s", args, err, output)
	}
	return string(output)
}

// listRules lists all rules and chains but the policies of built-in chains.
func listRules(t *testing.T) []string {
	t.Helper()
	var rules []string
	for _, table := range []string{"mangle", "filter", "nat"} {
		for line := range strings.Lines(runIptables(t, "-t", table, "-S")) {
			if !strings.HasPrefix(line, "-P") {
				rules = append(rules, table+" "+strings.TrimSpace(line))
			}
		}
	}
	return rules
}

func TestNeighboursDoNotReachTheCluster(t *testing.T) {
	machine := enterMachine(t)
	neighbour := machine.connectNeighbour()
	first := machine.connectCluster("first", "10.200.0.0/16")
	second := machine.connectCluster("second", "10.201.0.0/16")
	for _, one := range []namespace{machine, neighbour, first.namespace, second.namespace} {
		one.listen()
	}
	// Without the rules, a route is enough to reach the node.
	neighbour.requireReach(first.plan.NodeIP, true, "the node, before it has rules")
	// Whoever comes first.
	first.open()
	second.open()
	for _, policy := range []string{"ACCEPT", "DROP"} {
		runIptables(t, "-P", "FORWARD", policy)
		neighbour.requireReach(first.plan.NodeIP, false, policy+": the node, from a neighbour")
		neighbour.requireReach(second.plan.NodeIP, false, policy+": the second node, from a neighbour")
		first.requireReach(second.plan.NodeIP, false, policy+": the second cluster, from the first")
		second.requireReach(first.plan.NodeIP, false, policy+": the first cluster, from the second")
		for _, c := range []cluster{first, second} {
			machine.requireReach(c.plan.NodeIP, true, policy+": the node, from the machine")
			machine.requireReach(c.plan.HostIP, true, policy+": the machine, from itself")
			c.requireReach(c.plan.HostIP, true, policy+": the machine, from the node")
			if seen, err := c.call(neighbourIP); err != nil || seen != machineIP.String() {
				t.Errorf("%s: the node reaches the neighbour (%v) as %q", policy, err, seen)
			}
		}
		// The machine itself is as open as it was.
		neighbour.requireReach(machineIP, true, policy+": the machine, from a neighbour")
	}
	// The node stays closed even if others accept before, as Docker and libvirt do
	// for their own networks.
	runIptables(t, "-I", "FORWARD", "-j", "ACCEPT")
	neighbour.requireReach(first.plan.NodeIP, false, "the node, from a neighbour, where others accept")
	// What root publishes is published.
	runIptables(t, "-t", "nat", "-I", "PREROUTING", "-d", machineIP.String(), "-p", "tcp", "--dport", port,
		"-j", "DNAT", "--to-destination", first.plan.NodeIP.String())
	if seen, err := neighbour.call(machineIP); err != nil || seen != neighbourIP.String() {
		t.Errorf("a published port is reached (%v) as %q", err, seen)
	}
}

func TestFirewallIsAsBeforeWhenItsClustersAreGone(t *testing.T) {
	machine := enterMachine(t)
	runIptables(t, "-A", "FORWARD", "-i", "other0", "-j", "ACCEPT")
	before := listRules(t)
	first := machine.connectCluster("first", "10.200.0.0/16")
	second := machine.connectCluster("second", "10.201.0.0/16")
	first.close()
	first.open()
	alone := listRules(t)
	first.open()
	if again := listRules(t); strings.Join(again, "\n") != strings.Join(alone, "\n") {
		t.Errorf("opened twice, there are %q", again)
	}
	second.open()
	for _, rule := range listRules(t)[len(before):] {
		if !strings.Contains(rule, " -N ") && !strings.Contains(rule, "gopherlocks:") && !strings.Contains(rule, "other0") {
			t.Errorf("rule %q does not say whose it is", rule)
		}
	}
	second.close()
	if left := listRules(t); strings.Join(left, "\n") != strings.Join(alone, "\n") {
		t.Errorf("without the second cluster, there are %q", left)
	}
	// A second jump, as of two who opened at once.
	wall, err := newFirewall(first.name, first.link)
	if err != nil {
		t.Fatal(err)
	}
	if err := wall.run("nat", "-I", "POSTROUTING", wall.jump()...); err != nil {
		t.Fatal(err)
	}
	first.close()
	if after := listRules(t); strings.Join(after, "\n") != strings.Join(before, "\n") {
		t.Errorf("without clusters, there are %q, and were %q", after, before)
	}
}

func TestLostRulesAreNoticedAndMended(t *testing.T) {
	machine := enterMachine(t)
	c := machine.connectCluster("first", "10.200.0.0/16")
	c.requireOpen(false)
	c.open()
	c.requireOpen(true)
	whole := listRules(t)
	for name, lose := range map[string]func(){
		"a table is flushed":      func() { runIptables(t, "-t", "mangle", "-F") },
		"a chain is flushed":      func() { runIptables(t, "-F", "FORWARD") },
		"a table is loaded anew":  func() { runIptables(t, "-t", "nat", "-F"); runIptables(t, "-t", "nat", "-X") },
		"all but one rule remain": func() { runIptables(t, "-D", "gopherlocks-"+c.link, "1") },
	} {
		lose()
		if open, err := IsFirewallOpen(c.name, c.link, c.plan); err != nil || open {
			t.Errorf("%s: the firewall is open: %t (%v)", name, open, err)
		}
		c.open()
		c.requireOpen(true)
		if mended := listRules(t); strings.Join(mended, "\n") != strings.Join(whole, "\n") {
			t.Errorf("%s: mended, there are %q", name, mended)
		}
	}
}

// A failing iptables must not be taken for one that found no rule to remove.
func TestFailingIptablesIsNoAbsentRule(t *testing.T) {
	for code, absent := range map[int]bool{1: true, 2: false, 3: false, 4: false} {
		folder := t.TempDir()
		script := fmt.Sprintf("#!/bin/sh\necho out of order >&2\nexit %d\n", code)
		if err := os.WriteFile(folder+"/iptables", []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
		t.Setenv("PATH", folder)
		err := CloseFirewall("first", "gl0")
		if absent && err != nil || !absent && (err == nil || !strings.Contains(err.Error(), "out of order")) {
			t.Errorf("exit code %d: the error is %v", code, err)
		}
		if open, err := IsFirewallOpen("first", "gl0", Plan{}); open || (err == nil) != absent {
			t.Errorf("exit code %d: the firewall is open: %t (%v)", code, open, err)
		}
	}
}
