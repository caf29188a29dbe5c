package controller

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	networkingv1ac "k8s.io/client-go/applyconfigurations/networking/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
	"github.com/gopherlocks/gopherlocks/operator/internal/build"
	"github.com/gopherlocks/gopherlocks/operator/internal/plan"
)

// partKinds are the kinds of the objects that ranks need besides Job, Service and
// Secret. Of those that are ours, the metadata are watched.
var partKinds = []client.Object{
	&corev1.ServiceAccount{},
	&rbacv1.Role{},
	&rbacv1.RoleBinding{},
	&appsv1.Deployment{},
	&networkingv1.NetworkPolicy{},
	&policyv1.PodDisruptionBudget{},
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

// partsOf returns the parts of all partKinds.
func partsOf(mc *api.MiniCluster, s build.Settings) ([]part, error) {
	services, err := build.ServicesPod(mc)
	if err != nil {
		return nil, err
	}
	account, role, binding := build.SelfScaling(mc)
	var parts []part
	for i, config := range []named{account, role, binding, services, build.NetworkPolicy(mc, s), build.DisruptionBudget(mc)} {
		// A MiniCluster does without what a builder returns a nil pointer for.
		if reflect.ValueOf(config).IsNil() {
			config = nil
		}
		parts = append(parts, part{partKinds[i], config})
	}
	return parts, nil
}

// version tells two contents of an object apart, by its metadata alone. Where the API
// server counts the changes of what it is to be, what it is does not matter.
type version struct {
	uid     types.UID
	content string
}

func versionOf(o metav1.Object) version {
	if generation := o.GetGeneration(); generation > 0 {
		return version{o.GetUID(), strconv.FormatInt(generation, 10)}
	}
	return version{o.GetUID(), o.GetResourceVersion()}
}

// applied is what is remembered of a part that was applied.
type applied struct {
	version version
	// secret is the Secret that the part is tied to; empty for none.
	secret types.UID
	at     time.Time
}

// isAs tells whether a part is as it was applied.
func (a applied) isAs(seen *metav1.PartialObjectMetadata, mc *api.MiniCluster) bool {
	return seen != nil && versionOf(seen) == a.version && metav1.IsControlledBy(seen, mc) && !a.hasLostSecret(seen)
}

func (a applied) hasLostSecret(seen *metav1.PartialObjectMetadata) bool {
	return a.secret != "" && !slices.ContainsFunc(seen.OwnerReferences, func(o metav1.OwnerReference) bool { return o.UID == a.secret })
}

// catchUpTime is how long the cache may be behind what was applied. Only then is another
// version somebody else's. It is also the least time between two repairs, where somebody
// changes a part again and again.
const catchUpTime = time.Second

// partChanged leaves out events of parts that are as they were: a Deployment's status
// changes with its pods.
func partChanged() predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		return versionOf(e.ObjectOld) != versionOf(e.ObjectNew) || !reflect.DeepEqual(e.ObjectOld.GetOwnerReferences(), e.ObjectNew.GetOwnerReferences())
	}}
}

// repairParts applies the parts again that somebody has deleted or changed since they
// were applied. The Secret comes first: it may be what is missing, and who has deleted the
// one may have deleted the other. The time, when not 0, is after which there may be more of
// them: the cache may be behind.
func (r *reconciler) repairParts(ctx context.Context, o plan.Observed, parts []part) (again time.Duration, err error) {
	mc, repaired := o.MiniCluster, false
	known := r.memory.of(mc)
	var failed []error // What is wrong with one keeps no other away.
	for _, part := range parts {
		if part.Config == nil {
			continue
		}
		seen, err := r.metadataOf(ctx, r.client, mc, part)
		if err != nil {
			failed = append(failed, err)
			continue
		}
		was := known.parts[part.kind]
		if was.isAs(seen, mc) {
			continue
		}
		if wait := was.at.Add(catchUpTime).Sub(o.Now); wait > 0 {
			again = max(again, wait)
			continue
		}
		if seen != nil && was.hasLostSecret(seen) && known.secret == was.secret {
			known.secret = "" // If there is another by now, nobody knows its UID.
		}
		if !repaired {
			repaired = true
			if err := r.createSecret(ctx, o); err != nil {
				failed = append(failed, err)
			}
		}
		name := *part.Config.GetName()
		if err := r.applyPart(ctx, mc, part, o.Now); err != nil {
			failed = append(failed, fmt.Errorf("put back what the ranks need: %w", err))
			continue
		}
		log.FromContext(ctx).Info("Put a part back", "kind", kindOf(part.kind), "name", name, "reason", "somebody has deleted or changed it")
	}
	return again, errors.Join(failed...)
}

// kindOf returns the kind of an object without its group.
func kindOf(o client.Object) string { return reflect.TypeOf(o).Elem().Name() }

// applyPart applies a part, unless somebody else has one of its name.
func (r *reconciler) applyPart(ctx context.Context, mc *api.MiniCluster, p part, now time.Time) error {
	there, err := r.metadataOf(ctx, r.live, mc, p)
	if err != nil {
		return err
	}
	if there != nil {
		if foreign := plan.CheckOwner(mc, kindOf(p.kind), there); foreign != nil {
			return foreign
		}
	}
	var secret types.UID
	if policy, ok := p.Config.(*networkingv1ac.NetworkPolicyApplyConfiguration); ok {
		if secret = r.secretOf(mc, there); secret != "" {
			build.TieToSecret(policy, mc, secret)
		}
	}
	if err = r.client.Apply(ctx, p.Config, ownership...); err != nil {
		return err
	}
	// The answer is in the configuration.
	data, err := json.Marshal(p.Config)
	if err != nil {
		return fmt.Errorf("encode the %s: %w", kindOf(p.kind), err)
	}
	var answer metav1.PartialObjectMetadata
	if err = json.Unmarshal(data, &answer); err != nil {
		return fmt.Errorf("decode the %s: %w", kindOf(p.kind), err)
	}
	known := r.memory.of(mc)
	if known.parts == nil {
		known.parts = map[client.Object]applied{}
	}
	known.parts[p.kind] = applied{versionOf(&answer), secret, now}
	return nil
}

// secretOf returns the Secret that the network policy is to be tied to, also where an
// earlier operator has created it; empty where it is not known.
func (r *reconciler) secretOf(mc *api.MiniCluster, policy *metav1.PartialObjectMetadata) types.UID {
	if created := r.memory.of(mc).secret; created != "" || policy == nil {
		return created
	}
	for _, owner := range policy.OwnerReferences {
		if owner.Kind == "Secret" && owner.Name == build.SecretName(mc) {
			return owner.UID
		}
	}
	return ""
}

// metadataOf reads the metadata of a part; nil when it is not there.
func (r *reconciler) metadataOf(ctx context.Context, reader client.Reader, mc *api.MiniCluster, p part) (*metav1.PartialObjectMetadata, error) {
	kind, err := r.client.GroupVersionKindFor(p.kind)
	if err != nil {
		return nil, err
	}
	there := &metav1.PartialObjectMetadata{}
	there.SetGroupVersionKind(kind)
	err = reader.Get(ctx, types.NamespacedName{Namespace: mc.Namespace, Name: *p.Config.GetName()}, there)
	if client.IgnoreNotFound(err) != nil {
		return nil, fmt.Errorf("get the %s: %w", kind.Kind, err)
	}
	if err != nil {
		return nil, nil
	}
	return there, nil
}
