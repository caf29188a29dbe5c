package components

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/gopherlocks/gopherlocks/operator/bounds"
)

// maxNameLength leaves room for the rank in a pod's host name, a DNS label:
// "-99999" at most, as sizes end at bounds.Limit.
const maxNameLength = validation.DNS1035LabelMaxLength - 6

// Problem is a field that cannot work as it is.
type Problem struct {
	// Field is the name of the field, such as "size".
	Field string
	// Err names the field's value and its bound. For a size it is a
	// [bounds.Violation].
	Err error
}

func problem(field, format string, args ...any) Problem {
	return Problem{Field: field, Err: fmt.Errorf(format, args...)}
}

// Check returns every problem, none when the MiniCluster can be made. The image is
// not its business: what that may be depends on the cluster.
func (a MiniClusterArgs) Check() (found []Problem) {
	for _, check := range []func(MiniClusterArgs) []Problem{
		checkName, checkNamespace, checkSizes, checkAutoscale, checkQueueAutoscale, checkResources, checkDraining, checkRestart, checkPlacement, checkPullSecret,
	} {
		found = append(found, check(a)...)
	}
	return found
}

// check is all that must be right before the component can be declared.
func (a MiniClusterArgs) check() error {
	found := a.Check()
	if a.Image == nil {
		found = append(found, problem("image", "is not set"))
	}
	errs := make([]error, len(found))
	for i, p := range found {
		errs[i] = fmt.Errorf("MiniCluster %s: %s: %w", a.Name, p.Field, p.Err)
	}
	return errors.Join(errs...)
}

func checkName(a MiniClusterArgs) (found []Problem) {
	if a.Name == "" {
		found = append(found, problem("name", "is not set; give the MiniCluster a name"))
	} else {
		// It becomes the name of a Service and part of host names.
		for _, fault := range validation.IsDNS1035Label(a.Name) {
			found = append(found, problem("name", "%q: %s", a.Name, fault))
		}
	}
	if len(a.Name) > maxNameLength {
		found = append(found, problem("name", "%q has %d characters, of at most %d", a.Name, len(a.Name), maxNameLength))
	}
	return found
}

func checkNamespace(a MiniClusterArgs) (found []Problem) {
	if a.Namespace == nil {
		return []Problem{problem("namespace", "is not set")}
	}
	literal, ok := a.Namespace.(pulumi.String)
	if !ok {
		return nil // Known when the resource is there that it is from.
	}
	namespace := string(literal)
	for _, fault := range validation.IsDNS1123Label(namespace) {
		found = append(found, problem("namespace", "%q: %s", namespace, fault))
	}
	// The namespace of a MiniCluster is the stack's, and goes with its last one.
	if namespace == OperatorNamespace || strings.HasPrefix(namespace, "kube-") {
		found = append(found, problem("namespace", "%q belongs to the operator or to Kubernetes itself; take another namespace", namespace))
	}
	return found
}

func checkSizes(a MiniClusterArgs) (found []Problem) {
	// To the bounds rule a maxSize of 0 is one that is not set. Here there always
	// is one: a cluster that may grow without bound is not what anybody pays for.
	if a.MaxSize < 1 {
		found = append(found, problem("maxSize", "maxSize %d must be at least 1", a.MaxSize))
	}
	for _, v := range bounds.Check(a.sizes()) {
		// A size that nobody has chosen is not to blame: minSize is.
		if v.Field != "size" || a.Size != nil {
			found = append(found, Problem{Field: v.Field, Err: v})
		}
	}
	return found
}

func (a MiniClusterArgs) sizes() bounds.Sizes {
	return bounds.Sizes{Size: a.InitialSize(), MinSize: a.MinSize, MaxSize: a.MaxSize}
}

func checkDraining(a MiniClusterArgs) []Problem {
	return checkSeconds("drainTimeoutSeconds", a.DrainTimeoutSeconds, math.MaxInt32)
}

func checkPullSecret(a MiniClusterArgs) []Problem {
	return checkObjectName("imagePullSecret", a.ImagePullSecret)
}

// checkSeconds checks a time; nil is not set.
func checkSeconds(field string, seconds *int, most int) []Problem {
	if seconds == nil || *seconds >= 0 && *seconds <= most {
		return nil
	}
	return []Problem{problem(field, "%s %d must be from 0 to %d (seconds)", field, *seconds, most)}
}

// checkObjectName checks the name of an object in the namespace, as far as it is known.
func checkObjectName(field string, name pulumi.StringInput) (found []Problem) {
	if name := Literal(name); name != "" {
		for _, fault := range validation.IsDNS1123Subdomain(name) {
			found = append(found, problem(field, "%q: %s", name, fault))
		}
	}
	return found
}

// checkOneOf checks a choice; "" is not set.
func checkOneOf[T ~string](field, value string, choices ...T) []Problem {
	if value == "" || slices.Contains(choices, T(value)) {
		return nil
	}
	return []Problem{problem(field, "%s %q must be one of %q", field, value, choices)}
}
