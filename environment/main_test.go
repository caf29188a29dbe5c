package environment

import (
	"os"
	"testing"

	"github.com/gopherlocks/gopherlocks/stackcluster"
)

// TestMain forgets what make has said about the cluster of this work tree: the
// tests say it themselves.
func TestMain(m *testing.M) {
	for _, variable := range []string{stackcluster.CommandVariable, stackcluster.ProposalVariable, stackcluster.ProposalReasonVariable} {
		_ = os.Unsetenv(variable) // it fails for malformed names only
	}
	os.Exit(m.Run())
}
