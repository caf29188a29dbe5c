package drive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// metricsPeriod is how often CPU use is read. metrics-server measures every
// 15 s; this keeps the picture at most this much behind.
const metricsPeriod = 5 * time.Second

// Options say what to drive and where to show it.
type Options struct {
	// Cluster is namespace and name of the MiniCluster. Its HPA has the same name
	// with "-hpa" appended.
	Cluster client.ObjectKey
	// Out is where the picture goes. On a Terminal it is redrawn in place, else
	// a line is written for each change.
	Out      io.Writer
	Terminal bool
}

// Run drives the demo until the MiniCluster has grown to its maximum and come back
// to its minimum. It returns an error if ctx ends before that, if the cluster
// cannot be reached, or if a pod was replaced without need. The error says how far
// it came. The load is always taken away.
func Run(ctx context.Context, restConfig *rest.Config, o Options) (err error) {
	hpa := client.ObjectKey{Namespace: o.Cluster.Namespace, Name: o.Cluster.Name + "-hpa"}
	w, err := newWatcher(ctx, restConfig, o.Cluster, hpa)
	if err != nil {
		return err
	}
	clients, err := kubernetes.NewForConfig(restConfig)
	if err != nil {
		return fmt.Errorf("client of the cluster: %w", err)
	}
	d := &drive{
		Options: o, watcher: w, pods: clients.CoreV1().RESTClient(),
		journey: NewJourney(), start: time.Now(), load: "none",
	}
	defer func() {
		// Whatever happened, the machine gets its CPU back.
		err = errors.Join(err, d.setLoad(context.WithoutCancel(ctx), resource.Quantity{}))
		fmt.Fprintf(o.Out, "\n%s", d.journey.Report())
	}()
	if err := d.setLoad(ctx, resource.Quantity{}); err != nil {
		return err
	}
	return d.follow(ctx)
}

type drive struct {
	Options
	watcher *watcher
	pods    rest.Interface
	journey *Journey
	start   time.Time
	load    string
	cpu     struct {
		millicores int64
		ranks      int
	}
	drawn string
}

func (d *drive) follow(ctx context.Context) error {
	second := time.NewTicker(time.Second)
	defer second.Stop()
	measured := time.Time{}
	for {
		if time.Since(measured) >= metricsPeriod {
			measured = time.Now()
			// Metrics are missing now and then, for example right after a start.
			// The last ones stay in the picture, and the HPA tells if it matters.
			if used, ranks, err := d.watcher.millicores(ctx); err == nil {
				d.cpu.millicores, d.cpu.ranks = used, ranks
			}
		}
		if err := d.step(ctx); err != nil {
			return err
		}
		if d.journey.Phase == Arrived {
			return d.verdict()
		}
		select {
		case <-d.watcher.changed:
		case <-second.C:
		case <-ctx.Done():
			return fmt.Errorf("the demo ended while %s: %w", d.journey.Phase, context.Cause(ctx))
		}
	}
}

func (d *drive) step(ctx context.Context) error {
	observed, err := d.watcher.observe(ctx)
	if err != nil {
		return err
	}
	lead, err := d.watcher.lead(ctx)
	if err != nil {
		return err
	}
	request := cpuRequest(lead)
	if d.cpu.ranks > 0 && request.Sign() > 0 {
		observed.CPUKnown, observed.Millicores = true, d.cpu.millicores
		observed.CPU = int(100 * d.cpu.millicores / (int64(d.cpu.ranks) * request.MilliValue()))
	}
	moved := d.journey.Observe(time.Since(d.start), observed)
	if moved && d.journey.Phase == Growing {
		err = d.setLoad(ctx, loadFor(observed, request))
	}
	if moved && d.journey.Phase == Shrinking {
		err = d.setLoad(ctx, resource.Quantity{})
	}
	d.draw(observed)
	return err
}

func (d *drive) setLoad(ctx context.Context, cpu resource.Quantity) error {
	lead, err := d.watcher.lead(ctx)
	if err != nil {
		return err
	}
	if err := setLoad(ctx, d.pods, lead, cpu); err != nil {
		return err
	}
	d.load = fmt.Sprintf("%s CPU over all ranks", &cpu)
	d.journey.record(time.Since(d.start), "load set to %s", d.load)
	return nil
}

func (d *drive) draw(o Observation) {
	elapsed := time.Since(d.start)
	if d.Terminal {
		screen := Screen(d.Cluster.String(), elapsed, d.journey.Phase, d.load, o)
		// Back to the first line of the last picture, each line cleared to its end.
		if d.drawn != "" {
			fmt.Fprintf(d.Out, "\x1b[%dA", strings.Count(d.drawn, "\n"))
		}
		fmt.Fprint(d.Out, strings.ReplaceAll(screen, "\n", "\x1b[K\n"))
		d.drawn = screen
		return
	}
	line := Line(elapsed, d.journey.Phase, o)
	if news := line[len(clock(elapsed)):]; news != d.drawn {
		fmt.Fprintln(d.Out, line)
		d.drawn = news
	}
}

func (d *drive) verdict() error {
	if len(d.journey.Faults) > 0 {
		return fmt.Errorf("%d pods were replaced without need: %s", len(d.journey.Faults), strings.Join(d.journey.Faults, "; "))
	}
	return nil
}

func cpuRequest(pod *corev1.Pod) resource.Quantity {
	var sum resource.Quantity
	for _, container := range pod.Spec.Containers {
		sum.Add(*container.Resources.Requests.Cpu())
	}
	return sum
}
