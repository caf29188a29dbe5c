package build

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	"k8s.io/utils/ptr"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
)

// securityContext returns what a container's author asks for; nil for nothing, so
// that it keeps what the runtime gives. restricted is spec.pod.restricted.
func securityContext(s api.SecurityContext, restricted bool) (*corev1ac.SecurityContextApplyConfiguration, error) {
	if restricted {
		s = restrict(s)
	}
	context := corev1ac.SecurityContext()
	// What is ours is no field of Kubernetes'. The rest has the same names there.
	kubernetes := s
	kubernetes.Privileged, kubernetes.AddCapabilities, kubernetes.Capabilities = false, nil, api.Capabilities{}
	if err := convert(kubernetes, context); err != nil {
		return nil, fmt.Errorf("securityContext: %w", err)
	}
	context.Capabilities = nil
	if s.Privileged {
		context.WithPrivileged(true)
	}
	if added, dropped := addedCapabilities(s), normal(s.Capabilities.Drop); len(added)+len(dropped) > 0 {
		context.WithCapabilities(corev1ac.Capabilities().WithAdd(added...).WithDrop(dropped...))
	}
	if *context == *corev1ac.SecurityContext() {
		return nil, nil
	}
	return context, nil
}

// restrict returns what the Pod Security Standard "restricted" asks for of a
// container. What its author says besides stays; the API refuses what contradicts.
// Source: https://kubernetes.io/docs/concepts/security/pod-security-standards/
func restrict(s api.SecurityContext) api.SecurityContext {
	s.AllowPrivilegeEscalation = ptr.To(false)
	s.Capabilities.Drop = []corev1.Capability{allCapabilities}
	return s
}

// hardened returns the security context of one of our init containers: the tightest,
// but for what the author of the MiniCluster says of it.
func hardened(s api.SecurityContext, restricted bool) (*corev1ac.SecurityContextApplyConfiguration, error) {
	if s.Privileged {
		s.Capabilities.Drop = nil
		return securityContext(s, restricted)
	}
	s.Capabilities.Drop = slices.Concat(s.Capabilities.Drop, []corev1.Capability{allCapabilities})
	// What a program's file gives it counts where capabilities are added, and the
	// kernel's no_new_privs would keep it from that.
	if s.AllowPrivilegeEscalation == nil {
		s.AllowPrivilegeEscalation = ptr.To(len(addedCapabilities(s)) > 0)
	}
	return securityContext(s, restricted)
}

// podSecurity returns the security context of a pod: what its author says, with
// seccomp, and restricted also as another user than root. Who is asked for root by
// name is left alone: the namespace's admission judges it.
func podSecurity(wish *corev1.PodSecurityContext, restricted bool) (*corev1ac.PodSecurityContextApplyConfiguration, error) {
	security := corev1ac.PodSecurityContext()
	if wish != nil {
		if err := convert(wish, security); err != nil {
			return nil, fmt.Errorf("pod.securityContext: %w", err)
		}
	}
	if security.SeccompProfile == nil {
		security.WithSeccompProfile(corev1ac.SeccompProfile().WithType(corev1.SeccompProfileTypeRuntimeDefault))
	}
	if restricted && security.RunAsNonRoot == nil {
		security.WithRunAsNonRoot(true)
	}
	return security, nil
}
