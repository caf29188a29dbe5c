package cpu

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/client-go/rest"
)

// workloadPort is where the demo's lead serves the load.
const workloadPort = 8080

// setLoad asks the demo's lead, through the API server, to spread a load over
// the ranks.
func setLoad(ctx context.Context, pods rest.Interface, lead *corev1.Pod, cpu resource.Quantity) error {
	err := pods.Put().
		Namespace(lead.Namespace).Resource("pods").SubResource("proxy").
		Name(fmt.Sprintf("http:%s:%d", lead.Name, workloadPort)).
		Suffix("load").Param("cpu", cpu.String()).
		Do(ctx).Error()
	if err != nil {
		return fmt.Errorf("setting the load of %s/%s to %s (does the MiniCluster run the demo's image?): %w", lead.Namespace, lead.Name, &cpu, err)
	}
	return nil
}

// loadFor is a load that asks for one rank more than the maximum: the bound, not
// the load, then stops the growth.
func loadFor(o Observation, request resource.Quantity) resource.Quantity {
	perRank := request.MilliValue() * int64(o.Target) / 100
	return *resource.NewMilliQuantity(perRank*int64(o.Max+2), resource.DecimalSI)
}
