package config

import (
	"errors"
	"fmt"

	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/gopherlocks/gopherlocks/operator/bounds"
)

// maxStabilization is the longest stabilization window that the API server
// takes, in seconds.
// Source: https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/horizontal-pod-autoscaler-v2/
const maxStabilization = 3600

// maxNameLength leaves room for the rank in a pod's host name, a DNS label:
// "-99999" at most, as sizes end at bounds.Limit.
const maxNameLength = validation.DNS1123LabelMaxLength - 6

// validate reports every setting that cannot work, all at once.
func (s Settings) validate() error {
	var errs []error
	for _, check := range []func(Settings) []error{
		checkProvider, checkNames, checkSizes, checkAutoscaling, checkResources,
	} {
		errs = append(errs, check(s)...)
	}
	return errors.Join(errs...)
}

func invalid(key, format string, args ...any) error {
	return fmt.Errorf("gopherlocks:%s: %w", key, fmt.Errorf(format, args...))
}

func checkProvider(s Settings) []error {
	switch s.ClusterProvider {
	case ProviderEmbedded:
		return nil
	case ProviderExisting:
		return checkImages(s)
	default:
		return []error{invalid("clusterProvider", "%q is not a cluster provider; take %q or %q", s.ClusterProvider, ProviderEmbedded, ProviderExisting)}
	}
}

// checkImages asks for references of the images that only an embedded cluster
// can be given from this machine.
func checkImages(s Settings) (errs []error) {
	for key, reference := range map[string]string{"image": s.Image, "operatorImage": s.OperatorImage, "agentImage": s.AgentImage} {
		if reference == "" {
			errs = append(errs, invalid(key, "is not set; with clusterProvider %q give an image that the cluster can pull", s.ClusterProvider))
		}
	}
	return errs
}

func checkNames(s Settings) (errs []error) {
	for key, name := range map[string]string{"name": s.Name, "namespace": s.Namespace} {
		for _, problem := range validation.IsDNS1123Label(name) {
			errs = append(errs, invalid(key, "%q: %s", name, problem))
		}
	}
	if len(s.Name) > maxNameLength {
		errs = append(errs, invalid("name", "%q has %d characters, of at most %d", s.Name, len(s.Name), maxNameLength))
	}
	return errs
}

func checkSizes(s Settings) (errs []error) {
	// To the bounds rule a maxSize of 0 is one that is not set. A stack always
	// has one.
	if s.MaxSize < 1 {
		errs = append(errs, invalid("maxSize", "maxSize %d must be at least 1", s.MaxSize))
	}
	for _, v := range bounds.Check(s.sizes()) {
		errs = append(errs, invalid(v.Field, "%w", v))
	}
	return errs
}

func (s Settings) sizes() bounds.Sizes {
	return bounds.Sizes{Size: s.Size, MinSize: s.MinSize, MaxSize: s.MaxSize}
}

func checkAutoscaling(s Settings) (errs []error) {
	if !s.Autoscale {
		return nil
	}
	if s.CPUTarget < 1 {
		errs = append(errs, invalid("cpuTarget", "cpuTarget %d must be at least 1 (percent of the CPU request)", s.CPUTarget))
	}
	if s.ScaleDownStabilization < 0 || s.ScaleDownStabilization > maxStabilization {
		errs = append(errs, invalid("scaleDownStabilization", "scaleDownStabilization %d must be from 0 to %d (seconds)", s.ScaleDownStabilization, maxStabilization))
	}
	cpu, err := resource.ParseQuantity(s.Resources["requests"]["cpu"])
	if err != nil || cpu.Sign() <= 0 {
		errs = append(errs, invalid("resources", "requests.cpu %q must be more than 0: autoscaling measures CPU use in percent of it", s.Resources["requests"]["cpu"]))
	}
	return errs
}

func checkResources(s Settings) (errs []error) {
	for kind, quantities := range s.Resources {
		if kind != "requests" && kind != "limits" {
			errs = append(errs, invalid("resources", "%q is neither requests nor limits", kind))
		}
		for name, value := range quantities {
			if quantity, err := resource.ParseQuantity(value); err != nil || quantity.Sign() < 0 {
				errs = append(errs, invalid("resources", "%s.%s %q is not a quantity of at least 0, such as 100m or 64Mi", kind, name, value))
			}
		}
	}
	for name, limit := range s.Resources["limits"] {
		request, limit, ok := quantities(s.Resources["requests"][name], limit)
		if ok && request.Cmp(limit) > 0 {
			errs = append(errs, invalid("resources", "requests.%s %s must be at most limits.%s %s", name, &request, name, &limit))
		}
	}
	return errs
}

// quantities parses two quantities; ok is false when either is none.
func quantities(a, b string) (first, second resource.Quantity, ok bool) {
	first, errA := resource.ParseQuantity(a)
	second, errB := resource.ParseQuantity(b)
	return first, second, errA == nil && errB == nil
}

// Warnings are what works but may surprise, a sentence each.
func (s Settings) Warnings() []string {
	if s.Autoscale && s.Size != s.MinSize {
		return []string{fmt.Sprintf(
			"gopherlocks:size %d is only the size to begin with: autoscale is on, so the HorizontalPodAutoscaler %s-hpa owns "+
				"the size and chooses it between minSize %d and maxSize %d. To choose it yourself: pulumi config set autoscale false",
			s.Size, s.Name, s.MinSize, s.MaxSize)}
	}
	return nil
}
