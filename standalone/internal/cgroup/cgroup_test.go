package cgroup

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	version1 = `24 21 0:20 / /sys/fs/cgroup rw,relatime shared:7 - tmpfs tmpfs rw,mode=755
25 24 0:21 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:8 - cgroup cgroup rw,cpu,cpuacct
26 24 0:22 / /sys/fs/cgroup/cpuset rw,relatime shared:9 - cgroup cgroup rw,cpuset
27 24 0:23 / /sys/fs/cgroup/systemd rw,relatime shared:10 - cgroup cgroup rw,name=systemd
28 24 0:24 / /sys/fs/cgroup/unified rw,relatime shared:11 - cgroup2 cgroup2 rw
29 24 0:22 / /mnt/cpuset rw,relatime shared:9 - cgroup cgroup rw,cpuset
30 24 0:23 /docker/1 /mnt/part rw,relatime shared:9 - cgroup cgroup rw,name=systemd
`
	version2 = `30 24 0:26 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime shared:4 - cgroup2 cgroup2 rw,nsdelegate
`
)

func TestParseMountsFindsEachHierarchyOnce(t *testing.T) {
	want := []Hierarchy{
		{Mount: "/sys/fs/cgroup/cpu,cpuacct", Controllers: []string{"cpu", "cpuacct"}},
		{Mount: "/sys/fs/cgroup/cpuset", Controllers: []string{"cpuset"}},
		{Mount: "/sys/fs/cgroup/systemd", Controllers: []string{"name=systemd"}},
		{Mount: "/sys/fs/cgroup/unified", Unified: true},
	}
	if diff := cmp.Diff(want, ParseMounts([]byte(version1))); diff != "" {
		t.Errorf("version 1 beside 2 (-want +got):\n%s", diff)
	}
	want = []Hierarchy{{Mount: "/sys/fs/cgroup", Unified: true}}
	if diff := cmp.Diff(want, ParseMounts([]byte(version2))); diff != "" {
		t.Errorf("version 2 (-want +got):\n%s", diff)
	}
}

func TestIsUnifiedGoesByTheRootMount(t *testing.T) {
	if IsUnified(ParseMounts([]byte(version1))) || !IsUnified(ParseMounts([]byte(version2))) {
		t.Error("a mount of version 2 beside those of version 1 does not count, and one in their place does")
	}
}

func TestMissingControllersLooksInAllHierarchies(t *testing.T) {
	got := MissingControllers([]Hierarchy{{Controllers: []string{"cpu"}}, {Controllers: []string{"memory"}}})
	if !slices.Equal(got, []string{"cpuset", "pids"}) {
		t.Errorf("missing are %v", got)
	}
}

// TestBranchOfVersion2HandsControllersDown uses plain folders: what the kernel fills is written by
// the test.
func TestBranchOfVersion2HandsControllersDown(t *testing.T) {
	mount := t.TempDir()
	write(t, filepath.Join(mount, "cgroup.controllers"), "cpu memory\n")
	write(t, filepath.Join(mount, "cgroup.subtree_control"), "cpu\n")
	branch := filepath.Join(mount, "branch")
	if err := os.Mkdir(branch, 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(branch, "cgroup.controllers"), "memory\n")
	write(t, filepath.Join(branch, "cgroup.subtree_control"), "")
	hierarchy := Hierarchy{Mount: mount, Unified: true}
	if err := NewBranch([]Hierarchy{hierarchy}, "branch").Create(); err != nil {
		t.Fatal(err)
	}
	for _, folder := range []string{mount, branch} {
		if got := read(t, filepath.Join(folder, "cgroup.subtree_control")); got != "+memory" {
			t.Errorf("%s: written was %q", folder, got)
		}
	}
}

func TestBranchOfVersion1CopiesCpuset(t *testing.T) {
	mount := t.TempDir()
	write(t, filepath.Join(mount, "cpuset.cpus"), "0-1\n")
	write(t, filepath.Join(mount, "cpuset.mems"), "0\n")
	hierarchy := Hierarchy{Mount: mount, Controllers: []string{"cpuset"}}
	if err := NewBranch([]Hierarchy{hierarchy}, "branch").Create(); err != nil {
		t.Fatal(err)
	}
	if got := read(t, filepath.Join(mount, "branch", supervisorLeaf, "cpuset.cpus")); got != "0-1\n" {
		t.Errorf("the processors of the leaf are %q", got)
	}
}

func TestRemoveOfWhatIsNotThereIsNoError(t *testing.T) {
	if err := NewBranch([]Hierarchy{{Mount: t.TempDir()}}, "branch").Remove(); err != nil {
		t.Error(err)
	}
}

func TestProcessesAndRemoveReachNestedGroups(t *testing.T) {
	mount := t.TempDir()
	nested := filepath.Join(mount, "branch", "kubepods", "pod1")
	if err := os.MkdirAll(nested, 0o755); err != nil {
		t.Fatal(err)
	}
	branch := NewBranch([]Hierarchy{{Mount: mount}}, "branch")
	write(t, filepath.Join(nested, "cgroup.procs"), "12\n13\n")
	pids, err := branch.Processes()
	if err != nil || !slices.Equal(pids, []int{12, 13}) {
		t.Errorf("processes are %v, error %v", pids, err)
	}
	// In the kernel's file system these files do not keep a folder from being removed.
	if err := os.Remove(filepath.Join(nested, "cgroup.procs")); err != nil {
		t.Fatal(err)
	}
	if err := branch.Remove(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(mount, "branch")); !os.IsNotExist(err) {
		t.Errorf("the branch is still there: %v", err)
	}
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
