package rules

// patchOf is a Patch of the MiniCluster "cluster".
func patchOf(spec string) string {
	return `mcp p {metadata: {name: a, namespace: hpc}, spec: {` + spec + `}}`
}

// scalerPatch is a Patch of the autoscaler of it.
func scalerPatch(spec string) string {
	return `hpap p {metadata: {name: first, namespace: hpc}, spec: {` + spec + `}}`
}

// patchCases are about Pulumi's Patch resources: they are judged by the fields that they
// have. A field that is missing is neither the default nor a mistake.
var patchCases = []testCase{
	{
		rule: "minicluster-size", kind: violating, name: "a Patch", stack: []string{patchOf(`size: 9, maxSize: 4`)},
		want: []string{`p: SizeAboveMaximum: size 9 must be at most maxSize 4`},
	},
	{rule: "minicluster-size", kind: conforming, name: "a Patch without a size", stack: []string{patchOf(`minSize: 2, maxSize: 4`)}},
	{rule: "minicluster-size", kind: conforming, name: "a Patch of something else", stack: []string{patchOf(`drainTimeoutSeconds: 4`)}},
	{
		rule: "minicluster-size", kind: conforming, name: "an old size below a raised minSize",
		stack: []string{`mc m {$ignoreChanges: spec.size, metadata: {name: a}, spec: {size: 2, minSize: 3, maxSize: 4}}`},
	},
	{
		rule: "minicluster-size", kind: violating, name: "the program's size below its minSize",
		stack: []string{`mc m {metadata: {name: a}, spec: {size: 2, minSize: 3, maxSize: 4}}`},
		want:  []string{`m: SizeBelowMinimum: size 2 must be at least minSize 3`},
	},
	{
		rule: "minicluster-bounds", kind: violating, name: "a Patch", stack: []string{patchOf(`minSize: 5, maxSize: 4`)},
		want: []string{`p: MinSizeAboveMaxSize: minSize 5 must be at most maxSize 4`},
	},
	{rule: "minicluster-bounds", kind: conforming, name: "a Patch with one of them", stack: []string{patchOf(`minSize: 5`), patchOf(`maxSize: 4`)}},
	{
		rule: "minicluster-live-size", kind: violating, name: "a Patch", stack: []string{patchOf(`maxSize: 4`)},
		outputs: map[string]string{"p": `{status: {size: 6}}`},
		want:    []string{`p: MaxSizeBelowLiveSize: maxSize 4 must be at least the live size 6`},
	},
	{
		rule: "minicluster-maximum", kind: violating, name: "a Patch", settings: Settings{"maximum": 8.0}, stack: []string{patchOf(`maxSize: 9`)},
		want: []string{`p: MaximumAboveAllowed: maxSize 9 must be at most 8, which the organization allows`},
	},
	{
		rule: "minicluster-resize", kind: violating, name: "a Patch", stack: []string{patchOf(`size: 1, maxSize: 4`)},
		outputs: map[string]string{"p": `{status: {size: 4}}`},
		want:    []string{`p: LargeResize: size 1, now 4, changes by 3 ranks at once: more than 50% of maxSize 4`},
	},
	{
		rule: "minicluster-resize", kind: conforming, name: "a Patch without a size", stack: []string{patchOf(`maxSize: 4`)},
		outputs: map[string]string{"p": `{status: {size: 4}}`},
	},
	{
		rule: "self-scaling", kind: violating, name: "a Patch", settings: Settings{"allowed": []any{}}, stack: []string{patchOf(`selfScaling: true`)},
		want: []string{`p: SelfScalingNotAllowed: spec.selfScaling true of MiniCluster hpc/a must be one of the allowed: none`},
	},
	{
		rule: "image-tag", kind: violating, name: "Patches", stack: []string{
			patchOf(`containers: [{image: rockylinux}]`), `deployp d {spec: {template: {spec: {containers: [{name: c, image: "nginx:latest"}]}}}}`,
		},
		want: []string{
			`p: MovingImageTag: spec.containers[0].image "rockylinux" has no tag: ranks that come later may run another image; give a version or a digest`,
			`d: MovingImageTag: spec.template.spec.containers[0].image "nginx:latest" has the tag latest: ranks that come later may run another image; give a version or a digest`,
		},
	},
	{
		rule: "autoscaler-target", kind: violating, name: "a Patch",
		stack: []string{cluster, scalerPatch(`scaleTargetRef: {apiVersion: flux-framework.org/v1, kind: MiniCluster, name: a}`)},
		want:  []string{`p: WrongScaleTarget: spec.scaleTargetRef.apiVersion "flux-framework.org/v1" must be flux-framework.org/v1alpha2 or flux-framework.org/v1alpha1`},
	},
	{rule: "autoscaler-target", kind: conforming, name: "a Patch of another field", stack: []string{cluster, scaler(""), scalerPatch(`maxReplicas: 3`)}},
	{rule: "autoscaler-target", kind: conforming, name: "a Patch of the MiniCluster", stack: []string{patchOf(`minSize: 2`), scaler("")}},
	{
		rule: "autoscaler-bounds", kind: violating, name: "a Patch of the stack's autoscaler", stack: []string{cluster, scaler(""), scalerPatch(`maxReplicas: 9`)},
		want: []string{`p: MaxReplicasTooLarge: maxReplicas 9 must be at most maxSize 4`},
	},
	{
		rule: "autoscaler-bounds", kind: violating, name: "a Patch of somebody else's autoscaler", stack: []string{cluster, scalerPatch(`minReplicas: 1`)},
		outputs: map[string]string{"p": `{spec: {` + reference + `maxReplicas: 4}}`},
		want:    []string{`p: MinReplicasTooSmall: minReplicas 1 must be at least minSize 2`},
	},
	{rule: "autoscaler-bounds", kind: conforming, name: "a Patch of another field", stack: []string{cluster, scaler(""), scalerPatch(utilization(50))}},
	{
		rule: "autoscaler-bounds", kind: violating, name: "beside a Patch of the MiniCluster", stack: []string{patchOf(`maxSize: 3`), scaler("")},
		want: []string{`h: MaxReplicasTooLarge: maxReplicas 4 must be at most maxSize 3`},
	},
	{rule: "autoscaler-bounds", kind: conforming, name: "beside a Patch without bounds", stack: []string{patchOf(`selfScaling: true`), scaler("")}},
	{rule: "autoscaler-single", kind: conforming, name: "a Patch of the same", stack: []string{cluster, scaler(""), scalerPatch(reference)}},
	{
		rule: "autoscaler-cpu-target", kind: violating, name: "a Patch", stack: []string{cluster, scaler(""), scalerPatch(utilization(120))},
		want: []string{`p: CPUTargetOutOfRange: spec.metrics[0].resource.target.averageUtilization 120 must be at most 100 (percent of the CPU request)`},
	},
	{
		rule: "autoscaler-cpu-target", kind: conforming, name: "a Patch without metrics", settings: Settings{"maximum": 70.0},
		stack: []string{cluster, scaler(utilization(50)), scalerPatch(`maxReplicas: 3`)},
	},
	{
		rule: "autoscaler-cpu-floor", kind: violating, name: "a Patch", stack: []string{cluster, scaler(""), scalerPatch(utilization(2))},
		want: []string{`p: LowCPUTarget: spec.metrics[0].resource.target.averageUtilization 2 is below 10 (percent of the CPU request): nearly any load makes the MiniCluster grow to maxSize`},
	},
	{
		rule: "autoscaler-requests", kind: violating, name: "a Patch that takes the request away",
		stack: []string{patchOf(`containers: [{name: a, resources: {requests: {cpu: "0"}}}]`), scaler("")},
		want:  []string{`h: RequestMissing: spec.containers[0].resources.requests.cpu "0" of MiniCluster "a" must be more than 0: the autoscaler measures use in percent of it`},
	},
	{rule: "autoscaler-requests", kind: conforming, name: "a Patch of the image", stack: []string{patchOf(`containers: [{name: a, image: "rockylinux:9"}]`), scaler("")}},
	{
		rule: "autoscaler-owns-size", kind: violating, name: "a Patch pins the size", stack: []string{cluster, scaler(""), patchOf(`size: 3`)},
		want: []string{`p: SizePinned: spec.size 3 of MiniCluster "a" is the program's as well as the autoscaler's: ignore changes of "spec.size"`},
	},
	{
		rule: "autoscaler-owns-size", kind: conforming, name: "a Patch that takes other fields over",
		stack: []string{cluster, scaler(""), `mcp p {metadata: {name: a, namespace: hpc, annotations: {pulumi.com/patchForce: "true"}}, spec: {selfScaling: true}}`},
	},
	{
		rule: "metrics-server", kind: violating, name: "a Patch", stack: []string{`kind k {}`, cluster, scalerPatch(reference + utilization(50))},
		want: []string{`p: MetricsServerMissing: this stack has an autoscaler and no metrics-server: install it, or say that the cluster has one (option provided of this policy, or pulumi config set gopherlocks:metricsServer skip)`},
	},
}
