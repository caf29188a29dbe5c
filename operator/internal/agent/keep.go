package agent

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A broker is started by a process of its own, its keeper: when the broker has ended,
// the keeper ends all that is left of its jobs. Without, a broker that is killed would
// leave its tasks at work, while Flux gives the rank to the next job.

// keptStatus is the descriptor that a keeper writes the broker's status to: as an exit
// code of its own, it could not be told from the keeper's end.
const keptStatus = 3

// leftoverTime bounds the wait for processes that were killed: one that waits for a
// file server may not end.
const leftoverTime = 10 * time.Second

// runKept runs command, ends what it has left and writes how it ended to report.
func runKept(command []string, report io.Writer) error {
	if err := adoptOrphans(); err != nil {
		return fmt.Errorf("becoming the parent of orphans: %w", err)
	}
	// The signals are for the whole process group, of which command is one too.
	status, _, err := supervise(command, supervision{ignore: []os.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP}})
	if err == nil {
		err = endLeftovers()
	}
	if encodeErr := json.NewEncoder(report).Encode(status); err == nil {
		err = encodeErr
	}
	return err
}

// endLeftovers kills all processes below this one. Their own children become this
// one's as they end.
func endLeftovers() error {
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGCHLD)
	defer signal.Stop(ended)
	patience := time.After(leftoverTime)
	for {
		reap(0)
		left, err := children(os.Getpid())
		switch {
		case err != nil:
			return fmt.Errorf("looking for what the broker has left: %w", err)
		case len(left) == 0:
			return nil
		}
		for _, pid := range left {
			_ = syscall.Kill(pid, syscall.SIGKILL) // It may be gone.
		}
		select {
		case <-ended:
		case <-patience:
			return fmt.Errorf("processes %v, which the broker has left, do not end", left)
		}
	}
}

// children returns the processes whose parent is pid. Source: proc(5), /proc/PID/stat.
func children(pid int) ([]int, error) {
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, err
	}
	var found []int
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // It has ended.
		}
		// The name, in parentheses, may hold anything.
		fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
		if len(fields) < 2 || fields[1] != strconv.Itoa(pid) {
			continue
		}
		child, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if err != nil {
			return nil, err
		}
		found = append(found, child)
	}
	return found, nil
}

// keeper is a keeper's process as the rank sees it.
type keeper struct {
	cmd           *exec.Cmd
	report, write *os.File
}

// keep prepares a keeper, which cmd calls.
func keep(cmd *exec.Cmd) (*keeper, error) {
	report, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	cmd.ExtraFiles = []*os.File{write} // becomes keptStatus
	return &keeper{cmd, report, write}, nil
}

func (k *keeper) start() error {
	defer k.write.Close()
	if err := k.cmd.Start(); err != nil {
		_ = k.report.Close()
		return err
	}
	return nil
}

// wait returns how the broker has ended; where the keeper was killed, how that has.
func (k *keeper) wait() syscall.WaitStatus {
	defer k.report.Close()
	_ = k.cmd.Wait() // What it returns beside the state is an error of copying output.
	var status syscall.WaitStatus
	if err := json.NewDecoder(bufio.NewReader(k.report)).Decode(&status); err != nil {
		return k.cmd.ProcessState.Sys().(syscall.WaitStatus)
	}
	return status
}
