package controller

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"sync"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
	"github.com/gopherlocks/gopherlocks/operator/internal/build"
	"github.com/gopherlocks/gopherlocks/operator/internal/credentials"
	"github.com/gopherlocks/gopherlocks/operator/internal/fluxconf"
	"github.com/gopherlocks/gopherlocks/operator/internal/plan"
)

// foundations remembers what each MiniCluster stands on was applied: once per run
// of the operator and whenever it changes. Nobody watches these objects, so that
// the operator needs no permission to read them. One that somebody deletes comes
// back when the operator starts anew, or its MiniCluster changes.
type foundations struct {
	mu   sync.Mutex
	laid map[types.NamespacedName][sha256.Size]byte
}

func (f *foundations) has(key types.NamespacedName, sum [sha256.Size]byte) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	laid, ok := f.laid[key]
	return ok && laid == sum
}

func (f *foundations) set(key types.NamespacedName, sum [sha256.Size]byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.laid == nil {
		f.laid = map[types.NamespacedName][sha256.Size]byte{}
	}
	f.laid[key] = sum
}

func (f *foundations) drop(key types.NamespacedName) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.laid, key)
}

// lay makes sure that what the ranks stand on is there: Secret, side services,
// network policy, disruption budget, permissions.
func (r *reconciler) lay(ctx context.Context, mc *api.MiniCluster) error {
	objects, err := foundation(mc, r.settings)
	if err != nil {
		return err
	}
	data, err := json.Marshal(objects)
	if err != nil {
		return fmt.Errorf("encode what the ranks stand on: %w", err)
	}
	key := client.ObjectKeyFromObject(mc)
	sum := sha256.Sum256(append(data, mc.UID+types.UID(build.SecretName(mc))...))
	if r.founded.has(key, sum) {
		return nil
	}
	if build.FluxEnabled(mc) {
		if err := r.createSecret(ctx, mc); err != nil {
			return err
		}
	}
	for _, object := range objects {
		if err := r.client.Apply(ctx, object, client.FieldOwner(plan.FieldManager), client.ForceOwnership); err != nil {
			return fmt.Errorf("apply what the ranks stand on: %w", err)
		}
	}
	r.founded.set(key, sum)
	return nil
}

// foundation returns the objects, less the Secret.
func foundation(mc *api.MiniCluster, s build.Settings) ([]runtime.ApplyConfiguration, error) {
	services, err := build.ServicesPod(mc)
	if err != nil {
		return nil, err
	}
	account, role, binding := build.SelfScaling(mc)
	var objects []runtime.ApplyConfiguration
	for _, object := range []runtime.ApplyConfiguration{
		account, role, binding, services, build.NetworkPolicy(mc, s), build.DisruptionBudget(mc),
	} {
		// A MiniCluster does without what a builder returns a nil pointer for.
		if !reflect.ValueOf(object).IsNil() {
			objects = append(objects, object)
		}
	}
	return objects, nil
}

// createSecret makes the MiniCluster's Secret. An existing one is left as it is:
// its content never changes, and the operator may not read it.
func (r *reconciler) createSecret(ctx context.Context, mc *api.MiniCluster) error {
	c, err := r.credentials(mc)
	if err != nil {
		return err
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
	if err := json.Unmarshal(data, secret); err != nil {
		return errors.New("decode the Secret")
	}
	err = r.client.Create(ctx, secret, client.FieldOwner(plan.FieldManager))
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("create the Secret %s: %w", secret.Name, err)
	}
	return nil
}

// credentials returns the MiniCluster's: derived, but for a certificate of the
// user's own.
func (r *reconciler) credentials(mc *api.MiniCluster) (credentials.Credentials, error) {
	c, err := credentials.Derive(r.key, credentials.MiniCluster{Name: mc.Name, UID: string(mc.UID), Created: mc.CreationTimestamp.Time})
	if err != nil {
		return c, err
	}
	if own := mc.Spec.Flux.CurveCert; own != "" {
		if err := fluxconf.CheckCurve(own); err != nil {
			return c, fmt.Errorf("flux.curveCert: %w", err)
		}
		c.Curve = own
	}
	return c, nil
}
