// Package processes tells the processes of other tests from what a cluster leaves on the
// machine, so that tests that look at the whole machine may run beside others.
package processes

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// OfOtherTest tells whether a process is another test's: the program of one, or started
// by it. A process that is gone is nobody's.
func OfOtherTest(pid int) bool {
	for pid > 1 && pid != os.Getpid() {
		folder := filepath.Join("/proc", strconv.Itoa(pid))
		line, err := os.ReadFile(filepath.Join(folder, "cmdline"))
		if err != nil {
			return false
		}
		program, _, _ := strings.Cut(string(line), "\x00")
		if strings.HasSuffix(program, ".test") {
			return true
		}
		stat, err := os.ReadFile(filepath.Join(folder, "stat"))
		if err != nil {
			return false
		}
		pid = parent(string(stat))
	}
	return false
}

// parent is the fourth field of a line of /proc/PID/stat; 0 where it cannot be read. The
// second is the program's name in parentheses, and may hold anything.
// Source: proc_pid_stat(5).
func parent(stat string) int {
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	if len(fields) < 2 {
		return 0
	}
	pid, err := strconv.Atoi(fields[1])
	if err != nil {
		return 0
	}
	return pid
}
