package main

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

func TestCompileCount(t *testing.T) {
	c := newCompileCount([]string{"unsafe", "errors", "fmt", "example.org/lib", "example.org/cmd"}, []string{"example.org/cmd"})
	for _, test := range []struct {
		line string
		name bool
		want string
	}{
		{"# example.org/lib", false, "looking for what is compiled already"},
		{"example.org/lib", true, "1 of at most 5 packages compiled"}, // In whatever order.
		{"errors", true, "2 of at most 5 packages compiled"},
		{"errors", false, "2 of at most 5 packages compiled"},
		{"lib.go:3: undefined: x", false, "2 of at most 5 packages compiled"},
		{"example.org/cmd", true, "3 of at most 5 packages compiled, linking"},
	} {
		if got := c.note(test.line); got != test.name {
			t.Errorf("note(%q) = %v, want %v", test.line, got, test.name)
		}
		if got := c.String(); got != test.want {
			t.Errorf("after %q: %q, want %q", test.line, got, test.want)
		}
	}
}

func TestLineWriterPutsLinesTogether(t *testing.T) {
	var got []string
	w := lineWriter(func(line string) { got = append(got, line) })
	for _, part := range []string{"fm", "t\nerr", "ors\n\nhalf"} {
		if n, err := w.Write([]byte(part)); n != len(part) || err != nil {
			t.Fatal(n, err)
		}
	}
	if want := "fmt|errors|"; strings.Join(got, "|") != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestLastLines(t *testing.T) {
	if got, want := lastLines("a\nb\nc\n\n", 2), "  b\n  c"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestShortTime(t *testing.T) {
	for d, want := range map[time.Duration]string{
		420 * time.Millisecond: "0.4s", 12400 * time.Millisecond: "12s", 80 * time.Second: "1m20s", 61*time.Minute + 5*time.Second: "61m05s",
	} {
		if got := shortTime(d); got != want {
			t.Errorf("shortTime(%v) = %q, want %q", d, got, want)
		}
	}
}

func TestStepSaysWhatItDoesAndForHowLong(t *testing.T) {
	started := time.Now()
	for live, want := range map[bool]string{
		true:  "\r\x1b[K\x1b[?7l[1/2] etcd … 3 of 5 packages, 20s\x1b[?7h",
		false: "[1/2] etcd … 3 of 5 packages, 20s\n",
	} {
		var out bytes.Buffer
		s := &step{out: &out, live: live, heading: "[1/2] etcd", started: started, now: func() time.Time { return started.Add(20 * time.Second) }}
		s.set("%d of 5 packages", 3)
		s.show()
		if out.String() != want {
			t.Errorf("live=%v: %q, want %q", live, out.String(), want)
		}
	}
}
