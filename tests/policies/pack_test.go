package policies

import "testing"

// TestPolicyPack lets the real Pulumi run the rules. Package rules has more cases.
// This test checks that the pack understands what Pulumi sends, and that Pulumi
// acts on the answer.
func TestPolicyPack(t *testing.T) {
	p := newProject(t)
	for _, test := range []struct {
		name string
		run  func(*testing.T, *project)
	}{
		{"a stack that keeps to the rules passes", testConforming},
		{"every rule finds what violates it", testViolating},
		{"what is not known yet is advice", testUnknown},
		{"what is malformed is a violation", testMalformed},
		{"levels and options are configured", testConfiguration},
		{"the example configuration is one", testExample},
		{"mistakes in the configuration are refused", testMistakes},
		{"the stack says that the cluster has metrics-server", testStackConfiguration},
		{"the component is checked where the object keeps an old size", testOldSize},
		{"Patch resources are judged by what they have", testPatches},
		{"the environment switches it on beside other packs", testEnvironment},
		{"an update is refused before anything is made", testUpdate},
		{"sizes are clamped on demand", testClamping},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, p) })
	}
}

func testConforming(t *testing.T, p *project) {
	got := p.preview(t, conforming)
	got.passes(t)
	got.expect(t)
}

func testViolating(t *testing.T, p *project) {
	got := p.preview(t, []declared{
		kindCluster("kindest/node:v1.29.15"),
		component("wish", object{"name": "wish", "namespace": "hpc", "size": 9, "minSize": 5, "maxSize": 4}),
		miniCluster("wish-object", object{"size": 9, "minSize": 5}).under("wish"), // Said of the component already.
		miniCluster("large", object{"size": 1, "maxSize": 200_000}),
		miniCluster("shrunk", object{"maxSize": 5}).live(6),
		miniCluster("hidden", object{"size": secret(9)}),
		miniCluster("scaled", object{"containers": []any{object{"image": "rockylinux"}}, "selfScaling": true}),
		autoscaler("scaler", "scaled", object{"maxReplicas": 9, "metrics": []any{cpu(2)}}),
		autoscaler("second", "scaled", object{"metrics": []any{cpu(101)}}),
		autoscaler("lost", "nobody", nil),
		miniCluster("queued", object{"autoscaling": object{"queue": object{"idleSeconds": 60}}}),
		autoscaler("rival", "queued", nil),
	}, "--policy-pack-config", p.write(t, "strict.json", `{
		"minicluster-maximum": {"maximum": 50000},
		"self-scaling": {"allowed": []}
	}`))
	got.fails(t)
	const pinned = `: spec.size 2 of MiniCluster "scaled" is the program's as well as the autoscaler's: ignore changes of "spec.size" (SizePinned)`
	const request = `: spec.containers[0].resources.requests.cpu (not set) of MiniCluster "scaled" must be more than 0: ` +
		`the autoscaler measures use in percent of it (RequestMissing)`
	const target = `: spec.metrics[0].resource.target.averageUtilization `
	got.expect(t,
		`mandatory kubernetes-version cluster: nodeImage "kindest/node:v1.29.15" must be at least 1.30 (KubernetesTooOld)`,
		`mandatory minicluster-size wish: size 9 must be at most maxSize 4 (SizeAboveMaximum)`,
		`mandatory minicluster-bounds wish: minSize 5 must be at most maxSize 4 (MinSizeAboveMaxSize)`,
		`mandatory minicluster-size large: size 1 must be at least minSize 2 (SizeBelowMinimum)`,
		`mandatory minicluster-bounds large: maxSize 200000 must be at most 100000 (MaxSizeTooLarge)`,
		`mandatory minicluster-maximum large: maxSize 200000 must be at most 50000, which the organization allows (MaximumAboveAllowed)`,
		`mandatory minicluster-live-size shrunk: maxSize 5 must be at least the live size 6 (MaxSizeBelowLiveSize)`,
		`advisory minicluster-resize shrunk: size 2, now 6, changes by 4 ranks at once: more than 50% of maxSize 5 (LargeResize)`,
		`mandatory minicluster-size hidden: size is out of bounds; the values are not shown, since they are secret (SizeAboveMaximum)`,
		`advisory image-tag scaled: spec.containers[0].image "rockylinux" has no tag: ranks that come later may run another image; give a version or a digest (MovingImageTag)`,
		`mandatory self-scaling scaled: spec.selfScaling true of MiniCluster hpc/scaled must be one of the allowed: none (SelfScalingNotAllowed)`,
		`mandatory autoscaler-bounds scaler: maxReplicas 9 must be at most maxSize 4 (MaxReplicasTooLarge)`,
		`advisory autoscaler-cpu-floor scaler`+target+`2 is below 10 (percent of the CPU request): nearly any load makes the MiniCluster grow to maxSize (LowCPUTarget)`,
		`mandatory autoscaler-owns-size scaler`+pinned,
		`mandatory autoscaler-requests scaler`+request,
		`mandatory metrics-server scaler: this stack has an autoscaler and no metrics-server: install it, or say that the cluster has one (option provided of this policy, or pulumi config set gopherlocks:metricsServer skip) (MetricsServerMissing)`,
		`mandatory autoscaler-cpu-target second`+target+`101 must be at most 100 (percent of the CPU request) (CPUTargetOutOfRange)`,
		`mandatory autoscaler-owns-size second`+pinned,
		`mandatory autoscaler-requests second`+request,
		`mandatory autoscaler-single second: spec.scaleTargetRef.name "scaled" is scaled by "scaler" already: remove one of the two (SecondAutoscaler)`,
		`mandatory autoscaler-target lost: spec.scaleTargetRef.name "nobody": this stack has no such MiniCluster in namespace "hpc" (ScaleTargetMissing)`,
		`mandatory autoscaler-owns-size queued: spec.size 2 of MiniCluster "queued" is the program's as well as the autoscaler's: ignore changes of "spec.size" (SizePinned)`,
		`mandatory autoscaler-owns-size rival: spec.size 2 of MiniCluster "queued" is the program's as well as the autoscaler's: ignore changes of "spec.size" (SizePinned)`,
		`mandatory autoscaler-single rival: spec.scaleTargetRef.name "queued" is scaled by its queue already (spec.autoscaling.queue): remove one of the two (SecondAutoscaler)`,
	)
}

func testUnknown(t *testing.T, p *project) {
	got := p.preview(t, []declared{
		kindCluster(unknown), metricsServer,
		component("wish", object{"name": "wish", "namespace": "hpc", "size": unknown}),
		miniCluster("fixed", object{"maxSize": unknown, "selfScaling": unknown}).live(2),
		miniCluster("scaled", object{"containers": unknown}).autoscaled(),
		autoscaler("scaler", "scaled", object{"minReplicas": unknown, "metrics": []any{cpu(unknown)}}),
		autoscaler("second", "scaled", object{"scaleTargetRef": unknown, "metrics": unknown}),
	}, "--policy-pack-config", p.write(t, "some.json", `{"self-scaling": {"allowed": ["workflows/*"]}}`))
	got.passes(t)
	is := func(rule, name, field string) string {
		return "advisory " + rule + " " + name + ": cannot be checked yet: " + field + " is not known before the update (NotKnownYet)"
	}
	const target = "spec.metrics[0].resource.target.averageUtilization"
	const reference = "spec.scaleTargetRef."
	got.expect(t,
		is("kubernetes-version", "cluster", "nodeImage"),
		is("minicluster-size", "wish", "size"), is("minicluster-bounds", "wish", "size"), is("minicluster-maximum", "wish", "size"),
		is("minicluster-size", "fixed", "spec.maxSize"), is("minicluster-bounds", "fixed", "spec.maxSize"),
		is("minicluster-maximum", "fixed", "spec.maxSize"), is("minicluster-live-size", "fixed", "spec.maxSize"),
		is("minicluster-resize", "fixed", "spec.maxSize"), is("self-scaling", "fixed", "spec.selfScaling"),
		is("image-tag", "scaled", "spec.containers"), is("autoscaler-requests", "scaler", "spec.containers"),
		is("autoscaler-bounds", "scaler", "spec.minReplicas"), is("autoscaler-cpu-target", "scaler", target),
		is("autoscaler-cpu-floor", "scaler", target),
		is("autoscaler-cpu-target", "second", "spec.metrics"), is("autoscaler-cpu-floor", "second", "spec.metrics"),
		is("metrics-server", "second", "spec.metrics"), is("autoscaler-bounds", "second", reference+"name"),
		is("autoscaler-requests", "second", reference+"name"), is("autoscaler-owns-size", "second", reference+"name"),
		is("autoscaler-single", "second", reference+"name"),
		"advisory autoscaler-target second: cannot be checked yet: "+reference+"apiVersion, "+reference+"kind, "+reference+"name are not known before the update (NotKnownYet)",
	)
}

func testMalformed(t *testing.T, p *project) {
	got := p.preview(t, []declared{
		kindCluster(134), metricsServer,
		component("wish", object{"name": "wish", "namespace": "hpc", "size": "two"}),
		miniCluster("fixed", object{"maxSize": []any{4}, "selfScaling": "yes"}).live(2),
		miniCluster("scaled", object{"containers": "none"}).autoscaled(),
		autoscaler("scaler", "scaled", object{"minReplicas": "few", "metrics": "cpu"}),
		autoscaler("second", "scaled", object{"scaleTargetRef": "scaled"}),
	})
	got.fails(t)
	const number = " must be a whole number of at most 32 bits (Malformed)"
	const metrics = `: spec.metrics "cpu" must be a list (Malformed)`
	const containers = `: spec.containers "none" must be a list (Malformed)`
	const reference = `: spec.scaleTargetRef "scaled" must be an object (Malformed)`
	got.expect(t,
		`mandatory kubernetes-version cluster: nodeImage 134 must be a text (Malformed)`,
		`mandatory minicluster-size wish: size "two"`+number, `mandatory minicluster-bounds wish: size "two"`+number,
		`mandatory minicluster-maximum wish: size "two"`+number,
		`mandatory minicluster-size fixed: spec.maxSize (a list)`+number, `mandatory minicluster-bounds fixed: spec.maxSize (a list)`+number,
		`mandatory minicluster-maximum fixed: spec.maxSize (a list)`+number, `mandatory minicluster-live-size fixed: spec.maxSize (a list)`+number,
		`advisory minicluster-resize fixed: spec.maxSize (a list)`+number,
		`mandatory self-scaling fixed: spec.selfScaling "yes" must be true or false (Malformed)`,
		`advisory image-tag scaled`+containers, `mandatory autoscaler-requests scaler`+containers,
		`mandatory autoscaler-requests scaler`+metrics, `mandatory autoscaler-cpu-target scaler`+metrics,
		`advisory autoscaler-cpu-floor scaler`+metrics, `mandatory metrics-server scaler`+metrics,
		`mandatory autoscaler-bounds scaler: spec.minReplicas "few"`+number,
		`mandatory autoscaler-target second`+reference, `mandatory autoscaler-single second`+reference,
	)
}

// testPatches is about objects that are not the stack's: Pulumi reads what it patches.
func testPatches(t *testing.T, p *project) {
	theirs, theirScaler := miniCluster("theirs", nil), autoscaler("scaler", "theirs", nil)
	harmless := []declared{
		metricsServer, patch("drain", theirs, object{"scaleDown": object{"drainTimeoutSeconds": 60}}),
		patch("wider", theirScaler, object{"maxReplicas": 3}),
	}
	got := p.preview(t, harmless)
	got.passes(t)
	got.expect(t)

	got = p.preview(t, []declared{
		metricsServer,
		patch("sizes", theirs, object{"size": 9, "maxSize": 4}),
		patch("large", miniCluster("another", nil), object{"maxSize": 200_000, "containers": []any{object{"image": "rockylinux"}}}),
		patch("wide", theirScaler, object{
			"maxReplicas": 9, "metrics": []any{cpu(101)},
			"scaleTargetRef": object{"apiVersion": "flux-framework.org/v1alpha2", "kind": "MiniCluster", "name": "theirs"},
		}),
	})
	got.fails(t)
	got.expect(t,
		`mandatory minicluster-size sizes: size 9 must be at most maxSize 4 (SizeAboveMaximum)`,
		`mandatory minicluster-bounds large: maxSize 200000 must be at most 100000 (MaxSizeTooLarge)`,
		`mandatory minicluster-maximum large: maxSize 200000 must be at most 100000, which the organization allows (MaximumAboveAllowed)`,
		`advisory image-tag large: spec.containers[0].image "rockylinux" has no tag: ranks that come later may run another image; give a version or a digest (MovingImageTag)`,
		`mandatory autoscaler-bounds wide: maxReplicas 9 must be at most maxSize 4 (MaxReplicasTooLarge)`,
		`mandatory autoscaler-cpu-target wide: spec.metrics[0].resource.target.averageUtilization 101 must be at most 100 (percent of the CPU request) (CPUTargetOutOfRange)`,
		`mandatory autoscaler-owns-size wide: spec.size 9 of MiniCluster "theirs" is the program's as well as the autoscaler's: ignore changes of "spec.size" (SizePinned)`,
	)
}
