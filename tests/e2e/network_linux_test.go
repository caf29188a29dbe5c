package e2e

import (
	"fmt"
	"net"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// listenInNetwork listens in the network namespace of a file. A socket stays in the
// namespace where it was made.
func listenInNetwork(namespace, address string) (net.Listener, error) {
	type result struct {
		listener net.Listener
		err      error
	}
	results := make(chan result)
	go func() {
		// Never unlocked: the thread ends with the goroutine, so no other goroutine
		// runs in this namespace.
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
