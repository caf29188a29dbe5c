// Package kindnet connects the pods of a cluster whose nodes share one network:
// each node's pods hang on a bridge, with addresses out of the block that
// Kubernetes gives the node, and each node has a route to every other's block.
//
//	node A: bridge 10.244.0.1/24 ── route 10.244.1.0/24 via node B
//	node B: bridge 10.244.1.1/24 ── route 10.244.0.0/24 via node A
//
// It does what kind's own kindnetd does, except for network policies and
// masquerading: it is for machines without a way out.
package kindnet

import (
	"encoding/json"
	"fmt"
	"net/netip"
)

// node is what the API server says about a node, as far as it matters here.
type node struct {
	Metadata struct {
		Name string `json:"name"`
	} `json:"metadata"`
	Spec struct {
		PodCIDR string `json:"podCIDR"`
	} `json:"spec"`
	Status struct {
		Addresses []struct {
			Type    string `json:"type"`
			Address string `json:"address"`
		} `json:"addresses"`
	} `json:"status"`
}

// route leads to the pods of another node.
type route struct {
	pods netip.Prefix
	via  netip.Addr
}

// planRoute returns the route to a node's pods; ok is false while the node has
// no block or no address yet.
func planRoute(n node) (r route, ok bool, err error) {
	if n.Spec.PodCIDR == "" {
		return route{}, false, nil
	}
	if r.pods, err = netip.ParsePrefix(n.Spec.PodCIDR); err != nil {
		return route{}, false, fmt.Errorf("the block of node %s: %w", n.Metadata.Name, err)
	}
	for _, address := range n.Status.Addresses {
		if address.Type != "InternalIP" {
			continue
		}
		via, err := netip.ParseAddr(address.Address)
		if err != nil {
			return route{}, false, fmt.Errorf("the address of node %s: %w", n.Metadata.Name, err)
		}
		if via.Is4() == r.pods.Addr().Is4() {
			r.via = via
			return r, true, nil
		}
	}
	return route{}, false, nil
}

// buildConfList returns the configuration of the CNI plugins for a node's own
// pods: https://www.cni.dev/docs/spec/#configuration-format
func buildConfList(pods netip.Prefix) ([]byte, error) {
	everywhere := "0.0.0.0/0"
	if pods.Addr().Is6() {
		everywhere = "::/0"
	}
	list := map[string]any{
		"cniVersion": "0.4.0",
		"name":       "kindnet",
		"plugins": []any{
			map[string]any{
				"type": "bridge", "bridge": "kindnet0", "isGateway": true, "hairpinMode": true,
				"ipam": map[string]any{
					"type":   "host-local",
					"ranges": []any{[]any{map[string]any{"subnet": pods.String()}}},
					"routes": []any{map[string]any{"dst": everywhere}},
				},
			},
			map[string]any{"type": "portmap", "capabilities": map[string]any{"portMappings": true}},
		},
	}
	data, err := json.MarshalIndent(list, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encoding the network's configuration: %w", err)
	}
	return append(data, '\n'), nil
}
