package cpu

import (
	"fmt"
	"time"

	"github.com/gopherlocks/gopherlocks/demo/drive"
)

// Screen is the picture of one moment.
func Screen(name string, elapsed time.Duration, phase Phase, load string, o Observation) *drive.Picture {
	p := drive.NewPicture(name, elapsed, string(phase))
	p.Row("load", "%s", load)
	if o.CPUKnown {
		p.Row("CPU", "%s %3d%% of request, target %d%%, %dm in all", drive.Bar(o.CPU, max(2*o.Target, 100)), o.CPU, o.Target, o.Millicores)
	} else {
		p.Row("CPU", "%s not measured yet", drive.Bar(0, 1))
	}
	p.Row("HPA", "%s wishes for %d%s", drive.Places(o.HPAWish, o.HPAWish, o.Max), o.HPAWish, beyondBounds(o))
	p.Ranks(o.Ranks)
	p.Row("bound", "%s", boundInForce(o))
	return p
}

// Line is the same on one line, for output that is not a terminal.
func Line(phase Phase, o Observation) string {
	cpu := "not measured"
	if o.CPUKnown {
		cpu = fmt.Sprintf("%d%%", o.CPU)
	}
	return fmt.Sprintf("%-22s CPU %s of %d%%, HPA wishes for %d, size %d (%d wished), ready %d, bound: %s",
		phase, cpu, o.Target, o.HPAWish, o.Size, o.Wished, o.Ready, boundInForce(o))
}

func beyondBounds(o Observation) string {
	if size := o.unboundedSize(); o.Limit != "" && size != o.HPAWish {
		return fmt.Sprintf(" (the load alone asks for %d)", size)
	}
	return ""
}

func boundInForce(o Observation) string {
	switch o.Limit {
	case "":
		return fmt.Sprintf("none holds (minSize %d, maxSize %d)", o.Min, o.Max)
	case "TooManyReplicas":
		return fmt.Sprintf("maxSize %d holds", o.Max)
	case "TooFewReplicas":
		return fmt.Sprintf("minSize %d holds", o.Min)
	default:
		return o.Limit + " holds"
	}
}
