package rules

const moving = `: ranks that come later may run another image; give a version or a digest`

var podCases = []testCase{
	{
		rule: "image-tag", kind: violating, name: "of a MiniCluster",
		stack: []string{
			`mc m {spec: {containers: [{image: rockylinux:9}, {image: "localhost:5000/side:latest"}], services: [{image: registry/cache}], flux: {container: {image: view}}}}`,
		},
		want: []string{
			`m: MovingImageTag: spec.containers[1].image "localhost:5000/side:latest" has the tag latest` + moving,
			`m: MovingImageTag: spec.services[0].image "registry/cache" has no tag` + moving,
			`m: MovingImageTag: spec.flux.container.image "view" has no tag` + moving,
		},
	},
	{
		rule: "image-tag", kind: violating, name: "of other workloads",
		stack: []string{
			`deploy d {spec: {template: {spec: {containers: [{image: a}], initContainers: [{image: "b:1"}]}}}}`,
			`pod p {spec: {initContainers: [{image: "c:latest"}], containers: []}}`,
		},
		want: []string{
			`d: MovingImageTag: spec.template.spec.containers[0].image "a" has no tag` + moving,
			`p: MovingImageTag: spec.initContainers[0].image "c:latest" has the tag latest` + moving,
		},
	},
	{rule: "image-tag", kind: conforming, name: "versions and digests", stack: []string{
		`mc m {spec: {containers: [{image: "ghcr.io/a/b:1.2"}, {image: "a@sha256:0000000000000000000000000000000000000000000000000000000000000000"}]}}`,
	}},
	{rule: "image-tag", kind: conforming, name: "default image", stack: []string{`mc m {spec: {containers: [{}]}}`}},
	{
		rule: "image-tag", kind: notKnown, name: "images", stack: []string{`mc m {spec: {containers: [{image: "?"}], services: "?"}}`},
		want: []string{`m: NotKnownYet: cannot be checked yet: spec.services, spec.containers[0].image are not known before the update`},
	},
	{
		rule: "image-tag", kind: wrongType, name: "images", stack: []string{`mc m {spec: {containers: [7, {image: 3}, {image: "a b"}]}}`},
		want: []string{
			`m: Malformed: spec.containers[0] 7 must be an object`,
			`m: Malformed: spec.containers[1].image 3 must be a text`,
			`m: Malformed: spec.containers[2].image "a b" must be a reference of an image`,
		},
	},
	{
		rule: "self-scaling", kind: violating, name: "not allowed", settings: Settings{"allowed": []any{"workflows/*", "*/scout"}},
		stack: []string{`mc m {metadata: {name: a, namespace: hpc}, spec: {selfScaling: true}}`},
		want: []string{
			`m: SelfScalingNotAllowed: spec.selfScaling true of MiniCluster hpc/a must be one of the allowed: workflows/*, */scout`,
		},
	},
	{
		rule: "self-scaling", kind: violating, name: "nowhere", settings: Settings{"allowed": []any{}},
		stack: []string{`mc m {metadata: {name: a}, spec: {selfScaling: true}}`},
		want:  []string{`m: SelfScalingNotAllowed: spec.selfScaling true of MiniCluster default/a must be one of the allowed: none`},
	},
	{
		rule: "restricted-pods", kind: violating, name: "what keeps its capabilities", settings: Settings{"required": []any{"default/*"}},
		stack: []string{
			`mc m {metadata: {name: a}, spec: {}}`, `mc o {metadata: {name: b}, spec: {pod: {restricted: false}}}`,
			`mc p {metadata: {name: c, namespace: hpc}, spec: {}}`,
		},
		want: []string{
			`m: PodsNotRestricted: spec.pod.restricted (not set) must be true for MiniClusters called default/*`,
			`o: PodsNotRestricted: spec.pod.restricted false must be true for MiniClusters called default/*`,
		},
	},
	{rule: "restricted-pods", kind: conforming, name: "by default", stack: []string{`mc m {metadata: {name: a}, spec: {pod: {restricted: "?"}}}`}},
	{rule: "restricted-pods", kind: conforming, name: "restricted", settings: Settings{"required": []any{"*/*"}}, stack: []string{
		`mc m {metadata: {name: "?"}, spec: {pod: {restricted: true}}}`,
	}},
	{
		rule: "restricted-pods", kind: notKnown, name: "whether they are", settings: Settings{"required": []any{"*/*"}},
		stack: []string{`mc m {metadata: {name: a}, spec: {pod: {restricted: "?"}}}`},
		want:  []string{`m: NotKnownYet: cannot be checked yet: spec.pod.restricted is not known before the update`},
	},
	{
		rule: "restricted-pods", kind: wrongType, name: "no boolean", settings: Settings{"required": []any{"*/*"}},
		stack: []string{`mc m {metadata: {name: a}, spec: {pod: {restricted: 7}}}`},
		want:  []string{`m: Malformed: spec.pod.restricted 7 must be true or false`},
	},
	{rule: "self-scaling", kind: conforming, name: "by default", stack: []string{`mc m {metadata: {name: a, namespace: "?"}, spec: {selfScaling: true}}`}},
	{rule: "self-scaling", kind: conforming, name: "allowed", settings: Settings{"allowed": []any{"*/scout"}}, stack: []string{
		`mc m {metadata: {name: scout}, spec: {selfScaling: true}}`, `mc o {metadata: {name: other}, spec: {}}`,
	}},
	{
		rule: "self-scaling", kind: notKnown, name: "namespace", settings: Settings{"allowed": []any{"hpc/*"}},
		stack: []string{`mc m {metadata: {name: a, namespace: "?"}, spec: {selfScaling: true}}`, `mc o {metadata: {name: b}, spec: {selfScaling: "?"}}`},
		want: []string{
			`m: NotKnownYet: cannot be checked yet: metadata.namespace is not known before the update`,
			`o: NotKnownYet: cannot be checked yet: spec.selfScaling is not known before the update`,
		},
	},
	{
		rule: "self-scaling", kind: wrongType, name: "text", stack: []string{`mc m {spec: {selfScaling: "yes"}}`},
		want: []string{`m: Malformed: spec.selfScaling "yes" must be true or false`},
	},
}
