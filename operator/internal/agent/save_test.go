package agent

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gopherlocks/gopherlocks/operator/internal/agentapi"
	"github.com/gopherlocks/gopherlocks/operator/internal/fluxinstance"
)

// savedFlux is an instance with two queues, of which an administrator has stopped one.
type savedFlux struct {
	queues  []fluxinstance.Queue
	running []int // at each look; the last one lasts
	err     error // of looks
}

func (f *savedFlux) Queues(context.Context) ([]fluxinstance.Queue, error) { return f.queues, nil }

func (f *savedFlux) StopQueue(_ context.Context, name, reason string) error {
	return f.set(fluxinstance.Queue{Name: name, StopReason: reason})
}

func (f *savedFlux) StartQueue(_ context.Context, name string) error {
	return f.set(fluxinstance.Queue{Name: name, Started: true})
}

func (f *savedFlux) set(queue fluxinstance.Queue) error {
	for i := range f.queues {
		if f.queues[i].Name == queue.Name {
			f.queues[i] = queue
		}
	}
	return nil
}

func (f *savedFlux) Counts(context.Context) (agentapi.Counts, error) {
	if f.queues[0].Started {
		return agentapi.Counts{}, errors.New("looks while jobs may start")
	}
	running := f.running[0]
	if len(f.running) > 1 {
		f.running = f.running[1:]
	}
	return agentapi.Counts{Jobs: agentapi.JobCounts{Sched: 3, Depend: 1, Run: running, Inactive: 7}}, f.err
}

// TestSave: whatever happens, the queues go on as they were, and a good archive stays.
func TestSave(t *testing.T) {
	const archive = "an archive"
	for name, test := range map[string]struct {
		running []int
		err     error
		stop    bool
		dump    string
		dumpErr error
		cancel  bool
		wantErr string
		said    string
		stopped bool
	}{
		"nothing runs":        {running: []int{0}, dump: archive, said: "4 jobs that wait, and 7 that have ended"},
		"jobs run":            {running: []int{2, 2, 1, 0}, dump: archive, said: "waiting for 1 jobs that run"},
		"moves elsewhere":     {running: []int{0}, stop: true, dump: archive, said: "flux queue start --all", stopped: true},
		"is interrupted":      {running: []int{1}, stop: true, cancel: true, wantErr: "nothing is saved"},
		"flux is silent":      {running: []int{0}, err: errors.New("no answer"), wantErr: "no answer"},
		"the disk is full":    {running: []int{0}, stop: true, dumpErr: errors.New("no space left on device"), wantErr: "no space left"},
		"the dump is cut off": {running: []int{0}, dump: gzipMagic + "half", wantErr: "stays as it was"},
	} {
		t.Run(name, func(t *testing.T) {
			flux := &savedFlux{
				queues:  []fluxinstance.Queue{{Name: "batch", Started: true}, {Name: "debug", StopReason: "maintenance"}},
				running: test.running, err: test.err,
			}
			file := filepath.Join(t.TempDir(), "new", "state.tar")
			must(t, os.MkdirAll(filepath.Dir(file), 0o700))
			must(t, os.WriteFile(file, []byte("an earlier one"), 0o600))
			var out strings.Builder
			s := saving{flux: flux, out: &out, stop: test.stop, look: time.Millisecond, dump: func(_ context.Context, file string) error {
				if test.dumpErr != nil {
					return test.dumpErr
				}
				return os.WriteFile(file, []byte(test.dump), 0o600)
			}}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if test.cancel {
				cancel()
			}
			err := s.run(ctx, file)
			if test.wantErr == "" && err != nil || test.wantErr != "" && (err == nil || !strings.Contains(err.Error(), test.wantErr)) {
				t.Fatalf("error %v, want %q", err, test.wantErr)
			}
			if !strings.Contains(out.String(), test.said) {
				t.Errorf("says %q, want %q", out.String(), test.said)
			}
			want := "an earlier one"
			if test.wantErr == "" {
				want = test.dump
			}
			if text, err := os.ReadFile(file); err != nil || string(text) != want {
				t.Errorf("the file is %q, %v, want %q", text, err, want)
			}
			if flux.queues[0].Started == test.stopped {
				t.Errorf("the queue is started: %v", flux.queues[0].Started)
			}
			if q := flux.queues[1]; q.Started || q.StopReason != "maintenance" {
				t.Errorf("an administrator's queue became %+v", q)
			}
		})
	}
}

func TestSaveIsForTheLead(t *testing.T) {
	config := `{"name":"x","hosts":"x-[0-1]","ceiling":2,"mode":"interactive","brokerConfig":"#"}`
	for want, test := range map[string]struct{ config, rank, file string }{
		"only the lead, rank 0":     {config, "1", "/state/a.tar"},
		"must be an absolute path":  {config, "0", "a.tar"},
		"no such file or directory": {config, "0", "/state/a.tar"},
		"GOPHERLOCKS_CONFIG is not": {"", "0", "/state/a.tar"},
	} {
		t.Setenv(agentapi.ConfigVariable, test.config)
		t.Setenv(agentapi.RankVariable, test.rank)
		t.Setenv("PATH", t.TempDir())
		if err := saveState(&strings.Builder{}, testPaths(testRoot(t)), test.file, false); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}
