package standin

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
)

// demoName is the MiniCluster of the demo.
const demoName = "queue-demo"

// patience bounds the waits for ranks that come or go.
const patience = 2 * time.Minute

// Make makes a MiniCluster of the stand-in that scales by its queue, from 1 to 4 ranks,
// beside one that is there and whose image it takes. It returns when the lead is ready.
// What is returned is never nil: it removes what was made, and waits until that has gone.
func Make(ctx context.Context, restConfig *rest.Config, beside client.ObjectKey, programs string) (made client.ObjectKey, remove func(context.Context) error, err error) {
	nothing := func(context.Context) error { return nil }
	made = client.ObjectKey{Namespace: beside.Namespace, Name: demoName}
	if _, err = os.Stat(filepath.Join(programs, "flux")); err != nil {
		return made, nothing, fmt.Errorf("folder of the stand-in: %w", err)
	}
	c, err := newClient(restConfig)
	if err != nil {
		return made, nothing, err
	}
	var other v1alpha2.MiniCluster
	if err := c.Get(ctx, beside, &other); err != nil {
		return made, nothing, fmt.Errorf("MiniCluster %s, beside which the stand-in is to run (run \"make up\" first): %w", beside, err)
	}
	// An instance goes on with the state that it finds. After a demo that was killed
	// there may be one.
	state := filepath.Join(programs, InstanceFolder(demoName))
	if err := os.RemoveAll(state); err != nil {
		return made, nothing, err
	}
	m := MiniCluster(made.Namespace, made.Name, demoSpec(), Place{Image: other.Spec.Containers[0].Image, Programs: programs, Resolve: resolve})
	if err := c.Create(ctx, m); err != nil {
		return made, nothing, fmt.Errorf("making MiniCluster %s (if an earlier demo has left it, delete it): %w", made, err)
	}
	remove = func(ctx context.Context) error { return errors.Join(destroy(ctx, c, m), os.RemoveAll(state)) }
	return made, remove, awaitReady(ctx, c, made)
}

// demoSpec shrinks soon, so that the demo shows it soon.
func demoSpec() v1alpha2.MiniClusterSpec {
	return v1alpha2.MiniClusterSpec{
		Size: 1, MinSize: 1, MaxSize: 4, Interactive: true,
		Autoscaling: v1alpha2.Autoscaling{Queue: &v1alpha2.QueueAutoscaling{IdleSeconds: ptr.To[int32](10)}},
	}
}

func newClient(restConfig *rest.Config) (client.Client, error) {
	scheme := runtime.NewScheme()
	if err := errors.Join(corev1.AddToScheme(scheme), v1alpha2.AddToScheme(scheme)); err != nil {
		return nil, fmt.Errorf("types of the API: %w", err)
	}
	c, err := client.New(restConfig, client.Options{Scheme: scheme})
	if err != nil {
		return nil, fmt.Errorf("client of the cluster: %w", err)
	}
	return c, nil
}

// resolve takes this machine for a node: what brings the programs to the nodes is a
// folder of it.
func resolve(path string) string {
	resolved, err := filepath.EvalSymlinks(path)
	if err != nil {
		return ""
	}
	return resolved
}

func awaitReady(ctx context.Context, c client.Reader, key client.ObjectKey) error {
	last := "nothing is known of it yet"
	err := poll(ctx, func(ctx context.Context) (bool, error) {
		var m v1alpha2.MiniCluster
		if err := c.Get(ctx, key, &m); err != nil {
			return false, err
		}
		ready := meta.FindStatusCondition(m.Status.Conditions, v1alpha2.ConditionReady)
		if ready == nil {
			return false, nil
		}
		last = ready.Message
		return ready.Status == "True", nil
	})
	if err != nil {
		return fmt.Errorf("MiniCluster %s is not ready (%s): %w", key, last, err)
	}
	return nil
}

func destroy(ctx context.Context, c client.Client, m *v1alpha2.MiniCluster) error {
	if err := c.Delete(ctx, m); err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("removing MiniCluster %s: %w", client.ObjectKeyFromObject(m), err)
	}
	err := poll(ctx, func(ctx context.Context) (bool, error) {
		var pods corev1.PodList
		err := c.List(ctx, &pods, client.InNamespace(m.Namespace), client.MatchingLabels{v1alpha2.LabelMiniCluster: m.Name})
		return len(pods.Items) == 0, err
	})
	if err != nil {
		return fmt.Errorf("waiting for the end of the pods of MiniCluster %s: %w", client.ObjectKeyFromObject(m), err)
	}
	return nil
}

func poll(ctx context.Context, condition wait.ConditionWithContextFunc) error {
	return wait.PollUntilContextTimeout(ctx, 500*time.Millisecond, patience, true, condition)
}
