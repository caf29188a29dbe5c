package build

import (
	"testing"

	batchv1 "k8s.io/api/batch/v1"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
)

func TestTemplateDependsOnMaximumAndNotOnSize(t *testing.T) {
	for _, mc := range []*api.MiniCluster{sample(), plainSample()} {
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
		if template(1, 4) == template(1, 5) {
			t.Error("the maximum does not reach the template")
		}
	}
}

func TestJobBearsTheHashOfItsTemplate(t *testing.T) {
	mc := sample()
	job, err := Job(mc, 2, 4, settings())
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "annotations", job.Annotations, map[string]string{api.AnnotationTemplateHash: TemplateHash(mc, 4)})
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
