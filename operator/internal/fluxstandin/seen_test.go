package fluxstandin

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gopherlocks/gopherlocks/operator/internal/fluxrpc"
	"github.com/gopherlocks/gopherlocks/operator/internal/fluxstandin/instance"
)

// seen is what a client of an instance sees, in words that are the same with the
// stand-in and with a real Flux.
type seen struct {
	*Instance
	t      *testing.T
	client *fluxrpc.Client
	stream *fluxrpc.Stream
	// events are those of jobs, and resources what they asked for, by ID.
	events    map[int64][]string
	resources map[int64]string
	// names are put in the place of IDs.
	names map[string]string
}

// entry is what the journal of jobs tells at a time.
type entry struct {
	ID      int64   `json:"id"`
	Events  []event `json:"events"`
	Jobspec *struct {
		Resources any `json:"resources"`
	} `json:"jobspec"`
	R *set `json:"R"`
}

type event struct {
	Timestamp float64        `json:"timestamp"`
	Name      string         `json:"name"`
	Context   map[string]any `json:"context"`
}

// set is R.
type set struct {
	Execution struct {
		Targets []struct {
			Rank     string            `json:"rank"`
			Children map[string]string `json:"children"`
		} `json:"R_lite"`
	} `json:"execution"`
}

// String is such as "0-1/core0-1,gpu0 2/core0".
func (s set) String() string {
	var words []string
	for _, target := range s.Execution.Targets {
		var children []string
		for _, name := range slices.Sorted(maps.Keys(target.Children)) {
			children = append(children, name+target.Children[name])
		}
		words = append(words, target.Rank+"/"+strings.Join(children, ","))
	}
	return strings.Join(words, " ")
}

// see follows the jobs of an instance from their past on, by the broker of a socket.
func see(t *testing.T, i *Instance, socket string, filter map[string]any) *seen {
	t.Helper()
	client, err := fluxrpc.New(socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	s := &seen{Instance: i, t: t, client: client, events: map[int64][]string{}, resources: map[int64]string{}, names: map[string]string{}}
	s.stream = s.listen("job-manager.events-journal", filter)
	for s.next().ID != -1 {
	}
	return s
}

// listen begins a stream that lasts as long as the test.
func (s *seen) listen(topic string, payload any) *fluxrpc.Stream {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	s.t.Cleanup(cancel)
	stream, err := s.client.Stream(ctx, topic, payload)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(stream.Close)
	return stream
}

// next reads what the journal tells next.
func (s *seen) next() entry {
	s.t.Helper()
	var e entry
	if err := s.stream.Next(&e); err != nil {
		s.t.Fatalf("the journal has ended: %v; until then: %v", err, s.events)
	}
	s.remember(e)
	return e
}

func (s *seen) remember(e entry) {
	for _, event := range e.Events {
		if event.Timestamp == 0 {
			s.t.Errorf("the event %s has no time", event.Name)
		}
		word := event.words()
		if event.Name == "alloc" && e.R != nil {
			word += " " + e.R.String()
		}
		s.events[e.ID] = append(s.events[e.ID], word)
	}
	if e.Jobspec != nil {
		text, err := json.Marshal(e.Jobspec.Resources)
		if err != nil {
			s.t.Fatal(err)
		}
		s.resources[e.ID] = string(text)
	}
}

// words are the name and what counts of the context.
func (e event) words() string {
	words := e.Name
	for _, key := range slices.Sorted(maps.Keys(e.Context)) {
		value := fmt.Sprint(e.Context[key])
		switch {
		case slices.Contains([]string{"userid", "note", "annotations", "nodelist", "ranks", "version", "flags"}, key):
			continue
		case key == "status" && e.Context[key].(float64) >= 128<<8:
			value = "killed" // by one signal or another
		}
		words += " " + key + "=" + value
	}
	return words
}

// submit submits a job, which is called by name, and returns its ID.
func (s *seen) submit(name string, args ...string) string {
	s.t.Helper()
	id := s.Run(append([]string{"submit"}, args...)...)
	s.names[id] = name
	return id
}

// until reads until the last event of a job begins with a word, and returns all of them.
func (s *seen) until(id, word string) []string {
	s.t.Helper()
	number := s.number(id)
	for {
		if events := s.events[number]; len(events) > 0 && strings.HasPrefix(events[len(events)-1], word) {
			return s.named(events)
		}
		s.next()
	}
}

func (s *seen) number(id string) int64 {
	s.t.Helper()
	number, err := instance.ParseID(id)
	if err != nil {
		s.t.Fatal(err)
	}
	return int64(number)
}

func (s *seen) named(words []string) []string {
	text := strings.Join(words, "\n")
	for id, name := range s.names {
		text = strings.ReplaceAll(text, id, name)
	}
	return strings.Split(text, "\n")
}

// request asks the lead.
func (s *seen) request(topic string, payload, into any) {
	s.t.Helper()
	if err := s.client.Request(s.t.Context(), topic, payload, into); err != nil {
		s.t.Fatal(err)
	}
}

func same(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s:\n%s\nwant\n%s", what, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// around puts what comes with each job around what is a job's own.
func around(own ...string) []string {
	return slices.Concat([]string{"submit urgency=16", "validate", "depend", "priority priority=16", "annotations"}, own,
		[]string{"release final=true", "free", "clean"})
}

// ranAnywhere is around, with the ranks that a job had.
func (s *seen) ranAnywhere(id string) []string {
	for _, word := range s.events[s.number(id)] {
		if strings.HasPrefix(word, "alloc ") {
			return around(word, "start", "finish status=0")
		}
	}
	return around("alloc", "start", "finish status=0")
}

// invalid reads until a job is invalid, and returns its events.
func (s *seen) invalid() []string {
	s.t.Helper()
	for {
		e := s.next()
		if e.ID != -1 && e.Events[0].Name == "invalidate" {
			return s.events[e.ID]
		}
	}
}

// fails runs a command that must fail, and returns its error output.
func (s *seen) fails(args ...string) string {
	s.t.Helper()
	var stderr bytes.Buffer
	cmd := exec.CommandContext(s.t.Context(), s.Flux, args...)
	cmd.Env, cmd.Stderr = s.Env, &stderr
	if err := cmd.Run(); err == nil {
		s.t.Errorf("flux %s did not fail", strings.Join(args, " "))
	}
	return stderr.String()
}

// anyNode is the node of a request that any broker may answer. Source: Flux RFC 3.
const anyNode = 1<<32 - 1

// ask asks a node by the socket of a broker, and returns error number and payload.
func ask(t *testing.T, path string, node uint32, topic string, payload any) (syscall.Errno, string) {
	t.Helper()
	socket, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	if err = socket.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	request := &fluxrpc.Message{
		Type: fluxrpc.TypeRequest, Flags: fluxrpc.FlagTopic | fluxrpc.FlagRoute, Topic: topic,
		UserID: fluxrpc.UnknownUser, Aux: node, MatchTag: 7,
	}
	if err = errors.Join(request.SetPayload(payload), request.Write(socket)); err != nil {
		t.Fatal(err)
	}
	reader := bufio.NewReader(socket)
	first, err := reader.ReadByte()
	if err != nil || first != 0 {
		t.Fatalf("the broker begins with %d, %v, want 0", first, err)
	}
	response, err := fluxrpc.Read(reader)
	if err != nil {
		t.Fatalf("%s: %v", topic, err)
	}
	if response.Type != fluxrpc.TypeResponse || response.Topic != topic || response.MatchTag != 7 {
		t.Errorf("the answer to %s is a %v to %s with tag %d", topic, response.Type, response.Topic, response.MatchTag)
	}
	return syscall.Errno(response.Aux), strings.TrimSuffix(string(response.Payload), "\x00")
}
