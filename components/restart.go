package components

import (
	"math"
	"path"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
	"github.com/gopherlocks/gopherlocks/operator/bounds"
)

// stateFolder is where the claim of the state is mounted.
const stateFolder = "/var/lib/gopherlocks"

func checkRestart(a MiniClusterArgs) []Problem {
	found := slices.Concat(
		checkOneOf("restartOnTimeout", a.RestartOnTimeout, api.TimeoutCancel, api.TimeoutRequeue),
		checkOneOf("restartPolicy", a.RestartPolicy, api.RestartWhenIdle, api.RestartAtOnce, api.RestartOnRequest),
		checkSeconds("restartTimeoutSeconds", a.RestartTimeoutSeconds, math.MaxInt32),
		checkObjectName("stateClaim", a.StateClaim),
	)
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
