package drivers

import (
	"context"
	"strings"
)

// Identity is who a device says it is. Reports and the table of firmware that
// is known to be bad go by it; a field the device does not tell is "".
type Identity struct {
	Maker    string `json:"maker,omitempty"`
	Model    string `json:"model,omitempty"`
	Firmware string `json:"firmware,omitempty"`
	Serial   string `json:"serial,omitempty"`
}

// Known reports whether the device told anything at all.
func (i Identity) Known() bool { return i != Identity{} }

// String gives what is known in one line, for people.
func (i Identity) String() string {
	var parts []string
	for _, f := range []struct{ title, value string }{{"", i.Maker}, {"", i.Model}, {"firmware ", i.Firmware}, {"serial ", i.Serial}} {
		if f.value != "" {
			parts = append(parts, f.title+f.value)
		}
	}
	return strings.Join(parts, ", ")
}

// Identifier asks the device at an open port who it is, in a way that is
// harmless to a device of another kind: nothing is printed, moved or stored by
// it. An error means that what answered, if anything, is not of this family.
// ctx bounds it; it must end soon after ctx does.
type Identifier func(ctx context.Context, port Port) (Identity, error)

// Frame is one unit of what a device and its driver said to each other, told
// to people: the bytes as they were and what they mean.
type Frame struct {
	Wire []byte // as on the line
	Text string // in words: "S S 100.00 g: 100.00 g, stable"
	Code string // fault code of what cannot be read, "" of what can
}

// Decoder cuts the bytes of one direction into frames, for people who look at
// a line; it keeps what is not whole yet. No byte is left out: noise is a frame
// with a code.
type Decoder interface {
	Push(p []byte, emit func(Frame))
}
