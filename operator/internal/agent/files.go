package agent

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"

	"github.com/gopherlocks/gopherlocks/operator/internal/agentapi"
)

// writeFiles writes what the broker of a rank reads. resources is R, which every
// rank reads when its broker starts; what the lead's says is what counts.
// Source: src/modules/resource/resource.c of flux-core 0.88, whose module ends, and
// the broker with it, when there is no file.
func writeFiles(cfg agentapi.Config, p paths, lead bool, resources []byte) error {
	for _, folder := range []string{p.runDir, p.brokerConfigDir} {
		if err := os.MkdirAll(folder, 0o700); err != nil {
			return err
		}
	}
	curve, err := os.ReadFile(p.secretCurve)
	if err != nil {
		return fmt.Errorf("%w: the operator mounts the MiniCluster's Secret there; a rank that does not run as root needs pod.securityContext.fsGroup", err)
	}
	if err := writeAtomically(p.usedCurve, bytes.NewReader(curve), 0o600); err != nil {
		return err
	}
	if err := writeAtomically(p.resource, bytes.NewReader(resources), 0o644); err != nil {
		return err
	}
	if lead {
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
	}
	return writeAtomically(filepath.Join(p.brokerConfigDir, "broker.toml"), bytes.NewBufferString(cfg.BrokerConfig), 0o644)
}
