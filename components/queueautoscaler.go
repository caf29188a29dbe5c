package components

import (
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// QueueAutoscaleArgs say how the operator chooses the size by Flux's queue, between
// MinSize and MaxSize. They can be changed at any time, without a restart.
type QueueAutoscaleArgs struct {
	// IdleSeconds is for how many seconds ranks must have been idle before they go; 0
	// to 604800, a week. Default (nil): the operator's, 60.
	IdleSeconds *int `pulumi:"idleSeconds"`
	// SpareRanks is the number of ranks to keep ready beyond those that jobs take; at
	// most MaxSize. Default: 0.
	SpareRanks int `pulumi:"spareRanks"`
	// Step is the distance between the sizes that are chosen, counted from MinSize; at
	// most MaxSize, which is one of them in any case. Default: 1, which is also meant by 0.
	Step int `pulumi:"scaleStep"`
	// SleepSeconds is for how many seconds the queue must have been empty before the
	// operator puts the MiniCluster to sleep; at most 31536000, a year. Default (0): it
	// never does.
	SleepSeconds int `pulumi:"sleepSeconds"`
}

// maxIdleSeconds is the longest idle time that the API takes.
// Source: operator/api/v1alpha2.
const maxIdleSeconds = 604800

// maxSleepSeconds is the longest time that the API takes until sleep.
const maxSleepSeconds = 31536000

func checkQueueAutoscale(m MiniClusterArgs) (found []Problem) {
	q := m.QueueAutoscale
	if q == nil {
		return nil
	}
	if m.Autoscale != nil {
		found = append(found, problem("autoscaler", "Autoscale and QueueAutoscale are both set: a MiniCluster has one autoscaler; remove one of the two"))
	}
	if !m.Flux {
		found = append(found, problem("autoscaler", "%s needs flux true: without Flux there is no queue; take %s, or set flux", AutoscalerQueue, AutoscalerCPU))
	}
	found = slices.Concat(found, checkSeconds("idleSeconds", q.IdleSeconds, maxIdleSeconds), checkSeconds("sleepSeconds", &q.SleepSeconds, maxSleepSeconds))
	for _, ranks := range []struct {
		field string
		value int
	}{{"spareRanks", q.SpareRanks}, {"scaleStep", q.Step}} {
		switch {
		case ranks.value < 0:
			found = append(found, problem(ranks.field, "%s %d must be at least 0", ranks.field, ranks.value))
		case ranks.value > m.MaxSize:
			found = append(found, problem(ranks.field, "%s %d must be at most maxSize %d", ranks.field, ranks.value, m.MaxSize))
		}
	}
	return found
}

// spec is empty where the operator's defaults hold, so that who says nothing declares
// nothing.
func (q QueueAutoscaleArgs) spec() pulumi.Map {
	spec := pulumi.Map{}
	if q.IdleSeconds != nil {
		spec["idleSeconds"] = pulumi.Int(*q.IdleSeconds)
	}
	if q.SpareRanks != 0 {
		spec["spareRanks"] = pulumi.Int(q.SpareRanks)
	}
	if q.Step > 1 {
		spec["step"] = pulumi.Int(q.Step)
	}
	if q.SleepSeconds > 0 {
		spec["sleepSeconds"] = pulumi.Int(q.SleepSeconds)
	}
	return spec
}
