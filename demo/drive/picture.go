package drive

import (
	"fmt"
	"io"
	"strings"
	"time"
)

const barWidth = 30

// Picture is one moment of a demo, without control characters.
type Picture struct{ text strings.Builder }

// NewPicture begins with the line about the whole.
func NewPicture(name string, elapsed time.Duration, phase string) *Picture {
	p := &Picture{}
	fmt.Fprintf(&p.text, "MiniCluster %s   %s   %s\n\n", name, Clock(elapsed), phase)
	return p
}

// Row adds a line.
func (p *Picture) Row(label, format string, args ...any) {
	fmt.Fprintf(&p.text, "  %-8s %s\n", label, fmt.Sprintf(format, args...))
}

// Ranks adds the lines about size and ready ranks.
func (p *Picture) Ranks(r Ranks) {
	p.Row("size", "%s %d of %d to %d, %d wished", Places(r.Size, r.Size, r.Max), r.Size, r.Min, r.Max, r.Wished)
	p.Row("ready", "%s %d", Places(r.Ready, r.Size, r.Max), r.Ready)
}

// String is the whole picture.
func (p *Picture) String() string { return p.text.String() }

// Clock is a time since the start of a demo, as minutes and seconds.
func Clock(d time.Duration) string {
	return fmt.Sprintf("%02d:%02d", int(d.Minutes()), int(d.Seconds())%60)
}

// Count is a number of things: "1 rank", "2 ranks".
func Count(n int, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return fmt.Sprintf("%d %s", n, thing)
}

// Bar draws a value that is full at most.
func Bar(value, full int) string {
	filled := min(max(value*barWidth/full, 0), barWidth)
	return "[" + strings.Repeat("#", filled) + strings.Repeat(".", barWidth-filled) + "]"
}

// Places draws a place for each of a maximum: full, there but not full, or empty.
func Places(full, there, maximum int) string {
	full, there = min(max(full, 0), maximum), min(max(there, 0), maximum)
	there = max(full, there)
	return "[" + strings.Repeat("#", full) + strings.Repeat("-", there-full) + strings.Repeat(".", maximum-there) + "]"
}

// Display shows a demo while it runs.
type Display struct {
	// Out is where it goes. On a Terminal the picture is redrawn in place, else a line
	// is written for each change.
	Out      io.Writer
	Terminal bool

	drawn string
}

// Draw shows a moment, as a picture or on one line.
func (d *Display) Draw(elapsed time.Duration, picture *Picture, line string) {
	if !d.Terminal {
		if line != d.drawn {
			fmt.Fprintf(d.Out, "%s  %s\n", Clock(elapsed), line)
			d.drawn = line
		}
		return
	}
	// Back to the first line of the last picture, each line cleared to its end.
	if d.drawn != "" {
		fmt.Fprintf(d.Out, "\x1b[%dA", strings.Count(d.drawn, "\n"))
	}
	d.drawn = picture.String()
	fmt.Fprint(d.Out, strings.ReplaceAll(d.drawn, "\n", "\x1b[K\n"))
}
