package config

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/gopherlocks/gopherlocks/components"
	"github.com/gopherlocks/gopherlocks/stackcluster"
)

// project reads what the project's own Pulumi.yaml says of its keys.
func project(t *testing.T) map[string]struct {
	Type, Description string
	Default           any
} {
	t.Helper()
	document, err := os.ReadFile("../Pulumi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var project struct {
		Config map[string]struct {
			Type, Description string
			Default           any
		}
	}
	if err := yaml.Unmarshal(document, &project); err != nil {
		t.Fatal(err)
	}
	return project.Config
}

// defaults are what Pulumi would fill in from Pulumi.yaml.
func defaults(t *testing.T) map[string]string {
	t.Helper()
	values := map[string]string{}
	for key, declared := range project(t) {
		values[strings.TrimPrefix(key, "gopherlocks:")] = asPulumiPassesIt(t, declared.Default)
	}
	return values
}

// asPulumiPassesIt is a value of a YAML file in the form that programs get:
// lists and objects as JSON.
func asPulumiPassesIt(t *testing.T, value any) string {
	t.Helper()
	switch value.(type) {
	case map[string]any, []any:
		encoded, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		return string(encoded)
	default:
		return fmt.Sprint(value)
	}
}

// load reads the defaults with some values changed, as Load does.
func load(t *testing.T, changes map[string]string) (Settings, error) {
	t.Helper()
	values := defaults(t)
	maps.Copy(values, changes)
	return read(func(key string) string { return values[key] }, slices.Collect(maps.Keys(values)), false)
}

func mustLoad(t *testing.T, changes map[string]string) Settings {
	t.Helper()
	s, err := load(t, changes)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// mustRefuse loads what must be refused with all of the given messages.
func mustRefuse(t *testing.T, changes map[string]string, messages ...string) {
	t.Helper()
	_, err := load(t, changes)
	if err == nil {
		t.Fatal("accepted")
	}
	for _, want := range messages {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q does not say %q", err, want)
		}
	}
}

func TestDefaultsAreThoseOfTheArticle(t *testing.T) {
	s := mustLoad(t, nil)
	if len(s.MiniClusters) != 1 {
		t.Fatalf("%d MiniClusters by default, want 1", len(s.MiniClusters))
	}
	m := s.MiniClusters[0]
	if m.Name != "flux-sample" || components.Literal(m.Namespace) != "flux-operator" || m.InitialSize() != 2 || m.MinSize != 2 || m.MaxSize != 4 || m.Autoscale == nil {
		t.Errorf("defaults = %+v", m)
	}
	if warnings := s.Warnings(); len(warnings) != 0 {
		t.Errorf("the defaults warn: %q", warnings)
	}
}

func TestEveryKeyOfTheProjectIsReadAndDocumented(t *testing.T) {
	var asked []string
	_, _ = read(func(key string) string {
		asked = append(asked, "gopherlocks:"+key)
		return ""
	}, nil, false)
	declared := project(t)
	slices.Sort(asked)
	if keys := slices.Sorted(maps.Keys(declared)); !slices.Equal(asked, keys) {
		t.Errorf("keys read:     %v\nkeys declared: %v", asked, keys)
	}
	for key, d := range declared {
		if d.Type == "" || d.Description == "" || d.Default == nil {
			t.Errorf("%s has no type, no description, or no default and would be mandatory", key)
		}
	}
}

func TestInvalidSettingsNameKeyValueAndBound(t *testing.T) {
	for name, c := range map[string]struct {
		changes map[string]string
		want    []string // all of these in the error
	}{
		"size above maxSize":              {map[string]string{"size": "5"}, []string{"gopherlocks:size: size 5 must be at most maxSize 4"}},
		"size below minSize":              {map[string]string{"size": "1"}, []string{"gopherlocks:size: size 1 must be at least minSize 2"}},
		"size of 0":                       {map[string]string{"size": "0"}, []string{"gopherlocks:size: size 0 must be at least minSize 2"}},
		"minSize above maxSize":           {map[string]string{"minSize": "5", "size": "5"}, []string{"gopherlocks:minSize: minSize 5 must be at most maxSize 4", "gopherlocks:size"}},
		"minSize of 0":                    {map[string]string{"minSize": "0"}, []string{"gopherlocks:minSize: minSize 0 must be at least 1"}},
		"maxSize of 0":                    {map[string]string{"maxSize": "0"}, []string{"gopherlocks:maxSize: maxSize 0 must be at least 1"}},
		"cpuTarget of 0":                  {map[string]string{"cpuTarget": "0"}, []string{"gopherlocks:cpuTarget: cpuTarget 0 must be at least 1"}},
		"no CPU request":                  {map[string]string{"resources": `{"requests":{"memory":"1Mi"}}`}, []string{"gopherlocks:resources: requests.cpu \"\" must be more than 0"}},
		"CPU request of 0":                {map[string]string{"resources": `{"requests":{"cpu":"0"}}`}, []string{"gopherlocks:resources: requests.cpu \"0\" must be more than 0"}},
		"request above limit":             {map[string]string{"resources": `{"requests":{"cpu":"2"},"limits":{"cpu":"1"}}`}, []string{"requests.cpu 2 must be at most limits.cpu 1"}},
		"bad quantity":                    {map[string]string{"resources": `{"requests":{"cpu":"1","memory":"much"}}`}, []string{`requests.memory "much" is not a quantity`}},
		"unknown resource":                {map[string]string{"resources": `{"requests":{"cpu":"1","mem":"1Gi"}}`}, []string{`gopherlocks:resources: requests.mem: is none of cpu, memory, ephemeral-storage, hugepages-SIZE and names with a domain`}},
		"no resource's domain":            {map[string]string{"resources": `{"requests":{"cpu":"1","-x/gpu":"1"}}`}, []string{`gopherlocks:resources: requests.-x/gpu: prefix part`}},
		"unknown kind":                    {map[string]string{"resources": `{"requests":{"cpu":"1"},"claims":{}}`}, []string{`"claims" is neither requests nor limits`}},
		"not a number":                    {map[string]string{"maxSize": "many"}, []string{`gopherlocks:maxSize: "many" is not a whole number`}},
		"not an optional one":             {map[string]string{"size": "many"}, []string{`gopherlocks:size: "many" is not a whole number`}},
		"not a boolean":                   {map[string]string{"autoscale": "maybe"}, []string{`gopherlocks:autoscale: "maybe" is not true or false`}},
		"not an object":                   {map[string]string{"resources": "100m"}, []string{`gopherlocks:resources: "100m" is not an object`}},
		"two at once":                     {map[string]string{"size": "x", "cpuTarget": "y"}, []string{"gopherlocks:size", "gopherlocks:cpuTarget"}},
		"workers below 0":                 {map[string]string{"clusterProvider": "kind", "kindWorkers": "-1"}, []string{"gopherlocks:kindWorkers: kindWorkers -1 must be at least 0"}},
		"unknown provider":                {map[string]string{"clusterProvider": "moon"}, []string{`gopherlocks:clusterProvider: "moon" is not a cluster provider`, "embedded", "existing"}},
		"no images":                       {map[string]string{"clusterProvider": "existing"}, []string{"gopherlocks:image: is not set", "gopherlocks:operatorImage: is not set", "gopherlocks:agentImage: is not set"}},
		"no image of the queue's metrics": {map[string]string{"clusterProvider": "existing", "image": "i", "operatorImage": "o", "agentImage": "a", "queueMetrics": "true"}, []string{"gopherlocks:queueMetricsImage: is not set; with clusterProvider existing"}},
		"Flux in the demo":                {map[string]string{"flux": "true"}, []string{"gopherlocks:image: is not set; with flux true give an image with a glibc"}},
		"bad name":                        {map[string]string{"name": "Flux_Sample"}, []string{`gopherlocks:name: "Flux_Sample"`}},
		"name of a digit":                 {map[string]string{"name": "2fast"}, []string{`gopherlocks:name: "2fast"`}},
		"bad namespace":                   {map[string]string{"namespace": "x.y"}, []string{`gopherlocks:namespace: "x.y"`}},
		"operator's namespace":            {map[string]string{"namespace": "gopherlocks-system"}, []string{`gopherlocks:namespace: "gopherlocks-system" belongs to the operator or to Kubernetes itself`}},
		"Kubernetes' namespace":           {map[string]string{"miniClusters": `[{"name": "a", "namespace": "kube-system"}]`}, []string{`gopherlocks:miniClusters[0].namespace: "kube-system" belongs`}},
		"bad cluster name":                {map[string]string{"clusterName": "my_cluster"}, []string{`gopherlocks:clusterName: "my_cluster"`}},
		"long cluster name":               {map[string]string{"clusterName": strings.Repeat("a", 41)}, []string{"gopherlocks:clusterName: ", "has 41 characters, of at most 40"}},
		"context for nothing":             {map[string]string{"clusterProvider": "kind", "context": "prod"}, []string{"gopherlocks:context: is about a cluster that you have, and the stack's is kind: pulumi config set clusterProvider existing, or pulumi config rm context"}},
		"kubeconfig for nothing, and a definition": {map[string]string{"clusterProvider": "embedded", "kubeconfig": "k", "takeOverCRD": "true"}, []string{"gopherlocks:kubeconfig: is about", "gopherlocks:takeOverCRD: is about"}},
		"nobody serves metrics":                    {map[string]string{"clusterProvider": "embedded", "metricsServer": "skip"}, []string{"gopherlocks:metricsServer: is skip, and autoscale on"}},
		"no autoscaler":                            {map[string]string{"autoscaler": "gpu", "resources": "{}"}, []string{`gopherlocks:autoscaler: "gpu" is not cpu or queue`}},
		"a queue without Flux":                     {map[string]string{"autoscaler": "queue"}, []string{"gopherlocks:autoscaler: queue needs flux true: without Flux there is no queue; take cpu, or set flux"}},
		"long idle time":                           {queue("idleSeconds", "604801"), []string{"gopherlocks:idleSeconds: idleSeconds 604801 must be from 0 to 604800 (seconds)"}},
		"more spare ranks than all":                {queue("spareRanks", "5"), []string{"gopherlocks:spareRanks: spareRanks 5 must be at most maxSize 4"}},
		"a step beyond maxSize":                    {queue("scaleStep", "5"), []string{"gopherlocks:scaleStep: scaleStep 5 must be at most maxSize 4"}},
		"in one of several": {
			map[string]string{"miniClusters": `[{"name": "a"}, {"name": "b", "autoscaler": "queue", "flux": true, "image": "i", "idleSeconds": -1}]`},
			[]string{"gopherlocks:miniClusters[1].idleSeconds: idleSeconds -1 must be from 0 to 604800 (seconds)"},
		},
		"no mode of metrics":    {map[string]string{"metricsServer": "true"}, []string{`gopherlocks:metricsServer: "true" is not auto, install or skip`}},
		"long name":             {map[string]string{"name": strings.Repeat("a", 58)}, []string{"has 58 characters, of at most 57"}},
		"long stabilization":    {map[string]string{"scaleDownStabilization": "3601"}, []string{"scaleDownStabilization 3601 must be from 0 to 3600"}},
		"negative drain":        {map[string]string{"drainTimeoutSeconds": "-1"}, []string{"gopherlocks:drainTimeoutSeconds: drainTimeoutSeconds -1 must be from 0"}},
		"unknown placement":     {map[string]string{"placement": "pack"}, []string{`gopherlocks:placement: "pack" is not a placement; take "Spread", "OnePerNode" or "Any"`}},
		"bad topology key":      {map[string]string{"topologyKey": "a zone"}, []string{`gopherlocks:topologyKey: "a zone": name part must consist of`}},
		"zones for any node":    {map[string]string{"placement": "Any", "topologyKey": "zone"}, []string{"gopherlocks:topologyKey: topologyKey zone has no meaning with placement Any"}},
		"one node for two":      {map[string]string{"placement": "OnePerNode", "clusterProvider": "embedded"}, []string{"gopherlocks:placement: placement OnePerNode gives each of 2 ranks a node of its own, and the cluster has 1 for ranks; take placement Spread, or clusterProvider kind"}},
		"two workers for three": {map[string]string{"placement": "OnePerNode", "clusterProvider": "kind", "size": "3"}, []string{"each of 3 ranks a node of its own, and the cluster has 2 for ranks; raise kindWorkers"}},
		"misspelt key":          {map[string]string{"maxsize": "3"}, []string{"gopherlocks:maxsize is not a key; did you mean maxSize?"}},
		"misspelt twice":        {map[string]string{"flx": "true", "autoscail": "true"}, []string{"gopherlocks:autoscail is not a key; did you mean autoscale?", "gopherlocks:flx is not a key; did you mean flux?"}},
		"key of nothing":        {map[string]string{"bananas": "3"}, []string{"gopherlocks:bananas is not a key; Pulumi.yaml documents all of them"}},
		"all kinds at once":     {map[string]string{"maxsize": "3", "cpuTarget": "x", "size": "9", "flux": "true"}, []string{"gopherlocks:maxsize is not a key", `gopherlocks:cpuTarget: "x"`, "gopherlocks:size: size 9 must be at most maxSize 4", "gopherlocks:image"}},
	} {
		t.Run(name, func(t *testing.T) { mustRefuse(t, c.changes, c.want...) })
	}
	existing := map[string]string{"clusterProvider": "existing", "image": "i", "operatorImage": "o", "agentImage": "a"}
	if _, err := load(t, existing); err != nil {
		t.Errorf("an existing cluster with all images is refused: %v", err)
	}
}

func TestMalformedValuesAreNotBlamedForTheirBoundsToo(t *testing.T) {
	for _, key := range []string{
		"size", "minSize", "maxSize", "cpuTarget", "resources", "drainTimeoutSeconds", "autoscaler", "idleSeconds", "spareRanks", "scaleStep",
		"sleepSeconds", "suspend", "restartTimeoutSeconds", "ceiling",
	} {
		_, err := load(t, map[string]string{key: "x"})
		if err == nil || strings.Count(err.Error(), "gopherlocks:") != 1 {
			t.Errorf("%s: error = %v, want one problem", key, err)
		}
	}
}

func TestASizeThatNobodyChoseIsNotToBlame(t *testing.T) {
	_, err := load(t, map[string]string{"minSize": "5"})
	if err == nil || strings.Contains(err.Error(), "gopherlocks:size") || !strings.Contains(err.Error(), "minSize 5 must be at most maxSize 4") {
		t.Errorf("error = %v, want one about minSize only", err)
	}
}

func TestWithoutAutoscalingItsSettingsDoNotMatter(t *testing.T) {
	mustLoad(t, map[string]string{"autoscale": "false", "cpuTarget": "0", "resources": "{}"})
}

// TestALimitIsARequestToo: the API server makes one of it.
func TestALimitIsARequestToo(t *testing.T) {
	mustLoad(t, map[string]string{"resources": `{"limits": {"cpu": "1"}}`})
}

func TestResourcesOfAllKindsAreTaken(t *testing.T) {
	mustLoad(t, map[string]string{"resources": `{"requests": {"cpu": "1", "hugepages-2Mi": "2Mi", "nvidia.com/gpu": "1", "ephemeral-storage": "1Gi"}}`})
}

func TestNamespacesOfEverybodyAreTaken(t *testing.T) {
	mustLoad(t, map[string]string{"namespace": "default"})
}

func TestSecretsOfAnEmptyPassphraseAreNone(t *testing.T) {
	environment := func(vars map[string]string) func(string) (string, bool) {
		return func(name string) (string, bool) { value, ok := vars[name]; return value, ok }
	}
	empty := environment(map[string]string{passphraseVariable: ""})
	file := []byte("config:\n  gopherlocks:size: 2\nencryptionsalt: v1:abc\n")
	for name, c := range map[string]struct {
		lookup func(string) (string, bool)
		file   []byte
		want   bool
	}{
		"an empty one":         {empty, file, true},
		"one of their own":     {environment(map[string]string{passphraseVariable: "x"}), file, false},
		"one in a file":        {environment(map[string]string{"PULUMI_CONFIG_PASSPHRASE_FILE": "/f"}), file, false},
		"a key of a service":   {empty, []byte("secretsprovider: awskms://x\nencryptedkey: abc\n"), false},
		"a backend that keeps": {empty, nil, false},
	} {
		if got := hasEmptyPassphrase(c.lookup, c.file); got != c.want {
			t.Errorf("%s: %t, want %t", name, got, c.want)
		}
	}

	s := mustLoad(t, map[string]string{"image": "i", "operatorImage": "o", "agentImage": "a"})
	s.EmptyPassphrase, s.RegistryCredentials = true, `{"auths": {"r": {"auth": "x"}}}`
	if _, err := s.On(stackcluster.Existing); err == nil || !strings.Contains(err.Error(), "gopherlocks:registryCredentials: is stored with an empty passphrase") {
		t.Errorf("credentials: %v", err)
	}
	on, err := s.On(stackcluster.Kind)
	if w := on.Warnings(); err != nil || len(w) != 1 || !strings.Contains(w[0], "gopherlocks:registryCredentials is stored with an empty passphrase") {
		t.Errorf("on kind: %q, %v", w, err)
	}
	s.RegistryCredentials = ""
	on, err = s.On(stackcluster.Existing)
	if w := on.Warnings(); err != nil || len(w) != 1 || !strings.Contains(w[0], "whoever has its state can read the kubeconfig") {
		t.Errorf("a kubeconfig: %q, %v", w, err)
	}
	if on, _ = s.On(stackcluster.Embedded); len(on.Warnings()) != 0 {
		t.Errorf("on a cluster of this machine: %q", on.Warnings())
	}
}

func TestOnlyAFixedSizeIsTheConfigurations(t *testing.T) {
	for _, c := range []struct {
		size, autoscale string
		owns            bool
		initial         int
	}{
		{"", "true", false, 2},
		{"3", "true", false, 3},
		{"", "false", false, 2},
		{"3", "false", true, 3},
	} {
		for _, by := range []string{"cpu", "queue"} {
			changes := queue("autoscaler", by)
			changes["size"], changes["autoscale"] = c.size, c.autoscale
			m := mustLoad(t, changes).MiniClusters[0]
			if m.OwnsSize() != c.owns || m.InitialSize() != c.initial {
				t.Errorf("size %q with autoscale %s by %s: owned %t, initially %d; want %t and %d", c.size, c.autoscale, by, m.OwnsSize(), m.InitialSize(), c.owns, c.initial)
			}
		}
	}
}

func TestWhatMaySurpriseIsWarnedOf(t *testing.T) {
	for name, c := range map[string]struct {
		changes map[string]string
		want    string
	}{
		"size of the autoscaler": {map[string]string{"size": "3"}, "HorizontalPodAutoscaler flux-sample-hpa owns"},
		"size of the queue":      {queue("size", "3"), "gopherlocks:size 3 is only the size to begin with: autoscale is on, so the queue's autoscaler owns the size"},
		"a queue that is off":    {queue("autoscale", "false"), "gopherlocks:autoscaler queue does nothing: autoscale is false. Set it to true, or remove autoscaler"},
		"a queue that an entry switches off": {
			map[string]string{"miniClusters": `[{"name": "a", "autoscale": false, "autoscaler": "queue"}]`},
			"gopherlocks:miniClusters[0].autoscaler queue does nothing",
		},
		"entries beside a queue": {
			map[string]string{"autoscaler": "queue", "flux": "true", "image": "i", "miniClusters": `[{"name": "a"}, {"name": "b", "autoscale": false}]`}, "",
		},
		"a queue and an application": {queue("selfScaling", "true"), ""},
		"two who scale":              {map[string]string{"selfScaling": "true"}, "selfScaling and autoscale are both on"},
		"size of the application":    {map[string]string{"selfScaling": "true", "autoscale": "false", "size": "3"}, "gopherlocks:size 3 is what an update sets"},
		"in a list": {
			map[string]string{"miniClusters": `[{"name": "a"}, {"name": "b", "size": 3}]`},
			"gopherlocks:miniClusters[1].size 3 is only the size to begin with",
		},
		"mounts of no cluster of kind": {
			map[string]string{"clusterProvider": "embedded", "kindMounts": `[{"hostPath": "/data"}]`}, "gopherlocks:kindMounts does nothing here: the cluster is embedded, not kind",
		},
		"nothing of an application": {map[string]string{"selfScaling": "true", "autoscale": "false"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			warnings := mustLoad(t, c.changes).Warnings()
			if c.want == "" && len(warnings) == 0 {
				return
			}
			if c.want == "" || len(warnings) != 1 || !strings.Contains(warnings[0], c.want) {
				t.Errorf("warnings = %q, want one with %q", warnings, c.want)
			}
		})
	}
}

func TestOnlyKeysOfTheProjectAreTheStacks(t *testing.T) {
	keys := stackKeys("gopherlocks", `{"gopherlocks:size": "3", "kubernetes:context": "c", "gopherlocks:x": ""}`)
	slices.Sort(keys)
	if !slices.Equal(keys, []string{"size", "x"}) {
		t.Errorf("keys = %q", keys)
	}
	if keys := stackKeys("gopherlocks", ""); keys != nil {
		t.Errorf("keys without the variable = %q", keys)
	}
}

func TestChosenClusterIsCheckedAnew(t *testing.T) {
	s := mustLoad(t, nil)
	if s.ClusterProvider != stackcluster.Auto {
		t.Errorf("the default is %q", s.ClusterProvider)
	}
	mustRefuse(t, map[string]string{"kindWorkers": "-1"}, "gopherlocks:kindWorkers: kindWorkers -1 must be at least 0")
	for _, provider := range []string{stackcluster.Kind, stackcluster.Embedded} {
		if on, err := s.On(provider); err != nil || on.ClusterProvider != provider {
			t.Errorf("on %s: %q, %v", provider, on.ClusterProvider, err)
		}
	}
	if _, err := s.On(stackcluster.Existing); err == nil || !strings.Contains(err.Error(), "gopherlocks:operatorImage: is not set") {
		t.Errorf("on an existing cluster: %v", err)
	}
}
