package agent

import (
	"fmt"
	"strings"

	"github.com/gopherlocks/gopherlocks/operator/internal/agentapi"
)

// commandLine is what a shell runs in the instance; empty: nothing, it waits.
// script is where the text of batchScript is. The user's parts are put together
// as text, so that their quoting and variables work as they would in a script.
func commandLine(cfg agentapi.Config, script string) string {
	if cfg.Command == "" {
		return ""
	}
	switch cfg.Mode {
	case agentapi.ModeSubmit:
		return submitLine(cfg)
	case agentapi.ModeLauncher:
		return cfg.Command
	case agentapi.ModeBatch:
		return batchLine(cfg, script)
	}
	return ""
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
	return fmt.Sprintf(`id=$(flux batch %s --output=kvs %s) && exec %s "$id"`, strings.Join(flags, " "), quote(script), follow)
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

// batchScript is the script of ModeBatch. Unless raw, each line is submitted as a
// job of the subinstance, all are waited for, and the largest exit code is the
// script's. Source: flux-watch(1), which prints the output of jobs.
func batchScript(cfg agentapi.Config) string {
	if cfg.BatchRaw {
		if strings.HasPrefix(cfg.Command, "#!") {
			return cfg.Command + "\n"
		}
		return "#!/bin/sh\n" + cfg.Command + "\n"
	}
	var script strings.Builder
	script.WriteString("#!/bin/sh\n")
	job := 0
	for line := range strings.Lines(cfg.Command) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		script.WriteString("flux submit --quiet")
		if cfg.Logs != "" {
			fmt.Fprintf(&script, " --output=%[1]s/job-%[2]d.out --error=%[1]s/job-%[2]d.err", quote(cfg.Logs), job)
		}
		script.WriteString(" " + line + " || exit\n")
		job++
	}
	script.WriteString("exec flux watch --all --count=0\n")
	return script.String()
}

// quote makes one word of a shell of text.
func quote(text string) string {
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
