// Command gopherlocks-plan says what "pulumi preview" means for each MiniCluster of
// a stack. It changes nothing.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/klog/v2"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/gopherlocks/gopherlocks/resizeplan"
	"github.com/gopherlocks/gopherlocks/resizeplan/cluster"
	"github.com/gopherlocks/gopherlocks/resizeplan/preview"
	"github.com/gopherlocks/gopherlocks/version"
)

const usage = `usage: gopherlocks-plan [--stack NAME] [--cwd DIR] [--json]

Runs a preview of the stack and says what it means for each MiniCluster. Nothing is
changed. Options of "pulumi preview" can be given by the environment, as Pulumi
reads it: PULUMI_OPTION_POLICY_PACK, PULUMI_OPTION_REFRESH, and so on.

`

const exitCodes = `
Exit codes: 0 no MiniCluster changes its size or restarts; 2 at least one does, or
may; 1 the update would be refused, or something went wrong.
`

func main() {
	if version.Answer(os.Args, os.Stdout) {
		return
	}
	flags := flag.NewFlagSet("gopherlocks-plan", flag.ContinueOnError)
	flags.Usage = func() {
		fmt.Fprint(os.Stderr, usage)
		flags.PrintDefaults()
		fmt.Fprint(os.Stderr, exitCodes)
	}
	stack := flags.String("stack", "", "name of the stack (default: the selected one)")
	dir := flags.String("cwd", ".", "folder of the Pulumi project")
	asJSON := flags.Bool("json", false, "print the report in JSON")
	switch err := flags.Parse(os.Args[1:]); {
	case errors.Is(err, flag.ErrHelp):
		os.Exit(resizeplan.ExitNothing)
	case err != nil: // flags has printed it, with the usage
		os.Exit(resizeplan.ExitRefused)
	case flags.NArg() > 0:
		fmt.Fprintf(os.Stderr, "%q is not understood\n", flags.Arg(0))
		flags.Usage()
		os.Exit(resizeplan.ExitRefused)
	}

	// The libraries' logs are left out: what matters of them comes as errors.
	ctrllog.SetLogger(logr.Discard())
	klog.SetLogger(logr.Discard())
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	report, err := plan(ctx, *dir, *stack)
	if err == nil {
		err = write(os.Stdout, report, *asJSON)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "gopherlocks-plan:", err)
		os.Exit(resizeplan.ExitRefused)
	}
	if report.Verdict == resizeplan.VerdictRefused {
		fmt.Fprintln(os.Stderr, "gopherlocks-plan: refused; change what the report names, and run it again")
	}
	os.Exit(report.Verdict.ExitCode())
}

func write(w io.Writer, report resizeplan.Report, asJSON bool) error {
	if asJSON {
		return report.WriteJSON(w)
	}
	return report.WriteText(w)
}

// plan gathers the facts and makes the report.
func plan(ctx context.Context, dir, name string) (resizeplan.Report, error) {
	begin := time.Now()
	stack, err := preview.Open(ctx, dir, name)
	if err != nil {
		return resizeplan.Report{}, err
	}
	fmt.Fprintf(os.Stderr, "previewing stack %s …\n", stack.Name)
	var there *cluster.Cluster
	var unreachable error
	var connecting sync.WaitGroup
	connecting.Go(func() { there, unreachable = connect(ctx, stack) })
	previewed, err := stack.Preview(ctx)
	connecting.Wait()
	if err != nil {
		return resizeplan.Report{}, err
	}
	fmt.Fprintf(os.Stderr, "previewed in %s; asking the cluster …\n", time.Since(begin).Round(100*time.Millisecond))
	if unreachable != nil {
		return resizeplan.Make(previewed, resizeplan.Live{Unknown: unreachable.Error()}), nil
	}
	var keys []resizeplan.Key
	for _, d := range previewed.MiniClusters {
		if !d.NewCluster && d.Namespace != "" {
			keys = append(keys, d.Key())
		}
	}
	live := there.Look(ctx, keys)
	askForJobs(ctx, there, resizeplan.Make(previewed, live), live)
	return resizeplan.Make(previewed, live), ctx.Err()
}

// connect connects to the cluster of the stack.
func connect(ctx context.Context, stack *preview.Stack) (*cluster.Cluster, error) {
	kubeconfig, err := stack.Kubeconfig(ctx)
	if err != nil {
		return nil, err
	}
	return cluster.Connect(kubeconfig)
}

// askForJobs asks all leads at once what runs on the ranks that will leave
// according to the report. It puts the answers into live.
func askForJobs(ctx context.Context, there *cluster.Cluster, report resizeplan.Report, live resizeplan.Live) {
	answers := make([]*resizeplan.Jobs, len(report.MiniClusters))
	var asking sync.WaitGroup
	for i, m := range report.MiniClusters {
		found := live.MiniClusters[m.Key()]
		if m.Leaving != nil && m.Leaving.Jobs.Count == nil && found.MiniCluster != nil {
			asking.Go(func() {
				jobs := there.Jobs(ctx, found, m.Leaving.Set)
				answers[i] = &jobs
			})
		}
	}
	asking.Wait()
	for i, m := range report.MiniClusters {
		if answers[i] != nil {
			found := live.MiniClusters[m.Key()]
			found.Jobs = answers[i]
			live.MiniClusters[m.Key()] = found
		}
	}
}
