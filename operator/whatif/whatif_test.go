package whatif_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
	"github.com/gopherlocks/gopherlocks/operator/whatif"
	"github.com/gopherlocks/gopherlocks/operator/whatif/whatiftest"
)

// running is an instance of Flux as the operator has made it, all ranks ready.
func running(t *testing.T, size, minSize, maxSize int32) whatif.Live {
	t.Helper()
	return whatiftest.Running(t, &api.MiniCluster{
		ObjectMeta: metav1.ObjectMeta{Name: "sample", Namespace: "ns"},
		Spec: api.MiniClusterSpec{
			Size: size, MinSize: minSize, MaxSize: maxSize, Tasks: ptr.To[int32](1), Containers: []api.Container{{Image: "image"}},
		},
	})
}

func TestPredictTellsWhichRanksComeAndGo(t *testing.T) {
	tests := []struct {
		name     string
		change   func(*api.MiniClusterSpec)
		desired  int32
		arriving string
		leaving  string
		drain    time.Duration
		restart  bool
		sleep    bool
	}{
		{"nothing", func(*api.MiniClusterSpec) {}, 3, "", "", 0, false, false},
		{"grow", func(s *api.MiniClusterSpec) { s.Size = 5 }, 5, "3-4", "", 0, false, false},
		{"shrink", func(s *api.MiniClusterSpec) { s.Size = 1 }, 1, "", "1-2", time.Hour, false, false},
		{"shrink, with a drain timeout", func(s *api.MiniClusterSpec) {
			s.Size, s.ScaleDown.DrainTimeoutSeconds = 2, ptr.To(int32(90))
		}, 2, "", "2", 90 * time.Second, false, false},
		{"shrink at once", func(s *api.MiniClusterSpec) {
			s.Size, s.ScaleDown.DrainTimeoutSeconds = 2, ptr.To(int32(0))
		}, 2, "", "2", 0, false, false},
		{"another minimum", func(s *api.MiniClusterSpec) { s.MinSize = 2 }, 3, "", "", 0, false, false},
		{"another maximum", func(s *api.MiniClusterSpec) { s.MaxSize = 6 }, 3, "", "", 0, false, false},
		{"a maximum above the ceiling", func(s *api.MiniClusterSpec) { s.MaxSize = 65 }, 3, "", "", time.Hour, true, false},
		{"another image, and another size", func(s *api.MiniClusterSpec) { s.Size, s.Containers[0].Image = 2, "newer" }, 2, "", "", time.Hour, true, false},
		{"a restart that does not wait", func(s *api.MiniClusterSpec) {
			s.Containers[0].Image, s.Restart.Policy = "newer", api.RestartAtOnce
		}, 3, "", "", 0, true, false},
		{"a restart that waits to be asked for", func(s *api.MiniClusterSpec) {
			s.Containers[0].Image, s.Restart.Policy = "newer", api.RestartOnRequest
		}, 3, "", "", 0, false, false},
		{"sleep", func(s *api.MiniClusterSpec) {
			s.Suspend, s.Restart.DrainTimeoutSeconds = true, ptr.To(int32(60))
		}, 3, "", "", time.Minute, false, true},
		{"the default that the API server fills in", func(s *api.MiniClusterSpec) { s.Tasks = nil }, 3, "", "", 0, false, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			live := running(t, 3, 1, 5)
			wished := *live.MiniCluster.Spec.DeepCopy()
			tt.change(&wished)
			got := whatif.Predict(live, wished)
			if got.Desired != tt.desired || got.Arriving.String() != tt.arriving || got.Leaving.String() != tt.leaving || got.DrainTimeout != tt.drain || got.Restart != tt.restart || got.Sleep != tt.sleep {
				t.Errorf("got %+v, want %+v", got, tt)
			}
			if got.Ranks != 3 || got.Problem != "" || got.Ended != "" || got.RankPod == nil {
				t.Errorf("ranks %d, problem %q, ended %q, pod %v", got.Ranks, got.Problem, got.Ended, got.RankPod)
			}
		})
	}
}

func TestDrainTimeoutIsWhatIsLeftOfIt(t *testing.T) {
	live := running(t, 3, 1, 5)
	wished := *live.MiniCluster.Spec.DeepCopy()
	wished.Size = 1
	// The operator looks again earlier, for another reason.
	pod := &live.Pods[0]
	pod.Annotations[batchv1.JobIndexIgnoredFailureCountAnnotation] = "1"
	pod.Status.Conditions[0].LastTransitionTime = metav1.NewTime(live.Now.Add(-time.Second))
	if got := whatif.Predict(live, wished).DrainTimeout; got != time.Hour {
		t.Errorf("%s, want an hour", got)
	}
	live.MiniCluster.Status.Drain = &api.Drain{Ranks: "1-2", StartTime: metav1.NewTime(live.Now.Add(-20 * time.Minute))}
	if got := whatif.Predict(live, wished).DrainTimeout; got != 40*time.Minute {
		t.Errorf("after 20 minutes: %s, want 40 minutes", got)
	}
}

func TestPredictForAMiniClusterThatIsNotThere(t *testing.T) {
	mc := running(t, 2, 1, 4).MiniCluster
	mc.UID, mc.Status = "", api.MiniClusterStatus{}
	got := whatif.Predict(whatif.Live{MiniCluster: mc, Now: time.Now()}, mc.Spec)
	if got.Desired != 2 || got.Arriving.String() != "0-1" || got.Restart || got.Ranks != 0 {
		t.Errorf("%+v", got)
	}
}

func TestPredictKeepsToTheBounds(t *testing.T) {
	live := running(t, 3, 1, 5)
	wished := *live.MiniCluster.Spec.DeepCopy()
	wished.Size = 9
	got := whatif.Predict(live, wished)
	if got.Desired != 5 || got.Bounds.Max != 5 || len(got.Violations) != 1 || got.Violations[0].Message != "size 9 must be at most maxSize 5" {
		t.Errorf("%+v", got)
	}
}

func TestPredictSaysWhatIsInTheWay(t *testing.T) {
	taken := running(t, 3, 1, 5)
	taken.Job.OwnerReferences, taken.Job.Labels = nil, nil
	invalid := running(t, 3, 1, 5)
	ended := running(t, 3, 1, 5)
	ended.Job.Status.Conditions = []batchv1.JobCondition{{Type: batchv1.JobComplete, Status: corev1.ConditionTrue}}
	tests := []struct {
		name           string
		live           whatif.Live
		change         func(*api.MiniClusterSpec)
		problem, ended string
	}{
		{"somebody else's Job", taken, func(s *api.MiniClusterSpec) { s.Size = 4 }, "belongs to somebody else", ""},
		{"a port that is taken", invalid, func(s *api.MiniClusterSpec) { s.Containers[0].Ports = []int32{8050} }, "port 8050", ""},
		{"ended", ended, func(s *api.MiniClusterSpec) { s.Size = 4 }, "", "exit code 0"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			wished := *tt.live.MiniCluster.Spec.DeepCopy()
			tt.change(&wished)
			got := whatif.Predict(tt.live, wished)
			if !strings.Contains(got.Problem, tt.problem) || !strings.Contains(got.Ended, tt.ended) ||
				(tt.problem == "") != (got.Problem == "") || (tt.ended == "") != (got.Ended == "") || !got.Arriving.IsEmpty() {
				t.Errorf("%+v", got)
			}
		})
	}
}

func TestRankPodIsWhatTheOperatorMakes(t *testing.T) {
	live := running(t, 1, 1, 2)
	wished := *live.MiniCluster.Spec.DeepCopy()
	wished.Pod.NodeSelector = map[string]string{"disk": "fast"}
	pod := whatif.Predict(live, wished).RankPod
	if pod == nil || pod.NodeSelector["disk"] != "fast" || len(pod.InitContainers) == 0 || pod.Containers[0].Image != "image" {
		t.Errorf("%+v", pod)
	}
}

func TestLeadIsTheRunningPodOfRank0(t *testing.T) {
	live := running(t, 2, 1, 2)
	live.MiniCluster.Spec.Containers[0].Name = "main"
	if pod, container, ok := whatif.Lead(live); pod != "sample-0-x" || container != "main" || !ok {
		t.Errorf("%q, %q, %t", pod, container, ok)
	}
	live.Pods[0].Status.Phase = corev1.PodPending
	if _, _, ok := whatif.Lead(live); ok {
		t.Error("a pending pod is no lead that can be asked")
	}
}

func TestParseJobsReadsTheAgentsAnswer(t *testing.T) {
	got, err := whatif.ParseJobs([]byte(`{"busy":"1-2","jobs":["ƒ1","ƒ2"],"jobCount":2}` + "\n"))
	if err != nil || got.Busy.String() != "1-2" || got.Count != 2 || !slices.Equal(got.IDs, []string{"ƒ1", "ƒ2"}) {
		t.Errorf("%+v, %v", got, err)
	}
	if got.Pending != nil {
		t.Errorf("an agent that does not tell has %d pending jobs", *got.Pending)
	}
	if got, err = whatif.ParseJobs([]byte(`{"busy":"","jobCount":0,"pending":3}`)); err != nil || got.Pending == nil || *got.Pending != 3 {
		t.Errorf("%+v, %v, want 3 pending jobs", got, err)
	}
	if _, err := whatif.ParseJobs([]byte("sh: not found")); err == nil {
		t.Error("what is no answer was taken for one")
	}
}
