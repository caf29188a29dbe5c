// Command gopherlocks-operator runs MiniClusters: it turns each into a headless
// Service and an elastic Indexed Job, and keeps them at the wished size.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"

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
		fmt.Fprintln(os.Stderr, "gopherlocks-operator:", err)
		os.Exit(2)
	}

	log := newLogger(os.Stderr, o.logLevel, o.logFormat)
	ctrl.SetLogger(log)
	klog.SetLogger(log) // client-go, with the rest
	log.Info("The operator starts", "version", version.Version)
	if err := run(ctrl.SetupSignalHandler(), o); err != nil {
		log.Error(err, "The operator has stopped")
		os.Exit(1)
	}
}
