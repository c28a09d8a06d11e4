package ziotc

import (
	"bytes"
	"fmt"
	"strings"

	"tote/drivers"
)

// Trace reads one direction of a reader's messages aloud.
func Trace(toDevice bool) drivers.Decoder { return &trace{toDevice: toDevice} }

type trace struct {
	toDevice bool
	line     []byte
}

// Push cuts p into messages.
func (t *trace) Push(p []byte, emit func(drivers.Frame)) {
	for len(p) > 0 {
		part, rest, ended := bytes.Cut(p, []byte{'\n'})
		p = rest
		t.line = append(t.line, part...)
		if ended {
			t.line = append(t.line, '\n')
		} else if len(t.line) < maxLine {
			return
		}
		f := drivers.Frame{Wire: bytes.Clone(t.line)}
		t.line = t.line[:0]
		if t.toDevice {
			f.Text = strings.TrimSpace(string(f.Wire))
		} else {
			f.Text, f.Code = words(f.Wire)
		}
		emit(f)
	}
}

// words is a message of a reader for people.
func words(line []byte) (text, code string) {
	events, err := Decode(line)
	if err != nil {
		text, code = err.Error(), drivers.CodeZebraTag
		if events == nil {
			code = drivers.CodeZebraUnreadable
		}
	}
	var parts []string
	for _, e := range events {
		s := string(e.Kind)
		switch e.Kind {
		case Tags:
			for _, t := range e.Tags {
				s += fmt.Sprintf(", %s antenna %d %d dBm", t.EPC, t.Antenna, t.RSSI)
			}
			for _, b := range e.Barcodes {
				s += fmt.Sprintf(", scan %s %q", b.Symbology, b.Data)
			}
		case Alert:
			s += fmt.Sprintf(" %s %s %s %s", e.Alert.ID, e.Alert.State, e.Alert.Priority, e.Alert.Text)
		case Conn:
			s += map[bool]string{true: " stands", false: " lost"}[e.Up]
		case Response:
			s += " to " + e.Answer.Command + map[bool]string{true: ": done", false: ": " + e.Answer.Text}[e.Answer.OK]
		}
		parts = append(parts, s)
	}
	if err == nil {
		text = strings.Join(parts, "; ")
	}
	return text, code
}
