package agent

import (
	"strings"

	"github.com/gopherlocks/gopherlocks/operator/internal/argv"
)

// shell is what runs the lines of users: bash where the image has one, since the
// lines of the Flux Operator's users are written for it, else sh.
func shell(env []string) string {
	if bash, err := findProgram("bash", env); err == nil {
		return bash
	}
	return "/bin/sh"
}

// shellCommand is the command line of a shell that runs script.
func shellCommand(env []string, script string) []string {
	return []string{shell(env), "-c", script}
}

// linesScript is a script that runs a user's lines as a part of one shell script
// with those before and after: what they leave is kept by "snapshot" in file.
//
// All that they assign is exported, and functions too where the shell is bash: else
// nothing of it could be handed on. The snapshot is taken in a trap, since the lines
// may end the shell, and once more behind them, since they may set a trap of their own.
func linesScript(v variables, lines string, strict bool, snapshot []string) string {
	keep := words(snapshot)
	before := []string{v.script() + "trap " + argv.Quote(keep) + " EXIT", "set -a"}
	if strict {
		// -E and pipefail are bash's.
		before = append(before, "set -eu", `[ -z "${BASH_VERSION-}" ] || set -E -o pipefail`)
	}
	// All before the lines is on their first line, so that messages of the shell have
	// their numbers. The empty line is for lines that end with a backslash.
	return strings.Join(before, "; ") + "; " + lines + "\n\nset -- $?\n" + keep + "\nexit $1\n"
}

// words are arguments as a shell reads them.
func words(arguments []string) string {
	quoted := make([]string, len(arguments))
	for i, argument := range arguments {
		quoted[i] = argv.Quote(argument)
	}
	return strings.Join(quoted, " ")
}
