// Command kubeadm is upstream's kubeadm, unchanged. Only node images of kind
// need it, so it is a program of its own that other clusters do not wait for.
package main

import (
	"k8s.io/kubernetes/cmd/kubeadm/app"
	utilerrors "k8s.io/kubernetes/cmd/kubeadm/app/util/errors"
)

func main() { utilerrors.HandleError(app.Run()) }
