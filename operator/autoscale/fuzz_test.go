package autoscale

import (
	"reflect"
	"testing"
	"time"

	"github.com/gopherlocks/gopherlocks/operator/idset"
)

// situation makes one of bytes, which keep the numbers small, so that they often meet. Of
// the first 8 ranks, each is busy, idle for some seconds, or not up.
func situation(minimum, maximum, idleTime, spare, step, size, wanted, busy, up, grown, needed, neededFor uint8, idleFor uint64) (Policy, Situation) {
	p := Policy{
		Min: int32(minimum%12) + 1, Spare: int32(spare % 4), Step: int32(step % 5),
		IdleTime: time.Duration(idleTime%90) * time.Second,
	}
	p.Max = p.Min + int32(maximum%12)
	use := &Use{Wanted: int32(wanted % 20)}
	var busyRanks []int32
	for rank := range int32(8) {
		since := ago(int(idleFor >> (8 * rank) & 0x7f))
		switch bit := uint8(1) << rank; {
		case busy&bit != 0:
			busyRanks = append(busyRanks, rank)
		case up&bit != 0:
			use.Idle = append(use.Idle, IdleRanks{idset.Of(rank), since})
		}
	}
	use.Busy = idset.Of(busyRanks...)
	return p, Situation{
		Size: int32(size % 30), Use: use, GrownAt: ago(int(grown % 100)),
		Needs: Needs{{int32(needed % 30), ago(int(neededFor % 100))}}, Now: noon,
	}
}

// FuzzDecide holds decisions to what must be true of each.
func FuzzDecide(f *testing.F) {
	f.Add(uint8(0), uint8(7), uint8(60), uint8(0), uint8(1), uint8(8), uint8(1), uint8(1), uint8(0xff), uint8(90), uint8(5), uint8(30), uint64(0x3c3c3c3c3c3c3c3c), false)
	f.Add(uint8(1), uint8(9), uint8(60), uint8(1), uint8(3), uint8(2), uint8(9), uint8(3), uint8(0x0f), uint8(5), uint8(0), uint8(0), uint64(0x0102030405060708), false)
	f.Add(uint8(2), uint8(0), uint8(0), uint8(0), uint8(0), uint8(0), uint8(0), uint8(0), uint8(0), uint8(0), uint8(0), uint8(0), uint64(0), true)
	f.Fuzz(func(t *testing.T, minimum, maximum, idleTime, spare, step, size, wanted, busy, up, grown, needed, neededFor uint8, idleFor uint64, silent bool) {
		p, s := situation(minimum, maximum, idleTime, spare, step, size, wanted, busy, up, grown, needed, neededFor, idleFor)
		if silent {
			s.Use = nil
		}
		d := Decide(p, s)
		check(t, p, s, d)
		follow(t, p, s, d)
	})
}

func check(t *testing.T, p Policy, s Situation, d Decision) {
	t.Helper()
	within := min(max(s.Size, p.Min), p.Max)
	switch {
	case d != Decide(p, s):
		t.Fatalf("%+v %+v: decided twice, and differently", p, s)
	case d.Size < p.Min || d.Size > p.Max || d.Wish < p.Min || d.Wish > p.Max:
		t.Fatalf("%+v %+v: %+v is out of bounds", p, s, d)
	case s.Use == nil && (d.Size != within || !d.LookAt.IsZero()):
		t.Fatalf("%+v %+v: %+v although the lead is silent", p, s, d)
	case !d.LookAt.IsZero() && (!d.LookAt.After(s.Now) || d.Size <= d.Wish):
		t.Fatalf("%+v %+v: %+v looks again for nothing", p, s, d)
	case s.Use == nil:
		return
	case d.Size > within && d.Size != d.Wish:
		t.Fatalf("%+v %+v: %+v grows to another size than the wish", p, s, d)
	case d.Size < d.Wish:
		t.Fatalf("%+v %+v: %+v is below the wish", p, s, d)
	case d.Size > d.Wish && d.LookAt.IsZero():
		t.Fatalf("%+v %+v: %+v keeps ranks for ever", p, s, d)
	}
	need := max(s.Use.Busy.Highest()+1, s.Use.Wanted) + p.Spare
	if d.Wish < min(need, p.Max) || d.Wish != p.Max && (d.Wish-p.Min)%max(p.Step, 1) != 0 {
		t.Fatalf("%+v %+v: wish %d, needed %d", p, s, d.Wish, need)
	}
	if lower := d.Wish - max(p.Step, 1); lower >= max(need, p.Min) {
		t.Fatalf("%+v %+v: wish %d, and %d would do", p, s, d.Wish, lower)
	}
	if d.Size >= within {
		return
	}
	// It shrinks.
	going := idset.Range(d.Size, within)
	if !s.Use.Busy.Intersect(going).IsEmpty() {
		t.Fatalf("%+v %+v: %+v takes busy ranks", p, s, d)
	}
	if s.Now.Sub(s.GrownAt) < p.IdleTime {
		t.Fatalf("%+v %+v: %+v soon after it has grown", p, s, d)
	}
	for _, need := range s.Needs {
		if need.Size > d.Size && s.Now.Sub(need.Until) < p.IdleTime {
			t.Fatalf("%+v %+v: %+v takes ranks that were needed lately", p, s, d)
		}
	}
	for _, idle := range s.Use.Idle {
		if !idle.Ranks.Intersect(going).IsEmpty() && s.Now.Sub(idle.Since) < p.IdleTime {
			t.Fatalf("%+v %+v: %+v takes ranks that have not been idle for long enough", p, s, d)
		}
	}
}

// follow carries decisions out while nothing but the time changes: the size grows in one
// step or none, then it only falls, and comes to rest at the wish.
func follow(t *testing.T, p Policy, s Situation, d Decision) {
	t.Helper()
	if s.Use == nil {
		return
	}
	first := s
	for steps := 0; ; steps++ {
		if d.Size > s.Size && steps > 0 {
			t.Fatalf("%+v %+v: grows to %d after %d decisions", p, first, d.Size, steps)
		}
		if d.Size > s.Size {
			s.GrownAt = s.Now
		}
		s.Size = d.Size
		again := Decide(p, s)
		if again.Size != d.Size || again.Wish != d.Wish {
			t.Fatalf("%+v %+v: %+v once done becomes %+v", p, first, d, again)
		}
		if d = again; d.LookAt.IsZero() {
			break
		}
		early := s
		early.Now = d.LookAt.Add(-1)
		if got := Decide(p, early); got.Size != d.Size {
			t.Fatalf("%+v %+v: %+v changes before its time, to %+v", p, first, d, got)
		}
		s.Now = d.LookAt
		if d = Decide(p, s); d.Size >= s.Size {
			t.Fatalf("%+v %+v: looked at %s for nothing: %+v", p, first, s.Now, d)
		}
		if steps > 20 {
			t.Fatalf("%+v %+v: does not come to rest", p, first)
		}
	}
	if d.Size != d.Wish || s.Size != d.Wish {
		t.Fatalf("%+v %+v: rests at %d, wish %d", p, first, s.Size, d.Wish)
	}
}

func TestDecisionChangesNothingOfWhatItIsMadeFrom(t *testing.T) {
	s := Situation{Size: 8, Use: &Use{Wanted: 2, Busy: set(t, "0-1"), Idle: idle(t, "2-7", 60)}, Now: noon}
	before := Situation{Size: 8, Use: &Use{Wanted: 2, Busy: set(t, "0-1"), Idle: idle(t, "2-7", 60)}, Now: noon}
	Decide(Policy{Min: 1, Max: 8, Step: 1}, s)
	if !reflect.DeepEqual(s, before) {
		t.Errorf("%+v became %+v", before, s)
	}
}
