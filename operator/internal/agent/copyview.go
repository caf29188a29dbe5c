package agent

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
)

// copyView copies the view v of this image below mount, as mountedLinks and
// mountedSoftware name it. Links, modes and hard links stay what they are.
func copyView(v view, mount string) error {
	links, err := filepath.EvalSymlinks(v.links)
	if err != nil {
		return fmt.Errorf("this image is no view of Flux: %w", err)
	}
	if err := copyTree(links, mountedLinks(mount)); err != nil {
		return err
	}
	for _, folder := range upstreamFolders(mount) {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return err
		}
		// The rank may be another user.
		if err := os.Chmod(folder, 0o777); err != nil {
			return err
		}
	}
	if !exists(v.software) {
		return nil
	}
	return copyTree(v.software, mountedSoftware(mount))
}

// inode tells files with several names apart from equal ones.
type inode struct{ device, number uint64 }

// treeCopy is a copy under way. Folders, links and names of files are made in the
// order of the walk; only the content of files is copied by several at once.
type treeCopy struct {
	source, target string
	folders        []folderMode
	first          map[inode]string // the first name of a file with several
	files          chan fileCopy
}

type folderMode struct {
	path string
	mode fs.FileMode
}

type fileCopy struct {
	source, target string
	mode           fs.FileMode
}

func copyTree(source, target string) error {
	c := treeCopy{source: source, target: target, first: map[inode]string{}, files: make(chan fileCopy)}
	var group sync.WaitGroup
	// More than CPUs, since reading an image's layers mostly waits.
	failures := make([]error, 4*runtime.NumCPU())
	for i := range failures {
		group.Go(func() {
			for f := range c.files {
				if failures[i] == nil {
					failures[i] = copyFile(f)
				}
			}
		})
	}
	err := filepath.WalkDir(source, c.visit)
	close(c.files)
	group.Wait()
	// Modes of folders last: one without write permission is filled first.
	for _, folder := range c.folders {
		err = errors.Join(err, os.Chmod(folder.path, folder.mode))
	}
	return errors.Join(append(failures, err)...)
}

func (c *treeCopy) visit(path string, entry fs.DirEntry, err error) error {
	if err != nil {
		return err
	}
	relative, err := filepath.Rel(c.source, path)
	if err != nil {
		return err
	}
	target := filepath.Join(c.target, relative)
	info, err := entry.Info()
	if err != nil {
		return err
	}
	mode := info.Mode() & (fs.ModePerm | fs.ModeSetuid | fs.ModeSetgid | fs.ModeSticky)
	switch {
	case info.IsDir():
		c.folders = append(c.folders, folderMode{target, mode})
		return os.MkdirAll(target, 0o700)
	case info.Mode()&fs.ModeSymlink != 0:
		to, err := os.Readlink(path)
		if err != nil {
			return err
		}
		return replace(target, func() error { return os.Symlink(to, target) })
	case !info.Mode().IsRegular():
		return nil // a socket or device has no meaning in a copy
	}
	if status, ok := info.Sys().(*syscall.Stat_t); ok && status.Nlink > 1 {
		id := inode{uint64(status.Dev), status.Ino} //nolint:unconvert // Of another type on other architectures.
		if first, seen := c.first[id]; seen {
			return replace(target, func() error { return os.Link(first, target) })
		}
		c.first[id] = target
	}
	// The file is made here, so that a further name of it can be made at once.
	if err := replace(target, func() error { return createEmpty(target) }); err != nil {
		return err
	}
	c.files <- fileCopy{path, target, mode}
	return nil
}

// replace makes target anew where an interrupted copy has left it.
func replace(target string, make func() error) error {
	if err := os.Remove(target); err != nil && !os.IsNotExist(err) {
		return err
	}
	return make()
}

func createEmpty(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

func copyFile(f fileCopy) (err error) {
	in, err := os.Open(f.source)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(f.target, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	if err == nil {
		err = out.Chmod(f.mode)
	}
	return errors.Join(err, out.Close())
}
