package e2e

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// previewRounds is how many previews of each kind are compared; odd, for a median.
const previewRounds = 7

// BenchmarkPreview compares a preview of a resize with one of no change, and a plan
// with the preview that it is made from. It makes its own cluster. The three take
// turns, so that other load on the machine affects all of them alike.
func BenchmarkPreview(b *testing.B) {
	w := newWorkspace(b)
	b.Cleanup(func() { w.run(b, "make", "destroy") })
	w.makeStack(b)
	w.run(b, "pulumi", "config", "set", "autoscale", "false")
	w.run(b, "make", "up", w.choice())
	timed := func(command ...string) time.Duration {
		begin := time.Now()
		// A plan of a resize ends with another exit code than 0.
		if _, errOut, err := w.try(command[0], command[1:]...); err != nil && command[0] == "pulumi" {
			b.Fatalf("%v: %v\n%s", command, err, errOut)
		}
		return time.Since(begin)
	}
	timed("pulumi", "preview") // compiles the program
	for b.Loop() {
		var empty, resize, plan []time.Duration
		for range previewRounds {
			w.run(b, "pulumi", "config", "set", "size", "2")
			empty = append(empty, timed("pulumi", "preview", "--expect-no-changes"))
			w.run(b, "pulumi", "config", "set", "size", "3")
			resize = append(resize, timed("pulumi", "preview"))
			plan = append(plan, timed("gopherlocks-plan"))
		}
		b.Logf("empty %v, resize %v, plan %v", rounded(empty), rounded(resize), rounded(plan))
		b.ReportMetric(0, "ns/op") // a run has no other time than its rounds'
		b.ReportMetric(median(empty).Seconds(), "empty-s")
		b.ReportMetric(median(resize).Seconds(), "resize-s")
		b.ReportMetric(median(resize).Seconds()/median(empty).Seconds(), "resize/empty")
		b.ReportMetric(median(plan).Seconds()/median(resize).Seconds(), "plan/resize")
	}
}

func median(times []time.Duration) time.Duration {
	return slices.Sorted(slices.Values(times))[len(times)/2]
}

func rounded(times []time.Duration) string {
	var text []string
	for _, each := range times {
		text = append(text, fmt.Sprintf("%.2f", each.Seconds()))
	}
	return fmt.Sprint(text)
}
