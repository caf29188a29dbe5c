// Package searchpath finds programs of the machine. PATH alone does not suffice:
// `su` without `-` keeps a plain user's PATH, which lacks the folders of the
// administrator's programs, such as iptables.
package searchpath

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// systemFolders are where distributions and administrators put programs.
var systemFolders = []string{"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"}

// Complete returns a PATH with the missing system folders appended.
func Complete(path string) string {
	folders := filepath.SplitList(path)
	for _, folder := range systemFolders {
		if !slices.Contains(folders, folder) {
			folders = append(folders, folder)
		}
	}
	return strings.Join(folders, string(filepath.ListSeparator))
}

// Look returns the path of a program. Its error is exec.ErrNotFound when there
// is none.
func Look(name string) (string, error) { return lookIn(Complete(os.Getenv("PATH")), name) }

func lookIn(path, name string) (string, error) {
	for _, folder := range filepath.SplitList(path) {
		if !filepath.IsAbs(folder) {
			// Like os/exec, it does not search the working folder.
			continue
		}
		if found, err := exec.LookPath(filepath.Join(folder, name)); err == nil {
			return found, nil
		}
	}
	return "", fmt.Errorf("%s: %w, in none of %s", name, exec.ErrNotFound, path)
}
