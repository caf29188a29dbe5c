package cluster

import (
	"context"
	"fmt"
	"sync"

	authorizationv1 "k8s.io/api/authorization/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gopherlocks/gopherlocks/declared"
	"github.com/gopherlocks/gopherlocks/preflight"
)

// everything is what an administrator may do. If it is allowed, no more questions
// are needed.
var everything = preflight.Permission{Verb: "*", Resource: declared.Resource{Group: "*", Resource: "*"}}

// Denied returns the needs that are not met, in their order.
func (c *Cluster) Denied(ctx context.Context, needs []preflight.Need) ([]preflight.Denial, error) {
	ctx, cancel := context.WithTimeout(ctx, totalTimeout)
	defer cancel()
	if all, err := c.allowed(ctx, everything); err != nil || all {
		return nil, c.explainReview(err)
	}
	asked := &asked{cluster: c, answers: map[preflight.Permission]bool{}}
	var first, second []preflight.Permission
	for _, n := range needs {
		first = append(first, n.Permission)
	}
	if err := asked.all(ctx, first); err != nil {
		return nil, c.explainReview(err)
	}
	for _, n := range needs {
		if !asked.answers[n.Permission] {
			second = append(second, n.Instead...)
		}
	}
	if err := asked.all(ctx, second); err != nil {
		return nil, c.explainReview(err)
	}
	var denied []preflight.Denial
	for _, n := range needs {
		if asked.answers[n.Permission] {
			continue
		}
		var missing []preflight.Permission
		for _, p := range n.Instead {
			if !asked.answers[p] {
				missing = append(missing, p)
			}
		}
		if len(n.Instead) == 0 || len(missing) > 0 {
			denied = append(denied, preflight.Denial{Permission: n.Permission, Missing: missing})
		}
	}
	return denied, nil
}

// explainReview says what a user needs who may not even ask: a missing answer must
// not count as a permission.
func (c *Cluster) explainReview(err error) error {
	if apierrors.IsForbidden(err) {
		return fmt.Errorf("gopherlocks:context: user %q of context %q may not ask what they may do: have an administrator give them the "+
			"ClusterRole system:basic-user, as everybody has it by default: %w", c.user, c.context, err)
	}
	return c.explain(err)
}

// asked remembers answers, so that nothing is asked twice.
type asked struct {
	cluster *Cluster
	answers map[preflight.Permission]bool
}

// all asks for the permissions that were not asked for yet, several at a time.
func (a *asked) all(ctx context.Context, permissions []preflight.Permission) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var group sync.WaitGroup
	var mu sync.Mutex
	var failed error
	known := map[preflight.Permission]bool{}
	for p := range a.answers {
		known[p] = true
	}
	for _, p := range permissions {
		if known[p] {
			continue
		}
		known[p] = true
		group.Go(func() {
			allowed, err := a.cluster.allowed(ctx, p)
			mu.Lock()
			defer mu.Unlock()
			if err != nil && failed == nil {
				failed = err
				cancel() // The others would fail in the same way, each after its time.
			}
			a.answers[p] = allowed
		})
	}
	group.Wait()
	return failed
}

// allowed asks the API server whether it would allow something. Every user may ask.
func (c *Cluster) allowed(ctx context.Context, p preflight.Permission) (bool, error) {
	defer c.slot()()
	review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{
		ResourceAttributes: &authorizationv1.ResourceAttributes{
			Verb: p.Verb, Group: p.Group, Resource: p.Resource.Resource, Subresource: p.Subresource,
			Namespace: p.Namespace, Name: p.Name,
		},
	}}
	answer, err := c.typed.AuthorizationV1().SelfSubjectAccessReviews().Create(ctx, review, metav1.CreateOptions{})
	if err != nil {
		return false, err
	}
	return answer.Status.Allowed, nil
}

// slot waits for one, and returns what gives it back.
func (c *Cluster) slot() (release func()) {
	c.slots <- struct{}{}
	return func() { <-c.slots }
}
