//go:build !linux

package e2e

import (
	"errors"
	"net"
)

func listenInNetwork(string, string) (net.Listener, error) {
	return nil, errors.New("only Linux has network namespaces")
}
