package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/gopherlocks/gopherlocks/operator/internal/agentapi"
	"github.com/gopherlocks/gopherlocks/operator/internal/fluxinstance"
)

// reasonSaving is why queues stand still while the state is saved. It is not the
// operator's, which would start them.
const reasonSaving = "gopherlocks-agent save"

// fluxState is what save needs of an instance. See fluxinstance.Client.
type fluxState interface {
	fluxinstance.QueueControl
	Counts(ctx context.Context) (agentapi.Counts, error)
}

// saving is one call of the command "save".
type saving struct {
	flux fluxState
	// dump writes the instance's state to a file. Source: flux-dump(1).
	dump func(ctx context.Context, file string) error
	out  io.Writer
	// stop leaves the queues stopped, so that no job runs here that is to run elsewhere.
	stop bool
	// look is how often running jobs are looked at.
	look time.Duration
}

// saveState is the command "save" in the container of a lead that runs.
func saveState(out io.Writer, p paths, file string, stop bool) error {
	cfg, number, err := readConfig(os.Getenv)
	if err != nil {
		return err
	}
	if number != 0 {
		return fmt.Errorf("this is rank %d: only the lead, rank 0, has the state", number)
	}
	if !filepath.IsAbs(file) {
		return fmt.Errorf("FILE %q must be an absolute path, on a volume that outlives the pod", file)
	}
	flux, err := fluxinstance.New("local://" + p.socket)
	if err != nil {
		return err
	}
	defer flux.Close()
	env := append(environment(os.Environ(), cfg.ViewPath, cfg.PythonPath, sitePackages(cfg.ViewPath)), "FLUX_URI=local://"+p.socket)
	program, err := findProgram("flux", env)
	if err != nil {
		return err
	}
	s := saving{flux: flux, out: out, stop: stop, look: idleLook, dump: func(ctx context.Context, file string) error {
		cmd := exec.CommandContext(ctx, program, "dump", "--quiet", file)
		cmd.Env = env
		if said, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("flux dump: %w: %s", err, strings.TrimSpace(string(said)))
		}
		return nil
	}}
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer cancel()
	return s.run(ctx, file)
}

// run stops the queues, waits until no job runs, saves, and starts the queues again.
// Whatever keeps it from saving, the queues go on, and a file that was there stays.
func (s saving) run(ctx context.Context, file string) (err error) {
	defer func() {
		if err == nil && s.stop {
			return
		}
		// Also when somebody has interrupted it, and those of an earlier call that was killed.
		err = errors.Join(err, fluxinstance.Resume(context.WithoutCancel(ctx), s.flux, reasonSaving))
	}()
	if err = fluxinstance.Hold(ctx, s.flux, reasonSaving); err != nil {
		return err
	}
	jobs, err := s.await(ctx)
	if err != nil {
		return err
	}
	if err = s.write(ctx, file); err != nil {
		return err
	}
	s.say("saved to %s: %d jobs that wait, and %d that have ended", file, jobs.Depend+jobs.Priority+jobs.Sched, jobs.Inactive)
	if s.stop {
		s.say("the queue stays stopped; to go on here: flux queue start --all")
	}
	return nil
}

// write dumps the state, and gives it its name once it is complete.
func (s saving) write(ctx context.Context, file string) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	if err := os.Remove(newArchive(file)); err != nil && !os.IsNotExist(err) {
		return err
	}
	if err := s.dump(ctx, newArchive(file)); err != nil {
		return err
	}
	return keepArchive(file)
}

// await waits until no job runs.
func (s saving) await(ctx context.Context) (agentapi.JobCounts, error) {
	said := -1
	for {
		counts, err := s.flux.Counts(ctx)
		if err != nil {
			return agentapi.JobCounts{}, err
		}
		running := counts.Jobs.Run + counts.Jobs.Cleanup
		if running == 0 {
			return counts.Jobs, nil
		}
		if running != said {
			s.say("waiting for %d jobs that run; the queue is stopped", running)
			said = running
		}
		if !sleep(ctx, s.look) {
			return agentapi.JobCounts{}, errors.New("interrupted while jobs ran: nothing is saved")
		}
	}
}

func (s saving) say(format string, args ...any) { _, _ = fmt.Fprintf(s.out, format+"\n", args...) }
