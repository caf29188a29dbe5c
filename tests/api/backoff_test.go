package api

import (
	"fmt"
	"testing"

	batchv1 "k8s.io/api/batch/v1"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
)

// TestRankThatIsStoppedAgainIsNotMissedForLonger: by default the Job controller
// counts all stops of a rank, and doubles the time before it replaces the rank with
// each.
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

// waitForStops waits until rank 1's pod has the number of earlier stops.
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

// TestRankIsReplacedAlsoBesideAContainerThatGoesOn: to the Job, such a pod still
// runs.
func TestRankIsReplacedAlsoBesideAContainerThatGoesOn(t *testing.T) {
	t.Parallel()
	m, _ := createInstance(t, api.MiniClusterSpec{Size: 2, MaxSize: 4, Containers: []api.Container{
		{Image: "example.org/rank:1", RunFlux: true},
		{Image: "example.org/store:1", Name: "store"},
	}})
	m.waitForSize(2)
	before := uids(m.pods())
	world.kubelet.endRankAlone(t.Context(), m.pods()["1"], 137)
	eventually(t, func() error {
		if pod := m.pods()["1"]; pod == nil || pod.UID == before["1"] {
			return fmt.Errorf("rank 1 has no new pod")
		}
		return nil
	})
	m.waitForSize(2)
	if uids(m.pods())["0"] != before["0"] {
		t.Error("the lead was replaced too")
	}
}
