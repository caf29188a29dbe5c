package agent

import (
	"fmt"
	"strings"

	"github.com/gopherlocks/gopherlocks/operator/internal/agentapi"
	"github.com/gopherlocks/gopherlocks/operator/internal/argv"
)

// commandLine is what a shell runs in the instance; empty: nothing, it waits. The
// user's parts are put together as text, so that their quoting and variables work as
// they would in a script.
func commandLine(cfg agentapi.Config, p paths) string {
	if cfg.Script != "" {
		cfg.Command = argv.Quote(p.commandScript())
	}
	var line string
	switch {
	case cfg.Command == "":
		return ""
	case cfg.Mode == agentapi.ModeSubmit:
		line = submitLine(cfg)
	case cfg.Mode == agentapi.ModeLauncher:
		line = cfg.Command
	case cfg.Mode == agentapi.ModeBatch:
		line = batchLine(cfg, p.batchScript())
	}
	if cfg.Prefix != "" && line != "" {
		line = cfg.Prefix + " " + line
	}
	return line
}

// scriptWriter is a line that writes commands.script to its file, on each rank; empty
// without one. As with the Flux Operator, variables and $(…) in the script are
// replaced then, and the script is one of bash.
func scriptWriter(cfg agentapi.Config, p paths) string {
	if cfg.Script == "" {
		return ""
	}
	const end = "gopherlocks-end-of-script"
	file := argv.Quote(p.commandScript())
	return "{ echo \"#!$(command -v bash || command -v sh)\"; cat; } > " + file + " <<" + end + "\n" + cfg.Script + "\n" + end + "\nchmod 0755 " + file
}

// submitLine submits the command, prints its output and ends with the largest
// exit code of the jobs. Source: flux-submit(1), --watch.
func submitLine(cfg agentapi.Config) string {
	submit := cfg.SubmitCommand
	if submit == "" {
		submit = "flux submit"
	}
	words := []string{submit}
	words = append(words, sizeFlags(cfg)...)
	if cfg.OptionFlags != "" {
		words = append(words, cfg.OptionFlags)
	}
	if cfg.Debug {
		words = append(words, "-vvv")
	}
	// "flux run" always watches, and knows neither option.
	if command := strings.Fields(submit); len(command) < 2 || command[1] != "run" {
		words = append(words, "--quiet", "--watch")
	}
	return strings.Join(append(words, cfg.Command), " ")
}

// batchLine submits the script, prints its output as it comes and ends with its
// exit code. With quiet neither the subinstance's broker nor the command that
// prints the output add lines of theirs when the script fails.
// Sources: flux-batch(1), --output and --broker-opts; flux-job(1), attach, which has
// no option for that; flux-watch(1).
func batchLine(cfg agentapi.Config, script string) string {
	flags := sizeFlags(cfg)
	if len(flags) == 0 {
		flags = []string{"-n1"} // flux batch insists on one
	}
	if cfg.OptionFlags != "" {
		flags = append(flags, cfg.OptionFlags)
	}
	follow := "flux job attach"
	if cfg.Quiet {
		flags = append(flags, fmt.Sprintf("--broker-opts=-Slog-stderr-level=%[1]d,-Slog-critical-level=%[1]d", logNothing))
		follow = "flux watch"
	}
	line := fmt.Sprintf(`id=$(flux batch %s --output=kvs %s) && exec %s "$id"`, strings.Join(flags, " "), argv.Quote(script), follow)
	if cfg.Prefix != "" { // which takes one command
		line = "/bin/sh -c " + argv.Quote(line)
	}
	return line
}

func sizeFlags(cfg agentapi.Config) []string {
	var flags []string
	if cfg.Nodes > 0 {
		flags = append(flags, fmt.Sprintf("-N%d", cfg.Nodes))
	}
	if cfg.Tasks > 0 {
		flags = append(flags, fmt.Sprintf("-n%d", cfg.Tasks))
	}
	return flags
}

// batchScript is the script of ModeBatch, for a shell. Unless raw, each line is submitted as a
// job of the subinstance, all are waited for, and the largest exit code is the
// script's. Source: flux-watch(1), which prints the output of jobs.
func batchScript(cfg agentapi.Config, shell string) string {
	if cfg.BatchRaw {
		if strings.HasPrefix(cfg.Command, "#!") {
			return cfg.Command + "\n"
		}
		return "#!" + shell + "\n" + cfg.Command + "\n"
	}
	var script strings.Builder
	script.WriteString("#!" + shell + "\n")
	job := 0
	for line := range strings.Lines(cfg.Command) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		script.WriteString("flux submit --quiet")
		if cfg.Logs != "" {
			fmt.Fprintf(&script, " --output=%[1]s/job-%[2]d.out --error=%[1]s/job-%[2]d.err", argv.Quote(cfg.Logs), job)
		}
		script.WriteString(" " + line + " || exit\n")
		job++
	}
	script.WriteString("exec flux watch --all --count=0\n")
	return script.String()
}
