// Command gopherlocks-demo shows a MiniCluster that scales. One that an HPA scales by CPU
// use gets load, and one that scales by its queue gets jobs. It grows, and comes back to
// minSize when nothing is left to do. The command exits non-zero when that did not happen.
package main

import (
	"context"
	"errors"
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
	"github.com/gopherlocks/gopherlocks/demo/drive/cpu"
	"github.com/gopherlocks/gopherlocks/demo/drive/queue"
	"github.com/gopherlocks/gopherlocks/demo/standin"
	"github.com/gopherlocks/gopherlocks/version"
)

func main() {
	if version.Answer(os.Args, os.Stdout) {
		return
	}
	namespace := flag.String("namespace", "flux-operator", "namespace of the MiniCluster")
	name := flag.String("name", "flux-sample", "name of the MiniCluster")
	timeout := flag.Duration("timeout", 10*time.Minute, "how long the whole demo may take")
	standIn := flag.String("stand-in", "", "folder of this machine that all nodes see, with the stand-in for flux: the demo makes a MiniCluster of it beside -name, shows that, and removes it")
	work := flag.Duration("work", 10*time.Second, "how long each job works, where jobs are submitted")
	flag.Parse()

	// The picture is the output. The libraries' logs would disturb it; what matters
	// of them comes as errors.
	ctrllog.SetLogger(logr.Discard())
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeoutCause(ctx, *timeout, fmt.Errorf("it took longer than %s", *timeout))
	defer cancel()
	passed, err := run(ctx, client.ObjectKey{Namespace: *namespace, Name: *name}, *standIn, *work)
	if err != nil {
		fmt.Fprintf(os.Stderr, "\nThe demo failed: %v\n", err)
		os.Exit(1)
	}
	fmt.Printf("\nThe demo passed: %s.\n", passed)
}

// run runs the demo that suits the MiniCluster, and says what it has shown.
func run(ctx context.Context, cluster client.ObjectKey, standIn string, work time.Duration) (passed string, err error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	restConfig, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, nil).ClientConfig()
	if err != nil {
		return "", fmt.Errorf("kubeconfig (run \"make up\" and eval \"$(make -s env)\" first): %w", err)
	}
	if standIn != "" {
		var remove func(context.Context) error
		cluster, remove, err = standin.Make(ctx, restConfig, cluster, standIn)
		defer func() { err = errors.Join(err, remove(context.WithoutCancel(ctx))) }()
		if err != nil {
			return "", err
		}
	}
	watcher, err := drive.Watch(ctx, restConfig, cluster)
	if err != nil {
		return "", err
	}
	seen, err := watcher.Look(ctx)
	if err != nil {
		return "", err
	}
	display := &drive.Display{Out: os.Stdout, Terminal: term.IsTerminal(int(os.Stdout.Fd()))}
	if seen.MiniCluster.Spec.Autoscaling.Queue != nil {
		return queue.Passed, queue.Run(ctx, restConfig, watcher, display, work)
	}
	return cpu.Passed, cpu.Run(ctx, restConfig, watcher, display)
}
