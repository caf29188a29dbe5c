package agent

import (
	"cmp"
	"fmt"
	"os"
	"strings"

	"github.com/gopherlocks/gopherlocks/operator/internal/agentapi"
)

// Levels of the brokers' log, as of syslog(3). Flux takes a negative level for
// "print nothing". Source: flux-broker-attributes(7).
const (
	logNothing = -1
	logDebug   = 7
)

// brokerStart is what the command line of the broker depends on.
type brokerStart struct {
	cfg   agentapi.Config
	rank  int32
	paths paths
	flux  string // path of the program
	// restore: the instance starts from the archive.
	restore bool
}

// brokerCommand returns the command line of the rank's broker.
func brokerCommand(s brokerStart) []string {
	var command []string
	if s.cfg.Wrap != "" {
		command = append(command, strings.Split(s.cfg.Wrap, ",")...)
	}
	command = append(command, s.flux, "broker", "--config-path="+s.paths.brokerConfigDir)
	set := func(attribute string, value any) {
		command = append(command, fmt.Sprintf("-S%s=%v", attribute, value))
	}
	set("rundir", s.paths.runDir)
	set("local-uri", "local://"+s.paths.sharedSocket(s.cfg))
	set("tbon.topo", cmp.Or(s.cfg.Topology, agentapi.Topology))
	// The instance runs with whatever ranks there are.
	set("broker.quorum", 1)
	set("log-stderr-mode", "local")
	set("log-stderr-level", logLevel(s.cfg))
	if s.cfg.Quiet {
		set("log-critical-level", logNothing)
	}
	if s.cfg.Zeromq {
		set("tbon.zmqdebug", 1)
	}
	if s.rank != 0 {
		set("broker.rc2_none", 1)
		return command
	}
	if s.cfg.StateDir != "" {
		set("statedir", s.cfg.StateDir)
	}
	if s.cfg.ArchivePath != "" {
		set("content.dump", newArchive(s.cfg.ArchivePath))
	}
	if s.restore {
		set("content.restore", s.cfg.ArchivePath)
	}
	return append(command, s.paths.program, "program")
}

func logLevel(cfg agentapi.Config) int32 {
	switch {
	case cfg.Quiet:
		return logNothing
	case cfg.Debug:
		return logDebug
	}
	return cfg.LogLevel
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
