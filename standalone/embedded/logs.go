package embedded

import (
	"fmt"
	"os"
	"strings"

	"github.com/gopherlocks/gopherlocks/standalone/internal/state"
)

// describeLogs returns an error that quotes the ends of components' logs, and says
// where the logs will be.
func describeLogs(dir state.Dir, components ...string) error {
	const lines, bytes = 12, 4096
	var message strings.Builder
	for _, component := range components {
		tail := readTail(dir.Log(component), lines, bytes)
		if tail != "" {
			fmt.Fprintf(&message, "last lines of %s.log:\n%s\n", component, tail)
		}
	}
	fmt.Fprintf(&message, "the logs are in %s, or in %s once the failed cluster is removed", dir.Logs(), dir.FailedLogs())
	return fmt.Errorf("%s", message.String())
}

// readTail returns the last lines of a file, of at most so many bytes; "" when
// it can't be read.
func readTail(path string, lines int, bytes int64) string {
	file, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return ""
	}
	buffer := make([]byte, min(bytes, info.Size()))
	if _, err := file.ReadAt(buffer, info.Size()-int64(len(buffer))); err != nil {
		return ""
	}
	all := strings.Split(strings.TrimSpace(string(buffer)), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
