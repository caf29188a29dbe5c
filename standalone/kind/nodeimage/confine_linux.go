package nodeimage

import (
	"os/exec"
	"syscall"
)

// confine gives a program its own namespaces for mounts and processes. debootstrap
// mounts /proc and /sys in the folder that it fills. An interrupted build kills it
// before it can unmount them, and the folder could not be removed.
func confine(command *exec.Cmd) {
	command.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWPID,
		// Unlike a flag of clone, it makes all mounts private.
		Unshareflags: syscall.CLONE_NEWNS,
		Pdeathsig:    syscall.SIGKILL,
	}
}
