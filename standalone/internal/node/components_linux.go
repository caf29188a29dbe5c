package node

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/gopherlocks/gopherlocks/standalone/internal/nodeconfig"
)

// component is one program of the node.
type component struct {
	nodeconfig.Command
	// after are the components that must have been ready once before this one
	// starts.
	after []string
	// env is its whole environment.
	env []string
	// prepare, if any, runs before each start.
	prepare func(context.Context) error
	// ready fails until the program does its work.
	ready func(context.Context) error
}

// components returns the node's programs in the order of their start.
func (s *supervisor) components() ([]component, error) {
	env := []string{
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"HOME=/root",
		"TMPDIR=" + s.cluster.Dir.Path("tmp"),
	}
	if err := os.MkdirAll(s.cluster.Dir.Path("tmp"), 0o700); err != nil {
		return nil, fmt.Errorf("making the folder of temporary files: %w", err)
	}
	behaviors := map[string]component{
		nodeconfig.Etcd:       {ready: listens("tcp", nodeconfig.EtcdAddress)},
		nodeconfig.Containerd: {ready: listens("unix", s.cluster.Dir.ContainerdSocket()), env: proxyEnv()},
		nodeconfig.APIServer: {
			after: []string{nodeconfig.Etcd},
			ready: func(ctx context.Context) error { return s.api.Get(ctx, "/readyz", nil) },
		},
		nodeconfig.ControllerManager: {
			after: []string{nodeconfig.APIServer}, ready: answers(nodeconfig.ControllerManagerHealth),
		},
		nodeconfig.Scheduler: {after: []string{nodeconfig.APIServer}, ready: answers(nodeconfig.SchedulerHealth)},
		nodeconfig.Kubelet: {
			after: []string{nodeconfig.APIServer, nodeconfig.Containerd}, ready: answers(nodeconfig.KubeletHealth),
		},
		nodeconfig.Proxy: {after: []string{nodeconfig.APIServer}, ready: answers(nodeconfig.ProxyHealth)},
		nodeconfig.CoreDNS: {
			after: []string{nodeconfig.APIServer}, prepare: s.applyDNS, ready: answers(nodeconfig.CoreDNSHealth),
		},
	}
	// The order matters twice: a component waits only for those before it, and
	// all are stopped in reverse.
	order := []string{
		nodeconfig.Etcd, nodeconfig.Containerd, nodeconfig.APIServer, nodeconfig.ControllerManager,
		nodeconfig.Scheduler, nodeconfig.Kubelet, nodeconfig.Proxy, nodeconfig.CoreDNS,
	}
	commands := map[string]nodeconfig.Command{}
	for _, command := range s.cluster.Commands() {
		commands[command.Component] = command
	}
	var components []component
	for _, name := range order {
		component := behaviors[name]
		component.Command = commands[name]
		component.env = append(component.env, env...)
		components = append(components, component)
	}
	return components, nil
}

// proxyEnv passes the settings of an HTTP proxy on to containerd, which pulls images.
func proxyEnv() []string {
	var env []string
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"} {
		if value := os.Getenv(name); value != "" {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// listens is ready when a connection is accepted.
func listens(network, address string) func(context.Context) error {
	return func(ctx context.Context) error {
		connection, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, network, address)
		if err != nil {
			return err
		}
		return connection.Close()
	}
}

// answers is ready when a health check succeeds. The certificate is not
// verified: some programs sign their own, and it is on the namespace's loopback.
func answers(url string) func(context.Context) error {
	client := &http.Client{
		Timeout: time.Second,
		Transport: &http.Transport{
			TLSClientConfig:   &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // see above
			DisableKeepAlives: true,
		},
	}
	return func(ctx context.Context) error {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		response, err := client.Do(request)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		if response.StatusCode != http.StatusOK {
			return fmt.Errorf("%s answered %s", url, response.Status)
		}
		return nil
	}
}
