package agent

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"syscall"

	"github.com/gopherlocks/gopherlocks/operator/internal/fluxcli"
	"github.com/gopherlocks/gopherlocks/operator/internal/fluxconf"
)

// prepare does all that comes before the broker, and tells how it went.
func (r *rank) prepare(ctx context.Context) event {
	if err := r.health.listen(r.paths.health); err != nil {
		return prepareFailed{message: fmt.Sprintf("the endpoint for probes: %v", err)}
	}
	if failed := r.runCommand("init", r.cfg.Init); failed != nil {
		return failed
	}
	if err := r.findFlux(ctx); err != nil {
		if lasts(err) {
			return unusable{err.Error()}
		}
		return prepareFailed{message: err.Error()}
	}
	if failed := r.runCommand("pre", r.cfg.Pre); failed != nil {
		return failed
	}
	name, line := "workerPre", r.cfg.WorkerPre
	if r.machine.lead {
		name, line = "brokerPre", r.cfg.BrokerPre
	}
	if failed := r.runCommand(name, line); failed != nil {
		return failed
	}
	if err := r.writeFiles(); err != nil {
		return prepareFailed{message: err.Error()}
	}
	return prepared{}
}

// runCommand runs one of the user's commands. It returns what ends the rank, in
// strict mode, and nil otherwise.
func (r *rank) runCommand(name, line string) event {
	if line == "" {
		return nil
	}
	code, err := r.commands.run(name, line)
	if err != nil {
		code = 127 // as a shell that cannot start a command
	} else if code == 0 {
		return nil
	} else {
		err = fmt.Errorf("commands.%s failed with exit code %d", name, code)
	}
	if r.cfg.Strict {
		return prepareFailed{code: int32(code), message: err.Error()}
	}
	r.log.Printf("%v; going on, since logging.strict is not set", err)
	return nil
}

// findFlux puts the view in its place, and asks Flux for its version.
func (r *rank) findFlux(ctx context.Context) error {
	if mount := r.cfg.ViewPath; mount != "" {
		if err := r.paths.view.link(mount); err != nil {
			return fmt.Errorf("flux.container: %w", err)
		}
		r.env = environment(r.env, mount, r.cfg.PythonPath, sitePackages(mount))
		r.commands.env = r.env
	}
	flux, err := findProgram("flux", r.env)
	if err != nil {
		return fmt.Errorf("%w: use an image with Flux, or let flux.container bring it", err)
	}
	client, err := fluxcli.New(ctx, flux, append(r.env[:len(r.env):len(r.env)], "FLUX_URI=local://"+r.paths.socket))
	if err != nil {
		return err
	}
	r.log.Printf("flux %v at %s", client.Version(), flux)
	r.flux = flux
	r.own = own{flux: client, ranks: r.ownRank(), log: r.log}
	return nil
}

// lasts says whether what keeps the rank from Flux will be there again at the next
// try: what the image lacks, or does not allow. Not so a machine that is too busy,
// out of memory or processes, or a file server that does not answer.
func lasts(err error) bool {
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		switch errno {
		case syscall.ENOENT, syscall.ENOTDIR, syscall.EACCES, syscall.EPERM, syscall.EROFS, syscall.ENOEXEC:
			return true
		}
		return false
	}
	if _, ok := errors.AsType[*fluxcli.CommandError](err); ok {
		return fluxcli.Exited(err)
	}
	return true // there is no Flux, or one that is too old
}

func (r *rank) writeFiles() error {
	r.restore = r.machine.lead && mustRestore(r.cfg)
	n := r.cfg.Cores
	if n == 0 {
		n = usableCPUs()
	}
	resources, err := fluxconf.Resources(r.cfg.Hosts, r.cfg.MaxSize, n)
	if err != nil {
		return err
	}
	return writeFiles(r.cfg, r.paths, r.machine.lead, resources)
}

// refusal says why Flux refuses the brokers' configuration in folder; empty: it
// does not. Source: flux-config(1), get, which reads a folder without a broker.
func refusal(ctx context.Context, flux string, env []string, folder string) string {
	ctx, cancel := context.WithTimeout(ctx, fluxcli.CommandTimeout)
	defer cancel()
	var stderr strings.Builder
	cmd := exec.CommandContext(ctx, flux, "config", "get", "--config-path="+folder)
	cmd.Env = env
	cmd.Stderr = &stderr
	if err := cmd.Run(); err == nil || ctx.Err() != nil {
		return ""
	}
	return strings.TrimSpace(stderr.String())
}

// lookup returns the last value of a variable in env.
func lookup(env []string, name string) string {
	var value string
	for _, variable := range env {
		if v, found := strings.CutPrefix(variable, name+"="); found {
			value = v
		}
	}
	return value
}
