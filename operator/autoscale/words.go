package autoscale

import (
	"fmt"
	"time"

	"github.com/gopherlocks/gopherlocks/operator/idset"
)

// because says what becomes of the size, and why.
func (p Policy) because(s Situation, d Decision) string {
	switch {
	case s.Size > p.Max:
		return fmt.Sprintf("shrinks to %d: the largest size is %d", d.Size, p.Max)
	case s.Use == nil && s.Size < p.Min:
		return fmt.Sprintf("grows to %d: the smallest size is %d", d.Size, p.Min)
	case s.Use == nil:
		return fmt.Sprintf("stays at %d: the lead does not tell of the queue", d.Size)
	case d.Size > s.Size:
		return fmt.Sprintf("grows to %d: %s", d.Size, p.why(*s.Use))
	case d.Size < s.Size:
		return fmt.Sprintf("shrinks to %d: %s", d.Size, p.idle(idset.Range(d.Size, s.Size)))
	case d.Size > d.Wish:
		return fmt.Sprintf("stays at %d until %s: %s", d.Size, p.idle(idset.Range(d.Wish, d.Size)), p.why(*s.Use))
	}
	return fmt.Sprintf("stays at %d: %s", d.Size, p.why(*s.Use))
}

// idle says that the ranks have been idle for long enough.
func (p Policy) idle(ranks idset.Set) string {
	verb := "have"
	if ranks.Len() == 1 {
		verb = "has"
	}
	return fmt.Sprintf("%s %s been idle for %d s", ranks.Words(), verb, int64(p.IdleTime/time.Second))
}

// why says where the wish comes from.
func (p Policy) why(u Use) string {
	busy, need := u.Busy.Highest()+1, u.need()
	var text string
	switch {
	case need == 0:
		text = "no job needs ranks"
	case busy >= u.Wanted:
		text = fmt.Sprintf("rank %d is the highest busy one", busy-1)
	case u.Largest != nil && u.Largest.Ranks == u.Wanted:
		text = fmt.Sprintf("job %s needs %s", u.Largest.ID, ranks(u.Wanted))
	default:
		text = fmt.Sprintf("the jobs (%d running, %d pending) need %s", u.Running, u.Pending, ranks(u.Wanted))
	}
	if p.Spare > 0 {
		text += fmt.Sprintf(", and %s to spare", ranks(p.Spare))
	}
	switch wish := int64(p.Wish(u)); {
	case wish < need+int64(p.Spare):
		text += fmt.Sprintf("; the largest size is %d", p.Max)
	case wish == int64(p.Min) && wish > need+int64(p.Spare):
		text += fmt.Sprintf("; the smallest size is %d", p.Min)
	case wish > need+int64(p.Spare):
		text += fmt.Sprintf("; sizes are %d apart", p.Step)
	}
	return text
}

func ranks(n int32) string {
	if n == 1 {
		return "1 rank"
	}
	return fmt.Sprintf("%d ranks", n)
}
