package agent

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/gopherlocks/gopherlocks/operator/internal/agentapi"
)

// newArchive is where the lead dumps its state to: an archive that is cut off
// must not take the place of a good one. It keeps the extension, by which Flux
// chooses the compression. Source: flux-dump(1).
func newArchive(path string) string {
	return filepath.Join(filepath.Dir(path), ".new-"+filepath.Base(path))
}

// keepArchive gives a dump that is complete its name. The broker's exit code does not
// tell: it is that of other things, too.
func keepArchive(path string) error {
	err := checkDump(newArchive(path))
	switch {
	case os.IsNotExist(err):
		return nil // the broker ended before it came to that
	case err != nil:
		return fmt.Errorf("%s stays as it was, since the dump is not complete: %w", path, err)
	}
	return os.Rename(newArchive(path), path)
}

// A dump is a tar archive, compressed or not. Sources: flux-dump(1), tar(5), and RFC
// 1952 for gzip.
const (
	gzipMagic     = "\x1f\x8b"
	tarMagic      = "ustar"
	tarMagicStart = 257
	tarEnd        = 2 * 512 // bytes of zeros
)

// checkDump returns an error for a dump that was cut off, as on a full disk. One that
// is compressed otherwise than by gzip is taken at its word.
func checkDump(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	content := bufio.NewReader(file)
	head, err := content.Peek(tarMagicStart + len(tarMagic))
	switch {
	case len(head) == 0:
		return fmt.Errorf("reading %s: %w", path, err)
	case bytes.HasPrefix(head, []byte(gzipMagic)):
		var unpacked io.Reader
		if unpacked, err = gzip.NewReader(content); err == nil {
			_, err = io.Copy(io.Discard, unpacked)
		}
	case bytes.HasSuffix(head, []byte(tarMagic)):
		err = checkTarEnd(file)
	default:
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading %s: %w", path, err)
	}
	return nil
}

func checkTarEnd(file *os.File) error {
	if _, err := file.Seek(-tarEnd, io.SeekEnd); err != nil {
		return err
	}
	end, err := io.ReadAll(file)
	if err == nil && !bytes.Equal(end, make([]byte, tarEnd)) {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// mustRestore says whether the instance is to start from its archive. Restoring
// always discards what the state folder holds, so that it is only for a state
// folder without content.
func mustRestore(cfg agentapi.Config) bool {
	if cfg.ArchivePath == "" || !exists(cfg.ArchivePath) {
		return false
	}
	return cfg.StateDir == "" || !exists(filepath.Join(cfg.StateDir, "content.sqlite"))
}
