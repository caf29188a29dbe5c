//go:build linux

// Command kindnet is the pod network of the nodes that package nodeimage makes:
// see package kindnet. It runs on each node as a pod of a DaemonSet.
package main

import (
	"context"
	"log"
	"os"
	"os/signal"
	"syscall"

	"github.com/gopherlocks/gopherlocks/standalone/kind/kindnet"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	server := "https://" + os.Getenv("CONTROL_PLANE_ENDPOINT")
	if err := kindnet.Run(ctx, server, os.Getenv("NODE_NAME")); err != nil && ctx.Err() == nil {
		log.Fatal(err)
	}
}
