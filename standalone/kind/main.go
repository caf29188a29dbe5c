// Command kind provides what clusters of kind run on. It uses the machine's
// container engine and a released node image if it can. If no engine works, it
// unpacks and starts Debian's Docker. If no registry can be reached, it builds a
// node image.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/gopherlocks/gopherlocks/standalone/kind/dockerd"
	"github.com/gopherlocks/gopherlocks/standalone/kind/provision"
	"github.com/gopherlocks/gopherlocks/version"
)

const usage = `usage: go run ./standalone/kind COMMAND

  up      provide a container engine and a node image
  resume  start the engine again that "up" has started, such as after a reboot
  down    remove the engine that "up" has started, when nobody needs it

Environment, besides that of "make env":
  GOPHERLOCKS_DEBIAN_MIRROR   where Debian's packages come from (default: ` + provision.DefaultMirror + `)
`

func main() {
	dockerd.Main()
	if version.Answer(os.Args, os.Stdout) {
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "kind:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	commands := map[string]func(context.Context, provision.Folders) error{
		"up": provision.Up, "resume": provision.Resume, "down": provision.Down,
	}
	if len(args) != 1 || commands[args[0]] == nil {
		return fmt.Errorf("unknown command %q\n%s", args, usage)
	}
	folders, err := provision.FindFolders()
	if err != nil {
		return err
	}
	return commands[args[0]](ctx, folders)
}
