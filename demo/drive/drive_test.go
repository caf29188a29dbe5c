package drive

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"
)

// at are n ready ranks within the bounds 2 and 4.
func at(n int, change func(*Ranks)) Ranks {
	r := Ranks{Min: 2, Max: 4, Wished: n, Size: n, Ready: n, Pods: map[int]string{}}
	for rank := range n {
		r.Pods[rank] = fmt.Sprint("pod-", rank)
	}
	if change != nil {
		change(&r)
	}
	return r
}

func TestRanksAreAtASizeWhenAllAgree(t *testing.T) {
	for name, c := range map[string]struct {
		ranks Ranks
		want  bool
	}{
		"all":       {at(3, nil), true},
		"wished":    {at(3, func(r *Ranks) { r.Wished = 4 }), false},
		"there":     {at(3, func(r *Ranks) { r.Size = 4 }), false},
		"not ready": {at(3, func(r *Ranks) { r.Ready = 2 }), false},
		"a pod":     {at(3, func(r *Ranks) { delete(r.Pods, 2) }), false},
	} {
		if got := c.ranks.AreAt(3); got != c.want {
			t.Errorf("%s: %t, want %t", name, got, c.want)
		}
	}
}

func TestReplacedPodIsAFault(t *testing.T) {
	another := func(r *Ranks) { r.Pods[0] = "another" }
	for name, c := range map[string]struct {
		course []Ranks
		fault  bool
	}{
		"at once":                   {[]Ranks{at(3, nil), at(3, another)}, true},
		"after a gap":               {[]Ranks{at(3, nil), at(3, func(r *Ranks) { delete(r.Pods, 0) }), at(3, another)}, true},
		"a rank that went and came": {[]Ranks{at(4, nil), at(2, nil), at(4, func(r *Ranks) { r.Pods[3] = "another" })}, false},
		"nothing":                   {[]Ranks{at(3, nil), at(3, nil)}, false},
	} {
		t.Run(name, func(t *testing.T) {
			var line Timeline
			for i, ranks := range c.course {
				line.Follow(time.Duration(i), ranks)
			}
			err := line.Err()
			if c.fault != (err != nil) || err != nil && !strings.Contains(err.Error(), "the pod of rank 0 was replaced") {
				t.Errorf("faults: %v, want one: %t", err, c.fault)
			}
		})
	}
}

func TestTimelineTellsOfRanks(t *testing.T) {
	var line Timeline
	line.Follow(0, at(1, nil))
	line.Follow(65*time.Second, at(2, func(r *Ranks) { r.Ready = 1 }))
	line.Follow(66*time.Second, at(2, func(r *Ranks) { r.Ready = 1 }))
	want := "Timeline\n  00:00  spec.size 1\n  00:00  1 rank, 1 ready\n  01:05  spec.size 2\n  01:05  2 ranks, 1 ready\n"
	if got := line.String(); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

func TestRanksAreDrawnWithinTheMaximum(t *testing.T) {
	for _, c := range []struct {
		full, there, maximum int
		want                 string
	}{
		{0, 0, 4, "[....]"},
		{2, 3, 4, "[##-.]"},
		{4, 2, 4, "[####]"},
		{9, 9, 4, "[####]"},
		{-1, 0, 2, "[..]"},
	} {
		if got := Places(c.full, c.there, c.maximum); got != c.want {
			t.Errorf("Places(%d, %d, %d) = %s, want %s", c.full, c.there, c.maximum, got, c.want)
		}
	}
}

func TestTerminalIsRedrawnAndElsewhereChangesAreLines(t *testing.T) {
	draw := func(terminal bool) string {
		var out bytes.Buffer
		d := Display{Out: &out, Terminal: terminal}
		for i, line := range []string{"two", "two", "three"} {
			elapsed := time.Duration(i) * time.Second
			p := NewPicture("ns/name", elapsed, "growing")
			p.Row("jobs", "%s", line)
			d.Draw(elapsed, p, line)
		}
		return out.String()
	}
	if got, want := draw(false), "00:00  two\n00:02  three\n"; got != want {
		t.Errorf("lines are %q, want %q", got, want)
	}
	moment := func(clock, jobs string) string {
		return "MiniCluster ns/name   " + clock + "   growing\x1b[K\n\x1b[K\n  jobs     " + jobs + "\x1b[K\n"
	}
	want := moment("00:00", "two") + "\x1b[3A" + moment("00:01", "two") + "\x1b[3A" + moment("00:02", "three")
	if got := draw(true); got != want {
		t.Errorf("the terminal gets %q, want %q", got, want)
	}
}
