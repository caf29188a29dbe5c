package plan

import (
	"encoding/json"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/gopherlocks/gopherlocks/operator/internal/agentapi"
)

// counted says how many of something there are: "1 rank", "2 ranks".
func counted[N int | int32](n N, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %ss", n, one)
}

// verb returns the form of a verb, or of a noun, that goes with n.
func verb(n int, one, several string) string {
	if n == 1 {
		return one
	}
	return several
}

// Capital returns the text as the beginning of a sentence.
func Capital(text string) string { return strings.ToUpper(text[:1]) + text[1:] }

// times says how often something has happened.
func times[N int | int32](n N) string {
	switch n {
	case 1:
		return "once"
	case 2:
		return "twice"
	}
	return fmt.Sprintf("%d times", n)
}

// longestWords is how much of others' words a message quotes.
const longestWords = 600

// quote returns others' words on one line. Of many words it returns the first, and of
// many lines the last ones, which say how it ended.
func quote(words string) string {
	var lines []string
	for line := range strings.Lines(words) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	lines = lines[max(0, len(lines)-lastLines):]
	text := strings.Join(lines, " | ")
	if len(text) > longestWords {
		text = strings.ToValidUTF8(text[:longestWords], "") + "…"
	}
	return text
}

// lastLines is how many lines of others' words are quoted.
const lastLines = 5

// lastWords returns what a container has left in its termination message: the words
// of our agent, or whatever another program has written.
func lastWords(ended *corev1.ContainerStateTerminated) string {
	var agent agentapi.Termination
	if json.Unmarshal([]byte(ended.Message), &agent) == nil && (agent.Message != "" || agent.Command != nil) {
		return quote(agent.Message)
	}
	return quote(ended.Message)
}

// exitOf says how a container has ended: its exit code and, where Kubernetes knows
// more than that, the reason.
func exitOf(ended *corev1.ContainerStateTerminated) string {
	switch ended.Reason {
	case "", "Error", "Completed":
		return fmt.Sprintf("exit code %d", ended.ExitCode)
	}
	return fmt.Sprintf("exit code %d (%s)", ended.ExitCode, ended.Reason)
}

// behind puts words behind a message, where there are any.
func behind(message, words string) string {
	if words == "" {
		return message
	}
	return message + ": " + words
}
