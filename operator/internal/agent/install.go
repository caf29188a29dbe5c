package agent

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// install copies this program to target, at once: a target that exists is always
// a whole program.
func install(target string) error {
	source, err := os.Executable()
	if err != nil {
		return fmt.Errorf("finding this program: %w", err)
	}
	in, err := os.Open(source)
	if err != nil {
		return err
	}
	defer in.Close()
	return writeAtomically(target, in, 0o755)
}

// writeAtomically makes target with exactly mode, whatever the umask.
func writeAtomically(target string, content io.Reader, mode os.FileMode) (err error) {
	out, err := os.CreateTemp(filepath.Dir(target), "."+filepath.Base(target)+"-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(out.Name())
		}
	}()
	_, err = io.Copy(out, content)
	if err == nil {
		err = out.Chmod(mode)
	}
	if closeErr := out.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return fmt.Errorf("writing %s: %w", target, err)
	}
	return os.Rename(out.Name(), target)
}
