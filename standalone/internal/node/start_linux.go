package node

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"syscall"

	"github.com/gopherlocks/gopherlocks/standalone/internal/searchpath"
	"github.com/gopherlocks/gopherlocks/standalone/internal/state"
)

// Namespaces of the node. The user namespace is the machine's: the node is
// isolated from accidents, not from its root user.
const namespaces = syscall.CLONE_NEWPID | syscall.CLONE_NEWNS | syscall.CLONE_NEWNET |
	syscall.CLONE_NEWUTS | syscall.CLONE_NEWIPC

// Handle is a supervisor as its maker sees it.
type Handle struct {
	// PID of the supervisor.
	PID int
	// Events is read with ReadEvents.
	Events  *os.File
	control *os.File
	cmd     *exec.Cmd
}

// Start starts executable as the supervisor of the node with the state folder dir.
// The supervisor outlives the calling process. It waits for Proceed.
func Start(executable string, dir state.Dir) (*Handle, error) {
	stderr, err := os.OpenFile(dir.Log("node.stderr"), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("making the supervisor's log: %w", err)
	}
	defer stderr.Close()
	controlReader, control, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("making the supervisor's pipes: %w", err)
	}
	defer controlReader.Close()
	eventsReader, eventsWriter, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("making the supervisor's pipes: %w", err), control.Close())
	}
	defer eventsWriter.Close()
	cmd := exec.Command(executable, commandName, string(dir))
	cmd.Dir = "/"
	// It does not get our environment, which has the stack's passphrase,
	// credentials of clouds and the like. /proc would show them as long as the
	// cluster lives.
	cmd.Env = append(proxyEnv(), "PATH="+searchpath.Complete(os.Getenv("PATH")))
	cmd.Stdout, cmd.Stderr = stderr, stderr
	// The order is that of controlFD and eventsFD.
	cmd.ExtraFiles = []*os.File{controlReader, eventsWriter}
	// A session of its own: signals to the process group of pulumi or of a
	// terminal do not reach it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: namespaces, Setsid: true}
	if err := keepFiles(); err != nil {
		return nil, errors.Join(err, control.Close(), eventsReader.Close())
	}
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("starting the supervisor in new namespaces: %w", err), control.Close(), eventsReader.Close())
	}
	// The result does not matter, but without this it would stay a zombie as long
	// as this process lives.
	go func() { _ = cmd.Wait() }()
	return &Handle{PID: cmd.Process.Pid, Events: eventsReader, control: control, cmd: cmd}, nil
}

// keepFiles keeps inherited files of this process from the programs that it starts.
// The supervisor would hold them, and locks on them such as flock(1)'s, as long as
// the cluster lives. Files that Go opens are not inherited anyway. close_range(2)
// would do, but its flag needs Linux 5.11.
func keepFiles() error {
	const folder, firstOther = "/proc/self/fd", 3
	entries, err := os.ReadDir(folder)
	if err != nil {
		return fmt.Errorf("keeping files from the supervisor: %w", err)
	}
	for _, entry := range entries {
		if fd, err := strconv.Atoi(entry.Name()); err == nil && fd >= firstOther {
			syscall.CloseOnExec(fd)
		}
	}
	return nil
}

// Proceed tells the supervisor that its network interface is there.
func (h *Handle) Proceed() error {
	if _, err := h.control.Write([]byte{1}); err != nil {
		return fmt.Errorf("telling the supervisor to proceed: %w", err)
	}
	return nil
}

// Close lets go of the supervisor. If it was not told to proceed, it ends.
func (h *Handle) Close() error {
	return errors.Join(h.control.Close(), h.Events.Close())
}
