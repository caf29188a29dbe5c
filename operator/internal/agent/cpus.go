package agent

import (
	"os"
	"runtime"
	"strconv"
	"strings"
)

// usableCPUs is the number of cores of a rank that is not told one: the CPUs that
// its processes may run on, but no more than its cgroup gives time for.
func usableCPUs() int32 {
	limit, err := os.ReadFile("/sys/fs/cgroup/cpu.max")
	if err != nil {
		limit = nil // cgroup v1, or no cgroup: no limit that is known
	}
	return cores(runtime.NumCPU(), string(limit))
}

// cores returns affinity, or the limit of a cgroup's cpu.max ("QUOTA PERIOD" in
// microseconds, or "max PERIOD"), rounded up, where that is less; at least 1.
// Source: https://docs.kernel.org/admin-guide/cgroup-v2.html, cpu.max.
func cores(affinity int, cpuMax string) int32 {
	n := max(affinity, 1)
	fields := strings.Fields(cpuMax)
	if len(fields) != 2 {
		return int32(n)
	}
	quota, quotaErr := strconv.ParseInt(fields[0], 10, 64)
	period, periodErr := strconv.ParseInt(fields[1], 10, 64)
	if quotaErr != nil || periodErr != nil || quota <= 0 || period <= 0 {
		return int32(n)
	}
	return int32(min(int64(n), (quota-1)/period+1))
}
