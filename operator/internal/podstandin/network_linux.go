package podstandin

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Addresses of the pods' network. It is in a namespace of its own, so that it
// cannot meet another of the machine.
const (
	bridgeName    = "pods"
	bridgeAddress = "10.77.0.1/16"
	podPrefix     = 16
	firstPod      = 2
	lastPod       = 1<<16 - 2 // no address twice
	podInterface  = "eth0"
)

// podAddress is the address of the pod of a number.
func podAddress(number int) string { return fmt.Sprintf("10.77.%d.%d", number>>8, number&0xff) }

// Pods are the pods of one MiniCluster.
type Pods struct {
	t       testing.TB
	service string
	// folder holds a folder per pod, and hosts, which is the /etc/hosts of all.
	folder string

	// network is the namespace that the bridge is in.
	network *os.File
	bridge  int

	mu        sync.Mutex
	addresses map[string]string // by host
	given     int               // the last number of an address
}

// New makes a network for the pods of a headless Service. All pods end with the
// test. It skips the test for users who may not make namespaces.
func New(t testing.TB, service string) *Pods {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("pods are made of namespaces, which takes root")
	}
	folder, err := os.MkdirTemp("", "pods-") // short: sockets are in it
	if err != nil {
		t.Fatal(err)
	}
	p := &Pods{t: t, service: service, folder: folder, addresses: map[string]string{}, given: firstPod - 1}
	t.Cleanup(func() { // after those of the pods
		if err := os.RemoveAll(folder); err != nil {
			t.Error(err)
		}
	})
	if err := p.writeHosts(); err != nil {
		t.Fatal(err)
	}
	if err := p.makeNetwork(); err != nil {
		t.Fatalf("making the pods' network: %v", err)
	}
	t.Cleanup(func() { _ = p.network.Close() })
	return p
}

// inThread runs do in a thread that ends with it, since it changes the thread's
// namespace.
func inThread(do func() error) error {
	result := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // and no unlock: the thread is of no more use
		result <- do()
	}()
	return <-result
}

func (p *Pods) makeNetwork() error {
	return inThread(func() (err error) {
		if err = unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("a new namespace: %w", err)
		}
		if p.network, err = os.Open("/proc/thread-self/ns/net"); err != nil {
			return err
		}
		bridge := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: bridgeName}}
		if err := netlink.LinkAdd(bridge); err != nil {
			return fmt.Errorf("a bridge: %w", err)
		}
		p.bridge = bridge.Index
		return bringUp(bridgeName, bridgeAddress)
	})
}

// bringUp gives an interface an address in the form of CIDR.
func bringUp(name, address string) error {
	link, err := netlink.LinkByName(name)
	if err != nil {
		return fmt.Errorf("interface %s: %w", name, err)
	}
	if address != "" {
		parsed, err := netlink.ParseAddr(address)
		if err != nil {
			return err
		}
		if err := netlink.AddrAdd(link, parsed); err != nil {
			return fmt.Errorf("address %s of %s: %w", address, name, err)
		}
	}
	return netlink.LinkSetUp(link)
}

// inside runs do in the pods' network.
func (p *Pods) inside(do func() error) error {
	return inThread(func() error {
		if err := unix.Setns(int(p.network.Fd()), unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("entering the pods' network: %w", err)
		}
		return do()
	})
}

// connect gives the network namespace of a process an interface on the bridge.
func (p *Pods) connect(pid, number int) error {
	return p.inside(func() error {
		veth := &netlink.Veth{
			LinkAttrs: netlink.LinkAttrs{Name: fmt.Sprintf("pod%d", number), MasterIndex: p.bridge},
			PeerName:  podInterface, PeerNamespace: netlink.NsPid(pid),
		}
		if err := netlink.LinkAdd(veth); err != nil {
			return fmt.Errorf("an interface of the pod: %w", err)
		}
		return netlink.LinkSetUp(veth)
	})
}

// Dial connects as something on the pods' network does, to a pod's host and port.
func (p *Pods) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	ip, known := p.addresses[host]
	p.mu.Unlock()
	if !known {
		return nil, fmt.Errorf("there is no pod %s", host)
	}
	var conn net.Conn
	err = p.inside(func() (err error) {
		// With a number as address, nothing leaves this thread.
		conn, err = new(net.Dialer).DialContext(ctx, network, net.JoinHostPort(ip, port))
		return err
	})
	return conn, err
}

// join gives a host an address, for ever new, and a name.
func (p *Pods) join(host string) (number int, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.addresses[host] != "" {
		return 0, fmt.Errorf("there is a pod %s", host)
	}
	p.given++
	if p.given > lastPod {
		return 0, errors.New("the pods' network has no more addresses")
	}
	p.addresses[host] = podAddress(p.given)
	return p.given, p.writeHosts()
}

func (p *Pods) leave(host string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.addresses, host)
	return p.writeHosts()
}

func (p *Pods) hosts() string { return filepath.Join(p.folder, "hosts") }

// writeHosts writes the file in its place: pods have it mounted.
func (p *Pods) writeHosts() error {
	var text strings.Builder
	text.WriteString("127.0.0.1 localhost\n::1 localhost\n")
	for host, address := range p.addresses {
		fmt.Fprintf(&text, "%s %s.%s %s\n", address, host, p.service, host)
	}
	return os.WriteFile(p.hosts(), []byte(text.String()), 0o644)
}
