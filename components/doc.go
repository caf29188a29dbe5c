// Package components holds the parts of an environment as Pulumi components:
// a cluster, metrics-server, the operator, and a MiniCluster with its
// autoscaler. Each can be used alone; package environment wires them together.
//
// Every Kubernetes object has a fixed metadata.name, so that an update changes
// it in place and people find it by the name that the documentation uses.
package components
