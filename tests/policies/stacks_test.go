package policies

import "maps"

type object = map[string]any

// miniCluster declares a MiniCluster that keeps to every rule, with changes to its
// spec.
func miniCluster(name string, changes object) declared {
	spec := object{
		"size": 2, "minSize": 2, "maxSize": 4,
		"containers": []any{object{"image": "rockylinux:9", "resources": object{"requests": object{"cpu": "1"}}}},
	}
	maps.Copy(spec, changes)
	return declared{Type: "kubernetes:flux-framework.org/v1alpha2:MiniCluster", Name: name, Properties: object{
		"apiVersion": "flux-framework.org/v1alpha2", "kind": "MiniCluster",
		"metadata": object{"name": name, "namespace": "hpc"}, "spec": spec,
	}}
}

// under makes a resource belong to one before it.
func (d declared) under(parent string) declared {
	d.Parent = parent
	return d
}

// live adds the status of ranks that exist.
func (d declared) live(size int) declared {
	d.Properties["status"] = object{"size": size}
	return d
}

// autoscaled leaves the size to an autoscaler.
func (d declared) autoscaled() declared {
	d.IgnoreChanges = []string{"spec.size"}
	return d
}

// autoscaler declares an autoscaler that keeps to every rule, with changes to its
// spec.
func autoscaler(name, target string, changes object) declared {
	spec := object{
		"minReplicas": 2, "maxReplicas": 4, "metrics": []any{cpu(50)},
		"scaleTargetRef": object{"apiVersion": "flux-framework.org/v1alpha2", "kind": "MiniCluster", "name": target},
	}
	maps.Copy(spec, changes)
	return declared{Type: "kubernetes:autoscaling/v2:HorizontalPodAutoscaler", Name: name, Properties: object{
		"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
		"metadata": object{"name": name, "namespace": "hpc"}, "spec": spec,
	}}
}

// patch makes a Patch of an object: it declares some of its fields, and somebody else
// has the object.
func patch(name string, of declared, spec object) declared {
	return declared{Type: of.Type + "Patch", Name: name, Properties: object{
		"apiVersion": of.Properties["apiVersion"], "kind": of.Properties["kind"],
		"metadata": of.Properties["metadata"], "spec": spec,
	}}
}

func cpu(target any) object {
	return object{"type": "Resource", "resource": object{
		"name": "cpu", "target": object{"type": "Utilization", "averageUtilization": target},
	}}
}

// component declares what the program says of a MiniCluster.
func component(name string, inputs object) declared {
	return declared{Type: "gopherlocks:components:MiniCluster", Name: name, Component: true, Properties: inputs}
}

func kindCluster(nodeImage any) declared {
	return declared{Type: "gopherlocks:index:KindCluster", Name: "cluster", Component: true, Properties: object{"nodeImage": nodeImage}}
}

var metricsServer = declared{Type: "gopherlocks:components:MetricsServer", Name: "metrics-server", Component: true, Properties: object{}}

// conforming is a stack that no rule has anything to say about.
var conforming = []declared{
	kindCluster("kindest/node:v1.34.2"), metricsServer,
	miniCluster("fixed", nil).live(2),
	miniCluster("scaled", nil).autoscaled(), autoscaler("scaler", "scaled", nil),
	miniCluster("queued", object{"autoscaling": object{"queue": object{}}, "containers": []any{object{"image": "rockylinux:9"}}}).autoscaled(),
	component("wish", object{"name": "wish", "namespace": "hpc", "size": 2, "minSize": 2, "maxSize": 4}),
}
