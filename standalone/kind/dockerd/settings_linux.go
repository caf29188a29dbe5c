package dockerd

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"github.com/gopherlocks/gopherlocks/standalone/internal/hostsettings"
)

// modules is a folder that every node of kind mounts. Docker makes it if it is
// missing.
const modules = "/lib/modules"

// noModulesFile says that there was no folder of modules before the engine.
func (e Engine) noModulesFile() string { return filepath.Join(e.Dir, "no-modules") }

// rememberSettings notes what restoreSettings restores. Kubelets of privileged
// nodes change the kernel's settings, which embedded clusters use too, so both
// share one registry. Notes of an earlier start stay.
func (e Engine) rememberSettings(ctx context.Context) error {
	if _, err := os.Stat(modules); errors.Is(err, os.ErrNotExist) {
		if err := os.WriteFile(e.noModulesFile(), nil, 0o600); err != nil {
			return err
		}
	}
	return hostsettings.Machine.Use(ctx, e.Dir)
}

// restoreSettings undoes what nodes have changed on the machine.
func (e Engine) restoreSettings(ctx context.Context) error {
	err := hostsettings.Machine.Release(ctx, e.Dir)
	if _, statErr := os.Stat(e.noModulesFile()); statErr == nil {
		if removeErr := os.Remove(modules); removeErr != nil && !errors.Is(removeErr, os.ErrNotExist) {
			err = errors.Join(err, removeErr)
		}
	}
	return err
}
