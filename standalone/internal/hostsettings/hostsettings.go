// Package hostsettings keeps a registry under /run. It has the settings of the
// whole machine that clusters change, and the address blocks that they claim. Its
// users are those that run a kubelet: embedded clusters, and the Docker Engine that
// is started for nodes of kind. The first user that changes a setting notes the old
// value. The last user that needs the change restores it, in whatever order they
// come and go. The registry lives as long as such settings do: until the machine
// restarts.
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
	// Sysctl is the folder of the kernel's settings: /proc/sys, or a test's own.
	Sysctl string
	// Interfaces is the folder of the network interfaces: /sys/class/net, or a
	// test's own.
	Interfaces string
}

// Machine is the registry of this machine.
var Machine = Registry{Folder: "/run/gopherlocks", Sysctl: "/proc/sys", Interfaces: "/sys/class/net"}

// registry is the registry's file.
type registry struct {
	// Original are the settings from before the first user, by name.
	Original map[string]string `json:"original"`
	// Users are the users' blocks by state folder. A user without a block has the
	// zero one.
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

// Claim registers the cluster with the state folder dir and the block that choose
// picks, and turns forwarding on. choose gets the blocks of the other clusters. It
// runs under the registry's lock, so that no two clusters choose the same block.
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

// Use registers a user with the folder dir. Its kubelets will change the settings
// that kubelets change. It makes its network itself, so it claims no block.
func (r Registry) Use(ctx context.Context, dir string) error {
	return r.edit(ctx, func(file *registry) error {
		return r.register(file, dir, netip.Prefix{}, kubeletSettings)
	})
}

// Release removes the user with the folder dir from the registry, and restores what
// no other needs.
func (r Registry) Release(ctx context.Context, dir string) error {
	return r.edit(ctx, func(file *registry) error {
		delete(file.Users, dir)
		return nil
	})
}

// Forwards says whether the machine still forwards packets. Claim turns that on,
// but other programs change it too.
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

// register notes a user, and the old values of settings that no user has changed
// yet. All of it is on disk before the first setting changes.
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

// edit runs change on the registry under its lock. It drops users without a folder
// first. Afterwards it restores what no user needs, and saves the rest.
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

// restore puts back the settings that no user needs any more. If one can't be put
// back, its note stays for the next try.
func (r Registry) restore(file *registry) error {
	var errs []error
	for name, value := range file.Original {
		if file.needs(name) {
			continue
		}
		if name == forwarding && value != "1" && r.hasBridge() {
			// Docker, libvirt and the like need forwarding, and turn it on only if
			// it is off. Turned off, it would cut off their networks.
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

// hasBridge says whether the machine has a bridge. It is never one of ours: an
// embedded cluster has its bridge inside its node, and our own Docker Engine
// removes its networks before it releases its settings.
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
