// Command validators reads a CustomResourceDefinition and prints why the API server
// would refuse to create it, one reason a line. It is silent when there is none.
//
// The module file decides whose rules these are. go.mod requires the validators of
// the current Kubernetes, oldest.mod those of the oldest that is supported:
//
//	go run -modfile=oldest.mod . <../flux-framework.org_miniclusters.yaml
//
// The rules are those for a new definition. An API server takes what is in a stored
// one, but a new CEL expression must compile with what the minor version before its
// own knew, so that a cluster can go back to that.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/install"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/validation"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
)

func main() {
	manifest, err := io.ReadAll(os.Stdin)
	if err == nil {
		err = validate(manifest)
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

func validate(manifest []byte) error {
	scheme := runtime.NewScheme()
	install.Install(scheme)
	// Strict, so that a field which this version does not know is told of.
	object, err := runtime.Decode(serializer.NewCodecFactory(scheme, serializer.EnableStrict).UniversalDecoder(), manifest)
	if err != nil {
		return fmt.Errorf("decode the definition: %w", err)
	}
	crd, ok := object.(*apiextensions.CustomResourceDefinition)
	if !ok {
		return fmt.Errorf("the manifest is no CustomResourceDefinition, but %T", object)
	}
	// What the API server sets before it validates.
	for _, version := range crd.Spec.Versions {
		if version.Storage {
			crd.Status.StoredVersions = []string{version.Name}
		}
	}
	var errs []error
	for _, refusal := range validation.ValidateCustomResourceDefinition(context.Background(), crd) {
		errs = append(errs, refusal)
	}
	return errors.Join(errs...)
}
