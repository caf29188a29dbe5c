package build

import (
	"maps"
	"strconv"

	batchv1 "k8s.io/api/batch/v1"
	batchv1ac "k8s.io/client-go/applyconfigurations/batch/v1"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
)

// Job returns the elastic Indexed Job that runs size ranks. Of its pod template,
// only the number of nodes that a command of several tasks is spread over depends
// on size: scale a Job that runs by its completions and parallelism, in one write,
// and leave the template as it is. The error is that of Check, or says what is
// wrong with a command or too long for the ranks.
func Job(mc *api.MiniCluster, size, maximum int32, s Settings) (*batchv1ac.JobApplyConfiguration, error) {
	if err := Check(mc); err != nil {
		return nil, err
	}
	ceiling := Ceiling(mc, maximum)
	pod, err := podTemplate(mc, size, ceiling, s)
	if err != nil {
		return nil, err
	}
	labels := maps.Clone(mc.Spec.JobLabels)
	if labels == nil {
		labels = map[string]string{}
	}
	maps.Copy(labels, Labels(mc.Name))
	annotations := maps.Clone(mc.Spec.JobAnnotations)
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[api.AnnotationTemplateHash] = TemplateHash(mc, ceiling)
	annotations[api.AnnotationSpecFields] = strconv.Itoa(knownFields())
	if asked := mc.Annotations[api.AnnotationRestart]; asked != "" {
		annotations[api.AnnotationRestart] = asked
	}
	if FluxEnabled(mc) {
		annotations[api.AnnotationCeiling] = strconv.Itoa(int(ceiling))
	}
	spec := batchv1ac.JobSpec().
		WithCompletionMode(batchv1.IndexedCompletion).
		WithCompletions(size).
		WithParallelism(size).
		WithTemplate(pod)
	setPolicies(spec, mc, s.Features)
	return batchv1ac.Job(mc.Name, mc.Namespace).
		WithLabels(labels).
		WithAnnotations(annotations).
		WithOwnerReferences(ownerReference(mc)).
		WithSpec(spec), nil
}
