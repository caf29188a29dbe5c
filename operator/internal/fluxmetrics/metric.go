// Package fluxmetrics are the numbers of an instance of Flux that autoscalers and people
// read: from the custom metrics API, KEDA's external scaler and Prometheus.
//
//	metric.go   which there are, and what each is
//	lead.go     ask one lead
//	source.go   find MiniClusters and their leads
package fluxmetrics

import (
	"slices"
	"strings"

	"github.com/gopherlocks/gopherlocks/operator/internal/agentapi"
)

// Numbers are those of one instance at one moment.
type Numbers struct {
	agentapi.Counts
	// Wanted is the number of ranks that the running and pending jobs take, at most the
	// maximum.
	Wanted int32
}

// Metric is one of the numbers.
type Metric struct {
	// Name is snake_case, and the same everywhere. Prometheus' has a prefix.
	Name string
	// Help says what it is.
	Help  string
	Value func(Numbers) int64
}

// RanksWanted is the metric that makes an autoscaler choose the size that the jobs need.
const RanksWanted = "ranks_wanted_count"

// All are the metrics. Those of nodes, cores and the queue have the names that the Flux
// Operator's users know.
// Source: github.com/converged-computing/flux-metrics-api.
var All = []Metric{
	{RanksWanted, "Ranks that the running and pending jobs take, at most the maximum.", func(n Numbers) int64 { return int64(n.Wanted) }},
	{"node_up_count", "Ranks that are online and not drained.", func(n Numbers) int64 { return int64(n.Nodes.Up) }},
	{"node_free_count", "Ranks that are up and that no job has any part of.", func(n Numbers) int64 { return int64(n.Nodes.Free) }},
	{"node_cores_up_count", "Cores of the ranks that are up.", func(n Numbers) int64 { return int64(n.Cores.Up) }},
	{"node_cores_free_count", "Cores of the ranks that are up and that no job has.", func(n Numbers) int64 { return int64(n.Cores.Free) }},
	{"node_gpus_up_count", "GPUs of the ranks that are up.", func(n Numbers) int64 { return int64(n.GPUs.Up) }},
	{"node_gpus_free_count", "GPUs of the ranks that are up and that no job has.", func(n Numbers) int64 { return int64(n.GPUs.Free) }},
	jobs("new", func(j agentapi.JobCounts) int { return j.New }),
	jobs("depend", func(j agentapi.JobCounts) int { return j.Depend }),
	jobs("priority", func(j agentapi.JobCounts) int { return j.Priority }),
	jobs("sched", func(j agentapi.JobCounts) int { return j.Sched }),
	jobs("run", func(j agentapi.JobCounts) int { return j.Run }),
	jobs("cleanup", func(j agentapi.JobCounts) int { return j.Cleanup }),
	jobs("inactive", func(j agentapi.JobCounts) int { return j.Inactive }),
}

func jobs(state string, count func(agentapi.JobCounts) int) Metric {
	return Metric{
		Name: "job_queue_state_" + state + "_count", Help: "Jobs in Flux's state " + strings.ToUpper(state) + ".",
		Value: func(n Numbers) int64 { return int64(count(n.Jobs)) },
	}
}

// Find returns the metric of that name.
func Find(name string) (Metric, bool) {
	i := slices.IndexFunc(All, func(m Metric) bool { return m.Name == name })
	if i < 0 {
		return Metric{}, false
	}
	return All[i], true
}

// Names are those of all metrics, for messages.
func Names() string {
	var names []string
	for _, m := range All {
		names = append(names, m.Name)
	}
	return strings.Join(names, ", ")
}
