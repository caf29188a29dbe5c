package main

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/gopherlocks/gopherlocks/operator/internal/fluxstandin/instance"
)

// pollInterval is how often brokers and waiting commands look at the folder.
const pollInterval = 50 * time.Millisecond

// connection is what a command asks: the instance, through a broker.
type connection struct {
	folder instance.Folder
	rank   int32 // of the broker
}

// connect asks the broker of FLUX_URI for its rank. A broker answers when it has
// joined the instance. Without a lead there is no answer until there is one.
func connect() (connection, error) {
	uri := os.Getenv("FLUX_URI")
	path, local := strings.CutPrefix(uri, "local://")
	if !local {
		return connection{}, fmt.Errorf("Unable to connect to Flux: FLUX_URI %q is not local://PATH", uri) //nolint:staticcheck // Flux's own words
	}
	socket, err := net.Dial("unix", path)
	if err != nil {
		return connection{}, fmt.Errorf("Unable to connect to Flux: %w", err) //nolint:staticcheck // Flux's own words
	}
	defer func() { _ = socket.Close() }()
	line, err := bufio.NewReader(socket).ReadString('\n')
	if err != nil {
		return connection{}, fmt.Errorf("the broker at %s ended: %w", uri, err)
	}
	rank, err := strconv.ParseInt(strings.TrimSpace(line), 10, 32)
	if err != nil {
		return connection{}, fmt.Errorf("%s is no broker of the stand-in: %w", uri, err)
	}
	folder, err := openFolder()
	if err != nil {
		return connection{}, err
	}
	for !folder.Lives(0) {
		time.Sleep(pollInterval)
	}
	return connection{folder, int32(rank)}, nil
}

func openFolder() (instance.Folder, error) {
	path := os.Getenv("FLUX_STANDIN_DIR")
	if path == "" {
		return "", errors.New("FLUX_STANDIN_DIR must be the folder of the pretend instance, the same for all its brokers")
	}
	return instance.Open(path)
}

// read connects and reads the state.
func read() (connection, *instance.State, error) {
	c, err := connect()
	if err != nil {
		return c, nil, err
	}
	state, err := c.folder.Read()
	return c, state, err
}

// update connects and changes the state.
func update(change func(*instance.State)) error {
	c, err := connect()
	if err != nil {
		return err
	}
	_, err = c.folder.Update(func(s *instance.State) bool {
		change(s)
		return true
	})
	return err
}
