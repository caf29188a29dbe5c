package controller

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
	"github.com/gopherlocks/gopherlocks/operator/internal/build"
	"github.com/gopherlocks/gopherlocks/operator/internal/credentials"
	"github.com/gopherlocks/gopherlocks/operator/internal/plan"
)

// digest is a hash of objects as they are written; zero for none.
type digest [sha256.Size]byte

// applyPrerequisites makes sure that what the ranks need is there: Secret, side
// services, network policy, disruption budget, permissions; and that nothing is there
// which the spec no longer asks for. newRanks tells that no rank uses it yet.
//
// It is done once per run of the operator, and whenever the prerequisites change.
// Nobody watches these objects: what is read of one, before it is written, is whose
// it is. One that somebody deletes comes back when the operator starts anew, or its
// MiniCluster changes.
func (r *reconciler) applyPrerequisites(ctx context.Context, mc *api.MiniCluster, newRanks bool) error {
	parts, err := prerequisites(mc, r.settings)
	if err != nil {
		return err
	}
	data, err := json.Marshal(parts)
	if err != nil {
		return fmt.Errorf("encode what the ranks need: %w", err)
	}
	wanted := digest(sha256.Sum256(append(data, build.SecretName(mc)...)))
	if r.memory.of(mc).prerequisites == wanted {
		return nil
	}
	if build.FluxEnabled(mc) {
		if err := r.createSecret(ctx, mc); err != nil {
			return err
		}
	}
	for _, part := range parts {
		if part.Config == nil {
			continue
		}
		if err := r.applyPart(ctx, mc, part); err != nil {
			return fmt.Errorf("apply what the ranks need: %w", err)
		}
	}
	// Of a spec that is the first, nothing is left from an earlier one.
	if mc.Status.ObservedGeneration > 0 {
		if err := r.clear(ctx, mc, parts, newRanks); err != nil {
			return err
		}
	}
	r.memory.of(mc).prerequisites = wanted
	return nil
}

// applyPart applies a part, unless somebody else has one of its name.
func (r *reconciler) applyPart(ctx context.Context, mc *api.MiniCluster, p part) error {
	kind, err := r.client.GroupVersionKindFor(p.kind)
	if err != nil {
		return err
	}
	there := &metav1.PartialObjectMetadata{}
	there.SetGroupVersionKind(kind)
	err = r.live.Get(ctx, types.NamespacedName{Namespace: mc.Namespace, Name: *p.Config.GetName()}, there)
	if client.IgnoreNotFound(err) != nil {
		return err
	}
	if err == nil {
		if foreign := plan.CheckOwner(mc, kind.Kind, there); foreign != nil {
			return foreign
		}
	}
	return r.client.Apply(ctx, p.Config, ownership...)
}

// named is an apply configuration of an object.
type named interface {
	runtime.ApplyConfiguration
	GetName() *string
}

// part is one kind of object that the ranks may need.
type part struct {
	kind client.Object
	// Config is nil where the MiniCluster does without. It is exported for the digest.
	Config named
}

// prerequisites returns the parts, less the Secret.
func prerequisites(mc *api.MiniCluster, s build.Settings) ([]part, error) {
	services, err := build.ServicesPod(mc)
	if err != nil {
		return nil, err
	}
	account, role, binding := build.SelfScaling(mc)
	parts := []part{
		{&corev1.ServiceAccount{}, account},
		{&rbacv1.Role{}, role},
		{&rbacv1.RoleBinding{}, binding},
		{&appsv1.Deployment{}, services},
		{&networkingv1.NetworkPolicy{}, build.NetworkPolicy(mc, s)},
		{&policyv1.PodDisruptionBudget{}, build.DisruptionBudget(mc)},
	}
	for i := range parts {
		// A MiniCluster does without what a builder returns a nil pointer for.
		if reflect.ValueOf(parts[i].Config).IsNil() {
			parts[i].Config = nil
		}
	}
	return parts, nil
}

// clear deletes what the spec no longer asks for. For all but the side services, a
// change that takes them away starts the ranks anew, so that it is done before new
// ones begin and need not be done for those that run.
func (r *reconciler) clear(ctx context.Context, mc *api.MiniCluster, parts []part, newRanks bool) error {
	for _, part := range parts {
		_, services := part.kind.(*appsv1.Deployment)
		if part.Config != nil || !services && !newRanks {
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

// deleteEarlierServices deletes headless Services of other names than the spec's.
func (r *reconciler) deleteEarlierServices(ctx context.Context, mc *api.MiniCluster) error {
	var services corev1.ServiceList
	if err := r.client.List(ctx, &services, client.InNamespace(mc.Namespace), client.MatchingLabels(build.Labels(mc.Name))); err != nil {
		return fmt.Errorf("list the Services: %w", err)
	}
	for i := range services.Items {
		service := &services.Items[i]
		if service.Name == build.ServiceName(mc) || !metav1.IsControlledBy(service, mc) {
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

// createSecret makes the MiniCluster's Secret. An existing one is left as it is:
// nothing else has its name, its content never changes, and the operator may not
// read it.
func (r *reconciler) createSecret(ctx context.Context, mc *api.MiniCluster) error {
	c, err := deriveCredentials(r.key, mc)
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
	return nil
}

// deriveCredentials returns the MiniCluster's, with a CURVE certificate also where
// it has one of its user's.
func deriveCredentials(key []byte, mc *api.MiniCluster) (credentials.Credentials, error) {
	return credentials.Derive(key, credentials.MiniCluster{Name: mc.Name, UID: string(mc.UID), Created: mc.CreationTimestamp.Time})
}
