package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"syscall"

	"github.com/gopherlocks/gopherlocks/operator/internal/fluxstandin/instance"
)

// tasks are the processes of jobs on one rank.
type tasks struct {
	folder instance.Folder
	rank   int32
	uri    string
	// shares are those that have been started, by job. They stay, since a state
	// read earlier may not know yet that they are done.
	shares  map[instance.ID]*share
	running sync.WaitGroup
}

type share struct {
	mu     sync.Mutex
	killed bool
	groups []int // process groups of tasks that run
}

// follow starts what the state gives to the rank, and kills what was ended.
func (t *tasks) follow(s *instance.State) {
	for _, job := range s.Jobs {
		own := job.On(t.rank)
		if job.State != instance.Running || own == nil || own.Done {
			continue
		}
		started := t.shares[job.ID]
		if started == nil {
			started = &share{}
			t.shares[job.ID] = started
			t.running.Go(func() { t.run(job, *own, len(job.Shares), started) })
		}
		if job.Exception != "" {
			started.kill()
		}
	}
}

// stop kills all tasks and waits for their ends.
func (t *tasks) stop() {
	for _, share := range t.shares {
		share.kill()
	}
	t.running.Wait()
}

func (s *share) kill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.killed = true
	for _, group := range s.groups {
		_ = syscall.Kill(-group, syscall.SIGKILL) // it may have ended just now
	}
}

// run runs the tasks of a share, and notes their end.
func (t *tasks) run(job *instance.Job, own instance.Share, nodes int, s *share) {
	count := own.Tasks
	if job.Script != "" {
		count = 0
		if own.First == 0 {
			count = 1 // the script, on the first rank
		}
	}
	codes := make([]int32, count)
	var ended sync.WaitGroup
	for i := range codes {
		ended.Go(func() { codes[i] = t.runTask(job, own.First+int32(i), int32(i), nodes, s) })
	}
	ended.Wait()
	_, err := t.folder.Update(func(state *instance.State) bool {
		now := state.Job(job.ID)
		if now == nil || now.On(t.rank) == nil { // of an instance that is no more
			return false
		}
		now.On(t.rank).Done = true
		for _, code := range codes {
			now.Code = max(now.Code, code)
		}
		return true
	})
	if err != nil {
		fmt.Fprintf(os.Stderr, "flux-broker: the end of job %s on rank %d is not noted: %v\n", job.ID, t.rank, err)
	}
}

// runTask runs a task and returns its exit code. What keeps it from running is
// the job's error output.
func (t *tasks) runTask(job *instance.Job, number, local int32, nodes int, s *share) int32 {
	out, err := openOutput(job, job.Output, t.folder.Output(job.ID, "out"))
	if err != nil {
		return t.cannot(job, err)
	}
	defer func() { _ = out.Close() }()
	errors, err := openOutput(job, job.Error, t.folder.Output(job.ID, "err"))
	if err != nil {
		return t.cannot(job, err)
	}
	defer func() { _ = errors.Close() }()

	command := job.Command
	if job.Script != "" {
		script := t.folder.Output(job.ID, "sh")
		if err := os.WriteFile(script, []byte(job.Script), 0o700); err != nil {
			return t.cannot(job, err)
		}
		command = append([]string{script}, command[1:]...)
	}
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stdout, cmd.Stderr, cmd.Dir = out, errors, job.Dir
	if _, err := os.Stat(job.Dir); err != nil {
		cmd.Dir = os.TempDir() // as Flux does
	}
	cmd.Env = append(slices.Clone(job.Environment), "FLUX_URI="+t.uri, "FLUX_JOB_ID="+job.ID.String(),
		fmt.Sprintf("FLUX_TASK_RANK=%d", number), fmt.Sprintf("FLUX_TASK_LOCAL_ID=%d", local),
		fmt.Sprintf("FLUX_JOB_SIZE=%d", job.Tasks), fmt.Sprintf("FLUX_JOB_NNODES=%d", nodes))
	if job.Script != "" {
		cmd.Env = append(cmd.Env, batchVariable+"="+job.ID.String())
	}
	return s.runProcess(cmd)
}

// runProcess runs a process that ends with this one, however this one ends.
func (s *share) runProcess(cmd *exec.Cmd) int32 {
	// The kernel means the thread that has started the process.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	s.mu.Lock()
	if s.killed {
		s.mu.Unlock()
		return 128 + int32(syscall.SIGKILL)
	}
	err := cmd.Start()
	if err == nil {
		s.groups = append(s.groups, cmd.Process.Pid)
	}
	s.mu.Unlock()
	if err != nil {
		_, _ = fmt.Fprintf(cmd.Stderr, "flux-shell: ERROR: %v\n", err)
		return 127 // as a shell does
	}
	err = cmd.Wait()
	s.mu.Lock()
	s.groups = slices.DeleteFunc(s.groups, func(group int) bool { return group == cmd.Process.Pid })
	s.mu.Unlock()
	return exitCode(err, cmd)
}

// exitCode is as of a shell.
func exitCode(err error, cmd *exec.Cmd) int32 {
	if cmd.ProcessState == nil {
		fmt.Fprintln(os.Stderr, "flux-broker:", err)
		return 1
	}
	if status := cmd.ProcessState.Sys().(syscall.WaitStatus); status.Signaled() {
		return 128 + int32(status.Signal())
	}
	return int32(cmd.ProcessState.ExitCode())
}

func openOutput(job *instance.Job, wished, own string) (*os.File, error) {
	path := own
	if wished != "" {
		path = wished
		if !filepath.IsAbs(path) {
			path = filepath.Join(job.Dir, path)
		}
	}
	return os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
}

func (t *tasks) cannot(job *instance.Job, err error) int32 {
	fmt.Fprintf(os.Stderr, "flux-broker: job %s: %v\n", job.ID, err)
	return 1
}
