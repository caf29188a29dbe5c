// Command gopherlocks-policies is the policy pack of Gopherlocks. Pulumi starts
// it: pulumi preview --policy-pack PATH/gopherlocks-policies.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/gopherlocks/gopherlocks/policies/pack"
	"github.com/gopherlocks/gopherlocks/version"
)

func main() {
	if version.Answer(os.Args, os.Stdout) {
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// Pulumi gives its own address, and also the folder if the pack is part of one.
	engine := ""
	if len(os.Args) > 1 {
		engine = os.Args[1]
	}
	if err := pack.Serve(ctx, os.Stdout, engine); err != nil {
		fmt.Fprintln(os.Stderr, "gopherlocks-policies:", err)
		os.Exit(1)
	}
}
