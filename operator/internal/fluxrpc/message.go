package fluxrpc

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
)

// MaxMessage is the largest message that is read or written, in bytes. The list of
// 100,000 jobs has some 8 MB.
const MaxMessage = 64 << 20

// Type of a message.
type Type uint8

// Types of messages.
const (
	TypeRequest  Type = 1
	TypeResponse Type = 2
	TypeEvent    Type = 4
	TypeControl  Type = 8
)

// String names the type.
func (t Type) String() string {
	switch t {
	case TypeRequest:
		return "request"
	case TypeResponse:
		return "response"
	case TypeEvent:
		return "event"
	case TypeControl:
		return "control"
	}
	return fmt.Sprintf("message of type %d", uint8(t))
}

// Flags of a message.
type Flags uint8

// Flags of messages. FlagTopic, FlagPayload and FlagRoute say which frames there are.
const (
	FlagTopic      Flags = 0x01
	FlagPayload    Flags = 0x02
	FlagNoResponse Flags = 0x04
	FlagRoute      Flags = 0x08
	FlagStreaming  Flags = 0x40
)

// UnknownUser is the user of a request whose asker the broker knows best.
const UnknownUser = math.MaxUint32

// Message is a message of Flux. Source of its form: Flux RFC 3.
type Message struct {
	Type  Type
	Flags Flags
	// Route, with FlagRoute, is the stack of identities of the brokers and clients
	// that it came by.
	Route []string
	// Topic, with FlagTopic, names the service and its method, such as
	// resource.status.
	Topic string
	// Payload, with FlagPayload, is mostly JSON with a zero byte behind it.
	Payload  []byte
	UserID   uint32
	RoleMask uint32
	// Aux is the node of a request, or the error number of a response.
	Aux uint32
	// MatchTag is the number that the asker has given a request. Its responses bear
	// it too.
	MatchTag uint32
}

const (
	// connectionMagic begins each message on a socket.
	connectionMagic = 0xffee0012
	// prefixSize is of the magic, and of the length of what follows.
	prefixSize = 8

	headerMagic   = 0x8e
	headerVersion = 1
	headerSize    = 20

	// longFrame stands for the length of a frame of 255 bytes or more, and four bytes
	// of it follow.
	longFrame = 0xff
)

// Encode returns the frames of a message, without what begins it on a socket.
func (m *Message) Encode() ([]byte, error) {
	frames, err := m.frames()
	if err != nil {
		return nil, err
	}
	var data []byte
	for _, frame := range frames {
		if len(frame) > MaxMessage-len(data) {
			return nil, fmt.Errorf("%v %s has more than %d bytes", m.Type, m.Topic, MaxMessage)
		}
		if len(frame) < longFrame {
			data = append(data, byte(len(frame)))
		} else {
			data = binary.BigEndian.AppendUint32(append(data, longFrame), uint32(len(frame)))
		}
		data = append(data, frame...)
	}
	return data, nil
}

// frames are the parts of a message in their order: route, an empty one at its end,
// topic, payload, header.
func (m *Message) frames() ([][]byte, error) {
	var frames [][]byte
	if m.Flags&FlagRoute != 0 {
		for _, identity := range m.Route {
			if identity == "" {
				return nil, fmt.Errorf("%v %s: an identity of its route is empty", m.Type, m.Topic)
			}
			frames = append(frames, []byte(identity))
		}
		frames = append(frames, nil)
	}
	if m.Flags&FlagTopic != 0 {
		frames = append(frames, []byte(m.Topic))
	}
	if m.Flags&FlagPayload != 0 {
		frames = append(frames, m.Payload)
	}
	header := []byte{headerMagic, headerVersion, byte(m.Type), byte(m.Flags)}
	for _, number := range []uint32{m.UserID, m.RoleMask, m.Aux, m.MatchTag} {
		header = binary.BigEndian.AppendUint32(header, number)
	}
	return append(frames, header), nil
}

// Decode reads the frames of a message. It keeps no part of data.
func Decode(data []byte) (*Message, error) {
	frames, err := splitFrames(data)
	if err != nil {
		return nil, err
	}
	if len(frames) == 0 {
		return nil, errors.New("a message has no frame")
	}
	m, err := decodeHeader(frames[len(frames)-1])
	if err != nil {
		return nil, err
	}
	frames = frames[:len(frames)-1]
	next := func(what string) (frame []byte) {
		if err != nil {
			return nil
		}
		if len(frames) == 0 {
			err = fmt.Errorf("a %v has no frame for its %s", m.Type, what)
			return nil
		}
		frame, frames = frames[0], frames[1:]
		return frame
	}
	if m.Flags&FlagRoute != 0 {
		for identity := next("route"); len(identity) > 0; identity = next("route") {
			m.Route = append(m.Route, string(identity))
		}
	}
	if m.Flags&FlagTopic != 0 {
		m.Topic = string(next("topic"))
	}
	if m.Flags&FlagPayload != 0 {
		m.Payload = append([]byte{}, next("payload")...)
	}
	if err == nil && len(frames) > 0 {
		err = fmt.Errorf("a %v has %d frames more than its flags 0x%02x say", m.Type, len(frames), uint8(m.Flags))
	}
	if err != nil {
		return nil, err
	}
	return m, nil
}

// splitFrames returns the frames as parts of data.
func splitFrames(data []byte) ([][]byte, error) {
	var frames [][]byte
	for rest := data; len(rest) > 0; {
		length := uint64(rest[0])
		rest = rest[1:]
		if length == longFrame {
			if len(rest) < 4 {
				return nil, errors.New("a message ends in the length of a frame")
			}
			length = uint64(binary.BigEndian.Uint32(rest))
			rest = rest[4:]
		}
		if length > uint64(len(rest)) {
			return nil, fmt.Errorf("a message ends in a frame: %d of %d bytes", len(rest), length)
		}
		frames = append(frames, rest[:length])
		rest = rest[length:]
	}
	return frames, nil
}

func decodeHeader(header []byte) (*Message, error) {
	if len(header) != headerSize {
		return nil, fmt.Errorf("the header of a message has %d bytes, want %d", len(header), headerSize)
	}
	if header[0] != headerMagic || header[1] != headerVersion {
		return nil, fmt.Errorf("the header of a message begins with 0x%02x, version %d; want 0x%02x, version %d", header[0], header[1], headerMagic, headerVersion)
	}
	m := &Message{
		Type: Type(header[2]), Flags: Flags(header[3]),
		UserID: binary.BigEndian.Uint32(header[4:]), RoleMask: binary.BigEndian.Uint32(header[8:]),
		Aux: binary.BigEndian.Uint32(header[12:]), MatchTag: binary.BigEndian.Uint32(header[16:]),
	}
	switch m.Type {
	case TypeRequest, TypeResponse, TypeEvent, TypeControl:
		return m, nil
	}
	return nil, fmt.Errorf("the header of a message has the type %d, which Flux does not have", header[2])
}

// SetPayload makes value, as JSON, the payload; nil is none.
func (m *Message) SetPayload(value any) error {
	if value == nil {
		m.Flags, m.Payload = m.Flags&^FlagPayload, nil
		return nil
	}
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("payload of the %v %s: %w", m.Type, m.Topic, err)
	}
	m.Flags, m.Payload = m.Flags|FlagPayload, append(text, 0)
	return nil
}

// Unpack reads the payload, which must be JSON, into value. A payload of nothing
// leaves it as it is.
func (m *Message) Unpack(value any) error {
	text := bytes.TrimSuffix(m.Payload, []byte{0})
	if len(text) == 0 {
		return nil
	}
	if err := json.Unmarshal(text, value); err != nil {
		return fmt.Errorf("payload of the %v %s: %w", m.Type, m.Topic, err)
	}
	return nil
}

// text is a payload that is text, as that of an error. A long one is cut.
func (m *Message) text() string {
	const most = 1000 // bytes
	text := strings.TrimSpace(string(bytes.TrimSuffix(m.Payload, []byte{0})))
	rest := ""
	if len(text) > most {
		text, rest = text[:most], "…"
	}
	return strings.ToValidUTF8(text, "") + rest
}

// Write writes a message to a socket, in one piece.
func (m *Message) Write(w io.Writer) error {
	data, err := m.Encode()
	if err != nil {
		return err
	}
	// The broker is on this machine, and takes the magic in its order of bytes.
	prefix := binary.NativeEndian.AppendUint32(make([]byte, 0, prefixSize+len(data)), connectionMagic)
	prefix = binary.BigEndian.AppendUint32(prefix, uint32(len(data)))
	_, err = w.Write(append(prefix, data...))
	return err
}

// Read reads a message from a socket. The error is io.EOF when it ends before one.
func Read(r io.Reader) (*Message, error) {
	var prefix [prefixSize]byte
	if _, err := io.ReadFull(r, prefix[:]); err != nil {
		return nil, err
	}
	if magic := binary.NativeEndian.Uint32(prefix[:]); magic != connectionMagic {
		return nil, fmt.Errorf("what is on the socket begins with 0x%08x; Flux's messages begin with 0x%08x", magic, uint32(connectionMagic))
	}
	size := int64(binary.BigEndian.Uint32(prefix[4:]))
	if size > MaxMessage {
		return nil, fmt.Errorf("a message of %d bytes is larger than %d", size, MaxMessage)
	}
	// The buffer grows with what is there, and not with what is said.
	var data bytes.Buffer
	if _, err := io.CopyN(&data, r, size); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	return Decode(data.Bytes())
}
