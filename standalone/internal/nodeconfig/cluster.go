// Package nodeconfig renders the configuration files and the arguments of a node's
// programs. Everything follows from a Cluster; nothing is read from the machine.
package nodeconfig

import (
	"fmt"
	"strings"

	"github.com/gopherlocks/gopherlocks/standalone/internal/cgroup"
	"github.com/gopherlocks/gopherlocks/standalone/internal/network"
	"github.com/gopherlocks/gopherlocks/standalone/internal/state"
)

// Addresses inside the node's network namespace. Ports are upstream's defaults: no
// other program can use them there.
const (
	// APIServerPort is where the API server listens, on all of the node's addresses.
	APIServerPort = "6443"
	// EtcdAddress and the following can be reached only from within the node.
	EtcdAddress             = "127.0.0.1:2379"
	ControllerManagerHealth = "https://127.0.0.1:10257/healthz"
	SchedulerHealth         = "https://127.0.0.1:10259/readyz"
	KubeletHealth           = "http://127.0.0.1:10248/healthz"
	ProxyHealth             = "http://127.0.0.1:10256/healthz"
	CoreDNSHealth           = "http://127.0.0.1:8181/ready"
	// LocalAPIServer is the API server for the node's own programs.
	LocalAPIServer = "https://127.0.0.1:" + APIServerPort
	// ClusterDomain is the DNS domain of services and pods.
	ClusterDomain = "cluster.local"
)

// Cluster is everything that a node's configuration follows from.
type Cluster struct {
	Dir    state.Dir
	Record state.Record
	Plan   network.Plan
	// Link is the name of the machine's end of the veth pair.
	Link string
}

// New returns the cluster of a record.
func New(dir state.Dir, record state.Record) (Cluster, error) {
	plan, err := network.NewPlan(record.Subnet)
	if err != nil {
		return Cluster{}, err
	}
	return Cluster{Dir: dir, Record: record, Plan: plan, Link: network.LinkName(string(dir))}, nil
}

// NodeName is the name of the cluster's one node.
func (c Cluster) NodeName() string { return c.Record.Name }

// ContextName is the name of the cluster, user and context in kubeconfigs.
func (c Cluster) ContextName() string { return "gopherlocks-" + c.Record.Name }

// Endpoint is the URL of the API server from the machine.
func (c Cluster) Endpoint() string {
	return fmt.Sprintf("https://%s:%s", c.Plan.NodeIP, APIServerPort)
}

// CgroupName is the name of the cluster's branch of the control groups.
func (c Cluster) CgroupName() string {
	return cgroup.Name(c.Record.Name, strings.TrimPrefix(c.Link, "gl"))
}
