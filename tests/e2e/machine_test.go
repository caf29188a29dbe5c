package e2e

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// machine is what a cluster could leave behind on the machine that it ran on.
type machine map[string][]string

// observeMachine lists processes, mounts, network interfaces, iptables rules,
// cgroups and the folders of clusters.
func observeMachine(t *testing.T) machine {
	t.Helper()
	return machine{
		"processes":  clusterProcesses(t),
		"mounts":     lines(t, "/proc/self/mounts"),
		"interfaces": dirNames(t, "/sys/class/net"),
		"iptables":   rules(t),
		"cgroups":    cgroups(t),
		"folders":    dirNames(t, "/var/lib/gopherlocks"),
		"sysctls":    sysctls(t),
	}
}

// compare reports what came to the machine, or went from it.
func (before machine) compare(t *testing.T, after machine) {
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
func clusterProcesses(t *testing.T) []string {
	t.Helper()
	programs := []string{"etcd", "kube-", "kubelet", "coredns", "containerd", "runc", "gopherlocks", "pause", "metrics-server"}
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
		if slices.ContainsFunc(programs, func(p string) bool { return strings.HasPrefix(program, p) }) {
			found = append(found, strings.ReplaceAll(string(content), "\x00", " "))
		}
	}
	return found
}

func lines(t *testing.T, path string) []string {
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

func dirNames(t *testing.T, path string) []string {
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

func rules(t *testing.T) []string {
	t.Helper()
	out, err := exec.Command("iptables-save").Output()
	if err != nil {
		t.Fatalf("iptables-save: %v", err)
	}
	var found []string
	for line := range strings.Lines(string(out)) {
		// Comments bear the time, and chains their counters. An empty table is
		// there as soon as somebody has looked at it.
		if line[0] == '-' {
			found = append(found, strings.TrimSpace(line))
		}
		if line[0] == ':' && strings.Contains(line, " - ") {
			found = append(found, strings.Fields(line)[0])
		}
	}
	return found
}

func cgroups(t *testing.T) []string {
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

func sysctls(t *testing.T) []string {
	t.Helper()
	var found []string
	for _, name := range []string{
		"net/ipv4/ip_forward", "vm/overcommit_memory", "kernel/panic", "kernel/panic_on_oops", "kernel/keys/root_maxkeys",
	} {
		value, err := os.ReadFile("/proc/sys/" + name)
		if err != nil {
			continue // Not on this kernel.
		}
		found = append(found, name+" = "+strings.TrimSpace(string(value)))
	}
	return found
}
