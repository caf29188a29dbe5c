package build

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
)

// Capabilities are those of Linux, as Kubernetes writes them: without CAP_.
// Source: capabilities(7), include/uapi/linux/capability.h of Linux 6.17.
var Capabilities = []string{
	"AUDIT_CONTROL", "AUDIT_READ", "AUDIT_WRITE", "BLOCK_SUSPEND", "BPF", "CHECKPOINT_RESTORE", "CHOWN", "DAC_OVERRIDE",
	"DAC_READ_SEARCH", "FOWNER", "FSETID", "IPC_LOCK", "IPC_OWNER", "KILL", "LEASE", "LINUX_IMMUTABLE", "MAC_ADMIN",
	"MAC_OVERRIDE", "MKNOD", "NET_ADMIN", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_RAW", "PERFMON", "SETFCAP", "SETGID",
	"SETPCAP", "SETUID", "SYSLOG", "SYS_ADMIN", "SYS_BOOT", "SYS_CHROOT", "SYS_MODULE", "SYS_NICE", "SYS_PACCT",
	"SYS_PTRACE", "SYS_RAWIO", "SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "WAKE_ALARM",
}

const (
	// allCapabilities stands for all of them; container runtimes know it.
	allCapabilities = "ALL"
	// everyCapability is another way to say so, which they do not know. The API takes
	// it of privileged containers, which have all of them.
	everyCapability = "*"
)

// CapabilityPattern returns a pattern, of Go and of CEL, for these names of
// capabilities as people write them: with or without CAP_, in any case.
func CapabilityPattern(names ...string) string {
	return "(?i)^(CAP_)?(" + strings.Join(names, "|") + ")$"
}

// AnyCapabilityPattern is the pattern for all that can be added or dropped.
func AnyCapabilityPattern() string {
	return CapabilityPattern(append(slices.Clone(Capabilities), allCapabilities)...)
}

// addedCapabilities are those to add, as runtimes know them: they put CAP_ before
// whatever they get.
func addedCapabilities(s api.SecurityContext) []corev1.Capability {
	added := normal(slices.Concat(s.AddCapabilities, s.Capabilities.Add))
	return slices.DeleteFunc(added, func(c corev1.Capability) bool { return c == everyCapability })
}

// normal writes capabilities in the one way that runtimes know, each once.
func normal(capabilities []corev1.Capability) []corev1.Capability {
	var names []corev1.Capability
	for _, c := range capabilities {
		name := corev1.Capability(strings.TrimPrefix(strings.ToUpper(string(c)), "CAP_"))
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}
