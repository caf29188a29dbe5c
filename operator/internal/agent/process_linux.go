package agent

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// parentLimits are the limits of the process that started this one: its own number of
// files Go has raised.
func parentLimits() ([]limit, error) {
	var limits []limit
	for resource := range unix.RLIMIT_RTTIME + 1 {
		var r unix.Rlimit
		if err := unix.Prlimit(os.Getppid(), resource, nil, &r); err != nil {
			return nil, fmt.Errorf("reading the limits of the shell: %w", err)
		}
		limits = append(limits, limit{resource, r.Cur, r.Max})
	}
	return limits, nil
}

// adoptOrphans makes this process the parent of those below it whose parent ends, as
// PID 1 is otherwise. Source: PR_SET_CHILD_SUBREAPER of prctl(2).
func adoptOrphans() error {
	return unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
}
