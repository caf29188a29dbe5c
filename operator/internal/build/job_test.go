package build

import (
	"strconv"
	"testing"

	batchv1 "k8s.io/api/batch/v1"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
	"github.com/gopherlocks/gopherlocks/operator/bounds"
)

// TestTemplateDependsOnCeilingAndNotOnSize, nor on the maximum below it. Without Flux there is
// no ceiling.
func TestTemplateDependsOnCeilingAndNotOnSize(t *testing.T) {
	elastic := with(sample(), func(s *api.MiniClusterSpec) { s.MaxSize = 4 })
	for mc, most := range map[*api.MiniCluster]int32{elastic: 32, plainSample(): bounds.Limit} {
		template := func(size, maximum int32) string {
			job, err := Job(mc, size, maximum, settings())
			if err != nil {
				t.Fatal(err)
			}
			spec := decode[batchv1.JobSpec](t, job.Spec)
			if *spec.Completions != size || *spec.Parallelism != size || *spec.CompletionMode != batchv1.IndexedCompletion {
				t.Errorf("size %d: %s", size, encode(t, spec))
			}
			return encode(t, spec.Template)
		}
		if template(1, 4) != template(3, 4) {
			t.Error("the size changes the template")
		}
		if template(1, 4) != template(1, most) {
			t.Error("the maximum changes the template")
		}
	}
}

func TestJobBearsTheHashOfItsTemplate(t *testing.T) {
	mc := with(sample(), func(s *api.MiniClusterSpec) { s.MaxSize = 4 })
	job, err := Job(mc, 2, 4, settings())
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "annotations", job.Annotations, map[string]string{
		api.AnnotationTemplateHash: TemplateHash(mc, 64), api.AnnotationCeiling: "64", api.AnnotationSpecFields: strconv.Itoa(knownFields()),
	})
}

func TestRunFluxMarksTheContainerOfTheRank(t *testing.T) {
	mc := with(sample(), func(s *api.MiniClusterSpec) {
		s.Containers = append([]api.Container{{Name: "first", Image: "i"}}, s.Containers...)
		s.Containers[1].RunFlux = true
	})
	equal(t, "container", FluxContainer(mc), &mc.Spec.Containers[1])
	equal(t, "name", RankContainerName(mc), "sample")
	mc.Spec.Containers[1].Name = "mine"
	equal(t, "name", RankContainerName(mc), "mine")
	mc.Spec.Containers = nil
	if c := FluxContainer(mc); c != nil {
		t.Errorf("container %v of none", c)
	}
	if TemplateHash(mc, 4) == "" {
		t.Error("no hash without containers")
	}
}
