package endpoint

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gopherlocks/gopherlocks/operator/internal/agentapi"
)

func drain(t *testing.T, d *Drainer, request agentapi.DrainRequest) agentapi.DrainReport {
	t.Helper()
	report, err := d.Drain(t.Context(), request)
	if err != nil {
		t.Fatalf("Drain(%+v): %v", request, err)
	}
	return report
}

func TestDrainMakesOurRanksThoseOfTheWish(t *testing.T) {
	const admin = "bad memory, do not use gopherlocks: here"
	tests := []struct {
		name    string
		reasons map[int32]string
		wish    string
		changes string
		ours    string // drained by us afterwards
		others  string // drained by anybody
	}{
		{"nothing to do", nil, "", "", "", ""},
		{"first shrink", nil, "2-3", "drain 2-3", "2-3", "2-3"},
		{"the same again", map[int32]string{2: ReasonShrink, 3: ReasonShrink}, "2-3", "", "2-3", "2-3"},
		{"a larger wish", map[int32]string{3: ReasonShrink}, "1-3", "drain 1-2", "1-3", "1-3"},
		{"a smaller wish", map[int32]string{2: ReasonShrink, 3: ReasonShrink}, "3", "undrain 2", "3", "3"},
		{"other ranks", map[int32]string{1: ReasonShrink}, "3", "drain 3, undrain 1", "3", "3"},
		{"no more", map[int32]string{2: ReasonShrink, 3: ReasonShrink}, "", "undrain 2-3", "", ""},
		{"our reason of another version", map[int32]string{2: "gopherlocks: going"}, "", "undrain 2", "", ""},
		{"an administrator's stays his", map[int32]string{2: admin}, "2-3", "drain 3", "3", "2-3"},
		{"an administrator's is not undrained", map[int32]string{2: admin, 3: ReasonShrink}, "", "undrain 3", "", "2"},
		{"a stopping rank is not undrained", map[int32]string{1: ReasonStopping, 3: ReasonShrink}, "", "undrain 3", "1", "1"},
		{"a stopping rank that is to go", map[int32]string{3: ReasonStopping}, "2-3", "drain 2", "2-3", "2-3"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			flux := newFakeFlux()
			for rank, reason := range tt.reasons {
				flux.reasons[rank] = reason
			}
			drain(t, NewDrainer(flux), agentapi.DrainRequest{Ranks: set(t, tt.wish)})
			if got := flux.changed(); got != tt.changes {
				t.Errorf("changes %q, want %q", got, tt.changes)
			}
			if got := flux.drained(t, agentapi.DrainReason); got != tt.ours {
				t.Errorf("drained by us %q, want %q", got, tt.ours)
			}
			if got := flux.drained(t, ""); got != tt.others {
				t.Errorf("drained by anybody %q, want %q", got, tt.others)
			}
		})
	}
}

func TestReportCountsAllJobsAndNamesTen(t *testing.T) {
	flux := newFakeFlux()
	flux.reasons[2] = "an administrator's"
	for i := range 12 {
		flux.run(t, fmt.Sprintf("ƒ%d", i), "2")
	}
	flux.run(t, "ƒelsewhere", "0-1")
	report := drain(t, NewDrainer(flux), agentapi.DrainRequest{Ranks: set(t, "2-3")})
	want := agentapi.DrainReport{
		Busy:     set(t, "2"),
		Jobs:     []string{"ƒ0", "ƒ1", "ƒ2", "ƒ3", "ƒ4", "ƒ5", "ƒ6", "ƒ7", "ƒ8", "ƒ9"},
		JobCount: 12,
	}
	if !reflect.DeepEqual(report, want) {
		t.Errorf("report %+v, want %+v", report, want)
	}
}

func TestRequestsOutOfBoundsChangeNothing(t *testing.T) {
	for _, request := range []agentapi.DrainRequest{
		{Ranks: set(t, "2"), WaitSeconds: -1},
		{Ranks: set(t, "2"), WaitSeconds: 301},
	} {
		flux := newFakeFlux()
		_, err := NewDrainer(flux).Drain(t.Context(), request)
		if _, bad := errors.AsType[*RequestError](err); !bad {
			t.Errorf("Drain(%+v): %v, want a *RequestError", request, err)
		}
		if got := flux.changed(); got != "" {
			t.Errorf("Drain(%+v) has changed %q", request, got)
		}
	}
}

func TestWaitEnds(t *testing.T) {
	tests := []struct {
		name  string
		known string
		after time.Duration // from begin to answer
		want  string        // Busy of the answer
	}{
		{"at once when the caller knows less", "", 0, "2-3"},
		{"at once when the caller knows other ranks", "3", 0, "2-3"},
		{"when a rank gets idle", "2-3", 4500 * time.Millisecond, "3"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				flux := newFakeFlux()
				flux.run(t, "ƒ1", "2")
				flux.run(t, "ƒ2", "3")
				time.AfterFunc(4400*time.Millisecond, func() { flux.end("ƒ1") })
				begin := time.Now()
				report := drain(t, NewDrainer(flux), agentapi.DrainRequest{Ranks: set(t, "2-3"), WaitSeconds: 60, Known: set(t, tt.known)})
				if took := time.Since(begin); took != tt.after || report.Busy.String() != tt.want {
					t.Errorf("busy %q after %v, want %q after %v", report.Busy, took, tt.want, tt.after)
				}
				time.Sleep(10 * time.Second) // let the timer go
			})
		})
	}
}

func TestRanksThatComeBackAreDrainedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		flux := newFakeFlux()
		flux.run(t, "ƒ1", "3")
		time.AfterFunc(1600*time.Millisecond, func() { _ = flux.Undrain(t.Context(), set(t, "2")) }) // itself
		time.AfterFunc(4400*time.Millisecond, func() { flux.end("ƒ1") })
		drain(t, NewDrainer(flux), agentapi.DrainRequest{Ranks: set(t, "2-3"), WaitSeconds: 60, Known: set(t, "3")})
		if got := flux.changed(); got != "drain 2-3, undrain 2, drain 2" {
			t.Errorf("changes %q", got)
		}
		time.Sleep(10 * time.Second) // let the timer go
	})
}

func TestWaitEndsWhenAllRanksAreIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		flux := newFakeFlux()
		flux.run(t, "ƒ1", "3")
		time.AfterFunc(2900*time.Millisecond, func() { flux.end("ƒ1") })
		begin := time.Now()
		report := drain(t, NewDrainer(flux), agentapi.DrainRequest{Ranks: set(t, "2-3"), WaitSeconds: 60, Known: set(t, "3")})
		if took := time.Since(begin); took != 3*time.Second || !report.Busy.IsEmpty() || report.JobCount != 0 {
			t.Errorf("report %+v after %v, want an idle one after 3s", report, took)
		}
		// Idle from the start: no wait at all.
		begin = time.Now()
		drain(t, NewDrainer(flux), agentapi.DrainRequest{Ranks: set(t, "2-3"), WaitSeconds: 60, Known: set(t, "3")})
		if took := time.Since(begin); took != 0 {
			t.Errorf("waited %v for ranks that are idle", took)
		}
	})
}

func TestWaitIsBoundedAndNobodyIsAskedAfterwards(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		flux := newFakeFlux()
		flux.run(t, "ƒ1", "3")
		begin := time.Now()
		report := drain(t, NewDrainer(flux), agentapi.DrainRequest{Ranks: set(t, "3"), WaitSeconds: 10, Known: set(t, "3")})
		if took := time.Since(begin); took != 10*time.Second || report.Busy.String() != "3" || report.JobCount != 1 {
			t.Errorf("report %+v after %v, want rank 3 busy after 10s", report, took)
		}
		looks := flux.looked()
		if looks < 40 || looks > 41 {
			t.Errorf("looked %d times in 10 s, want four times a second", looks)
		}
		time.Sleep(time.Minute)
		if got := flux.looked(); got != looks {
			t.Errorf("looked %d times while nobody waited", got-looks)
		}
	})
}

func TestWaitEndsWithTheCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		flux := newFakeFlux()
		flux.run(t, "ƒ1", "3")
		ctx, cancel := context.WithTimeout(t.Context(), 3600*time.Millisecond)
		defer cancel()
		begin := time.Now()
		_, err := NewDrainer(flux).Drain(ctx, agentapi.DrainRequest{Ranks: set(t, "3"), WaitSeconds: 60, Known: set(t, "3")})
		if took := time.Since(begin); !errors.Is(err, context.DeadlineExceeded) || took != 3600*time.Millisecond {
			t.Errorf("Drain = %v after %v, want the context's error after 3.6s", err, took)
		}
	})
}

func TestErrorsOfFluxAreNotIdleness(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		flux := newFakeFlux()
		flux.run(t, "ƒ1", "3")
		broken := errors.New("the broker does not answer")
		time.AfterFunc(1500*time.Millisecond, func() { flux.fail(broken) })
		report, err := NewDrainer(flux).Drain(t.Context(), agentapi.DrainRequest{Ranks: set(t, "3"), WaitSeconds: 60, Known: set(t, "3")})
		if !errors.Is(err, broken) {
			t.Errorf("Drain = %+v, %v, want Flux's error", report, err)
		}
	})
}

func TestNewerRequestSupersedesWaitingOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		flux := newFakeFlux()
		flux.run(t, "ƒ1", "3")
		d := NewDrainer(flux)
		older := make(chan error)
		go func() {
			_, err := d.Drain(t.Context(), agentapi.DrainRequest{Ranks: set(t, "3"), WaitSeconds: 60, Known: set(t, "3")})
			older <- err
		}()
		synctest.Wait()
		begin := time.Now()
		drain(t, d, agentapi.DrainRequest{})
		if err := <-older; !errors.Is(err, ErrSuperseded) {
			t.Errorf("older request = %v, want ErrSuperseded", err)
		}
		if took := time.Since(begin); took != 0 {
			t.Errorf("the newer request waited %v for the older", took)
		}
		if got := flux.drained(t, ""); got != "" {
			t.Errorf("drained %q, want none: the newer request's wish", got)
		}
	})
}

func TestOlderRequestNeverUndoesANewer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		flux := newFakeFlux()
		flux.gate = make(chan struct{})
		d := NewDrainer(flux)
		errs := make([]error, 3)
		done := make(chan int)
		for i, ranks := range []string{"3", "2-3", ""} {
			go func() {
				_, errs[i] = d.Drain(t.Context(), agentapi.DrainRequest{Ranks: set(t, ranks), WaitSeconds: 60})
				done <- i
			}()
			synctest.Wait() // the first is in the midst of a change, the others queue up
		}
		close(flux.gate)
		for range errs {
			<-done
		}
		if !errors.Is(errs[0], ErrSuperseded) || !errors.Is(errs[1], ErrSuperseded) || errs[2] != nil {
			t.Errorf("errors %v, want the first two superseded", errs)
		}
		// The change that had begun is finished and undone; the second never begins.
		if got := flux.changed(); got != "drain 3, undrain 3" {
			t.Errorf("changes %q, want drain 3, undrain 3", got)
		}
	})
}
