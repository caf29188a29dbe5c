package cpu

import (
	"context"
	"errors"
	"fmt"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gopherlocks/gopherlocks/demo/drive"
)

// metricsPeriod is how often CPU use is read. metrics-server measures every
// 15 s; this keeps the picture at most this much behind.
const metricsPeriod = 5 * time.Second

// Passed says what a demo without an error has shown.
const Passed = "grown to maxSize under load and back to minSize without it, and every rank that was wanted all the time kept its pod"

// Run drives the demo until the MiniCluster has grown to its maximum and come back
// to its minimum. It returns an error if ctx ends before that, if the cluster
// cannot be reached, or if a pod was replaced without need. The error says how far
// it came. The load is always taken away.
func Run(ctx context.Context, restConfig *rest.Config, watcher *drive.Watcher, display *drive.Display) (err error) {
	if err = watcher.Also(ctx, &autoscalingv2.HorizontalPodAutoscaler{}); err != nil {
		return err
	}
	metrics, err := newMetricsReader(restConfig)
	if err != nil {
		return err
	}
	clients, err := kubernetes.NewForConfig(restConfig)
	if err != nil {
		return fmt.Errorf("client of the cluster: %w", err)
	}
	d := &demo{
		watcher: watcher, display: display, pods: clients.CoreV1().RESTClient(), metrics: metrics,
		journey: NewJourney(), start: time.Now(), load: "none",
	}
	defer func() {
		// Whatever happened, the machine gets its CPU back.
		err = errors.Join(err, d.setLoad(context.WithoutCancel(ctx), resource.Quantity{}))
		fmt.Fprintf(display.Out, "\n%s", &d.journey.Timeline)
	}()
	if err := d.setLoad(ctx, resource.Quantity{}); err != nil {
		return err
	}
	if err := watcher.Follow(ctx, func() (bool, error) { return d.step(ctx) }); err != nil {
		return fmt.Errorf("the demo ended while %s: %w", d.journey.Phase, err)
	}
	return d.journey.Err()
}

// demo is a demo that runs.
type demo struct {
	watcher *drive.Watcher
	display *drive.Display
	pods    rest.Interface
	metrics client.Reader
	journey *Journey
	start   time.Time
	load    string
	cpu     struct {
		at         time.Time
		millicores int64
		ranks      int
	}
}

// step looks once, and does what follows. It returns whether the demo has ended.
func (d *demo) step(ctx context.Context) (bool, error) {
	seen, err := d.watcher.Look(ctx)
	if err != nil {
		return false, err
	}
	observed, err := observe(ctx, d.watcher.Reader, seen)
	if err != nil {
		return false, err
	}
	lead, err := seen.Lead()
	if err != nil {
		return false, err
	}
	d.measure(ctx, seen)
	request := cpuRequest(lead)
	if d.cpu.ranks > 0 && request.Sign() > 0 {
		observed.CPUKnown, observed.Millicores = true, d.cpu.millicores
		observed.CPU = int(100 * d.cpu.millicores / (int64(d.cpu.ranks) * request.MilliValue()))
	}
	elapsed := time.Since(d.start)
	moved := d.journey.Observe(elapsed, observed)
	if moved && d.journey.Phase == Growing {
		err = d.setLoad(ctx, loadFor(observed, request))
	}
	if moved && d.journey.Phase == Shrinking {
		err = d.setLoad(ctx, resource.Quantity{})
	}
	phase := d.journey.Phase
	d.display.Draw(elapsed, Screen(d.watcher.Cluster.String(), elapsed, phase, d.load, observed), Line(phase, observed))
	return phase == Arrived, err
}

// measure reads CPU use when it is time to. Metrics are missing now and then, for
// example right after a start. The last ones stay in the picture then, and the HPA
// tells if it matters.
func (d *demo) measure(ctx context.Context, seen drive.Sight) {
	if time.Since(d.cpu.at) < metricsPeriod {
		return
	}
	d.cpu.at = time.Now()
	if used, ranks, err := millicores(ctx, d.metrics, seen); err == nil {
		d.cpu.millicores, d.cpu.ranks = used, ranks
	}
}

func (d *demo) setLoad(ctx context.Context, cpu resource.Quantity) error {
	seen, err := d.watcher.Look(ctx)
	if err != nil {
		return err
	}
	lead, err := seen.Lead()
	if err != nil {
		return err
	}
	if err := setLoad(ctx, d.pods, lead, cpu); err != nil {
		return err
	}
	d.load = fmt.Sprintf("%s CPU over all ranks", &cpu)
	d.journey.Record(time.Since(d.start), "load set to %s", d.load)
	return nil
}

func cpuRequest(pod *corev1.Pod) resource.Quantity {
	var sum resource.Quantity
	for _, container := range pod.Spec.Containers {
		sum.Add(*container.Resources.Requests.Cpu())
	}
	return sum
}
