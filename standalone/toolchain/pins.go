package main

import (
	"context"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"strings"
)

// gomod is what `go mod edit -json` tells of a go.mod.
type gomod struct {
	Go      string
	Require []struct {
		moduleVersion
		Indirect bool
	}
	Replace []struct{ Old, New moduleVersion }
	Tool    []struct{ Path string }
}

type moduleVersion struct{ Path, Version string }

// readGomod reads the go.mod of a folder.
func readGomod(ctx context.Context, folder string) (gomod, error) {
	var m gomod
	out, err := goOutput(ctx, folder, "mod", "edit", "-json")
	if err != nil {
		return m, err
	}
	if err := json.Unmarshal([]byte(out), &m); err != nil {
		return m, fmt.Errorf("read the answer of go mod edit: %w", err)
	}
	return m, nil
}

// version returns the version of a module that is required, or "".
func (m gomod) version(path string) string {
	for _, required := range m.Require {
		if required.Path == path {
			return required.Version
		}
	}
	return ""
}

// constant returns a version that the Go package in a folder declares under a name.
// It is a string, or a struct of numbers, which are joined by dots. The package is
// read, not imported: most of them need other modules.
func constant(folder, name string) (string, error) {
	files, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil {
		return "", err
	}
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			return "", fmt.Errorf("look for %s: %w", name, err)
		}
		for _, declaration := range parsed.Decls {
			general, ok := declaration.(*ast.GenDecl)
			if !ok {
				continue
			}
			for _, spec := range general.Specs {
				values, ok := spec.(*ast.ValueSpec)
				if !ok {
					continue
				}
				for i, ident := range values.Names {
					if ident.Name == name && i < len(values.Values) {
						return literal(values.Values[i])
					}
				}
			}
		}
	}
	return "", fmt.Errorf("%s declares no %s", folder, name)
}

// literal writes out a string, a number or a struct of them.
func literal(expression ast.Expr) (string, error) {
	switch e := expression.(type) {
	case *ast.BasicLit:
		if e.Kind == token.STRING {
			return strconv.Unquote(e.Value)
		}
		return e.Value, nil
	case *ast.KeyValueExpr:
		return literal(e.Value)
	case *ast.CompositeLit:
		var parts []string
		for _, element := range e.Elts {
			part, err := literal(element)
			if err != nil {
				return "", err
			}
			parts = append(parts, part)
		}
		return strings.Join(parts, "."), nil
	}
	return "", fmt.Errorf("a version must be written out, and not computed")
}

// versions are the pins that provide programs.
type versions struct {
	kubernetes string // v1.37.2
	pulumi     string // v3.276.0
	pluginSDK  string // v4.25.0: the plugin must say the same, or every command warns.
	nodeImage  string // kindest/node:v1.37.0@sha256:…: what our plugin makes nodes of kind from.
}

func (t *tree) readVersions(ctx context.Context) (versions, error) {
	root, err := readGomod(ctx, t.root)
	if err != nil {
		return versions{}, err
	}
	kubernetes, err := readGomod(ctx, filepath.Join(t.root, modulesFolder, "kubernetes"))
	if err != nil {
		return versions{}, err
	}
	v := versions{
		kubernetes: kubernetes.version(kubernetesModule),
		pulumi:     root.version(pulumiModule),
		pluginSDK:  root.version(pluginSDKModule),
	}
	if v.kubernetes == "" || v.pulumi == "" || v.pluginSDK == "" {
		return v, fmt.Errorf("go.mod must require %s and %s, and standalone/modules/kubernetes/go.mod %s; found %+v", pulumiModule, pluginSDKModule, kubernetesModule, v)
	}
	v.nodeImage, err = constant(filepath.Join(t.root, "provider/kind"), "DefaultNodeImage")
	return v, err
}
