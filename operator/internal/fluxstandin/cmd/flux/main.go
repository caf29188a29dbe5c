// Command flux stands in for the command of Flux of the same name, in tests and
// on machines without Flux. It is not Flux: it plays an instance in a folder.
//
// What is real: brokers are processes that find each other, come, go and are
// lost; jobs' tasks are processes, run by the broker of the rank that the job was
// given; drained ranks get no jobs; jobs are held, and wait for each other; the queue can
// be stopped, saved and restored. Brokers speak Flux's own protocol on their sockets:
// a client gets the answers, refusals and streams of events that it gets from Flux, for
// the topics that topics.go and streams.go list, and "No service" or "Unknown service
// method" for all others. TestAClientSeesWhatFluxShows runs with a real Flux as well.
//
// What is not: there is no network (all brokers share the folder, so that they
// are of one machine), no TBON, no KVS, no security, no MPI, and no instances in
// an instance: what a batch script submits runs on the script's rank, and no client sees
// it. Tasks of jobs that are ended get SIGKILL at once, where Flux sends SIGTERM first.
// Options and commands that it does not play are refused with exit code 2.
//
// Output formats and exit codes are those of flux-core 0.88, from its sources and
// man pages; each file names its own.
package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
)

// version is that of the flux-core whose behaviour is played.
const version = "0.88.0"

const help = `flux (stand-in) plays the command "flux" of flux-core ` + version + `. It is not Flux.

Usage: flux COMMAND [OPTIONS] ...

  broker [-c DIR] [-S NAME=VALUE] [PROGRAM ...]   start start -s N [PROGRAM ...]
  submit | run | batch                            watch | cancel | jobs
  resource drain | undrain | status | list | eventlog        job attach | urgency
  queue stop | start | status | idle              dump | config get
  uptime | getattr | version

Environment:
  FLUX_URI             broker to ask, set by brokers for what they start
  FLUX_STANDIN_DIR     folder of the pretend instance, shared by its brokers
  FLUX_STANDIN_RANK    rank of a broker; default: the place of the host name in
                       the configuration's hosts, else 0
  FLUX_STANDIN_SIZE    number of ranks; default: as in the configuration's R
  FLUX_STANDIN_CORES   cores of each rank; default: as in the configuration's R
`

// usageError is a command line that cannot be played: exit code 2.
type usageError struct{ message string }

func (e *usageError) Error() string { return e.message }

func usagef(format string, args ...any) error { return &usageError{fmt.Sprintf(format, args...)} }

func main() {
	code, err := run(os.Args[1:])
	if err != nil {
		fmt.Fprintf(os.Stderr, "flux-%s: ERROR: %v\n", strings.Join(os.Args[1:min(2, len(os.Args))], ""), err)
		if _, usage := errors.AsType[*usageError](err); usage {
			code = 2
		} else if code == 0 {
			code = 1
		}
	}
	os.Exit(code)
}

// run runs a command and returns its exit code. With an error it is 1 where it
// would be 0.
func run(args []string) (int, error) {
	if len(args) == 0 || args[0] == "--help" || args[0] == "-h" || args[0] == "help" {
		fmt.Print(help)
		return 0, nil
	}
	commands := map[string]func([]string) (int, error){
		"attach": attach, "batch": batch, "broker": runBroker, "cancel": cancel, "config": config, "dump": dump,
		"getattr": getattr, "jobs": listJobs, "run": runJob, "start": startInstance, "submit": submit,
		"uptime": uptime, "version": printVersion, "watch": watchJobs,
		"job":      subcommands(map[string]func([]string) (int, error){"attach": attach, "urgency": urgency}),
		"queue":    subcommands(map[string]func([]string) (int, error){"idle": queueIdle, "start": queueStart, "status": queueStatus, "stop": queueStop}),
		"resource": subcommands(map[string]func([]string) (int, error){"drain": drain, "eventlog": eventlog, "list": resourceList, "status": resourceStatus, "undrain": undrain}),
	}
	command, known := commands[args[0]]
	if !known {
		return 2, usagef("the stand-in for Flux does not play the command %q", args[0])
	}
	return command(args[1:])
}

func subcommands(commands map[string]func([]string) (int, error)) func([]string) (int, error) {
	return func(args []string) (int, error) {
		if len(args) == 0 {
			return 2, usagef("a subcommand is missing")
		}
		command, known := commands[args[0]]
		if !known {
			return 2, usagef("the stand-in for Flux does not play the subcommand %q", args[0])
		}
		return command(args[1:])
	}
}
