// Command gopherlocks-demo shows a MiniCluster that scales on CPU: it raises the
// load, watches it grow to maxSize, takes the load away, and watches it come
// back to minSize. It exits non-zero when that did not happen.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/go-logr/logr"
	"golang.org/x/term"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/gopherlocks/gopherlocks/demo/drive"
	"github.com/gopherlocks/gopherlocks/version"
)

func main() {
	if version.Answer(os.Args, os.Stdout) {
		return
	}
	namespace := flag.String("namespace", "flux-operator", "namespace of the MiniCluster")
	name := flag.String("name", "flux-sample", "name of the MiniCluster")
	timeout := flag.Duration("timeout", 10*time.Minute, "how long the whole demo may take")
	flag.Parse()

	// The picture is the output. The libraries' logs would disturb it; what matters
	// of them comes as errors.
	ctrllog.SetLogger(logr.Discard())
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeoutCause(ctx, *timeout, fmt.Errorf("it took longer than %s", *timeout))
	defer cancel()
	if err := run(ctx, client.ObjectKey{Namespace: *namespace, Name: *name}); err != nil {
		fmt.Fprintf(os.Stderr, "\nThe demo failed: %v\n", err)
		os.Exit(1)
	}
	fmt.Println("\nThe demo passed: grown to maxSize under load and back to minSize without it, and every rank that was wanted all the time kept its pod.")
}

func run(ctx context.Context, cluster client.ObjectKey) error {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	restConfig, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, nil).ClientConfig()
	if err != nil {
		return fmt.Errorf("kubeconfig (run \"make up\" and eval \"$(make -s env)\" first): %w", err)
	}
	return drive.Run(ctx, restConfig, drive.Options{
		Cluster: cluster, Out: os.Stdout, Terminal: term.IsTerminal(int(os.Stdout.Fd())),
	})
}
