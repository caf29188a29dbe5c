package controller

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
	"github.com/gopherlocks/gopherlocks/operator/internal/build"
	"github.com/gopherlocks/gopherlocks/operator/internal/leads"
	"github.com/gopherlocks/gopherlocks/operator/internal/plan"
)

// digest is a hash of objects as they are written; zero for none.
type digest [sha256.Size]byte

// applyPrerequisites makes sure that what the ranks need is there: Secret, side
// services, network policy, disruption budget, permissions; and that nothing is there
// which the spec no longer asks for. newRanks tells that no rank uses it yet.
//
// It is done once per run of the operator, and whenever the prerequisites change. Since
// then it only puts back what somebody has deleted or changed. The time, when not 0, is
// after which it is to be looked at again.
func (r *reconciler) applyPrerequisites(ctx context.Context, o plan.Observed, newRanks bool) (again time.Duration, err error) {
	mc := o.MiniCluster
	parts, err := partsOf(mc, r.settings)
	if err != nil {
		return 0, err
	}
	data, err := json.Marshal(parts)
	if err != nil {
		return 0, fmt.Errorf("encode what the ranks need: %w", err)
	}
	wanted := digest(sha256.Sum256(append(data, build.SecretName(mc)...)))
	known := r.memory.of(mc)
	if known.prerequisites == wanted {
		return r.repairParts(ctx, o, parts)
	}
	if err := r.createSecret(ctx, o); err != nil {
		return 0, err
	}
	for _, part := range parts {
		if part.Config == nil {
			continue
		}
		if err := r.applyPart(ctx, mc, part, o.Now); err != nil {
			return 0, fmt.Errorf("apply what the ranks need: %w", err)
		}
	}
	// Of a spec that is the first, nothing is left from an earlier one.
	if mc.Status.ObservedGeneration > 0 {
		if err := r.clear(ctx, mc, parts, newRanks); err != nil {
			return 0, err
		}
	}
	known.prerequisites = wanted
	return 0, nil
}

// clear deletes what the spec no longer asks for. For all but the side services and the
// disruption budget, a change that takes them away starts the ranks anew, so that it is
// done before new ones begin and need not be done for those that run.
func (r *reconciler) clear(ctx context.Context, mc *api.MiniCluster, parts []part, newRanks bool) error {
	for _, part := range parts {
		atAnyTime := false
		switch part.kind.(type) {
		case *appsv1.Deployment, *policyv1.PodDisruptionBudget:
			atAnyTime = true
		}
		if part.Config != nil || !atAnyTime && !newRanks {
			continue
		}
		if err := r.deleteAll(ctx, mc, part.kind); err != nil {
			return err
		}
	}
	if newRanks {
		return r.deleteEarlierServices(ctx, mc)
	}
	return nil
}

// deleteEarlierServices deletes Services of other names than the spec's: an earlier
// headless one, and those of containers that are beside the rank no more.
func (r *reconciler) deleteEarlierServices(ctx context.Context, mc *api.MiniCluster) error {
	wanted := []string{build.ServiceName(mc)}
	for _, service := range build.SideServices(mc) {
		wanted = append(wanted, *service.Name)
	}
	var services corev1.ServiceList
	if err := r.client.List(ctx, &services, client.InNamespace(mc.Namespace), client.MatchingLabels(build.Labels(mc.Name))); err != nil {
		return fmt.Errorf("list the Services: %w", err)
	}
	for i := range services.Items {
		service := &services.Items[i]
		if slices.Contains(wanted, service.Name) || !metav1.IsControlledBy(service, mc) {
			continue
		}
		err := r.client.Delete(ctx, service, client.Preconditions{UID: &service.UID})
		if client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("delete the earlier Service %s: %w", service.Name, err)
		}
	}
	return nil
}

// deleteAll deletes the MiniCluster's objects of a kind by their labels, so that
// nobody else's of the same name is deleted, and nothing must be read.
func (r *reconciler) deleteAll(ctx context.Context, mc *api.MiniCluster, kind client.Object) error {
	err := r.client.DeleteAllOf(ctx, kind, client.InNamespace(mc.Namespace), client.MatchingLabels(build.Labels(mc.Name)))
	if err != nil {
		return fmt.Errorf("delete by labels, as %T: %w", kind, err)
	}
	return nil
}

// createSecret makes the Secret of a MiniCluster of Flux. An existing one is left as it
// is: nothing else has its name, its content never changes, and the operator may not
// read it.
func (r *reconciler) createSecret(ctx context.Context, o plan.Observed) error {
	mc := o.MiniCluster
	if !build.FluxEnabled(mc) {
		return nil
	}
	c, err := leads.CredentialsOf(r.key, mc)
	if err != nil {
		return err
	}
	if own := mc.Spec.Flux.CurveCert; own != "" {
		c.Curve = own
	}
	config, err := build.Secret(mc, build.SecretContent{Curve: c.Curve, Token: c.Token, TLSCert: c.CertPEM, TLSKey: c.KeyPEM})
	if err != nil {
		return err
	}
	data, err := json.Marshal(config)
	if err != nil {
		return errors.New("encode the Secret") // The error could hold some of it.
	}
	secret := &corev1.Secret{}
	if err = json.Unmarshal(data, secret); err != nil {
		return errors.New("decode the Secret")
	}
	err = r.client.Create(ctx, secret, client.FieldOwner(plan.FieldManager))
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("create the Secret %s: %w", secret.Name, err)
	}
	if err == nil && o.Job != nil {
		log.FromContext(ctx).Info("Put a part back", "kind", "Secret", "name", secret.Name, "reason", "somebody has deleted it")
	}
	if err == nil {
		r.memory.of(mc).secret = secret.UID
	}
	r.memory.of(mc).secretSeen = o.Now
	return nil
}
