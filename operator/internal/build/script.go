package build

import "strings"

// program is what a shell runs in a container: a command between lines.
type program struct {
	strict bool
	before []string
	// text is the command as a text for the shell; empty where it is the arguments of
	// the script, or where there is none.
	text, after string
}

// script returns the program as a script. arguments tells whether its command are its
// arguments.
func (p program) script(arguments bool) string {
	var lines []string
	if p.strict && len(p.before) > 0 {
		lines = append(lines, "set -e")
	}
	lines = append(lines, p.before...)
	command := `"$@"`
	switch {
	case arguments && p.after == "":
		return strings.Join(append(lines, `exec "$@"`), "\n")
	case !arguments && p.text == "":
		return strings.Join(lines, "\n")
	case !arguments:
		// In a shell of its own, which has all that the lines before have set.
		inner := p.text
		if p.strict {
			inner = "set -e\n" + inner
		}
		command = "(\n" + inner + "\n)"
	}
	// The shell must outlive the command. It may be process 1, which only the
	// signals that it traps can stop: it hands them on, also one that came before it
	// knew the command's number, and waits again, since a signal ends "wait" before
	// the command has ended.
	lines = append(lines,
		`set +e`,
		`command= stopped=`,
		`trap 'stopped=1; [ -z "$command" ] || kill -TERM "$command"' TERM INT`,
		command+` &`,
		`command=$!`,
		`[ -z "$stopped" ] || kill -TERM "$command"`,
		`wait "$command"`,
		`code=$?`,
		`while kill -0 "$command" 2>/dev/null; do wait "$command"; code=$?; done`)
	if p.after != "" {
		lines = append(lines, p.after)
	}
	return strings.Join(append(lines, `exit "$code"`), "\n")
}
