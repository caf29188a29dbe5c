package agent

import (
	"encoding/json"
	"log"
	"os"

	"github.com/gopherlocks/gopherlocks/operator/internal/agentapi"
)

// maxTerminationMessage keeps the termination message below what Kubernetes cuts
// off, which would break its JSON, also after escaping.
// Source: 4096 bytes, https://kubernetes.io/docs/tasks/debug/debug-application/determine-reason-pod-failure/
const maxTerminationMessage = 600

// commandExitCode is the agent's exit code for a command that ended with code:
// the same, unless the Job's pod failure policy would take it for another event.
func commandExitCode(code int32) int {
	switch code {
	case agentapi.ExitUnusable, agentapi.ExitTryAgain, agentapi.ExitNotStarted, agentapi.ExitKilled, agentapi.ExitStopped, agentapi.ExitLost:
		return agentapi.ExitCommand
	}
	return int(code)
}

// writeTermination writes the termination message. Where that fails, a log line
// must do: the exit code says the most important.
func writeTermination(p paths, t agentapi.Termination, log *log.Logger) {
	if t == (agentapi.Termination{}) {
		return
	}
	if len(t.Message) > maxTerminationMessage {
		t.Message = t.Message[:maxTerminationMessage] + "…"
	}
	text, err := json.Marshal(t)
	if err == nil {
		err = os.WriteFile(p.termination, text, 0o644)
	}
	if err != nil {
		log.Printf("cannot write the termination message: %v", err)
	}
}
