package components

import (
	"os"
	"testing"
)

// TestMain forgets what make has said about the cluster of this work tree: the
// tests say it themselves.
func TestMain(m *testing.M) {
	for _, variable := range []string{wishVariable, proposalVariable, proposalReasonVariable} {
		_ = os.Unsetenv(variable) // it fails for malformed names only
	}
	os.Exit(m.Run())
}
