package drive

import (
	"fmt"
	"strings"
	"time"
)

const barWidth = 30

// Screen draws one moment of the demo, without control characters.
func Screen(name string, elapsed time.Duration, phase Phase, load string, o Observation) string {
	var b strings.Builder
	row := func(label, format string, args ...any) {
		fmt.Fprintf(&b, "  %-8s %s\n", label, fmt.Sprintf(format, args...))
	}
	fmt.Fprintf(&b, "MiniCluster %s   %s   %s\n\n", name, clock(elapsed), phase)
	row("load", "%s", load)
	if o.CPUKnown {
		row("CPU", "%s %3d%% of request, target %d%%, %dm in all", bar(o.CPU, max(2*o.Target, 100)), o.CPU, o.Target, o.Millicores)
	} else {
		row("CPU", "%s not measured yet", bar(0, 1))
	}
	row("HPA", "%s wishes for %d%s", ranks(o.HPAWish, o.HPAWish, o.Max), o.HPAWish, beyondBounds(o))
	row("size", "%s %d of %d to %d, %d wished", ranks(o.Size, o.Size, o.Max), o.Size, o.Min, o.Max, o.Wished)
	row("ready", "%s %d", ranks(o.Ready, o.Size, o.Max), o.Ready)
	row("bound", "%s", boundInForce(o))
	return b.String()
}

// Line is the same on one line, for output that is not a terminal.
func Line(elapsed time.Duration, phase Phase, o Observation) string {
	cpu := "not measured"
	if o.CPUKnown {
		cpu = fmt.Sprintf("%d%%", o.CPU)
	}
	return fmt.Sprintf("%s  %-22s CPU %s of %d%%, HPA wishes for %d, size %d (%d wished), ready %d, bound: %s",
		clock(elapsed), phase, cpu, o.Target, o.HPAWish, o.Size, o.Wished, o.Ready, boundInForce(o))
}

func clock(d time.Duration) string {
	return fmt.Sprintf("%02d:%02d", int(d.Minutes()), int(d.Seconds())%60)
}

func bar(value, full int) string {
	filled := min(max(value*barWidth/full, 0), barWidth)
	return "[" + strings.Repeat("#", filled) + strings.Repeat(".", barWidth-filled) + "]"
}

// ranks draws a place for each rank up to the maximum: full, there but not
// full, or empty.
func ranks(full, there, maximum int) string {
	full, there = min(max(full, 0), maximum), min(max(there, 0), maximum)
	there = max(full, there)
	return "[" + strings.Repeat("#", full) + strings.Repeat("-", there-full) + strings.Repeat(".", maximum-there) + "]"
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

// Report is the timeline at the end.
func (j *Journey) Report() string {
	var b strings.Builder
	b.WriteString("Timeline\n")
	for _, event := range j.Timeline {
		fmt.Fprintf(&b, "  %s  %s\n", clock(event.At), event.Text)
	}
	return b.String()
}
