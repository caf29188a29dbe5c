package e2e

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/gopherlocks/gopherlocks/provider/containerengine"
	"github.com/gopherlocks/gopherlocks/tests/processes"
)

// machine is what a cluster could leave behind on the machine that it ran on.
type machine map[string][]string

// observeMachine lists processes, mounts, network interfaces, iptables rules,
// cgroups, settings of the kernel, the folders of clusters and of their engine.
func observeMachine(t testing.TB) machine {
	t.Helper()
	return machine{
		"processes":  clusterProcesses(t),
		"mounts":     lines(t, "/proc/self/mounts"),
		"interfaces": dirNames(t, "/sys/class/net"),
		"iptables":   rules(t),
		"cgroups":    cgroups(t),
		"folders":    append(dirNames(t, "/var/lib/gopherlocks"), existing(containerengine.OwnDir, "/lib/modules")...),
		"memories":   kindRecords(t),
		"sysctls":    sysctls(t),
	}
}

// existing are the paths that exist.
func existing(paths ...string) (found []string) {
	for _, path := range paths {
		if _, err := os.Stat(path); err == nil {
			found = append(found, path)
		}
	}
	return found
}

// kindRecords are the records of clusters of kind.
func kindRecords(t testing.TB) []string {
	t.Helper()
	state := os.Getenv("XDG_STATE_HOME")
	if state == "" {
		state = filepath.Join(os.Getenv("HOME"), ".local/state")
	}
	return slices.DeleteFunc(dirNames(t, filepath.Join(state, "gopherlocks/kind")), func(name string) bool {
		return strings.HasSuffix(name, ".lock") // it is empty, and locks a cluster during an operation
	})
}

// compare reports what is new on the machine, and what is gone.
func (before machine) compare(t testing.TB, after machine) {
	t.Helper()
	for kind, was := range before {
		for _, item := range after[kind] {
			if !slices.Contains(was, item) {
				t.Errorf("%s: left behind: %s", kind, item)
			}
		}
		for _, item := range was {
			if !slices.Contains(after[kind], item) {
				t.Errorf("%s: lost: %s", kind, item)
			}
		}
	}
}

// clusterProcesses are the command lines of the programs that a cluster is
// made of; other processes come and go.
func clusterProcesses(t testing.TB) []string {
	t.Helper()
	programs := []string{
		"etcd", "kube-", "kubelet", "coredns", "containerd", "runc", "gopherlocks", "pause", "metrics-server", "dockerd", "docker-",
	}
	var found []string
	commands, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range commands {
		content, err := os.ReadFile(file)
		if err != nil {
			continue // It has ended.
		}
		program := filepath.Base(string(content[:max(strings.IndexByte(string(content), 0), 0)]))
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if err != nil {
			t.Fatal(err)
		}
		isOfCluster := slices.ContainsFunc(programs, func(p string) bool { return strings.HasPrefix(program, p) })
		if isOfCluster && !processes.OfOtherTest(pid) {
			found = append(found, strings.ReplaceAll(string(content), "\x00", " "))
		}
	}
	return found
}

func lines(t testing.TB, path string) []string {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var found []string
	for scanner := bufio.NewScanner(file); scanner.Scan(); {
		found = append(found, scanner.Text())
	}
	return found
}

func dirNames(t testing.TB, path string) []string {
	t.Helper()
	entries, err := os.ReadDir(path)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	var names []string
	for _, entry := range entries {
		if !strings.HasPrefix(entry.Name(), ".") {
			names = append(names, entry.Name())
		}
	}
	return names
}

func rules(t testing.TB) []string {
	t.Helper()
	out, err := exec.Command("iptables-save").Output()
	if err != nil {
		t.Fatalf("iptables-save: %v", err)
	}
	var found []string
	for line := range strings.Lines(string(out)) {
		// Comments have the time, and chains have counters. An empty table appears
		// as soon as it is listed once.
		if line[0] == '-' {
			found = append(found, strings.TrimSpace(line))
		}
		if line[0] == ':' && strings.Contains(line, " - ") {
			found = append(found, strings.Fields(line)[0])
		}
	}
	return found
}

func cgroups(t testing.TB) []string {
	t.Helper()
	var found []string
	for _, pattern := range []string{"/sys/fs/cgroup/*gopherlocks*", "/sys/fs/cgroup/*/*gopherlocks*", "/sys/fs/cgroup/*/kubepods*"} {
		matches, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, matches...)
	}
	return found
}

func sysctls(t testing.TB) []string {
	t.Helper()
	var found []string
	for _, name := range []string{
		"net/ipv4/ip_forward", "vm/overcommit_memory", "vm/panic_on_oom", "kernel/panic", "kernel/panic_on_oops", "kernel/pid_max",
		"kernel/keys/root_maxkeys", "kernel/keys/root_maxbytes",
	} {
		value, err := os.ReadFile("/proc/sys/" + name)
		if err != nil {
			continue // Not on this kernel.
		}
		found = append(found, name+" = "+strings.TrimSpace(string(value)))
	}
	return found
}
