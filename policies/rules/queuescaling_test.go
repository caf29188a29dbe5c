package rules

// queued is a MiniCluster like "cluster" that its queue scales. Its container requests no
// CPU.
const queued = `mc m {$ignoreChanges: spec.size, metadata: {name: a, namespace: hpc}, spec: {size: 2, minSize: 2, maxSize: 4,` +
	` autoscaling: {queue: {idleSeconds: 60}}, containers: [{name: a}]}}`

// queueCases are about MiniClusters that are scaled by their queue.
var queueCases = []testCase{
	{
		rule: "autoscaler-single", kind: violating, name: "a queue and an HPA", stack: []string{queued, scaler("")},
		want: []string{`h: SecondAutoscaler: spec.scaleTargetRef.name "a" is scaled by its queue already (spec.autoscaling.queue): remove one of the two`},
	},
	{rule: "autoscaler-single", kind: conforming, name: "an HPA by a metric of the queue, alone", stack: []string{cluster, scaler(ranksWanted)}},
	{
		rule: "autoscaler-single", kind: violating, name: "an HPA, and then a queue", stack: []string{scaler(""), queued},
		want: []string{`m: SecondAutoscaler: spec.autoscaling.queue of MiniCluster "a": it is scaled by "first" already: remove one of the two`},
	},
	{
		rule: "autoscaler-single", kind: violating, name: "a queue with the operator's defaults",
		stack: []string{`mc1 m {metadata: {name: a, namespace: hpc}, spec: {autoscaling: {queue: {}}}}`, scaler("")},
		want:  []string{`h: SecondAutoscaler: spec.scaleTargetRef.name "a" is scaled by its queue already (spec.autoscaling.queue): remove one of the two`},
	},
	{
		rule: "autoscaler-single", kind: violating, name: "a Patch that lets the queue scale",
		stack: []string{cluster, scaler(""), patchOf(`autoscaling: {queue: {}}`)},
		want:  []string{`p: SecondAutoscaler: spec.autoscaling.queue of MiniCluster "a": it is scaled by "first" already: remove one of the two`},
	},
	{
		rule: "autoscaler-single", kind: violating, name: "a Patch of what the queue scales",
		stack: []string{patchOf(`maxSize: 4`), scaler("")}, outputs: map[string]string{"p": `{spec: {autoscaling: {queue: {}}}}`},
		want: []string{`h: SecondAutoscaler: spec.scaleTargetRef.name "a" is scaled by its queue already (spec.autoscaling.queue): remove one of the two`},
	},
	{
		rule: "autoscaler-single", kind: violating, name: "a Patch of somebody else's HPA", stack: []string{queued, scalerPatch(`maxReplicas: 3`)},
		outputs: map[string]string{"p": `{spec: {` + reference + `maxReplicas: 3}}`},
		want:    []string{`p: SecondAutoscaler: spec.scaleTargetRef.name "a" is scaled by its queue already (spec.autoscaling.queue): remove one of the two`},
	},
	{
		rule: "autoscaler-single", kind: violating, name: "an HPA with a Patch is one", stack: []string{queued, scaler(""), scalerPatch(`maxReplicas: 3`)},
		want: []string{`h: SecondAutoscaler: spec.scaleTargetRef.name "a" is scaled by its queue already (spec.autoscaling.queue): remove one of the two`},
	},
	{
		rule: "autoscaler-single", kind: conforming, name: "an HPA in place of a queue", stack: []string{cluster, scaler("")},
		outputs: map[string]string{"m": `{spec: {autoscaling: {queue: {}}}}`},
	},
	{rule: "autoscaler-single", kind: conforming, name: "a queue alone", stack: []string{queued}},
	{rule: "autoscaler-single", kind: conforming, name: "a queue, and an HPA of another", stack: []string{
		queued, `hpa h {metadata: {namespace: other}, spec: {` + reference + `}}`, `mc o {metadata: {name: b, namespace: hpc}, spec: {autoscaling: {}}}`,
	}},
	{
		rule: "autoscaler-single", kind: notKnown, name: "whether the queue scales", stack: []string{`mc m {metadata: {name: a, namespace: hpc}, spec: {autoscaling: "?"}}`, scaler("")},
		want: []string{`h: NotKnownYet: cannot be checked yet: spec.autoscaling.queue is not known before the update`},
	},
	{
		rule: "autoscaler-single", kind: notKnown, name: "whom the HPA scales", stack: []string{queued, `hpa h {spec: {scaleTargetRef: {kind: MiniCluster, name: "?"}}}`},
		want: []string{`h: NotKnownYet: cannot be checked yet: spec.scaleTargetRef.name is not known before the update`},
	},
	{
		rule: "autoscaler-single", kind: notKnown, name: "which namespace", stack: []string{queued, `hpa h {metadata: {namespace: "?"}, spec: {` + reference + `}}`},
		want: []string{`h: NotKnownYet: cannot be checked yet: metadata.namespace is not known before the update`},
	},
	{
		rule: "autoscaler-single", kind: wrongType, name: "queue", stack: []string{`mc m {metadata: {name: a}, spec: {autoscaling: {queue: 60}}}`},
		want: []string{`m: Malformed: spec.autoscaling.queue 60 must be an object`},
	},
	{
		rule: "autoscaler-single", kind: wrongType, name: "autoscaling", stack: []string{`mc m {metadata: {name: a, namespace: hpc}, spec: {autoscaling: queue}}`, scaler("")},
		want: []string{`m: Malformed: spec.autoscaling "queue" must be an object`},
	},
	{
		rule: "autoscaler-owns-size", kind: violating, name: "beside a queue, changes are not ignored",
		stack: []string{`mc m {metadata: {name: a}, spec: {size: 2, autoscaling: {queue: {}}}}`},
		want:  []string{`m: SizePinned: spec.size 2 of MiniCluster "a" is the program's as well as the autoscaler's: ignore changes of "spec.size"`},
	},
	{
		rule: "autoscaler-owns-size", kind: violating, name: "a pinned size is told once",
		stack: []string{`mc m {metadata: {name: a, namespace: hpc}, spec: {size: 2, autoscaling: {queue: {}}}}`, patchOf(`autoscaling: {queue: {idleSeconds: 5}}`)},
		want:  []string{`m: SizePinned: spec.size 2 of MiniCluster "a" is the program's as well as the autoscaler's: ignore changes of "spec.size"`},
	},
	{
		rule: "autoscaler-owns-size", kind: violating, name: "taken back from a queue by force",
		stack: []string{`mc m {$ignoreChanges: spec.size, metadata: {name: a, annotations: {pulumi.com/patchForce: "true"}}, spec: {size: 2, autoscaling: {queue: {}}}}`},
		want:  []string{`m: SizePinned: annotation pulumi.com/patchForce "true" of MiniCluster "a" takes the size back from the autoscaler at each update: remove it`},
	},
	{
		rule: "autoscaler-owns-size", kind: violating, name: "a Patch pins what a queue scales", stack: []string{queued, patchOf(`size: 3`)},
		want: []string{`p: SizePinned: spec.size 3 of MiniCluster "a" is the program's as well as the autoscaler's: ignore changes of "spec.size"`},
	},
	{
		rule: "autoscaler-owns-size", kind: violating, name: "a Patch pins what somebody else's queue scales",
		stack: []string{patchOf(`size: 3`)}, outputs: map[string]string{"p": `{spec: {size: 3, autoscaling: {queue: {}}}}`},
		want: []string{`p: SizePinned: spec.size 3 of MiniCluster "a" is the program's as well as the autoscaler's: ignore changes of "spec.size"`},
	},
	{rule: "autoscaler-owns-size", kind: conforming, name: "left to the queue", stack: []string{queued, patchOf(`selfScaling: true`)}},
	{
		rule: "autoscaler-owns-size", kind: notKnown, name: "whether the queue scales", stack: []string{`mc m {metadata: {name: a}, spec: {size: 2, autoscaling: {queue: "?"}}}`},
		want: []string{`m: NotKnownYet: cannot be checked yet: spec.autoscaling.queue is not known before the update`},
	},
	{
		rule: "autoscaler-owns-size", kind: wrongType, name: "queue", stack: []string{`mc m {metadata: {name: a}, spec: {size: 2, autoscaling: {queue: true}}}`},
		want: []string{`m: Malformed: spec.autoscaling.queue true must be an object`},
	},
	{rule: "autoscaler-requests", kind: conforming, name: "a queue measures no CPU", stack: []string{queued}},
	{rule: "autoscaler-cpu-target", kind: conforming, name: "a queue has none", stack: []string{queued}},
	{rule: "metrics-server", kind: conforming, name: "a queue needs none", stack: []string{`kind k {}`, queued}},
}
