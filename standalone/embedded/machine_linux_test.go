package embedded

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gopherlocks/gopherlocks/standalone/internal/cgroup"
	"github.com/gopherlocks/gopherlocks/tests/processes"
)

// snapshot is what a cluster may leave behind on the machine.
type snapshot struct {
	Processes, Mounts, Interfaces, Rules, Cgroups, Files []string
	Sysctls                                              map[string]string
}

func takeSnapshot(t *testing.T) snapshot {
	t.Helper()
	return snapshot{
		Processes:  listNamespacedProcesses(t),
		Mounts:     listLines(t, "/proc/self/mounts"),
		Interfaces: listGlob(t, "/sys/class/net/*"),
		Rules:      listRules(t),
		Cgroups:    listCgroups(t),
		Files:      slices.Concat(listGlob(t, DefaultStateRoot+"*"), listGlob(t, DefaultStateRoot+"/*"), listGlob(t, "/run/gopherlocks*"), listGlob(t, "/run/netns/*"), listGlob(t, "/opt/c*"), listGlob(t, "/var/log/pods/*"), listGlob(t, "/var/lib/kubelet*"), listGlob(t, "/var/lib/cni*")),
		Sysctls:    readSysctls(t),
	}
}

func (s snapshot) requireSame(t *testing.T, before snapshot) {
	t.Helper()
	if diff := cmp.Diff(before, s); diff != "" {
		t.Errorf("the machine is not as it was before (-before +after):\n%s", diff)
	}
}

// listNamespacedProcesses lists processes in other PID namespaces than the test's, but
// for those of other tests. The machine's own processes come and go at any time.
func listNamespacedProcesses(t *testing.T) []string {
	own, err := os.Readlink("/proc/self/ns/pid")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, folder := range listGlob(t, "/proc/[0-9]*") {
		namespace, err := os.Readlink(folder + "/ns/pid")
		if err != nil || namespace == own {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(folder))
		if err != nil {
			t.Fatal(err)
		}
		if name, err := os.ReadFile(folder + "/comm"); err == nil && !processes.OfOtherTest(pid) {
			found = append(found, fmt.Sprintf("%d %s", pid, strings.TrimSpace(string(name))))
		}
	}
	return found
}

// listRules leaves out the policies of built-in chains: iptables lists them only
// after it was asked for a table once.
func listRules(t *testing.T) []string {
	output, err := exec.Command("iptables-save").Output()
	if err != nil {
		t.Fatal(err)
	}
	var rules []string
	for line := range strings.SplitSeq(string(output), "\n") {
		builtIn := strings.HasPrefix(line, ":") && !strings.Contains(line, " - ")
		if line != "" && !builtIn && !strings.HasPrefix(line, "#") && !strings.HasPrefix(line, "*") && line != "COMMIT" {
			rules = append(rules, line)
		}
	}
	return rules
}

func listCgroups(t *testing.T) []string {
	hierarchies, err := cgroup.Hierarchies()
	if err != nil {
		t.Fatal(err)
	}
	var groups []string
	for _, hierarchy := range hierarchies {
		for _, path := range listGlob(t, hierarchy.Mount+"/*") {
			if info, err := os.Stat(path); err == nil && info.IsDir() {
				groups = append(groups, path)
			}
		}
	}
	return groups
}

func readSysctls(t *testing.T) map[string]string {
	values := map[string]string{}
	for _, path := range []string{
		"vm/overcommit_memory", "vm/panic_on_oom", "kernel/panic", "kernel/panic_on_oops",
		"kernel/keys/root_maxkeys", "kernel/keys/root_maxbytes", "net/ipv4/ip_forward",
	} {
		data, err := os.ReadFile("/proc/sys/" + path)
		if err != nil {
			t.Fatal(err)
		}
		values[path] = strings.TrimSpace(string(data))
	}
	return values
}

func listLines(t *testing.T, path string) []string {
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(string(data), "\n")
}

func listGlob(t *testing.T, pattern string) []string {
	paths, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	return paths
}
