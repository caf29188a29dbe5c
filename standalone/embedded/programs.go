package embedded

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/gopherlocks/gopherlocks/standalone/internal/state"
)

// Programs are the files that Spec.BinDir must have. One file "kubernetes" may
// replace all that begin with "kube": its name when called then chooses the
// program.
var Programs = []string{
	"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy", "coredns", pauseProgram,
}

const (
	pauseProgram = "pause"
	// multiCallProgram is called by several names.
	multiCallProgram = "kubernetes"
	// nodeProgram is the installed copy of this program that runs as supervisor.
	nodeProgram = "gopherlocks-node"
)

// findPrograms returns the real files of Programs in binDir by program, and the
// names of those that are missing.
func findPrograms(binDir string) (found map[string]string, missing []string) {
	found = map[string]string{}
	for _, name := range Programs {
		candidates := []string{name}
		if name[:4] == "kube" {
			candidates = append(candidates, multiCallProgram)
		}
		for _, candidate := range candidates {
			if path, err := filepath.EvalSymlinks(filepath.Join(binDir, candidate)); err == nil {
				found[name] = path
				break
			}
		}
		if found[name] == "" {
			missing = append(missing, name)
		}
	}
	return found, missing
}

// installedName is the name that a program's file gets. It is the program's own, or
// the multi-call file's if the program is a link to one.
func installedName(program, path string) string {
	if base := filepath.Base(path); base == multiCallProgram {
		return base
	}
	return program
}

// installPrograms puts the programs of binDir, and this program itself, into
// the cluster's folder, and returns the SHA-256 of each file of binDir by its
// installed name.
func installPrograms(dir state.Dir, binDir string) (map[string]string, error) {
	found, missing := findPrograms(binDir)
	if len(missing) > 0 {
		return nil, fmt.Errorf("programs missing in %s: %v", binDir, missing)
	}
	if err := os.MkdirAll(dir.Bin(), 0o755); err != nil {
		return nil, fmt.Errorf("making the folder of programs: %w", err)
	}
	digests := map[string]string{}
	for program, source := range found {
		name := installedName(program, source)
		if _, done := digests[name]; !done {
			digest, err := hashFile(source)
			if err != nil {
				return nil, err
			}
			if err := placeFile(source, filepath.Join(dir.Bin(), name)); err != nil {
				return nil, err
			}
			digests[name] = digest
		}
		if name != program {
			link := func(path string) error { return os.Symlink(name, path) }
			if err := replace(filepath.Join(dir.Bin(), program), link); err != nil {
				return nil, err
			}
		}
	}
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("finding this program's file: %w", err)
	}
	return digests, placeFile(self, filepath.Join(dir.Bin(), nodeProgram))
}

// programsChanged compares content. It does not read a file that is still the same
// as the linked one.
func programsChanged(dir state.Dir, binDir string) (bool, error) {
	record, err := state.Load(dir)
	if err != nil {
		return false, err
	}
	found, missing := findPrograms(binDir)
	if len(missing) > 0 {
		return false, fmt.Errorf("programs missing in %s: %v", binDir, missing)
	}
	checked := map[string]bool{}
	for program, source := range found {
		name := installedName(program, source)
		if checked[name] {
			continue
		}
		checked[name] = true
		if isSameFile(source, filepath.Join(dir.Bin(), name)) {
			continue
		}
		digest, err := hashFile(source)
		if err != nil {
			return false, err
		}
		if digest != record.Binaries[name] {
			return true, nil
		}
	}
	return len(checked) != len(record.Binaries), nil
}

// placeFile links source to target, or copies it where it can't be linked.
func placeFile(source, target string) error {
	if isSameFile(source, target) {
		return nil
	}
	return replace(target, func(path string) error {
		if os.Link(source, path) == nil {
			return nil
		}
		return copyFile(source, path)
	})
}

// replace lets build make a file and replaces target by it in one step. Programs
// that run from an old file keep it.
func replace(target string, build func(path string) error) error {
	temporary := target + ".new"
	err := os.Remove(temporary)
	if err == nil || errors.Is(err, os.ErrNotExist) {
		err = build(temporary)
	}
	if err == nil {
		err = os.Rename(temporary, target)
	}
	if err != nil {
		return fmt.Errorf("installing %s: %w", target, err)
	}
	return nil
}

// copyFile shares the blocks of the file where the file system can: io.Copy
// between files is copy_file_range(2).
func copyFile(source, target string) error {
	in, err := os.Open(source)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(target, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

func isSameFile(a, b string) bool {
	infoA, errA := os.Stat(a)
	infoB, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(infoA, infoB)
}

func hashFile(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("hashing a program: %w", err)
	}
	defer file.Close()
	hash := sha256.New()
	if _, err := io.Copy(hash, file); err != nil {
		return "", fmt.Errorf("hashing %s: %w", path, err)
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}
