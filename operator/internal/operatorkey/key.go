// Package operatorkey keeps the operator's key: a Secret in the operator's own namespace.
// With it the operator knows the credentials of all MiniClusters. Who deletes it cuts the
// operator off from the leads that run, until their Jobs are made anew.
package operatorkey

import (
	"context"
	"crypto/rand"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gopherlocks/gopherlocks/operator/internal/credentials"
)

const (
	secretName = "gopherlocks-operator-key"
	entry      = "key"
)

// Load returns the key, and makes it the first time. Of two operators that do so at once,
// one makes it and both read the same.
func Load(ctx context.Context, c client.Client, namespace string) ([]byte, error) {
	fresh := make([]byte, credentials.KeySize)
	_, _ = rand.Read(fresh) // Never fails: see crypto/rand.
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: secretName, Namespace: namespace},
		Immutable:  ptr.To(true),
		Data:       map[string][]byte{entry: fresh},
	}
	err := c.Create(ctx, secret)
	switch {
	case apierrors.IsAlreadyExists(err):
		return Read(ctx, c, namespace)
	case err != nil:
		return nil, fmt.Errorf("create the operator's key, Secret %s/%s: %w", namespace, secretName, err)
	}
	return fresh, nil
}

// Read returns the key, which the operator has made.
func Read(ctx context.Context, c client.Reader, namespace string) ([]byte, error) {
	secret := &corev1.Secret{}
	err := c.Get(ctx, client.ObjectKey{Namespace: namespace, Name: secretName}, secret)
	if apierrors.IsNotFound(err) {
		return nil, fmt.Errorf("the operator has no key yet, Secret %s/%s: it makes one when it starts; check that it runs in this namespace", namespace, secretName)
	}
	if err != nil {
		return nil, fmt.Errorf("get the operator's key, Secret %s/%s: %w", namespace, secretName, err)
	}
	key := secret.Data[entry]
	if len(key) != credentials.KeySize {
		return nil, fmt.Errorf("the operator's key, entry %q of Secret %s/%s, has %d bytes and must have %d: delete the Secret to have it made anew",
			entry, namespace, secretName, len(key), credentials.KeySize)
	}
	return key, nil
}
