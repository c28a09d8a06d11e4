package inspect

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"tote/drivers"
	"tote/drivers/all"
	"tote/drivers/serialport"
	"tote/drivers/tap"
	"tote/drivers/tcpport"
)

// Times of a probe.
const (
	listenFor = 700 * time.Millisecond // devices that talk by themselves say something in it
	answerIn  = 700 * time.Millisecond // of one question
	settle    = 300 * time.Millisecond // between two: a device forgets what it took for half a question of its own
)

// maxHeard bounds what is kept of what a device said, in bytes.
const maxHeard = 256

// Verdict is what a probe came to.
type Verdict string

// The verdicts.
const (
	Found   Verdict = "found"   // a driver understands it
	Unknown Verdict = "unknown" // something talks there that no driver understands: DEV-113
	Silent  Verdict = "silent"  // nothing answered
	Busy    Verdict = "busy"    // somebody holds the port: it was not opened
	Failed  Verdict = "failed"  // it cannot be opened
)

// Target is a port to probe.
type Target struct {
	Name  string // as shown: the stable name of the port, or host:port
	TCP   string // host:port; "" = a serial port
	Port  serialport.Config
	USB   *serialport.USB
	Alone bool // there is no other port with this USB identity, so that it may go by it

	// Open makes the opener of a line; nil = the real one.
	Open func(line serialport.Config) (drivers.Opener, error)
}

// OfPort is the target of one port of a list.
func OfPort(p serialport.Info, ports []serialport.Info) Target {
	t := Target{Name: p.Stable(), Port: serialport.Config{Path: p.Stable()}, USB: p.USB, Alone: p.USB != nil}
	for _, other := range ports {
		if p.USB != nil && other.USB != nil && other.Node != p.Node && other.USB.ID == p.USB.ID && other.USB.Serial == p.USB.Serial {
			t.Alone = false
		}
	}
	return t
}

// Finding is what is at one port.
type Finding struct {
	Port     string            `json:"port"`
	USB      *serialport.USB   `json:"usb,omitempty"`
	Verdict  Verdict           `json:"verdict"`
	Driver   string            `json:"driver,omitempty"`
	Evidence string            `json:"evidence,omitempty"`
	Identity *drivers.Identity `json:"identity,omitempty"`
	Line     string            `json:"line,omitempty"`  // "9600 8N1"
	Heard    string            `json:"heard,omitempty"` // beginning of what it said, in hexadecimal
	Code     string            `json:"code,omitempty"`
	Text     string            `json:"text"`
	YAML     string            `json:"yaml,omitempty"` // for the configuration
}

// Probe tries the drivers' questions at a port, in a fixed order: the likeliest
// line settings of all drivers first; at each, it listens, then asks one driver's
// question after the other, those of scanners last. Every question is harmless
// to devices of other kinds by its contract (drivers.Identifier). The port is
// given back when it returns.
func Probe(ctx context.Context, t Target, rows []all.Driver) Finding {
	f := Finding{Port: t.Name, USB: t.USB, Verdict: Silent, Text: "nothing answered"}
	for _, step := range steps(t, rows) {
		done, err := t.try(ctx, step, &f)
		if ctx.Err() != nil {
			f.Verdict, f.Text = Failed, "stopped"
			return f
		}
		if err != nil {
			f.Verdict, f.Code, f.Text = Failed, drivers.CodeOf(err), err.Error()
			if errors.Is(err, drivers.ErrBusy) {
				f.Verdict = Busy
			}
			return f
		}
		if done {
			return f
		}
	}
	if f.Heard != "" {
		f.Verdict, f.Code, f.Text = Unknown, drivers.CodeForeign, drivers.FaultOf(drivers.CodeForeign).Cause
	}
	return f
}

// step is one setting of the line with the drivers that use it.
type step struct {
	line serialport.Config
	rows []all.Driver
}

// steps are in the order in which they are tried.
func steps(t Target, rows []all.Driver) []step {
	rows = slices.Clone(rows)
	// What a scanner sends is any text: whoever else understands it is right.
	slices.SortStableFunc(rows, func(a, b all.Driver) int { return rank(a) - rank(b) })
	if t.TCP != "" {
		return networkStep(t, rows)
	}
	var out []step
	for choice := 0; ; choice++ {
		more := false
		for _, r := range rows {
			if choice >= len(r.Lines) {
				continue
			}
			more = true
			line := r.Lines[choice]
			line.XonXoff = false // a probe sends little; a stray DC3 must not hold it
			at := slices.IndexFunc(out, func(s step) bool { return Settings(s.line) == Settings(line) })
			if at < 0 {
				out = append(out, step{line: line})
				at = len(out) - 1
			}
			if !slices.ContainsFunc(out[at].rows, func(o all.Driver) bool { return o.Name == r.Name }) {
				out[at].rows = append(out[at].rows, r)
			}
		}
		if !more {
			return out
		}
	}
}

func rank(d all.Driver) int {
	if d.Kind == all.Scanner {
		return 1
	}
	return 0
}

// networkStep asks the drivers of the port first, then all others.
func networkStep(t Target, rows []all.Driver) []step {
	var s step
	usual := func(r all.Driver) bool { return strings.HasSuffix(t.TCP, fmt.Sprintf(":%d", r.TCPPort)) }
	for _, first := range []bool{true, false} {
		for _, r := range rows {
			if r.TCPPort != 0 && usual(r) == first {
				s.rows = append(s.rows, r)
			}
		}
	}
	return []step{s}
}

// Settings is a line in the words people use: "9600 8N1".
func Settings(c serialport.Config) string {
	bits, stop, parity := c.DataBits, c.StopBits, c.Parity
	if bits == 0 {
		bits = 8
	}
	if stop == 0 {
		stop = 1
	}
	if parity == "" {
		parity = serialport.ParityNone
	}
	baud := c.Baud
	if baud == 0 {
		baud = serialport.DefaultBaud
	}
	return fmt.Sprintf("%d %d%s%d", baud, bits, strings.ToUpper(string(parity[:1])), stop)
}

// try opens the port with one setting and tries its drivers.
func (t Target) try(ctx context.Context, s step, f *Finding) (found bool, err error) {
	s.line.Path, s.line.USB, s.line.Root, s.line.Owner = t.Port.Path, t.Port.USB, t.Port.Root, "tote devices"
	var open drivers.Opener
	switch {
	case t.Open != nil:
		open, err = t.Open(s.line)
	case t.TCP != "":
		open, err = tcpport.Opener(tcpport.Config{Address: t.TCP})
	default:
		open, err = serialport.Opener(s.line)
	}
	if err != nil {
		return false, err
	}
	var ear tap.Tap
	ear.Look(ctx, 0, 0)
	port, err := ear.Wrap(open)(ctx)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, port.Close()) }()
	if r, ok := listen(ctx, port, s.rows); ok {
		t.found(f, s, r, drivers.Identity{})
		f.heard(&ear)
		return true, nil
	}
	asked := false
	for _, r := range s.rows {
		if r.Ask == nil || ctx.Err() != nil {
			continue
		}
		if asked {
			select {
			case <-time.After(settle):
			case <-ctx.Done():
			}
		}
		asked = true
		if _, err := drivers.Discard(port); err != nil {
			return false, err
		}
		limit, cancel := context.WithTimeout(ctx, answerIn)
		id, err := r.Ask(limit, port)
		cancel()
		if err == nil {
			t.found(f, s, r, id)
			f.heard(&ear)
			return true, nil
		}
	}
	f.heard(&ear)
	return false, nil
}

// listen waits for a device that talks by itself and finds who reads it best: at
// least nine bytes of ten, in whole frames. A printer is none: it only answers, and
// its answers have so little shape that its driver finds one in any noise. A line of
// digits is a scan, no weight, and of several only the drivers' questions tell whether
// a scale that moves says them.
func listen(ctx context.Context, port drivers.Port, rows []all.Driver) (best all.Driver, ok bool) {
	ctx, cancel := context.WithTimeout(ctx, listenFor)
	defer cancel()
	var heard []byte
	buf := make([]byte, 4096)
	for len(heard) < 64<<10 {
		n, err := drivers.Receive(ctx, port, buf)
		heard = append(heard, buf[:n]...)
		if err != nil {
			break
		}
	}
	most := len(heard) * 9 / 10
	digits := onlyDigits(heard)
	if digits && bytes.Count(bytes.TrimSpace(heard), []byte("\n")) > 0 {
		return best, false
	}
	for _, r := range rows {
		if len(heard) == 0 || r.Decode == nil || r.Kind == all.Printer || digits && r.Kind == all.Scale {
			continue
		}
		good := 0
		r.Decode(false).Push(heard, func(fr drivers.Frame) {
			if fr.Code == "" {
				good += len(fr.Wire)
			}
		})
		if good > 0 && good > most || good == len(heard) && !ok {
			best, most, ok = r, good, true
		}
	}
	return best, ok
}

// onlyDigits tells whether what was heard are numbers and nothing else: no unit, no
// status, no frame.
func onlyDigits(heard []byte) bool {
	return len(bytes.Trim(heard, "0123456789.+- \r\n")) == 0
}

// heard notes the beginning of what the device said.
func (f *Finding) heard(ear *tap.Tap) {
	var all bytes.Buffer
	chunks, _ := ear.Look(context.Background(), 0, 0)
	for _, c := range chunks {
		if c.Dir == tap.FromDevice {
			all.Write(c.Data)
		}
	}
	if all.Len() > 0 {
		f.Heard = hex.EncodeToString(all.Bytes()[:min(all.Len(), maxHeard)])
	}
}

// found fills in what answered.
func (t Target) found(f *Finding, s step, r all.Driver, id drivers.Identity) {
	f.Verdict, f.Driver, f.Evidence = Found, r.Name, r.Proof()
	f.Text = article(r.Kind) + " that driver " + r.Name + " understands"
	if id.Known() {
		f.Identity = &id
		f.Text += ": " + id.String()
	}
	if t.TCP == "" {
		f.Line = Settings(s.line)
	}
	for _, l := range r.Lines { // with flow control, which the probe left out
		if Settings(l) == Settings(s.line) {
			s.line.XonXoff = l.XonXoff
			break
		}
	}
	f.YAML = t.yaml(r, s.line)
}

// article is a device of a kind in words.
func article(k all.Kind) string {
	if k == all.RFID {
		return "an RFID reader"
	}
	return "a " + string(k)
}

// yaml is what belongs into the configuration: below its station or dock, or a
// list of its own.
func (t Target) yaml(r all.Driver, line serialport.Config) string {
	head, indent := fmt.Sprintf("%s:\n", r.Kind), "  "
	if r.Kind == all.Sensor {
		head, indent = "sensors:\n  - id: sensor1\n", "    "
	}
	head += indent + "driver: " + r.Name + "\n" + indent
	if t.TCP != "" {
		return head + fmt.Sprintf("tcp: %q\n", t.TCP)
	}
	where := fmt.Sprintf("path: %q", t.Name)
	if t.Alone && t.USB != nil && t.Port.USB == (serialport.Name{}) {
		where = fmt.Sprintf("usb: %q", t.USB.ID)
		if t.USB.Serial != "" {
			where += fmt.Sprintf(", serial_number: %q", t.USB.Serial)
		}
	}
	return head + "serial: {" + strings.Join(append([]string{where}, all.LineKeys(line)...), ", ") + "}\n"
}
