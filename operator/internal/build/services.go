package build

import (
	"maps"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	appsv1ac "k8s.io/client-go/applyconfigurations/apps/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
)

// ServicesPod returns the Deployment of the one pod that runs spec.services; nil
// without any. Others find the pod as NAME-services.SERVICE. The error is that of
// Check, or says what is wrong with a command.
func ServicesPod(mc *api.MiniCluster) (*appsv1ac.DeploymentApplyConfiguration, error) {
	if len(mc.Spec.Services) == 0 {
		return nil, nil
	}
	if err := Check(mc); err != nil {
		return nil, err
	}
	spec := corev1ac.PodSpec().
		WithHostname(ServicesName(mc.Name)).
		WithSubdomain(ServiceName(mc)).
		WithAutomountServiceAccountToken(false).
		WithEnableServiceLinks(false).
		WithSecurityContext(corev1ac.PodSecurityContext().
			WithSeccompProfile(corev1ac.SeccompProfile().WithType(corev1.SeccompProfileTypeRuntimeDefault))).
		WithImagePullSecrets(pullSecrets(mc.Spec.Services)...).
		WithVolumes(userVolumes(mc.Spec.Services)...)
	for i, c := range mc.Spec.Services {
		container, err := sideContainer(containerPath("services", i), c, mc.Spec.Logging.Strict)
		if err != nil {
			return nil, err
		}
		spec.WithContainers(container)
	}
	selector := servicesLabels(mc.Name)
	podLabels := Labels(mc.Name)
	maps.Copy(podLabels, selector)
	deployment := appsv1ac.Deployment(ServicesName(mc.Name), mc.Namespace).
		WithLabels(Labels(mc.Name)).
		WithOwnerReferences(ownerReference(mc)).
		WithSpec(appsv1ac.DeploymentSpec().
			WithReplicas(1).
			// Two pods would share the host name.
			WithStrategy(appsv1ac.DeploymentStrategy().WithType(appsv1.RecreateDeploymentStrategyType)).
			WithSelector(metav1ac.LabelSelector().WithMatchLabels(selector)).
			WithTemplate(corev1ac.PodTemplateSpec().
				WithLabels(podLabels).
				WithSpec(spec)))
	return deployment.WithAnnotations(contentAnnotation(deployment)), nil
}

// servicesLabels returns the labels that the pod of services has, and no other.
func servicesLabels(name string) map[string]string {
	return map[string]string{
		api.LabelMiniCluster: name,
		api.LabelRole:        api.RoleServices,
	}
}
