package workload

import (
	"context"
	"runtime"
	"sync/atomic"
	"time"
)

// burnPeriod is the window in which a burner meets its share: short beside
// the 15 s over which metrics-server averages, long beside a scheduler tick.
const burnPeriod = 50 * time.Millisecond

// burner uses CPU time at an adjustable rate.
type burner struct {
	millicores atomic.Int64
	changed    []chan struct{} // one a thread, to wake it from idling
}

// newBurner returns a burner that can use every core of the machine.
func newBurner() *burner {
	b := &burner{changed: make([]chan struct{}, runtime.GOMAXPROCS(0))}
	for i := range b.changed {
		b.changed[i] = make(chan struct{}, 1)
	}
	return b
}

// set changes the rate to so many thousandths of a core, within one period. The
// machine's cores are the upper limit.
func (b *burner) set(millicores int64) {
	b.millicores.Store(millicores)
	for _, c := range b.changed {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

// run burns until ctx ends.
func (b *burner) run(ctx context.Context) {
	for i := range b.changed {
		go b.burn(ctx, b.changed[i])
	}
	<-ctx.Done()
}

func (b *burner) burn(ctx context.Context, changed <-chan struct{}) {
	for ctx.Err() == nil {
		busy := busyTime(b.millicores.Load(), len(b.changed))
		if busy == 0 {
			select {
			case <-changed:
			case <-ctx.Done():
			}
			continue
		}
		for start := time.Now(); time.Since(start) < busy; {
			// Spinning is the work.
		}
		time.Sleep(burnPeriod - busy)
	}
}

// busyTime is the part of a period in which each of n threads must spin so
// that together they use so many millicores.
func busyTime(millicores int64, threads int) time.Duration {
	busy := burnPeriod * time.Duration(millicores) / time.Duration(1000*threads)
	return min(max(busy, 0), burnPeriod)
}
