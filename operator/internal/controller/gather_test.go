package controller

import (
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gopherlocks/gopherlocks/operator/internal/plan"
)

// TestOfAJobOurOwnFieldsAreKept: a write takes them over, and those of others take room.
func TestOfAJobOurOwnFieldsAreKept(t *testing.T) {
	fields := []metav1.ManagedFieldsEntry{
		{Manager: plan.FieldManager}, {Manager: plan.FieldManager, Subresource: "status"}, {Manager: "kube-controller-manager", Subresource: "status"},
	}
	job := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{ManagedFields: fields}}
	for range 2 {
		kept, err := stripForeignFields(job)
		if err != nil {
			t.Fatal(err)
		}
		if got := kept.(*batchv1.Job).ManagedFields; len(got) != 1 || got[0].Manager != plan.FieldManager || got[0].Subresource != "" {
			t.Errorf("kept %+v", got)
		}
	}
	if len(fields) != 3 || fields[2].Manager != "kube-controller-manager" {
		t.Errorf("what others may read was changed: %+v", fields)
	}
}
