package stackcluster

import (
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"sync/atomic"
	"testing"
	"time"
)

func exceptionsOf(provider string, vars map[string]string) map[string]string {
	return ProxyExceptions(provider, func(name string) string { return vars[name] })
}

func TestProxyExceptionsAreAddedToTheUsers(t *testing.T) {
	const proxy = "http://proxy.example:3128"
	const own = "localhost,127.0.0.1,::1,.svc,.cluster.local"
	const blocks = ",10.200.0.0/13,10.208.0.0/12,10.224.0.0/12,10.240.0.0/13,10.248.0.0/14,10.252.0.0/15,10.254.0.0/16"
	for name, c := range map[string]struct {
		provider string
		vars     map[string]string
		want     string // of both variables; "" for none
	}{
		"no proxy":              {Embedded, map[string]string{"NO_PROXY": "a"}, ""},
		"an existing cluster":   {Existing, map[string]string{"HTTPS_PROXY": proxy, "NO_PROXY": "a"}, ""},
		"embedded":              {Embedded, map[string]string{"HTTPS_PROXY": proxy}, own + blocks},
		"kind":                  {Kind, map[string]string{"https_proxy": proxy}, own},
		"exceptions of both":    {Kind, map[string]string{"http_proxy": proxy, "NO_PROXY": "a, b", "no_proxy": "b,c"}, "a,b,c," + own},
		"evaluated before":      {Kind, map[string]string{"ALL_PROXY": proxy, "NO_PROXY": "a," + own, "no_proxy": "a," + own}, "a," + own},
		"everything goes past":  {Kind, map[string]string{"HTTPS_PROXY": proxy, "NO_PROXY": "*"}, "*," + own},
		"some are there before": {Kind, map[string]string{"HTTPS_PROXY": proxy, "NO_PROXY": ".svc,localhost"}, ".svc,localhost,127.0.0.1,::1,.cluster.local"},
	} {
		got := exceptionsOf(c.provider, c.vars)
		for _, variable := range []string{"NO_PROXY", "no_proxy"} {
			if value, set := got[variable]; value != c.want || set != (c.want != "") {
				t.Errorf("%s: %s = %q, want %q", name, variable, value, c.want)
			}
		}
	}
}

func TestMergedBlocksAreTheSameAddresses(t *testing.T) {
	blocks := EmbeddedBlocks()
	merged := merge(blocks)
	within := func(address netip.Addr) bool {
		for _, block := range merged {
			if block.Contains(address) {
				return true
			}
		}
		return false
	}
	for _, block := range blocks {
		if !within(block.Addr()) {
			t.Errorf("%s is not in %v", block, merged)
		}
	}
	for _, outside := range []string{"10.199.255.255", "10.255.0.0"} {
		if within(netip.MustParseAddr(outside)) {
			t.Errorf("%s is in %v", outside, merged)
		}
	}
}

// clientVariable makes the test's own executable a program that connects to an address,
// as kubectl and Pulumi's plugins do: Go reads the proxy's variables once in a process.
const clientVariable = "STACKCLUSTER_TEST_CONNECT_TO"

func TestMain(m *testing.M) {
	if address := os.Getenv(clientVariable); address != "" {
		client := &http.Client{Timeout: time.Second, Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, DialContext: (&net.Dialer{Timeout: 200 * time.Millisecond}).DialContext,
		}}
		if response, err := client.Get("https://" + address); err == nil {
			response.Body.Close()
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// TestProxyIsNotAskedForTheClusterOfThisMachine counts what a proxy is asked for.
func TestProxyIsNotAskedForTheClusterOfThisMachine(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var asked atomic.Int32
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.WriteHeader(http.StatusBadGateway)
	}))
	defer proxy.Close()
	connect := func(address string, exceptions map[string]string) int32 {
		asked.Store(0)
		cmd := exec.CommandContext(t.Context(), self)
		cmd.Env = []string{clientVariable + "=" + address, "HTTPS_PROXY=" + proxy.URL}
		for name, value := range exceptions {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return asked.Load()
	}
	exceptions := exceptionsOf(Embedded, map[string]string{"HTTPS_PROXY": proxy.URL})
	for _, address := range []string{"10.200.0.2:6443", "10.254.0.2:6443", "operator.gopherlocks-system.svc:443", "x.svc.cluster.local:443"} {
		if n := connect(address, nil); n != 1 {
			t.Errorf("%s without exceptions: the proxy was asked %d times, so that this test shows nothing", address, n)
		}
		if n := connect(address, exceptions); n != 0 {
			t.Errorf("%s: the proxy was asked %d times with %s", address, n, exceptions["NO_PROXY"])
		}
	}
	if n := connect("registry.example:443", exceptions); n != 1 {
		t.Errorf("a registry: the proxy was asked %d times, want once", n)
	}
}
