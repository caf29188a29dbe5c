package rules

import "fmt"

// cluster is a MiniCluster that an autoscaler may scale.
const cluster = `mc m {$ignoreChanges: spec.size, metadata: {name: a, namespace: hpc}, spec: {size: 2, minSize: 2, maxSize: 4,` +
	` containers: [{name: a, resources: {requests: {cpu: 100m}}}]}}`

// scaler is an autoscaler of it; more are fields of its spec.
func scaler(more string) string {
	return fmt.Sprintf(`hpa h {metadata: {name: first, namespace: hpc}, spec: {minReplicas: 2, maxReplicas: 4, %s%s}}`, reference, more)
}

const reference = `scaleTargetRef: {apiVersion: flux-framework.org/v1alpha2, kind: MiniCluster, name: a}, `

// ranksWanted is that of an autoscaler which combines metrics of the queue.
const ranksWanted = `metrics: [{type: Object, object: {metric: {name: ranks_wanted_count},` +
	` describedObject: {apiVersion: flux-framework.org/v1alpha2, kind: MiniCluster, name: a}, target: {type: AverageValue, averageValue: "1"}}}]`

// utilization is a metric of an autoscaler.
func utilization(target any) string {
	return fmt.Sprintf(`metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: %v}}}]`, target)
}

var autoscalerCases = []testCase{
	{
		rule: "autoscaler-target", kind: violating, name: "version that is not served",
		stack: []string{cluster, `hpa h {metadata: {namespace: hpc}, spec: {scaleTargetRef: {apiVersion: flux-framework.org/v1, kind: MiniCluster, name: a}}}`},
		want: []string{
			`h: WrongScaleTarget: spec.scaleTargetRef.apiVersion "flux-framework.org/v1" must be flux-framework.org/v1alpha2 or flux-framework.org/v1alpha1`,
		},
	},
	{
		rule: "autoscaler-target", kind: violating, name: "kind in other letters",
		stack: []string{cluster, `hpa h {metadata: {namespace: hpc}, spec: {scaleTargetRef: {apiVersion: flux-framework.org/v1alpha1, kind: Minicluster, name: a}}}`},
		want:  []string{`h: WrongScaleTarget: spec.scaleTargetRef.kind "Minicluster" must be MiniCluster`},
	},
	{
		rule: "autoscaler-target", kind: violating, name: "not in the stack",
		stack: []string{cluster, `hpa h {metadata: {namespace: hpc}, spec: {scaleTargetRef: {apiVersion: flux-framework.org/v1alpha1, kind: MiniCluster, name: b}}}`},
		want:  []string{`h: ScaleTargetMissing: spec.scaleTargetRef.name "b": this stack has no such MiniCluster in namespace "hpc"`},
	},
	{
		rule: "autoscaler-target", kind: violating, name: "in another namespace",
		stack: []string{cluster, `hpa h {spec: {` + reference + `}}`},
		want:  []string{`h: ScaleTargetMissing: spec.scaleTargetRef.name "a": this stack has no such MiniCluster in namespace default`},
	},
	{rule: "autoscaler-target", kind: conforming, name: "in the stack", stack: []string{cluster, scaler("")}},
	{rule: "autoscaler-target", kind: conforming, name: "before its MiniCluster", running: true, stack: []string{scaler("")}},
	{rule: "autoscaler-target", kind: conforming, name: "of something else", stack: []string{
		`hpa h {spec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}}}`,
	}},
	{rule: "autoscaler-target", kind: conforming, name: "in a namespace that is not known", stack: []string{
		cluster, `hpa h {metadata: {namespace: "?"}, spec: {` + reference + `}}`,
	}},
	{
		rule: "autoscaler-bounds", kind: notKnown, name: "which of two", stack: []string{
			cluster, `mc o {metadata: {name: a, namespace: "?"}, spec: {maxSize: 9}}`, `hpa h {metadata: {namespace: "?"}, spec: {maxReplicas: 9, ` + reference + `}}`,
		},
		want: []string{`h: NotKnownYet: cannot be checked yet: metadata.namespace is not known before the update`},
	},
	{
		rule: "autoscaler-single", kind: notKnown, name: "namespaces",
		stack: []string{`hpa h {metadata: {namespace: "?"}, spec: {` + reference + `}}`, `hpa i {metadata: {namespace: "?"}, spec: {` + reference + `}}`},
		want:  []string{`i: NotKnownYet: cannot be checked yet: metadata.namespace is not known before the update`},
	},
	{
		rule: "autoscaler-owns-size", kind: notKnown, name: "which MiniCluster",
		stack: []string{`mc m {metadata: {name: a}, spec: {size: 2}}`, `hpa h {spec: {scaleTargetRef: "?"}}`},
		want:  []string{`h: NotKnownYet: cannot be checked yet: spec.scaleTargetRef.name is not known before the update`},
	},
	{
		rule: "autoscaler-target", kind: notKnown, name: "reference", stack: []string{`hpa h {spec: {scaleTargetRef: "?"}}`},
		want: []string{
			`h: NotKnownYet: cannot be checked yet: spec.scaleTargetRef.apiVersion, spec.scaleTargetRef.kind, spec.scaleTargetRef.name are not known before the update`,
		},
	},
	{
		rule: "autoscaler-target", kind: wrongType, name: "reference", stack: []string{`hpa h {spec: {scaleTargetRef: a}}`},
		want: []string{`h: Malformed: spec.scaleTargetRef "a" must be an object`},
	},
	{
		rule: "autoscaler-target", kind: wrongType, name: "no name", stack: []string{`hpa h {spec: {scaleTargetRef: {apiVersion: flux-framework.org/v1alpha2, kind: MiniCluster}}}`},
		want: []string{`h: Malformed: spec.scaleTargetRef.name (not set) must be a text`},
	},
	{
		rule: "autoscaler-bounds", kind: violating, name: "wider than the MiniCluster",
		stack: []string{cluster, `hpa h {metadata: {namespace: hpc}, spec: {minReplicas: 1, maxReplicas: 9, ` + reference + `}}`},
		want: []string{
			`h: MinReplicasTooSmall: minReplicas 1 must be at least minSize 2`, `h: MaxReplicasTooLarge: maxReplicas 9 must be at most maxSize 4`,
		},
	},
	{
		rule: "autoscaler-bounds", kind: violating, name: "default of minReplicas",
		stack: []string{cluster, `hpa1 h {metadata: {namespace: hpc}, spec: {maxReplicas: 4, ` + reference + `}}`},
		want:  []string{`h: MinReplicasTooSmall: minReplicas 1 must be at least minSize 2`},
	},
	{rule: "autoscaler-bounds", kind: conforming, name: "within", stack: []string{cluster, scaler("")}},
	{rule: "autoscaler-bounds", kind: conforming, name: "before its MiniCluster", running: true, stack: []string{scaler("")}},
	{
		rule: "autoscaler-bounds", kind: notKnown, name: "sizes of the MiniCluster",
		stack: []string{`mc m {metadata: {name: a, namespace: hpc}, spec: {maxSize: "?"}}`, scaler("")},
		want:  []string{`h: NotKnownYet: cannot be checked yet: spec.maxSize is not known before the update`},
	},
	{
		rule: "autoscaler-bounds", kind: wrongType, name: "no maxReplicas",
		stack: []string{cluster, `hpa h {spec: {minReplicas: [], ` + reference + `}}`},
		want: []string{
			`h: Malformed: spec.minReplicas (a list) must be a whole number of at most 32 bits`,
			`h: Malformed: spec.maxReplicas (not set) must be a whole number of at most 32 bits`,
		},
	},
	{
		rule: "autoscaler-single", kind: violating, name: "two",
		stack: []string{cluster, scaler(""), `hpa1 i {metadata: {name: second, namespace: hpc}, spec: {` + reference + `}}`},
		want:  []string{`i: SecondAutoscaler: spec.scaleTargetRef.name "a" is scaled by "first" already: remove one of the two`},
	},
	{rule: "autoscaler-single", kind: conforming, name: "one each", stack: []string{scaler(""), `hpa i {metadata: {namespace: other}, spec: {` + reference + `}}`}},
	{
		rule: "autoscaler-single", kind: notKnown, name: "name",
		stack: []string{`hpa h {spec: {scaleTargetRef: {kind: MiniCluster, name: "?"}}}`},
		want:  []string{`h: NotKnownYet: cannot be checked yet: spec.scaleTargetRef.name is not known before the update`},
	},
	{
		rule: "autoscaler-single", kind: wrongType, name: "name",
		stack: []string{`hpa h {spec: {scaleTargetRef: {kind: MiniCluster, name: 3}}}`},
		want:  []string{`h: Malformed: spec.scaleTargetRef.name 3 must be a text`},
	},
	{
		rule: "autoscaler-cpu-target", kind: violating, name: "out of range", settings: Settings{"minimum": 5.0},
		stack: []string{scaler(utilization(120)), `hpa1 i {spec: {targetCPUUtilizationPercentage: 4, ` + reference + `}}`},
		want: []string{
			`h: CPUTargetOutOfRange: spec.metrics[0].resource.target.averageUtilization 120 must be at most 100 (percent of the CPU request)`,
			`i: CPUTargetOutOfRange: spec.targetCPUUtilizationPercentage 4 must be at least 5 (percent of the CPU request)`,
		},
	},
	{
		rule: "autoscaler-cpu-target", kind: violating, name: "Kubernetes' default", settings: Settings{"maximum": 70.0},
		stack: []string{scaler("")},
		want:  []string{`h: CPUTargetOutOfRange: spec.metrics 80 (the default) must be at most 70 (percent of the CPU request)`},
	},
	{rule: "autoscaler-cpu-target", kind: conforming, name: "in range", stack: []string{scaler(utilization(50))}},
	{rule: "autoscaler-cpu-target", kind: conforming, name: "other metrics", stack: []string{
		scaler(`metrics: [{type: External, external: {metric: {name: queue}}}, {type: Resource, resource: {name: cpu, target: {type: AverageValue, averageValue: 1}}}]`),
	}},
	{rule: "autoscaler-cpu-target", kind: conforming, name: "metric of the queue", stack: []string{scaler(ranksWanted)}},
	{
		rule: "autoscaler-cpu-target", kind: notKnown, name: "target", stack: []string{scaler(utilization(`"?"`))},
		want: []string{`h: NotKnownYet: cannot be checked yet: spec.metrics[0].resource.target.averageUtilization is not known before the update`},
	},
	{
		rule: "autoscaler-cpu-target", kind: wrongType, name: "metrics", stack: []string{scaler(`metrics: cpu`)},
		want: []string{`h: Malformed: spec.metrics "cpu" must be a list`},
	},
	{
		rule: "autoscaler-cpu-floor", kind: violating, name: "demo value", stack: []string{scaler(utilization(2))},
		want: []string{
			`h: LowCPUTarget: spec.metrics[0].resource.target.averageUtilization 2 is below 10 (percent of the CPU request): nearly any load makes the MiniCluster grow to maxSize`,
		},
	},
	{rule: "autoscaler-cpu-floor", kind: conforming, name: "at the floor", settings: Settings{"floor": 2.0}, stack: []string{scaler(utilization(2))}},
	{
		rule: "autoscaler-cpu-floor", kind: notKnown, name: "metrics", stack: []string{scaler(`metrics: "?"`)},
		want: []string{`h: NotKnownYet: cannot be checked yet: spec.metrics is not known before the update`},
	},
	{
		rule: "autoscaler-cpu-floor", kind: wrongType, name: "target", stack: []string{scaler(utilization("high"))},
		want: []string{`h: Malformed: spec.metrics[0].resource.target.averageUtilization "high" must be a whole number of at most 32 bits`},
	},
}

var ownershipCases = []testCase{
	{
		rule: "autoscaler-requests", kind: violating, name: "side container", stack: []string{
			`mc m {metadata: {name: a, namespace: hpc}, spec: {containers: [{resources: {requests: {cpu: 1}}}, {resources: {requests: {memory: 1Gi}}}]}}`, scaler(""),
		},
		want: []string{
			`h: RequestMissing: spec.containers[1].resources.requests.cpu (not set) of MiniCluster "a" must be more than 0: the autoscaler measures use in percent of it`,
		},
	},
	{
		rule: "autoscaler-requests", kind: violating, name: "nothing", stack: []string{
			`mc m {metadata: {name: a, namespace: hpc}, spec: {containers: [{resources: {requests: {cpu: "0"}}}]}}`, scaler(""),
		},
		want: []string{
			`h: RequestMissing: spec.containers[0].resources.requests.cpu "0" of MiniCluster "a" must be more than 0: the autoscaler measures use in percent of it`,
		},
	},
	{rule: "autoscaler-requests", kind: conforming, name: "requested", stack: []string{cluster, scaler(utilization(50))}},
	{rule: "autoscaler-requests", kind: conforming, name: "limits are requests", stack: []string{
		`mc m {metadata: {name: a, namespace: hpc}, spec: {containers: [{resources: {limits: {cpu: 1}}}]}}`, scaler(""),
	}},
	{rule: "autoscaler-requests", kind: conforming, name: "metric of one container", stack: []string{
		`mc m {metadata: {name: a, namespace: hpc}, spec: {containers: [{name: a, resources: {requests: {memory: 1Gi}}}, {name: side}]}}`,
		scaler(`metrics: [{type: ContainerResource, containerResource: {name: memory, container: a, target: {type: Utilization, averageUtilization: 60}}}]`),
	}},
	{rule: "autoscaler-requests", kind: conforming, name: "metric of the queue", stack: []string{
		`mc m {metadata: {name: a, namespace: hpc}, spec: {containers: [{}]}}`, scaler(ranksWanted),
	}},
	{rule: "autoscaler-requests", kind: conforming, name: "without autoscaler", stack: []string{`mc m {spec: {containers: [{}]}}`}},
	{
		rule: "autoscaler-requests", kind: notKnown, name: "resources",
		stack: []string{`mc m {metadata: {name: a, namespace: hpc}, spec: {containers: [{resources: "?"}]}}`, scaler("")},
		want:  []string{`h: NotKnownYet: cannot be checked yet: spec.containers[0].resources.requests.cpu is not known before the update`},
	},
	{
		rule: "autoscaler-requests", kind: wrongType, name: "containers",
		stack: []string{`mc m {metadata: {name: a, namespace: hpc}, spec: {containers: {a: {}}}}`, scaler("")},
		want:  []string{`h: Malformed: spec.containers (an object) must be a list`},
	},
	{
		rule: "autoscaler-requests", kind: wrongType, name: "quantity",
		stack: []string{`mc m {metadata: {name: a, namespace: hpc}, spec: {containers: [{resources: {requests: {cpu: much}}}]}}`, scaler("")},
		want:  []string{`h: Malformed: spec.containers[0].resources.requests.cpu "much" must be a quantity, such as 100m or 64Mi`},
	},
	{
		rule: "autoscaler-owns-size", kind: violating, name: "taken back by force",
		stack: []string{
			`mc m {$ignoreChanges: spec, metadata: {name: a, namespace: hpc, annotations: {pulumi.com/patchForce: "true"}}, spec: {size: 2}}`, scaler(""),
		},
		want: []string{
			`h: SizePinned: annotation pulumi.com/patchForce "true" of MiniCluster "a" takes the size back from the autoscaler at each update: remove it`,
		},
	},
	{
		rule: "autoscaler-owns-size", kind: violating, name: "changes are not ignored",
		stack: []string{`mc m {metadata: {name: a, namespace: hpc}, spec: {size: 2}}`, scaler("")},
		want:  []string{`h: SizePinned: spec.size 2 of MiniCluster "a" is the program's as well as the autoscaler's: ignore changes of "spec.size"`},
	},
	{rule: "autoscaler-owns-size", kind: conforming, name: "left to the autoscaler", stack: []string{cluster, scaler("")}},
	{rule: "autoscaler-owns-size", kind: conforming, name: "size that is not declared", stack: []string{`mc m {metadata: {name: a, namespace: hpc}, spec: {}}`, scaler("")}},
	{rule: "autoscaler-owns-size", kind: conforming, name: "without autoscaler", stack: []string{`mc m {metadata: {name: a, annotations: {pulumi.com/patchForce: "true"}}, spec: {size: 2}}`}},
	{
		rule: "autoscaler-owns-size", kind: notKnown, name: "annotations",
		stack: []string{`mc m {metadata: {name: a, namespace: hpc, annotations: "?"}}`, scaler("")},
		want:  []string{`h: NotKnownYet: cannot be checked yet: metadata.annotations.pulumi.com/patchForce is not known before the update`},
	},
	{
		rule: "autoscaler-owns-size", kind: wrongType, name: "annotation",
		stack: []string{`mc m {metadata: {name: a, namespace: hpc, annotations: {pulumi.com/patchForce: true}}}`, scaler("")},
		want:  []string{`h: Malformed: metadata.annotations.pulumi.com/patchForce true must be a text`},
	},
}
