package agent

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"

	"github.com/gopherlocks/gopherlocks/operator/internal/agentapi"
)

// writeFirst writes what the user's commands may look at and change before the
// broker reads it: its configuration, and R, which every rank reads when its broker
// starts. What the lead's R says is what counts.
// Source: src/modules/resource/resource.c of flux-core 0.88, whose module ends, and
// the broker with it, when there is no file.
func writeFirst(cfg agentapi.Config, p paths, resources []byte) error {
	for _, folder := range []string{p.runDir, p.brokerConfigDir} {
		if err := os.MkdirAll(folder, 0o700); err != nil {
			return err
		}
	}
	if err := writeAtomically(p.resource, bytes.NewReader(resources), 0o644); err != nil {
		return err
	}
	return writeAtomically(p.brokerConfig(), bytes.NewBufferString(cfg.BrokerConfig), 0o644)
}

// writeLast writes what else the broker needs, in folders that the user's commands
// may have mounted.
func writeLast(cfg agentapi.Config, p paths, lead bool) error {
	curve, err := os.ReadFile(p.secretCurve)
	if err != nil {
		return fmt.Errorf("%w: the operator mounts the MiniCluster's Secret there", err)
	}
	if err := writeAtomically(p.usedCurve, bytes.NewReader(curve), 0o600); err != nil {
		return err
	}
	// On each rank, since jobs write there wherever they run.
	if err := os.MkdirAll(logsFolder(cfg), 0o755); err != nil && cfg.Logs != "" {
		return fmt.Errorf("containers[].logs: %w", err)
	}
	if !lead {
		return nil
	}
	// A folder that the broker makes itself it also removes.
	if cfg.StateDir != "" {
		if err := os.MkdirAll(cfg.StateDir, 0o700); err != nil {
			return fmt.Errorf("flux.stateDir: %w", err)
		}
	}
	if cfg.ArchivePath != "" {
		if err := os.MkdirAll(filepath.Dir(cfg.ArchivePath), 0o755); err != nil {
			return fmt.Errorf("archive.path: %w", err)
		}
	}
	return nil
}
