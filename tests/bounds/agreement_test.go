// Package bounds compares everything that judges sizes with the one rule in package
// operator/bounds: the API server's CEL, the policy pack, the check of the
// program's configuration, and the operator's clamp.
package bounds

import (
	"fmt"
	"slices"
	"strings"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/gopherlocks/gopherlocks/crds/crdtest"
	"github.com/gopherlocks/gopherlocks/operator/bounds"
	"github.com/gopherlocks/gopherlocks/policies/rules"
)

// numbers are the sizes of a MiniCluster and the bounds of its autoscaler.
type numbers struct {
	bounds.Sizes
	minReplicas, maxReplicas int
	// zeroIsWritten says that unset maxima are written as 0.
	zeroIsWritten bool
}

// verdict is a violation as all must tell it.
type verdict struct{ Reason, Message string }

// judges are those who must agree.
type judges struct {
	api    *crdtest.Server
	config *configuration
}

// agree returns an error if one of the judges differs from the rule.
func (j judges) agree(n numbers) error {
	for _, check := range []func(numbers) error{
		j.checkAPI, checkObject, checkComponent, j.checkConfiguration, checkClamp, checkAutoscaler,
	} {
		if err := check(n); err != nil {
			return fmt.Errorf("%+v: %w", n, err)
		}
	}
	return nil
}

func (j judges) checkAPI(n numbers) error {
	got := j.api.CheckRules(crdtest.MiniCluster(n.Sizes, n.zeroIsWritten), crdtest.Before(n.Sizes, n.zeroIsWritten))
	return same("CEL", messages(bounds.Check(n.Sizes)), got)
}

// checkObject: the policies see the live state in the outputs of the object.
func checkObject(n numbers) error {
	return same("the policies of the object", verdicts(bounds.Check(n.Sizes)), judge(rules.Stack{
		Resources: []rules.Resource{object(n)}, Complete: true,
	}, "minicluster-size", "minicluster-bounds", "minicluster-live-size"))
}

func object(n numbers) rules.Resource {
	spec := map[string]any{"size": float64(n.Size), "minSize": float64(n.MinSize)}
	if n.MaxSize != 0 || n.zeroIsWritten {
		spec["maxSize"] = float64(n.MaxSize)
	}
	return rules.Resource{
		URN: "object", Type: "kubernetes:flux-framework.org/v1alpha2:MiniCluster",
		Inputs: map[string]any{"metadata": map[string]any{"name": "sample"}, "spec": spec},
		Outputs: map[string]any{"status": map[string]any{
			"size": float64(n.LiveSize), "maximumSize": float64(n.MaximumSize),
		}},
	}
}

// declared are the numbers without those of an existing MiniCluster.
func (n numbers) declared() bounds.Sizes {
	return bounds.Sizes{Size: n.Size, MinSize: n.MinSize, MaxSize: n.MaxSize}
}

func checkComponent(n numbers) error {
	component := rules.Resource{URN: "component", Type: "gopherlocks:components:MiniCluster", Inputs: map[string]any{
		"name": "sample", "size": float64(n.Size), "minSize": float64(n.MinSize), "maxSize": float64(n.MaxSize),
	}}
	return same("the policies of the component", verdicts(bounds.Check(n.declared())),
		judge(rules.Stack{Resources: []rules.Resource{component}}, "minicluster-size", "minicluster-bounds"))
}

// checkConfiguration: a stack always has a maxSize, so a missing one is refused
// too.
func (j judges) checkConfiguration(n numbers) error {
	got := j.config.refusals(n.declared())
	if n.MaxSize < 1 {
		if len(got) == 0 {
			return fmt.Errorf("the configuration takes maxSize %d", n.MaxSize)
		}
		return nil
	}
	return same("the configuration", messages(bounds.Check(n.declared())), got)
}

// checkClamp: a clamped size breaks no rule, and only refused sizes are clamped.
// The policy that clamps does the same.
func checkClamp(n numbers) error {
	n.LiveSize = 0 // Ranks that are too many are drained, not clamped.
	b := n.Bounds()
	clamped := bounds.Sizes{Size: b.Clamp(n.Size), MinSize: b.Min, MaximumSize: n.MaximumSize}
	if n.MaxSize != 0 {
		clamped.MaxSize = b.Max
	}
	violations := bounds.Check(n.Sizes)
	if len(violations) == 0 && clamped != n.Sizes {
		return fmt.Errorf("nothing is refused, yet clamped to %+v", clamped)
	}
	if n.MaxSize != 0 && len(bounds.Check(clamped)) > 0 {
		return fmt.Errorf("clamped to %+v, which is refused: %v", clamped, bounds.Check(clamped))
	}
	corrected := n.Sizes
	for _, c := range corrections(rules.Stack{Resources: []rules.Resource{object(n)}}) {
		switch c.Path[len(c.Path)-1] {
		case "size":
			corrected.Size = c.Value
		case "minSize":
			corrected.MinSize = c.Value
		case "maxSize":
			corrected.MaxSize = c.Value
		}
	}
	return same("the policy that clamps", []bounds.Sizes{clamped}, []bounds.Sizes{corrected})
}

// checkAutoscaler: the policies judge an autoscaler by the rule. A size that it may
// then ask for is not refused.
func checkAutoscaler(n numbers) error {
	n.LiveSize = 0
	hpa := rules.Resource{
		URN: "hpa", Type: "kubernetes:autoscaling/v2:HorizontalPodAutoscaler",
		Inputs: map[string]any{"spec": map[string]any{
			"minReplicas": float64(n.minReplicas), "maxReplicas": float64(n.maxReplicas),
			"scaleTargetRef": map[string]any{"apiVersion": "flux-framework.org/v1alpha2", "kind": "MiniCluster", "name": "sample"},
		}},
	}
	violations := bounds.CheckReplicas(n.Sizes, n.minReplicas, n.maxReplicas)
	err := same("the policies of the autoscaler", verdicts(violations),
		judge(rules.Stack{Resources: []rules.Resource{object(n), hpa}, Complete: true}, "autoscaler-bounds"))
	if err != nil || len(violations) > 0 || len(bounds.Check(n.Sizes)) > 0 {
		return err
	}
	for _, size := range []int{n.minReplicas, n.maxReplicas} {
		requested := n.Sizes
		requested.Size = size
		if n.MaximumSize == 0 && n.MaxSize == 0 {
			requested.MaximumSize = n.Size // As the operator remembers it by then.
		}
		if v := bounds.Check(requested); len(v) > 0 {
			return fmt.Errorf("the autoscaler may ask for %d, which is refused: %v", size, v)
		}
	}
	return nil
}

// named are the rules by their names.
var named = func() map[string]rules.Rule {
	all := map[string]rules.Rule{}
	for _, rule := range rules.All() {
		all[rule.Name] = rule
	}
	return all
}()

func judge(s rules.Stack, names ...string) []verdict {
	var all []verdict
	for _, name := range names {
		for _, finding := range named[name].Run(s, nil) {
			all = append(all, verdict{finding.Reason, finding.Message})
		}
	}
	return all
}

func corrections(s rules.Stack) []rules.Correction { return named["clamp-sizes"].Correct(s) }

func verdicts(violations []bounds.Violation) []verdict {
	var all []verdict
	for _, v := range violations {
		all = append(all, verdict{v.Reason, v.Message})
	}
	return all
}

func messages(violations []bounds.Violation) []string {
	var all []string
	for _, v := range violations {
		all = append(all, v.Message)
	}
	return all
}

// same compares a judge's verdicts with the rule's, in any order.
func same[T any](judge string, want, got []T) error {
	less := func(a, b T) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) }
	want, got = slices.SortedFunc(slices.Values(want), less), slices.SortedFunc(slices.Values(got), less)
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		return fmt.Errorf("%s disagrees with the rule (-rule +judge):\n%s", judge, diff)
	}
	return nil
}
