package dockerd

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// sysctls are the settings of the whole machine that a kubelet changes from
// within its privileged node (k8s.io/kubernetes/pkg/kubelet/cm, setupKernelTunables).
var sysctls = []string{
	"vm/overcommit_memory", "vm/panic_on_oom", "kernel/panic", "kernel/panic_on_oops", "kernel/keys/root_maxkeys", "kernel/keys/root_maxbytes",
}

// modules is a folder that every node of kind mounts, and that Docker makes
// where it is missing.
const modules = "/lib/modules"

// settings is what the machine was like before the engine.
type settings struct {
	Sysctls map[string]string `json:"sysctls"`
	// NoModules says that there was no folder of modules.
	NoModules bool `json:"noModules,omitempty"`
}

func (e Engine) settingsFile() string { return filepath.Join(e.Dir, "settings.json") }

// rememberSettings notes what restoreSettings goes back to. What an earlier
// start has noted stays.
func (e Engine) rememberSettings() error {
	if _, err := os.Stat(e.settingsFile()); err == nil {
		return nil
	}
	before := settings{Sysctls: map[string]string{}}
	for _, name := range sysctls {
		// Not every kernel has all of them.
		if value, err := os.ReadFile(filepath.Join("/proc/sys", name)); err == nil {
			before.Sysctls[name] = strings.TrimSpace(string(value))
		}
	}
	if _, err := os.Stat(modules); errors.Is(err, os.ErrNotExist) {
		before.NoModules = true
	}
	content, err := json.Marshal(before)
	if err != nil {
		return err
	}
	return os.WriteFile(e.settingsFile(), content, 0o600)
}

// restoreSettings undoes what nodes have changed of the machine.
func (e Engine) restoreSettings() error {
	content, err := os.ReadFile(e.settingsFile())
	if err != nil {
		return err
	}
	var before settings
	if err := json.Unmarshal(content, &before); err != nil {
		return err
	}
	var errs []error
	for name, value := range before.Sysctls {
		if err := os.WriteFile(filepath.Join("/proc/sys", name), []byte(value), 0o644); err != nil {
			errs = append(errs, fmt.Errorf("setting %s to %s: %w", name, value, err))
		}
	}
	if before.NoModules {
		if err := os.Remove(modules); err != nil && !errors.Is(err, os.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
