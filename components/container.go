package components

import (
	corev1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/core/v1"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// nonRootUser owns the processes of our own containers: the user that images
// without a user database call "nonroot".
const nonRootUser = 65532

// hardened is the security context of a container that needs nothing from its
// node: it fits the restricted Pod Security Standard, with a read-only root
// file system besides.
// Source: https://kubernetes.io/docs/concepts/security/pod-security-standards/
func hardened() corev1.SecurityContextArgs {
	return corev1.SecurityContextArgs{
		AllowPrivilegeEscalation: pulumi.Bool(false),
		Capabilities:             corev1.CapabilitiesArgs{Drop: pulumi.ToStringArray([]string{"ALL"})},
		ReadOnlyRootFilesystem:   pulumi.Bool(true),
		RunAsNonRoot:             pulumi.Bool(true),
		RunAsUser:                pulumi.Int(nonRootUser),
		RunAsGroup:               pulumi.Int(nonRootUser),
		SeccompProfile:           corev1.SeccompProfileArgs{Type: pulumi.String("RuntimeDefault")},
	}
}

// requests are the CPU and memory that a container asks for.
func requests(cpu, memory string) corev1.ResourceRequirementsArgs {
	return corev1.ResourceRequirementsArgs{
		Requests: pulumi.StringMap{"cpu": pulumi.String(cpu), "memory": pulumi.String(memory)},
	}
}
