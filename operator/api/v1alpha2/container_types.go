package v1alpha2

import corev1 "k8s.io/api/core/v1"

// Container is a container of every rank's pod, or of the pod of services. A
// change to it restarts all ranks, since the pod template of a Job cannot change.
//
// +kubebuilder:validation:XValidation:rule="rules/container.yaml"
type Container struct {
	// name of the container. Default: the MiniCluster's name for the container
	// that runs Flux; all others need one.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^([a-z0-9]([-a-z0-9]*[a-z0-9])?)?$`
	Name string `json:"name,omitempty"`

	// image is the container image.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Image string `json:"image"`

	// imagePullSecret names a Secret of type kubernetes.io/dockerconfigjson to
	// pull the image with. Default: none.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=253
	ImagePullSecret string `json:"imagePullSecret,omitempty"`

	// pullAlways pulls the image for every pod. Default: only where the node does
	// not have it.
	//
	// +optional
	PullAlways bool `json:"pullAlways,omitempty"`

	// runFlux marks the container that runs the rank: the Flux broker and the
	// command. Exactly one container has it; a single one does by default.
	//
	// +optional
	RunFlux bool `json:"runFlux,omitempty"`

	// command is what the instance runs, once: the lead broker submits it as one
	// job (see launcher and batch for other ways), and the MiniCluster ends with
	// it. A POSIX shell on the lead reads it. Without a command the instance
	// waits for work, as with interactive.
	//
	// In a container that does not run Flux, or with flux.enabled false, the
	// container runs the command directly (with flux.enabled false: every rank).
	// No shell reads it then. It is split into words as a shell would: at white
	// space, with '…' for text as it is, "…" and \ as usual. $(NAME) stands for a
	// variable of the environment, written \$(NAME) or in '…' for the text
	// itself. What would need a shell (| & ; < > ` ( ) and other uses of $) is
	// refused outside quotes: write sh -c '…' to have one. Default: the image's
	// own command.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=16384
	Command string `json:"command,omitempty"`

	// commands are run around the command. Each is a line for /bin/sh of the image.
	//
	// +optional
	Commands Commands `json:"commands,omitempty"`

	// launcher runs the command inside the instance instead of submitting it: for
	// programs that submit jobs themselves, such as workflow managers.
	//
	// +optional
	Launcher bool `json:"launcher,omitempty"`

	// batch submits the command, which may have many lines, as a batch script:
	// each line becomes a "flux submit" in the subinstance, unless batchRaw.
	//
	// +optional
	Batch bool `json:"batch,omitempty"`

	// batchRaw takes the lines of a batch script as they are.
	//
	// +optional
	BatchRaw bool `json:"batchRaw,omitempty"`

	// logs is a folder that the output of jobs of a batch script is written to,
	// one file per job, rather than to the container's output.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=4096
	Logs string `json:"logs,omitempty"`

	// noWrapEntrypoint leaves the container's own entrypoint as it is. Only for
	// containers that do not run Flux.
	//
	// +optional
	NoWrapEntrypoint bool `json:"noWrapEntrypoint,omitempty"`

	// workingDir is the folder that the commands run in; by default the image's.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=4096
	WorkingDir string `json:"workingDir,omitempty"`

	// environment holds variables for the commands. Names that begin with
	// GOPHERLOCKS_ are ours.
	//
	// +optional
	// +kubebuilder:validation:MaxProperties=256
	// +kubebuilder:validation:XValidation:rule="rules/environment.yaml"
	Environment map[string]string `json:"environment,omitempty"`

	// secrets are variables whose values come from Secrets, by the variable's name.
	//
	// +optional
	// +kubebuilder:validation:MaxProperties=64
	// +kubebuilder:validation:XValidation:rule="rules/environment.yaml"
	Secrets map[string]SecretKey `json:"secrets,omitempty"`

	// ports are the TCP ports that the commands listen on, reachable at each
	// rank's host name (of a service: at the services' host name).
	//
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:Minimum=1
	// +kubebuilder:validation:items:Maximum=65535
	Ports []int32 `json:"ports,omitempty"`

	// volumes to mount, by name. A name used by several containers is one volume,
	// and all of them give it the same source.
	//
	// +optional
	// +kubebuilder:validation:MaxProperties=32
	// +kubebuilder:validation:XValidation:rule="rules/volumes.yaml"
	Volumes map[string]Volume `json:"volumes,omitempty"`

	// lifeCycle are commands of the container's life-cycle hooks.
	//
	// +optional
	LifeCycle LifeCycle `json:"lifeCycle,omitempty"`

	// resources that each rank requests and may use. A HorizontalPodAutoscaler on
	// CPU needs a CPU request. The number of cores that Flux schedules on a rank
	// is the CPU limit, or else the request, rounded up; without either, the
	// number of the node's CPUs.
	//
	// +optional
	Resources Resources `json:"resources,omitempty"`

	// securityContext gives the container what the default keeps from it: no
	// privileges, no capabilities.
	//
	// +optional
	SecurityContext SecurityContext `json:"securityContext,omitempty"`
}

// Commands are run around the command of a container. Each is a line for /bin/sh.
// When one fails, the rank goes on, unless logging.strict is set.
type Commands struct {
	// init runs first, on every rank, before anything of Flux is there.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=16384
	Init string `json:"init,omitempty"`

	// pre runs on every rank after init, when Flux is on PATH, before the broker.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=16384
	Pre string `json:"pre,omitempty"`

	// brokerPre is as pre, on the lead only.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=16384
	BrokerPre string `json:"brokerPre,omitempty"`

	// workerPre is as pre, on the followers only.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=16384
	WorkerPre string `json:"workerPre,omitempty"`

	// post runs on each rank after its broker has ended.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=16384
	Post string `json:"post,omitempty"`

	// servicePre runs in a container of services before its command.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=16384
	ServicePre string `json:"servicePre,omitempty"`

	// prefix is put before "flux broker", such as "strace -f".
	//
	// +optional
	// +kubebuilder:validation:MaxLength=16384
	Prefix string `json:"prefix,omitempty"`

	// script is, with batch, the batch script, in place of the command.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=16384
	Script string `json:"script,omitempty"`
}

// LifeCycle are commands of a container's life-cycle hooks, each a line for
// /bin/sh of the image.
// Source: https://kubernetes.io/docs/concepts/containers/container-lifecycle-hooks/
type LifeCycle struct {
	// postStartExec runs when the container has been started.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=16384
	PostStartExec string `json:"postStartExec,omitempty"`

	// preStopExec runs before the container is told to stop.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=16384
	PreStopExec string `json:"preStopExec,omitempty"`
}

// SecurityContext widens what a container may do.
type SecurityContext struct {
	// privileged gives the container the node's devices and all capabilities.
	//
	// +optional
	Privileged bool `json:"privileged,omitempty"`

	// addCapabilities are Linux capabilities without CAP_, such as SYS_PTRACE.
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:Type=string
	// +kubebuilder:validation:items:MaxLength=64
	// +kubebuilder:validation:items:Pattern=`^[A-Z][A-Z_]*$`
	AddCapabilities []corev1.Capability `json:"addCapabilities,omitempty"`
}

// SecretKey is one value of a Secret.
type SecretKey struct {
	// name of the Secret, in the MiniCluster's namespace.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`

	// key of the value in the Secret.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Key string `json:"key"`
}

// Resources are the resources of one container.
type Resources struct {
	// requests is what the scheduler sets aside.
	//
	// +optional
	Requests corev1.ResourceList `json:"requests,omitempty"`

	// limits is what the container cannot exceed.
	//
	// +optional
	Limits corev1.ResourceList `json:"limits,omitempty"`
}
