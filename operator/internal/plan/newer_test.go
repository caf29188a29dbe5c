package plan

import (
	"testing"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
)

// TestJobOfANewerOperatorIsKept: what this one does not know of the spec, it has not seen
// change.
func TestJobOfANewerOperatorIsKept(t *testing.T) {
	for fields, keeps := range map[string]bool{"": false, "1": false, "1000000": true} {
		o := changed()
		o.MiniCluster.Spec.Size = 2
		o.Job.Annotations[api.AnnotationSpecFields] = fields
		p := Make(o)
		if rests := p.DrainOrder != nil && p.DrainOrder.Rests(); rests == keeps {
			t.Errorf("%q fields: order %+v", fields, p.DrainOrder)
		}
		if !keeps {
			continue
		}
		if p.DrainOrder == nil || p.DrainOrder.Ranks.String() != "2-3" {
			t.Errorf("order %+v, want that it is scaled", p.DrainOrder)
		}
		if len(p.Hindrances) != 1 || p.Hindrances[0].Reason != api.ReasonNewerOperator {
			t.Errorf("hindrances %+v", p.Hindrances)
		}
		o.MiniCluster.Annotations = map[string]string{api.AnnotationRestart: "now"}
		if p = Make(o); p.DrainOrder == nil || !p.DrainOrder.Rests() || len(p.Hindrances) > 0 {
			t.Errorf("asked for a restart: order %+v, hindrances %+v", p.DrainOrder, p.Hindrances)
		}
	}
	o := working()
	o.Job.Annotations[api.AnnotationSpecFields] = "1000000"
	if p := Make(o); len(p.Hindrances) > 0 {
		t.Errorf("nothing has changed, and it is hindered: %+v", p.Hindrances)
	}
}
