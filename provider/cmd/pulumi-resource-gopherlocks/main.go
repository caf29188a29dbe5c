// Command pulumi-resource-gopherlocks is the Pulumi plugin of Gopherlocks. The
// nodes of embedded clusters run from it too.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/gopherlocks/gopherlocks/provider/plugin"
	"github.com/gopherlocks/gopherlocks/standalone/embedded"
	"github.com/gopherlocks/gopherlocks/version"
)

func main() {
	embedded.RunNode()
	if version.Answer(os.Args, os.Stdout) {
		return
	}
	provider, err := plugin.New()
	if err == nil {
		err = provider.Run(context.Background(), plugin.Name, version.Version)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
