package build

import (
	"strconv"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
)

func TestCeiling(t *testing.T) {
	for name, test := range map[string]struct {
		set           func(*api.MiniClusterSpec)
		maximum, want int32
	}{
		"by default":                      {func(s *api.MiniClusterSpec) { s.MaxSize = 4 }, 4, 64},
		"twice the maximum":               {func(s *api.MiniClusterSpec) { s.MaxSize = 100 }, 100, 200},
		"the most ranks":                  {func(s *api.MiniClusterSpec) { s.MaxSize = 100_000 }, 100_000, 100_000},
		"without maxSize":                 {func(*api.MiniClusterSpec) {}, 4, 4},
		"as is asked for":                 {func(s *api.MiniClusterSpec) { s.MaxSize, s.Flux.Ceiling = 4, 16 }, 4, 16},
		"asked for without maxSize":       {func(s *api.MiniClusterSpec) { s.Flux.Ceiling = 16 }, 4, 16},
		"an earlier definition's, passed": {func(s *api.MiniClusterSpec) { s.MaxSize, s.Flux.Ceiling = 20, 16 }, 20, 20},
		"a tree":                          {func(s *api.MiniClusterSpec) { s.MaxSize, s.Flux.Topology = 4, "kary:2" }, 4, 4},
		"a flat one":                      {func(s *api.MiniClusterSpec) { s.MaxSize, s.Flux.Topology = 4, "kary:0" }, 4, 64},
	} {
		if got := Ceiling(with(sample(), test.set), test.maximum); got != test.want {
			t.Errorf("%s: %d, want %d", name, got, test.want)
		}
	}
	if got := Ceiling(plainSample(), 4); got != 0 {
		t.Errorf("%d without Flux", got)
	}
}

// TestJobIsMadeFromItsSpec: also where the maximum is another one, up to the ceiling. A Job
// of an earlier operator knows as many hosts as the maximum was.
func TestJobIsMadeFromItsSpec(t *testing.T) {
	elastic := with(sample(), func(s *api.MiniClusterSpec) { s.MaxSize = 4 })
	other := with(sample(), func(s *api.MiniClusterSpec) { s.MaxSize, s.Containers[0].Image = 4, "other" })
	made := func(mc *api.MiniCluster, ceiling int32, told bool) *batchv1.Job {
		job := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{api.AnnotationTemplateHash: TemplateHash(mc, ceiling)}}}
		if told {
			job.Annotations[api.AnnotationCeiling] = strconv.Itoa(int(ceiling))
		}
		return job
	}
	for name, test := range map[string]struct {
		job     *batchv1.Job
		mc      *api.MiniCluster
		maximum int32
		want    bool
	}{
		"as it was":                           {made(elastic, 1024, true), elastic, 4, true},
		"a larger maximum":                    {made(elastic, 1024, true), elastic, 1024, true},
		"above the ceiling":                   {made(elastic, 1024, true), elastic, 1025, false},
		"another image":                       {made(elastic, 1024, true), other, 4, false},
		"a ceiling that would not be now":     {made(elastic, 16, true), elastic, 4, true},
		"an earlier operator's":               {made(elastic, 4, false), elastic, 4, true},
		"an earlier operator's, larger":       {made(elastic, 4, false), elastic, 5, false},
		"an earlier operator's, other":        {made(elastic, 4, false), other, 4, false},
		"without Flux":                        {made(plainSample(), 0, false), plainSample(), 9, true},
		"without Flux, an earlier operator's": {made(plainSample(), 4, false), plainSample(), 4, true},
	} {
		if got := IsMadeFrom(test.job, test.mc, test.maximum); got != test.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}
