package build

import (
	"encoding/json"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/gopherlocks/gopherlocks/crds"
	"github.com/gopherlocks/gopherlocks/crds/crdtest"
	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
	"github.com/gopherlocks/gopherlocks/operator/internal/agentapi"
)

// repeated are the rules of the API that Check repeats, for specs that got past an
// older definition: what the API server says, and what Check says.
var repeated = map[string]struct{ api, check *regexp.Regexp }{
	"the DNS policy":          say(`dnsPolicy None is not supported`, `pod\.dnsPolicy: None`),
	"two process namespaces":  say(`shareProcessNamespace and pod\.hostPID exclude each other`, `contradicts pod\.hostPID`),
	"a name":                  say(`needs a name: only the one that runs Flux`, `the container needs a name`),
	"one name twice":          say(`is used by more than one container(?m:$)`, `is taken by containers\[`),
	"the services' host name": say(`is too long with services`, `services: their host name`),
	"ports":                   say(`are in use by the ranks themselves`, `which ranks of Flux use themselves`),
	"launcher and batch": say(`launcher and batch (are for|need)|launcher and batch have no meaning`,
		`\.(launcher|batch): only the container that runs Flux`),
	"the script":          say(`commands\.script needs batch`, `it is the text of a batch script|commands\.script: only .*; use command with`),
	"the entrypoint":      say(`noWrapEntrypoint is for containers`, `needs the agent as its entrypoint`),
	"the name of volumes": say(`must be named with at most 63 characters`, `must be a DNS label`),
}

func say(api, check string) struct{ api, check *regexp.Regexp } {
	return struct{ api, check *regexp.Regexp }{regexp.MustCompile(api), regexp.MustCompile(check)}
}

// changes are what these rules look at. In a combination, the later ones win.
var changes = []func(rank, side, service *api.Container, mc *api.MiniCluster){
	func(_, _, _ *api.Container, mc *api.MiniCluster) { mc.Name = strings.Repeat("a", 54) },
	func(_, _, _ *api.Container, mc *api.MiniCluster) { mc.Name = strings.Repeat("a", 55) },
	func(_, _, _ *api.Container, mc *api.MiniCluster) { mc.Spec.Flux.Enabled = ptr.To(false) },
	func(_, _, _ *api.Container, mc *api.MiniCluster) { mc.Spec.Pod.DNSPolicy = corev1.DNSNone },
	func(_, _, _ *api.Container, mc *api.MiniCluster) { mc.Spec.Pod.HostPID = true },
	func(_, _, _ *api.Container, mc *api.MiniCluster) { mc.Spec.ShareProcessNamespace = true },
	func(_, side, _ *api.Container, _ *api.MiniCluster) { side.Name = "" },
	func(rank, side, _ *api.Container, _ *api.MiniCluster) { side.Name = rank.Name },
	func(rank, _, _ *api.Container, _ *api.MiniCluster) { rank.Ports = []int32{agentapi.BrokerPort} },
	func(rank, _, _ *api.Container, _ *api.MiniCluster) {
		rank.Ports = []int32{agentapi.BrokerPort - 1, agentapi.HealthPort + 1}
	},
	func(_, side, _ *api.Container, _ *api.MiniCluster) {
		side.Ports = []int32{agentapi.AgentPort, agentapi.HealthPort}
	},
	func(_, _, service *api.Container, _ *api.MiniCluster) { service.Ports = []int32{agentapi.AgentPort} },
	func(rank, _, _ *api.Container, _ *api.MiniCluster) { rank.Launcher = true },
	func(_, side, _ *api.Container, _ *api.MiniCluster) { side.Launcher = true },
	func(_, _, service *api.Container, _ *api.MiniCluster) { service.Launcher = true },
	func(rank, _, _ *api.Container, _ *api.MiniCluster) { rank.Batch = true },
	func(_, side, _ *api.Container, _ *api.MiniCluster) { side.Batch = true },
	func(_, _, service *api.Container, _ *api.MiniCluster) { service.Batch = true },
	func(rank, _, _ *api.Container, mc *api.MiniCluster) {
		// Of a script without Flux, Check speaks also where batch is set, of which the
		// API server speaks then.
		rank.Commands.Script, rank.Batch = "hostname", rank.Batch && FluxEnabled(mc)
	},
	func(rank, _, _ *api.Container, _ *api.MiniCluster) { rank.NoWrapEntrypoint = true },
	func(_, side, _ *api.Container, _ *api.MiniCluster) { side.NoWrapEntrypoint = true },
	func(rank, _, _ *api.Container, _ *api.MiniCluster) { rank.Volumes = volumeNamed("data-1") },
	func(rank, _, _ *api.Container, _ *api.MiniCluster) { rank.Volumes = volumeNamed("Data") },
	func(_, side, _ *api.Container, _ *api.MiniCluster) {
		side.Volumes = volumeNamed(strings.Repeat("a", 63))
	},
	func(_, side, _ *api.Container, _ *api.MiniCluster) {
		side.Volumes = volumeNamed(strings.Repeat("a", 64))
	},
	func(_, _, service *api.Container, _ *api.MiniCluster) { service.Volumes = volumeNamed("-a") },
}

func volumeNamed(name string) map[string]api.Volume {
	return map[string]api.Volume{name: {Path: "/data", EmptyDir: true}}
}

// changed returns a MiniCluster with the changes that chosen picks, with or without
// a container beside the rank's, and with or without services.
func changed(chosen func(change int) bool, besides, services bool) *api.MiniCluster {
	rank := api.Container{Name: "rank", Image: "i", RunFlux: true}
	side := api.Container{Name: "side", Image: "i"}
	service := api.Container{Name: "service", Image: "i"}
	mc := &api.MiniCluster{
		TypeMeta:   metav1.TypeMeta{APIVersion: api.GroupVersion.String(), Kind: api.Kind},
		ObjectMeta: metav1.ObjectMeta{Name: "sample"},
	}
	for i, change := range changes {
		if chosen(i) {
			change(&rank, &side, &service, mc)
		}
	}
	mc.Spec.Containers = []api.Container{rank}
	if besides {
		mc.Spec.Containers = []api.Container{side, rank}
	}
	if services {
		mc.Spec.Services = []api.Container{service}
	}
	return mc
}

// TestCheckRepeatsTheAPIsRulesAsTheyAre tries all pairs of changes, and many
// combinations of more.
func TestCheckRepeatsTheAPIsRulesAsTheyAre(t *testing.T) {
	crd, err := crdtest.Definition(crds.MiniCluster)
	if err != nil {
		t.Fatal(err)
	}
	server, err := crdtest.New(crd.Spec.Versions[0])
	if err != nil {
		t.Fatal(err)
	}
	refusals, cases := map[string]int{}, 0
	try := func(mc *api.MiniCluster) {
		t.Helper()
		manifest, err := json.Marshal(mc)
		if err != nil {
			t.Fatal(err)
		}
		object, _, err := server.Decode(manifest)
		if err != nil {
			t.Fatal(err)
		}
		byAPI := strings.Join(server.Validate(object, nil), "\n")
		byCheck := ""
		if err := Check(mc); err != nil {
			byCheck = err.Error()
		}
		cases++
		for about, rule := range repeated {
			refused := rule.api.MatchString(byAPI)
			if refused != rule.check.MatchString(byCheck) {
				t.Errorf("%s: the API server says\n%s\nand Check\n%s\nabout\n%s", about, byAPI, byCheck, manifest)
			}
			if refused {
				refusals[about]++
			}
		}
	}
	for a := range changes {
		for b := range a + 1 {
			try(changed(func(i int) bool { return i == a || i == b }, true, true))
		}
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		set := random.Uint64()
		try(changed(func(i int) bool { return set>>i&1 == 1 }, random.IntN(2) == 0, random.IntN(2) == 0))
	}
	for about := range repeated {
		if n := refusals[about]; n == 0 || n == cases {
			t.Errorf("%s: %d of %d cases are refused, which says nothing", about, n, cases)
		}
	}
}
