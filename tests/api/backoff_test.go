package api

import (
	"fmt"
	"testing"

	batchv1 "k8s.io/api/batch/v1"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
)

// TestRankThatIsStoppedAgainIsNotMissedForLonger: left to itself, the Job
// controller counts each stop of a rank for ever, and waits twice as long with
// each before it replaces the rank.
func TestRankThatIsStoppedAgainIsNotMissedForLonger(t *testing.T) {
	t.Parallel()
	m := create(t, api.MiniClusterSpec{Size: 2})
	m.waitForSize(2)
	for range 2 {
		stopped := m.pods()["1"]
		if err := world.client.Delete(t.Context(), stopped); err != nil {
			t.Fatal(err)
		}
		waitForStops(t, m, "1")
		waitForStops(t, m, "")
		if m.pods()["1"].UID == stopped.UID {
			t.Fatal("rank 1 has no new pod")
		}
	}
	m.waitForSize(2)
}

// waitForStops waits until rank 1's pod bears the number of earlier stops.
func waitForStops(t *testing.T, m miniCluster, want string) {
	t.Helper()
	eventually(t, func() error {
		pod := m.pods()["1"]
		if pod == nil {
			return fmt.Errorf("rank 1 has no pod")
		}
		if got := pod.Annotations[batchv1.JobIndexIgnoredFailureCountAnnotation]; got != want {
			return fmt.Errorf("rank 1 has been stopped %q times, want %q", got, want)
		}
		return nil
	})
}
