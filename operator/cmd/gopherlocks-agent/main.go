// Command gopherlocks-agent is the main process in the pods of a MiniCluster.
package main

import (
	"os"

	"github.com/gopherlocks/gopherlocks/operator/internal/agent"
	"github.com/gopherlocks/gopherlocks/version"
)

func main() {
	if version.Answer(os.Args, os.Stdout) {
		return
	}
	os.Exit(agent.Main(os.Args[1:]))
}
