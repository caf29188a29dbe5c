package plan

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"

	"github.com/gopherlocks/gopherlocks/operator/internal/build"
)

// sideServices returns the Services of containers beside the rank that are missing or
// are not as they must be, and says which are left out: as with the Flux Operator, the
// first MiniCluster of a namespace whose container has a name has the Service. No rank
// needs it to begin.
func sideServices(o Observed) (wanted []*corev1ac.ServiceApplyConfiguration, leftOut []string) {
	for _, service := range build.SideServices(o.MiniCluster) {
		i := slices.IndexFunc(o.SideServices, func(s corev1.Service) bool { return s.Name == *service.Name })
		if i < 0 {
			wanted = append(wanted, service)
			continue
		}
		there := &o.SideServices[i]
		switch {
		case !metav1.IsControlledBy(there, o.MiniCluster):
			// That of an earlier MiniCluster of this name goes soon, which is seen.
			if !ofEarlier(o.MiniCluster, there) {
				leftOut = append(leftOut, fmt.Sprintf("the container %s has no Service: one of this name belongs to somebody else", there.Name))
			}
		case there.DeletionTimestamp == nil && !build.UpToDate(service, there):
			pin(there, service)
			wanted = append(wanted, service)
		}
	}
	return wanted, leftOut
}
