// Package hostsettings keeps the settings of the whole machine that clusters
// change, and the address blocks that they claim, in one registry under /run:
// the first cluster that comes records the settings, the last one that goes
// restores them. The registry lives as long as such settings do, that is until
// the machine restarts.
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

	"github.com/gopherlocks/gopherlocks/provider/internal/flock"
	"github.com/gopherlocks/gopherlocks/provider/internal/state"
)

// sysctls are the settings that a node changes for the whole machine: kubelet
// requires all but the last (pkg/kubelet/cm/container_manager_linux.go,
// setupKernelTunables), the last lets packets of the node through.
var sysctls = []string{
	"vm/overcommit_memory",
	"vm/panic_on_oom",
	"kernel/panic",
	"kernel/panic_on_oops",
	"kernel/keys/root_maxkeys",
	"kernel/keys/root_maxbytes",
	forwarding,
}

const forwarding = "net/ipv4/ip_forward"

// Registry is the settings of one machine. The zero value is not usable; see Machine.
type Registry struct {
	// Folder is where the registry's file is; it is made and removed as needed.
	Folder string
	// Sysctl is the folder of the kernel's settings, /proc/sys but for tests.
	Sysctl string
}

// Machine is the registry of this machine.
var Machine = Registry{Folder: "/run/gopherlocks", Sysctl: "/proc/sys"}

// registry is the registry's file.
type registry struct {
	// Original are the settings from before the first cluster, by name.
	Original map[string]string `json:"original"`
	// Users are the blocks of the clusters that use the settings, by state folder.
	Users map[string]netip.Prefix `json:"users"`
}

// Claim registers the cluster whose state is in dir, with the block that choose
// picks, and turns forwarding on. choose gets the blocks of the other clusters
// and runs under the registry's lock, so that no two clusters choose the same.
func (r Registry) Claim(ctx context.Context, dir state.Dir, choose func(claimed []netip.Prefix) (netip.Prefix, error)) error {
	return r.edit(ctx, func(file *registry) error {
		var claimed []netip.Prefix
		for user, prefix := range file.Users {
			if user != string(dir) {
				claimed = append(claimed, prefix)
			}
		}
		prefix, err := choose(claimed)
		if err != nil {
			return err
		}
		if len(file.Users) == 0 {
			if file.Original, err = r.read(); err != nil {
				return err
			}
		}
		file.Users[string(dir)] = prefix
		// The claim is on disk before the first setting changes.
		if err := r.save(file); err != nil {
			return err
		}
		return r.write(forwarding, "1")
	})
}

// Claimed returns the block that the cluster whose state is in dir claimed.
func (r Registry) Claimed(dir state.Dir) (netip.Prefix, bool) {
	file := registry{}
	data, err := os.ReadFile(r.path())
	if err != nil || json.Unmarshal(data, &file) != nil {
		return netip.Prefix{}, false
	}
	prefix, ok := file.Users[string(dir)]
	return prefix, ok
}

// Release takes the cluster whose state is in dir off the registry, and
// restores the machine's settings when it was the last.
func (r Registry) Release(ctx context.Context, dir state.Dir) error {
	return r.edit(ctx, func(file *registry) error {
		if _, ok := file.Users[string(dir)]; !ok {
			return nil
		}
		delete(file.Users, string(dir))
		if len(file.Users) > 0 {
			return nil
		}
		var errs []error
		for name, value := range file.Original {
			errs = append(errs, r.write(name, value))
		}
		return errors.Join(errs...)
	})
}

// edit runs change on the registry under its lock, without those users whose
// state folder is gone, and saves it.
func (r Registry) edit(ctx context.Context, change func(*registry) error) (err error) {
	// The lock is on the parent folder: a lock file would have to stay behind.
	lock, err := flock.AcquireFolder(ctx, filepath.Dir(r.Folder))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Release()) }()
	file := &registry{Users: map[string]netip.Prefix{}}
	data, err := os.ReadFile(r.path())
	if err == nil {
		err = json.Unmarshal(data, file)
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("reading the registry of machine settings: %w", err)
	}
	changeErr := change(file)
	for user := range file.Users {
		if _, err := os.Stat(user); errors.Is(err, os.ErrNotExist) {
			delete(file.Users, user)
		}
	}
	return errors.Join(changeErr, r.save(file))
}

func (r Registry) save(file *registry) error {
	if len(file.Users) == 0 {
		if err := os.RemoveAll(r.Folder); err != nil {
			return fmt.Errorf("removing the registry of machine settings: %w", err)
		}
		return nil
	}
	if err := os.MkdirAll(r.Folder, 0o700); err != nil {
		return fmt.Errorf("making the registry of machine settings: %w", err)
	}
	if err := state.WriteJSON(r.path(), file); err != nil {
		return fmt.Errorf("writing the registry of machine settings: %w", err)
	}
	return nil
}

func (r Registry) path() string { return filepath.Join(r.Folder, "machine.json") }

// read returns the settings as they are; one that this kernel lacks is left out.
func (r Registry) read() (map[string]string, error) {
	values := map[string]string{}
	for _, name := range sysctls {
		data, err := os.ReadFile(filepath.Join(r.Sysctl, name))
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("reading machine setting %s: %w", name, err)
		}
		values[name] = strings.TrimSpace(string(data))
	}
	return values, nil
}

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
