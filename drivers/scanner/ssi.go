package scanner

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"tote/drivers"
	"tote/drivers/scanner/ssi"
)

// SSIName is the name of the driver for scanners with Zebra's Simple Serial
// Interface in the table of drivers.
const SSIName = "ssi"

const (
	// ssiAgain is how often a scanner that is silent is asked again, and the
	// least time between two settings.
	ssiAgain = 5 * time.Second
	// ssiResend is how long a damaged packet is waited for to come again.
	ssiResend = time.Second
)

// NewSSI makes a scanner with Zebra's Simple Serial Interface. Each scan has a
// checksum and a code type, and is acknowledged; a damaged one is asked for
// again. The type is handed on as AIM identifier in front of the data where it
// tells one. Config.Suffix is not used. It checks the configuration and touches
// no hardware.
func NewSSI(cfg Config) (*Driver, error) {
	d, err := newDriver(cfg, SSIName)
	if err != nil {
		return nil, err
	}
	d.begin = d.ssi
	return d, nil
}

// ssi begins a session: the scanner is told how to send. A scanner may have
// lost that with its power, so it is told again when noise comes.
func (d *Driver) ssi(ctx context.Context, s *session, port drivers.Port) (wire, error) {
	if _, err := drivers.Discard(port); err != nil {
		return nil, err
	}
	w := &ssiWire{ctx: ctx, d: d, s: s, port: port, message: ssi.NewMessage(d.cfg.MaxLength)}
	w.in = ssi.Splitter{Packet: w.packet, Noise: w.noise, Damaged: w.spoilt}
	return w, w.set()
}

// ssiWire is one session with an SSI scanner.
type ssiWire struct {
	ctx     context.Context
	d       *Driver
	s       *session
	port    drivers.Port
	in      ssi.Splitter
	message *ssi.Message

	asked   time.Time // when the settings were sent last
	waits   bool      // for their answer
	damaged time.Time // when a packet came damaged that has not come again; zero = none
}

// set sends the settings.
func (w *ssiWire) set() error {
	w.asked, w.waits = w.d.cfg.Now(), true
	_, err := w.port.Write(w.ctx, ssi.Settings())
	return err
}

// answer writes in the middle of reading. A write that fails has killed the
// port, and the next read ends the session with the port's own error.
func (w *ssiWire) answer(p []byte) { _, _ = w.port.Write(w.ctx, p) }

func (w *ssiWire) push(p []byte) { w.in.Push(p) }

func (w *ssiWire) wait() time.Duration {
	switch {
	case w.in.Pending(), w.message.Open():
		return partialLimit
	case !w.damaged.IsZero():
		return ssiResend
	case w.waits:
		return w.d.cfg.Answer
	case w.d.tracker.Status().State == drivers.Degraded:
		return ssiAgain
	}
	return 0
}

func (w *ssiWire) gap() {
	switch {
	case w.in.Pending():
		w.in.Gap()
	case w.message.Open():
		w.message.Reset()
		w.damaged = time.Time{}
		w.s.frame("", drivers.CodeScannerIncomplete)
	case !w.damaged.IsZero():
		w.damaged = time.Time{}
		w.s.frame("", drivers.CodeScannerDamaged)
	case w.waits:
		w.waits = false
		w.d.tracker.Set(drivers.Degraded, drivers.CodeScannerSilent, "")
	default:
		_ = w.set() // as answer
	}
}

// noise is what is no packet: bare text, when the settings went with the power
// of the scanner.
func (w *ssiWire) noise([]byte) {
	if w.damaged.IsZero() && w.d.cfg.Now().Sub(w.asked) >= ssiAgain {
		_ = w.set() // as answer
	}
}

// spoilt is a packet with a wrong checksum: a scan is asked for again.
func (w *ssiWire) spoilt(p ssi.Packet) bool {
	if p.Op != ssi.OpBarcodeSegment && (p.Op != ssi.OpDecodeData || p.Source != ssi.FromScanner) {
		return false
	}
	w.damaged = w.d.cfg.Now()
	w.answer(ssi.Nak(ssi.NakResend))
	return true
}

func (w *ssiWire) packet(p ssi.Packet) {
	if p.Source != ssi.FromScanner && p.Op != ssi.OpBarcodeSegment { // whose header has no source
		return // our own voice on a line that echoes
	}
	if w.waits || w.d.tracker.Status().Code == drivers.CodeScannerSilent {
		w.waits = false
		w.d.tracker.Set(drivers.Ready, "", "the scanner answers")
	}
	switch p.Op {
	case ssi.OpNak:
		if len(p.Data) > 0 && (p.Data[0] == ssi.NakDenied || p.Data[0] == ssi.NakBadContext) {
			w.d.tracker.Set(drivers.Degraded, drivers.CodeScannerRefuses, "")
		}
	case ssi.OpEvent:
		w.answer(ssi.Ack())
	case ssi.OpDecodeData, ssi.OpBarcodeSegment:
		w.scan(p)
	}
}

// scan takes a packet of a scan. One that the scanner sends anew was here
// already when it is the one before, and that was not damaged: only our
// acknowledgement was lost.
func (w *ssiWire) scan(p ssi.Packet) {
	body := string([]byte{p.Op}) + string(p.Data)
	again := p.Op == ssi.OpDecodeData && p.Status&ssi.Retransmit != 0 && w.damaged.IsZero() && body == w.d.taken
	w.damaged, w.d.taken = time.Time{}, body
	if again {
		w.answer(ssi.Ack())
		return
	}
	code, data, done, err := w.message.Add(p)
	if err == nil && !done && p.Op == ssi.OpBarcodeSegment {
		w.answer(ssi.SegmentAck())
		return
	}
	w.answer(ssi.Ack())
	switch {
	case errors.Is(err, ssi.ErrTooLong):
		w.s.frame("", drivers.CodeScannerTooLong)
	case err != nil:
		w.s.frame("", drivers.CodeScannerIncomplete)
	case done:
		w.hand(code, string(data))
	}
}

// hand gives a whole scan on.
func (w *ssiWire) hand(code byte, data string) {
	data = strings.TrimRight(data, "\r\n")
	if data == "" {
		return
	}
	if code := unfit(data); code != "" {
		w.s.frame("", code)
		return
	}
	text, err := ssi.Text(code, data)
	if err != nil {
		w.s.frame("", drivers.CodeScannerShortened)
		return
	}
	w.s.frame(text, "")
}

// AskSSI asks a scanner what it is: the answer is the release of its software,
// the kind of its board and the code of its engine. It changes nothing.
func AskSSI(ctx context.Context, port drivers.Port) (drivers.Identity, error) {
	if _, err := drivers.Discard(port); err != nil {
		return drivers.Identity{}, err
	}
	if _, err := port.Write(ctx, ssi.RequestRevision()); err != nil {
		return drivers.Identity{}, err
	}
	var revision string
	in := ssi.Splitter{Noise: func([]byte) {}, Packet: func(p ssi.Packet) {
		if p.Op == ssi.OpReplyRevision && p.Source == ssi.FromScanner && revision == "" {
			revision = strings.TrimSpace(strings.ToValidUTF8(string(p.Data), "?"))
		}
	}}
	var buf [512]byte
	for revision == "" {
		n, err := drivers.Receive(ctx, port, buf[:])
		if err != nil {
			return drivers.Identity{}, fmt.Errorf("scanner: no answer of an SSI scanner: %w", err)
		}
		in.Push(buf[:n])
	}
	_, _ = port.Write(ctx, ssi.Ack())
	id := drivers.Identity{Maker: "Zebra SSI"}
	f := strings.Fields(revision)
	if len(f) > 0 {
		id.Firmware = f[0]
	}
	if len(f) > 2 {
		id.Model = "engine " + f[2]
	}
	return id, nil
}
