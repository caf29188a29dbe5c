// Command kubeadm is upstream's kubeadm, unchanged. Only node images of kind need
// it. It is a separate program, so that other clusters do not wait for it.
package main

import (
	"k8s.io/kubernetes/cmd/kubeadm/app"
	utilerrors "k8s.io/kubernetes/cmd/kubeadm/app/util/errors"
)

func main() { utilerrors.HandleError(app.Run()) }
