package kind

import (
	"fmt"
	"strings"

	"sigs.k8s.io/kind/pkg/log"
)

// logger shows kind's steps, warnings and error messages as progress. kind also
// returns its errors.
type logger struct{ progress Progress }

var _ log.Logger = logger{}

func (l logger) Warn(message string)               { l.show(message) }
func (l logger) Warnf(format string, args ...any)  { l.show(fmt.Sprintf(format, args...)) }
func (l logger) Error(message string)              { l.show(message) }
func (l logger) Errorf(format string, args ...any) { l.show(fmt.Sprintf(format, args...)) }

// V returns a logger of steps. Higher levels are for kind's developers.
func (l logger) V(level log.Level) log.InfoLogger {
	if level > 0 {
		return log.NoopInfoLogger{}
	}
	return steps{l}
}

type steps struct{ logger }

func (s steps) Info(message string)              { s.show(message) }
func (s steps) Infof(format string, args ...any) { s.show(fmt.Sprintf(format, args...)) }
func (s steps) Enabled() bool                    { return true }

// show drops the decoration that is meant for a terminal. The end of a step is
// not news: the next one begins.
func (l logger) show(message string) {
	message = strings.TrimSpace(message)
	if strings.HasPrefix(message, "✓") {
		return
	}
	message = strings.TrimSuffix(strings.Trim(message, " •✗\n"), "...")
	if message = strings.TrimSpace(message); message != "" {
		l.progress(message)
	}
}
