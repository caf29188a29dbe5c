package embedded

import (
	"errors"
	"os"
	"slices"
	"strings"

	"github.com/gopherlocks/gopherlocks/provider/flock"
	"github.com/gopherlocks/gopherlocks/standalone/internal/hostsettings"
	"github.com/gopherlocks/gopherlocks/standalone/internal/network"
	"github.com/gopherlocks/gopherlocks/standalone/internal/nodeconfig"
	"github.com/gopherlocks/gopherlocks/standalone/internal/state"
)

func findDrift(ref Ref) (Drift, error) {
	dir := ref.dir()
	record, err := state.Load(dir)
	if errors.Is(err, os.ErrNotExist) {
		return Drift{}, nil
	}
	if err != nil {
		return Drift{}, err
	}
	running, err := flock.IsHeld(dir.NodeLock())
	if err != nil || !running {
		return Drift{}, err
	}
	config, err := nodeconfig.New(dir, record)
	if err != nil {
		return Drift{}, err
	}
	open, err := isNetworkOpen(config)
	return Drift{NameServers: changedNameServers(record), NetworkClosed: err == nil && !open}, err
}

// changedNameServers returns the name servers that a cluster should have, none if
// its record has the same.
func changedNameServers(record state.Record) []string {
	found, _ := findNameServers(resolverFiles)
	wanted := chooseNameServers(record.NameServers, found)
	if slices.Equal(wanted, record.NameServers) {
		return nil
	}
	return wanted
}

func isNetworkOpen(config nodeconfig.Cluster) (bool, error) {
	forwards, err := hostsettings.Machine.Forwards()
	if err != nil || !forwards {
		return false, err
	}
	return network.IsFirewallOpen(config.Record.Name, config.Link, config.Plan)
}

// correctDrift adapts a running cluster to what has changed on the machine.
func correctDrift(dir state.Dir, record state.Record, progress Progress) (state.Record, error) {
	config, err := nodeconfig.New(dir, record)
	if err != nil {
		return record, err
	}
	if open, err := isNetworkOpen(config); err != nil {
		return record, err
	} else if !open {
		progress("letting the cluster's packets through again")
		err := errors.Join(hostsettings.Machine.EnableForwarding(),
			network.OpenFirewall(record.Name, config.Link, config.Plan))
		if err != nil {
			return record, err
		}
	}
	if servers := changedNameServers(record); len(servers) > 0 {
		progress("telling the cluster's DNS the name servers " + strings.Join(servers, ", "))
		config.Record.NameServers = servers
		// The record is written after the files: it must never be ahead of them.
		if err := config.WriteDNS(); err != nil {
			return record, err
		}
		record.NameServers = servers
	}
	return record, nil
}
