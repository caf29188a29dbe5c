// Package cluster reads from a Kubernetes cluster what a resize plan is made from.
// It only reads. What it may not read is reported as unknown, with the reason.
package cluster

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/discovery"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
	"github.com/gopherlocks/gopherlocks/operator/whatif"
	"github.com/gopherlocks/gopherlocks/resizeplan"
)

// requestTimeout bounds a request: a user waits for the plan.
const requestTimeout = 10 * time.Second

// pageSize is how many pods are asked for at a time.
const pageSize = 1000

// Cluster reads from one cluster.
type Cluster struct {
	config *rest.Config
	client client.Client
	// major and minor are the version of Kubernetes.
	major, minor int
}

// Connect connects to the cluster of a kubeconfig's content. If that is empty, it
// takes the cluster that kubectl would use. It asks for the version of Kubernetes,
// so a cluster that does not answer is noticed here.
func Connect(kubeconfig string) (*Cluster, error) {
	config, err := restConfig(kubeconfig)
	if err != nil {
		return nil, err
	}
	config.Timeout = requestTimeout
	c := &Cluster{config: config}
	versions, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return nil, err
	}
	version, err := versions.ServerVersion()
	if err != nil {
		return nil, fmt.Errorf("the cluster does not answer: %w", err)
	}
	c.major, c.minor = leadingNumber(version.Major), leadingNumber(version.Minor)
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, api.AddToScheme} {
		if err = add(scheme); err != nil {
			return nil, fmt.Errorf("types of the API: %w", err)
		}
	}
	if c.client, err = client.New(config, client.Options{Scheme: scheme}); err != nil {
		return nil, fmt.Errorf("client of the cluster: %w", err)
	}
	return c, nil
}

func restConfig(kubeconfig string) (*rest.Config, error) {
	if kubeconfig != "" {
		config, err := clientcmd.RESTConfigFromKubeConfig([]byte(kubeconfig))
		if err != nil {
			return nil, fmt.Errorf("the stack's kubeconfig: %w", err)
		}
		return config, nil
	}
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, nil).ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("the stack has no output kubeconfig, and the environment no kubeconfig: %w", err)
	}
	return config, nil
}

// leadingNumber reads the number that text begins with: providers of Kubernetes
// have minor versions such as "34+".
func leadingNumber(text string) int {
	end := strings.IndexFunc(text, func(r rune) bool { return r < '0' || r > '9' })
	if end >= 0 {
		text = text[:end]
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0
	}
	return n
}

// Look reads all that concerns the MiniClusters, for all of them at once.
func (c *Cluster) Look(ctx context.Context, miniClusters []resizeplan.Key) resizeplan.Live {
	live := resizeplan.Live{MiniClusters: map[resizeplan.Key]resizeplan.LiveMiniCluster{}}
	var looking sync.WaitGroup
	looking.Go(func() { live.Nodes = c.nodes(ctx) })
	found := make([]resizeplan.LiveMiniCluster, len(miniClusters))
	for i, key := range miniClusters {
		looking.Go(func() { found[i] = c.miniCluster(ctx, key) })
	}
	looking.Wait()
	for i, key := range miniClusters {
		live.MiniClusters[key] = found[i]
	}
	return live
}

// miniCluster reads one MiniCluster and what belongs to it.
func (c *Cluster) miniCluster(ctx context.Context, key resizeplan.Key) resizeplan.LiveMiniCluster {
	found := resizeplan.LiveMiniCluster{Live: whatif.Live{Now: time.Now(), Major: c.major, Minor: c.minor}}
	var hpas autoscalingv2.HorizontalPodAutoscalerList
	var reading sync.WaitGroup
	reading.Go(func() {
		if err := c.client.List(ctx, &hpas, client.InNamespace(key.Namespace)); err != nil {
			found.AutoscalersUnknown = err.Error()
		}
	})
	err := c.read(ctx, key, &found.Live)
	reading.Wait()
	if err != nil {
		found.Unknown = err.Error()
	}
	found.Autoscalers = hpas.Items
	return found
}

// read fills in the objects. It reads the others even without a MiniCluster: they
// may be in the way of a new one.
func (c *Cluster) read(ctx context.Context, key resizeplan.Key, live *whatif.Live) error {
	mc, service, job, pods := &api.MiniCluster{}, &corev1.Service{}, &batchv1.Job{}, &corev1.PodList{}
	exists, err := c.get(ctx, key, mc)
	if err != nil {
		return err
	}
	serviceKey := key
	if exists {
		live.MiniCluster = mc
		serviceKey.Name = whatif.ServiceName(mc)
	}
	var hasService, hasJob bool
	errs := make([]error, 3)
	var reading sync.WaitGroup
	reading.Go(func() { hasService, errs[0] = c.get(ctx, serviceKey, service) })
	reading.Go(func() { hasJob, errs[1] = c.get(ctx, key, job) })
	reading.Go(func() {
		errs[2] = c.client.List(ctx, pods, client.InNamespace(key.Namespace), client.MatchingLabels(whatif.RankLabels(key.Name)))
	})
	reading.Wait()
	for _, err := range errs {
		if err != nil {
			live.MiniCluster = nil // the planner would take a part of the objects for all of them
			return err
		}
	}
	if hasService {
		live.Service = service
	}
	if hasJob {
		live.Job = job
	}
	live.Pods = pods.Items
	return nil
}

// get reads an object. found is also false if the cluster does not know its type
// yet.
func (c *Cluster) get(ctx context.Context, key resizeplan.Key, object client.Object) (found bool, err error) {
	err = c.client.Get(ctx, key, object)
	if apierrors.IsNotFound(err) || meta.IsNoMatchError(err) {
		return false, nil
	}
	return err == nil, err
}

// nodes reads the nodes and the pods on them that have not ended.
func (c *Cluster) nodes(ctx context.Context) resizeplan.Nodes {
	var nodes corev1.NodeList
	if err := c.client.List(ctx, &nodes); err != nil {
		return resizeplan.Nodes{Unknown: err.Error()}
	}
	running := fields.AndSelectors(
		fields.OneTermNotEqualSelector("spec.nodeName", ""),
		fields.OneTermNotEqualSelector("status.phase", string(corev1.PodSucceeded)),
		fields.OneTermNotEqualSelector("status.phase", string(corev1.PodFailed)))
	found := resizeplan.Nodes{Nodes: nodes.Items}
	for page := (&corev1.PodList{}); ; {
		options := &client.ListOptions{FieldSelector: running, Limit: pageSize, Continue: page.Continue}
		page = &corev1.PodList{}
		if err := c.client.List(ctx, page, options); err != nil {
			return resizeplan.Nodes{Unknown: err.Error()}
		}
		found.Pods = append(found.Pods, page.Items...)
		if page.Continue == "" {
			return found
		}
	}
}
