package build

import (
	"fmt"
	"maps"

	appsv1 "k8s.io/api/apps/v1"
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
	volumes := userVolumes(mc.Spec.Services)
	security, err := podSecurity(nil, mc.Spec.Pod.Restricted)
	if err != nil {
		return nil, err
	}
	spec := corev1ac.PodSpec().
		WithHostname(ServicesName(mc.Name)).
		WithSubdomain(ServiceName(mc)).
		WithAutomountServiceAccountToken(false).
		WithEnableServiceLinks(false).
		WithSecurityContext(security).
		WithImagePullSecrets(pullSecrets(mc.Spec.Services)...).
		WithVolumes(volumes.volumes...)
	for i, c := range mc.Spec.Services {
		container, err := sideContainer(c, volumes.names[i], mc.Spec.Pod.Restricted, surroundings{strict: mc.Spec.Logging.Strict})
		if err != nil {
			return nil, fmt.Errorf("%s.%w", containerPath("services", i), err)
		}
		spec.WithContainers(container)
	}
	selector := ServicesLabels(mc.Name)
	podLabels := upstreamLabels(mc)
	podLabels[labelJobName], podLabels[api.LabelJobIndex] = mc.Name, api.RoleServices
	maps.Copy(podLabels, Labels(mc.Name))
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

// ServicesLabels returns the labels that the pod of services has, and no other.
func ServicesLabels(name string) map[string]string {
	return map[string]string{
		api.LabelMiniCluster: name,
		api.LabelRole:        api.RoleServices,
	}
}
