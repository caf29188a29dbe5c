package e2e

import (
	"fmt"
	"net"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// listenInNetwork listens in a network namespace, given as a file. A socket stays
// in the namespace that it was made in.
func listenInNetwork(namespace, address string) (net.Listener, error) {
	type result struct {
		listener net.Listener
		err      error
	}
	results := make(chan result)
	go func() {
		// Never unlocked: the thread ends with the goroutine, and nobody gets it who
		// would be in the wrong namespace.
		runtime.LockOSThread()
		listener, err := listenAfterEntering(namespace, address)
		results <- result{listener, err}
	}()
	r := <-results
	return r.listener, r.err
}

func listenAfterEntering(namespace, address string) (net.Listener, error) {
	file, err := os.Open(namespace)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if err := unix.Setns(int(file.Fd()), unix.CLONE_NEWNET); err != nil {
		return nil, fmt.Errorf("entering %s: %w", namespace, err)
	}
	return net.Listen("tcp", address)
}
