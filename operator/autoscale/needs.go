package autoscale

import (
	"slices"
	"time"
)

// Needs are sizes that work has needed, from the largest, which ended first, to that of
// now.
type Needs []Need

// Need is a size, and until when work needed it.
type Need struct {
	Size  int32
	Until time.Time
}

// Note returns the needs when work is found to need a size. Until now, it needed the one
// before. Those that ended more than idleTime ago are forgotten: see Policy.IdleTime.
func (n Needs) Note(size int32, now time.Time, idleTime time.Duration) Needs {
	noted := slices.Clone(n)
	if last := len(noted) - 1; last >= 0 {
		noted[last].Until = now
	}
	noted = slices.DeleteFunc(noted, func(earlier Need) bool {
		return earlier.Size <= size || now.Sub(earlier.Until) > idleTime
	})
	return append(noted, Need{Size: size, Until: now})
}
