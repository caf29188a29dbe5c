package agent

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"

	"github.com/gopherlocks/gopherlocks/operator/internal/fluxcli"
	"github.com/gopherlocks/gopherlocks/operator/internal/fluxconf"
	"github.com/gopherlocks/gopherlocks/operator/internal/fluxinstance"
)

// prepare does all that comes before the broker, and tells how it went.
func (r *rank) prepare(ctx context.Context) event {
	if err := r.health.listen(r.paths.health); err != nil {
		return prepareFailed{message: fmt.Sprintf("the endpoint for probes: %v", err)}
	}
	if err := os.MkdirAll(r.paths.runDir, 0o700); err != nil {
		return prepareFailed{message: err.Error()}
	}
	if failed := r.runCommand("init", r.cfg.Init); failed != nil {
		return failed
	}
	if err := r.placeView(); err != nil {
		return r.withoutFlux(err)
	}
	resources, err := r.writeFirst()
	if err != nil {
		return prepareFailed{message: err.Error()}
	}
	name, line := "workerPre", r.cfg.WorkerPre
	if r.machine.lead {
		name, line = "brokerPre", r.cfg.BrokerPre
	}
	for _, command := range []struct{ name, line string }{{"script", scriptWriter(r.cfg, r.paths)}, {"pre", r.cfg.Pre}, {name, line}} {
		if failed := r.runCommand(command.name, command.line); failed != nil {
			return failed
		}
	}
	// Not before: the commands may have brought Flux, or chosen another one.
	if err := r.findFlux(ctx); err != nil {
		return r.withoutFlux(err)
	}
	r.restore = r.machine.lead && mustRestore(r.cfg)
	if err := cmp.Or(r.takeOver(resources), writeLast(r.cfg, r.paths, r.machine.lead)); err != nil {
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
	code, err := r.runLines(name, line)
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

// runLines runs lines of the user's, goes on in the state that they leave, and returns
// their exit code.
func (r *rank) runLines(name, lines string) (int, error) {
	script := linesScript(upstreamVariables(r.cfg, r.paths), lines, r.cfg.Strict, []string{r.paths.program, "snapshot", r.paths.state()})
	cmd, err := r.command(shellCommand(r.env, script)...)
	if err != nil {
		return 0, err
	}
	// With quiet, nothing but what the application prints, and what comes after it.
	if !r.cfg.Quiet || name == "post" {
		cmd.Stdout, cmd.Stderr = r.stdout, r.stderr
	}
	code, err := r.commands.run(name, cmd)
	r.follow()
	return code, err
}

// withoutFlux tells whether another try may help.
func (r *rank) withoutFlux(err error) event {
	if lasts(err) {
		return unusable{err.Error()}
	}
	return prepareFailed{message: err.Error()}
}

// placeView puts the view where its programs expect it.
func (r *rank) placeView() error {
	mount := r.cfg.ViewPath
	if mount == "" {
		return nil
	}
	if err := r.paths.view.link(mount); err != nil {
		return fmt.Errorf("flux.container: %w", err)
	}
	r.env = environment(r.env, mount, r.cfg.PythonPath, sitePackages(mount))
	return nil
}

// findFlux looks for the program, and asks it for its version.
func (r *rank) findFlux(ctx context.Context) error {
	flux, err := findProgram("flux", r.env)
	if err != nil {
		return fmt.Errorf("%w: use an image with Flux, or let flux.container bring it", err)
	}
	version, err := fluxcli.CheckVersion(ctx, flux, r.env)
	if err != nil {
		return err
	}
	r.log.Printf("flux %v at %s", version, flux)
	client, err := fluxinstance.New("local://" + r.paths.socket)
	if err != nil {
		return err
	}
	r.flux = flux
	r.own = own{flux: client, ranks: r.ownRank(), log: r.log, started: r.started}
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

// writeFirst writes what the user's commands may look at and change, and returns R.
func (r *rank) writeFirst() ([]byte, error) {
	n := r.cfg.Cores
	if n == 0 {
		n = usableCPUs()
	}
	resources, err := fluxconf.Resources(r.cfg.Hosts, r.cfg.Ceiling, n, r.cfg.GPUs)
	if err != nil {
		return nil, err
	}
	if err := writeFirst(r.cfg, r.paths, resources); err != nil {
		return nil, err
	}
	if err := writeUpstreamFiles(r.cfg, r.paths, r.env); err != nil {
		// Only lines that look for them need them.
		r.log.Printf("files of the Flux Operator's are missing: %v", err)
	}
	return resources, nil
}

// takeOver takes what the user's commands have written in place of R and of the
// brokers' configuration. R without all ranks would keep some from the scheduler for
// good: the rank says so, and goes on with the operator's.
func (r *rank) takeOver(own []byte) error {
	if err := r.takeFiles(); err != nil {
		return err
	}
	users, err := os.ReadFile(r.paths.resource)
	if err != nil {
		return err
	}
	if bytes.Equal(users, own) {
		return nil
	}
	if err := fluxconf.CheckResources(users, r.cfg.Ceiling); err != nil {
		r.log.Printf("the resources R that commands have written cannot be used: %v; using the operator's", err)
		return writeAtomically(r.paths.resource, bytes.NewReader(own), 0o644)
	}
	r.log.Print("using the resources R that commands have written")
	return nil
}

// takeFiles takes the files that commands have put in place of our links. Who has
// written through a link has changed its target already.
func (r *rank) takeFiles() error {
	for _, link := range upstreamLinks(r.cfg, r.paths) {
		info, err := os.Lstat(link.path)
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		text, err := os.ReadFile(link.path)
		if err != nil {
			return err
		}
		if err := writeAtomically(link.target, bytes.NewReader(text), 0o644); err != nil {
			return err
		}
	}
	return nil
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
