package agent

import (
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/gopherlocks/gopherlocks/operator/internal/agentapi"
)

// TestWhatAKilledBrokerLeavesEnds: the task has a process group of its own, and a
// parent that ends with the broker's.
func TestWhatAKilledBrokerLeavesEnds(t *testing.T) {
	root := testRoot(t)
	l := launch(t, root, 1, func(c *agentapi.Config) {
		c.Wrap = `sh,-c,setsid sh -c 'sleep 1000 & echo $! >> ` + root + `/task; wait' & exec "$@",sh`
	})
	l.untilUp()
	var task int
	l.until("task", func() bool {
		text, err := os.ReadFile(root + "/task")
		if err == nil {
			task, err = strconv.Atoi(strings.TrimSpace(string(text)))
		}
		return err == nil
	})
	first := readInstance("pid")
	broker, err := strconv.Atoi(first)
	must(t, err)
	must(t, syscall.Kill(broker, syscall.SIGKILL))
	l.until("second broker", func() bool { return readInstance("pid") != first })
	if syscall.Kill(task, 0) == nil {
		t.Errorf("task %d goes on beside the next broker", task)
	}
	if !strings.Contains(l.stderr.String(), "the broker has ended: signal: killed") {
		t.Errorf("stderr does not tell how the broker ended: %s", l.stderr.String())
	}
	l.stops <- syscall.SIGTERM // or it would write into the folder while that is removed
	l.wait()
}
