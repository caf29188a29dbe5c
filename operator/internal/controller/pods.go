package controller

import (
	"context"
	"fmt"
	"slices"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

// forgetStops removes the number of earlier stops from a rank's pod: see
// plan.Actions.ForgetStops.
func (r *reconciler) forgetStops(ctx context.Context, pod *corev1.Pod) error {
	steady := pod.DeepCopy()
	delete(steady.Annotations, batchv1.JobIndexIgnoredFailureCountAnnotation)
	err := r.client.Patch(ctx, steady, client.MergeFromWithOptions(pod, client.MergeFromWithOptimisticLock{}))
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("forget the stops of pod %s: %w", pod.Name, err)
	}
	return nil
}

// labelPod gives a rank's pod a label.
func (r *reconciler) labelPod(ctx context.Context, pod *corev1.Pod, name, value string) error {
	labelled := pod.DeepCopy()
	labelled.Labels[name] = value
	if err := r.client.Patch(ctx, labelled, client.MergeFrom(pod)); client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("label pod %s with %s: %w", pod.Name, name, err)
	}
	return nil
}

// givenUp is the reason of the condition DisruptionTarget of a pod that was
// deleted by force. With that condition, its end counts as no failure of the rank.
const givenUp = "DeletionByForce"

// giveUp reports that a rank's pod has ended: see plan.Actions.GiveUp.
func (r *reconciler) giveUp(ctx context.Context, pod *corev1.Pod) error {
	ended := pod.DeepCopy()
	ended.Status.Phase = corev1.PodFailed
	ended.Status.Conditions = append(
		slices.DeleteFunc(ended.Status.Conditions, func(c corev1.PodCondition) bool { return c.Type == corev1.DisruptionTarget }),
		corev1.PodCondition{
			Type: corev1.DisruptionTarget, Status: corev1.ConditionTrue, LastTransitionTime: metav1.Now(),
			Reason: givenUp, Message: "deleted by force on a node that does not answer",
		})
	err := r.client.Status().Patch(ctx, ended, client.StrategicMergeFrom(pod, client.MergeFromWithOptimisticLock{}))
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("report the end of pod %s: %w", pod.Name, err)
	}
	log.FromContext(ctx).Info("Reported a pod as ended", "pod", pod.Name, "node", pod.Spec.NodeName, "reason", "it was deleted by force, and its node does not answer")
	return nil
}

// endPod deletes a pod: see plan.Actions.Leftovers and plan.Actions.Orphans.
func (r *reconciler) endPod(ctx context.Context, pod *corev1.Pod, because string) error {
	if err := r.client.Delete(ctx, pod, client.Preconditions{UID: &pod.UID}); client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("delete pod %s, since %s: %w", pod.Name, because, err)
	}
	log.FromContext(ctx).Info("Deleted a pod", "pod", pod.Name, "reason", because)
	return nil
}

// letGo takes the Job controller's finalizer from a pod: see plan.Actions.Kept.
func (r *reconciler) letGo(ctx context.Context, pod *corev1.Pod) error {
	free := pod.DeepCopy()
	free.Finalizers = slices.DeleteFunc(free.Finalizers, func(f string) bool { return f == batchv1.JobTrackingFinalizer })
	err := r.client.Patch(ctx, free, client.MergeFromWithOptions(pod, client.MergeFromWithOptimisticLock{}))
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("let pod %s go: %w", pod.Name, err)
	}
	return nil
}
