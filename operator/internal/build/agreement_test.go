package build

import (
	"encoding/json"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
	"github.com/gopherlocks/gopherlocks/operator/internal/agentapi"
)

// repeated are the rules of the API that Check repeats, for specs that got past an
// older definition: what the API server says, and what Check says.
var repeated = map[string]struct{ api, check *regexp.Regexp }{
	"two process namespaces":  say(`shareProcessNamespace and pod\.hostPID exclude each other`, `contradicts pod\.hostPID`),
	"a name":                  say(`needs a name: only the one that runs Flux`, `the container needs a name`),
	"one name twice":          say(`is used by more than one container(?m:$)`, `is taken by containers\[`),
	"the services' host name": say(`is too long with services`, `services: their host name`),
	"ports":                   say(`are in use by the ranks themselves`, `which ranks of Flux use themselves`),
	"launcher and batch": say(`launcher and batch (are for|need)|launcher and batch have no meaning`,
		`\.(launcher|batch): only the container that runs Flux`),
	"the script":          say(`commands\.script is for the container that runs Flux`, `commands\.script: only the container that runs Flux`),
	"names of ours":       say(`those of the operator`, `are ours; choose`),
	"places of ours":      say(`is in use by the operator: choose`, `is taken by the operator`),
	"one place twice":     say(`of the container have the same path`, `is taken by the volume`),
	"the view's place":    say(`has the path of flux\.container\.mountPath`, `is taken by flux\.container\.mountPath`),
	"the view's name":     say(`is that of flux\.container: choose`, `is taken by flux\.container; choose`),
	"without Flux":        say(`with flux\.enabled: false; remove one of them`, `with flux\.enabled: false; remove one of them`),
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
	func(_, _, _ *api.Container, mc *api.MiniCluster) { mc.Spec.Pod.DNSPolicy = "None" },
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
	func(rank, _, _ *api.Container, _ *api.MiniCluster) { rank.Commands.Script = "hostname" },
	func(_, side, _ *api.Container, _ *api.MiniCluster) { side.Commands.Script = "hostname" },
	func(_, _, _ *api.Container, mc *api.MiniCluster) { mc.Spec.Interactive = true },
	func(_, _, _ *api.Container, mc *api.MiniCluster) { mc.Spec.Tasks = ptr.To[int32](2) },
	func(_, _, _ *api.Container, mc *api.MiniCluster) { mc.Spec.Tasks = ptr.To[int32](0) },
	func(_, _, _ *api.Container, mc *api.MiniCluster) { mc.Spec.Archive.Path = "/archive" },
	func(_, side, _ *api.Container, _ *api.MiniCluster) { side.Name = DefaultViewName },
	func(_, _, _ *api.Container, mc *api.MiniCluster) { mc.Spec.Flux.Container.Disable = true },
	func(rank, _, _ *api.Container, _ *api.MiniCluster) { rank.Volumes = volumeNamed("gopherlocks-x") },
	func(rank, _, _ *api.Container, _ *api.MiniCluster) {
		rank.Volumes = map[string]api.Volume{"a": {EmptyDir: true}, "b": {Path: SharedMemory}}
	},
	func(rank, side, service *api.Container, _ *api.MiniCluster) {
		for i, c := range []*api.Container{rank, side, service} {
			c.Volumes = map[string]api.Volume{"a": {Path: ourPlaces[i] + strings.Repeat("/", i%2)}}
		}
	},
	func(rank, _, _ *api.Container, _ *api.MiniCluster) {
		rank.Volumes = map[string]api.Volume{"a": {Path: DefaultViewPath + "/", HostPath: "/a"}}
	},
	func(_, side, _ *api.Container, _ *api.MiniCluster) {
		side.Volumes = map[string]api.Volume{"a": {Path: DefaultViewPath, ClaimName: "a"}}
	},
	func(_, side, service *api.Container, _ *api.MiniCluster) {
		side.Command, service.Command = "a && b '", "a | b > $HOME"
	},
	func(_, side, service *api.Container, _ *api.MiniCluster) {
		side.Commands.Post, service.Commands.ServicePre = "x", "x"
	},
	func(_, _, _ *api.Container, mc *api.MiniCluster) { mc.Spec.Pod.Restricted = true },
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

// TestCheckRepeatsTheAPIsRulesAsTheyAre tries all changes, many pairs of them, and many
// combinations of more. Of what the API server takes, all objects can be made: what
// only the operator sees is listed in docs/conditions-and-events.md.
func TestCheckRepeatsTheAPIsRulesAsTheyAre(t *testing.T) {
	server := apiServer(t)
	refusals, cases, taken := map[string]int{}, 0, 0
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
		if byAPI == "" {
			taken++
			if _, err := Job(mc, 2, 4, settings()); err != nil {
				t.Errorf("the API server takes what no Job can be made of: %v\n%s", err, manifest)
			}
			if _, err := ServicesPod(mc); err != nil {
				t.Errorf("the API server takes what no services can be made of: %v\n%s", err, manifest)
			}
		}
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
	random := rand.New(rand.NewPCG(1, 2))
	for a := range changes {
		try(changed(func(i int) bool { return i == a }, true, true))
		for range 6 {
			b := random.IntN(len(changes))
			try(changed(func(i int) bool { return i == a || i == b }, true, true))
		}
	}
	for range 300 {
		set := random.Uint64()
		try(changed(func(i int) bool { return set>>i&1 == 1 }, random.IntN(2) == 0, random.IntN(2) == 0))
	}
	for about := range repeated {
		if n := refusals[about]; n == 0 || n == cases {
			t.Errorf("%s: %d of %d cases are refused, which says nothing", about, n, cases)
		}
	}
	if taken < 50 {
		t.Errorf("%d of %d cases are taken, which says little", taken, cases)
	}
}
