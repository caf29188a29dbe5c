package node

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/gopherlocks/gopherlocks/standalone/internal/nodeconfig"
	"github.com/gopherlocks/gopherlocks/standalone/internal/state"
)

// ownFolders are folders that containerd, kubelet and the CNI plugins write to at
// fixed paths. Inside the node, folders of the state are mounted there.
var ownFolders = []struct{ target, source string }{
	{"/var/lib", "var-lib"},
	{"/var/log", "var-log"},
}

// enterMounts makes the file system that the node sees: the machine's, with
// /proc, /run, /var/lib and /var/log of its own. The state folder stays where
// it is, whether or not it is in one of these.
func enterMounts(dir state.Dir) error {
	// Nothing that the node mounts may show up on the machine.
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("making mounts private: %w", err)
	}
	resolver, resolverErr := filepath.EvalSymlinks("/etc/resolv.conf")
	// The folders are opened before the first mount, which may hide the state
	// folder.
	moves, err := openFolders(dir)
	if err != nil {
		return err
	}
	const safe = unix.MS_NOSUID | unix.MS_NODEV
	if err := unix.Mount("proc", "/proc", "proc", safe|unix.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("mounting /proc: %w", err)
	}
	if err := unix.Mount("tmpfs", "/run", "tmpfs", safe, "mode=755"); err != nil {
		return fmt.Errorf("mounting /run: %w", err)
	}
	// The state folder may be in /run, which is empty now.
	if err := os.MkdirAll(string(dir), 0o755); err != nil {
		return fmt.Errorf("making %s inside the node: %w", dir, err)
	}
	for _, move := range moves {
		defer unix.Close(move.tree)
		if err := unix.MoveMount(move.tree, "", unix.AT_FDCWD, move.target, unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
			return fmt.Errorf("mounting %s inside the node: %w", move.target, err)
		}
	}
	if resolverErr == nil {
		if err := bindResolver(dir, resolver); err != nil {
			return err
		}
	}
	// Shared among the node's own containers only: volumes with mount
	// propagation need it.
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_SHARED, ""); err != nil {
		return fmt.Errorf("making mounts shared within the node: %w", err)
	}
	return nil
}

// move is a folder that will be mounted at target.
type move struct {
	tree   int
	target string
}

// openFolders opens the folders to mount, in the order of their mounts. The state
// folder comes last, since it may be inside another.
func openFolders(dir state.Dir) ([]move, error) {
	var moves []move
	open := func(source, target string) error {
		tree, err := unix.OpenTree(unix.AT_FDCWD, source, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
		if err != nil {
			return fmt.Errorf("taking hold of %s (this needs Linux 5.2 or later): %w", source, err)
		}
		moves = append(moves, move{tree, target})
		return nil
	}
	for _, folder := range ownFolders {
		source := dir.Path(folder.source)
		// The path of the state folder must exist in it to be mounted on.
		inside := source
		if rest, ok := strings.CutPrefix(string(dir), folder.target+"/"); ok {
			inside = filepath.Join(source, rest)
		}
		if err := os.MkdirAll(inside, 0o755); err != nil {
			return nil, fmt.Errorf("making %s: %w", inside, err)
		}
		if err := open(source, folder.target); err != nil {
			return nil, err
		}
	}
	return moves, open(string(dir), string(dir))
}

// bindResolver replaces the machine's resolv.conf, which may name a server on the
// machine's loopback. With systemd it is a link into /run, which is empty inside
// the node.
func bindResolver(dir state.Dir, target string) error {
	if _, err := os.Stat(target); errors.Is(err, os.ErrNotExist) {
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			return fmt.Errorf("making the folder of resolv.conf: %w", err)
		}
		if err := os.WriteFile(target, nil, 0o644); err != nil {
			return fmt.Errorf("making resolv.conf: %w", err)
		}
	}
	source := filepath.Join(dir.Config(), nodeconfig.ResolvFile)
	if err := unix.Mount(source, target, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("mounting %s on %s: %w", source, target, err)
	}
	return nil
}
