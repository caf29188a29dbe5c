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

	// pullAlways pulls the image for every pod, as imagePullPolicy Always does.
	// Default: what imagePullPolicy says.
	//
	// +optional
	PullAlways bool `json:"pullAlways,omitempty"`

	// imagePullPolicy says when the image is pulled: Always, IfNotPresent or Never.
	// Default: IfNotPresent.
	//
	// +optional
	// +kubebuilder:validation:Enum="";Always;IfNotPresent;Never
	ImagePullPolicy corev1.PullPolicy `json:"imagePullPolicy,omitempty"`

	// runFlux marks the container that runs the rank: the Flux broker and the
	// command. Exactly one container has it; a single one does by default.
	//
	// +optional
	RunFlux bool `json:"runFlux,omitempty"`

	// command is what the instance runs, once: the lead broker submits it as one
	// job (see launcher and batch for other ways), and the MiniCluster ends with
	// it. A shell on the lead reads it: bash where the image has it, else /bin/sh.
	// Without a command the instance waits for work, as with interactive.
	//
	// In a container that does not run Flux, or with flux.enabled false, the
	// container runs the command itself (with flux.enabled false: every rank). A
	// shell of the image reads it where it needs one: for | & ; < > ` ( ), several
	// lines, patterns of files, words such as exec and cd, or a $ that is not
	// $(NAME). Otherwise no shell is needed. The command is split into words at white
	// space, with '…' for text as it is, "…" and \ as usual, and $(NAME) stands for
	// a variable of the environment. Default: the image's own command.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=16384
	Command string `json:"command,omitempty"`

	// commands are run around the command.
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

	// noWrapEntrypoint leaves the container's own entrypoint as it is, without
	// commands around it. It does nothing in the container that runs Flux.
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
	// They win over those of environment.
	//
	// +optional
	// +kubebuilder:validation:MaxProperties=64
	// +kubebuilder:validation:XValidation:rule="rules/environment.yaml"
	Secrets map[string]SecretKey `json:"secrets,omitempty"`

	// ports are the TCP ports that the commands listen on, reachable at each
	// rank's host name (of a service: at the services' host name).
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:Minimum=1
	// +kubebuilder:validation:items:Maximum=65535
	Ports []int32 `json:"ports,omitempty"`

	// volumes to mount, by name. A name that several containers give the same source,
	// or that one of them gives a source, is one volume of all of them.
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

	// securityContext is the container's own, as Kubernetes has it. Default: what the
	// runtime gives, and with pod.restricted what the Pod Security Standard
	// "restricted" asks for.
	//
	// +optional
	SecurityContext SecurityContext `json:"securityContext,omitempty"`
}

// Commands are run around the command of a container. Each is one or more lines for
// bash where the image has it, else for /bin/sh. In the container that runs Flux they
// are to each other, to the broker and to the command as parts of one script: variables,
// functions, the folder and limits stay. When one fails, the rank goes on, unless
// logging.strict is set.
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

	// prefix is put before the submission of the command, or before the command of a
	// launcher, such as "strace -f". flux.wrap is for the broker.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=16384
	Prefix string `json:"prefix,omitempty"`

	// script is a script of many lines, in place of the command. Variables and $(…)
	// in it are replaced before it runs; \$ is a $ of its own. With batch it is the
	// batch script, as it is.
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
