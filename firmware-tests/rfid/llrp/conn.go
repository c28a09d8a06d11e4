package llrp

import (
	"context"
	"net"
	"sync"
	"time"

	"tote/firmware-tests/line"
	"tote/firmware-tests/rfid"
)

// conn is one client; the goroutine of serve owns it, but for say.
type conn struct {
	r       *Reader
	net     net.Conn
	version byte // that it is spoken to in

	mu     sync.Mutex
	next   uint32 // id of the reader's own messages
	merged []byte // waits to go out with the next one

	slot  int       // antenna at work
	since time.Time // last time it listened
	kept  time.Time // last keepalive
}

// serve talks to one client until it goes.
func (r *Reader) serve(ctx context.Context, nc net.Conn) {
	c := &conn{r: r, net: nc, version: 1, next: 1, kept: time.Now()}
	r.mu.Lock()
	attempt := 0
	switch {
	case r.faults.On(HeldReader):
		attempt = 1
	case r.faults.On(HeldClient) || r.conn != nil:
		attempt = 2
	default:
		r.conn = c
	}
	r.counted++
	other := r.conn
	r.mu.Unlock()
	if r.faults.On(line.Stall) {
		attempt = 0
	} else {
		c.say(eventMessage, 0, r.event(tlv(256, u16(uint16(attempt)))))
	}
	if attempt != 0 {
		if other != nil && other != c {
			other.say(eventMessage, 0, r.event(tlv(256, u16(4))))
		}
		return
	}
	defer r.leave(c)
	stop := make(chan struct{})
	in := line.Pump(nc, stop)
	defer func() {
		close(stop)
		_ = nc.Close()
		for range in { // wait for the reader
		}
	}()
	tick := time.NewTicker(min(time.Duration(r.params.ReportMs)*time.Millisecond, 50*time.Millisecond))
	defer tick.Stop()
	var held []byte
	for {
		select {
		case <-ctx.Done():
			return
		case p, ok := <-in:
			if !ok {
				return
			}
			if r.faults.On(line.Stall) {
				continue
			}
			var got []message
			var err error
			got, held, err = cut(append(held, p.Data...))
			for _, m := range got {
				if !c.obey(m) {
					return
				}
			}
			if err != nil {
				return
			}
		case now := <-tick.C:
			c.step(now)
		}
	}
}

// leave forgets what belongs to a client: who comes next sets all anew. ROSpecs
// stay, as on real readers.
func (r *Reader) leave(c *conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.conn == c {
		r.conn, r.keep, r.events, r.hold, r.extended = nil, 0, map[int]bool{}, r.params.Holding, false
	}
}

// say sends one message through the faults. It tells whether somebody took it.
func (c *conn) say(typ int, id uint32, body ...[]byte) bool {
	f := c.r.faults
	c.mu.Lock()
	defer c.mu.Unlock()
	if id == 0 || f.On(NoEcho) && typ != keepalive {
		id = c.next
		c.next++
	}
	version := c.version
	if f.On(V11) {
		version = 2
	}
	b := pack(version, typ, id, body...)
	if f.On(Garbage) {
		b = append([]byte("\xff\xfenoise"), b...)
	}
	_ = c.net.SetWriteDeadline(time.Now().Add(5 * time.Second))
	if f.On(Merge) {
		if c.merged = append(c.merged, b...); len(c.merged) < 200 && typ == report {
			return true
		}
		b, c.merged = c.merged, nil
	}
	piece := len(b)
	if f.On(line.Split) {
		piece = 1
	}
	for len(b) > 0 {
		n := min(piece, len(b))
		if _, err := c.net.Write(b[:n]); err != nil {
			return false
		}
		b = b[n:]
	}
	return true
}

// event is the body of a READER_EVENT_NOTIFICATION.
func (r *Reader) event(events ...[]byte) []byte {
	return tlv(246, append([][]byte{r.clock()}, events...)...)
}

// clock is the time as the reader tells it in events.
func (r *Reader) clock() []byte {
	if r.params.Uptime {
		return tlv(129, u64(uint64(time.Since(r.boot).Microseconds())))
	}
	return tlv(128, u64(uint64(r.now().UnixMicro())))
}

// now is the reader's clock.
func (r *Reader) now() time.Time {
	if r.faults.On(ClockSkew) {
		return time.Now().Add(-time.Hour)
	}
	return time.Now()
}

// tell sends an event to the client, when it wants those of this kind.
func (r *Reader) tell(kind int, event []byte) {
	r.mu.Lock()
	c, wanted := r.conn, r.events[kind] && !r.hold
	r.mu.Unlock()
	if c != nil && wanted && !r.faults.On(line.Stall) {
		c.say(eventMessage, 0, r.event(event))
	}
}

// step sends what is due: a keepalive, and the tags heard since the last step.
func (c *conn) step(now time.Time) {
	r := c.r
	if r.faults.On(line.Stall) {
		return
	}
	r.mu.Lock()
	keep, spec, power, held := r.keep, r.spec, r.power, r.hold
	r.mu.Unlock()
	if keep > 0 && now.Sub(c.kept) >= keep {
		c.kept = now
		if !r.faults.On(NoKeepalive) {
			c.say(keepalive, 0)
		}
	}
	if spec == nil || spec.state != "active" || held {
		c.since = now
		return
	}
	took := now.Sub(c.since)
	if took < time.Duration(r.params.ReportMs)*time.Millisecond {
		return
	}
	c.since = now
	antennas := spec.antennas
	if len(antennas) == 1 && antennas[0] == 0 {
		antennas = nil
		for i := range r.params.Antennas {
			antennas = append(antennas, i+1)
		}
	}
	antenna := antennas[c.slot%len(antennas)]
	c.slot++
	if r.faults.On(AntennaBroken(antenna)) {
		return
	}
	r.Tell(func() {
		for _, h := range r.Listen(antenna, powerOf(power)/100, now, took) {
			if c.say(report, 0, r.tag(spec, h)) && !r.faults.On(BadLengths) {
				r.Told(h)
				r.mu.Lock()
				r.frames++
				r.mu.Unlock()
			}
		}
	})
}

// phaseOf is a phase of an answer: it goes with how far the tag is, as its strength
// does.
func phaseOf(h rfid.Heard) uint16 { return uint16(-h.RSSI*61) & 0xFFF }

// tag is the TagReportData of one answer.
func (r *Reader) tag(spec *roSpec, h rfid.Heard) []byte {
	epc := tv(13, h.EPC)
	if len(h.EPC) != 12 || r.params.EPCData {
		epc = tlv(241, u16(uint16(8*len(h.EPC))), h.EPC)
	}
	parts := [][]byte{epc}
	add := func(bit uint16, typ int, body []byte) {
		if spec.flags&bit != 0 && !r.params.Sparse {
			parts = append(parts, tv(typ, body))
		}
	}
	first, last, at := 2, 4, u64(uint64(r.now().UnixMicro()))
	if r.params.Uptime {
		first, last, at = 3, 5, u64(uint64(time.Since(r.boot).Microseconds()))
	}
	add(1<<12, 1, u16(uint16(h.Antenna)))
	add(1<<11, 7, u16(1))
	add(1<<10, 6, []byte{byte(int8(h.RSSI))})
	add(1<<9, first, at)
	add(1<<8, last, at)
	add(1<<7, 8, u16(1))
	if spec.pc || r.params.Sparse {
		parts = append(parts, tv(12, u16(uint16(len(h.EPC)/2)<<11)))
	}
	if spec.phase && !r.params.Sparse {
		parts = append(parts, tlv(custom, u32(impinj), u32(phaseAngle), u16(phaseOf(h))))
	}
	b := tlv(240, parts...)
	if r.faults.On(BadLengths) {
		b[2], b[3] = 0xFF, 0xFF
	}
	return b
}
