// Package hostsettings keeps the settings of the whole machine that clusters
// change, and the address blocks that they claim, in one registry under /run.
// Whoever runs a kubelet is a user of it: an embedded cluster, and the Docker
// Engine that is started for nodes of kind. The first one that changes a setting
// notes what it was, and the last one that needs it changed restores it, in
// whatever order they come and go. The registry lives as long as such settings
// do, that is until the machine restarts.
package hostsettings

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"github.com/gopherlocks/gopherlocks/provider/atomicfile"
	"github.com/gopherlocks/gopherlocks/provider/flock"
)

// kubeletSettings are what a kubelet requires of the whole machine
// (pkg/kubelet/cm/container_manager_linux.go, setupKernelTunables).
var kubeletSettings = []string{
	"vm/overcommit_memory",
	"vm/panic_on_oom",
	"kernel/panic",
	"kernel/panic_on_oops",
	"kernel/keys/root_maxkeys",
	"kernel/keys/root_maxbytes",
}

// forwarding lets packets of a cluster with a block of its own through.
const forwarding = "net/ipv4/ip_forward"

// Registry is the settings of one machine. The zero value is not usable; see Machine.
type Registry struct {
	// Folder is where the registry's file is; it is made and removed as needed.
	Folder string
	// Sysctl is the folder of the kernel's settings, /proc/sys but for tests.
	Sysctl string
	// Interfaces is the folder of the network interfaces, /sys/class/net but for tests.
	Interfaces string
}

// Machine is the registry of this machine.
var Machine = Registry{Folder: "/run/gopherlocks", Sysctl: "/proc/sys", Interfaces: "/sys/class/net"}

// registry is the registry's file.
type registry struct {
	// Original are the settings from before the first user, by name.
	Original map[string]string `json:"original"`
	// Users are the blocks of those who use the settings, by state folder. A user
	// that claimed no block has the zero one.
	Users map[string]netip.Prefix `json:"users"`
}

// needs says whether someone still needs a setting changed.
func (f *registry) needs(name string) bool {
	for _, block := range f.Users {
		if name != forwarding || block.IsValid() {
			return true
		}
	}
	return false
}

// Claim registers the cluster whose state is in the folder dir, with the block
// that choose picks, and turns forwarding on. choose gets the blocks of the other
// clusters and runs under the registry's lock, so that no two clusters choose the
// same.
func (r Registry) Claim(ctx context.Context, dir string, choose func(claimed []netip.Prefix) (netip.Prefix, error)) error {
	return r.edit(ctx, func(file *registry) error {
		var claimed []netip.Prefix
		for user, prefix := range file.Users {
			if user != dir && prefix.IsValid() {
				claimed = append(claimed, prefix)
			}
		}
		prefix, err := choose(claimed)
		if err != nil {
			return err
		}
		if err := r.register(file, dir, prefix, append([]string{forwarding}, kubeletSettings...)); err != nil {
			return err
		}
		return r.EnableForwarding()
	})
}

// Use registers a user whose things are in the folder dir, and whose kubelets
// will change what kubelets do. It has a network of its own making.
func (r Registry) Use(ctx context.Context, dir string) error {
	return r.edit(ctx, func(file *registry) error {
		return r.register(file, dir, netip.Prefix{}, kubeletSettings)
	})
}

// Release takes the user whose folder is dir off the registry, and restores what
// no one else needs.
func (r Registry) Release(ctx context.Context, dir string) error {
	return r.edit(ctx, func(file *registry) error {
		delete(file.Users, dir)
		return nil
	})
}

// Forwards says whether the machine forwards packets, as Claim lets it: other
// programs set that too.
func (r Registry) Forwards() (bool, error) {
	data, err := os.ReadFile(filepath.Join(r.Sysctl, forwarding))
	if err != nil {
		return false, fmt.Errorf("reading machine setting %s: %w", forwarding, err)
	}
	return strings.TrimSpace(string(data)) == "1", nil
}

// EnableForwarding lets the machine forward packets again, for a cluster that has
// claimed its block.
func (r Registry) EnableForwarding() error { return r.write(forwarding, "1") }

// register notes settings that no one has changed so far, and a user of them. All
// of it is on disk before the first setting changes.
func (r Registry) register(file *registry, dir string, block netip.Prefix, settings []string) error {
	if file.Original == nil {
		file.Original = map[string]string{}
	}
	for _, name := range settings {
		if _, noted := file.Original[name]; noted {
			continue
		}
		data, err := os.ReadFile(filepath.Join(r.Sysctl, name))
		if errors.Is(err, os.ErrNotExist) {
			continue // Not every kernel has all of them.
		}
		if err != nil {
			return fmt.Errorf("reading machine setting %s: %w", name, err)
		}
		file.Original[name] = strings.TrimSpace(string(data))
	}
	file.Users[dir] = block
	return r.save(file)
}

// edit runs change on the registry under its lock, without those users whose
// folder is gone, restores what no one needs after it, and saves the rest.
func (r Registry) edit(ctx context.Context, change func(*registry) error) (err error) {
	// The lock is on the parent folder: a lock file would have to stay behind.
	lock, err := flock.AcquireFolder(ctx, filepath.Dir(r.Folder))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Release()) }()
	file := &registry{}
	data, err := os.ReadFile(r.path())
	if err == nil {
		err = json.Unmarshal(data, file)
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("reading the registry of machine settings: %w", err)
	}
	if file.Users == nil {
		file.Users = map[string]netip.Prefix{}
	}
	for user := range file.Users {
		if _, err := os.Stat(user); errors.Is(err, os.ErrNotExist) {
			delete(file.Users, user)
		}
	}
	return errors.Join(change(file), r.restore(file), r.save(file))
}

// restore puts back the settings that no one needs changed any more. What can't
// be put back stays noted, for the next try.
func (r Registry) restore(file *registry) error {
	var errs []error
	for name, value := range file.Original {
		if file.needs(name) {
			continue
		}
		if name == forwarding && value != "1" && r.hasBridge() {
			// Docker, libvirt and the like turn forwarding on when they start, and
			// may have found it on: without it, their networks would be cut off.
			if len(file.Users) == 0 {
				delete(file.Original, name)
			}
			continue
		}
		if err := r.write(name, value); err != nil {
			errs = append(errs, err)
			continue
		}
		delete(file.Original, name)
	}
	return errors.Join(errs...)
}

// hasBridge says whether the machine has a bridge. No cluster of ours leaves one
// there: that of an embedded one is inside its node, and the networks of our own
// Docker Engine are removed before it gives its settings back.
func (r Registry) hasBridge() bool {
	// The pattern is well-formed.
	bridges, _ := filepath.Glob(filepath.Join(r.Interfaces, "*", "bridge"))
	return len(bridges) > 0
}

func (r Registry) save(file *registry) error {
	if len(file.Users) == 0 && len(file.Original) == 0 {
		if err := os.RemoveAll(r.Folder); err != nil {
			return fmt.Errorf("removing the registry of machine settings: %w", err)
		}
		return nil
	}
	if err := os.MkdirAll(r.Folder, 0o700); err != nil {
		return fmt.Errorf("making the registry of machine settings: %w", err)
	}
	if err := atomicfile.WriteJSON(r.path(), file); err != nil {
		return fmt.Errorf("writing the registry of machine settings: %w", err)
	}
	return nil
}

func (r Registry) path() string { return filepath.Join(r.Folder, "machine.json") }

// write changes a setting unless it has the value already: some machines refuse
// even a write that changes nothing.
func (r Registry) write(name, value string) error {
	path := filepath.Join(r.Sysctl, name)
	data, err := os.ReadFile(path)
	if err == nil && strings.TrimSpace(string(data)) != value {
		err = os.WriteFile(path, []byte(value), 0)
	}
	if err != nil {
		return fmt.Errorf("setting %s to %s: %w", name, value, err)
	}
	return nil
}
