package v1alpha2

import corev1 "k8s.io/api/core/v1"

// Pod are options of every rank's pod.
//
// +kubebuilder:validation:XValidation:rule="rules/pod.yaml"
type Pod struct {
	// labels to add to each pod. Ours and Kubernetes' own keep their values.
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

	// dnsPolicy of the pods. Default: ClusterFirst.
	//
	// +optional
	// +kubebuilder:validation:Enum=ClusterFirst;ClusterFirstWithHostNet;Default;None
	DNSPolicy corev1.DNSPolicy `json:"dnsPolicy,omitempty"`

	// hostIPC shares the node's IPC namespace with the pods.
	//
	// +optional
	HostIPC bool `json:"hostIPC,omitempty"`

	// hostPID shares the node's process namespace with the pods.
	//
	// +optional
	HostPID bool `json:"hostPID,omitempty"`

	// restartPolicy must be Never or empty.
	//
	// +optional
	RestartPolicy string `json:"restartPolicy,omitempty"`

	// resources is not supported; it is here to be refused with a reason.
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

	// securityContext of the pods, as Kubernetes defines it. A rank whose image
	// does not run as root needs fsGroup, to read the certificate of its MiniCluster.
	//
	// +optional
	SecurityContext *corev1.PodSecurityContext `json:"securityContext,omitempty"`
}

// Network is how the ranks reach each other.
type Network struct {
	// headlessName is the name of the headless Service, part of each rank's host
	// name. Default: the MiniCluster's name.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^([a-z]([-a-z0-9]*[a-z0-9])?)?$`
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
