package components

import (
	"math"
	"path"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"k8s.io/apimachinery/pkg/util/validation"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
	"github.com/gopherlocks/gopherlocks/operator/bounds"
)

// stateFolder is where the claim of the state is mounted.
const stateFolder = "/var/lib/gopherlocks"

// restartPolicies are the values of RestartPolicy.
var restartPolicies = []string{string(api.RestartWhenIdle), string(api.RestartAtOnce), string(api.RestartOnRequest)}

// timeoutPolicies are the values of RestartOnTimeout.
var timeoutPolicies = []string{string(api.TimeoutCancel), string(api.TimeoutRequeue)}

func checkRestart(a MiniClusterArgs) (found []Problem) {
	if a.RestartOnTimeout != "" && !slices.Contains(timeoutPolicies, a.RestartOnTimeout) {
		found = append(found, problem("restartOnTimeout", "restartOnTimeout %q must be one of %q", a.RestartOnTimeout, timeoutPolicies))
	}
	if a.RestartPolicy != "" && !slices.Contains(restartPolicies, a.RestartPolicy) {
		found = append(found, problem("restartPolicy", "restartPolicy %q must be one of %q", a.RestartPolicy, restartPolicies))
	}
	if t := a.RestartTimeoutSeconds; t != nil && (*t < 0 || *t > math.MaxInt32) {
		found = append(found, problem("restartTimeoutSeconds", "restartTimeoutSeconds %d must be from 0 to %d (seconds)", *t, math.MaxInt32))
	}
	if name := Literal(a.StateClaim); name != "" {
		for _, fault := range validation.IsDNS1123Subdomain(name) {
			found = append(found, problem("stateClaim", "%q: %s", name, fault))
		}
	}
	if given(a.StateClaim) && !a.Flux {
		found = append(found, problem("stateClaim", "stateClaim needs flux true: without Flux there is no queue; set flux, or remove stateClaim"))
	}
	return append(found, checkCeiling(a)...)
}

func checkCeiling(a MiniClusterArgs) []Problem {
	switch {
	case a.Ceiling == 0:
		return nil
	case !a.Flux:
		return []Problem{problem("ceiling", "ceiling %d needs flux true: without Flux the ranks know nothing of each other; set flux, or remove ceiling", a.Ceiling)}
	case a.Ceiling < a.MaxSize:
		return []Problem{problem("ceiling", "ceiling %d must be at least maxSize %d", a.Ceiling, a.MaxSize)}
	case a.Ceiling > bounds.Limit:
		return []Problem{problem("ceiling", "ceiling %d must be at most %d", a.Ceiling, bounds.Limit)}
	}
	return nil
}

// restart is empty for the API's defaults, so that who says nothing declares nothing.
func (a MiniClusterArgs) restart() pulumi.Map {
	restart := pulumi.Map{}
	if a.RestartPolicy != "" {
		restart["policy"] = pulumi.String(a.RestartPolicy)
	}
	if a.RestartOnTimeout != "" {
		restart["onTimeout"] = pulumi.String(a.RestartOnTimeout)
	}
	if a.RestartTimeoutSeconds != nil {
		restart["drainTimeoutSeconds"] = pulumi.Int(*a.RestartTimeoutSeconds)
	}
	return restart
}

func (a MiniClusterArgs) fluxSpec() pulumi.Map {
	flux := pulumi.Map{"enabled": pulumi.Bool(a.Flux)}
	if given(a.StateClaim) {
		flux["stateDir"] = pulumi.String(path.Join(stateFolder, "flux"))
	}
	if a.Ceiling > 0 {
		flux["ceiling"] = pulumi.Int(a.Ceiling)
	}
	return flux
}
