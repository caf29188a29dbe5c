package api

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/yaml"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
	"github.com/gopherlocks/gopherlocks/tests/corpus"
)

const (
	// corpusVariable is a folder of MiniClusters that other people have published.
	corpusVariable = "GOPHERLOCKS_CORPUS"
	// definitionVariable is a file with another definition of MiniClusters: what it
	// refuses too is no fault of ours.
	definitionVariable = "GOPHERLOCKS_CORPUS_DEFINITION"
)

// refusedAtMost is the largest share of manifests, in percent, that may be refused
// although another definition takes them.
const refusedAtMost = 2.0

// together is how many MiniClusters the operator follows at the same time.
const together = 50

func readCorpus(t *testing.T) []corpus.Manifest {
	t.Helper()
	folder := os.Getenv(corpusVariable)
	if folder == "" {
		t.Skipf("%s is not set: it names a folder with MiniClusters to try", corpusVariable)
	}
	needWorld(t)
	manifests, unread, err := corpus.Read(os.DirFS(folder))
	if err != nil {
		t.Fatal(err)
	}
	if len(manifests) == 0 {
		t.Fatalf("%s=%s has no MiniClusters", corpusVariable, folder)
	}
	if len(unread) > 0 {
		t.Logf("%d files have documents that are not YAML, such as %s", len(unread), unread[0])
	}
	return manifests
}

// TestPublishedMiniClustersAreTaken tries every MiniCluster of a folder by a dry run
// with strict validation, as kubectl asks for it, and prints what is refused.
func TestPublishedMiniClustersAreTaken(t *testing.T) {
	manifests := readCorpus(t)
	ours := newJudge(t, api.GroupVersion.Group)
	other := otherDefinition(t)
	var verdicts []corpus.Verdict
	for _, m := range manifests {
		verdict := ours.ask(t.Context(), m)
		if verdict.Refused && other != nil {
			verdict.Elsewhere = other.ask(t.Context(), m).Refused
		}
		verdicts = append(verdicts, verdict)
	}
	t.Log("\n" + corpus.Report(verdicts))
	for version, tally := range corpus.Count(verdicts) {
		if version == api.GroupVersion.String() && tally.Share() >= refusedAtMost {
			t.Errorf("%.1f %% of %s are refused without a reason, want less than %.0f %%", tally.Share(), version, refusedAtMost)
		}
	}
}

// TestPublishedMiniClustersAreFollowed creates each different MiniCluster of a folder, and
// prints those that the API takes and the operator does not. It asks for no strict
// validation, as most programs do not. No pods come to be.
func TestPublishedMiniClustersAreFollowed(t *testing.T) {
	manifests := readCorpus(t)
	namespace := newNamespace(t)
	refuse(t, namespace, "", "pods", admissionv1.Create, func(ctx context.Context) error {
		pod := &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "probe"},
			Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "probe", Image: "example.org/image:1"}}},
		}
		return world.client.Create(ctx, pod, client.DryRunAll)
	})
	var verdicts []corpus.Verdict
	for batch := range slices.Chunk(different(manifests), together) {
		verdicts = append(verdicts, follow(t, namespace, batch)...)
	}
	t.Log("\n" + corpus.Report(verdicts))
	for _, v := range verdicts {
		if v.Refused {
			t.Errorf("%s: the API takes it, and the operator says %q", v.File, v.Because)
		}
	}
}

// different leaves out what has the same spec as an earlier one.
func different(manifests []corpus.Manifest) []corpus.Manifest {
	var found []corpus.Manifest
	seen := map[string]bool{}
	for _, m := range manifests {
		if !seen[m.Identity()] {
			seen[m.Identity()] = true
			found = append(found, m)
		}
	}
	return found
}

// follow creates MiniClusters, waits until the operator has looked at them, and deletes
// them. What the API refuses has no verdict.
func follow(t *testing.T, namespace string, batch []corpus.Manifest) []corpus.Verdict {
	t.Helper()
	made := map[string]corpus.Manifest{}
	for i, m := range batch {
		object := m.Object.DeepCopy()
		object.SetNamespace(namespace)
		object.SetGenerateName("")
		object.SetName(fmt.Sprintf("%s-%d", name, i))
		switch err := world.client.Create(t.Context(), object); {
		case err == nil:
			made[object.GetName()] = m
		case !apierrors.IsInvalid(err) && !apierrors.IsBadRequest(err):
			t.Fatalf("%s: %v", m.File, err)
		}
	}
	var verdicts []corpus.Verdict
	eventually(t, func() error {
		verdicts = nil
		var list api.MiniClusterList
		if err := world.client.List(t.Context(), &list, client.InNamespace(namespace)); err != nil {
			return err
		}
		for _, mc := range list.Items {
			ready := meta.FindStatusCondition(mc.Status.Conditions, api.ConditionReady)
			if ready == nil || ready.ObservedGeneration != mc.Generation {
				return fmt.Errorf("%s (%s): the operator has not looked at it", mc.Name, made[mc.Name].File)
			}
			verdict := corpus.Verdict{Manifest: made[mc.Name]}
			if ready.Reason == api.ReasonInvalidSpec || ready.Reason == api.ReasonApplyFailed {
				verdict.Refused = true
				verdict.Because = verdict.Complaints(errors.New(ready.Reason+": "+ready.Message), nil)
			}
			verdicts = append(verdicts, verdict)
		}
		return nil
	})
	if err := world.client.DeleteAllOf(t.Context(), &api.MiniCluster{}, client.InNamespace(namespace)); err != nil {
		t.Fatalf("delete the MiniClusters: %v", err)
	}
	eventually(t, func() error {
		var list api.MiniClusterList
		if err := world.client.List(t.Context(), &list, client.InNamespace(namespace)); err != nil || len(list.Items) > 0 {
			return fmt.Errorf("%d MiniClusters are left, %w", len(list.Items), err)
		}
		return nil
	})
	return verdicts
}

// judge asks the API server about MiniClusters of a group, by dry run.
type judge struct {
	client           dynamic.Interface
	group, namespace string
	warnings         *warnings
}

// warnings are those that came with the last answer.
type warnings []string

func (w *warnings) HandleWarningHeader(_ int, _ string, text string) { *w = append(*w, text) }

func newJudge(t *testing.T, group string) *judge {
	t.Helper()
	config := adminConfig(t)
	config.QPS = -1
	j := &judge{group: group, namespace: newNamespace(t), warnings: &warnings{}}
	config.WarningHandler = j.warnings
	var err error
	if j.client, err = dynamic.NewForConfig(config); err != nil {
		t.Fatal(err)
	}
	return j
}

func adminConfig(t *testing.T) *rest.Config {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", world.kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	return config
}

// ask says whether a MiniCluster is refused. With strict validation the API server names
// unknown fields alone; the second question brings out the rest.
func (j *judge) ask(ctx context.Context, m corpus.Manifest) corpus.Verdict {
	strict := j.create(ctx, m, metav1.FieldValidationStrict)
	if strict == nil {
		return corpus.Verdict{Manifest: m, Because: m.Complaints(nil, *j.warnings)}
	}
	lenient := j.create(ctx, m, metav1.FieldValidationWarn)
	because := m.Complaints(lenient, *j.warnings)
	if len(because) == 0 {
		because = m.Complaints(strict, nil)
	}
	return corpus.Verdict{Manifest: m, Refused: true, Because: because}
}

func (j *judge) create(ctx context.Context, m corpus.Manifest, validation string) error {
	*j.warnings = nil
	object := m.Object.DeepCopy()
	version := object.GroupVersionKind().Version
	object.SetAPIVersion(j.group + "/" + version)
	object.SetNamespace(j.namespace)
	resource := schema.GroupVersionResource{Group: j.group, Version: version, Resource: api.Resource}
	_, err := j.client.Resource(resource).Namespace(j.namespace).Create(ctx, object, metav1.CreateOptions{
		DryRun: []string{metav1.DryRunAll}, FieldValidation: validation,
	})
	return err
}

// otherDefinition installs another definition beside ours, in a group of its own; nil if
// there is none.
func otherDefinition(t *testing.T) *judge {
	t.Helper()
	file := os.Getenv(definitionVariable)
	if file == "" {
		return nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%s: %v", definitionVariable, err)
	}
	var definition apiextensionsv1.CustomResourceDefinition
	if err := yaml.Unmarshal(text, &definition); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	definition.Spec.Group = "other." + definition.Spec.Group
	definition.Name = strings.Join([]string{definition.Spec.Names.Plural, definition.Spec.Group}, ".")
	if _, err := envtest.InstallCRDs(adminConfig(t), envtest.CRDInstallOptions{CRDs: []*apiextensionsv1.CustomResourceDefinition{&definition}}); err != nil {
		t.Fatalf("install %s: %v", file, err)
	}
	return newJudge(t, definition.Spec.Group)
}
