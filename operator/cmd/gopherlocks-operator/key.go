package main

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

// The Secret with the operator's key, in its own namespace. With it the operator
// knows the credentials of all MiniClusters: who deletes it cuts the operator off
// from the leads that run, until their Jobs are made anew.
const (
	keySecret = "gopherlocks-operator-key"
	keyEntry  = "key"
)

// loadKey returns the operator's key, and makes it the first time. Of two
// operators that do so at once, one makes it and both read the same.
func loadKey(ctx context.Context, c client.Client, namespace string) ([]byte, error) {
	fresh := make([]byte, credentials.KeySize)
	_, _ = rand.Read(fresh) // Never fails: see crypto/rand.
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: keySecret, Namespace: namespace},
		Immutable:  ptr.To(true),
		Data:       map[string][]byte{keyEntry: fresh},
	}
	err := c.Create(ctx, secret)
	if apierrors.IsAlreadyExists(err) {
		err = c.Get(ctx, client.ObjectKeyFromObject(secret), secret)
	}
	if err != nil {
		return nil, fmt.Errorf("get or create the operator's key, Secret %s/%s: %w", namespace, keySecret, err)
	}
	key := secret.Data[keyEntry]
	if len(key) != credentials.KeySize {
		return nil, fmt.Errorf("the operator's key, entry %q of Secret %s/%s, has %d bytes and must have %d: delete the Secret to have it made anew",
			keyEntry, namespace, keySecret, len(key), credentials.KeySize)
	}
	return key, nil
}
