package inspect

import (
	"fmt"
	"io"
	"strings"
	"time"

	"tote/drivers"
	"tote/drivers/all"
	"tote/drivers/tap"
)

// bytesPerLine of a dump.
const bytesPerLine = 16

// Tracer writes what passes on a line for people: time, direction, bytes in
// hexadecimal and as text, and below them what they mean.
type Tracer struct {
	w       io.Writer
	decoder map[string]drivers.Decoder
}

// NewTracer reads a line aloud as the driver of that name does; with an unknown
// name or one that cannot, in hexadecimal alone.
func NewTracer(w io.Writer, driver string) *Tracer {
	t := &Tracer{w: w, decoder: map[string]drivers.Decoder{}}
	if d, ok := all.Find(driver); ok && d.Decode != nil {
		t.decoder[tap.ToDevice], t.decoder[tap.FromDevice] = d.Decode(true), d.Decode(false)
	}
	return t
}

// Chunk writes one chunk.
func (t *Tracer) Chunk(at time.Time, dir string, data []byte, event string) error {
	var b strings.Builder
	stamp := at.Format("15:04:05.000000")
	if event != "" {
		fmt.Fprintf(&b, "%s -- %s\n", stamp, printable(event))
	}
	arrow := map[string]string{tap.ToDevice: "->", tap.FromDevice: "<-"}[dir]
	for rest := data; len(rest) > 0; {
		n := min(len(rest), bytesPerLine)
		fmt.Fprintf(&b, "%s %s %-*s |%s|\n", stamp, arrow, 3*bytesPerLine-1, fmt.Sprintf("% x", rest[:n]), ascii(rest[:n]))
		rest = rest[n:]
	}
	if d := t.decoder[dir]; d != nil && len(data) > 0 {
		d.Push(data, func(f drivers.Frame) {
			line := printable(f.Text)
			if f.Code != "" {
				line = f.Code + " " + line
			}
			fmt.Fprintf(&b, "%*s %s %s\n", len(stamp), "", arrow, line)
		})
	}
	_, err := io.WriteString(t.w, b.String())
	return err
}

// ascii shows bytes as the text they are, a dot for what is none.
func ascii(p []byte) string {
	out := make([]byte, len(p))
	for i, c := range p {
		out[i] = '.'
		if c >= ' ' && c <= '~' {
			out[i] = c
		}
	}
	return string(out)
}

// printable keeps what a device said from working on the terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return '.'
		}
		return r
	}, s)
}
