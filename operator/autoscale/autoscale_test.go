package autoscale

import (
	"testing"
	"time"

	"github.com/gopherlocks/gopherlocks/operator/idset"
)

var noon = time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)

// ago is the time so many seconds before noon.
func ago(seconds int) time.Time { return noon.Add(-time.Duration(seconds) * time.Second) }

func set(t testing.TB, text string) idset.Set {
	t.Helper()
	ranks, err := idset.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return ranks
}

// idle returns ranks, and for how many seconds they have been idle, in turns.
func idle(t testing.TB, all ...any) []IdleRanks {
	t.Helper()
	var found []IdleRanks
	for i := 0; i < len(all); i += 2 {
		found = append(found, IdleRanks{set(t, all[i].(string)), ago(all[i+1].(int))})
	}
	return found
}

// long is longer ago than any idle time here.
const long = 3600

func TestDecisions(t *testing.T) {
	small := Policy{Min: 1, Max: 8, IdleTime: time.Minute, Step: 1}
	with := func(edit func(*Policy)) Policy { p := small; edit(&p); return p }
	for name, test := range map[string]struct {
		policy  Policy
		size    int32
		use     *Use
		grown   int // seconds ago
		want    int32
		wish    int32
		lookIn  int // seconds; 0 for never
		because string
	}{
		"nothing to do": {small, 1, &Use{Idle: idle(t, "0", long)}, long, 1, 1, 0, "stays at 1: no job needs ranks; the smallest size is 1"},
		"a job waits for all its ranks": {
			small, 1, &Use{Wanted: 8, Pending: 1, Largest: &Job{"ƒA", 8}, Idle: idle(t, "0", long)}, long, 8, 8, 0,
			"grows to 8: job ƒA needs 8 ranks",
		},
		"jobs that wait beside those that run": {
			small, 2, &Use{Wanted: 5, Running: 2, Pending: 3, Largest: &Job{"ƒA", 2}, Busy: set(t, "0-1")}, 0, 5, 5, 0,
			"grows to 5: the jobs (2 running, 3 pending) need 5 ranks",
		},
		"a busy rank above those that jobs take": {
			small, 6, &Use{Wanted: 1, Running: 1, Busy: set(t, "4"), Idle: idle(t, "0-3,5", long)}, long, 5, 5, 0,
			"shrinks to 5: rank 5 has been idle for 60 s",
		},
		"more than the largest size": {
			small, 2, &Use{Wanted: 12, Pending: 4}, long, 8, 8, 0,
			"grows to 8: the jobs (0 running, 4 pending) need 12 ranks; the largest size is 8",
		},
		"spare ranks": {
			with(func(p *Policy) { p.Spare = 2 }), 4, &Use{Wanted: 3, Busy: set(t, "0-2")}, long, 5, 5, 0,
			"grows to 5: rank 2 is the highest busy one, and 2 ranks to spare",
		},
		"spare ranks that there is no room for": {
			with(func(p *Policy) { p.Spare = 1 << 30 }), 4, &Use{Wanted: 8, Busy: set(t, "0-7")}, long, 8, 8, 0,
			"grows to 8: rank 7 is the highest busy one, and 1073741824 ranks to spare; the largest size is 8",
		},
		"steps": {
			with(func(p *Policy) { p.Step = 3 }), 1, &Use{Wanted: 2, Pending: 1, Largest: &Job{"ƒA", 2}}, long, 4, 4, 0,
			"grows to 4: job ƒA needs 2 ranks; sizes are 3 apart",
		},
		"the last step": {
			with(func(p *Policy) { p.Step = 5 }), 1, &Use{Wanted: 7, Pending: 1}, long, 8, 8, 0,
			"grows to 8: the jobs (0 running, 1 pending) need 7 ranks; sizes are 5 apart",
		},
		"not idle for long enough": {
			small, 8, &Use{Wanted: 2, Busy: set(t, "0-1"), Idle: idle(t, "2-7", 20)}, long, 8, 2, 40,
			"stays at 8 until ranks 2-7 have been idle for 60 s: rank 1 is the highest busy one",
		},
		"idle for long enough": {
			small, 8, &Use{Wanted: 2, Busy: set(t, "0-1"), Idle: idle(t, "2-7", 60)}, long, 2, 2, 0,
			"shrinks to 2: ranks 2-7 have been idle for 60 s",
		},
		"some are idle for long enough": {
			small, 8, &Use{Wanted: 1, Busy: set(t, "0"), Idle: idle(t, "1-2", 20, "3-4", 30, "5-7", 60)}, long, 5, 1, 30,
			"shrinks to 5: ranks 5-7 have been idle for 60 s",
		},
		"lower ranks are idle for longer": {
			small, 4, &Use{Idle: idle(t, "0-2", 60, "3", 50)}, long, 4, 1, 10,
			"stays at 4 until ranks 1-3 have been idle for 60 s: no job needs ranks; the smallest size is 1",
		},
		"steps down": {
			with(func(p *Policy) { p.Step = 3 }), 7, &Use{Busy: set(t, "0"), Idle: idle(t, "1-4", 10, "5-6", 60)}, long, 7, 1, 50,
			"stays at 7 until ranks 1-6 have been idle for 60 s: rank 0 is the highest busy one",
		},
		"a size between two steps": {
			with(func(p *Policy) { p.Step = 3 }), 6, &Use{Busy: set(t, "0-3"), Idle: idle(t, "4-5", 60)}, long, 4, 4, 0,
			"shrinks to 4: ranks 4-5 have been idle for 60 s",
		},
		"grown lately": {
			small, 8, &Use{Wanted: 1, Busy: set(t, "0"), Idle: idle(t, "1-7", 60)}, 45, 8, 1, 15,
			"stays at 8 until ranks 1-7 have been idle for 60 s: rank 0 is the highest busy one",
		},
		"ranks that never came": {
			small, 8, &Use{Wanted: 1, Busy: set(t, "0")}, 60, 1, 1, 0,
			"shrinks to 1: ranks 1-7 have been idle for 60 s",
		},
		"a rank that came late": {
			small, 3, &Use{Wanted: 1, Busy: set(t, "0"), Idle: idle(t, "2", 5)}, 50, 3, 1, 55,
			"stays at 3 until ranks 1-2 have been idle for 60 s: rank 0 is the highest busy one",
		},
		"no patience": {
			with(func(p *Policy) { p.IdleTime = 0 }), 3, &Use{Wanted: 1, Busy: set(t, "0"), Idle: idle(t, "1-2", 0)}, 0, 1, 1, 0,
			"shrinks to 1: ranks 1-2 have been idle for 0 s",
		},
		"idle ranks that are about to go do not count": {
			small, 2, &Use{Wanted: 1, Busy: set(t, "0"), Idle: idle(t, "1", 60, "2-5", 0)}, long, 1, 1, 0,
			"shrinks to 1: rank 1 has been idle for 60 s",
		},
		"somebody has shrunk it below what runs": {
			small, 2, &Use{Wanted: 4, Running: 1, Busy: set(t, "0-3")}, long, 4, 4, 0,
			"grows to 4: rank 3 is the highest busy one",
		},
		"a silent lead":                {small, 5, nil, long, 5, 5, 0, "stays at 5: the lead does not tell of the queue"},
		"a minimum that was raised":    {with(func(p *Policy) { p.Min = 3 }), 2, nil, long, 3, 3, 0, "grows to 3: the smallest size is 3"},
		"a maximum that was lowered":   {small, 9, nil, long, 8, 8, 0, "shrinks to 8: the largest size is 8"},
		"a minimum above what is used": {with(func(p *Policy) { p.Min = 3 }), 2, &Use{Wanted: 1, Busy: set(t, "0")}, long, 3, 3, 0, "grows to 3: rank 0 is the highest busy one; the smallest size is 3"},
	} {
		s := Situation{Size: test.size, Use: test.use, GrownAt: ago(test.grown), Now: noon}
		want := Decision{Size: test.want, Wish: test.wish, Because: test.because}
		if test.lookIn > 0 {
			want.LookAt = noon.Add(time.Duration(test.lookIn) * time.Second)
		}
		if got := Decide(test.policy, s); got != want {
			t.Errorf("%s:\n got %+v\nwant %+v", name, got, want)
		}
	}
}
