package agent

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
)

// state is what a shell leaves to the processes after it, apart from files. The
// user's commands and the broker are started one by one; by the state, they are to
// each other as if they were parts of one script.
type state struct {
	Env    []string `json:"env"`
	Dir    string   `json:"dir"`
	Umask  int      `json:"umask"`
	Limits []limit  `json:"limits"`
}

// limit is one of setrlimit(2).
type limit struct {
	Resource int    `json:"resource"`
	Soft     uint64 `json:"soft"`
	Hard     uint64 `json:"hard"`
}

// ofTheShell are variables that shells keep for themselves.
var ofTheShell = []string{"_", "SHLVL"}

// snapshot writes the state of the shell that started this process to file, which
// then holds a user's secrets.
func snapshot(file string) error {
	dir, err := os.Getwd()
	if err != nil {
		return fmt.Errorf("finding the working directory: %w", err)
	}
	limits, err := parentLimits()
	if err != nil {
		return err
	}
	env := slices.DeleteFunc(os.Environ(), func(variable string) bool {
		name, _, _ := strings.Cut(variable, "=")
		return slices.Contains(ofTheShell, name)
	})
	text, err := json.Marshal(state{Env: env, Dir: dir, Umask: syscall.Umask(0), Limits: limits})
	if err != nil {
		return err
	}
	return writeAtomically(file, bytes.NewReader(text), 0o600)
}

// readState reads what snapshot has written.
func readState(file string) (state, error) {
	var s state
	text, err := os.ReadFile(file)
	if err != nil {
		return s, err
	}
	if err := json.Unmarshal(text, &s); err != nil {
		return s, fmt.Errorf("%s: %w", file, err)
	}
	return s, nil
}

// runIn becomes command, in the state of file. The environment is this process's: the
// rank may have added to it since.
func runIn(file string, command []string) error {
	s, err := readState(file)
	if err != nil {
		return err
	}
	program, err := findProgram(command[0], os.Environ())
	if err != nil {
		return err
	}
	if err := os.Chdir(s.Dir); err != nil {
		return err
	}
	syscall.Umask(s.Umask)
	for _, l := range s.Limits {
		// Without the right to raise a limit, what is there stays.
		err := syscall.Setrlimit(l.Resource, &syscall.Rlimit{Cur: l.Soft, Max: l.Hard})
		if err != nil && !errors.Is(err, syscall.EPERM) {
			return fmt.Errorf("setting limit %d: %w", l.Resource, err)
		}
	}
	return fmt.Errorf("starting %s: %w", program, syscall.Exec(program, command, os.Environ()))
}

// command is a process in a group of its own, in the state that the user's commands
// have left so far.
func (r *rank) command(line ...string) (*exec.Cmd, error) {
	program, err := findProgram(line[0], r.env)
	if err != nil {
		return nil, err
	}
	line = append([]string{program}, line[1:]...)
	if exists(r.paths.state()) {
		line = append([]string{r.paths.program, "in", r.paths.state()}, line...)
	}
	cmd := exec.Command(line[0], line[1:]...)
	cmd.Env = r.env
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return cmd, nil
}

// follow goes on in the state that a shell has left; one that could not tell, such as
// after a syntax error, has left nothing.
func (r *rank) follow() {
	s, err := readState(r.paths.state())
	switch {
	case err == nil:
		r.env = s.Env
	case !os.IsNotExist(err):
		r.log.Printf("what the command has set is lost: %v", err)
	}
}
