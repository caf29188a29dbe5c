package v1alpha2

import corev1 "k8s.io/api/core/v1"

// Flux is how the instance of Flux is set up. A change to it restarts all ranks.
//
// +kubebuilder:validation:XValidation:rule="rules/flux.yaml"
type Flux struct {
	// enabled says whether the ranks are an instance of Flux. Without, each runs
	// the command. Default: true.
	//
	// +optional
	Enabled *bool `json:"enabled,omitempty"`

	// container is the image that Flux is taken from, the "view".
	//
	// +optional
	Container FluxContainer `json:"container,omitempty"`

	// optionFlags are options for the submission of the command, such as
	// "-ompi=openmpi". A shell reads them.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=4096
	OptionFlags string `json:"optionFlags,omitempty"`

	// submitCommand is what the command is submitted with, up to its options.
	// Default: "flux submit" with -N, -n and what makes it print the output.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=4096
	SubmitCommand string `json:"submitCommand,omitempty"`

	// wrap is a command that "flux broker" is run under, such as "strace,-e,network":
	// words separated by commas.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=4096
	Wrap string `json:"wrap,omitempty"`

	// connectTimeout is how long a follower tries to reach the lead at once, in
	// Flux's form, such as 5s. Default: 5s. A follower tries again without end.
	// Source: zmq's ZMQ_CONNECT_TIMEOUT, flux-config-tbon(5).
	//
	// +optional
	// +kubebuilder:validation:MaxLength=64
	ConnectTimeout string `json:"connectTimeout,omitempty"`

	// logLevel is the severity that brokers print messages from, as of syslog:
	// 3 error, 4 warning, 5 notice, 6 info, 7 debug. Default: 6.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=7
	LogLevel *int32 `json:"logLevel,omitempty"`

	// curveCert is a CURVE certificate as "flux keygen" prints it, secret key
	// included. Default: one is made and kept in a Secret; anybody who can read
	// the MiniCluster can read this field.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=4096
	CurveCert string `json:"curveCert,omitempty"`

	// scheduler is how jobs are scheduled.
	//
	// +optional
	Scheduler Scheduler `json:"scheduler,omitempty"`

	// gpuResources are the resources of the limits that Flux schedules as GPUs.
	// Default: nvidia.com/gpu and amd.com/gpu.
	//
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MaxLength=317
	GPUResources []string `json:"gpuResources,omitempty"`

	// brokerConfig is the brokers' configuration, in TOML, in place of ours.
	// Elasticity is up to it then. The files that ours refers to are there: the
	// resources /gopherlocks/flux/R and the certificate
	// /gopherlocks/flux/curve.cert. Default: none, ours is used.
	// Source: flux-config(5).
	//
	// +optional
	// +kubebuilder:validation:MaxLength=16384
	BrokerConfig string `json:"brokerConfig,omitempty"`

	// environment holds variables for the brokers and all that they start.
	//
	// +optional
	// +kubebuilder:validation:MaxProperties=256
	// +kubebuilder:validation:XValidation:rule="rules/environment.yaml"
	Environment map[string]string `json:"environment,omitempty"`

	// stateDir is a folder on a volume of the lead that keeps the instance's
	// state: jobs, queue and drained ranks survive the loss of the lead's pod.
	// Default: none, and they do not.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=4096
	StateDir string `json:"stateDir,omitempty"`

	// noWaitSocket has containers beside the rank begin before the broker is up. Those
	// that a shell runs wait for its socket otherwise. A change of it alone restarts
	// no rank: ranks that start later heed it.
	//
	// +optional
	NoWaitSocket bool `json:"noWaitSocket,omitempty"`

	// ceiling is the largest maxSize that needs no restart: the number of hosts that
	// Flux is told of when the lead starts. Those without a rank count as down. Default:
	// twice maxSize, at least 64; without maxSize, and with a tree as topology, the maximum.
	// With Fluxion the lead takes some 10 kB for each core of each host.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=100000
	Ceiling int32 `json:"ceiling,omitempty"`

	// topology is how the brokers are connected: kary:N, mincrit or binomial. A tree
	// needs a size that stays, without maxSize or with that of the size: the loss of a
	// rank takes those below it with it. Default: kary:0, all with the lead.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Topology string `json:"topology,omitempty"`

	// minimalService is accepted and changes nothing: every rank has a host name.
	//
	// +optional
	MinimalService bool `json:"minimalService,omitempty"`

	// disableSocket is accepted and changes nothing: the agent needs the broker's
	// socket, which is where it always is.
	//
	// +optional
	DisableSocket bool `json:"disableSocket,omitempty"`

	// completeWorkers is accepted and changes nothing: followers end with the lead, and
	// one that fails before is started again.
	//
	// +optional
	CompleteWorkers bool `json:"completeWorkers,omitempty"`

	// arch is accepted and changes nothing: the images decide.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Arch string `json:"arch,omitempty"`

	// mungeSecret is not supported; it is here to be refused with a reason.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=253
	MungeSecret string `json:"mungeSecret,omitempty"`

	// bursting is not supported; it is here to be refused with a reason. What asks for
	// no bursting is accepted.
	//
	// +optional
	Bursting *Bursting `json:"bursting,omitempty"`
}

// FluxContainer is the view: an image with Flux, which an init container copies
// to where the rank's container finds it.
//
// +kubebuilder:validation:XValidation:rule="rules/fluxcontainer.yaml"
type FluxContainer struct {
	// disable uses the Flux of the rank's own image.
	//
	// +optional
	Disable bool `json:"disable,omitempty"`

	// image of the view. Default:
	// ghcr.io/converged-computing/flux-view-rocky:tag-9.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Image string `json:"image,omitempty"`

	// name of the init container. Default: flux-view.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=63
	Name string `json:"name,omitempty"`

	// mountPath is where the rank's container finds the view. Default: /mnt/flux.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=4096
	MountPath string `json:"mountPath,omitempty"`

	// workingDir of the init container.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=4096
	WorkingDir string `json:"workingDir,omitempty"`

	// pythonPath is put into PYTHONPATH for Flux. Default: the view's own
	// site-packages.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=4096
	PythonPath string `json:"pythonPath,omitempty"`

	// imagePullSecret names a Secret to pull the view's image with.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=253
	ImagePullSecret string `json:"imagePullSecret,omitempty"`

	// pullAlways pulls the view's image for every pod, as imagePullPolicy Always does.
	//
	// +optional
	PullAlways bool `json:"pullAlways,omitempty"`

	// imagePullPolicy says when the view's image is pulled: Always, IfNotPresent or
	// Never. Default: IfNotPresent.
	//
	// +optional
	// +kubebuilder:validation:Enum="";Always;IfNotPresent;Never
	ImagePullPolicy corev1.PullPolicy `json:"imagePullPolicy,omitempty"`

	// securityContext of the init container, as Kubernetes has it. What it does not
	// say is as tight as can be: no privileges, no capabilities.
	//
	// +optional
	SecurityContext SecurityContext `json:"securityContext,omitempty"`

	// resources of the init container.
	//
	// +optional
	Resources Resources `json:"resources,omitempty"`
}

// Scheduler is how jobs are scheduled.
//
// +kubebuilder:validation:XValidation:rule="rules/scheduler.yaml"
type Scheduler struct {
	// simple uses sched-simple, which knows no GPUs, rather than Fluxion.
	//
	// +optional
	Simple bool `json:"simple,omitempty"`

	// queuePolicy of Fluxion. Default: easy. With fcfs, a job that is larger than
	// the ranks that are up fails rather than waits for the MiniCluster to grow.
	// Source: sched-fluxion-qmanager, flux-config-sched-fluxion-qmanager(5).
	//
	// +optional
	// +kubebuilder:validation:Enum="";fcfs;easy;hybrid;conservative
	QueuePolicy string `json:"queuePolicy,omitempty"`
}

// Bursting would join the instance with brokers of other clusters, which is not
// supported.
type Bursting struct {
	// leadBroker is the lead that the ranks would join.
	//
	// +optional
	LeadBroker BurstingLead `json:"leadBroker,omitempty"`

	// hostlist holds the hosts of all clusters, in Flux's form.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=16384
	Hostlist string `json:"hostlist,omitempty"`

	// clusters would be joined to the instance.
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	Clusters []BurstedCluster `json:"clusters,omitempty"` //nolint:kubeapilinter // They are refused in words, whatever is in them.
}

// BurstingLead is the lead of an instance in another cluster.
type BurstingLead struct {
	// address of the lead's host.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=253
	Address string `json:"address,omitempty"`

	// name of the lead's MiniCluster.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name,omitempty"`

	// size of the lead's MiniCluster.
	//
	// +optional
	Size int32 `json:"size,omitempty"`

	// port that the lead's broker listens on.
	//
	// +optional
	Port int32 `json:"port,omitempty"`
}

// BurstedCluster is a cluster that would be joined to the instance.
type BurstedCluster struct {
	// name that begins its host names.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name,omitempty"`

	// size is the number of its ranks.
	//
	// +optional
	Size int32 `json:"size,omitempty"`
}
