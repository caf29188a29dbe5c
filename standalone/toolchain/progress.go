package main

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// A step says that it still works: every quietInterval in a log, every liveInterval
// on a terminal.
const (
	quietInterval = 15 * time.Second
	liveInterval  = 200 * time.Millisecond
)

// step is one line of progress. On a terminal it changes in place, in a log it is
// repeated now and then. In the end it has the time that the step took.
type step struct {
	out     io.Writer
	live    bool
	heading string // "[2/3] Kubernetes v1.37.2 (4 programs)"
	started time.Time
	now     func() time.Time

	mu    sync.Mutex
	state string

	stop chan struct{}
	done sync.WaitGroup
}

// startStep shows the heading until end is called.
func startStep(out *os.File, heading string) *step {
	s := &step{out: out, live: isTerminal(out), heading: heading, started: time.Now(), now: time.Now, stop: make(chan struct{})}
	interval := quietInterval
	if s.live {
		interval = liveInterval
	} else {
		fmt.Fprintln(out, heading)
	}
	ticker := time.NewTicker(interval)
	s.done.Go(func() {
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				s.show()
			case <-s.stop:
				return
			}
		}
	})
	return s
}

// set changes what the step says it is doing.
func (s *step) set(format string, args ...any) {
	s.mu.Lock()
	s.state = fmt.Sprintf(format, args...)
	s.mu.Unlock()
}

func (s *step) elapsed() time.Duration { return s.now().Sub(s.started) }

func (s *step) show() {
	s.mu.Lock()
	line := fmt.Sprintf("%s … %s, %s", s.heading, s.state, shortTime(s.elapsed()))
	s.mu.Unlock()
	if s.live {
		// Without wrapping, a long line is cut and the next one can replace it.
		fmt.Fprintf(s.out, "\r\x1b[K\x1b[?7l%s\x1b[?7h", line)
	} else {
		fmt.Fprintln(s.out, line)
	}
}

// end writes the step's last line.
func (s *step) end(result string) {
	close(s.stop)
	s.done.Wait()
	if s.live {
		fmt.Fprint(s.out, "\r\x1b[K")
	}
	fmt.Fprintf(s.out, "%s: %s, %s\n", s.heading, result, shortTime(s.elapsed()))
}

// isTerminal says whether a person may look at the file: it is a character
// device, but not the null device, and the terminal can move its cursor.
func isTerminal(file *os.File) bool {
	info, err := file.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 || os.Getenv("TERM") == "dumb" {
		return false
	}
	null, err := os.Stat(os.DevNull)
	return err != nil || !os.SameFile(info, null)
}

// shortTime is a duration for people: 0.4s, 12s, 1m20s.
func shortTime(d time.Duration) string {
	switch {
	case d < 10*time.Second:
		return fmt.Sprintf("%.1fs", d.Seconds())
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	default:
		return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
	}
}

// compileCount follows a `go build -v`, which names each package that it compiles,
// but none that Go's cache has. So only the number of all packages is known, not
// how many will be compiled.
type compileCount struct {
	packages map[string]bool // Those not named yet.
	programs map[string]bool // The main packages not named yet.
	total    int
}

func newCompileCount(packages, programs []string) *compileCount {
	c := &compileCount{packages: make(map[string]bool, len(packages)), programs: make(map[string]bool, len(programs)), total: len(packages)}
	for _, path := range packages {
		c.packages[path] = true
	}
	for _, path := range programs {
		c.programs[path] = true
	}
	return c
}

// note takes a line of the output and says whether it named a package.
func (c *compileCount) note(line string) bool {
	if !c.packages[line] {
		return false
	}
	delete(c.packages, line)
	delete(c.programs, line)
	return true
}

func (c *compileCount) String() string {
	switch compiled := c.total - len(c.packages); {
	case compiled == 0:
		return "looking for what is compiled already"
	case len(c.programs) == 0:
		return fmt.Sprintf("%d of at most %d packages compiled, linking", compiled, c.total)
	default:
		return fmt.Sprintf("%d of at most %d packages compiled", compiled, c.total)
	}
}
