//go:build !linux

package embedded

import (
	"context"
	"fmt"
	"runtime"
)

func errUnsupported() error {
	return fmt.Errorf("an embedded cluster needs Linux, and this is %s; use an existing cluster instead: "+
		"pulumi config set clusterProvider existing", runtime.GOOS)
}

// RunNode does nothing here: there are no nodes.
func RunNode() {}

func create(context.Context, Spec, Progress) (Cluster, error) { return Cluster{}, errUnsupported() }

func update(context.Context, Spec, Progress) (Cluster, error) { return Cluster{}, errUnsupported() }

func inspect(Ref) (Cluster, error) { return Cluster{}, errUnsupported() }

func findDrift(Ref) (Drift, error) { return Drift{}, errUnsupported() }

func remove(context.Context, Ref, Progress) error { return errUnsupported() }
