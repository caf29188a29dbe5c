package node

import (
	"path/filepath"

	"github.com/gopherlocks/gopherlocks/standalone/internal/state"
)

// commandName is the hidden subcommand that runs the supervisor.
const commandName = "node"

// IsCommand says whether a program with these arguments was started as a node's
// supervisor, and with which folder.
func IsCommand(args []string) (state.Dir, bool) {
	if len(args) == 3 && args[1] == commandName {
		return state.Dir(filepath.Clean(args[2])), true
	}
	return "", false
}
