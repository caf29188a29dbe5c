package controller

import (
	"errors"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"

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
	now := time.Unix(1000, 0)
	job, another := digest{1}, digest{2}
	if got := (refusal{}).of(digest{}, now); got != "" {
		t.Errorf("refused without a question: %q", got)
	}
	r := refusal{job, "no", now}
	for _, test := range []struct {
		job  digest
		at   time.Duration
		want string
	}{
		{job, plan.RefusalRetry - time.Second, "no"},
		{job, plan.RefusalRetry, ""},
		{another, 0, ""},
	} {
		if got := r.of(test.job, now.Add(test.at)); got != test.want {
			t.Errorf("job %v after %s: %q, want %q", test.job[:1], test.at, got, test.want)
		}
	}
}
