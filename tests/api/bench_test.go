package api

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
)

// The benchmarks compare MiniClusters with bare Indexed Jobs, which must be faster.
// Both run by turns on the same control plane in the same run. Figures are medians
// of all rounds after the first, which warms up. docs/benchmarks.md explains them.

// BenchmarkResize resizes from 1 to 200 ranks and back.
func BenchmarkResize(b *testing.B) {
	const small, large, rounds = 1, 200, 5
	spec := api.MiniClusterSpec{Size: small, MaxSize: large}
	b.Run("plain", func(b *testing.B) {
		m := create(b, spec)
		m.waitForSize(small)
		resizeRounds(b, m, small, large, rounds)
	})
	b.Run("flux", func(b *testing.B) {
		m, lead := createInstance(b, spec)
		m.waitForSize(small)
		lead.serve(m) // no rank is ever busy
		resizeRounds(b, m, small, large, rounds)
	})
}

func resizeRounds(b *testing.B, m miniCluster, small, large int32, rounds int) {
	bare := createBareJob(b, newBareJob(newNamespace(b), small))
	copied := createBareJob(b, copyOf(m.job(), newNamespace(b)))
	grow, shrink := newComparison("grow"), newComparison("shrink")
	for i := range rounds + 1 {
		up := measureResize(m, bare, copied, large)
		down := measureResize(m, bare, copied, small)
		if i > 0 {
			grow.add(up)
			shrink.add(down)
		}
	}
	grow.report(b)
	shrink.report(b)
}

// measureResize resizes the MiniCluster, then the bare Jobs.
func measureResize(m miniCluster, bare, copied bareJob, size int32) round {
	var r round
	before := len(requestsIn(m.t, m.key.Namespace))
	began := time.Now()
	m.mustScale(size)
	r.ours = world.kubelet.waitForPods(m.t, m.key.Namespace, int(size), began)
	m.waitForSize(size)
	r.told = time.Since(began)
	waitForJob(m.t, m.key, size)
	r.made = requestsIn(m.t, m.key.Namespace)[before:]
	r.bare = bare.resize(size)
	r.copied = copied.resize(size)
	return r
}

// BenchmarkManyAtOnce makes 100 MiniClusters of 4 ranks, as fast as ten creators
// can.
func BenchmarkManyAtOnce(b *testing.B) {
	const number, size, rounds = 100, 4, 3
	for name, flux := range map[string]bool{"plain": false, "flux": true} {
		b.Run(name, func(b *testing.B) {
			c := newComparison("create")
			for i := range rounds + 1 {
				var r round
				namespace := newNamespace(b)
				began := time.Now()
				createMany(b, number, func(i int) client.Object { return numbered(namespace, i, size, flux) })
				r.ours = world.kubelet.waitForPods(b, namespace, number*size, began)
				waitForAll(b, namespace, number, size)
				r.told = time.Since(began)
				r.made = requestsIn(b, namespace)
				like := partsOf(b, client.ObjectKeyFromObject(numbered(namespace, 0, size, flux)))
				remove(b, &api.MiniCluster{}, namespace)
				r.least = ptr.To(createByHand(b, number, like))
				r.bare = createJobs(b, number, newBareJob(newNamespace(b), size))
				r.copied = createJobs(b, number, copyOf(&like.job, newNamespace(b)))
				if i > 0 {
					c.add(r)
				}
			}
			c.report(b)
			b.ReportMetric(median(c.writes)/number, "writes/MiniCluster")
		})
	}
}

// parts are the fewest objects that make a MiniCluster. What Flux needs is left
// out, and so are events, and a status before the ranks exist.
type parts struct {
	miniCluster api.MiniCluster
	service     corev1.Service
	job         batchv1.Job
}

func partsOf(b *testing.B, key types.NamespacedName) parts {
	b.Helper()
	var p parts
	for _, o := range []client.Object{&p.miniCluster, &p.service, &p.job} {
		if err := world.client.Get(b.Context(), key, o); err != nil {
			b.Fatalf("get %T: %v", o, err)
		}
	}
	return p
}

// createByHand makes such objects without an operator and removes them again. It
// has as many creators as the operator has workers.
func createByHand(b *testing.B, number int, like parts) moments {
	b.Helper()
	world.operators.current().stop()
	defer startOperator(b)
	namespace := newNamespace(b)
	began := time.Now()
	forEach(b, number, func(ctx context.Context, i int) error {
		suffix := "-" + strconv.Itoa(i)
		mc := &api.MiniCluster{Spec: like.miniCluster.Spec}
		mc.Namespace, mc.Name = namespace, like.miniCluster.Name+suffix
		service := &corev1.Service{Spec: *like.service.Spec.DeepCopy()}
		service.Namespace, service.Name = namespace, like.service.Name+suffix
		job := copyOf(&like.job, namespace)
		job.Name += suffix
		for _, o := range []client.Object{mc, service, job} {
			if err := world.client.Create(ctx, o); err != nil {
				return err
			}
		}
		status := &unstructured.Unstructured{}
		content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&like.miniCluster.Status)
		if err != nil {
			return err
		}
		status.Object = map[string]any{"status": content}
		status.SetGroupVersionKind(api.GroupVersion.WithKind(api.Kind))
		status.SetNamespace(namespace)
		status.SetName(mc.Name)
		return world.client.Status().Apply(ctx, client.ApplyConfigurationFromUnstructured(status), client.FieldOwner("bench"), client.ForceOwnership)
	})
	took := world.kubelet.waitForPods(b, namespace, number*int(*like.job.Spec.Completions), began)
	// The Jobs go first: they have no owner, and their pods go with them.
	for _, kind := range []client.Object{&batchv1.Job{}, &corev1.Service{}, &api.MiniCluster{}} {
		remove(b, kind, namespace)
	}
	return took
}

// createJobs makes as many bare Jobs in the same way, and removes them again.
func createJobs(b *testing.B, number int, like *batchv1.Job) moments {
	b.Helper()
	began := time.Now()
	createMany(b, number, func(i int) client.Object {
		job := like.DeepCopy()
		job.Name += "-" + strconv.Itoa(i)
		return job
	})
	took := world.kubelet.waitForPods(b, like.Namespace, number*int(*like.Spec.Completions), began)
	remove(b, &batchv1.Job{}, like.Namespace)
	return took
}

// BenchmarkAtRest has 200 MiniClusters of 1 rank. It starts an operator for them,
// and watches it for a minute in which nothing happens.
func BenchmarkAtRest(b *testing.B) {
	needWorld(b)
	const number, size = 200, 1
	world.operators.current().stop()
	fresh := startOperator(b)
	waitForRest(b)
	empty := fresh.residentMiB(b)
	namespace := newNamespace(b)
	createMany(b, number, func(i int) client.Object { return numbered(namespace, i, size, true) })
	waitForAll(b, namespace, number, size)
	waitForRest(b)
	watchAtRest(b, fresh)
	b.ReportMetric(empty, "MiB-empty")
	remove(b, &api.MiniCluster{}, namespace)
}

// watchAtRest watches the operator for a minute, and reports its requests and its memory.
func watchAtRest(b *testing.B, o *operator) {
	b.Helper()
	before := len(requests(b))
	<-time.After(time.Minute) // what is measured is that time passes
	var reads, writes, lease float64
	for _, r := range requests(b)[before:] {
		switch {
		case r.resource == "leases":
			lease++
		case r.isWrite():
			writes++
		case r.isRead():
			reads++
		}
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(reads, "reads/min")
	b.ReportMetric(writes, "writes/min")
	b.ReportMetric(lease, "lease-requests/min")
	b.ReportMetric(o.residentMiB(b), "MiB")
}

// BenchmarkQueuesAtRest has 1,000 MiniClusters of 1 rank that follow their queues, whose
// leads hold their answers back. It starts an operator for them, and watches it for a
// minute in which nothing happens.
func BenchmarkQueuesAtRest(b *testing.B) {
	needWorld(b)
	const number, atOnce = 1000, 50
	namespace := newNamespace(b)
	leads := make([]*lead, number)
	at := func(i int) miniCluster {
		return miniCluster{b, client.ObjectKeyFromObject(numbered(namespace, i, 1, true))}
	}
	for from := 0; from < number; from += atOnce {
		createMany(b, atOnce, func(i int) client.Object {
			leads[from+i] = newLead(b)
			mc := numbered(namespace, from+i, 1, true)
			mc.Spec.Pod.Annotations = map[string]string{leadAddress: leads[from+i].address}
			return mc
		})
		waitForAll(b, namespace, from+atOnce, 1)
	}
	world.operators.current().stop()
	forEach(b, number, func(_ context.Context, i int) error {
		leads[i].has(demand{up: 1})
		leads[i].serve(at(i))
		at(i).change(func(spec *api.MiniClusterSpec) { spec.Autoscaling.Queue = &api.QueueAutoscaling{} })
		return nil
	})
	fresh := startOperator(b)
	eventually(b, func() error {
		for i, lead := range leads {
			if n := lead.questions(); n < 2 {
				return fmt.Errorf("lead %d was asked %d times", i, n)
			}
		}
		return nil
	})
	waitForRest(b)
	asked := questionsTo(leads)
	watchAtRest(b, fresh)
	b.ReportMetric(float64(questionsTo(leads)-asked), "questions/min")
	// One by one: all at once take the API server longer than it gives a request.
	forEach(b, number, func(ctx context.Context, i int) error {
		return world.client.Delete(ctx, numbered(namespace, i, 1, true), client.PropagationPolicy("Background"))
	})
	world.kubelet.waitForReady(b, namespace, 0)
}

// questionsTo is how often all leads were asked for their queues.
func questionsTo(leads []*lead) int {
	sum := 0
	for _, lead := range leads {
		sum += lead.questions()
	}
	return sum
}

// BenchmarkNode measures only the stand-in for nodes, with 200 pods that wait for
// it.
func BenchmarkNode(b *testing.B) {
	if os.Getenv(kwokVariable) != "" {
		b.Skip("kwok's nodes replace the stand-in")
	}
	const pods, rounds = 200, 3
	var start []time.Duration
	for range rounds + 1 {
		namespace := newNamespace(b)
		release := world.kubelet.hold(namespace)
		if err := world.client.Create(b.Context(), newBareJob(namespace, pods)); err != nil {
			b.Fatal(err)
		}
		eventually(b, func() error {
			if n := len(world.kubelet.podsIn(namespace)); n != pods {
				return fmt.Errorf("%d pods, want %d", n, pods)
			}
			return nil
		})
		began := time.Now()
		release()
		world.kubelet.waitForReady(b, namespace, pods)
		start = append(start, time.Since(began))
		remove(b, &batchv1.Job{}, namespace)
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(milliseconds(median(start[1:])), "start-ms")
}

// createMany creates objects by ten creators at a time.
func createMany(b *testing.B, number int, object func(i int) client.Object) {
	b.Helper()
	forEach(b, number, func(ctx context.Context, i int) error { return world.client.Create(ctx, object(i)) })
}

// forEach calls do for 0 to number-1, ten at a time.
func forEach(b *testing.B, number int, do func(ctx context.Context, i int) error) {
	b.Helper()
	ctx := b.Context()
	numbers := make(chan int)
	errs := make(chan error, number)
	var creators sync.WaitGroup
	for range 10 {
		creators.Go(func() {
			for i := range numbers {
				errs <- do(ctx, i)
			}
		})
	}
	for i := range number {
		numbers <- i
	}
	close(numbers)
	creators.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			b.Fatal(err)
		}
	}
}

func numbered(namespace string, i int, size int32, flux bool) *api.MiniCluster {
	mc := &api.MiniCluster{Spec: api.MiniClusterSpec{
		Size: size, MaxSize: size,
		Containers: []api.Container{{Image: "example.org/image:1", Command: "work --hard"}},
		Flux:       api.Flux{Enabled: ptr.To(flux)},
	}}
	mc.Namespace, mc.Name = namespace, name+"-"+strconv.Itoa(i)
	return mc
}

// waitForAll waits until all MiniClusters of a namespace say that they are ready.
func waitForAll(b *testing.B, namespace string, number int, size int32) {
	b.Helper()
	eventually(b, func() error {
		var list api.MiniClusterList
		if err := world.client.List(b.Context(), &list, client.InNamespace(namespace)); err != nil {
			return err
		}
		ready := 0
		for _, mc := range list.Items {
			if mc.Status.Ready == size && mc.Status.Size == size {
				ready++
			}
		}
		if ready != number {
			return fmt.Errorf("%d of %d MiniClusters are ready", ready, number)
		}
		return nil
	})
}

// remove deletes all objects of a kind in a namespace, and waits for their pods.
func remove(b *testing.B, kind client.Object, namespace string) {
	b.Helper()
	err := world.client.DeleteAllOf(context.WithoutCancel(b.Context()), kind, client.InNamespace(namespace), client.PropagationPolicy("Background"))
	if err != nil {
		b.Fatalf("delete all: %v", err)
	}
	world.kubelet.waitForReady(b, namespace, 0)
}
