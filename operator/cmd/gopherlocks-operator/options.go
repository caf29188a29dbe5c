package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/go-logr/logr"
)

// options are the command line's.
type options struct {
	kubeconfig     string
	leaderElect    bool
	namespace      string
	agentImage     string
	pullSecret     string
	healthAddress  string
	metricsAddress string
	logLevel       slog.Level
	logFormat      string
}

// parseOptions reads the command line; what is wrong, and help, goes to out.
func parseOptions(args []string, out io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("gopherlocks-operator", flag.ContinueOnError)
	flags.SetOutput(out)
	flags.StringVar(&o.kubeconfig, "kubeconfig", "", "kubeconfig `file`; by default the pod's service account")
	flags.BoolVar(&o.leaderElect, "leader-elect", true, "of several operators, only the holder of a lease works")
	flags.StringVar(&o.namespace, "namespace", os.Getenv("POD_NAMESPACE"), "the operator's own `namespace`, of its lease and its key; by default $POD_NAMESPACE")
	flags.StringVar(&o.agentImage, "agent-image", os.Getenv("GOPHERLOCKS_AGENT_IMAGE"), "`image` of the agent, which is copied into the ranks' pods; by default $GOPHERLOCKS_AGENT_IMAGE")
	flags.StringVar(&o.pullSecret, "agent-pull-secret", os.Getenv("GOPHERLOCKS_AGENT_PULL_SECRET"), "`name` of the Secret, in the ranks' namespaces, by which that image is pulled; by default $GOPHERLOCKS_AGENT_PULL_SECRET")
	flags.StringVar(&o.healthAddress, "health-address", ":8081", "`address` of /healthz and /readyz; 0 for none")
	flags.StringVar(&o.metricsAddress, "metrics-address", ":8080", "`address` of /metrics, plain HTTP; 0 for none")
	flags.TextVar(&o.logLevel, "log-level", slog.LevelInfo, "lowest `level` to log: debug, info, warn or error")
	flags.StringVar(&o.logFormat, "log-format", "json", "`format` of the log: json or text")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q: only flags are taken, see --help", flags.Arg(0))
	}
	if o.namespace == "" {
		return o, errors.New("--namespace: must not be empty; outside of a pod, give one that exists")
	}
	if o.agentImage == "" {
		return o, errors.New("--agent-image: must not be empty; give the image whose entrypoint is gopherlocks-agent")
	}
	if o.logFormat != "json" && o.logFormat != "text" {
		return o, fmt.Errorf("--log-format %q: choose json or text", o.logFormat)
	}
	return o, nil
}

func newLogger(out io.Writer, level slog.Level, format string) logr.Logger {
	handlerOptions := &slog.HandlerOptions{Level: level}
	if format == "text" {
		return logr.FromSlogHandler(slog.NewTextHandler(out, handlerOptions))
	}
	return logr.FromSlogHandler(slog.NewJSONHandler(out, handlerOptions))
}
