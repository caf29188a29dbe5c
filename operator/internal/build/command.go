package build

import (
	"fmt"
	"slices"
	"strings"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
	"github.com/gopherlocks/gopherlocks/operator/internal/agentapi"
	"github.com/gopherlocks/gopherlocks/operator/internal/argv"
)

// surroundings are what the command of a container finds that no agent of Flux runs.
type surroundings struct {
	strict bool
	// variables are ours.
	variables []string
	// flux is the instance that the container is beside; nil without.
	flux *besideFlux
}

// besideFlux is the instance as a container beside its rank sees it.
type besideFlux struct {
	// mount is where the volume of the view is, and view the same where there is a view
	// in it.
	mount, view string
	// awaited says that the command begins when the broker is up.
	awaited bool
}

// besideRank is what containers beside the ranks find.
func besideRank(mc *api.MiniCluster) surroundings {
	around := surroundings{strict: mc.Spec.Logging.Strict, variables: rankVariables(mc)}
	if FluxEnabled(mc) {
		around.flux = &besideFlux{mountPath(mc), viewPath(mc), !mc.Spec.Flux.NoWaitSocket}
	}
	return around
}

// directCommand returns the words of a container's command that no instance of
// Flux runs: the command itself, or a shell that runs it between the lines of
// commands. There are none where the image's own command is to run.
//
// Kubernetes replaces $(NAME) and $$ in a container's command. In scripts they are the
// shell's, so that dollar signs are doubled; the words of a command are as Kubernetes
// wants them.
func directCommand(c api.Container, around surroundings) []string {
	words, err := argv.Split(c.Command)
	if c.NoWrapEntrypoint {
		if err != nil {
			words = strings.Fields(doubleDollars(c.Command))
		}
		return words
	}
	p := program{strict: around.strict, after: c.Commands.Post}
	text := err != nil || needsShell(c, around)
	switch {
	case !hasLines(c) && !text:
		return words
	case text:
		p.text, words = c.Command, nil
	case len(words) == 0:
		// The lines are all there is to do. A shell runs them that can be stopped.
		p.text, p.after = p.after, ""
	}
	p.before = slices.DeleteFunc(slices.Concat(
		[]string{c.Commands.Init},
		around.flux.prepare(),
		[]string{c.Commands.Pre, c.Commands.ServicePre},
		around.flux.await()),
		func(line string) bool { return line == "" })
	return append([]string{"/bin/sh", "-c", doubleDollars(bashOrShell), "sh", doubleDollars(p.script(len(words) > 0)), "sh"}, words...)
}

// hasLines tells whether there are lines to run around the command.
func hasLines(c api.Container) bool {
	return c.Commands.Init != "" || c.Commands.Pre != "" || c.Commands.ServicePre != "" || c.Commands.Post != ""
}

// bashOrShell runs its arguments as those of "bash -c", in an image without bash as
// those of "sh -c": people who come from the Flux Operator write for bash.
const bashOrShell = `exec "$(command -v bash || echo /bin/sh)" -c "$@"`

func doubleDollars(text string) string { return strings.ReplaceAll(text, "$", "$$") }

// needsShell tells whether the command, which can be split into words, means something
// else without a shell.
func needsShell(c api.Container, around surroundings) bool {
	if argv.NeedsShell(c.Command) || around.flux != nil && strings.Contains(c.Command, "flux") {
		return true // Only the shell knows where the view's programs are.
	}
	for _, name := range argv.Variables(c.Command) {
		_, plain := c.Environment[name]
		_, secret := c.Secrets[name]
		if !plain && !secret && !slices.Contains(around.variables, name) {
			return true // $(NAME) is a command's output then, as in a shell.
		}
	}
	return false
}

// prepare returns lines that make Flux usable in the container.
// Source: the names are those of flux-framework/flux-operator, pkg/flux/templates.
func (f *besideFlux) prepare() []string {
	if f == nil || f.mount == "" {
		return nil
	}
	lines := []string{
		"viewbase=" + argv.Quote(f.mount),
		"viewroot=$viewbase/view",
		"fluxsocket=" + argv.Quote("local://"+agentapi.SharedSocket(f.mount)),
	}
	if f.view == "" {
		return lines
	}
	return append(lines,
		// The view's programs expect their files there.
		`for folder in software view; do [ -e /opt/$folder ] || [ ! -e "$viewbase/$folder" ] || ln -s "$viewbase/$folder" /opt/$folder || true; done`,
		`export PATH="$PATH:$viewroot/bin"`)
}

// await returns the line that waits until the rank's broker is up.
func (f *besideFlux) await() []string {
	if f == nil || !f.awaited || agentapi.SharedSocket(f.mount) == "" {
		return nil
	}
	return []string{fmt.Sprintf("until [ -S %s ]; do sleep 1; done", argv.Quote(agentapi.SharedSocket(f.mount)))}
}
