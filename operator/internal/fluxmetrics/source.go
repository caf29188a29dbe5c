package fluxmetrics

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
	"github.com/gopherlocks/gopherlocks/operator/internal/agentapi"
	"github.com/gopherlocks/gopherlocks/operator/internal/build"
	"github.com/gopherlocks/gopherlocks/operator/internal/credentials"
	"github.com/gopherlocks/gopherlocks/operator/internal/leads"
	"github.com/gopherlocks/gopherlocks/operator/internal/plan"
)

const (
	// fresh is how long numbers are good for all who ask: an autoscaler asks for one metric
	// at a time.
	fresh = time.Second
	// timeout is how long a lead may take to answer.
	timeout = 5 * time.Second
	// mostAsked is how many leads are asked at once.
	mostAsked = 16
)

// Source finds MiniClusters and asks their leads. It asks when it is asked, and does nothing
// in between.
type Source struct {
	// Reader reads MiniClusters and pods.
	Reader client.Reader
	// Key returns the operator's key.
	Key func(context.Context) ([]byte, error)
	// Dial is leads.Dial, but in tests.
	Dial func(host string, c credentials.Credentials) (leads.Lead, error)

	mu    sync.Mutex
	known map[types.UID]*answer
	slots chan struct{}
}

// answer is what one lead has said, or is about to say.
type answer struct {
	done    chan struct{}
	at      time.Time
	numbers Numbers
	err     error
}

// NewSource returns a source that asks leads over the network.
func NewSource(reader client.Reader, key func(context.Context) ([]byte, error)) *Source {
	return &Source{Reader: reader, Key: key, Dial: leads.Dial}
}

// Of returns the numbers of one MiniCluster. Where there is none of the name, the error is
// the API server's.
func (s *Source) Of(ctx context.Context, key types.NamespacedName) (Numbers, error) {
	mc, pods, err := s.find(ctx, key)
	if err != nil {
		return Numbers{}, err
	}
	return s.numbers(ctx, mc, pods)
}

// find reads a MiniCluster and the pods of its lead.
func (s *Source) find(ctx context.Context, key types.NamespacedName) (*api.MiniCluster, []corev1.Pod, error) {
	var mc api.MiniCluster
	if err := s.Reader.Get(ctx, key, &mc); err != nil {
		return nil, nil, err
	}
	var pods corev1.PodList
	if err := s.Reader.List(ctx, &pods, client.InNamespace(key.Namespace), leadsOf(labels.Set{api.LabelMiniCluster: mc.Name})); err != nil {
		return nil, nil, fmt.Errorf("list the lead's pod: %w", err)
	}
	return &mc, pods.Items, nil
}

// Reading is what one MiniCluster is read as: its numbers, or why there are none.
type Reading struct {
	MiniCluster types.NamespacedName
	Numbers     Numbers
	Err         error
}

// Select returns the readings of the MiniClusters of Flux that the selector selects; of a
// namespace, or with "" of all.
func (s *Source) Select(ctx context.Context, namespace string, selector labels.Selector) ([]Reading, error) {
	var found api.MiniClusterList
	if err := s.Reader.List(ctx, &found, client.InNamespace(namespace), client.MatchingLabelsSelector{Selector: selector}); err != nil {
		return nil, fmt.Errorf("list MiniClusters: %w", err)
	}
	var pods corev1.PodList
	if err := s.Reader.List(ctx, &pods, client.InNamespace(namespace), leadsOf(nil)); err != nil {
		return nil, fmt.Errorf("list the leads' pods: %w", err)
	}
	var readings []Reading
	for _, mc := range found.Items {
		if build.FluxEnabled(&mc) {
			readings = append(readings, Reading{MiniCluster: client.ObjectKeyFromObject(&mc)})
		}
	}
	byName := map[types.NamespacedName]*api.MiniCluster{}
	for i := range found.Items {
		byName[client.ObjectKeyFromObject(&found.Items[i])] = &found.Items[i]
	}
	var asked sync.WaitGroup
	for i := range readings {
		asked.Go(func() {
			r := &readings[i]
			r.Numbers, r.Err = s.numbers(ctx, byName[r.MiniCluster], pods.Items)
		})
	}
	asked.Wait()
	return readings, nil
}

// leadsOf selects the pods of leads.
func leadsOf(more labels.Set) client.MatchingLabels {
	return client.MatchingLabels(labels.Merge(labels.Set{api.LabelRole: api.RoleRank, batchv1.JobCompletionIndexAnnotation: "0"}, more))
}

var (
	errNoFlux = errors.New("it runs without Flux, and has no queue")
	errNoLead = errors.New("its lead is not ready")
)

// leadOf returns the pod of the lead, if there is one that could answer.
func leadOf(mc *api.MiniCluster, pods []corev1.Pod) (*corev1.Pod, error) {
	if !build.FluxEnabled(mc) {
		return nil, errNoFlux
	}
	for i := range pods {
		pod := &pods[i]
		if pod.Namespace == mc.Namespace && pod.Labels[api.LabelMiniCluster] == mc.Name &&
			pod.DeletionTimestamp == nil && pod.Status.PodIP != "" && pod.Status.Phase == corev1.PodRunning {
			return pod, nil
		}
	}
	return nil, errNoLead
}

// numbers asks the lead of a MiniCluster, unless somebody else has just done so.
func (s *Source) numbers(ctx context.Context, mc *api.MiniCluster, pods []corev1.Pod) (Numbers, error) {
	pod, err := leadOf(mc, pods)
	if err != nil {
		return Numbers{}, err
	}
	a, mine := s.claim(pod.UID)
	if mine {
		a.numbers, a.err = s.askLead(context.WithoutCancel(ctx), mc, pod.Status.PodIP)
		a.at = time.Now()
		close(a.done)
	}
	select {
	case <-a.done:
		return a.numbers, a.err
	case <-ctx.Done():
		return Numbers{}, context.Cause(ctx)
	}
}

// claim returns what the lead in the pod has just said or is being asked for, or a new
// answer that the caller has to bring.
func (s *Source) claim(pod types.UID) (a *answer, mine bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known == nil {
		s.known, s.slots = map[types.UID]*answer{}, make(chan struct{}, mostAsked)
	}
	for other, a := range s.known {
		select {
		case <-a.done:
			if time.Since(a.at) >= fresh {
				delete(s.known, other)
			}
		default:
		}
	}
	if a = s.known[pod]; a != nil {
		return a, false
	}
	a = &answer{done: make(chan struct{})}
	s.known[pod] = a
	return a, true
}

func (s *Source) askLead(ctx context.Context, mc *api.MiniCluster, host string) (Numbers, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, fmt.Errorf("its lead has not answered within %v", timeout))
	defer cancel()
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	case <-ctx.Done():
		return Numbers{}, context.Cause(ctx)
	}
	lead, err := s.dial(ctx, mc, host)
	if err != nil {
		return Numbers{}, err
	}
	defer lead.Close()
	n, _, err := ask(ctx, lead, agentapi.QueueRequest{MaxSize: maximumOf(mc)})
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		return Numbers{}, fmt.Errorf("its lead does not tell: %w", err)
	}
	return n, nil
}

func (s *Source) dial(ctx context.Context, mc *api.MiniCluster, host string) (leads.Lead, error) {
	key, err := s.Key(ctx)
	if err != nil {
		return nil, err
	}
	known, err := leads.CredentialsOf(key, mc)
	if err != nil {
		return nil, err
	}
	return s.Dial(host, known)
}

func maximumOf(mc *api.MiniCluster) int32 { return int32(plan.SizesOf(mc).Bounds().Max) }
