package plan

import (
	"fmt"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	batchv1ac "k8s.io/client-go/applyconfigurations/batch/v1"
	"k8s.io/utils/ptr"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
	"github.com/gopherlocks/gopherlocks/operator/bounds"
	"github.com/gopherlocks/gopherlocks/operator/idset"
	"github.com/gopherlocks/gopherlocks/operator/internal/build"
)

// facts are what is so. They are computed once; the rules only read them.
type facts struct {
	Observed
	// bounds of the size, and the desired size within them.
	bounds     bounds.Bounds
	desired    int32
	violations []bounds.Violation
	// completions and parallelism of the Job, 0 without one.
	completions, parallelism int32
	// ranks are counted from the pods of the Job, unless it has another owner.
	ranks Ranks
	// rankPods are the pods of the Job's desired ranks, and histories what the pods of
	// each rank tell of those before.
	rankPods  []rankPod
	histories map[int32]history
	// hindered is what is in the way of ranks and of autoscalers.
	hindered finding
	// flux tells whether the ranks are an instance of Flux.
	flux bool
	// foreign is an object of our name that has another owner; nil without one. stray
	// is a Job of ours that has no owner any more; for the rest it counts as none.
	foreign *Foreign
	stray   *batchv1.Job
	// told is the end that the status tells of, and end is how the MiniCluster has
	// ended; nil while it has not.
	told, end *End
	// before is the drain that the status tells of.
	before earlierDrain
	// changed tells that what the ranks are made from is not what the Job, or the one
	// that has ended, was made from. asked tells that somebody asks for a restart.
	changed, asked bool
	// unknown tells that nobody knows whether it is: see api.ReasonNewerOperator.
	unknown bool
	// wanted is the Job that the spec asks for, where a new one is to be made. obstacle
	// is why it cannot be.
	wanted   *batchv1ac.JobApplyConfiguration
	obstacle obstacle
}

// obstacle is why the spec cannot be followed; the zero value is none.
type obstacle struct {
	// state is the one that says so.
	state, because string
	// retryAt, when not zero, is when it may be gone by the clock alone.
	retryAt time.Time
}

func (o obstacle) isThere() bool { return o.state != "" }

func look(o Observed) facts {
	mc, sizes := o.MiniCluster, SizesOf(o.MiniCluster)
	f := facts{
		Observed:   o,
		bounds:     sizes.Bounds(),
		violations: bounds.Check(sizes),
		flux:       build.FluxEnabled(mc),
		foreign:    foreign(o),
		told:       toldEnd(mc),
		before:     drainBefore(mc),
	}
	f.desired = int32(f.bounds.Clamp(sizes.Size)) // at most bounds.Limit
	if o.Job != nil && isStray(mc, o.Job) {
		f.stray, f.Job, o.Job = o.Job, nil, nil
	}
	if f.foreign == nil {
		f.changed, f.asked = templateChanged(o, f.told, f.maximum()), isAsked(o)
	}
	if f.changed && o.Job != nil {
		// Until they restart, there can be no more ranks than Flux knows hosts.
		f.desired = min(f.desired, build.HostsOf(o.Job))
		f.unknown = build.IsMadeByNewer(o.Job)
		f.changed = !f.unknown
	}
	if f.foreign == nil || o.Job != nil && metav1.IsControlledBy(o.Job, mc) {
		f.ranks = countRanks(o.Job, o.Pods, f.desired, o.Now)
	}
	if f.foreign != nil {
		return f // Nothing is done about the rest.
	}
	if o.Job != nil {
		f.completions, f.parallelism = ptr.Deref(o.Job.Spec.Completions, 0), ptr.Deref(o.Job.Spec.Parallelism, 0)
	}
	f.end = findEnd(o, f.told)
	f.wanted, f.obstacle = f.wantedJob()
	f.rankPods = rankPods(o, f.desired)
	f.histories = historiesOf(f.rankPods)
	f.hindered = findHindrances(f)
	return f
}

// maximum is the largest number of ranks that there can be.
func (f facts) maximum() int32 { return int32(f.bounds.Max) }

// going are the ranks that the Job has beyond the desired ones.
func (f facts) going() idset.Set { return idset.Range(f.desired, f.completions) }

// templateChanged compares the template input of the spec with that of the Job or,
// when it is gone, of the one that has ended.
func templateChanged(o Observed, told *End, maximum int32) bool {
	switch {
	case o.Job != nil:
		return !build.IsMadeFrom(o.Job, o.MiniCluster, maximum)
	case told != nil:
		return told.Template != "" && !build.IsHashOf(told.Template, o.MiniCluster, maximum)
	}
	return false
}

// RefusalRetry is the time between two questions whether the API server would take
// a Job that it has refused: what it goes by besides the spec is not watched.
const RefusalRetry = time.Minute

// wantedJob returns the Job that the spec asks for, where one is to be made, or why it
// cannot be. What is wrong with the services beside it counts in any case.
func (f facts) wantedJob() (*batchv1ac.JobApplyConfiguration, obstacle) {
	var job *batchv1ac.JobApplyConfiguration
	_, err := build.ServicesPod(f.MiniCluster)
	if err == nil && (f.Job == nil || f.changed || f.asked) {
		job, err = build.Job(f.MiniCluster, f.desired, f.maximum(), f.Settings)
	}
	if job != nil && f.staysSuspended() {
		job.Spec.WithSuspend(true)
	}
	switch {
	case err != nil:
		return nil, obstacle{state: api.ReasonInvalidSpec, because: err.Error()}
	case (f.changed || f.asked) && f.Refusal != "":
		return nil, obstacle{
			state:   api.ReasonApplyFailed,
			because: "the API server does not take a Job as the spec says: " + f.Refusal,
			retryAt: f.Now.Add(RefusalRetry),
		}
	}
	return job, obstacle{}
}

// sizeReason says where the desired size comes from.
func (f facts) sizeReason() string {
	size := f.MiniCluster.Spec.Size
	if size == f.desired {
		return fmt.Sprintf("spec.size is %d", size)
	}
	return fmt.Sprintf("spec.size is %d, and its bounds are %d to %d", size, f.bounds.Min, f.bounds.Max)
}
