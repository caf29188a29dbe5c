package build

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
	"github.com/gopherlocks/gopherlocks/operator/idset"
	"github.com/gopherlocks/gopherlocks/operator/internal/agentapi"
	"github.com/gopherlocks/gopherlocks/operator/internal/fluxconf"
)

const (
	// configLimit is the most that the configuration may have, in bytes. Linux
	// starts no program with a longer variable than 128 KiB.
	// Source: MAX_ARG_STRLEN in execve(2).
	configLimit = 120_000

	// defaultLogLevel is "info" of syslog.
	defaultLogLevel = 6

	defaultGraceSeconds = 30
)

// agentConfig returns what the agents of a MiniCluster are told. size only
// decides over how many nodes the command is spread.
func agentConfig(mc *api.MiniCluster, size, ceiling int32) (agentapi.Config, error) {
	spec, user := mc.Spec, FluxContainer(mc)
	broker, err := fluxconf.BrokerConfig(fluxconf.Options{
		Name:           mc.Name,
		Service:        ServiceName(mc),
		Ceiling:        ceiling,
		QueuePolicy:    spec.Flux.Scheduler.QueuePolicy,
		Simple:         spec.Flux.Scheduler.Simple,
		ConnectTimeout: spec.Flux.ConnectTimeout,
		KeepsState:     spec.Flux.StateDir != "",
		Custom:         spec.Flux.BrokerConfig,
	})
	if err != nil {
		return agentapi.Config{}, fmt.Errorf("make the brokers' configuration: %w", err)
	}
	c := agentapi.Config{
		Name:          mc.Name,
		Hosts:         fluxconf.Hosts(mc.Name, ceiling),
		Ceiling:       ceiling,
		Mode:          mode(mc),
		Command:       user.Command,
		Topology:      spec.Flux.Topology,
		BatchRaw:      user.BatchRaw,
		Logs:          user.Logs,
		Init:          user.Commands.Init,
		Pre:           user.Commands.Pre,
		BrokerPre:     user.Commands.BrokerPre,
		WorkerPre:     user.Commands.WorkerPre,
		Post:          user.Commands.Post,
		Prefix:        user.Commands.Prefix,
		SubmitCommand: spec.Flux.SubmitCommand,
		OptionFlags:   spec.Flux.OptionFlags,
		Wrap:          spec.Flux.Wrap,
		ViewPath:      viewPath(mc),
		MountPath:     mountPath(mc),
		PythonPath:    spec.Flux.Container.PythonPath,
		BrokerConfig:  broker,
		Cores:         cores(user.Resources),
		GPUs:          gpus(user.Resources, spec.Flux.GPUResources),
		LogLevel:      ptr.Deref(spec.Flux.LogLevel, defaultLogLevel),
		StateDir:      withDefault(spec.Flux.StateDir, defaultStateDir),
		ArchivePath:   spec.Archive.Path,
		Quiet:         spec.Logging.Quiet,
		Strict:        spec.Logging.Strict,
		Debug:         spec.Logging.Debug,
		Zeromq:        spec.Logging.Zeromq,
		Timed:         spec.Logging.Timed,
		GraceSeconds:  graceSeconds(mc),
	}
	switch script := user.Commands.Script; {
	case script == "":
	case c.Mode == agentapi.ModeBatch:
		c.Command = script
	default:
		c.Script = script
	}
	c.Nodes, c.Tasks = spread(c.Mode, tasks(mc), size)
	return c, nil
}

// mode returns what the lead does.
func mode(mc *api.MiniCluster) agentapi.Mode {
	user := FluxContainer(mc)
	switch {
	case mc.Spec.Interactive, user.Command == "" && user.Commands.Script == "":
		return agentapi.ModeInteractive
	case user.Batch:
		return agentapi.ModeBatch
	case user.Launcher:
		return agentapi.ModeLauncher
	}
	return agentapi.ModeSubmit
}

// tasks returns spec.tasks with its default.
func tasks(mc *api.MiniCluster) int32 { return ptr.Deref(mc.Spec.Tasks, 1) }

// spread returns -N and -n of the submitted command, as the Flux Operator does:
// as many tasks as there are ranks, or more, are spread over all of them; fewer
// are placed by Flux; with none, the command gets all of as many nodes as there are
// ranks. The size is that at the creation of the Job. It does not
// follow the MiniCluster's: the template of a running Job cannot change, nor can
// the shape of a submitted job.
// Source: flux-framework/flux-operator, pkg/flux/templates/wait.sh.
func spread(mode agentapi.Mode, tasks, size int32) (nodes, n int32) {
	if mode != agentapi.ModeSubmit && mode != agentapi.ModeBatch {
		return 0, 0
	}
	if tasks == 0 {
		return size, 0
	}
	// One task is on one node anyway.
	if tasks > 1 && tasks >= size {
		nodes = size
	}
	return nodes, tasks
}

// cores returns the number of cores that Flux schedules on a rank: the CPU limit
// or else the request, rounded up; 0 for those of the node.
func cores(r api.Resources) int32 {
	for _, list := range []corev1.ResourceList{r.Limits, r.Requests} {
		if cpu, found := list[corev1.ResourceCPU]; found {
			return int32(min(cpu.Value(), math.MaxInt32)) // Value rounds up
		}
	}
	return 0
}

// defaultGPUs are the resources that count as GPUs.
var defaultGPUs = []string{"nvidia.com/gpu", "amd.com/gpu"}

// gpus returns the number of GPUs that Flux schedules on a rank: those of the limits.
// A container without limits of GPUs may see the node's all the same, but nobody can
// tell here how many.
func gpus(r api.Resources, names []string) int32 {
	if len(names) == 0 {
		names = defaultGPUs
	}
	var count int64
	for _, name := range names {
		quantity := r.Limits[corev1.ResourceName(name)]
		count += quantity.Value()
	}
	return int32(min(count, idset.Max))
}

// graceSeconds returns the termination grace period of the ranks' pods.
func graceSeconds(mc *api.MiniCluster) int64 {
	return ptr.Deref(mc.Spec.Pod.TerminationGracePeriodSeconds, defaultGraceSeconds)
}

// configValue returns the value of agentapi.ConfigVariable. Kubernetes replaces
// $(NAME) and $$ in values, so that dollar signs are doubled.
// Source: https://kubernetes.io/docs/tasks/inject-data-application/define-interdependent-environment-variables/
func configValue(mc *api.MiniCluster, size, ceiling int32) (string, error) {
	config, err := agentConfig(mc, size, ceiling)
	if err != nil {
		return "", err
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false) // < and > are common in commands, and would grow
	if err := encoder.Encode(config); err != nil {
		return "", fmt.Errorf("encode the configuration of the ranks: %w", err)
	}
	plain := strings.TrimSuffix(text.String(), "\n")
	if len(plain) > configLimit {
		field, size := longestText(mc)
		return "", fmt.Errorf("%s: the configuration of the ranks has %d bytes and must have at most %d; shorten this field, its longest with %d bytes, or put the text into a ConfigMap and mount that with volumes",
			field, len(plain), configLimit, size)
	}
	return strings.ReplaceAll(plain, "$", "$$"), nil
}

// longestText returns the longest of the texts that the configuration holds.
func longestText(mc *api.MiniCluster) (field string, size int) {
	user, path := FluxContainer(mc), containerPath("containers", rankIndex(mc))
	type text struct{ field, value string }
	longest := slices.MaxFunc([]text{
		{path + ".command", user.Command},
		{path + ".commands.init", user.Commands.Init},
		{path + ".commands.pre", user.Commands.Pre},
		{path + ".commands.brokerPre", user.Commands.BrokerPre},
		{path + ".commands.workerPre", user.Commands.WorkerPre},
		{path + ".commands.post", user.Commands.Post},
		{path + ".commands.prefix", user.Commands.Prefix},
		{path + ".commands.script", user.Commands.Script},
		{"flux.brokerConfig", mc.Spec.Flux.BrokerConfig},
	}, func(a, b text) int { return cmp.Compare(len(a.value), len(b.value)) })
	return longest.field, len(longest.value)
}
