// Command scale reads and sets the size of the MiniCluster that it runs in, from
// inside one of its ranks.
//
// It needs nothing but the standard library, and spec.selfScaling: true, which
// gives the ranks a token for the scale of their own MiniCluster and for nothing
// else.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"
)

const usage = `usage: scale [-name MINICLUSTER] [-timeout SECONDS] COMMAND

  get       print the size that is wished and the number of ranks that exist
  scale N   wish for N ranks
  wait N    wait until N ranks exist, at most SECONDS (300)

Without -name it is about the MiniCluster that the pod belongs to.
`

// Exit codes.
const (
	exitFailed = 1
	exitUsage  = 2 // as package flag has it
)

// usageError is a command line that cannot be understood.
type usageError struct{ message string }

func (e *usageError) Error() string { return e.message }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:], os.Getenv, accountFolder, os.Stdout)
	switch _, badUsage := errors.AsType[*usageError](err); {
	case err == nil:
	case badUsage:
		fmt.Fprintf(os.Stderr, "scale: %v\n%s", err, usage)
		os.Exit(exitUsage)
	default:
		fmt.Fprintln(os.Stderr, "scale:", err)
		os.Exit(exitFailed)
	}
}

// run carries out a command line. The environment and the folder of the
// ServiceAccount are those of a pod.
func run(ctx context.Context, args []string, getenv func(string) string, account string, stdout io.Writer) error {
	flags := flag.NewFlagSet("scale", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // the error says it, and main prints the usage
	name := flags.String("name", "", "")
	timeout := flags.Uint("timeout", 300, "")
	if err := flags.Parse(args); err != nil {
		return &usageError{err.Error()}
	}
	command, size, err := parseCommand(flags.Args())
	if err != nil {
		return err
	}
	c, err := newClient(getenv, account, *name)
	if err != nil {
		return err
	}
	var s scale
	switch command {
	case "get":
		s, err = c.get(ctx)
	case "scale":
		s, err = c.set(ctx, size)
	case "wait":
		ctx, cancel := context.WithTimeout(ctx, time.Duration(*timeout)*time.Second)
		defer cancel()
		s, err = c.wait(ctx, size)
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(stdout, s)
	return err
}

func parseCommand(args []string) (command string, size int, err error) {
	if len(args) == 0 {
		return "", 0, &usageError{"a command is missing"}
	}
	command, rest := args[0], args[1:]
	switch {
	case command == "get" && len(rest) == 0:
		return command, 0, nil
	case (command == "scale" || command == "wait") && len(rest) == 1:
		if size, err = strconv.Atoi(rest[0]); err != nil {
			return "", 0, &usageError{fmt.Sprintf("%s: %q must be a number of ranks", command, rest[0])}
		}
		return command, size, nil
	}
	return "", 0, &usageError{fmt.Sprintf("cannot understand %q", args)}
}
