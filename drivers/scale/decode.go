package scale

import (
	"bytes"
	"fmt"
	"slices"

	"tote/drivers"
)

// maxShown bounds what a Decoder keeps while it waits for the end of a frame.
const maxShown = 256

// Decoder reads one direction of the line aloud: questions and commands to the
// device, answers from it.
func (p Protocol) Decoder(toDevice bool) drivers.Decoder {
	if toDevice {
		d := &asked{}
		for _, c := range []struct{ bytes, text string }{{p.Ask, "asks for the weight"}, {p.Zero, "zero"}, {p.Tare, "tare"}, {p.Clear, "clear the tare"}} {
			if c.bytes != "" && !slices.ContainsFunc(d.known, func(k known) bool { return k.bytes == c.bytes }) {
				d.known = append(d.known, known{c.bytes, c.text})
			}
		}
		return d
	}
	return &told{p: p, framer: p.Framer()}
}

// told reads what a scale says. The bytes of a frame are all that came since
// the last one: noise in front of it belongs to it.
type told struct {
	p      Protocol
	framer Framer
	wire   []byte
}

// Push is drivers.Decoder's.
func (d *told) Push(p []byte, emit func(drivers.Frame)) {
	for i := range p {
		d.wire = append(d.wire, p[i])
		d.framer.Push(p[i:i+1], func(frame []byte, err error) {
			f := drivers.Frame{Wire: bytes.Clone(d.wire)}
			d.wire = d.wire[:0]
			var a Answer
			if err == nil {
				a, err = d.p.Parse(frame)
			}
			if f.Text, f.Code = a.words(); err != nil {
				f.Text, f.Code = err.Error(), drivers.CodeScaleUnreadable
			}
			emit(f)
		})
		if len(d.wire) == maxShown {
			emit(drivers.Frame{Wire: bytes.Clone(d.wire), Text: "no frame of a scale", Code: drivers.CodeScaleUnreadable})
			d.wire = d.wire[:0]
		}
	}
}

// words says an answer to people, with its fault code.
func (a Answer) words() (text, code string) {
	switch a.Kind {
	case AnswerWeight:
		r := Reading{Value: a.Value, Decimals: a.Decimals, Unit: a.Unit}
		text = r.Text() + ", in motion"
		if a.Stable {
			text = r.Text() + ", stable"
		}
		if a.Net {
			text += ", net"
		}
		if a.Tare != 0 {
			r.Value = a.Tare
			text += fmt.Sprintf(", tare %s", r.Text())
		}
		return text, ""
	case AnswerOverload:
		return "overload", drivers.CodeScaleOverload
	case AnswerUnderload:
		return "underload", drivers.CodeScaleUnderload
	case AnswerMoving:
		return "in motion, no weight", ""
	case AnswerIrrelevant:
		return "an answer to something else", ""
	case AnswerFault:
		code = a.Code
	default:
		code = refusals[a.Kind]
	}
	return drivers.FaultOf(code).Cause, code
}

// asked reads what is said to a scale.
type asked struct {
	known []known
	wire  []byte
}

type known struct{ bytes, text string }

// Push is drivers.Decoder's.
func (d *asked) Push(p []byte, emit func(drivers.Frame)) {
	d.wire = append(d.wire, p...)
	foreign := 0 // bytes at the front that begin nothing known
	flush := func() {
		if foreign > 0 {
			emit(drivers.Frame{Wire: bytes.Clone(d.wire[:foreign]), Text: "nothing the driver says", Code: drivers.CodeScaleUnreadable})
			d.wire, foreign = d.wire[foreign:], 0
		}
	}
	for len(d.wire) > foreign {
		rest := d.wire[foreign:]
		whole, begun := -1, false
		for i, k := range d.known {
			switch {
			case bytes.HasPrefix(rest, []byte(k.bytes)):
				whole = i
			case bytes.HasPrefix([]byte(k.bytes), rest):
				begun = true
			}
		}
		switch {
		case whole >= 0:
			flush()
			k := d.known[whole]
			emit(drivers.Frame{Wire: bytes.Clone(d.wire[:len(k.bytes)]), Text: k.text})
			d.wire = d.wire[len(k.bytes):]
		case begun:
			flush()
			return
		default:
			foreign++
		}
	}
	flush()
}
