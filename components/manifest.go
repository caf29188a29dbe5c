package components

import (
	"bytes"
	"fmt"
	"maps"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	rbac "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/gopherlocks/gopherlocks/declared"
)

// manifest is a Kubernetes object declared from a generated manifest, for
// which typed arguments would say the same thing a second time.
type manifest struct{ pulumi.CustomResourceState }

// manifestParts are the objects of a YAML stream, each as a part that is called after
// its kind. Those that are in a namespace come into the given one.
func manifestParts(stream []byte, namespace string) ([]*part, error) {
	var parts []*part
	for document := range bytes.SplitSeq(stream, []byte("\n---")) {
		var object unstructured.Unstructured
		var role rbac.ClusterRole // of no other kind of object are there rules
		if err := yaml.Unmarshal(document, &object.Object); err != nil {
			return nil, fmt.Errorf("manifest: %w", err)
		}
		if object.GetAPIVersion() == "" || object.GetKind() == "" || object.GetName() == "" {
			return nil, fmt.Errorf("manifest: no apiVersion, kind or metadata.name in %q", document)
		}
		if err := yaml.Unmarshal(document, &role); err != nil {
			return nil, fmt.Errorf("manifest of %s: %w", object.GetName(), err)
		}
		kind := strings.ToLower(object.GetKind())
		p := &part{
			Object: declared.Object{
				Resource: declared.Resource{Group: object.GroupVersionKind().Group, Resource: kind + "s"},
				Name:     object.GetName(), Rules: role.Rules,
			},
			suffix: "-" + kind,
		}
		if object.GetNamespace() != "" {
			p.Namespace = namespace
			object.SetNamespace(namespace)
		}
		p.declare = func(c child) (pulumi.Resource, error) {
			if len(p.annotations) > 0 {
				annotations := object.GetAnnotations()
				if annotations == nil {
					annotations = map[string]string{}
				}
				maps.Copy(annotations, p.annotations)
				object.SetAnnotations(annotations)
			}
			m := &manifest{}
			return m, c.ctx.RegisterResource(pulumiToken(object.GetAPIVersion(), object.GetKind()), c.name, pulumi.ToMap(object.Object), m, c.opts...)
		}
		parts = append(parts, p)
	}
	return parts, nil
}

// pulumiToken is the type that the Kubernetes plugin gives a kind, e.g.
// kubernetes:core/v1:Pod.
func pulumiToken(apiVersion, kind string) string {
	if !strings.Contains(apiVersion, "/") {
		apiVersion = "core/" + apiVersion
	}
	return fmt.Sprintf("kubernetes:%s:%s", apiVersion, kind)
}
