package fluxinstance

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// BenchmarkLook asks which ranks are drained and which run jobs, as the agent does while
// ranks drain: by the commands that it once ran, and by the protocol. Both ask the same
// instance, by turns.
func BenchmarkLook(b *testing.B) {
	f := newInstance(b)
	benchmark(b, f, "command", func() error {
		if err := f.command("resource", "drain", "--no-header", "--format", "{ranks} {reason}"); err != nil {
			return err
		}
		return f.command("resource", "list", "--states", "allocated", "--no-header", "--format", "{ranks}")
	})
	all := ranks(b, "0-3")
	benchmark(b, f, "protocol", func() error {
		if _, err := f.Drained(b.Context()); err != nil {
			return err
		}
		_, err := f.Allocated(b.Context(), all)
		return err
	})
}

// BenchmarkDrain drains a rank and gives it back.
func BenchmarkDrain(b *testing.B) {
	f := newInstance(b)
	benchmark(b, f, "command", func() error {
		if err := f.command("resource", "drain", "--update", "3", "ours: going"); err != nil {
			return err
		}
		return f.command("resource", "undrain", "3")
	})
	rank := ranks(b, "3")
	benchmark(b, f, "protocol", func() error {
		if err := f.Drain(b.Context(), rank, "ours: going"); err != nil {
			return err
		}
		return f.Undrain(b.Context(), rank)
	})
}

// BenchmarkAtRest is a minute of an instance in which nothing happens: of one that nobody
// watches, and of the same with the streams of its jobs and resources open.
func BenchmarkAtRest(b *testing.B) {
	f := newInstance(b)
	const minute = time.Minute
	rest := func(name string) {
		b.Run(name, func(b *testing.B) {
			begin := f.spent()
			for range b.N {
				time.Sleep(minute)
			}
			spent := f.spent().minus(begin)
			percent := 100 / (minute.Seconds() * float64(b.N))
			b.ReportMetric(spent.asker.Seconds()*percent, "%-of-a-core-asker")
			b.ReportMetric(spent.lead.Seconds()*percent, "%-of-a-core-lead")
		})
	}
	time.Sleep(5 * time.Second) // its start is over
	rest("unwatched")
	for _, topic := range []string{"job-manager.events-journal", topicJournal} {
		stream, err := f.rpc.Stream(b.Context(), topic, struct{}{})
		if err != nil {
			b.Fatal(err)
		}
		defer stream.Close()
		go func() {
			for stream.Next(nil) == nil {
			}
		}()
	}
	rest("watched")
}

// benchmark does something b.N times, and reports the CPU time besides: of those who ask,
// and of the instance's brokers.
func benchmark(b *testing.B, f *lively, name string, do func() error) {
	b.Run(name, func(b *testing.B) {
		begin := f.spent()
		for b.Loop() {
			if err := do(); err != nil {
				b.Fatal(err)
			}
		}
		spent := f.spent().minus(begin)
		each := 1000 / float64(b.N)
		b.ReportMetric(spent.asker.Seconds()*each, "cpu-ms-asker/op")
		b.ReportMetric(spent.brokers.Seconds()*each, "cpu-ms-brokers/op")
	})
}

// command runs a command of flux.
func (f *lively) command(args ...string) error {
	cmd := exec.Command(f.Flux, args...)
	cmd.Env = f.Env
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("flux %s: %w: %s", strings.Join(args, " "), err, stderr.String())
	}
	return nil
}

// cpuTime is what was spent so far: by this process and the commands that have ended, by
// all brokers, and by the lead's among them.
type cpuTime struct{ asker, brokers, lead time.Duration }

func (c cpuTime) minus(other cpuTime) cpuTime {
	return cpuTime{c.asker - other.asker, c.brokers - other.brokers, c.lead - other.lead}
}

func (f *lively) spent() cpuTime {
	f.t.Helper()
	var all cpuTime
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var usage syscall.Rusage
		if err := syscall.Getrusage(who, &usage); err != nil {
			f.t.Fatal(err)
		}
		all.asker += time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
	}
	for i, broker := range children(f.t, f.Process.Pid) {
		spent := spentBy(f.t, broker)
		all.brokers += spent
		if i == 0 {
			all.lead = spent
		}
	}
	return all
}

// children are the processes that a process has started, in the order of their start.
func children(t testing.TB, pid int) []int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%[1]d/task/%[1]d/children", pid))
	if err != nil {
		return nil // it has ended meanwhile
	}
	var pids []int
	for _, field := range strings.Fields(string(text)) {
		child, err := strconv.Atoi(field)
		if err != nil {
			t.Fatal(err)
		}
		pids = append(pids, child)
	}
	return pids
}

// spentBy is the CPU time of a process and of what it has started. Source: proc_pid_stat(5),
// fields 14 and 15.
func spentBy(t testing.TB, pid int) time.Duration {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0 // it has ended meanwhile
	}
	_, behind, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(behind)
	const first, tick = 14 - 3, time.Second / 100
	var spent time.Duration
	for _, field := range fields[first : first+2] {
		ticks, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		spent += time.Duration(ticks) * tick
	}
	for _, child := range children(t, pid) {
		spent += spentBy(t, child)
	}
	return spent
}
