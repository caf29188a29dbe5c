// Command gopherlocks-metrics serves the numbers of MiniClusters of Flux to autoscalers: as
// the custom metrics API of Kubernetes, as an external scaler of KEDA, and to Prometheus. It
// asks the lead of a MiniCluster when it is asked.
package main

import (
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"

	"github.com/go-logr/logr"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/gopherlocks/gopherlocks/version"
)

func main() {
	if version.Answer(os.Args, os.Stdout) {
		return
	}
	o, err := parseOptions(os.Args[1:], os.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return
	case err != nil:
		fmt.Fprintln(os.Stderr, "gopherlocks-metrics:", err)
		os.Exit(2)
	}
	log := logr.FromSlogHandler(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: o.logLevel}))
	ctrl.SetLogger(log)
	klog.SetLogger(log) // client-go and the API server, with the rest
	log.Info("The metrics program starts", "version", version.Version)
	if err := run(ctrl.SetupSignalHandler(), o); err != nil {
		log.Error(err, "The metrics program has stopped")
		os.Exit(1)
	}
}
