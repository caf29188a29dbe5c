package api

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync/atomic"
	"testing"

	admissionv1 "k8s.io/api/admission/v1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
)

// contend makes the API server refuse each new Service in a namespace, as if too
// many objects counted against one ResourceQuota at once. The returned function
// ends that.
// Source: https://github.com/kubernetes/kubernetes/issues/67761
func contend(t *testing.T, namespace string) (end func()) {
	t.Helper()
	contended := apierrors.NewConflict(schema.GroupResource{Resource: "resourcequotas"}, "quota",
		errors.New("the object has been modified; please apply your changes to the latest version and try again")).Status()
	var over atomic.Bool
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var review admissionv1.AdmissionReview
		if err := json.NewDecoder(r.Body).Decode(&review); err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		review.Response = &admissionv1.AdmissionResponse{UID: review.Request.UID, Allowed: over.Load(), Result: &contended}
		_ = json.NewEncoder(w).Encode(review)
	}))
	t.Cleanup(server.Close)
	webhook := &admissionregistrationv1.ValidatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "test-"},
		Webhooks: []admissionregistrationv1.ValidatingWebhook{{
			Name: "contention.gopherlocks.example",
			ClientConfig: admissionregistrationv1.WebhookClientConfig{
				URL:      &server.URL,
				CABundle: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}),
			},
			Rules: []admissionregistrationv1.RuleWithOperations{{
				Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Create},
				Rule:       admissionregistrationv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"services"}},
			}},
			NamespaceSelector: &metav1.LabelSelector{
				MatchLabels: map[string]string{corev1.LabelMetadataName: namespace},
			},
			SideEffects:             ptr.To(admissionregistrationv1.SideEffectClassNone),
			AdmissionReviewVersions: []string{"v1"},
		}},
	}
	if err := world.client.Create(t.Context(), webhook); err != nil {
		t.Fatalf("create the webhook: %v", err)
	}
	t.Cleanup(func() {
		if err := world.client.Delete(context.Background(), webhook); err != nil {
			t.Errorf("delete the webhook: %v", err)
		}
	})
	// It comes into force with some delay.
	eventually(t, func() error {
		probe := &corev1.Service{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "probe"},
			Spec:       corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 80}}},
		}
		if err := world.client.Create(t.Context(), probe, client.DryRunAll); !apierrors.IsConflict(err) {
			return errors.New(fmt.Sprint("the webhook is not in force: ", err))
		}
		return nil
	})
	return func() { over.Store(true) }
}

// TestContendedQuotaHoldsNothingUpForGood: no event tells the operator when the
// contention ends.
func TestContendedQuotaHoldsNothingUpForGood(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	end := contend(t, namespace)
	m := createIn(t, namespace, api.MiniClusterSpec{Size: 1})
	eventually(t, func() error {
		if !slices.ContainsFunc(requests(t), func(r request) bool {
			return r.namespace == namespace && r.resource == "services" && r.verb == "patch" && r.code == http.StatusConflict
		}) {
			return errors.New("the operator has met no contention")
		}
		return nil
	})
	end()
	m.waitForSize(1)
}
