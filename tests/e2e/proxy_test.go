package e2e

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gopherlocks/gopherlocks/stackcluster"
)

// countingProxy is a company's proxy, which has no way to the cluster. It remembers what
// addresses it was asked for.
type countingProxy struct {
	*httptest.Server
	mu    sync.Mutex
	asked []string
}

func newCountingProxy(t *testing.T) *countingProxy {
	p := &countingProxy{}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.asked = append(p.asked, r.Host)
		w.WriteHeader(http.StatusBadGateway)
	}))
	t.Cleanup(p.Close)
	return p
}

// private are the addresses of this machine and of its clusters among what it was asked
// for. The internet is no matter of this test.
func (p *countingProxy) private() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(p.asked), func(host string) bool {
		address, err := netip.ParseAddrPort(host)
		return err != nil || !address.Addr().IsPrivate() && !address.Addr().IsLoopback()
	})
}

// testProxy uses the cluster with a proxy in the environment, as most companies have it.
func testProxy(t *testing.T, w *workspace) {
	proxy := newCountingProxy(t)
	with := *w
	with.env = append(slices.Clone(w.env), "HTTPS_PROXY="+proxy.URL, "HTTP_PROXY="+proxy.URL, "NO_PROXY=", "no_proxy=")
	if w.provider == stackcluster.Embedded {
		if said := with.fail(t, "kubectl", "get", "nodes", "--request-timeout=5s"); len(proxy.private()) == 0 {
			t.Errorf("the proxy was not asked, so that this part shows nothing:\n%s", said)
		}
	}
	proxy.mu.Lock()
	proxy.asked = nil
	proxy.mu.Unlock()

	with.env = append(with.env, exports(with.run(t, "sh", "-c", `eval "$(make -s env)" && env -0`))...)
	with.run(t, "kubectl", "get", "nodes")
	with.run(t, "pulumi", "preview", "--refresh", "--expect-no-changes")
	with.run(t, "gopherlocks-plan")
	if asked := proxy.private(); len(asked) > 0 {
		t.Errorf("the proxy was asked for %s", strings.Join(asked, ", "))
	}
}
