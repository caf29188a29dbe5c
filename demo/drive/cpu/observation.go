// Package cpu drives the demo of a MiniCluster that an HPA scales by CPU use. It raises
// the load, watches the MiniCluster grow to its maximum, takes the load away and watches
// it shrink to its minimum.
package cpu

import (
	"math"

	"github.com/gopherlocks/gopherlocks/demo/drive"
)

// Observation is the MiniCluster and its HPA at one moment.
type Observation struct {
	drive.Ranks
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
