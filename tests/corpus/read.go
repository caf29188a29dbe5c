// Package corpus reads folders of MiniClusters that other people have published, and
// sums up what an API server says of them.
package corpus

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
)

// Manifest is one MiniCluster as it was published.
type Manifest struct {
	File   string
	Object *unstructured.Unstructured
}

// Read returns the MiniClusters in the YAML files of a folder. unread are the files with
// a document that is not YAML: a template, for example.
func Read(folder fs.FS) (manifests []Manifest, unread []string, err error) {
	err = fs.WalkDir(folder, ".", func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !isYAML(file) {
			return err
		}
		text, err := fs.ReadFile(folder, file)
		if err != nil {
			return err
		}
		found, readable, err := readFile(text)
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		for _, object := range found {
			manifests = append(manifests, Manifest{file, object})
		}
		if !readable {
			unread = append(unread, file)
		}
		return nil
	})
	return manifests, unread, err
}

func isYAML(file string) bool {
	extension := path.Ext(file)
	return extension == ".yaml" || extension == ".yml"
}

// readFile returns the MiniClusters of one file, and whether all of it is YAML.
func readFile(text []byte) ([]*unstructured.Unstructured, bool, error) {
	var found []*unstructured.Unstructured
	readable := true
	reader := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(text)))
	for {
		document, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return found, readable, nil
		}
		if err != nil {
			return nil, false, err
		}
		object, err := decode(document)
		if err != nil {
			readable = false
			continue
		}
		if object != nil {
			found = append(found, object)
		}
	}
}

// decode returns the MiniCluster of a document; nil if it is something else.
func decode(document []byte) (*unstructured.Unstructured, error) {
	text, err := yaml.YAMLToJSON(document)
	if err != nil {
		return nil, err
	}
	var kind metav1.TypeMeta
	if json.Unmarshal(text, &kind) != nil || kind.Kind != api.Kind || !strings.HasPrefix(kind.APIVersion, api.GroupVersion.Group+"/") {
		return nil, nil
	}
	object := &unstructured.Unstructured{}
	return object, object.UnmarshalJSON(text)
}
