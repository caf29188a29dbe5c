package containerengine

import (
	"fmt"
	"strings"

	"github.com/gopherlocks/gopherlocks/stackcluster"
)

// NoneError says that no engine works, and of each one why.
type NoneError struct {
	// Chosen is the value of Variable.
	Chosen string
	Causes []Cause
}

// Cause is why an engine cannot be used.
type Cause struct {
	Program string
	Err     error
}

// Is reports [stackcluster.ErrNoEngine] if no engine is installed and the user has
// chosen none.
func (e *NoneError) Is(target error) bool {
	_, missing := e.split()
	return target == stackcluster.ErrNoEngine && e.Chosen == "" && len(missing) == len(e.Causes)
}

// split returns what is wrong with the installed engines, and the names of the
// missing ones.
func (e *NoneError) split() (broken, missing []string) {
	for _, cause := range e.Causes {
		if isMissing(cause.Err) {
			missing = append(missing, cause.Program)
		} else {
			broken = append(broken, cause.Err.Error())
		}
	}
	return broken, missing
}

func (e *NoneError) Error() string {
	broken, missing := e.split()
	switch {
	case e.Chosen != "" && len(e.Causes) == 0:
		return fmt.Sprintf("%s=%s: no such engine; take docker, nerdctl, finch or podman, or unset it", Variable, e.Chosen)
	case e.Chosen != "" && len(missing) > 0:
		return fmt.Sprintf("%s=%s, and %s is not on PATH: install it, or unset %s", Variable, e.Chosen, e.Chosen, Variable)
	case e.Chosen != "":
		return fmt.Sprintf("%s (%s=%s allows no other engine)", broken[0], Variable, e.Chosen)
	case len(broken) == 0:
		return fmt.Sprintf("no container engine: none of %s is on PATH. Install Docker Engine, "+
			"https://docs.docker.com/engine/install/, and run the command again", enumerate(missing))
	case len(missing) == 1:
		broken = append(broken, missing[0]+" is not on PATH")
	case len(missing) > 1:
		broken = append(broken, enumerate(missing)+" are not on PATH")
	}
	return strings.Join(broken, "; ")
}

// Unwrap returns the causes.
func (e *NoneError) Unwrap() []error {
	var causes []error
	for _, cause := range e.Causes {
		causes = append(causes, cause.Err)
	}
	return causes
}

func enumerate(names []string) string {
	last := len(names) - 1
	if last < 1 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:last], ", ") + " and " + names[last]
}
