// Command generate writes the Go SDK of the plugin's resources into the folder
// that its argument names.
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	p "github.com/pulumi/pulumi-go-provider"
	gogen "github.com/pulumi/pulumi/pkg/v3/codegen/go"
	"github.com/pulumi/pulumi/pkg/v3/codegen/schema"

	"github.com/gopherlocks/gopherlocks/provider/plugin"
	"github.com/gopherlocks/gopherlocks/version"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: generate DIR")
		os.Exit(2)
	}
	if err := generate(context.Background(), os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func generate(ctx context.Context, dir string) error {
	provider, err := plugin.New()
	if err != nil {
		return fmt.Errorf("build the provider: %w", err)
	}
	spec, err := p.GetSchema(ctx, plugin.Name, version.Version, provider)
	if err != nil {
		return fmt.Errorf("read the provider's schema: %w", err)
	}
	pkg, diagnostics, err := schema.BindSpec(spec, schema.NewNullLoader(), schema.ValidationOptions{})
	if err != nil {
		return fmt.Errorf("bind the schema: %w", err)
	}
	if diagnostics.HasErrors() {
		return fmt.Errorf("bind the schema: %w", diagnostics)
	}
	files, err := gogen.GeneratePackage("gopherlocks", pkg, nil)
	if err != nil {
		return fmt.Errorf("generate the Go SDK: %w", err)
	}
	// A resource that is gone must not leave its file behind.
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("empty the SDK's folder: %w", err)
	}
	for name, content := range files {
		// The generator puts all files below a folder named after the package.
		path := filepath.Join(dir, strings.TrimPrefix(name, plugin.Name+"/"))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return fmt.Errorf("write the Go SDK: %w", err)
		}
		if err := os.WriteFile(path, content, 0o644); err != nil {
			return fmt.Errorf("write the Go SDK: %w", err)
		}
	}
	return nil
}
