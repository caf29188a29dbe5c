package config

import (
	"fmt"
	"math"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/gopherlocks/gopherlocks/operator/bounds"
)

// maxStabilization is the longest stabilization window that the API server
// takes, in seconds.
// Source: https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/horizontal-pod-autoscaler-v2/
const maxStabilization = 3600

// maxNameLength leaves room for the rank in a pod's host name, a DNS label:
// "-99999" at most, as sizes end at bounds.Limit.
const maxNameLength = validation.DNS1035LabelMaxLength - 6

// OperatorNamespace is where the operator is installed.
const OperatorNamespace = "gopherlocks-system"

// MiniCluster describes one MiniCluster and who chooses its size.
type MiniCluster struct {
	Name, Namespace string

	// Size is the number of ranks that the description insists on; nil means
	// that it begins with MinSize and belongs to whoever scales it from then on.
	// With Autoscale it is only the size to begin with.
	Size             *int
	MinSize, MaxSize int

	Autoscale              bool // whether an HPA chooses the size
	CPUTarget              int  // percent of the CPU request
	ScaleDownStabilization int  // seconds

	Flux                bool // whether the ranks are an instance of Flux
	Image, Command      string
	Resources           Resources
	SelfScaling         bool   // whether the ranks may scale their MiniCluster
	DrainTimeoutSeconds *int   // nil: the API's default
	Placement           string // how ranks are laid out over nodes; empty: the API's default
	TopologyKey         string // node label that they are spread over; empty: the API's default
	Protect             bool   // whether Pulumi refuses to delete it
	ImagePullSecret     string // empty: none

	// path is where it stands in the configuration, such as "miniClusters[1].";
	// empty for the one that the stack's own keys describe.
	path string
	// malformed are the names of fields whose values cannot be read: what is
	// there instead is not to be checked.
	malformed map[string]bool
}

// Problem is a field that cannot work as it is.
type Problem struct {
	// Field is the name of the field, such as "size".
	Field string
	// Err names the field's value and its bound. For a size it is a
	// [bounds.Violation].
	Err error
}

// InitialSize is the number of ranks to begin with.
func (m MiniCluster) InitialSize() int {
	if m.Size != nil {
		return *m.Size
	}
	return m.MinSize
}

// OwnsSize tells whether the description is what decides about the size from
// day to day, and not an HPA, the application or a person.
func (m MiniCluster) OwnsSize() bool { return m.Size != nil && !m.Autoscale }

// Check returns every problem, none when the MiniCluster can be made. Image and
// cluster are not its business: what they may be depends on each other.
func (m MiniCluster) Check() []Problem {
	var found []Problem
	for _, check := range []func(MiniCluster) []Problem{
		checkNames, checkSizes, checkAutoscaling, checkResources, checkDraining, checkPlacement, checkPullSecret,
	} {
		found = append(found, check(m)...)
	}
	return found
}

func problem(field, format string, args ...any) Problem {
	return Problem{Field: field, Err: fmt.Errorf(format, args...)}
}

func checkNames(m MiniCluster) (found []Problem) {
	if m.Name == "" {
		found = append(found, problem("name", "is not set; give the MiniCluster a name"))
	} else {
		// It becomes the name of a Service and part of host names.
		for _, fault := range validation.IsDNS1035Label(m.Name) {
			found = append(found, problem("name", "%q: %s", m.Name, fault))
		}
	}
	if len(m.Name) > maxNameLength {
		found = append(found, problem("name", "%q has %d characters, of at most %d", m.Name, len(m.Name), maxNameLength))
	}
	for _, fault := range validation.IsDNS1123Label(m.Namespace) {
		found = append(found, problem("namespace", "%q: %s", m.Namespace, fault))
	}
	// The namespace of a MiniCluster is the stack's, and goes with its last one.
	if m.Namespace == OperatorNamespace || strings.HasPrefix(m.Namespace, "kube-") {
		found = append(found, problem("namespace", "%q belongs to the operator or to Kubernetes itself; take another namespace", m.Namespace))
	}
	return found
}

func checkSizes(m MiniCluster) (found []Problem) {
	// To the bounds rule a maxSize of 0 is one that is not set. Here there always
	// is one: a cluster that may grow without bound is not what anybody pays for.
	if m.MaxSize < 1 {
		found = append(found, problem("maxSize", "maxSize %d must be at least 1", m.MaxSize))
	}
	for _, v := range bounds.Check(m.sizes()) {
		// A size that nobody has chosen is not to blame: minSize is.
		if v.Field != "size" || m.Size != nil {
			found = append(found, Problem{Field: v.Field, Err: v})
		}
	}
	return found
}

func (m MiniCluster) sizes() bounds.Sizes {
	return bounds.Sizes{Size: m.InitialSize(), MinSize: m.MinSize, MaxSize: m.MaxSize}
}

func checkAutoscaling(m MiniCluster) (found []Problem) {
	if !m.Autoscale {
		return nil
	}
	if m.CPUTarget < 1 {
		found = append(found, problem("cpuTarget", "cpuTarget %d must be at least 1 (percent of the CPU request)", m.CPUTarget))
	}
	if m.ScaleDownStabilization < 0 || m.ScaleDownStabilization > maxStabilization {
		found = append(found, problem("scaleDownStabilization", "scaleDownStabilization %d must be from 0 to %d (seconds)", m.ScaleDownStabilization, maxStabilization))
	}
	if cpu := m.Resources.request("cpu"); !isPositiveQuantity(cpu) {
		found = append(found, problem("resources", "requests.cpu %q must be more than 0: autoscaling measures CPU use in percent of it", cpu))
	}
	return found
}

func checkDraining(m MiniCluster) []Problem {
	if t := m.DrainTimeoutSeconds; t != nil && (*t < 0 || *t > math.MaxInt32) {
		return []Problem{problem("drainTimeoutSeconds", "drainTimeoutSeconds %d must be from 0 to %d (seconds)", *t, math.MaxInt32)}
	}
	return nil
}
