package fluxrpc

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// recorded is a request as it goes to a broker, without what begins it on a socket.
var recorded = slices.Concat(
	[]byte{0}, // the end of the route
	[]byte("\x0fresource.status"),
	[]byte("\x03{}\x00"),
	[]byte{20, 0x8e, 1, 1, 0x0b, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7},
)

func TestMessagesHaveFluxsForm(t *testing.T) {
	m := &Message{Type: TypeRequest, Flags: FlagTopic | FlagRoute, Topic: "resource.status", UserID: UnknownUser, MatchTag: 7}
	if err := m.SetPayload(struct{}{}); err != nil {
		t.Fatal(err)
	}
	data, err := m.Encode()
	if err != nil || !bytes.Equal(data, recorded) {
		t.Errorf("%q, %v, want %q", data, err, recorded)
	}
	var socket bytes.Buffer
	if err := m.Write(&socket); err != nil {
		t.Fatal(err)
	}
	want := binary.BigEndian.AppendUint32(binary.NativeEndian.AppendUint32(nil, 0xffee0012), uint32(len(recorded)))
	if want = append(want, recorded...); !bytes.Equal(socket.Bytes(), want) {
		t.Errorf("on the socket: %q, want %q", socket.Bytes(), want)
	}
}

func TestMessagesAreReadAsTheyWereWritten(t *testing.T) {
	for name, m := range map[string]Message{
		"request without payload":  {Type: TypeRequest, Flags: FlagTopic | FlagRoute, Topic: "resource.status", UserID: UnknownUser, Aux: 1<<32 - 1, MatchTag: 1},
		"response of three hops":   {Type: TypeResponse, Flags: FlagTopic | FlagRoute | FlagPayload, Route: []string{"a", "b", "c"}, Topic: "x.y", Payload: []byte("{}\x00"), Aux: 38},
		"streaming, empty payload": {Type: TypeResponse, Flags: FlagTopic | FlagPayload | FlagStreaming, Topic: "x.y", Payload: []byte{}},
		"payload of 254 bytes":     {Type: TypeEvent, Flags: FlagTopic | FlagPayload, Topic: "e", Payload: bytes.Repeat([]byte{1}, 254)},
		"payload of 255 bytes":     {Type: TypeEvent, Flags: FlagTopic | FlagPayload, Topic: "e", Payload: bytes.Repeat([]byte{1}, 255)},
		"payload of 100,000 bytes": {Type: TypeEvent, Flags: FlagTopic | FlagPayload, Topic: "e", Payload: bytes.Repeat([]byte{1}, 100_000)},
		"control":                  {Type: TypeControl, Aux: 1, MatchTag: 2},
	} {
		var socket bytes.Buffer
		if err := m.Write(&socket); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got, err := Read(&socket); err != nil || !reflect.DeepEqual(got, &m) {
			t.Errorf("%s: read as %+v, %v", name, got, err)
		}
		if _, err := Read(&socket); !errors.Is(err, io.EOF) {
			t.Errorf("%s: behind it: %v, want io.EOF", name, err)
		}
	}
}

func TestWhatIsNoMessageIsRefused(t *testing.T) {
	header := func(change func([]byte)) []byte {
		data := bytes.Clone(recorded)
		change(data[len(data)-headerSize:])
		return data
	}
	for name, test := range map[string]struct {
		data []byte
		want string
	}{
		"nothing":              {nil, "no frame"},
		"half a frame":         {[]byte{5, 1}, "1 of 5 bytes"},
		"half a length":        {[]byte{0xff, 0, 0}, "length of a frame"},
		"a huge length":        {[]byte{0xff, 0xff, 0xff, 0xff, 0xff}, "0 of 4294967295 bytes"},
		"a short header":       {[]byte{1, 0x8e}, "has 1 bytes, want 20"},
		"another magic":        {header(func(h []byte) { h[0] = 0x8d }), "begins with 0x8d"},
		"another version":      {header(func(h []byte) { h[1] = 2 }), "version 2"},
		"another type":         {header(func(h []byte) { h[2] = 3 }), "type 3"},
		"a frame too many":     {header(func(h []byte) { h[3] &^= byte(FlagPayload) }), "1 frames more"},
		"no frame for a topic": {recorded[len(recorded)-headerSize-1:], "no frame for its route"},
		"no end of the route":  {recorded[1:], "no frame for its route"},
	} {
		if m, err := Decode(test.data); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %+v, %v, want an error with %q", name, m, err, test.want)
		}
	}
}

func TestWhatIsOnASocketIsBounded(t *testing.T) {
	prefix := func(magic, size uint32) []byte {
		return binary.BigEndian.AppendUint32(binary.NativeEndian.AppendUint32(nil, magic), size)
	}
	for name, test := range map[string]struct {
		data []byte
		want string
	}{
		"too large":     {prefix(connectionMagic, MaxMessage+1), "larger than"},
		"another magic": {prefix(0x12345678, 1), "0x12345678"},
		"cut off":       {prefix(connectionMagic, MaxMessage), "unexpected EOF"},
		"cut off early": {prefix(connectionMagic, 1)[:6], "unexpected EOF"},
	} {
		if m, err := Read(bytes.NewReader(test.data)); err == nil || errors.Is(err, io.EOF) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %+v, %v, want an error with %q", name, m, err, test.want)
		}
	}
	m := &Message{Type: TypeRequest, Flags: FlagTopic | FlagPayload, Topic: "x.y", Payload: make([]byte, MaxMessage)}
	if err := m.Write(io.Discard); err == nil || !strings.Contains(err.Error(), "request x.y has more than") {
		t.Errorf("written: %v", err)
	}
}

func TestAnEmptyIdentityWouldEndTheRoute(t *testing.T) {
	m := &Message{Type: TypeRequest, Flags: FlagRoute, Route: []string{"a", ""}}
	if data, err := m.Encode(); err == nil {
		t.Errorf("written as %q", data)
	}
}

// FuzzDecode: whatever comes, it is refused, or read and written as it was.
func FuzzDecode(f *testing.F) {
	f.Add(recorded)
	f.Add([]byte{1, 'a', 0, 3, 'x', '.', 'y', 20, 0x8e, 1, 2, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 38, 0, 0, 0, 1})
	f.Add([]byte{0xff, 0, 0, 0, 2, 'x', 'y', 20, 0x8e, 1, 4, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1})
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := Decode(data)
		if err != nil {
			return
		}
		written, err := m.Encode()
		if err != nil {
			t.Fatalf("%+v was read, and cannot be written: %v", m, err)
		}
		again, err := Decode(written)
		if err != nil || !reflect.DeepEqual(again, m) {
			t.Errorf("%+v became %+v, %v", m, again, err)
		}
		// Lengths can be written in two ways.
		if !bytes.Contains(data, []byte{longFrame}) && !bytes.Equal(written, data) {
			t.Errorf("%q was written as %q", data, written)
		}
		var value any
		_ = m.Unpack(&value)
	})
}

// FuzzRead: whatever is on a socket, it is read or refused.
func FuzzRead(f *testing.F) {
	var socket bytes.Buffer
	if err := (&Message{Type: TypeRequest, Flags: FlagTopic, Topic: "x.y"}).Write(&socket); err != nil {
		f.Fatal(err)
	}
	f.Add(socket.Bytes())
	f.Fuzz(func(t *testing.T, data []byte) {
		for r := bytes.NewReader(data); ; {
			if _, err := Read(r); err != nil {
				return
			}
		}
	})
}
