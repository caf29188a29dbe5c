package controller

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	batchv1ac "k8s.io/client-go/applyconfigurations/batch/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gopherlocks/gopherlocks/operator/internal/plan"
)

// refusal is why the API server would not take a Job. It is remembered, so that the
// API server is not asked again whenever a rank comes or goes.
type refusal struct {
	job  digest
	text string
	at   time.Time
}

// of returns why the Job was refused; empty when that is not known, or was too long
// ago.
func (r refusal) of(job digest, now time.Time) string {
	if r.job != job || now.Sub(r.at) >= plan.RefusalRetry {
		return ""
	}
	return r.text
}

// plan makes the plan, and makes it once more if it would delete a Job for one
// that the API server would not take, or if it has questions. The error is for no
// answer of the API server, which counts as a refusal until there is one.
func (r *reconciler) plan(ctx context.Context, o plan.Observed) (plan.Plan, error) {
	p := plan.Make(o)
	var refused error
	if p.Replacement != nil {
		o.Refusal, refused = r.tryOut(ctx, o, p.Replacement)
		if refused != nil {
			o.Refusal = refused.Error()
		}
		if o.Refusal != "" {
			p = plan.Make(o)
		}
	}
	p, unknown := r.inquire(ctx, o, p)
	return p, cmp.Or(refused, unknown)
}

// tryOut asks the API server whether it would take the Job, which nothing comes of.
// It returns why not; the error is for no answer.
func (r *reconciler) tryOut(ctx context.Context, o plan.Observed, job *batchv1ac.JobApplyConfiguration) (string, error) {
	data, err := json.Marshal(job)
	if err != nil {
		return "", fmt.Errorf("encode the new Job: %w", err)
	}
	known, sum := &r.memory.of(o.MiniCluster).refusal, digest(sha256.Sum256(data))
	if text := known.of(sum, o.Now); text != "" {
		return text, nil
	}
	err = r.client.Apply(ctx, job, append([]client.ApplyOption{client.DryRunAll}, ownership...)...)
	text, err := judge(err)
	// The name of the trial says nothing to anybody.
	text = strings.ReplaceAll(text, *job.Name, o.MiniCluster.Name)
	*known = refusal{sum, text, o.Now}
	if err != nil {
		return "", fmt.Errorf("try out the new Job: %w", err)
	}
	return text, nil
}

// judge tells refusals from failures to answer, and from what says nothing about
// the Job that is to come: a quota that the Job which is there uses up, and an
// admission webhook that cannot be asked without consequences.
// Source: checkRequest in pkg/admission/plugin/resourcequota and
// NewDryRunUnsupportedErr in pkg/admission/plugin/webhook/errors of k8s.io/apiserver.
func judge(err error) (refusal string, failure error) {
	switch {
	case err == nil:
		return "", nil
	case apierrors.IsForbidden(err) && strings.Contains(err.Error(), "exceeded quota: "):
		return "", nil
	case apierrors.IsBadRequest(err) && strings.Contains(err.Error(), "does not support dry run"):
		return "", nil
	case apierrors.IsInvalid(err), apierrors.IsForbidden(err), apierrors.IsBadRequest(err), apierrors.IsRequestEntityTooLargeError(err):
		return err.Error(), nil
	}
	return "", err
}
