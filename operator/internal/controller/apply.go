package controller

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
	"github.com/gopherlocks/gopherlocks/operator/internal/credentials"
	"github.com/gopherlocks/gopherlocks/operator/internal/drain"
	"github.com/gopherlocks/gopherlocks/operator/internal/leads"
	"github.com/gopherlocks/gopherlocks/operator/internal/plan"
	"github.com/gopherlocks/gopherlocks/operator/internal/queue"
)

// ownership is how all objects are applied.
var ownership = []client.ApplyOption{client.FieldOwner(plan.FieldManager), client.ForceOwnership}

// apply does what the plan says. Where that fails, the plan tells of no more than
// was done.
func (r *reconciler) apply(ctx context.Context, o plan.Observed, p *plan.Plan) error {
	err := r.applyRanks(ctx, o, p)
	ranks := err == nil
	if ranks {
		err = r.applyRest(ctx, o, p)
	}
	// Whatever is wrong with the objects, ranks that are lost are to come back.
	err = cmp.Or(r.applyPods(ctx, *p), err)
	if err != nil {
		*p = p.Failed(o, err, ranks)
	}
	var foreign *plan.Foreign
	if errors.As(err, &foreign) {
		return nil // The plan tells of it, and when to look again.
	}
	return err
}

// applyRanks does what the plan says about the ranks, and tells of it. Each write is
// tied to the version of the object that the plan was made for.
func (r *reconciler) applyRanks(ctx context.Context, o plan.Observed, p *plan.Plan) error {
	if err := r.converse(o, *p); err != nil {
		return err
	}
	if o.Job == nil {
		// For new ranks all of it is applied again, whatever became of the old.
		r.memory.of(o.MiniCluster).prerequisites = digest{}
		if err := r.applyNeeded(ctx, o, p); err != nil {
			return err
		}
	}
	if p.DeleteJob != nil {
		err := r.client.Delete(ctx, p.DeleteJob,
			// In the foreground, so that the Job's name is taken until the last
			// pod has ended.
			client.PropagationPolicy(metav1.DeletePropagationForeground),
			client.Preconditions{UID: &p.DeleteJob.UID, ResourceVersion: &p.DeleteJob.ResourceVersion})
		if err != nil {
			return fmt.Errorf("delete the Job: %w", err)
		}
	}
	if p.Job != nil {
		if err := r.client.Apply(ctx, p.Job, ownership...); err != nil {
			return fmt.Errorf("apply the Job: %w", err)
		}
	}
	for _, e := range p.Events {
		r.record(ctx, o.MiniCluster, e)
	}
	measure(o, p.Report)
	return nil
}

// applyRest does what else the plan says. It comes after the ranks, so that what is
// wrong with it does not keep those that run from coming and going.
func (r *reconciler) applyRest(ctx context.Context, o plan.Observed, p *plan.Plan) error {
	if o.Job != nil {
		if err := r.applyNeeded(ctx, o, p); err != nil {
			return err
		}
	}
	if p.DeleteServices {
		return r.deleteAll(ctx, o.MiniCluster, &appsv1.Deployment{})
	}
	return nil
}

// applyPods does what the plan says about pods of ranks, each tied to what was seen
// of it.
func (r *reconciler) applyPods(ctx context.Context, p plan.Plan) error {
	for _, pod := range p.ForgetStops {
		if err := r.forgetStops(ctx, pod); err != nil {
			return err
		}
	}
	if p.LabelLead != nil {
		if err := r.labelPod(ctx, p.LabelLead, api.LabelJobIndex, "0"); err != nil {
			return err
		}
	}
	for _, pod := range p.GiveUp {
		if err := r.giveUp(ctx, pod); err != nil {
			return err
		}
	}
	for _, pod := range p.Leftovers {
		if err := r.endPod(ctx, pod, "its rank has failed, and its other containers went on"); err != nil {
			return err
		}
	}
	for _, pod := range p.Orphans {
		if err := r.endPod(ctx, pod, "it is a rank of a Job that is no more"); err != nil {
			return err
		}
	}
	for _, pod := range p.Ended {
		if err := r.labelPod(ctx, pod, api.LabelEnded, "true"); err != nil {
			return err
		}
	}
	for _, pod := range p.Kept {
		if err := r.letGo(ctx, pod); err != nil {
			return err
		}
	}
	return nil
}

// applyNeeded applies what the ranks need, and the Service.
func (r *reconciler) applyNeeded(ctx context.Context, o plan.Observed, p *plan.Plan) error {
	if p.Prerequisites {
		again, err := r.applyPrerequisites(ctx, o, o.Job == nil)
		if err != nil {
			return err
		}
		if again > 0 {
			p.WakeUp(o.Now.Add(again))
		}
	}
	if p.Secret {
		if err := r.createSecret(ctx, o); err != nil {
			return err
		}
	}
	if p.Service != nil {
		if err := r.client.Apply(ctx, p.Service, ownership...); err != nil {
			return fmt.Errorf("apply the Service: %w", err)
		}
	}
	for _, service := range p.SideServices {
		if err := r.client.Apply(ctx, service, ownership...); err != nil {
			return fmt.Errorf("apply the Service %s: %w", *service.Name, err)
		}
	}
	return nil
}

// converse tells and asks the lead what the plan orders, and nothing more when it orders
// nothing.
func (r *reconciler) converse(o plan.Observed, p plan.Plan) error {
	mc, key := o.MiniCluster, client.ObjectKeyFromObject(o.MiniCluster)
	known := func() (credentials.Credentials, error) { return leads.CredentialsOf(r.key, mc) }
	r.memory.of(mc).drain = p.DrainStatus
	var drains, queues error
	if order := p.DrainOrder; order != nil {
		drains = r.drains.Set(key, drain.Order{UID: mc.UID, Host: p.Ranks.LeadAddress, DrainOrder: *order}, known)
	} else {
		r.drains.Drop(key)
	}
	if order := p.QueueOrder; order != nil {
		queues = r.queues.Set(key, queue.Order{UID: mc.UID, Pod: order.Pod, Host: order.Host, MaxSize: p.Maximum, Scales: order.Scales}, known)
	} else {
		r.queues.Drop(key)
	}
	return cmp.Or(drains, queues)
}

// record tells of e, in the log too. Whoever calls it has done what e tells of.
func (r *reconciler) record(ctx context.Context, mc *api.MiniCluster, e plan.Event) {
	if e.Reason != "" {
		r.events.Event(mc, e.Type, e.Reason, e.Message)
	}
	if e.Log != "" {
		log.FromContext(ctx).Info(e.Log, e.Values...)
	}
}
