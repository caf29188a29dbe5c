package kindnet

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"github.com/vishvananda/netlink"
)

// confDir is where containerd looks for networks, on the node.
const confDir = "/etc/cni/net.d"

// serviceAccount is where a pod finds its credentials.
const serviceAccount = "/var/run/secrets/kubernetes.io/serviceaccount"

// retryDelay is the pause between two attempts to reach the API server.
const retryDelay = time.Second

// Run keeps the network of the node self until ctx ends. server is the URL of
// the API server.
func Run(ctx context.Context, server, self string) error {
	client, err := newClient()
	if err != nil {
		return err
	}
	for {
		err := watch(ctx, client, server, func(event string, n node) error { return apply(self, event, n) })
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil && !errors.Is(err, io.EOF) {
			log.Print(err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(retryDelay):
		}
	}
}

func newClient() (*http.Client, error) {
	authority, err := os.ReadFile(filepath.Join(serviceAccount, "ca.crt"))
	if err != nil {
		return nil, fmt.Errorf("reading the cluster's authority: %w", err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(authority)
	return &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12},
	}}, nil
}

// watch reports all existing nodes, and then every change, until the API server
// ends the watch.
func watch(ctx context.Context, client *http.Client, server string, changed func(event string, n node) error) error {
	// The file is read again each time: the token in it is renewed before it
	// expires.
	token, err := os.ReadFile(filepath.Join(serviceAccount, "token"))
	if err != nil {
		return fmt.Errorf("reading the token: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, server+"/api/v1/nodes?watch=true&timeoutSeconds=300", nil)
	if err != nil {
		return fmt.Errorf("watching the nodes: %w", err)
	}
	request.Header.Set("Authorization", "Bearer "+string(token))
	response, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("watching the nodes: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("watching the nodes: the API server answered %s", response.Status)
	}
	for decoder := json.NewDecoder(response.Body); ; {
		var event struct {
			Type   string `json:"type"`
			Object node   `json:"object"`
		}
		if err := decoder.Decode(&event); err != nil {
			return fmt.Errorf("watching the nodes: %w", err)
		}
		if event.Type == "ERROR" {
			return errors.New("watching the nodes: the API server has ended the watch with an error")
		}
		if err := changed(event.Type, event.Object); err != nil {
			return err
		}
	}
}

// apply makes the node's network what an event says.
func apply(self, event string, n node) error {
	route, ok, err := planRoute(n)
	if err != nil || !ok {
		return err
	}
	if n.Metadata.Name == self {
		return writeConfList(route.pods)
	}
	entry := &netlink.Route{Dst: toIPNet(route.pods), Gw: net.IP(route.via.AsSlice())}
	if event == "DELETED" {
		if err := netlink.RouteDel(entry); err != nil {
			// It may be gone already.
			log.Printf("removing the route to the pods of node %s: %v", n.Metadata.Name, err)
		}
		return nil
	}
	if err := netlink.RouteReplace(entry); err != nil {
		return fmt.Errorf("setting the route to the pods of node %s: %w", n.Metadata.Name, err)
	}
	return nil
}

// writeConfList replaces the configuration in one step: containerd reads it as
// soon as it is there.
func writeConfList(pods netip.Prefix) error {
	content, err := buildConfList(pods)
	if err != nil {
		return err
	}
	// containerd reads files of certain endings only.
	temporary := filepath.Join(confDir, ".10-kindnet.new")
	err = os.WriteFile(temporary, content, 0o644)
	if err == nil {
		err = os.Rename(temporary, filepath.Join(confDir, "10-kindnet.conflist"))
	}
	if err != nil {
		return fmt.Errorf("writing the network's configuration: %w", err)
	}
	return nil
}

func toIPNet(prefix netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: net.IP(prefix.Addr().AsSlice()), Mask: net.CIDRMask(prefix.Bits(), prefix.Addr().BitLen())}
}
