// Package whatif tells what the operator would do about a MiniCluster if its spec
// were another. It asks the operator's own planner: it puts the other spec in place
// of the real one, has a plan made, and tells of the plan instead of carrying it
// out.
//
// It is for programs that speak about a change before it is made. It has no client
// and no clock.
package whatif

import (
	"encoding/json"
	"fmt"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
	"github.com/gopherlocks/gopherlocks/operator/bounds"
	"github.com/gopherlocks/gopherlocks/operator/idset"
	"github.com/gopherlocks/gopherlocks/operator/internal/build"
	"github.com/gopherlocks/gopherlocks/operator/internal/plan"
)

// Live is what is there now.
type Live struct {
	// MiniCluster, with metadata and status. It need not exist yet, and then has no
	// UID.
	MiniCluster *api.MiniCluster
	// Service and Job are the objects of the MiniCluster's name (see ServiceName),
	// whoever made them; nil when there is none.
	Service *corev1.Service
	Job     *batchv1.Job
	// Pods are those that RankLabels select.
	Pods []corev1.Pod
	// Now is when they were read.
	Now time.Time
	// Major and Minor are the version of Kubernetes.
	Major, Minor int
}

// Outcome is what the operator would do.
type Outcome struct {
	// Desired is the number of ranks that it would work towards: the spec's size
	// within Bounds.
	Desired int32
	Bounds  bounds.Bounds
	// Violations of the bounds rule by the spec.
	Violations []bounds.Violation
	// Ranks is the number of ranks that the Job has now, 0 without one.
	Ranks int32
	// Arriving are the ranks that would be added, and Leaving those that would be
	// taken away. Both are empty where Restart is true.
	Arriving, Leaving idset.Set
	// DrainTimeout is how long jobs would be waited for, from now on, on Leaving, or on
	// all ranks before a restart or sleep; 0 when they would go at once.
	DrainTimeout time.Duration
	// Restart says that all ranks, the lead among them, would end and start anew, because
	// a running Job cannot take the change over. RestartWhenAsked says that they would do
	// so only when somebody asks for it.
	Restart, RestartWhenAsked bool
	// Sleep says that all ranks would end, or that there would be none.
	Sleep bool
	// PassedCeiling is the number of hosts that Flux knows, where the maximum is above it:
	// that restarts all ranks. Otherwise 0.
	PassedCeiling int32
	// Problem says why the operator would do nothing, or could only resize; empty
	// when there is no such reason.
	Problem string
	// Ended says that the MiniCluster has ended for good, in words; empty while it
	// has not. Its size then means nothing any more.
	Ended string
	// RankPod is the pod of a rank; nil where Problem says why there can be none.
	RankPod *corev1.PodSpec
}

// agentImage stands for the image of the agent, which the operator alone knows. It
// is no part of what a restart depends on.
const agentImage = "gopherlocks-agent"

// Predict returns what the operator would do if spec were the MiniCluster's.
func Predict(live Live, spec api.MiniClusterSpec) Outcome {
	mc := live.MiniCluster.DeepCopy()
	mc.Spec = spec
	settings := build.Settings{AgentImage: agentImage, Features: build.FeaturesOf(live.Major, live.Minor)}
	p := plan.Make(plan.Observed{
		MiniCluster: mc,
		Service:     live.Service,
		Job:         live.Job,
		Pods:        live.Pods,
		Now:         live.Now,
		Settings:    settings,
	})
	outcome := Outcome{
		Desired:    p.Desired,
		Bounds:     plan.SizesOf(mc).Bounds(),
		Violations: p.Violations,
	}
	if live.Job != nil {
		outcome.Ranks = ptr.Deref(live.Job.Spec.Completions, 0)
		if ceiling := build.CeilingOf(live.Job); ceiling > 0 && p.Maximum > ceiling {
			outcome.PassedCeiling = ceiling
		}
	}
	switch p.State {
	case api.ReasonNameConflict, api.ReasonInvalidSpec, api.ReasonApplyFailed, api.ReasonDeleting:
		outcome.Problem = p.Message
	}
	outcome.Restart, outcome.RestartWhenAsked, outcome.Sleep = p.Restarts, p.RestartDue, p.Sleeps
	if p.End != nil {
		outcome.Ended = p.End.Message
	}
	setResize(&outcome, live, mc, p)
	if pod, err := rankPod(mc, p, settings); err == nil {
		outcome.RankPod = pod
	}
	return outcome
}

// setResize fills in which ranks come and go by what the plan does with the Job.
func setResize(outcome *Outcome, live Live, mc *api.MiniCluster, p plan.Plan) {
	switch {
	case p.DrainOrder != nil && p.DrainOrder.Rests():
		outcome.DrainTimeout = p.DrainStatus.StartTime.Add(plan.RestTimeout(mc)).Sub(live.Now)
	case p.DrainOrder != nil && p.Desired < outcome.Ranks:
		outcome.Leaving = p.DrainOrder.Ranks
		outcome.DrainTimeout = p.DrainStatus.StartTime.Add(plan.DrainTimeout(mc)).Sub(live.Now)
	case p.Job != nil && p.Job.Spec.Completions != nil:
		outcome.Arriving = idset.Range(outcome.Ranks, p.Desired)
		outcome.Leaving = idset.Range(p.Desired, outcome.Ranks)
	}
}

// rankPod returns the pod that the operator would make for a rank.
func rankPod(mc *api.MiniCluster, p plan.Plan, settings build.Settings) (*corev1.PodSpec, error) {
	config, err := build.Job(mc, p.Desired, p.Maximum, settings)
	if err != nil {
		return nil, err
	}
	data, err := json.Marshal(config.Spec.Template.Spec)
	if err != nil {
		return nil, fmt.Errorf("encode the pod of a rank: %w", err)
	}
	var pod corev1.PodSpec
	if err := json.Unmarshal(data, &pod); err != nil {
		return nil, fmt.Errorf("decode the pod of a rank: %w", err)
	}
	return &pod, nil
}

// IsTakenOver tells whether ranks that run take over a change at a path such as "spec.size".
func IsTakenOver(path string) bool { return build.IsTakenOver(path) }

// ServiceName returns the name of the MiniCluster's headless Service.
func ServiceName(mc *api.MiniCluster) string { return build.ServiceName(mc) }

// RankLabels returns the labels of the pods that are ranks of the MiniCluster
// called name.
func RankLabels(name string) map[string]string { return build.RankLabels(name) }
