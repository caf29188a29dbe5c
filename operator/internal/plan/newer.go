package plan

import api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"

// madeByNewer tells of ranks that go on as they are, after the operator was set back to an
// earlier version. They are scaled as ever.
func (f facts) madeByNewer() finding {
	if !f.unknown || f.asked {
		return finding{}
	}
	return finding{hindrances: []Hindrance{{
		Reason: api.ReasonNewerOperator,
		Message: "a newer operator has made the Job, and this one cannot tell what has changed in the spec: the ranks go on as they are; " +
			"to have them made anew by this one: " + f.restartCommand(),
	}}}
}
