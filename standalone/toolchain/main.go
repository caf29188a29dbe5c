// Command toolchain provides the programs that Gopherlocks runs on.
//
// It uses what is officially installed. It compiles what is missing from Go
// modules, into a cache that all work trees of a user share. An entry's key is a
// hash of everything that its program is built from. So a fresh clone with a full
// cache only links the programs into its own bin folder. The Makefile calls it. It
// uses only the standard library, so `go run ./standalone/toolchain` starts at
// once.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	treeversion "github.com/gopherlocks/gopherlocks/version"
)

// kwokModule is the module of the program that simulates nodes.
const kwokModule = "sigs.k8s.io/kwok"

const usage = `usage: go run ./standalone/toolchain COMMAND

  tools [--bin DIR]   provide every program that "make up" needs
  cluster             say where the stack's Kubernetes comes from, and why
  packages [--tests]  install the Debian packages that the stack's cluster needs; refuse a cluster
                      that cannot be made here, but for tests, which skip what needs one
  env [--bin DIR] [--select]
                      print the shell exports that select this work tree's tools and state; make and
                      select its stack where none is
  lint [ARGUMENTS]    provide golangci-lint and run it
  kwok                provide kwok, which simulates nodes for benchmarks, and print its path
  oldest              provide the control plane of the oldest Kubernetes, for tests, and print its folder
  versions [PAGE]     print which versions are supported and used, or write them into a page
  version             print the version of this tree

Environment:
  GOPHERLOCKS_CACHE   where compiled programs are kept (default: ${XDG_CACHE_HOME:-$HOME/.cache}/gopherlocks)
`

func main() {
	if treeversion.Answer(os.Args, os.Stdout) {
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:])
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(os.Stderr, usage)
		os.Exit(2)
	case ctx.Err() != nil:
		fmt.Fprintln(os.Stderr, "toolchain: interrupted; run the command again, it goes on where it was")
		os.Exit(130)
	case err != nil:
		fmt.Fprintln(os.Stderr, "toolchain:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return flag.ErrHelp
	}
	tree, err := findTree()
	if err != nil {
		return err
	}
	if err := tree.checkFolders(); err != nil {
		return err
	}
	command, args := args[0], args[1:]
	switch command {
	case "lint":
		return lint(ctx, tree, args)
	case "kwok":
		path, err := tree.provideAside(ctx, "kwok", "kwok", kwokModule)
		if err == nil {
			fmt.Println(path)
		}
		return err
	case "oldest":
		path, err := tree.provideOldest(ctx)
		if err == nil {
			fmt.Println(path)
		}
		return err
	case "versions":
		return writeVersions(ctx, tree, strings.Join(args, " "))
	}

	flags := flag.NewFlagSet(command, flag.ContinueOnError)
	flags.Usage = func() {}
	flags.StringVar(&tree.bin, "bin", tree.bin, "folder of the programs")
	forTests := flags.Bool("tests", false, "for tests")
	selecting := flags.Bool("select", false, "select a stack")
	if err := flags.Parse(args); err != nil {
		return fmt.Errorf("%w\n%s", err, usage)
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("%s takes no argument %q\n%s", command, flags.Arg(0), usage)
	}
	if err := tree.makeAbsolute(); err != nil {
		return err
	}
	switch command {
	case "tools":
		return provideTools(ctx, tree)
	case "cluster":
		if err := tree.choiceInputs(os.Getenv).CheckCommand(); err != nil {
			return err
		}
		fmt.Println(tree.clusterProvider(ctx))
		return nil
	case "packages":
		return installPackages(ctx, tree, *forTests)
	case "env":
		exports, err := printEnvironment(ctx, os.Stdout, tree)
		if err != nil || !*selecting {
			return err
		}
		return tree.selectStack(ctx, exports)
	default:
		return fmt.Errorf("no command %q\n%s", command, usage)
	}
}
