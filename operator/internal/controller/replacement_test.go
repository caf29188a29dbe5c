package controller

import (
	"errors"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/gopherlocks/gopherlocks/operator/internal/plan"
)

func TestOnlyWhatSpeaksAgainstTheNewJobIsARefusal(t *testing.T) {
	jobs := schema.GroupResource{Group: "batch", Resource: "jobs"}
	for name, test := range map[string]struct {
		err             error
		refused, failed bool
	}{
		"it would be taken":   {nil, false, false},
		"an invalid field":    {apierrors.NewInvalid(schema.GroupKind{Group: "batch", Kind: "Job"}, "x", nil), true, false},
		"a policy":            {apierrors.NewForbidden(jobs, "x", errors.New("ValidatingAdmissionPolicy 'p' denied request")), true, false},
		"it cannot be read":   {apierrors.NewBadRequest("unknown field"), true, false},
		"it is too large":     {apierrors.NewRequestEntityTooLargeError("limit is 3145728"), true, false},
		"the quota is used":   {apierrors.NewForbidden(jobs, "x", errors.New("exceeded quota: q, requested: count/jobs.batch=1, used: count/jobs.batch=1, limited: count/jobs.batch=1")), false, false},
		"a webhook with more": {apierrors.NewBadRequest(`admission webhook "w" does not support dry run`), false, false},
		"no answer":           {errors.New("connection refused"), false, true},
		"the server fails":    {apierrors.NewInternalError(errors.New("failed calling webhook")), false, true},
		"too many requests":   {apierrors.NewTooManyRequests("later", 1), false, true},
	} {
		refusal, failure := judge(test.err)
		if (refusal != "") != test.refused || (failure != nil) != test.failed {
			t.Errorf("%s: refusal %q, failure %v", name, refusal, failure)
		}
	}
}

func TestRefusalHoldsForOneJobAndAWhile(t *testing.T) {
	var r refusals
	key, now := types.NamespacedName{Name: "flux-sample"}, time.Unix(1000, 0)
	job, another := [32]byte{1}, [32]byte{2}
	if got := r.get(key, [32]byte{}, now); got != "" {
		t.Errorf("refused without a question: %q", got)
	}
	r.set(key, refusal{job, "no", now})
	for _, test := range []struct {
		key  types.NamespacedName
		job  [32]byte
		at   time.Duration
		want string
	}{
		{key, job, plan.RefusalRetry - time.Second, "no"},
		{key, job, plan.RefusalRetry, ""},
		{key, another, 0, ""},
		{types.NamespacedName{Name: "other"}, job, 0, ""},
	} {
		if got := r.get(test.key, test.job, now.Add(test.at)); got != test.want {
			t.Errorf("%s after %s: %q, want %q", test.key.Name, test.at, got, test.want)
		}
	}
	r.drop(key)
	if got := r.get(key, job, now); got != "" {
		t.Errorf("still refused when forgotten: %q", got)
	}
}
