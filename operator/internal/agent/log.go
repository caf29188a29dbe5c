package agent

import (
	"io"
	"log"
)

// newLogger writes one line per event, or with quiet none. Lines hold names,
// numbers and errors, never the content of a Secret's file.
func newLogger(w io.Writer, quiet bool) *log.Logger {
	if quiet {
		w = io.Discard
	}
	return log.New(w, "gopherlocks-agent: ", 0)
}
