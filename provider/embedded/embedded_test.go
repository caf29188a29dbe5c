package embedded

import (
	"os"
	"testing"
)

// TestMain lets the test's own program be the supervisor of the nodes it makes.
func TestMain(m *testing.M) {
	RunNode()
	os.Exit(m.Run())
}
