// Command gopherlocks-demo-workload is one rank of the demo's elastic
// application; see package workload.
package main

import (
	"context"
	"flag"
	"log/slog"
	"os"
	"os/signal"
	"strconv"
	"syscall"

	"github.com/gopherlocks/gopherlocks/demo/workload"
	"github.com/gopherlocks/gopherlocks/version"
)

// exitStopped tells an intended stop from success (128 + SIGTERM): an Indexed
// Job would count a rank that exits 0 as complete and never run it again.
const exitStopped = 143

func main() {
	if version.Answer(os.Args, os.Stdout) {
		return
	}
	log := slog.New(slog.NewTextHandler(os.Stdout, nil))
	rank, err := strconv.Atoi(os.Getenv("GOPHERLOCKS_RANK"))
	if err != nil {
		log.Error("GOPHERLOCKS_RANK is not a rank; the operator sets it on every rank", "error", err)
		os.Exit(2)
	}
	port := flag.Int("port", 8080, "TCP port on which the lead serves the load")
	flag.Parse()

	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer cancel()
	err = workload.Run(ctx, workload.Options{
		Rank: rank, Lead: os.Getenv("GOPHERLOCKS_LEAD_HOST"), Port: *port, Log: log.With("rank", rank),
	})
	if err != nil {
		log.Error("the workload failed", "error", err)
		os.Exit(1)
	}
	os.Exit(exitStopped)
}
