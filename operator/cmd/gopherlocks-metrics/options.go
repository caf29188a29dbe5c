package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
)

// none switches a server off.
const none = "0"

// options are the command line's.
type options struct {
	kubeconfig    string
	namespace     string
	securePort    int
	kedaAddress   string
	seriesAddress string
	logLevel      slog.Level
}

// parseOptions reads the command line; what is wrong, and help, goes to out.
func parseOptions(args []string, out io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("gopherlocks-metrics", flag.ContinueOnError)
	flags.SetOutput(out)
	flags.StringVar(&o.kubeconfig, "kubeconfig", "", "kubeconfig `file`; by default the pod's service account")
	flags.StringVar(&o.namespace, "namespace", os.Getenv("POD_NAMESPACE"), "the operator's `namespace`, where its key is; by default $POD_NAMESPACE")
	flags.IntVar(&o.securePort, "secure-port", 6443, "`port` of the custom metrics API, on TLS, with /livez and /readyz")
	flags.StringVar(&o.kedaAddress, "keda-address", ":6000", "`address` of the external scaler for KEDA, plain gRPC; 0 for none")
	flags.StringVar(&o.seriesAddress, "series-address", ":8080", "`address` of /metrics for Prometheus, plain HTTP; 0 for none")
	flags.TextVar(&o.logLevel, "log-level", slog.LevelInfo, "lowest `level` to log: debug, info, warn or error")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q: only flags are taken, see --help", flags.Arg(0))
	}
	if o.namespace == "" {
		return o, errors.New("--namespace: must not be empty; outside of a pod, give the operator's")
	}
	if o.securePort < 1 || o.securePort > 65535 {
		return o, fmt.Errorf("--secure-port %d: must be from 1 to 65535", o.securePort)
	}
	return o, nil
}
