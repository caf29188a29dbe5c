// Command gopherlocks-agent is the main process in the pods of a MiniCluster.
package main

import (
	"os"

	"github.com/gopherlocks/gopherlocks/operator/internal/agent"
)

func main() {
	os.Exit(agent.Main(os.Args[1:]))
}
