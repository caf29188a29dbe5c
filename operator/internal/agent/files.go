package agent

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"

	"github.com/gopherlocks/gopherlocks/operator/internal/agentapi"
)

// writeFiles writes what the broker of a rank reads. resources is R, and only the
// lead has it: the other brokers are told by the lead.
// Source: src/modules/resource/inventory.c of flux-core, which reads a
// configured R on rank 0 only.
func writeFiles(cfg agentapi.Config, p paths, resources []byte) error {
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
	if resources != nil {
		if err := writeAtomically(p.resource, bytes.NewReader(resources), 0o644); err != nil {
			return err
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
	}
	return writeAtomically(filepath.Join(p.brokerConfigDir, "broker.toml"), bytes.NewBufferString(cfg.BrokerConfig), 0o644)
}
