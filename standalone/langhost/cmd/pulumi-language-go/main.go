// Command pulumi-language-go lets Pulumi's command line run programs written in Go,
// on machines without the official language host. That ships only in Pulumi's
// release archives, and is not a Go module.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/gopherlocks/gopherlocks/standalone/langhost"
)

func main() {
	// The command line passes this to every plugin while it traces. Its flags for
	// logs, -v and -logtostderr, are defined by glog, which the SDK imports.
	flag.String("tracing", "", "accepted and ignored")
	flag.Parse()
	if flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "usage: pulumi-language-go ENGINE_ADDRESS (the pulumi command starts it)")
		os.Exit(2)
	}

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := langhost.Serve(ctx, flag.Arg(0), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "pulumi-language-go:", err)
		os.Exit(1)
	}
}
