package rules

import (
	"errors"
	"path"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
)

// podRules are about what runs in pods.
var podRules = []Rule{
	{
		Name:        "image-tag",
		Description: "Images have a tag that stays: neither none nor latest.",
		Level:       Advisory,
		Check:       checkImages,
	},
	{
		Name:        "self-scaling",
		Description: "Only MiniClusters that may do so scale themselves.",
		Level:       Mandatory,
		Options: []Option{{Name: "allowed", Schema: map[string]any{
			"type": "array", "items": map[string]any{"type": "string"}, "default": []any{"*/*"},
			"description": "NAMESPACE/NAME of the MiniClusters that may; * stands for any part of either.",
		}}},
		Check: checkSelfScaling,
	},
	{
		Name:        "restricted-pods",
		Description: "Pods of MiniClusters that must be are as the Pod Security Standard restricted asks for.",
		Level:       Mandatory,
		Options: []Option{{Name: "required", Schema: map[string]any{
			"type": "array", "items": map[string]any{"type": "string"}, "default": []any{},
			"description": "NAMESPACE/NAME of the MiniClusters that must be; * stands for any part of either.",
		}}},
		Check: checkRestricted,
	},
}

func checkImages(s Stack, _ Settings) []Finding {
	var r report
	for i := range s.Resources {
		at := &s.Resources[i]
		var errs []error
		for _, container := range containersOf(at, &errs) {
			image := container.at("image")
			if image.absent() {
				continue // The API server refuses a missing image where one is needed.
			}
			reference, err := image.text()
			if err == nil {
				err = checkImage(image, reference)
			}
			if moving, ok := errors.AsType[movingImageError](err); ok {
				r.violation(at, ReasonMovingImage, "%v", moving)
				continue
			}
			errs = append(errs, err)
		}
		r.cannotTell(at, errors.Join(errs...))
	}
	return r
}

// movingImageError says that an image's name may mean another image tomorrow.
type movingImageError struct{ path, got, why string }

func (e movingImageError) Error() string {
	return e.path + " " + e.got + " " + e.why + ": ranks that come later may run another image; give a version or a digest"
}

func checkImage(image field, reference string) error {
	if _, err := name.NewDigest(reference); err == nil {
		return nil
	}
	tag, err := name.NewTag(reference, name.WithDefaultTag(""))
	switch {
	case err != nil:
		return malformedError{image.path, image.shown(), "a reference of an image"}
	case tag.TagStr() == "":
		return movingImageError{image.path, image.shown(), "has no tag"}
	case tag.TagStr() == "latest":
		return movingImageError{image.path, image.shown(), "has the tag latest"}
	}
	return nil
}

// containerLists are where objects of Kubernetes have containers.
var containerLists = [][]string{
	{"spec", "containers"}, // Pods and MiniClusters
	{"spec", "initContainers"},
	{"spec", "services"},
	{"spec", "template", "spec", "containers"}, // Deployments, Jobs and their like
	{"spec", "template", "spec", "initContainers"},
}

// containersOf returns the containers of a MiniCluster or of another workload.
func containersOf(at *Resource, errs *[]error) []field {
	if !isWorkload(at) {
		return nil
	}
	var all []field
	for _, list := range containerLists {
		items, err := at.input(list...).items()
		all, *errs = append(all, items...), append(*errs, err)
	}
	if view := at.input("spec", "flux", "container"); !view.at("image").absent() {
		all = append(all, view)
	}
	return all
}

// isWorkload says whether a resource makes pods.
func isWorkload(r *Resource) bool {
	return isOf(r.Type, prefixMiniCluster, kind) || isOf(r.Type, "kubernetes:core/", "Pod") ||
		isOf(r.Type, "kubernetes:apps/", "Deployment") || isOf(r.Type, "kubernetes:apps/", "StatefulSet") ||
		isOf(r.Type, "kubernetes:apps/", "DaemonSet") || isOf(r.Type, "kubernetes:batch/", "Job")
}

func checkSelfScaling(s Stack, settings Settings) []Finding {
	var r report
	allowed := settings.texts("allowed")
	for _, m := range s.customResources() {
		scales, err := m.sizes.at("selfScaling").flag()
		if err != nil {
			r.cannotTell(m.Resource, err)
			continue
		}
		if !scales {
			continue
		}
		namespace, errNamespace := m.id.namespace.textOr(defaultNamespace)
		name, errName := m.id.name.text()
		if err := errors.Join(errNamespace, errName); err != nil && !allowsAll(allowed) {
			r.cannotTell(m.Resource, err)
		} else if err == nil && !allows(allowed, namespace, name) {
			r.violation(m.Resource, ReasonSelfScaling, "%s true of MiniCluster %s/%s must be one of the allowed: %s",
				m.sizes.at("selfScaling").path, namespace, name, list(allowed))
		}
	}
	return r
}

func checkRestricted(s Stack, settings Settings) []Finding {
	var r report
	required := settings.texts("required")
	if len(required) == 0 {
		return nil
	}
	for _, m := range s.customResources() {
		field := m.sizes.at("pod", "restricted")
		restricted, err := field.flag()
		if err != nil {
			r.cannotTell(m.Resource, err)
			continue
		}
		if restricted {
			continue
		}
		namespace, errNamespace := m.id.namespace.textOr(defaultNamespace)
		name, errName := m.id.name.text()
		if err := errors.Join(errNamespace, errName); err != nil && !allowsAll(required) {
			r.cannotTell(m.Resource, err)
		} else if allowsAll(required) || allows(required, namespace, name) {
			r.violation(m.Resource, ReasonNotRestricted, "%s %s must be true for MiniClusters called %s", field.path, field.shown(), list(required))
		}
	}
	return r
}

func list(allowed []string) string {
	if len(allowed) == 0 {
		return "none"
	}
	return strings.Join(allowed, ", ")
}

func allowsAll(allowed []string) bool { return allows(allowed, "", "") }

// allows says whether one of the patterns matches a MiniCluster.
func allows(patterns []string, namespace, name string) bool {
	for _, pattern := range patterns {
		if match, err := path.Match(pattern, namespace+"/"+name); err == nil && match {
			return true
		}
	}
	return false
}
