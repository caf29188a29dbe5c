package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/gopherlocks/gopherlocks/declared"
	"github.com/gopherlocks/gopherlocks/preflight"
)

// Look reads the facts, several at a time. It leaves out what the user may not
// read: the permissions that are checked afterwards include what they must read. An
// error says why there are no facts.
func (c *Cluster) Look(ctx context.Context, want preflight.Desired, operator preflight.NamespacedName) (preflight.Facts, error) {
	ctx, cancel := context.WithTimeout(ctx, totalTimeout)
	defer cancel()
	// The first request goes alone, so that an error that all would have is
	// reported once.
	version, err := c.typed.Discovery().ServerVersion()
	if err = c.explain(err); err != nil {
		return preflight.Facts{}, err
	}
	f := preflight.Facts{Namespaces: map[string]preflight.Owned{}, Objects: map[declared.ID]preflight.Owned{}}
	if version != nil {
		f.Version = version.GitVersion
	}
	var reading sync.WaitGroup
	var mu sync.Mutex
	var errs []error
	read := func(do func() error) {
		reading.Go(func() {
			if err := do(); err != nil && !apierrors.IsForbidden(err) {
				mu.Lock()
				defer mu.Unlock()
				errs = append(errs, err)
			}
		})
	}
	read(func() error { f.User = c.whoAmI(ctx); return nil })
	read(func() error {
		system, err := c.typed.CoreV1().Namespaces().Get(ctx, preflight.SystemNamespace, metav1.GetOptions{})
		if err != nil {
			return ignoreNotFound(err)
		}
		f.ClusterID = string(system.UID)
		return nil
	})
	read(func() (err error) { f.Definition, err = c.definition(ctx); return err })
	read(func() error { f.FluxOperators, f.FluxOperatorsUnknown = c.fluxOperators(ctx); return nil })
	read(func() (err error) { f.Operator, err = c.deployment(ctx, operator); return err })
	read(func() (err error) { f.MetricsAPI, err = c.metricsAPI(ctx); return err })
	for _, name := range want.Namespaces() {
		read(func() error {
			namespace, err := c.typed.CoreV1().Namespaces().Get(ctx, name, metav1.GetOptions{})
			if err != nil {
				return ignoreNotFound(err)
			}
			mu.Lock()
			defer mu.Unlock()
			f.Namespaces[name] = ownerOf(namespace)
			return nil
		})
	}
	for _, o := range slices.Concat(want.Objects, want.MetricsServer) {
		if !o.Exclusive {
			continue
		}
		read(func() error {
			owner, err := c.owner(ctx, o)
			if owner != nil {
				mu.Lock()
				defer mu.Unlock()
				f.Objects[o.ID()] = *owner
			}
			return err
		})
	}
	var missing []preflight.NamespacedName
	for _, secret := range want.PullSecrets {
		read(func() error {
			_, err := c.typed.CoreV1().Secrets(secret.Namespace).Get(ctx, secret.Name, metav1.GetOptions{})
			if apierrors.IsNotFound(err) {
				mu.Lock()
				defer mu.Unlock()
				missing = append(missing, secret)
				return nil
			}
			return err
		})
	}
	reading.Wait()
	for _, secret := range want.PullSecrets { // In their order, and where they could be.
		if _, there := f.Namespaces[secret.Namespace]; there && slices.Contains(missing, secret) {
			f.SecretsMissing = append(f.SecretsMissing, secret)
		}
	}
	if len(errs) > 0 {
		return preflight.Facts{}, c.explain(errors.Join(errs...))
	}
	return f, nil
}

func ignoreNotFound(err error) error {
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

func ownerOf(o metav1.Object) preflight.Owned {
	return preflight.Owned{Stack: o.GetAnnotations()[declared.AnnotationStack]}
}

// ownerOfAPI is that of an APIService.
func ownerOfAPI(api *unstructured.Unstructured) preflight.Owned {
	owner := ownerOf(api)
	namespace, _, _ := unstructured.NestedString(api.Object, "spec", "service", "namespace")
	if name, found, _ := unstructured.NestedString(api.Object, "spec", "service", "name"); found {
		owner.Service = namespace + "/" + name
	}
	return owner
}

// versions are those in which objects of a group are read; other groups are read in
// v1. The Flux Operator's definition may have only one of the two.
var versions = map[string][]string{"flux-framework.org": {"v1alpha2", "v1alpha1"}, "autoscaling": {"v2", "v1"}}

// owner returns which stack an object belongs to, nil if there is no such object.
func (c *Cluster) owner(ctx context.Context, o declared.Object) (*preflight.Owned, error) {
	defer c.slot()()
	all := versions[o.Group]
	if all == nil {
		all = []string{"v1"}
	}
	for _, version := range all {
		kind := schema.GroupVersionResource{Group: o.Group, Version: version, Resource: o.Resource.Resource}
		object, err := c.dynamic.Resource(kind).Namespace(o.Namespace).Get(ctx, o.Name, metav1.GetOptions{})
		if err == nil {
			owner := ownerOf(object)
			if o.Resource == declared.APIServices {
				owner = ownerOfAPI(object)
			}
			return &owner, nil
		}
		if !apierrors.IsNotFound(err) {
			return nil, err
		}
	}
	return nil, nil
}

// whoAmI is the user's name. API servers tell it since 1.28.
func (c *Cluster) whoAmI(ctx context.Context) string {
	review := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}}
	kind := schema.GroupVersionResource{Group: "authentication.k8s.io", Version: "v1", Resource: "selfsubjectreviews"}
	answer, err := c.dynamic.Resource(kind).Create(ctx, review, metav1.CreateOptions{})
	if err != nil {
		return ""
	}
	name, _, _ := unstructured.NestedString(answer.Object, "status", "userInfo", "username")
	return name
}

// get returns an object, nil when there is none.
func (c *Cluster) get(ctx context.Context, kind schema.GroupVersionResource, name string) (*unstructured.Unstructured, error) {
	defer c.slot()()
	object, err := c.dynamic.Resource(kind).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return nil, ignoreNotFound(err)
	}
	return object, nil
}

func (c *Cluster) definition(ctx context.Context) (*preflight.Definition, error) {
	kind := schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}
	crd, err := c.get(ctx, kind, preflight.DefinitionName)
	if crd == nil {
		return nil, err
	}
	// Ours has the label.
	d := &preflight.Definition{Ours: crd.GetLabels()[preflight.LabelPartOf] == preflight.PartOf, MiniClusters: -1}
	d.HelmRelease.Namespace = crd.GetAnnotations()["meta.helm.sh/release-namespace"]
	d.HelmRelease.Name = crd.GetAnnotations()["meta.helm.sh/release-name"]
	d.Stored, _, _ = unstructured.NestedStringSlice(crd.Object, "status", "storedVersions")
	if version := servedVersion(crd); version != "" {
		d.MiniClusters = c.count(ctx, schema.GroupVersionResource{Group: "flux-framework.org", Version: version, Resource: "miniclusters"})
	}
	return d, nil
}

func servedVersion(crd *unstructured.Unstructured) string {
	versions, _, _ := unstructured.NestedSlice(crd.Object, "spec", "versions")
	for _, v := range versions {
		version, _ := v.(map[string]any)
		if served, _, _ := unstructured.NestedBool(version, "served"); served {
			name, _, _ := unstructured.NestedString(version, "name")
			return name
		}
	}
	return ""
}

// count returns how many objects there are, without reading them; -1 if the API
// server does not tell.
func (c *Cluster) count(ctx context.Context, kind schema.GroupVersionResource) int {
	defer c.slot()()
	list, err := c.dynamic.Resource(kind).List(ctx, metav1.ListOptions{Limit: 1})
	if err != nil {
		return -1
	}
	if rest := list.GetRemainingItemCount(); rest != nil {
		return len(list.Items) + int(*rest)
	}
	if list.GetContinue() != "" {
		return -1
	}
	return len(list.Items)
}

func (c *Cluster) deployment(ctx context.Context, at preflight.NamespacedName) (*preflight.Owned, error) {
	defer c.slot()()
	found, err := c.typed.AppsV1().Deployments(at.Namespace).Get(ctx, at.Name, metav1.GetOptions{})
	if err != nil {
		return nil, ignoreNotFound(err)
	}
	owner := ownerOf(found)
	return &owner, nil
}

// The Flux Operator's manifests and its chart give its Deployment this label, and
// the manifests this namespace.
const (
	fluxOperatorLabel     = "control-plane=controller-manager"
	fluxOperatorNamespace = "operator-system"
)

// fluxOperators looks for Deployments of the Flux Operator in all namespaces, or
// only in its usual one if the user may not see more.
func (c *Cluster) fluxOperators(ctx context.Context) (found []preflight.Deployment, unknown string) {
	defer c.slot()()
	options := metav1.ListOptions{LabelSelector: fluxOperatorLabel}
	list, err := c.typed.AppsV1().Deployments(metav1.NamespaceAll).List(ctx, options)
	if apierrors.IsForbidden(err) {
		unknown = err.Error()
		list, err = c.typed.AppsV1().Deployments(fluxOperatorNamespace).List(ctx, options)
	}
	if err != nil {
		return nil, err.Error()
	}
	for _, d := range list.Items {
		if image := fluxOperatorImage(d); image != "" {
			replicas := int32(1)
			if d.Spec.Replicas != nil {
				replicas = *d.Spec.Replicas
			}
			found = append(found, preflight.Deployment{
				NamespacedName: preflight.NamespacedName{Namespace: d.Namespace, Name: d.Name}, Image: image, Replicas: replicas,
			})
		}
	}
	return found, unknown
}

// fluxOperatorImage returns the Flux Operator's image, also from a mirror, or ""
// for another Deployment. The label does not suffice: other programs have it too.
// Nor does the name: Flux CD has an unrelated operator of the same name.
func fluxOperatorImage(d appsv1.Deployment) string {
	for _, container := range d.Spec.Template.Spec.Containers {
		repository, _, _ := strings.Cut(container.Image, "@")
		last := repository[strings.LastIndex(repository, "/")+1:]
		name, _, _ := strings.Cut(last, ":")
		official := strings.Contains(repository, "flux-framework/flux-operator")
		if official || d.Namespace == fluxOperatorNamespace && strings.HasPrefix(name, "flux-operator") {
			return container.Image
		}
	}
	return ""
}

func (c *Cluster) metricsAPI(ctx context.Context) (*preflight.MetricsAPI, error) {
	kind := schema.GroupVersionResource{Group: "apiregistration.k8s.io", Version: "v1", Resource: "apiservices"}
	service, err := c.get(ctx, kind, declared.MetricsAPIName)
	if service == nil {
		return nil, err
	}
	return &preflight.MetricsAPI{Owned: ownerOfAPI(service), Unavailable: unavailable(service)}, nil
}

func unavailable(service *unstructured.Unstructured) string {
	conditions, _, _ := unstructured.NestedSlice(service.Object, "status", "conditions")
	for _, c := range conditions {
		condition, _ := c.(map[string]any)
		if condition["type"] == "Available" && condition["status"] == "False" {
			return fmt.Sprintf("%v: %v", condition["reason"], condition["message"])
		}
	}
	return ""
}
