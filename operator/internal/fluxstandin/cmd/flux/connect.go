package main

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/gopherlocks/gopherlocks/operator/internal/fluxrpc"
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
	text, err := attribute("rank")
	if err != nil {
		return connection{}, err
	}
	rank, err := strconv.ParseInt(text, 10, 32)
	if err != nil {
		return connection{}, err
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

// attribute asks the broker of FLUX_URI itself for an attribute, which a client of the
// whole instance does not.
func attribute(name string) (string, error) {
	uri := os.Getenv("FLUX_URI")
	path, local := strings.CutPrefix(uri, "local://")
	if !local {
		return "", fmt.Errorf("Unable to connect to Flux: FLUX_URI %q is not local://PATH", uri) //nolint:staticcheck // Flux's own words
	}
	socket, err := net.Dial("unix", path)
	if err != nil {
		return "", fmt.Errorf("Unable to connect to Flux: %w", err) //nolint:staticcheck // Flux's own words
	}
	defer func() { _ = socket.Close() }()
	request := &fluxrpc.Message{
		Type: fluxrpc.TypeRequest, Flags: fluxrpc.FlagTopic | fluxrpc.FlagRoute, Topic: "attr.get",
		UserID: fluxrpc.UnknownUser, Aux: anyNode, MatchTag: 1,
	}
	err = request.SetPayload(map[string]string{"name": name})
	if err == nil {
		err = request.Write(socket)
	}
	var response *fluxrpc.Message
	reader := bufio.NewReader(socket)
	if err == nil {
		_, err = reader.ReadByte() // that the broker has accepted
	}
	if err == nil {
		response, err = fluxrpc.Read(reader)
	}
	if err != nil {
		return "", fmt.Errorf("the broker at %s: %w", uri, err)
	}
	if response.Aux != 0 {
		return "", fmt.Errorf("%s: %w", name, syscall.Errno(response.Aux))
	}
	var answer struct {
		Value string `json:"value"`
	}
	err = response.Unpack(&answer)
	return answer.Value, err
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

// update connects and changes the state, unless change refuses to.
func update(change func(*instance.State) error) error {
	c, err := connect()
	if err != nil {
		return err
	}
	var refused error
	_, err = c.folder.Update(func(s *instance.State) bool {
		refused = change(s)
		return refused == nil
	})
	return errors.Join(err, refused)
}
