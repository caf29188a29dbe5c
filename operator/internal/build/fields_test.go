package build

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/utils/ptr"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
)

// withoutEffect are the fields of the spec that change nothing here, and why. The
// test fails for a field that is listed and has an effect.
var withoutEffect = map[string]string{
	"minSize":                       "a bound: package bounds",
	"size":                          "a wish: reaches builders as the size, within the bounds",
	"scaleDown.drainTimeoutSeconds": "package plan waits",
	"restart.policy":                "package plan waits",
	"restart.drainTimeoutSeconds":   "package plan waits",
	"restart.onTimeout":             "package plan waits",
	"suspend":                       "package plan lets the ranks end",
	"autoscaling.queue":             "package autoscaler writes the size",
	"cleanup":                       "package plan deletes",
	"flux.noWaitSocket":             "where no container beside the rank has a shell, nobody waits",
	"flux.mungeSecret":              "refused by the API",
	"flux.bursting":                 "refused by the API",
	"services[].runFlux":            "refused by the API",

	"pod.disruptionBudget": "another value than None changes nothing",

	"flux.container.securityContext.allowPrivilegeEscalation": "false is the default of the view",
}

// prepared are the fields that have a meaning beside another one only.
var prepared = map[string]func(*api.MiniClusterSpec){
	"containers[].batchRaw": func(s *api.MiniClusterSpec) { s.Containers[0].Batch = true },
	"flux.gpuResources": func(s *api.MiniClusterSpec) {
		s.Containers[0].Resources.Limits = corev1.ResourceList{"example.org/gpu": resource.MustParse("2")}
	},
	"containers[].runFlux": func(s *api.MiniClusterSpec) { slices.Reverse(s.Containers) },
	"containers[].volumes{}.items": func(s *api.MiniClusterSpec) {
		s.Containers[0].Volumes["v"] = api.Volume{Path: "/v", ConfigMapName: "map"}
	},
	"services[].volumes{}.items": func(s *api.MiniClusterSpec) {
		s.Services[0].Volumes["v"] = api.Volume{Path: "/v", SecretName: "secret"}
	},
	"containers[].volumes{}.csiDriverAttributes": func(s *api.MiniClusterSpec) {
		s.Containers[0].Volumes["v"] = api.Volume{Path: "/v", CSIDriver: "driver"}
	},
	"services[].volumes{}.csiDriverAttributes": func(s *api.MiniClusterSpec) {
		s.Services[0].Volumes["v"] = api.Volume{Path: "/v", CSIDriver: "driver"}
	},
}

// words are values of text fields that do not take any text.
var words = map[string]string{
	"connectTimeout":  "7s",
	"queuePolicy":     "hybrid",
	"emptyDirMedium":  "Memory",
	"policy":          "OnePerNode",
	"imagePullPolicy": "Never",
}

// rich is a MiniCluster in which every part is there for a field to have an effect.
func rich() *api.MiniCluster {
	return with(sample(), func(s *api.MiniClusterSpec) {
		volume := func() map[string]api.Volume {
			return map[string]api.Volume{"v": {Path: "/v", EmptyDir: true}}
		}
		s.Size = 2
		s.Containers[0].RunFlux = true
		s.Containers[0].Volumes = volume()
		s.Containers = append(s.Containers, api.Container{Name: "beside", Image: "i", Command: "x"})
		s.Services = []api.Container{{Name: "db", Image: "i", Command: "x", Volumes: volume()}}
	})
}

// TestNoFieldIsIgnored sets each field of the spec, one at a time. It must change
// an object, or be refused, or be told of, or stand in withoutEffect; and a change of the Job must
// change TemplateHash, or running ranks would never hear of it.
func TestNoFieldIsIgnored(t *testing.T) {
	seen := map[string]bool{}
	for _, field := range leaves(reflect.TypeFor[api.MiniClusterSpec](), "") {
		seen[field] = true
		t.Run(field, func(t *testing.T) {
			mc := rich()
			if prepare, found := prepared[field]; found {
				prepare(&mc.Spec)
			}
			base := observe(t, mc)
			if base.err != "" {
				t.Fatal(base.err)
			}
			set(t, reflect.ValueOf(&mc.Spec).Elem(), strings.Split(field, "."))
			got := observe(t, mc)
			effect := got.job != base.job || got.others != base.others || got.told != base.told || got.err != ""
			_, listed := withoutEffect[field]
			switch {
			case effect && listed:
				t.Errorf("has an effect (%s), but is listed as one without", got.err)
			case !effect && !listed:
				t.Error("is accepted and ignored")
			}
			if got.err == "" && got.job != base.job && got.hash == base.hash {
				t.Error("changes the Job, but not TemplateHash")
			}
		})
	}
	for _, field := range slices.Concat(sortedKeys(withoutEffect), sortedKeys(prepared)) {
		if !seen[field] {
			t.Errorf("%s is listed in this test, but is no field", field)
		}
	}
	if len(seen) < 100 {
		t.Errorf("only %d fields were found", len(seen))
	}
}

type observed struct{ job, others, told, hash, err string }

func observe(t *testing.T, mc *api.MiniCluster) observed {
	t.Helper()
	o := observed{hash: TemplateHash(mc, Ceiling(mc, 4)), told: strings.Join(Adaptations(mc), "\n")}
	job, err := Job(mc, 2, 4, settings())
	if err != nil {
		o.err = err.Error()
		return o
	}
	delete(job.Annotations, api.AnnotationTemplateHash)
	o.job = encode(t, job)
	services, err := ServicesPod(mc)
	if err != nil {
		o.err = err.Error()
		return o
	}
	account, role, binding := SelfScaling(mc)
	o.others = encode(t, []any{Service(mc), SideServices(mc), services, DisruptionBudget(mc), NetworkPolicy(mc, settings()), account, role, binding})
	return o
}

// leafTypes are the types that are set as a whole.
var leafTypes = map[reflect.Type]any{
	reflect.TypeFor[corev1.ResourceList]():        corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("7Gi")},
	reflect.TypeFor[*resource.Quantity]():         ptr.To(resource.MustParse("7Gi")),
	reflect.TypeFor[[]corev1.Toleration]():        []corev1.Toleration{{Key: "k", Operator: corev1.TolerationOpExists}},
	reflect.TypeFor[*corev1.PodSecurityContext](): &corev1.PodSecurityContext{FSGroup: ptr.To[int64](7)},
	reflect.TypeFor[map[string]string]():          map[string]string{"k": "v"},
	reflect.TypeFor[map[string][]string]():        map[string][]string{"k": {"v"}},
	reflect.TypeFor[map[string]api.SecretKey]():   map[string]api.SecretKey{"K": {Name: "s", Key: "k"}},
	reflect.TypeFor[[]int32]():                    []int32{7777},
	reflect.TypeFor[[]string]():                   []string{"example.org/gpu"},
	reflect.TypeFor[[]corev1.Capability]():        []corev1.Capability{"SYS_PTRACE"},
	reflect.TypeFor[*api.Bursting]():              &api.Bursting{},
	reflect.TypeFor[*api.QueueAutoscaling]():      &api.QueueAutoscaling{},
	reflect.TypeFor[*int32]():                     ptr.To[int32](7),
	reflect.TypeFor[*int64]():                     ptr.To[int64](77),
	reflect.TypeFor[*bool]():                      ptr.To(false),
	reflect.TypeFor[*corev1.ProcMountType]():      ptr.To(corev1.UnmaskedProcMount),
	reflect.TypeFor[*corev1.SeccompProfile]():     &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeUnconfined},
	reflect.TypeFor[*corev1.AppArmorProfile]():    &corev1.AppArmorProfile{Type: corev1.AppArmorProfileTypeUnconfined},
	reflect.TypeFor[*corev1.SELinuxOptions]():     &corev1.SELinuxOptions{Type: "spc_t"},
}

// leaves returns the paths of all fields below typ that are set as a whole. [] is
// for each container of a list, {} for the volume of a map.
func leaves(typ reflect.Type, path string) []string {
	var paths []string
	for field := range typ.Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		at := strings.TrimPrefix(path+"."+name, ".")
		_, leaf := leafTypes[field.Type]
		switch {
		case leaf:
			paths = append(paths, at)
		case field.Type == reflect.TypeFor[[]api.Container]():
			paths = append(paths, leaves(reflect.TypeFor[api.Container](), at+"[]")...)
		case field.Type == reflect.TypeFor[map[string]api.Volume]():
			paths = append(paths, leaves(reflect.TypeFor[api.Volume](), at+"{}")...)
		case field.Type.Kind() == reflect.Struct:
			paths = append(paths, leaves(field.Type, at)...)
		default:
			paths = append(paths, at)
		}
	}
	return paths
}

// set gives the field at path below v another value.
func set(t *testing.T, v reflect.Value, path []string) {
	t.Helper()
	name, rest := path[0], path[1:]
	bare := strings.TrimRight(name, "[]{}")
	i := slices.IndexFunc(reflect.VisibleFields(v.Type()), func(f reflect.StructField) bool {
		json, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		return json == bare
	})
	if i < 0 {
		t.Fatalf("%s has no field %s", v.Type(), bare)
	}
	field := v.Field(i)
	switch {
	case strings.HasSuffix(name, "[]"):
		set(t, field.Index(0), rest)
	case strings.HasSuffix(name, "{}"):
		changed := reflect.New(field.Type().Elem()).Elem()
		changed.Set(field.MapIndex(reflect.ValueOf("v")))
		set(t, changed, rest)
		copied := reflect.MakeMap(field.Type())
		copied.SetMapIndex(reflect.ValueOf("v"), changed)
		field.Set(copied)
	case len(rest) > 0:
		set(t, field, rest)
	default:
		setLeaf(t, field, bare)
	}
}

func setLeaf(t *testing.T, field reflect.Value, name string) {
	t.Helper()
	if value, found := leafTypes[field.Type()]; found {
		field.Set(reflect.ValueOf(value))
		return
	}
	switch field.Kind() {
	case reflect.Bool:
		field.SetBool(!field.Bool())
	case reflect.Int32, reflect.Int64:
		field.SetInt(field.Int() + 7)
	case reflect.String:
		word := "other"
		if special, found := words[name]; found {
			word = special
		}
		field.SetString(word)
	default:
		t.Fatalf("add a value for %s to leafTypes", field.Type())
	}
}
