// Command insertrules puts validation rules into a CustomResourceDefinition:
//
//	insertrules -from api/v1alpha2 FILE
//
// controller-gen takes a rule from a marker, which is one line, and of which only
// a literal can be part. Ours refer to a file instead, such as
//
//	+kubebuilder:validation:XValidation:rule="rules/sizes.yaml"
//
// and this program puts the rules of that file in the place of the reference. A
// file is a list as x-kubernetes-validations has it. {{.NAME}} in it stands for a
// constant of the Go source; see constants. Line breaks within CEL become spaces,
// and lines of it that begin with // are left out.
package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/template"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"
)

func main() {
	from := flag.String("from", "", "`folder` that the references are relative to, such as api/v1alpha2")
	flag.Parse()
	if *from == "" || flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "usage: insertrules -from FOLDER FILE")
		os.Exit(2)
	}
	if err := rewrite(flag.Arg(0), *from); err != nil {
		fmt.Fprintf(os.Stderr, "insertrules: %v\n", err)
		os.Exit(1)
	}
}

func rewrite(file, from string) error {
	before, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	after, err := insert(before, from, constants())
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return os.WriteFile(file, after, 0o644)
}

// folder holds the files of rules, within that of the types.
const folder = "rules"

// insert returns the definition with the rules in the place of the references. It
// refuses a file that nothing refers to: its rules would hold nowhere.
func insert(definition []byte, from string, constants map[string]any) ([]byte, error) {
	files, err := filepath.Glob(filepath.Join(from, folder, "*.yaml"))
	if err != nil {
		return nil, err
	}
	rules := map[string][]any{}
	for _, file := range files {
		if rules[folder+"/"+filepath.Base(file)], err = read(file, constants); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
	}
	// Not the API's type: it would write an empty status, and drop what a newer
	// controller-gen may write.
	var crd map[string]any
	if err = yaml.Unmarshal(definition, &crd); err != nil {
		return nil, err
	}
	used := map[string]bool{}
	if err = replace(crd, rules, used); err != nil {
		return nil, err
	}
	for file := range rules {
		if !used[file] {
			return nil, fmt.Errorf("no type refers to %s", file)
		}
	}
	text, err := yaml.Marshal(crd)
	return append([]byte("---\n"), text...), err
}

// read returns the rules of a file.
func read(file string, constants map[string]any) ([]any, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	text, err := template.New(filepath.Base(file)).Option("missingkey=error").Parse(string(content))
	if err != nil {
		return nil, err
	}
	var filled bytes.Buffer
	if err = text.Execute(&filled, constants); err != nil {
		return nil, err
	}
	var rules []apiextensionsv1.ValidationRule
	if err = yaml.UnmarshalStrict(filled.Bytes(), &rules); err != nil {
		return nil, err
	}
	for i := range rules {
		rules[i].Rule = joinLines(rules[i].Rule)
		rules[i].MessageExpression = joinLines(rules[i].MessageExpression)
	}
	data, err := json.Marshal(rules)
	if err != nil {
		return nil, err
	}
	var plain []any
	return plain, json.Unmarshal(data, &plain)
}

// joinLines makes one line of an expression, without its comments.
func joinLines(cel string) string {
	var lines []string
	for line := range strings.Lines(cel) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "//") {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, " ")
}

// replace puts the rules into the schema and all schemas below it.
func replace(node any, rules map[string][]any, used map[string]bool) error {
	switch node := node.(type) {
	case []any:
		for _, element := range node {
			if err := replace(element, rules, used); err != nil {
				return err
			}
		}
	case map[string]any:
		for key, value := range node {
			list, isList := value.([]any)
			if key != "x-kubernetes-validations" || !isList {
				if err := replace(value, rules, used); err != nil {
					return err
				}
				continue
			}
			var inserted []any
			for _, rule := range list {
				reference := referenceOf(rule)
				if reference == "" {
					inserted = append(inserted, rule)
					continue
				}
				if rules[reference] == nil {
					return fmt.Errorf("%s holds no rules, and a type refers to it", reference)
				}
				used[reference] = true
				inserted = slices.Concat(inserted, rules[reference])
			}
			node[key] = inserted
		}
	}
	return nil
}

// referenceOf returns the file that a rule refers to, or nothing.
func referenceOf(rule any) string {
	fields, _ := rule.(map[string]any)
	if text, _ := fields["rule"].(string); strings.HasPrefix(text, folder+"/") {
		return text
	}
	return ""
}
