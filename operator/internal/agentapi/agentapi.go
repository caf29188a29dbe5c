// Package agentapi is what the operator and the agent in the ranks' pods agree
// upon: where files are, what the configuration holds, how the lead's endpoint is
// asked, and what exit codes mean. It is a leaf: both sides import it.
package agentapi

import "path"

// Folders and files in the container of a rank.
const (
	// Folder is a memory-backed emptyDir of the pod: the agent's program, the
	// broker's rundir and what else must not outlive the pod.
	Folder = "/gopherlocks"
	// Program is the agent, which an init container copies there.
	Program = Folder + "/gopherlocks-agent"
	// JobsCommand, with a set of ranks behind it, makes the program print a
	// JobsReport about them in JSON. It drains nothing: it is for people and
	// programs who may enter the pod and want to know what a shrink would meet.
	JobsCommand = "jobs"
	// SecretFolder is the mounted Secret. Only the rank's container has it.
	SecretFolder = "/etc/gopherlocks/secret"
	CurveFile    = SecretFolder + "/" + CurveKey
	TokenFile    = SecretFolder + "/" + TokenKey
	TLSCertFile  = SecretFolder + "/" + TLSCertKey
	TLSKeyFile   = SecretFolder + "/" + TLSKeyKey

	// RunDir is the broker's rundir, which the agent makes.
	RunDir = Folder + "/run"
	// BrokerConfigDir holds Config.BrokerConfig and beside it what the agent adds.
	BrokerConfigDir = Folder + "/flux"
	// ResourceFile is the set of resources R that the agent of each rank makes.
	// The TOML refers to it.
	ResourceFile = BrokerConfigDir + "/R"
	// UsedCurveFile is a copy of the certificate that belongs to the rank's user
	// with mode 0600, as Flux wants it. The TOML refers to it.
	UsedCurveFile = BrokerConfigDir + "/curve.cert"
	// Socket is the broker's socket, or a link to it.
	Socket = RunDir + "/local"
	// TerminationMessageFile is where Kubernetes reads a container's last word.
	TerminationMessageFile = "/dev/termination-log"
)

// The view: its programs expect its files at ViewLinks and ViewSoftware. Below the mount
// path they are at MountedLinks and MountedSoftware, as people know from the Flux
// Operator.
// Source: github.com/converged-computing/flux-views.
const (
	ViewLinks       = "/opt/view"
	ViewSoftware    = "/opt/software"
	MountedLinks    = "view"
	MountedSoftware = "software"
)

// longestSocket is the longest path of a socket, less the NUL behind it.
// Source: sun_path in unix(7).
const longestSocket = 107

// SharedSocket returns the path of the broker's socket on the volume of the view, which
// is at mount in all containers of the pod; empty where it cannot be there.
func SharedSocket(mount string) string {
	shared := path.Join(mount, "config/run/flux/local")
	if mount == "" || len(shared) > longestSocket {
		return ""
	}
	return shared
}

// Keys of the Secret.
const (
	CurveKey   = "curve.cert"
	TokenKey   = "token"
	TLSCertKey = "tls.crt"
	TLSKeyKey  = "tls.key"
)

// Ports of the ranks' pods.
const (
	// BrokerPort is where the lead's broker listens. Source: the default of the
	// Flux Operator, which users' network policies may know.
	BrokerPort = 8050
	// AgentPort is the lead's endpoint for the operator, on TLS.
	AgentPort = 8051
	// HealthPort serves /readyz (the broker is up; without Flux: the command
	// runs) and /healthz (the agent is) of every rank, without authentication.
	HealthPort = 8052
)

// Topology is that of an instance by default, as Flux writes it: all followers are
// connected with the lead. With a tree, the loss of a rank takes others with it.
const Topology = "kary:0"

// ServerName is the name in the endpoint's TLS certificate: the operator reaches
// leads by address.
const ServerName = "lead.minicluster.gopherlocks"

// Variables of the environment of a rank.
const (
	// VariablePrefix is that of all variables of the operator. Users' must not have it.
	VariablePrefix = "GOPHERLOCKS_"
	// RankVariable holds the rank of the pod: its index in the Job.
	RankVariable = "GOPHERLOCKS_RANK"
	// ConfigVariable holds a Config in JSON. It is part of the pod template, and
	// not a ConfigMap, so that all ranks of a Job have the same configuration.
	ConfigVariable = "GOPHERLOCKS_CONFIG"
)

// Exit codes of the agent, told apart by the Job's pod failure policy. A lead
// whose command has ended exits with the command's code, or with ExitCommand
// where that would be taken for one of these; the termination message holds the
// true code. A follower never exits with 0 nor with another code than these.
const (
	// ExitCommand stands for a command's exit code that has another meaning here.
	ExitCommand = 1
	// ExitUnusable: the rank cannot run, and trying again does not help: no Flux
	// in the image, a configuration that Flux refuses.
	ExitUnusable = 69
	// ExitTryAgain: the agent failed for another reason; the pod is replaced.
	ExitTryAgain = 75
	// ExitNotStarted is what a container runtime reports for a container that it
	// could not start: a hook of a GPU that fails, a shim that does not answer, a
	// disk that is full. The next try may be on a better node. The agent itself
	// never exits with it.
	// Source: errorStartExitCode in internal/cri/server of containerd, and
	// exitUnknown in daemon of Docker. CRI-O forgets such a container, so that the
	// kubelet starts it anew.
	ExitNotStarted = 128
	// ExitKilled and ExitStopped are what SIGKILL and SIGTERM leave: the pod was
	// stopped from outside, and is replaced while its rank is wanted.
	ExitKilled  = 128 + 9
	ExitStopped = 128 + 15
	// ExitLost is what a container runtime reports for a container that it finds
	// gone when it starts: the node was restarted under the pod. The agent itself
	// never exits with it.
	// Source: unknownExitCode in internal/cri/server of containerd, and
	// UpdateContainerStatus of CRI-O.
	ExitLost = 255
)

// Termination is the termination message of a rank's container, in JSON.
type Termination struct {
	// Command is set on a lead whose command has ended by itself.
	Command *CommandEnd `json:"command,omitempty"`
	// Message says for people why the rank has ended otherwise.
	Message string `json:"message,omitempty"`
}

// CommandEnd tells how the lead's command ended.
type CommandEnd struct {
	ExitCode int32 `json:"exitCode"`
}
