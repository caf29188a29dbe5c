package plan

import (
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
)

// ForeignRetry is the time between two looks at an object of somebody else that has
// a MiniCluster's name. Such objects bear no label of ours, so that no watch tells
// when they go.
const ForeignRetry = time.Minute

// earlierRetry is the same for an object of an earlier MiniCluster, which the garbage
// collector is about to remove.
const earlierRetry = time.Second

// Foreign is the error that an object has a name which the MiniCluster needs, and
// another owner.
type Foreign struct {
	kind, name string
	// earlier tells that the owner was a MiniCluster of the same name.
	earlier bool
}

func (f *Foreign) Error() string {
	what := fmt.Sprintf("a %s called %q", f.kind, f.name)
	if f.earlier {
		return what + " of an earlier MiniCluster of this name is still to be removed"
	}
	return what + " exists and belongs to somebody else; delete it, or give the MiniCluster another name"
}

// CheckOwner returns what is wrong with an object of a kind that has one of the
// MiniCluster's names; nil when it is the MiniCluster's, or nobody's and of ours.
func CheckOwner(mc *api.MiniCluster, kind string, o metav1.Object) *Foreign {
	stray := isStray(mc, o)
	if metav1.IsControlledBy(o, mc) || stray && (o.GetDeletionTimestamp() == nil || kind == "Job") {
		return nil
	}
	return &Foreign{kind: kind, name: o.GetName(), earlier: stray || ofEarlier(mc, o)}
}

// ofEarlier tells whether the operator made the object for a MiniCluster that had
// the same name, and is no more.
func ofEarlier(mc *api.MiniCluster, o metav1.Object) bool {
	owner := metav1.GetControllerOf(o)
	return owner != nil && owner.Kind == api.Kind && owner.Name == mc.Name && o.GetLabels()[api.LabelMiniCluster] == mc.Name
}

// foreign returns the observed object that has another owner, if there is one.
func foreign(o Observed) *Foreign {
	if o.Service != nil {
		if f := CheckOwner(o.MiniCluster, "Service", o.Service); f != nil {
			return f
		}
	}
	if o.Job != nil {
		return CheckOwner(o.MiniCluster, "Job", o.Job)
	}
	return nil
}

// state returns the state that tells of the object, and after which time it is to be
// looked at again.
func (f *Foreign) state() (state string, retry time.Duration) {
	if f.earlier {
		return api.ReasonRecreating, earlierRetry
	}
	return api.ReasonNameConflict, ForeignRetry
}
