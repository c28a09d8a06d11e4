package llrp

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"tote/drivers"
	"tote/drivers/rfid"
	"tote/drivers/rfid/llrp/wire"
)

// NewDecoder reads one direction of a connection aloud. Requests and answers
// look alike, so both directions are read in the same way.
func NewDecoder(bool) drivers.Decoder { return &decoder{} }

type decoder struct{ held []byte }

// maxHeld bounds what waits to become a message: one that is longer is told in
// pieces.
const maxHeld = 256 << 10

// Push implements drivers.Decoder. LLRP has no start of frame, so after noise the
// next message is guessed: a version and type that exist and a length that may
// be.
func (d *decoder) Push(p []byte, emit func(drivers.Frame)) {
	d.held = append(d.held, p...)
	for len(d.held) > 0 {
		if skip := plausible(d.held); skip > 0 {
			emit(drivers.Frame{Wire: bytes.Clone(d.held[:skip]), Text: fmt.Sprintf("%d bytes that are no message", skip), Code: drivers.CodeLLRPBroken})
			d.held = d.held[skip:]
			continue
		}
		if len(d.held) < wire.HeaderSize {
			return
		}
		h, err := wire.ParseHeader(d.held)
		if err != nil || len(d.held) < h.Length && h.Length <= maxHeld {
			return
		}
		n := min(h.Length, len(d.held))
		emit(frame(h, bytes.Clone(d.held[:n])))
		d.held = d.held[n:]
	}
	d.held = nil
}

// frame tells one message.
func frame(h wire.Header, whole []byte) drivers.Frame {
	n, err := wire.Parse(h.Type, whole[wire.HeaderSize:])
	if err != nil {
		return drivers.Frame{Wire: whole, Text: fmt.Sprintf("%s: %v", h.Type, err), Code: drivers.CodeLLRPBroken}
	}
	f := drivers.Frame{Wire: whole, Text: fmt.Sprintf("id %d %s", h.ID, n)}
	if status := n.Find("LLRPStatus"); status.Num("StatusCode") != 0 {
		f.Code = drivers.CodeRFIDRefuses
	}
	return f
}

// plausible is how many bytes of b come before what may be a message.
func plausible(b []byte) int {
	for at := range b {
		rest := b[at:]
		if len(rest) < 2 {
			if rest[0]>>5 == 0 && rest[0]>>2&7 != 0 {
				return at
			}
			continue
		}
		first := binary.BigEndian.Uint16(rest)
		version := first >> 10
		if version != wire.Version101 && version != wire.Version11 || !wire.Type(first&0x3FF).Known() {
			continue
		}
		if len(rest) < wire.HeaderSize {
			return at
		}
		if _, err := wire.ParseHeader(rest); err == nil {
			return at
		}
	}
	return len(b)
}

// Identify asks the device at an open port who it is. A reader speaks first, so
// nothing is said to a device that did not greet as one.
func Identify(ctx context.Context, port drivers.Port) (drivers.Identity, error) {
	d, err := New(Config{Name: "identify", Open: func(context.Context) (drivers.Port, error) { return port, nil }, Sink: func(rfid.Read) {}})
	if err != nil {
		return drivers.Identity{}, err
	}
	s := &session{d: d, port: port, ctx: ctx, version: wire.Version101, missing: map[int]bool{}, began: d.cfg.Now()}
	defer s.end()
	if err := s.greet(ctx); err != nil {
		return drivers.Identity{}, err
	}
	err = s.look(ctx)
	s.farewell(ctx)
	switch id := d.Identity(); {
	case err != nil && !errors.Is(err, errUnanswered):
		return id, err
	case !id.Known():
		return drivers.Identity{Maker: "unknown LLRP reader"}, nil
	default:
		return id, nil
	}
}
