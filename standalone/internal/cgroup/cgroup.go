// Package cgroup gives each cluster a branch of its own in every control group
// hierarchy of the machine: version 1, version 2 and both side by side. All
// processes of a cluster are in its branch, so that they can be counted and the
// branch can be removed with the cluster.
package cgroup

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// Hierarchy is a mounted control group hierarchy.
type Hierarchy struct {
	// Mount is where its root is mounted.
	Mount string
	// Controllers are attached to it. For version 1 the mount's options tell them,
	// for version 2 its root.
	Controllers []string
	// Unified is true for version 2.
	Unified bool
}

// Required are the controllers that kubelet needs (pkg/kubelet/cm,
// getSupportedSubsystems and the check for version 2).
var Required = []string{"cpu", "cpuset", "memory", "pids"}

// ParseMounts returns the hierarchies in the text of /proc/self/mountinfo,
// whose format is in proc(5). Only mounts of a hierarchy's root count.
func ParseMounts(mountinfo []byte) []Hierarchy {
	var found []Hierarchy
	seen := map[string]bool{}
	lines := bufio.NewScanner(bytes.NewReader(mountinfo))
	for lines.Scan() {
		before, after, ok := strings.Cut(lines.Text(), " - ")
		fields, tail := strings.Fields(before), strings.Fields(after)
		if !ok || len(fields) < 5 || len(tail) < 3 || fields[3] != "/" {
			continue
		}
		hierarchy := Hierarchy{Mount: fields[4], Unified: tail[0] == "cgroup2"}
		if !hierarchy.Unified && tail[0] != "cgroup" {
			continue
		}
		if !hierarchy.Unified {
			for option := range strings.SplitSeq(tail[2], ",") {
				if option != "rw" && option != "ro" {
					hierarchy.Controllers = append(hierarchy.Controllers, option)
				}
			}
		}
		// A hierarchy may be mounted at several places; the device tells.
		if device := fields[2]; !seen[device] {
			seen[device] = true
			found = append(found, hierarchy)
		}
	}
	return found
}

// IsUnified says whether the machine counts as version 2. Programs that know only
// one version look at what is mounted at /sys/fs/cgroup, and so does this.
func IsUnified(hierarchies []Hierarchy) bool {
	return slices.ContainsFunc(hierarchies, func(h Hierarchy) bool { return h.Unified && h.Mount == "/sys/fs/cgroup" })
}

// Hierarchies returns the hierarchies that this process sees.
func Hierarchies() ([]Hierarchy, error) {
	mountinfo, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, fmt.Errorf("listing control group hierarchies: %w", err)
	}
	hierarchies := ParseMounts(mountinfo)
	for i, hierarchy := range hierarchies {
		if !hierarchy.Unified {
			continue
		}
		data, err := os.ReadFile(filepath.Join(hierarchy.Mount, "cgroup.controllers"))
		if err != nil {
			return nil, fmt.Errorf("listing controllers: %w", err)
		}
		hierarchies[i].Controllers = strings.Fields(string(data))
	}
	return hierarchies, nil
}

// MissingControllers returns those of Required that no hierarchy has.
func MissingControllers(hierarchies []Hierarchy) []string {
	var missing []string
	for _, controller := range Required {
		if !slices.ContainsFunc(hierarchies, func(h Hierarchy) bool { return slices.Contains(h.Controllers, controller) }) {
			missing = append(missing, controller)
		}
	}
	return missing
}

// Branch is the part of all hierarchies that belongs to one cluster.
type Branch struct {
	hierarchies []Hierarchy
	name        string
}

// supervisorLeaf is where the node's own processes are. A branch of version 2
// can't hold processes itself once its controllers are given to children.
const supervisorLeaf = "node"

// Name returns the name of the branch of a cluster. Two clusters of one name in
// different state folders are told apart by key.
func Name(cluster, key string) string { return "gopherlocks-" + cluster + "-" + key }

// NewBranch returns the branch of a name; nothing is made yet.
func NewBranch(hierarchies []Hierarchy, name string) Branch {
	return Branch{hierarchies: hierarchies, name: name}
}

// Create makes the branch with room for the node's processes.
func (b Branch) Create() error {
	for _, hierarchy := range b.hierarchies {
		folder := filepath.Join(hierarchy.Mount, b.name)
		for _, path := range []string{folder, filepath.Join(folder, supervisorLeaf)} {
			if err := os.Mkdir(path, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
				return fmt.Errorf("making control group: %w", err)
			}
			if err := prepare(hierarchy, path); err != nil {
				return fmt.Errorf("preparing control group %s: %w", path, err)
			}
		}
	}
	return nil
}

// prepare makes a new group usable. In version 2 a group has only the controllers
// that its parent hands down. In version 1 a cpuset starts empty, and takes no
// process until it has processors and memory.
func prepare(hierarchy Hierarchy, path string) error {
	parent := filepath.Dir(path)
	if hierarchy.Unified {
		return enableControllers(parent)
	}
	if !slices.Contains(hierarchy.Controllers, "cpuset") {
		return nil
	}
	for _, file := range []string{"cpuset.cpus", "cpuset.mems"} {
		data, err := os.ReadFile(filepath.Join(parent, file))
		if err == nil {
			err = os.WriteFile(filepath.Join(path, file), data, 0)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// enableControllers hands all controllers of a group to its children. It skips one
// that can't be handed down, such as cpu beside realtime processes. kubelet
// complains if it needs it.
func enableControllers(path string) error {
	data, err := os.ReadFile(filepath.Join(path, "cgroup.controllers"))
	if err != nil {
		return err
	}
	enabled, err := os.ReadFile(filepath.Join(path, "cgroup.subtree_control"))
	if err != nil {
		return err
	}
	for _, controller := range strings.Fields(string(data)) {
		if slices.Contains(strings.Fields(string(enabled)), controller) {
			continue
		}
		err := os.WriteFile(filepath.Join(path, "cgroup.subtree_control"), []byte("+"+controller), 0)
		if err != nil && slices.Contains(Required, controller) {
			return fmt.Errorf("handing controller %s down: %w", controller, err)
		}
	}
	return nil
}

// Join moves the calling process into the branch; its children follow.
func (b Branch) Join() error {
	for _, hierarchy := range b.hierarchies {
		path := filepath.Join(hierarchy.Mount, b.name, supervisorLeaf, "cgroup.procs")
		// 0 is the writing process, in whatever PID namespace it is.
		if err := os.WriteFile(path, []byte("0"), 0); err != nil {
			return fmt.Errorf("joining control group: %w", err)
		}
	}
	return nil
}

// Processes returns the PIDs of all processes in the branch.
func (b Branch) Processes() ([]int, error) {
	var pids []int
	for _, hierarchy := range b.hierarchies {
		folders, err := listFolders(filepath.Join(hierarchy.Mount, b.name))
		if err != nil {
			return nil, err
		}
		for _, folder := range folders {
			data, err := os.ReadFile(filepath.Join(folder, "cgroup.procs"))
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return nil, fmt.Errorf("listing the processes of a control group: %w", err)
			}
			for field := range strings.FieldsSeq(string(data)) {
				if pid, err := strconv.Atoi(field); err == nil && !slices.Contains(pids, pid) {
					pids = append(pids, pid)
				}
			}
		}
	}
	return pids, nil
}

// Remove removes the branch, deepest groups first. While a group still has
// processes the error is syscall.EBUSY.
func (b Branch) Remove() error {
	var errs []error
	for _, hierarchy := range b.hierarchies {
		folders, err := listFolders(filepath.Join(hierarchy.Mount, b.name))
		errs = append(errs, err)
		for _, folder := range slices.Backward(folders) {
			if err := syscall.Rmdir(folder); err != nil && !errors.Is(err, fs.ErrNotExist) {
				errs = append(errs, fmt.Errorf("removing control group %s: %w", folder, err))
				break
			}
		}
	}
	return errors.Join(errs...)
}

// listFolders returns root and all folders below it, parents before children.
func listFolders(root string) ([]string, error) {
	var folders []string
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil && entry.IsDir() {
			folders = append(folders, path)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("listing control groups: %w", err)
	}
	return folders, nil
}
