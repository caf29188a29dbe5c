package nodeimage

import (
	"os/exec"
	"syscall"
)

// confine gives a program namespaces of its own for mounts and processes:
// debootstrap mounts /proc and /sys in the folder that it fills, and a build that
// is interrupted kills it before it can take them away. Mounts that are left
// would keep the folder from being removed.
func confine(command *exec.Cmd) {
	command.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWPID,
		// Unlike a flag of clone, it makes all mounts private.
		Unshareflags: syscall.CLONE_NEWNS,
		Pdeathsig:    syscall.SIGKILL,
	}
}
