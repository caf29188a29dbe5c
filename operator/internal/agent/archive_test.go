package agent

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/gopherlocks/gopherlocks/operator/internal/agentapi"
)

func TestCutOffDumpTakesNoArchivesPlace(t *testing.T) {
	root := testRoot(t)
	archive := filepath.Join(root, "archives", "state.tgz")
	must(t, os.MkdirAll(filepath.Dir(archive), 0o700))
	must(t, os.WriteFile(archive, []byte("good"), 0o600))
	must(t, os.WriteFile(newArchive(archive), []byte("cut o"), 0o600)) // of a lead that was killed
	// This one's broker ends before it would dump.
	launch(t, root, 0, func(c *agentapi.Config) { c.BrokerConfig, c.ArchivePath = refusedTOML, archive }).wait()
	if text, err := os.ReadFile(archive); err != nil || string(text) != "good" {
		t.Errorf("archive: %q, %v", text, err)
	}
}

// dumped is a dump as Flux makes it, of some 4 kB.
func dumped(t *testing.T, compressed bool) []byte {
	t.Helper()
	var plain, packed bytes.Buffer
	writer := tar.NewWriter(&plain)
	content := make([]byte, 4<<10) // which no compression shortens
	_, err := rand.NewChaCha8([32]byte{1}).Read(content)
	must(t, err)
	must(t, writer.WriteHeader(&tar.Header{Name: "checkpoint", Mode: 0o600, Size: int64(len(content)), Format: tar.FormatPAX}))
	_, err = writer.Write(content)
	must(t, err)
	must(t, writer.Close())
	if !compressed {
		return plain.Bytes()
	}
	compressor := gzip.NewWriter(&packed)
	_, err = compressor.Write(plain.Bytes())
	must(t, err)
	must(t, compressor.Close())
	return packed.Bytes()
}

func TestOnlyCompleteDumpTakesTheArchivesPlace(t *testing.T) {
	archive := filepath.Join(t.TempDir(), "state")
	keep := func(dump []byte) (string, error) {
		must(t, os.WriteFile(archive, []byte("good"), 0o600))
		must(t, os.WriteFile(newArchive(archive), dump, 0o600))
		err := keepArchive(archive)
		text, readErr := os.ReadFile(archive)
		must(t, readErr)
		return string(text), err
	}
	for _, compressed := range []bool{false, true} {
		dump := dumped(t, compressed)
		if now, err := keep(dump); err != nil || now != string(dump) {
			t.Errorf("compressed %v: a complete dump is not kept: %v", compressed, err)
		}
		for cut := range dump {
			if 0 < cut && cut < tarMagicStart+len(tarMagic) {
				continue // No file system is full after so little.
			}
			if now, err := keep(dump[:cut]); err == nil || now != "good" {
				t.Fatalf("compressed %v: of %d bytes the first %d are taken for all", compressed, len(dump), cut)
			}
		}
	}
	if now, err := keep([]byte("\xfd7zXZ\x00")); err != nil || !strings.HasPrefix(now, "\xfd7zXZ") {
		t.Errorf("a compression that is not known here: %v", err)
	}
}

func TestRestoreNeverDiscardsState(t *testing.T) {
	folder := t.TempDir()
	archive, state := filepath.Join(folder, "a.tgz"), filepath.Join(folder, "state")
	must(t, os.Mkdir(state, 0o755))
	check := func(what string, cfg agentapi.Config, want bool) {
		t.Helper()
		if got := mustRestore(cfg); got != want {
			t.Errorf("%s: restore %v, want %v", what, got, want)
		}
	}
	cfg := agentapi.Config{ArchivePath: archive, StateDir: state}
	check("no archive yet", cfg, false)
	must(t, os.WriteFile(archive, nil, 0o600))
	check("archive, empty state", cfg, true)
	check("archive, no state folder", agentapi.Config{ArchivePath: archive}, true)
	must(t, os.WriteFile(filepath.Join(state, "content.sqlite"), nil, 0o600))
	check("archive and state", cfg, false)
	check("state only", agentapi.Config{StateDir: state}, false)
}

func TestArchiveIsRestoredAndWritten(t *testing.T) {
	root := testRoot(t)
	archive := filepath.Join(root, "archives", "state.tgz")
	change := func(c *agentapi.Config) { c.Command, c.ArchivePath = "true", archive }
	if exit, _ := launch(t, root, 0, change).wait(); exit != 0 {
		t.Fatalf("exit code %d", exit)
	}
	if text, err := os.ReadFile(archive); err != nil || string(text) != "dump" {
		t.Fatalf("archive: %q, %v", text, err)
	}
	if strings.Contains(readInstance("starts"), "content.restore") {
		t.Error("restored from an archive that was not there")
	}
	l := launch(t, root, 0, func(c *agentapi.Config) {
		change(c)
		c.Mode = agentapi.ModeInteractive
		c.Command = ""
	})
	l.until("start of the queues", func() bool { return readInstance("queue") == "started" })
	l.stops <- syscall.SIGTERM
	l.wait()
	if !strings.Contains(readInstance("starts"), "-Scontent.restore="+archive) {
		t.Errorf("not restored: %s", readInstance("starts"))
	}
}
