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
)

// version is set by the linker: -X main.version=v1.2.3.
var version = "devel"

func main() {
	o, err := parseOptions(os.Args[1:], os.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return
	case err != nil:
		fmt.Fprintln(os.Stderr, "gopherlocks-operator:", err)
		os.Exit(2)
	case o.version:
		fmt.Println("gopherlocks-operator", version)
		return
	}

	log := newLogger(os.Stderr, o.logLevel, o.logFormat)
	ctrl.SetLogger(log)
	klog.SetLogger(log) // client-go, with the rest
	if err := run(ctrl.SetupSignalHandler(), o); err != nil {
		log.Error(err, "The operator has stopped")
		os.Exit(1)
	}
}
