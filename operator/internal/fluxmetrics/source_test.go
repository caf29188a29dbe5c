package fluxmetrics

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
	"github.com/gopherlocks/gopherlocks/operator/internal/agentapi"
	"github.com/gopherlocks/gopherlocks/operator/internal/credentials"
	"github.com/gopherlocks/gopherlocks/operator/internal/leads"
)

// lead answers with what it has.
type lead struct {
	counts agentapi.Counts
	report agentapi.QueueReport
	err    error
	// gate, when set, holds the answers back.
	gate chan struct{}
	// known is that of the last question about the queue.
	known string
}

func (l *lead) Ask(ctx context.Context, r leads.Request) error {
	if l.gate != nil {
		select {
		case <-l.gate:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	switch answer := r.Answer.(type) {
	case *agentapi.Counts:
		*answer = l.counts
	case *agentapi.QueueReport:
		l.known = r.Body.(agentapi.QueueRequest).Known
		*answer = l.report
	}
	return l.err
}

func (*lead) Close() {}

// world is MiniClusters, and leads by their addresses.
type world struct {
	*Source
	dials atomic.Int32
	leads map[string]*lead
}

func miniCluster(name string, change func(*api.MiniCluster)) *api.MiniCluster {
	mc := &api.MiniCluster{
		ObjectMeta: metav1.ObjectMeta{Namespace: "hpc", Name: name, UID: types.UID(name), Labels: map[string]string{"team": name}},
		Spec:       api.MiniClusterSpec{Size: 1, MinSize: 1, MaxSize: 4},
	}
	if change != nil {
		change(mc)
	}
	return mc
}

// podOf is the lead's pod of a MiniCluster, at an address of its name.
func podOf(name string, change func(*corev1.Pod)) *corev1.Pod {
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "hpc", Name: name + "-0", UID: types.UID(name + "-0"),
			Labels: map[string]string{api.LabelMiniCluster: name, api.LabelRole: api.RoleRank, batchv1.JobCompletionIndexAnnotation: "0"},
		},
		Status: corev1.PodStatus{Phase: corev1.PodRunning, PodIP: name},
	}
	if change != nil {
		change(pod)
	}
	return pod
}

func newWorld(t *testing.T, leadsByHost map[string]*lead, objects ...client.Object) *world {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), api.AddToScheme(scheme)); err != nil {
		t.Fatal(err)
	}
	w := &world{leads: leadsByHost}
	reader := fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).Build()
	w.Source = NewSource(reader, func(context.Context) ([]byte, error) { return make([]byte, credentials.KeySize), nil })
	w.Dial = func(host string, c credentials.Credentials) (leads.Lead, error) {
		w.dials.Add(1)
		if l := leadsByHost[host]; l != nil && c.Token != "" {
			return l, nil
		}
		return nil, fmt.Errorf("nobody is at %s", host)
	}
	return w
}

func busyLead() *lead {
	return &lead{
		counts: agentapi.Counts{Nodes: agentapi.UpAndFree{Up: 2, Free: 1}, Cores: agentapi.UpAndFree{Up: 4, Free: 3}, Jobs: agentapi.JobCounts{Sched: 2, Run: 1}},
		report: agentapi.QueueReport{Revision: "7", Wanted: 3},
	}
}

func TestNumbersAreTheLeads(t *testing.T) {
	w := newWorld(t, map[string]*lead{"a": busyLead()}, miniCluster("a", nil), podOf("a", nil))
	n, err := w.Of(t.Context(), types.NamespacedName{Namespace: "hpc", Name: "a"})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]int64{
		RanksWanted: 3, "node_up_count": 2, "node_free_count": 1, "node_cores_up_count": 4, "node_cores_free_count": 3, "node_gpus_up_count": 0,
		"job_queue_state_sched_count": 2, "job_queue_state_run_count": 1, "job_queue_state_inactive_count": 0,
	} {
		if m, found := Find(name); !found || m.Value(n) != want {
			t.Errorf("%s is %d, want %d", name, m.Value(n), want)
		}
	}
	if _, found := Find("node_down_count"); found || !strings.Contains(Names(), "node_up_count, node_free_count") {
		t.Errorf("the names are %s", Names())
	}
}

func TestWhatIsNotKnownIsNoNumber(t *testing.T) {
	odd := busyLead()
	odd.report.Wanted = 5
	negative := busyLead()
	negative.counts.Cores.Free = -1
	for want, w := range map[string]*world{
		`"a" not found`:            newWorld(t, nil),
		"it runs without Flux":     newWorld(t, nil, miniCluster("a", func(mc *api.MiniCluster) { mc.Spec.Flux.Enabled = ptr.To(false) }), podOf("a", nil)),
		"its lead is not ready":    newWorld(t, nil, miniCluster("a", nil), podOf("b", nil)),
		"its lead is not ready ":   newWorld(t, nil, miniCluster("a", nil), podOf("a", func(p *corev1.Pod) { p.Status.Phase = corev1.PodPending })),
		"nobody is at a":           newWorld(t, nil, miniCluster("a", nil), podOf("a", nil)),
		"at most 4 are allowed":    newWorld(t, map[string]*lead{"a": odd}, miniCluster("a", nil), podOf("a", nil)),
		"no number below 0":        newWorld(t, map[string]*lead{"a": negative}, miniCluster("a", nil), podOf("a", nil)),
		"earlier operator":         newWorld(t, map[string]*lead{"a": {err: &leads.StatusError{Code: 404}}}, miniCluster("a", nil), podOf("a", nil)),
		"does not tell: no answer": newWorld(t, map[string]*lead{"a": {err: errors.New("no answer")}}, miniCluster("a", nil), podOf("a", nil)),
	} {
		if n, err := w.Of(t.Context(), types.NamespacedName{Namespace: "hpc", Name: "a"}); err == nil || !strings.Contains(err.Error(), strings.TrimSpace(want)) {
			t.Errorf("%+v, %v, want an error with %q", n, err, want)
		}
	}
	if _, err := newWorld(t, nil).Of(t.Context(), types.NamespacedName{Name: "a"}); !apierrors.IsNotFound(err) {
		t.Errorf("%v is not the API server's", err)
	}
}

func TestSelectReadsThoseOfFlux(t *testing.T) {
	w := newWorld(t, map[string]*lead{"a": busyLead()}, miniCluster("a", nil), podOf("a", nil), miniCluster("b", nil),
		miniCluster("plain", func(mc *api.MiniCluster) { mc.Spec.Flux.Enabled = ptr.To(false) }))
	readings, err := w.Select(t.Context(), "", labels.Everything())
	if err != nil || len(readings) != 2 {
		t.Fatalf("%+v, %v", readings, err)
	}
	for _, r := range readings {
		if ok := r.MiniCluster.Name == "a"; ok != (r.Err == nil) || ok && r.Numbers.Wanted != 3 {
			t.Errorf("%+v", r)
		}
	}
	if readings, err := w.Select(t.Context(), "hpc", labels.SelectorFromSet(labels.Set{"team": "b"})); err != nil || len(readings) != 1 || readings[0].MiniCluster.Name != "b" {
		t.Errorf("of one team: %+v, %v", readings, err)
	}
	if readings, err := w.Select(t.Context(), "elsewhere", labels.Everything()); err != nil || len(readings) != 0 {
		t.Errorf("of another namespace: %+v, %v", readings, err)
	}
}

// TestOneAnswerIsForAllWhoAsk: at the same time, and for a second.
func TestOneAnswerIsForAllWhoAsk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := busyLead()
		slow.gate = make(chan struct{})
		w := newWorld(t, map[string]*lead{"a": slow}, miniCluster("a", nil), podOf("a", nil))
		errs := make(chan error)
		for range 3 {
			go func() {
				_, err := w.Of(context.Background(), types.NamespacedName{Namespace: "hpc", Name: "a"})
				errs <- err
			}()
		}
		synctest.Wait()
		close(slow.gate)
		for range 3 {
			if err := <-errs; err != nil {
				t.Error(err)
			}
		}
		for after, dials := range []int32{1, 2} {
			time.Sleep(time.Duration(after) * fresh)
			if _, err := w.Of(t.Context(), types.NamespacedName{Namespace: "hpc", Name: "a"}); err != nil || w.dials.Load() != dials {
				t.Errorf("after %d: %d connections, %v, want %d", after, w.dials.Load(), err, dials)
			}
		}
	})
}

func TestSlowLeadIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, map[string]*lead{"a": {gate: make(chan struct{})}}, miniCluster("a", nil), podOf("a", nil))
		start := time.Now()
		_, err := w.Of(t.Context(), types.NamespacedName{Namespace: "hpc", Name: "a"})
		if err == nil || !strings.Contains(err.Error(), "has not answered within 5s") || time.Since(start) != timeout {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
	})
}

// TestFollowTellsOfEachChange, and again once a lead answers that was silent.
func TestFollowTellsOfEachChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := busyLead()
		w := newWorld(t, map[string]*lead{"a": l}, miniCluster("a", nil), podOf("a", nil))
		stop := errors.New("enough")
		var told []int32
		err := w.Follow(t.Context(), types.NamespacedName{Namespace: "hpc", Name: "a"}, func(n Numbers) error {
			told = append(told, n.Wanted)
			switch len(told) {
			case 1:
				l.report = agentapi.QueueReport{Revision: "8", Wanted: 4}
			case 2:
				if l.known != "7" {
					t.Errorf("the lead was asked with revision %q", l.known)
				}
				l.err = errors.New("no answer")
				time.AfterFunc(time.Minute, func() { l.err, l.report.Wanted = nil, 1 })
			case 3:
				return stop
			}
			return nil
		})
		if !errors.Is(err, stop) || fmt.Sprint(told) != "[3 4 1]" {
			t.Errorf("told %v, %v", told, err)
		}
	})
}
