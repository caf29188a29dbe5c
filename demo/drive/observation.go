// Package drive runs the demo with a MiniCluster that an HPA scales. It raises the
// load, watches the MiniCluster grow to its maximum, takes the load away and
// watches it shrink to its minimum. It reports whether all went as it should.
//
// What is observed is plain data. The course of the demo and its picture are
// functions of it; only watch.go and load.go talk to the cluster.
package drive

import "math"

// Observation is the MiniCluster and its HPA at one moment.
type Observation struct {
	// Min and Max bound the size.
	Min, Max int
	// Wished is spec.size: what the HPA or a person asks for.
	Wished int
	// Size and Ready are the ranks that exist and those that are up.
	Size, Ready int
	// Pods are the UIDs of the ranks' pods that are not terminating, by rank.
	Pods map[int]string
	// CPU is the mean use of the ranks in percent of their request, by
	// metrics-server; CPUKnown tells whether there is a measurement.
	CPU      int
	CPUKnown bool
	// Millicores is the use of all ranks together.
	Millicores int64
	// Target is the mean CPU use in percent that the HPA aims at.
	Target int
	// HPAWish is the size that the HPA decided on, after its bounds.
	HPAWish int
	// Limit is why the HPA does not follow the load alone: a reason of its
	// condition ScalingLimited, empty if it does.
	Limit string
}

// unboundedSize is the size that the load alone asks for, without the bounds.
// Source: https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/#algorithm-details
func (o Observation) unboundedSize() int {
	if !o.CPUKnown || o.Target == 0 {
		return o.HPAWish
	}
	return int(math.Ceil(float64(o.Size) * float64(o.CPU) / float64(o.Target)))
}

// isAt tells whether spec.size, pods and ready ranks all are at size n.
func (o Observation) isAt(n int) bool {
	return o.Wished == n && o.Size == n && o.Ready == n && len(o.Pods) == n
}
