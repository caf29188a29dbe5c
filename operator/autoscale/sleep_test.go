package autoscale

import (
	"testing"
	"time"

	"github.com/gopherlocks/gopherlocks/operator/idset"
)

func TestSleepsOnceTheQueueIsEmpty(t *testing.T) {
	now := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	policy := Policy{Min: 1, Max: 4, SleepTime: time.Hour}
	idle := Use{Idle: []IdleRanks{{idset.Range(0, 1), ago(3 * time.Hour)}, {idset.Range(1, 4), ago(20 * time.Minute)}}}
	with := func(change func(*Use)) *Use {
		use := idle
		change(&use)
		return &use
	}
	for name, test := range map[string]struct {
		policy Policy
		s      Situation
		want   time.Time
	}{
		"the rank that was idle last counts": {policy, Situation{Use: &idle}, now.Add(40 * time.Minute)},
		"a growth counts":                    {policy, Situation{Use: &idle, GrownAt: ago(time.Minute)}, now.Add(59 * time.Minute)},
		"a job runs":                         {policy, Situation{Use: with(func(u *Use) { u.Running = 1 })}, time.Time{}},
		"a rank is busy":                     {policy, Situation{Use: with(func(u *Use) { u.Busy = idset.Range(0, 1) })}, time.Time{}},
		"a job waits":                        {policy, Situation{Use: with(func(u *Use) { u.Pending = 1 })}, time.Time{}},
		"a job is held":                      {policy, Situation{Use: with(func(u *Use) { u.Held = 1 })}, time.Time{}},
		"no rank is up":                      {policy, Situation{Use: with(func(u *Use) { u.Idle = nil })}, time.Time{}},
		"the lead is silent":                 {policy, Situation{}, time.Time{}},
		"nobody wants it":                    {Policy{Min: 1, Max: 4}, Situation{Use: &idle}, time.Time{}},
	} {
		test.s.Now = now
		if got := SleepAt(test.policy, test.s); !got.Equal(test.want) {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
}
