package build

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	batchv1 "k8s.io/api/batch/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
)

// environment returns the variables of a rank: the user's, then ours. There is
// none for the current size, which changes while a rank runs; whoever needs it
// reads the scale subresource.
func environment(mc *api.MiniCluster, maximum int32) []*corev1ac.EnvVarApplyConfiguration {
	var env []*corev1ac.EnvVarApplyConfiguration
	user := mc.Spec.Containers[0].Environment
	for _, name := range slices.Sorted(maps.Keys(user)) {
		env = append(env, corev1ac.EnvVar().WithName(name).WithValue(user[name]))
	}
	set := func(name, value string) {
		env = append(env, corev1ac.EnvVar().WithName(name).WithValue(value))
	}
	// The rank is the index that the Job gives the pod.
	env = append(env, corev1ac.EnvVar().WithName("GOPHERLOCKS_RANK").
		WithValueFrom(corev1ac.EnvVarSource().WithFieldRef(corev1ac.ObjectFieldSelector().
			WithAPIVersion("v1").
			WithFieldPath(fmt.Sprintf("metadata.annotations['%s']", batchv1.JobCompletionIndexAnnotation)))))
	set("GOPHERLOCKS_MAX_SIZE", strconv.Itoa(int(maximum)))
	set("GOPHERLOCKS_HOSTS", Hosts(mc.Name, maximum))
	set("GOPHERLOCKS_SERVICE", mc.Name)
	set("GOPHERLOCKS_LEAD_HOST", fmt.Sprintf("%s-0.%s.%s.svc", mc.Name, mc.Name, mc.Namespace))
	return env
}
