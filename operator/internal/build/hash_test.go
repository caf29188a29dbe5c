package build

import (
	"os"
	"reflect"
	"slices"
	"strconv"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/yaml"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
)

func TestHashIsBlindToWhatRunningRanksNeedNotKnow(t *testing.T) {
	base := TemplateHash(sample(), 4)
	for what, change := range map[string]func(*api.MiniClusterSpec){
		"another spelling of a quantity": func(s *api.MiniClusterSpec) {
			s.Containers[0].Resources.Requests[corev1.ResourceCPU] = resource.MustParse("1000m")
		},
		"size":              func(s *api.MiniClusterSpec) { s.Size = 3 },
		"minSize":           func(s *api.MiniClusterSpec) { s.MinSize = 2 },
		"maxSize":           func(s *api.MiniClusterSpec) { s.MaxSize = 4 }, // the ceiling counts
		"scaleDown":         func(s *api.MiniClusterSpec) { s.ScaleDown.DrainTimeoutSeconds = ptr.To[int32](1) },
		"suspend":           func(s *api.MiniClusterSpec) { s.Suspend = true },
		"restart":           func(s *api.MiniClusterSpec) { s.Restart.Policy = api.RestartAtOnce },
		"autoscaling":       func(s *api.MiniClusterSpec) { s.Autoscaling.Queue = &api.QueueAutoscaling{} },
		"cleanup":           func(s *api.MiniClusterSpec) { s.Cleanup = true },
		"services":          func(s *api.MiniClusterSpec) { s.Services = []api.Container{{Name: "db", Image: "i"}} },
		"flux.noWaitSocket": func(s *api.MiniClusterSpec) { s.Flux.NoWaitSocket = true },
		"flux.enabled, as by default": func(s *api.MiniClusterSpec) {
			s.Flux.Enabled = ptr.To(true)
		},
		"pod.placement, as by default": func(s *api.MiniClusterSpec) {
			s.Pod.Placement = api.Placement{Policy: api.PlacementSpread, TopologyKey: corev1.LabelHostname}
		},
		"tasks, as by default": func(s *api.MiniClusterSpec) { s.Tasks = ptr.To[int32](1) },
		"privileged, as by default": func(s *api.MiniClusterSpec) {
			s.Containers[0].SecurityContext = api.SecurityContext{AddCapabilities: []corev1.Capability{}, Capabilities: api.Capabilities{Add: []corev1.Capability{}}}
		},
		"the lead's budget": func(s *api.MiniClusterSpec) { s.Pod.DisruptionBudget = api.DisruptionBudgetNone },
		"empty bursting": func(s *api.MiniClusterSpec) {
			s.Flux.Bursting = &api.Bursting{LeadBroker: api.BurstingLead{Port: 8050}}
		},
		"empty maps": func(s *api.MiniClusterSpec) {
			s.JobLabels, s.Containers[0].Environment = map[string]string{}, map[string]string{}
		},
	} {
		if TemplateHash(with(sample(), change), 4) != base {
			t.Errorf("%s changes the hash", what)
		}
	}
}

// TestWhatRanksTakeOverIsNamed: of the fields above that have a path, each does.
func TestWhatRanksTakeOverIsNamed(t *testing.T) {
	for path, want := range map[string]bool{
		"spec.size": true, "spec.minSize": true, "spec.suspend": true, "spec.restart.policy": true, "spec.scaleDown": true,
		"spec.autoscaling.queue.step": true, "spec.cleanup": true, "spec.services[0].image": true, "spec.pod.disruptionBudget": true,
		"spec.maxSize": false, "spec.containers[0].image": false, "spec.pod.labels": false, "spec.sizes": false,
	} {
		if got := IsTakenOver(path); got != want {
			t.Errorf("%s: %v, want %v", path, got, want)
		}
	}
}

// TestDefaultsOfTheAPIAreFew: the API server fills in a new one in all MiniClusters that are
// there, and a hash that saw it would restart their ranks.
func TestDefaultsOfTheAPIAreFew(t *testing.T) {
	text, err := os.ReadFile("../../../crds/flux-framework.org_miniclusters.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var crd apiextensionsv1.CustomResourceDefinition
	if err := yaml.Unmarshal(text, &crd); err != nil {
		t.Fatal(err)
	}
	for _, version := range crd.Spec.Versions {
		found := defaults("spec", version.Schema.OpenAPIV3Schema.Properties["spec"])
		slices.Sort(found)
		if want := []string{"spec.minSize", "spec.size", "spec.tasks"}; !slices.Equal(found, want) {
			t.Errorf("%s: defaults of %q, want %q, which TemplateHash does not see", version.Name, found, want)
		}
	}
}

func defaults(path string, schema apiextensionsv1.JSONSchemaProps) (found []string) {
	if schema.Default != nil {
		found = append(found, path)
	}
	for name, property := range schema.Properties {
		found = append(found, defaults(path+"."+name, property)...)
	}
	if schema.Items != nil && schema.Items.Schema != nil {
		found = append(found, defaults(path+"[]", *schema.Items.Schema)...)
	}
	if more := schema.AdditionalProperties; more != nil && more.Schema != nil {
		found = append(found, defaults(path+".*", *more.Schema)...)
	}
	return found
}

// TestNewerOperatorsAreKnownByWhatTheyKnow: each of the structs counts, once within itself.
func TestNewerOperatorsAreKnownByWhatTheyKnow(t *testing.T) {
	type inner struct{ A, B int }
	type outer struct {
		C inner
		D []inner
		E map[string]*outer
	}
	if got := countFields(reflect.TypeFor[outer](), nil); got != 7 {
		t.Errorf("%d fields, want 7", got)
	}
	job := &batchv1.Job{}
	for text, newer := range map[string]bool{"": false, "x": false, strconv.Itoa(knownFields()): false, strconv.Itoa(knownFields() + 1): true} {
		job.Annotations = map[string]string{api.AnnotationSpecFields: text}
		if IsMadeByNewer(job) != newer {
			t.Errorf("%q of %d fields: newer %v", text, knownFields(), !newer)
		}
	}
}

// TestHashOfAPlacementIsThatOfItsOlderSpelling: who moves from one to the other
// does not want all ranks restarted.
func TestHashOfAPlacementIsThatOfItsOlderSpelling(t *testing.T) {
	older := with(sample(), func(s *api.MiniClusterSpec) { s.Network.DisableAffinity = true })
	newer := with(sample(), func(s *api.MiniClusterSpec) { s.Pod.Placement.Policy = api.PlacementAny })
	if TemplateHash(older, 4) != TemplateHash(newer, 4) {
		t.Error("disableAffinity and policy Any differ")
	}
	seen := map[string]bool{}
	for _, placement := range []api.Placement{
		{}, {Policy: api.PlacementAny}, {Policy: api.PlacementOnePerNode}, {TopologyKey: corev1.LabelTopologyZone},
	} {
		seen[TemplateHash(with(sample(), func(s *api.MiniClusterSpec) { s.Pod.Placement = placement }), 4)] = true
	}
	if len(seen) != 4 {
		t.Errorf("4 placements have %d hashes", len(seen))
	}
}

func TestHashSeesTheCeiling(t *testing.T) {
	if TemplateHash(sample(), 4) == TemplateHash(sample(), 5) {
		t.Error("the maximum does not change the hash")
	}
}

func TestHashLeavesTheMiniClusterAsItIs(t *testing.T) {
	mc := with(sample(), func(s *api.MiniClusterSpec) { s.Size, s.Flux.NoWaitSocket = 3, true })
	before := mc.DeepCopy()
	TemplateHash(mc, 4)
	equal(t, "MiniCluster", mc, before)
}

// TestHashIgnoresFieldsThatNobodySets: a field that a newer operator adds must
// not restart ranks.
func TestHashIgnoresFieldsThatNobodySets(t *testing.T) {
	type inner struct {
		Set string `json:"set,omitempty"`
	}
	type old struct {
		A string `json:"a,omitempty"`
	}
	type newer struct {
		A     string  `json:"a,omitempty"`
		Added inner   `json:"added,omitempty"`
		List  []inner `json:"list,omitempty"`
	}
	if hash(old{"x"}) != hash(newer{A: "x"}) {
		t.Error("an added field changes the hash")
	}
	if hash(newer{A: "x"}) == hash(newer{A: "x", Added: inner{"y"}}) {
		t.Error("a set field does not change the hash")
	}
	if hash(newer{List: []inner{{}}}) == hash(newer{List: []inner{{}, {}}}) {
		t.Error("an item of a list does not change the hash")
	}
}

// TestHashIsStable: another hash for the same input would restart every
// MiniCluster when the operator is updated.
func TestHashIsStable(t *testing.T) {
	if got, want := TemplateHash(sample(), 4), "fe1e88510fb27707"; got != want {
		t.Errorf("hash %s, want %s as ever", got, want)
	}
	privileged := with(sample(), func(s *api.MiniClusterSpec) {
		s.Tasks = ptr.To[int32](3)
		s.Containers[0].SecurityContext = api.SecurityContext{Privileged: true, AddCapabilities: []corev1.Capability{"SYS_PTRACE"}}
		s.Containers[0].Volumes = map[string]api.Volume{"data": {Path: "/data", EmptyDir: true}}
	})
	if got, want := TemplateHash(privileged, 4), "dc4ee4cabababb67"; got != want {
		t.Errorf("hash %s, want %s as ever", got, want)
	}
}
