package embedded

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/gopherlocks/gopherlocks/provider/atomicfile"
	"github.com/gopherlocks/gopherlocks/provider/kubeconfig"
	"github.com/gopherlocks/gopherlocks/standalone/internal/nodeconfig"
	"github.com/gopherlocks/gopherlocks/standalone/internal/state"
)

// writeKubeconfigCopy writes the administrator's kubeconfig to where the user
// wants a copy.
func writeKubeconfigCopy(dir state.Dir, record state.Record) error {
	if record.KubeconfigFile == "" {
		return nil
	}
	data, err := os.ReadFile(dir.AdminKubeconfig())
	if err != nil {
		return fmt.Errorf("reading the administrator's kubeconfig: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(record.KubeconfigFile), 0o755); err != nil {
		return fmt.Errorf("making the folder of the kubeconfig: %w", err)
	}
	if err := atomicfile.Write(record.KubeconfigFile, data); err != nil {
		return fmt.Errorf("writing the kubeconfig: %w", err)
	}
	return nil
}

// moveKubeconfigCopy notes where the copy of the kubeconfig belongs from now
// on, and removes it from where it was.
func moveKubeconfigCopy(record state.Record, path string) (state.Record, error) {
	if record.KubeconfigFile != path {
		if err := removeKubeconfigCopy(record); err != nil {
			return record, err
		}
	}
	record.KubeconfigFile = path
	return record, nil
}

func removeKubeconfigCopy(record state.Record) error {
	return kubeconfig.RemoveCopy(record.KubeconfigFile, nodeconfig.Cluster{Record: record}.ContextName())
}
