package build

import (
	"fmt"
	"maps"
	"slices"

	batchv1 "k8s.io/api/batch/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
	"github.com/gopherlocks/gopherlocks/operator/internal/agentapi"
)

// userEnvironment returns the variables of a container that its author has set:
// those of each of plain, of which a later one wins, and those out of Secrets. A
// variable must not come twice: the API server applies the list by name.
func userEnvironment(secrets map[string]api.SecretKey, plain ...map[string]string) []*corev1ac.EnvVarApplyConfiguration {
	values := map[string]string{}
	for _, variables := range plain {
		maps.Copy(values, variables)
	}
	var env []*corev1ac.EnvVarApplyConfiguration
	for _, name := range sortedKeys(values) {
		if _, secret := secrets[name]; !secret {
			env = append(env, corev1ac.EnvVar().WithName(name).WithValue(values[name]))
		}
	}
	for _, name := range sortedKeys(secrets) {
		env = append(env, corev1ac.EnvVar().WithName(name).
			WithValueFrom(corev1ac.EnvVarSource().WithSecretKeyRef(corev1ac.SecretKeySelector().
				WithName(secrets[name].Name).
				WithKey(secrets[name].Key))))
	}
	return env
}

// rankEnvironment returns our variables in every container of a rank's pod.
// There is none for size and maximum, which change while a rank runs; whoever needs
// the size reads the scale subresource.
func rankEnvironment(mc *api.MiniCluster) []*corev1ac.EnvVarApplyConfiguration {
	variable := func(name, value string) *corev1ac.EnvVarApplyConfiguration {
		return corev1ac.EnvVar().WithName(name).WithValue(value)
	}
	return []*corev1ac.EnvVarApplyConfiguration{
		// The rank is the index that the Job gives the pod.
		corev1ac.EnvVar().WithName(agentapi.RankVariable).
			WithValueFrom(corev1ac.EnvVarSource().WithFieldRef(corev1ac.ObjectFieldSelector().
				WithAPIVersion("v1").
				WithFieldPath(fmt.Sprintf("metadata.annotations['%s']", batchv1.JobCompletionIndexAnnotation)))),
		// The host of rank N is "<name>-N", and resolves in the MiniCluster's namespace with
		// ".<service>" behind it.
		variable("GOPHERLOCKS_NAME", mc.Name),
		variable("GOPHERLOCKS_SERVICE", ServiceName(mc)),
		variable("GOPHERLOCKS_LEAD_HOST", fmt.Sprintf("%s-0.%s.%s.svc", mc.Name, ServiceName(mc), mc.Namespace)),
	}
}

// rankVariables returns the names of the variables that every container of a rank's
// pod has: ours, and the Job controller's.
func rankVariables(mc *api.MiniCluster) []string {
	names := []string{"JOB_COMPLETION_INDEX"}
	for _, variable := range rankEnvironment(mc) {
		names = append(names, *variable.Name)
	}
	return names
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
