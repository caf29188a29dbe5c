package crds

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// refusal is a spec that the API server refuses.
type refusal struct {
	name string
	// spec holds the fields of the spec in YAML's flow style; a container is
	// added where it has none.
	spec string
	// want are the full messages.
	want []string
}

// quantity is how the API server says what a quantity looks like.
const quantity = `'^(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))))?$'`

// checkRefusals tries each refusal in both versions.
func checkRefusals(t *testing.T, refusals []refusal) {
	t.Helper()
	eachVersion(t, func(t *testing.T, apiVersion string, s server) {
		for _, r := range refusals {
			t.Run(r.name, func(t *testing.T) {
				object, unknown := s.decode(t, manifest(apiVersion, "sample", r.spec))
				if len(unknown) > 0 {
					t.Fatalf("unknown fields %q", unknown)
				}
				if diff := cmp.Diff(r.want, s.Validate(object, nil)); diff != "" {
					t.Errorf("messages (-want +got):\n%s", diff)
				}
			})
		}
	})
}

func manifest(apiVersion, name, spec string) []byte {
	if !strings.Contains(spec, "containers:") {
		spec += ", containers: [{image: a}]"
	}
	return fmt.Appendf(nil, "{apiVersion: %s, kind: MiniCluster, metadata: {name: %s}, spec: {%s}}", apiVersion, name, spec)
}

func TestSpecIsRequired(t *testing.T) {
	eachVersion(t, func(t *testing.T, apiVersion string, s server) {
		object, _ := s.decode(t, fmt.Appendf(nil, "{apiVersion: %s, kind: MiniCluster, metadata: {name: sample}}", apiVersion))
		if got, want := s.Validate(object, nil), []string{"spec: Required value"}; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

// TestNameMustFitIntoHostNames: a rank's host name has at most 63 characters.
func TestNameMustFitIntoHostNames(t *testing.T) {
	const message = `metadata: Invalid value: metadata.name %s becomes part of host names: it must have at most 57 characters a-z, 0-9 and -, begin with a letter and not end with -`
	tests := map[string]bool{
		"flux-sample": true, "a": true, "a1": true,
		"1a": false, "a-": false, "a.b": false,
		"a" + strings.Repeat("b", 56): true,
		"a" + strings.Repeat("b", 57): false,
	}
	eachVersion(t, func(t *testing.T, apiVersion string, s server) {
		for name, valid := range tests {
			var want []string
			if !valid {
				want = []string{fmt.Sprintf(message, name)}
			}
			object, _ := s.decode(t, manifest(apiVersion, name, "size: 1"))
			if got := s.Validate(object, nil); !slices.Equal(got, want) {
				t.Errorf("name %q: got %q, want %q", name, got, want)
			}
		}
	})
}

// TestNameLeavesRoomForServices: their host name is longer than a rank's may be.
func TestNameLeavesRoomForServices(t *testing.T) {
	longest := "a" + strings.Repeat("b", 53)
	services := "services: [{image: a, name: cache}]"
	eachVersion(t, func(t *testing.T, apiVersion string, s server) {
		object, _ := s.decode(t, manifest(apiVersion, longest, services))
		if got := s.Validate(object, nil); len(got) > 0 {
			t.Errorf("a name of 54 characters is refused: %q", got)
		}
		object, _ = s.decode(t, manifest(apiVersion, longest+"b", services))
		want := []string{`metadata: Invalid value: metadata.name ` + longest + `b is too long with services: NAME-services is a host name, so that it must have at most 54 characters`}
		if got := s.Validate(object, nil); !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

// update is a write to a MiniCluster with four ranks and a remembered maximum of
// six.
type update struct {
	name, old, spec string
	want            []string
}

var updates = []update{
	{"maxSize below the live size", "size: 4, maxSize: 6", "size: 2, maxSize: 3", []string{
		`spec.maxSize: Invalid value: maxSize 3 must be at least the live size 4`,
	}},
	{"first maxSize below the live size", "size: 4", "size: 2, maxSize: 3", []string{
		`spec.maxSize: Invalid value: maxSize 3 must be at least the live size 4`,
	}},
	{"size above the remembered maximum", "size: 4", "size: 7", []string{
		`spec.size: Invalid value: size 7 must be at most status.maximumSize 6`,
	}},
	{"maxSize at the live size", "size: 4, maxSize: 6", "size: 4, maxSize: 4", nil},
	{"maxSize that grows", "size: 4, maxSize: 6", "size: 9, maxSize: 9", nil},
	{"size that shrinks", "size: 4, maxSize: 6", "size: 1, maxSize: 6", nil},
}

// TestMaximumIsKeptOnUpdates: what a write may do depends on the ranks that are
// there, and on the maximum that the operator remembers.
func TestMaximumIsKeptOnUpdates(t *testing.T) {
	eachVersion(t, func(t *testing.T, apiVersion string, s server) {
		for _, u := range updates {
			t.Run(u.name, func(t *testing.T) {
				status := map[string]any{"size": int64(4), "maximumSize": int64(6)}
				old, _ := s.decode(t, manifest(apiVersion, "sample", u.old))
				object, _ := s.decode(t, manifest(apiVersion, "sample", u.spec))
				old["status"], object["status"] = status, status
				if diff := cmp.Diff(u.want, s.Validate(object, old)); diff != "" {
					t.Errorf("messages (-want +got):\n%s", diff)
				}
			})
		}
	})
}

// TestSpecsAreAccepted: the edges of what is refused, and empty values, which
// programs write that know no optional fields.
func TestSpecsAreAccepted(t *testing.T) {
	tests := map[string]string{
		"one image":                        `containers: [{image: a}]`,
		"size at both bounds":              `size: 3, minSize: 3, maxSize: 3`,
		"the largest Indexed Job":          `size: 100000, maxSize: 100000`,
		"a minimum without maximum":        `size: 3, minSize: 2`,
		"maxSize 0":                        `size: 3, maxSize: 0`,
		"no timeout":                       `scaleDown: {drainTimeoutSeconds: 0}`,
		"a queue, and no more":             `maxSize: 4, autoscaling: {queue: {}}`,
		"a queue at its limits":            `maxSize: 4, autoscaling: {queue: {idleSeconds: 604800, spareRanks: 4, step: 4}}`,
		"a queue that is held":             `size: 4, minSize: 4, maxSize: 4, flux: {topology: "kary:2"}, autoscaling: {queue: {}}`,
		"no queue":                         `flux: {enabled: false}, autoscaling: {}`,
		"no limits in time":                `deadlineSeconds: 0, backoffLimit: 0`,
		"a side container":                 `containers: [{image: a, runFlux: true}, {image: b, name: side}]`,
		"a side container as it is":        `containers: [{image: a, runFlux: true}, {image: b, name: side, noWrapEntrypoint: true}]`,
		"an image as it is":                `flux: {enabled: false}, containers: [{image: a, noWrapEntrypoint: true}]`,
		"a batch of lines":                 `containers: [{image: a, batch: true, batchRaw: true, commands: {script: "hostname\nhostname"}}]`,
		"an interactive launcher":          `interactive: true, containers: [{image: a, launcher: true}]`,
		"quantities":                       `containers: [{image: a, resources: {requests: {cpu: 500m, memory: 1.5Gi}, limits: {cpu: 1, example.org/gpu: 2}}}]`,
		"ports beside the ranks'":          `containers: [{image: a, ports: [8049, 8053]}]`,
		"any port without Flux":            `flux: {enabled: false}, containers: [{image: a, ports: [8050]}]`,
		"a service on their ports":         `services: [{image: a, name: cache, ports: [8050]}]`,
		"memory":                           `containers: [{image: a, volumes: {shm: {path: /dev/shm, emptyDir: true, emptyDirMedium: memory, emptyDirSizeLimit: 2Gi}}}]`,
		"items of a ConfigMap":             `containers: [{image: a, volumes: {conf: {path: /conf, configMapName: conf, items: {a: b}}}}]`,
		"a flat topology":                  `size: 2, maxSize: 4, flux: {topology: "kary:0"}`,
		"a tree of ranks that stay":        `size: 4, maxSize: 4, flux: {topology: "kary:2"}`,
		"a tree without maxSize":           `size: 4, flux: {topology: binomial}`,
		"the simple scheduler":             `flux: {scheduler: {simple: true}}`,
		"restart policies of others":       `pod: {restartPolicy: OnFailure, resources: {cpu: 1}, dnsPolicy: None}`,
		"capabilities in any spelling":     `containers: [{image: a, securityContext: {addCapabilities: [CAP_IPC_LOCK, sys_ptrace, ALL], capabilities: {add: [Cap_Chown], drop: [all, net_raw]}}}]`,
		"every capability with privileges": `containers: [{image: a, securityContext: {privileged: true, addCapabilities: ["*"]}}]`,
		"restricted":                       `pod: {restricted: true}, containers: [{image: a, securityContext: {addCapabilities: [CAP_NET_BIND_SERVICE]}}]`,
		"a script to submit":               `containers: [{image: a, commands: {script: "hostname\nhostname"}}]`,
		"what does nothing in the rank":    `containers: [{image: a, noWrapEntrypoint: true, commands: {servicePre: x}}]`,
		"a volume with nothing but a path": `containers: [{image: a, volumes: {data: {path: /data}}}]`,
		"the same port twice":              `containers: [{image: a, ports: [80, 80]}]`,
		"the view's place beside Flux":     `containers: [{image: a, runFlux: true}, {image: b, name: side, volumes: {data: {path: /mnt/flux, emptyDir: true}}}]`,
		"a container with the view's name": `flux: {container: {disable: true}}, containers: [{image: a, name: flux-view}]`,
		"spreading over zones":             `pod: {placement: {policy: Spread, topologyKey: topology.kubernetes.io/zone}}`,
		"spreading over zones, by default": `pod: {placement: {topologyKey: topology.kubernetes.io/zone}}`,
		"one rank per node":                `pod: {placement: {policy: OnePerNode}}`,
		"one rank per host name":           `pod: {placement: {policy: OnePerNode, topologyKey: kubernetes.io/hostname}}`,
		"any node, said twice":             `network: {disableAffinity: true}, pod: {placement: {policy: Any}}`,
		"self-scaling":                     `selfScaling: true, pod: {labels: {a: b}}`,
		"empty values": `containers: [{image: a, name: "", command: "", volumes: {}, commands: {script: ""}, resources: {}}], services: [],` +
			` network: {headlessName: ""}, pod: {restartPolicy: "", resources: {}, serviceAccountName: "", placement: {policy: "", topologyKey: ""}}, selfScaling: true, archive: {path: ""},` +
			` flux: {topology: "", arch: "", mungeSecret: "", minimalService: false, connectTimeout: "", scheduler: {queuePolicy: ""}, container: {name: "", mountPath: ""}}`,
	}
	eachVersion(t, func(t *testing.T, apiVersion string, s server) {
		for name, spec := range tests {
			t.Run(name, func(t *testing.T) {
				object, unknown := s.decode(t, manifest(apiVersion, "sample", spec))
				if len(unknown) > 0 {
					t.Errorf("unknown fields %q", unknown)
				}
				if got := s.Validate(object, nil); len(got) > 0 {
					t.Errorf("refused: %q", got)
				}
			})
		}
	})
}
