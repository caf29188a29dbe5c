package components

import (
	"bytes"
	"fmt"
	"maps"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// manifest is a Kubernetes object declared from a generated manifest, for
// which typed arguments would say the same thing a second time.
type manifest struct{ pulumi.CustomResourceState }

// manifests are the objects of a YAML stream.
type manifests struct {
	stream []byte
	// namespace is that of the objects that are in one.
	namespace string
	// annotations are added to those in the stream.
	annotations map[string]string
}

// newManifests declares objects, each as a resource that is called after prefix
// and kind.
func newManifests(ctx *pulumi.Context, prefix string, from manifests, opts ...pulumi.ResourceOption) ([]pulumi.Resource, error) {
	var declared []pulumi.Resource
	for document := range bytes.SplitSeq(from.stream, []byte("\n---")) {
		var object unstructured.Unstructured
		if err := yaml.Unmarshal(document, &object.Object); err != nil {
			return nil, fmt.Errorf("manifests of %s: %w", prefix, err)
		}
		if object.GetAPIVersion() == "" || object.GetKind() == "" || object.GetName() == "" {
			return nil, fmt.Errorf("manifests of %s: no apiVersion, kind or metadata.name in %q", prefix, document)
		}
		if object.GetNamespace() != "" {
			object.SetNamespace(from.namespace)
		}
		if len(from.annotations) > 0 {
			annotations := object.GetAnnotations()
			if annotations == nil {
				annotations = map[string]string{}
			}
			maps.Copy(annotations, from.annotations)
			object.SetAnnotations(annotations)
		}
		m := &manifest{}
		name := prefix + "-" + strings.ToLower(object.GetKind())
		err := ctx.RegisterResource(pulumiToken(object.GetAPIVersion(), object.GetKind()), name, pulumi.ToMap(object.Object), m, opts...)
		if err != nil {
			return nil, fmt.Errorf("%s %s: %w", object.GetKind(), object.GetName(), err)
		}
		declared = append(declared, m)
	}
	return declared, nil
}

// pulumiToken is the type that the Kubernetes plugin gives a kind, e.g.
// kubernetes:core/v1:Pod.
func pulumiToken(apiVersion, kind string) string {
	if !strings.Contains(apiVersion, "/") {
		apiVersion = "core/" + apiVersion
	}
	return fmt.Sprintf("kubernetes:%s:%s", apiVersion, kind)
}
