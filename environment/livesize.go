package environment

import (
	"context"
	"fmt"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/gopherlocks/gopherlocks/components"
	"github.com/gopherlocks/gopherlocks/config"
	"github.com/gopherlocks/gopherlocks/declared"
	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
)

// liveSizeTimeout is how long a preview waits for a cluster's answer. One that
// does not answer at all is Pulumi's to report.
const liveSizeTimeout = 3 * time.Second

// tellLiveSize has a preview say from which size to which an update would take a
// MiniCluster: one whose size the configuration owns, and one that others have scaled
// below a minSize that is raised. Pulumi compares with the size that it saw last: of a
// `kubectl scale` since then it knows nothing, and takes it back without a word
// together with any other change.
func tellLiveSize(ctx *pulumi.Context, cluster *components.Cluster, m config.MiniCluster, made *components.MiniCluster) {
	if !ctx.DryRun() || !m.OwnsSize() && m.MinSize <= 1 {
		return
	}
	// Before there is a cluster its kubeconfig is unknown, and this does not run.
	// The program waits for it because of the URN, an output of a resource.
	pulumi.All(cluster.Kubeconfig, made.URN()).ApplyT(func(known []any) error {
		live, err := readLiveSize(ctx.Context(), known[0].(string), components.Literal(m.Namespace), m.Name)
		notice := live.notice(m)
		if err != nil || notice == "" {
			return nil // A preview of what is not there yet, or of no change.
		}
		return ctx.Log.Info(notice, &pulumi.LogArgs{Resource: made})
	})
}

// liveSize is what a MiniCluster in the cluster wishes for, and how many ranks the
// operator works towards.
type liveSize struct{ wished, desired int }

// notice is empty where the size stays.
func (live liveSize) notice(m config.MiniCluster) string {
	if !m.OwnsSize() {
		if max(live.wished, live.desired) >= m.MinSize {
			return ""
		}
		return fmt.Sprintf("MiniCluster %s: size %d in the cluster is below minSize %d: with this update it grows to %d",
			m.ResourceName(), live.wished, m.MinSize, m.MinSize)
	}
	if live.wished == *m.Size {
		return ""
	}
	return fmt.Sprintf("MiniCluster %s: size %d in the cluster, %d in the configuration. If this preview updates the MiniCluster, "+
		"it goes from %d to %d; if not, pulumi up --refresh takes it there",
		m.ResourceName(), live.wished, *m.Size, live.wished, *m.Size)
}

// readLiveSize asks a cluster for spec.size and status.desired.
func readLiveSize(ctx context.Context, kubeconfig, namespace, name string) (liveSize, error) {
	clientConfig, err := clientcmd.RESTConfigFromKubeConfig([]byte(kubeconfig))
	if err != nil {
		return liveSize{}, fmt.Errorf("kubeconfig: %w", err)
	}
	clientConfig.Timeout = liveSizeTimeout
	client, err := dynamic.NewForConfig(clientConfig)
	if err != nil {
		return liveSize{}, fmt.Errorf("client of the cluster: %w", err)
	}
	kind := api.GroupVersion.WithResource(declared.MiniClusters.Resource)
	object, err := client.Resource(kind).Namespace(namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return liveSize{}, fmt.Errorf("MiniCluster %s/%s: %w", namespace, name, err)
	}
	wished, _, err := unstructured.NestedInt64(object.Object, "spec", "size")
	if err != nil {
		return liveSize{}, fmt.Errorf("MiniCluster %s/%s: %w", namespace, name, err)
	}
	desired, _, err := unstructured.NestedInt64(object.Object, "status", "desired")
	return liveSize{wished: int(wished), desired: int(desired)}, err
}
