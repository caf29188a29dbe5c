package api

import (
	"slices"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
)

// hold keeps an object from going when it is deleted, until the returned function
// is called.
func hold(t *testing.T, o client.Object) (release func()) {
	t.Helper()
	const finalizer = "test.gopherlocks.example/held"
	edit := func(change func([]string) []string) {
		t.Helper()
		eventually(t, func() error {
			if err := world.client.Get(t.Context(), client.ObjectKeyFromObject(o), o); err != nil {
				return err
			}
			before := o.DeepCopyObject().(client.Object)
			o.SetFinalizers(change(o.GetFinalizers()))
			return world.client.Patch(t.Context(), o, client.MergeFrom(before))
		})
	}
	edit(func(all []string) []string { return append(all, finalizer) })
	return func() {
		t.Helper()
		edit(func(all []string) []string {
			return slices.DeleteFunc(all, func(f string) bool { return f == finalizer })
		})
	}
}

// TestSecretOfAnEarlierMiniClusterIsNotUsed: it is about to be collected, and holds
// another MiniCluster's token.
func TestSecretOfAnEarlierMiniClusterIsNotUsed(t *testing.T) {
	t.Parallel()
	m, _ := createInstance(t, api.MiniClusterSpec{Size: 1})
	m.waitForSize(1)
	defer hold(t, m.secret())()
	if err := world.client.Delete(t.Context(), m.get()); err != nil {
		t.Fatal(err)
	}
	again, _ := createInstanceIn(t, m.key.Namespace, api.MiniClusterSpec{Size: 1})
	again.waitForSize(1)
	if secret := again.secret(); !metav1.IsControlledBy(secret, again.get()) {
		t.Errorf("the ranks mount the Secret of %+v", secret.OwnerReferences)
	}
}
