package rules

const missing = `h: MetricsServerMissing: this stack has an autoscaler and no metrics-server: install it, ` +
	`or say that the cluster has one (option provided of this policy, or pulumi config set gopherlocks:metricsServer skip)`

var clusterCases = []testCase{
	{rule: "metrics-server", kind: violating, name: "none", stack: []string{`embedded e {name: dev}`, cluster, scaler("")}, want: []string{missing}},
	{
		rule: "metrics-server", kind: violating, name: "the program was to install it", config: map[string]string{"gopherlocks:metricsServer": "install"},
		stack: []string{`operator o {}`, scaler("")}, want: []string{missing},
	},
	{rule: "metrics-server", kind: conforming, name: "MiniClusters alone", stack: []string{cluster, scaler("")}},
	{rule: "metrics-server", kind: conforming, name: "more to come", running: true, stack: []string{`operator o {}`, scaler("")}},
	{rule: "metrics-server", kind: conforming, name: "component", stack: []string{`operator o {}`, scaler(""), `metrics s {}`}},
	{rule: "metrics-server", kind: conforming, name: "Deployment", stack: []string{`operator o {}`, scaler(""), `deploy s {metadata: {name: metrics-server}}`}},
	{rule: "metrics-server", kind: conforming, name: "APIService", stack: []string{`operator o {}`, scaler(""), `api s {spec: {group: metrics.k8s.io}}`}},
	{rule: "metrics-server", kind: conforming, name: "Helm", stack: []string{`operator o {}`, scaler(""), `helm s {chart: metrics-server}`}},
	{rule: "metrics-server", kind: conforming, name: "the cluster has one", settings: Settings{"provided": true}, stack: []string{`operator o {}`, scaler("")}},
	{
		rule: "metrics-server", kind: conforming, name: "the configuration skips it",
		config: map[string]string{"gopherlocks:metricsServer": "skip"}, stack: []string{`operator o {}`, scaler("")},
	},
	{
		rule: "metrics-server", kind: conforming, name: "the program has found one",
		config: map[string]string{"gopherlocks:metricsServer": "auto"},
		stack:  []string{`taken c {existing: {context: mine, metricsServedBy: Service kube-system/metrics-server}}`, scaler("")},
	},
	{
		rule: "metrics-server", kind: violating, name: "the program has found none",
		config: map[string]string{"gopherlocks:metricsServer": "auto"},
		stack:  []string{`taken c {existing: {context: mine}}`, scaler("")}, want: []string{missing},
	},
	{rule: "metrics-server", kind: conforming, name: "no autoscaler", stack: []string{cluster}},
	{rule: "metrics-server", kind: conforming, name: "no metric of pods", stack: []string{`operator o {}`, scaler(`metrics: [{type: External}]`)}},
	{rule: "metrics-server", kind: conforming, name: "metric of the queue", stack: []string{`operator o {}`, scaler(ranksWanted)}},
	{
		rule: "metrics-server", kind: notKnown, name: "metrics", stack: []string{`operator o {}`, scaler(`metrics: "?"`), `metrics s {}`},
		want: []string{`h: NotKnownYet: cannot be checked yet: spec.metrics is not known before the update`},
	},
	{
		rule: "metrics-server", kind: wrongType, name: "metric", stack: []string{`operator o {}`, scaler(`metrics: [cpu]`), `metrics s {}`},
		want: []string{`h: Malformed: spec.metrics[0] "cpu" must be an object`},
	},
	{
		rule: "kubernetes-version", kind: violating, name: "answered", stack: []string{`embedded e {name: dev}`},
		outputs: map[string]string{"e": `{kubernetesVersion: v1.29.15}`},
		want:    []string{`e: KubernetesTooOld: kubernetesVersion "v1.29.15" must be at least 1.30`},
	},
	{
		rule: "kubernetes-version", kind: violating, name: "wished, and image of a node", settings: Settings{"minimum": "1.35"},
		stack: []string{`kind k {kubernetesVersion: "1.34"}`, `kind l {nodeImage: "kindest/node:v1.34.2@sha256:0000000000000000000000000000000000000000000000000000000000000000"}`},
		want: []string{
			`k: KubernetesTooOld: kubernetesVersion "1.34" must be at least 1.35`,
			`l: KubernetesTooOld: nodeImage "kindest/node:v1.34.2@sha256:0000000000000000000000000000000000000000000000000000000000000000" must be at least 1.35`,
		},
	},
	{
		rule: "kubernetes-version", kind: conforming, name: "recent", stack: []string{`embedded e {name: dev}`, `kind k {kubernetesVersion: v1.30.0}`},
		outputs: map[string]string{"e": `{kubernetesVersion: v1.34.2}`},
	},
	{
		rule: "kubernetes-version", kind: conforming, name: "image of one's own that answers", stack: []string{`kind k {nodeImage: my-node}`},
		outputs: map[string]string{"k": `{kubernetesVersion: v1.34.2}`},
	},
	{rule: "kubernetes-version", kind: conforming, name: "no cluster of ours", stack: []string{cluster}},
	{
		rule: "kubernetes-version", kind: notKnown, name: "before it exists", stack: []string{`embedded e {name: dev}`},
		outputs: map[string]string{"e": `{kubernetesVersion: "?"}`},
		want:    []string{`e: NotKnownYet: cannot be checked yet: kubernetesVersion is not known before the update`},
	},
	{
		rule: "kubernetes-version", kind: notKnown, name: "image of one's own", stack: []string{`kind k {nodeImage: my-node}`},
		want: []string{`k: NotKnownYet: cannot be checked yet: nodeImage "my-node", as a version of Kubernetes, is not known before the update`},
	},
	{
		rule: "kubernetes-version", kind: wrongType, name: "number", stack: []string{`kind k {kubernetesVersion: 1.3}`},
		want: []string{`k: Malformed: kubernetesVersion 1.3 must be a text`},
	},
}
