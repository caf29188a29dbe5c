package agentapi

// Mode is what the lead does in its instance.
type Mode string

const (
	// ModeSubmit submits the command as one job and ends with it.
	ModeSubmit Mode = "submit"
	// ModeLauncher runs the command in the instance and ends with it.
	ModeLauncher Mode = "launcher"
	// ModeBatch submits the command as a batch script and ends with it.
	ModeBatch Mode = "batch"
	// ModeInteractive waits until the pod is stopped.
	ModeInteractive Mode = "interactive"
)

// Config is what the agent of every rank of Flux is told, in ConfigVariable.
// Ranks differ by RankVariable only. Without Flux there is none: the agent is
// called as "Program plain -- COMMAND ARGUMENT…".
type Config struct {
	// Name is the MiniCluster's, Hosts the host names of all ranks up to the
	// ceiling in Flux's form ("name-[0-3]"), Ceiling their number.
	Name    string `json:"name"`
	Hosts   string `json:"hosts"`
	Ceiling int32  `json:"ceiling"`
	Mode    Mode   `json:"mode"`

	// Command is a line for a shell, or with ModeBatch the script's text. Script is the
	// text of a script that is the command.
	Command string `json:"command,omitempty"`
	Script  string `json:"script,omitempty"`
	// BatchRaw takes the script's lines as they are; Logs is the folder for the
	// output of its jobs.
	BatchRaw bool   `json:"batchRaw,omitempty"`
	Logs     string `json:"logs,omitempty"`
	// Nodes and Tasks of the submitted command: -N and -n. 0 leaves one out.
	Nodes int32 `json:"nodes,omitempty"`
	Tasks int32 `json:"tasks,omitempty"`

	Init      string `json:"init,omitempty"`
	Pre       string `json:"pre,omitempty"`
	BrokerPre string `json:"brokerPre,omitempty"`
	WorkerPre string `json:"workerPre,omitempty"`
	Post      string `json:"post,omitempty"`
	Prefix    string `json:"prefix,omitempty"`

	SubmitCommand string `json:"submitCommand,omitempty"`
	OptionFlags   string `json:"optionFlags,omitempty"`
	Wrap          string `json:"wrap,omitempty"`
	// Topology of the brokers, as Flux writes it; empty for the constant Topology.
	Topology string `json:"topology,omitempty"`
	// ViewPath is where the view is mounted; empty: Flux is in the image. MountPath is
	// where its volume is mounted, with or without a view in it.
	ViewPath   string `json:"viewPath,omitempty"`
	MountPath  string `json:"mountPath,omitempty"`
	PythonPath string `json:"pythonPath,omitempty"`
	// BrokerConfig is the brokers' configuration, in TOML.
	BrokerConfig string `json:"brokerConfig"`
	// Cores of each rank; 0: as many as the rank's CPUs, and what the lead has counts.
	Cores int32 `json:"cores,omitempty"`
	// GPUs of each rank.
	GPUs int32 `json:"gpus,omitempty"`
	// LogLevel of the brokers, as of syslog.
	LogLevel int32 `json:"logLevel"`

	StateDir    string `json:"stateDir,omitempty"`
	ArchivePath string `json:"archivePath,omitempty"`

	Quiet  bool `json:"quiet,omitempty"`
	Strict bool `json:"strict,omitempty"`
	Debug  bool `json:"debug,omitempty"`
	Zeromq bool `json:"zeromq,omitempty"`
	Timed  bool `json:"timed,omitempty"`

	// GraceSeconds is the pod's termination grace period.
	GraceSeconds int64 `json:"graceSeconds"`
}
