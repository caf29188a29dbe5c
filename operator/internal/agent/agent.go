// Package agent is what runs in the pods of a MiniCluster: PID 1 of the container
// of a rank, and in init containers what prepares it.
//
// The life of a rank is a state machine (machine.go), a function of events to
// actions without clock, process or file; rank.go carries the actions out and
// tells of their outcome by events. Exit codes are those of package agentapi.
package agent

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"

	"github.com/gopherlocks/gopherlocks/operator/internal/agentapi"
)

// exitUsage is the exit code for arguments that the agent does not know.
// Source: EX_USAGE of sysexits(3).
const exitUsage = 64

const usage = `usage: gopherlocks-agent COMMAND

  install TARGET             copy this program to TARGET
  copy-view MOUNTPATH        copy the Flux of this image to MOUNTPATH
  rank                       run the rank of Flux that the environment describes
  program                    run what the lead broker is to run
  jobs RANKS                 print which jobs run on ranks such as 2-3, in JSON
  save [--stop] FILE         on the lead: save the instance's state to FILE when no job
                             runs; --stop leaves its queue stopped
  plain -- COMMAND [ARG...]  run COMMAND as the main process of a container
  version                    print the version
`

// Main runs the agent with the arguments after the program's name and returns its
// exit code.
func Main(args []string) int {
	code, err := dispatch(args)
	if err != nil {
		fmt.Fprintln(os.Stderr, "gopherlocks-agent:", err)
	}
	return code
}

func dispatch(args []string) (int, error) {
	if len(args) == 0 {
		return exitUsage, fmt.Errorf("a command is missing: %s", usage)
	}
	command, rest := args[0], args[1:]
	switch {
	case command == "install" && len(rest) == 1:
		return codeOf(install(rest[0]))
	case command == "copy-view" && len(rest) == 1:
		return codeOf(copyView(imageView, rest[0]))
	case command == "rank" && len(rest) == 0:
		return runRank()
	case command == "program" && len(rest) == 0:
		return runProgram()
	case command == agentapi.JobsCommand && len(rest) == 1:
		return codeOf(printJobs(os.Stdout, defaultPaths(), rest[0]))
	case command == "save" && len(rest) == 1 && !strings.HasPrefix(rest[0], "-"):
		return codeOf(saveState(os.Stdout, defaultPaths(), rest[0], false))
	case command == "save" && len(rest) == 2 && rest[0] == "--stop":
		return codeOf(saveState(os.Stdout, defaultPaths(), rest[1], true))
	case command == "plain" && len(rest) >= 2 && rest[0] == "--":
		return runPlain(rest[1:])
	}
	return dispatchInner(command, rest)
}

// dispatchInner is for commands that the agent calls itself by, and that are of no use
// to people.
func dispatchInner(command string, rest []string) (int, error) {
	switch {
	case command == "snapshot" && len(rest) == 1:
		return codeOf(snapshot(rest[0]))
	case command == "in" && len(rest) >= 2:
		return codeOf(runIn(rest[0], rest[1:]))
	case command == "keep" && len(rest) >= 1:
		syscall.CloseOnExec(keptStatus)
		return codeOf(runKept(rest, os.NewFile(keptStatus, "status")))
	}
	return exitUsage, fmt.Errorf("cannot understand %q\n%s", strings.Join(append([]string{command}, rest...), " "), usage)
}

// codeOf is for commands of which every failure is one.
func codeOf(err error) (int, error) {
	if err != nil {
		return 1, err
	}
	return 0, nil
}

// runRank runs the life of a rank; as PID 1 in a child, so that reaping orphans
// never takes the exit code of a process that somebody waits for.
func runRank() (int, error) {
	if os.Getpid() == 1 {
		self, err := os.Executable()
		if err != nil {
			return agentapi.ExitTryAgain, fmt.Errorf("finding this program: %w", err)
		}
		status, _, err := supervise([]string{self, "rank"}, supervision{forward: []os.Signal{syscall.SIGTERM, syscall.SIGINT}})
		return rankExitCode(statusCode(status), os.Getenv(agentapi.RankVariable) == "0"), err
	}
	paths := defaultPaths()
	cfg, number, err := readConfig(os.Getenv)
	if err != nil {
		writeTermination(paths, agentapi.Termination{Message: err.Error()}, newLogger(os.Stderr, false))
		return agentapi.ExitUnusable, err
	}
	return newRank(cfg, number, paths, os.Stdout, os.Stderr).run(stopSignals()), nil
}

// rankExitCode keeps the promise of package agentapi about the exit codes of
// followers also when the process of the rank has crashed.
func rankExitCode(code int, lead bool) int {
	if lead || slices.Contains([]int{agentapi.ExitUnusable, agentapi.ExitTryAgain, agentapi.ExitKilled, agentapi.ExitStopped}, code) {
		return code
	}
	return agentapi.ExitTryAgain
}

// runProgram runs in the instance: the broker of the lead starts it.
func runProgram() (int, error) {
	cfg, _, err := readConfig(os.Getenv)
	if err != nil {
		return agentapi.ExitUnusable, err
	}
	p := program{cfg: cfg, paths: defaultPaths(), stdout: os.Stdout, stderr: os.Stderr}
	return p.run(programSignals())
}

// runPlain runs a container without Flux.
func runPlain(command []string) (int, error) {
	log := newLogger(os.Stderr, false)
	health := newHealth()
	health.setReady(true)
	if err := health.listen(fmt.Sprintf(":%d", agentapi.HealthPort)); err != nil {
		// Another container of the pod may have the port; the command matters more.
		log.Printf("no health endpoint: %v", err)
	}
	defer health.close()
	return plain(command)
}

func plain(command []string) (int, error) {
	status, stopped, err := supervise(command, supervision{group: true, forward: []os.Signal{
		syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGQUIT,
	}})
	code := statusCode(status)
	if stopped {
		// Whatever the command makes of SIGTERM: an index that exits with 0
		// would be complete for good, and another code would count as failure.
		return agentapi.ExitStopped, err
	}
	switch code {
	case agentapi.ExitKilled, agentapi.ExitStopped, agentapi.ExitLost:
		return agentapi.ExitCommand, err // or it would be taken for a stop from outside
	}
	return code, err
}

// getenv is os.Getenv, or what stands for it.
type getenv func(string) string
