package policies

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// tooLarge violates one rule, and tells of another.
var tooLarge = miniCluster("large", object{"size": 9, "containers": []any{object{"image": "rockylinux"}}})

const (
	sizeOfTooLarge  = ` minicluster-size large: size 9 must be at most maxSize 4 (SizeAboveMaximum)`
	imageOfTooLarge = ` image-tag large: spec.containers[0].image "rockylinux" has no tag: ranks that come later may run another image; give a version or a digest (MovingImageTag)`
)

func testConfiguration(t *testing.T, p *project) {
	config := p.write(t, "config.json", `{"minicluster-size": "advisory", "image-tag": {"enforcementLevel": "mandatory"}}`)
	got := p.preview(t, []declared{tooLarge}, "--policy-pack-config", config)
	got.fails(t)
	got.expect(t, "advisory"+sizeOfTooLarge, "mandatory"+imageOfTooLarge)

	got = p.preview(t, []declared{tooLarge}, "--policy-pack-config", p.write(t, "config.json", `{"all": "disabled"}`))
	got.passes(t)
	got.expect(t)
}

func testExample(t *testing.T, p *project) {
	example, err := filepath.Abs("../../policies.prod.example.json")
	if err != nil {
		t.Fatal(err)
	}
	got := p.preview(t, []declared{miniCluster("ensemble", object{"maxSize": 65, "selfScaling": true})}, "--policy-pack-config", example)
	got.fails(t)
	got.expect(t, `mandatory minicluster-maximum ensemble: maxSize 65 must be at most 64, which the organization allows (MaximumAboveAllowed)`)
}

func testMistakes(t *testing.T, p *project) {
	for config, want := range map[string]string{
		`{"minicluster-maximum": {"maximum": "many"}}`: `minicluster-maximum: maximum: Invalid type. Expected: integer, given: string`,
		`{"minicluster-maximum": {"maxSize": 3}}`:      `policy minicluster-maximum has no option "maxSize"; it has ["maximum"] besides enforcementLevel`,
		`{"minicluster-sizes": "disabled"}`:            `the policy pack gopherlocks has no policy "minicluster-sizes"; it has autoscaler-bounds, `,
	} {
		got := p.preview(t, conforming, "--policy-pack-config", p.write(t, "config.json", config))
		got.fails(t)
		if !strings.Contains(got.output, want) {
			t.Errorf("%s: no %q in\n%s", config, want, got.output)
		}
	}
}

func testStackConfiguration(t *testing.T, p *project) {
	stack := []declared{kindCluster("kindest/node:v1.34.2"), miniCluster("scaled", nil).autoscaled(), autoscaler("scaler", "scaled", nil)}
	p.declare(t, stack, map[string]string{"gopherlocks:metricsServer": "skip"})
	got := p.run(t, "preview", "--policy-pack", p.pack)
	got.passes(t)
	got.expect(t)
	p.preview(t, stack[1:]).passes(t) // A cluster that the stack does not make.
	p.preview(t, stack).fails(t)
}

// testOldSize: with the autoscaler as its owner, the object that Pulumi shows to
// policies has the size of the state, whatever the program says.
func testOldSize(t *testing.T, p *project) {
	got := p.preview(t, []declared{
		metricsServer,
		component("wish", object{"name": "wish", "namespace": "hpc", "size": 9, "minSize": 2, "maxSize": 4}),
		miniCluster("wish-object", nil).under("wish").autoscaled(),
	})
	got.fails(t)
	got.expect(t, `mandatory minicluster-size wish: size 9 must be at most maxSize 4 (SizeAboveMaximum)`)
}

// testEnvironment is what `make env` does. A pack of the user's on the command
// line comes in addition.
func testEnvironment(t *testing.T, p *project) {
	user := p.link(t, p.pack, "user-"+packName)
	with := *p
	with.Env = append(with.Env, "PULUMI_OPTION_POLICY_PACK="+p.pack)
	with.declare(t, []declared{tooLarge}, nil)
	got := with.run(t, "preview")
	got.fails(t)
	got.expect(t, "mandatory"+sizeOfTooLarge, "advisory"+imageOfTooLarge)

	got = with.run(t, "preview", "--policy-pack", user)
	got.fails(t)
	got.expect(t, "mandatory"+sizeOfTooLarge, "mandatory"+sizeOfTooLarge, "advisory"+imageOfTooLarge, "advisory"+imageOfTooLarge)

	with.Env = append(with.Env, "PULUMI_OPTION_POLICY_PACK_CONFIG="+with.write(t, "config.json", `{"all": "disabled"}`))
	got = with.run(t, "preview")
	got.passes(t)
	got.expect(t)
}

// rendered returns the files that the Kubernetes provider has written.
func (p *project) rendered(t *testing.T) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(p.Dir, "rendered", "*-manifest", "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(content)
	}
	return all.String()
}

// testUpdate: the preview that an update begins with tells all. Without it, what was
// registered before the violation is made.
func testUpdate(t *testing.T, p *project) {
	p.declare(t, []declared{
		miniCluster("scaled", nil).autoscaled(), autoscaler("scaler", "scaled", object{"maxReplicas": 9}),
	}, nil)
	const tooLarge = `mandatory autoscaler-bounds scaler: maxReplicas 9 must be at most maxSize 4 (MaxReplicasTooLarge)`
	got := p.run(t, "up", "--yes", "--policy-pack", p.pack)
	got.fails(t)
	got.expect(t, tooLarge)
	if made := p.rendered(t); made != "" {
		t.Errorf("made, though the preview is refused:\n%s", made)
	}
	got = p.run(t, "up", "--yes", "--skip-preview", "--policy-pack", p.pack)
	got.fails(t)
	got.expect(t, tooLarge)
	if made := p.rendered(t); !strings.Contains(made, "kind: MiniCluster") || strings.Contains(made, "kind: HorizontalPodAutoscaler") {
		t.Errorf("made without a preview, want the MiniCluster alone:\n%s", made)
	}
}

func testClamping(t *testing.T, p *project) {
	p.declare(t, []declared{
		metricsServer, miniCluster("clamped", object{"size": 9}).autoscaled(), autoscaler("scaler", "clamped", object{"minReplicas": 1, "maxReplicas": 17}),
	}, nil)
	got := p.run(t, "up", "--yes", "--skip-preview", "--policy-pack", p.pack,
		"--policy-pack-config", p.write(t, "config.json", `{"clamp-sizes": "remediate"}`))
	got.passes(t)
	got.expect(t)
	made := p.rendered(t)
	for _, want := range []string{"size: 4", "minReplicas: 2", "maxReplicas: 4"} {
		if !strings.Contains(made, want) {
			t.Errorf("no %q in\n%s", want, made)
		}
	}
}
