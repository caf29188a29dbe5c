// Command gopherlocks-policies is the policy pack of Gopherlocks. Pulumi starts
// it: pulumi preview --policy-pack PATH/gopherlocks-policies.
package main

import (
	"fmt"
	"os"

	"github.com/gopherlocks/gopherlocks/policies/pack"
)

func main() {
	// Pulumi's arguments, its own address and a folder, are for packs that call
	// it back or read files.
	if err := pack.Serve(os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "gopherlocks-policies:", err)
		os.Exit(1)
	}
}
