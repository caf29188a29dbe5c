// Command serveversion lets a CustomResourceDefinition serve its stored version
// under one more name:
//
//	serveversion -as v1alpha1 FILE
//
// controller-gen makes a version from a Go package. Where two versions have the
// same schema, a second package would be a copy to be kept equal by hand; this
// program copies what controller-gen wrote instead, schema, columns and
// subresources. Both versions being equal, the API server's conversion "None",
// which changes nothing but the apiVersion, is right.
package main

import (
	"flag"
	"fmt"
	"os"
	"slices"

	"sigs.k8s.io/yaml"
)

func main() {
	as := flag.String("as", "", "`name` of the version to add, such as v1alpha1")
	flag.Parse()
	if *as == "" || flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "usage: serveversion -as NAME FILE")
		os.Exit(2)
	}
	if err := rewrite(flag.Arg(0), *as); err != nil {
		fmt.Fprintf(os.Stderr, "serveversion: %v\n", err)
		os.Exit(1)
	}
}

func rewrite(file, name string) error {
	before, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	after, err := serve(before, name)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return os.WriteFile(file, after, 0o644)
}

// serve returns the definition with a version of that name behind the others: a
// copy of the stored one that is served and not stored. Called twice it changes
// nothing.
func serve(definition []byte, name string) ([]byte, error) {
	// Not the API's type: it would write an empty status, and drop what a newer
	// controller-gen may write.
	var crd map[string]any
	if err := yaml.Unmarshal(definition, &crd); err != nil {
		return nil, err
	}
	spec, _ := crd["spec"].(map[string]any)
	versions, _ := spec["versions"].([]any)
	versions = slices.DeleteFunc(versions, func(v any) bool { return isNamed(v, name) && !isStored(v) })
	at := slices.IndexFunc(versions, isStored)
	if at < 0 {
		return nil, fmt.Errorf("spec.versions: none has storage: true")
	}
	stored := versions[at].(map[string]any)
	if isNamed(stored, name) {
		return nil, fmt.Errorf("spec.versions[%d]: %s is the stored version itself", at, name)
	}
	added := map[string]any{}
	for key, value := range stored {
		added[key] = value
	}
	added["name"], added["served"], added["storage"] = name, true, false
	spec["versions"] = append(versions, added)

	text, err := yaml.Marshal(crd)
	return append([]byte("---\n"), text...), err
}

func isNamed(version any, name string) bool {
	v, _ := version.(map[string]any)
	return v["name"] == name
}

func isStored(version any) bool {
	v, _ := version.(map[string]any)
	return v["storage"] == true
}
