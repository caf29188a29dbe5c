package v1alpha2

import corev1 "k8s.io/api/core/v1"

// Pod are options of every rank's pod.
type Pod struct {
	// labels to add to each pod. Those of flux-framework.org and Kubernetes' own keep
	// their values; those that the Flux Operator sets (app, app.kubernetes.io/name,
	// namespace, hpa-selector) can have others.
	//
	// +optional
	// +kubebuilder:validation:MaxProperties=64
	Labels map[string]string `json:"labels,omitempty"`

	// annotations to add to each pod.
	//
	// +optional
	// +kubebuilder:validation:MaxProperties=64
	Annotations map[string]string `json:"annotations,omitempty"`

	// serviceAccountName of the pods. Default: the namespace's default, or one of
	// their own with selfScaling.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=253
	ServiceAccountName string `json:"serviceAccountName,omitempty"`

	// automountServiceAccountToken mounts the ServiceAccount's token. Default:
	// only with selfScaling.
	//
	// +optional
	AutomountServiceAccountToken bool `json:"automountServiceAccountToken,omitempty"`

	// schedulerName of the pods. Default: Kubernetes' default scheduler.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=253
	SchedulerName string `json:"schedulerName,omitempty"`

	// runtimeClassName of the pods.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=253
	RuntimeClassName string `json:"runtimeClassName,omitempty"`

	// nodeSelector are labels that a node must have.
	//
	// +optional
	// +kubebuilder:validation:MaxProperties=64
	NodeSelector map[string]string `json:"nodeSelector,omitempty"`

	// nodeAffinity lists, by node label, the values that a node may have.
	//
	// +optional
	// +kubebuilder:validation:MaxProperties=64
	NodeAffinity map[string][]string `json:"nodeAffinity,omitempty"`

	// placement is how the ranks are laid out over those nodes.
	//
	// +optional
	Placement Placement `json:"placement,omitempty"`

	// tolerations of node taints.
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	Tolerations []corev1.Toleration `json:"tolerations,omitempty"`

	// dnsPolicy of the pods. Ranks find each other by the cluster's DNS, so that None,
	// and Default with Flux, become ClusterFirst. Default: ClusterFirst.
	//
	// +optional
	// +kubebuilder:validation:Enum="";ClusterFirst;ClusterFirstWithHostNet;Default;None
	DNSPolicy corev1.DNSPolicy `json:"dnsPolicy,omitempty"`

	// hostIPC shares the node's IPC namespace with the pods.
	//
	// +optional
	HostIPC bool `json:"hostIPC,omitempty"`

	// hostPID shares the node's process namespace with the pods.
	//
	// +optional
	HostPID bool `json:"hostPID,omitempty"`

	// restartPolicy is accepted and changes nothing: the agent starts brokers again in
	// their pod, and the Job replaces pods.
	//
	// +optional
	// +kubebuilder:validation:Enum="";Never;OnFailure;Always
	RestartPolicy string `json:"restartPolicy,omitempty"`

	// resources is accepted and changes nothing: the resources of the containers
	// count, and the overhead of a pod is its RuntimeClass's.
	//
	// +optional
	Resources corev1.ResourceList `json:"resources,omitempty"`

	// terminationGracePeriodSeconds is the time, in seconds, that a rank has from
	// being told to stop until it is killed. A follower that is stopped while it
	// is not drained (eviction, node drain) drains itself and waits so long, less
	// 5 s, for its jobs. Default: 30.
	//
	// +optional
	// +kubebuilder:validation:Minimum=5
	TerminationGracePeriodSeconds *int64 `json:"terminationGracePeriodSeconds,omitempty"`

	// restricted makes the pods of ranks and services as the Pod Security Standard
	// "restricted" asks for. No container keeps capabilities, gains privileges or runs
	// as root, and seccomp is RuntimeDefault. It needs images, or a
	// securityContext, with another user than root.
	//
	// +optional
	Restricted bool `json:"restricted,omitempty"`

	// disruptionBudget is Lead or None. Lead makes a PodDisruptionBudget that keeps the
	// pod of the lead from being evicted. With None it may be, idle or not. Default:
	// Lead.
	//
	// +optional
	// +kubebuilder:validation:Enum="";Lead;None
	DisruptionBudget string `json:"disruptionBudget,omitempty"`

	// securityContext of the pods, as Kubernetes defines it.
	//
	// +optional
	SecurityContext *corev1.PodSecurityContext `json:"securityContext,omitempty"`
}

// Values of Pod.DisruptionBudget.
const (
	DisruptionBudgetLead = "Lead"
	DisruptionBudgetNone = "None"
)

// Network is how the ranks reach each other.
//
// +kubebuilder:validation:XValidation:rule="rules/network.yaml"
type Network struct {
	// headlessName is the name of the headless Service, part of each rank's host
	// name. Default: the MiniCluster's name.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=63
	HeadlessName string `json:"headlessName,omitempty"`

	// disableAffinity leaves the choice of nodes to the scheduler alone, as
	// pod.placement.policy Any does. Default: what pod.placement says.
	//
	// +optional
	DisableAffinity bool `json:"disableAffinity,omitempty"`
}

// Logging is what ranks print.
type Logging struct {
	// quiet prints nothing but what the command prints. Default: the agent says
	// what it does, and Flux logs as flux.logLevel says.
	//
	// +optional
	Quiet bool `json:"quiet,omitempty"`

	// strict ends a rank when one of its commands.{init,pre,…} fails.
	//
	// +optional
	Strict bool `json:"strict,omitempty"`

	// debug makes Flux and the agent tell more.
	//
	// +optional
	Debug bool `json:"debug,omitempty"`

	// zeromq makes Flux tell of the connections between brokers.
	//
	// +optional
	Zeromq bool `json:"zeromq,omitempty"`

	// timed prints how long each command took.
	//
	// +optional
	Timed bool `json:"timed,omitempty"`
}
