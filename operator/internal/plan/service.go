package plan

import "github.com/gopherlocks/gopherlocks/operator/internal/build"

// planService creates the Service, or repairs it.
func planService(o Observed, p *Plan) {
	wanted := build.Service(o.MiniCluster)
	switch {
	case o.Service == nil:
		p.Service = wanted
	case o.Service.DeletionTimestamp == nil && !build.UpToDate(wanted, o.Service):
		p.Service = wanted
		pin(o.Service, p.Service)
	}
}
