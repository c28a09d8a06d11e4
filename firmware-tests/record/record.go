// Package record keeps what physically happened at an emulated device: each
// weight put on, each label printed, each code scanned. It is the witness that
// ledger and OMS are compared with, so it never asks them.
//
// A Book is safe for use from any goroutine. With a file, every entry is one
// JSON line written by one system call before Add returns: it survives the end
// of the agent and of the emulator process (not a power cut of the machine).
package record

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// Kinds of entries.
const (
	Put       = "put"       // scale: weight put on the pan (Weight: what was added)
	Removed   = "removed"   // scale: everything taken off (Weight: what was on it)
	Answered  = "answered"  // scale: stable weight sent to a listener, once per value and load
	Received  = "received"  // printer: one format complete in the buffer
	Printed   = "printed"   // printer: one label physically printed; one entry per copy
	Cancelled = "cancelled" // printer: copies thrown away by ~JA
	Taken     = "taken"     // printer in peel mode: label taken off
	Scanned   = "scanned"   // scanner: trigger pulled on a code
	Fault     = "fault"     // any: fault switched on or off
	Arrived   = "arrived"   // robot: stands on a node (Place)
	Acted     = "acted"     // robot: an action ended (Action)
	Field     = "field"     // rfid: what lies in the field was changed (Tags)
	Passed    = "passed"    // rfid: a carton has moved through the field (Tags)
	Inducted  = "inducted"  // conveyor: carton put before the belt (Carton)
	Diverted  = "diverted"  // conveyor: carton in a lane (Carton)
	Collected = "collected" // conveyor: carton taken from the end of a lane (Carton)
	Input     = "input"     // gpio: the world changed an input (Level)
	Output    = "output"    // gpio: an output, a lamp, changed (Level)
	Lit       = "lit"       // light: a module lit up, changed or went dark (Lamp)
	Pressed   = "pressed"   // light: somebody pressed a button and took pieces (Press)
	Confirmed = "confirmed" // light: the answer to a press came (Answer)
	Climate   = "climate"   // sensor: it became warmer or colder, drier or wetter (Climate)
)

// MaxInMemory bounds the entries a Book keeps in memory; the oldest go first,
// the file keeps all.
const MaxInMemory = 100_000

// ErrClosed: the book was closed.
var ErrClosed = errors.New("record: book is closed")

// Entry is one thing that happened. Exactly the part that fits Kind is set.
type Entry struct {
	Seq    int            `json:"seq"` // 1, 2, 3… within one device, going on after a restart with the same file
	At     time.Time      `json:"at"`
	Device string         `json:"device"`
	Kind   string         `json:"kind"`
	Weight *Weight        `json:"weight,omitempty"`
	Label  *Label         `json:"label,omitempty"`
	Scan   *Scan          `json:"scan,omitempty"`
	Fault  *SwitchedFault `json:"fault,omitempty"`
	Place  *Place         `json:"place,omitempty"`
	Action *Action        `json:"action,omitempty"`
	Tags   *Tags          `json:"tags,omitempty"`
	Carton *Carton        `json:"carton,omitempty"`
	Level  *Level         `json:"level,omitempty"`

	Climate *Air    `json:"climate,omitempty"`
	Lamp    *Lamp   `json:"lamp,omitempty"`
	Press   *Press  `json:"press,omitempty"`
	Answer  *Answer `json:"answer,omitempty"`
}

// Weight is a weight on a scale.
type Weight struct {
	Mg      int64  `json:"mg"`                // milligrams; for Answered the net value the scale sent
	Text    string `json:"text,omitempty"`    // Answered: value and unit as sent, "100.00 g"
	Command string `json:"command,omitempty"` // Answered: the command that asked
}

// Label is one printed label, or one format in the buffer.
type Label struct {
	Job      int       `json:"job"`            // number of the format since the printer started, from 1
	Copy     int       `json:"copy,omitempty"` // Printed: which copy, from 1
	Copies   int       `json:"copies"`         // copies asked for; Cancelled: copies lost
	Texts    []string  `json:"texts"`          // text fields in the order of the format
	Barcodes []Barcode `json:"barcodes"`
	ZPL      string    `json:"zpl,omitempty"`  // Received: the format as it came
	EPC      string    `json:"epc,omitempty"`  // Printed: what its RFID tag holds
	Void     bool      `json:"void,omitempty"` // Printed: VOID stands on it, its tag could not be written
}

// Barcode is one symbol of a label.
type Barcode struct {
	Type string `json:"type"`           // ZPL command: "BC", "BX", "BQ", …
	Mode string `json:"mode,omitempty"` // BC: N, U, A or D
	Data string `json:"data"`           // field data after hex escapes: "(00)106141412345678908"
	Scan string `json:"scan"`           // what a scanner that sends AIM identifiers reads: "]C100106141412345678908"
}

// Scan is one pull of a scanner's trigger.
type Scan struct {
	Code    string `json:"code"`    // the code as printed on the label
	Sent    string `json:"sent"`    // the bytes sent, as a quoted Go string, before line noise
	Written bool   `json:"written"` // all bytes went to a device that somebody had open
}

// Place is where a robot came to stand.
type Place struct {
	Node string `json:"node"`
	X    int64  `json:"x"` // mm
	Y    int64  `json:"y"` // mm
}

// Action is something a robot did at a node, or is about to do.
type Action struct {
	ID          string         `json:"id"`
	Type        string         `json:"type"` // pick, drop, …
	Node        string         `json:"node"`
	Order       string         `json:"order"`
	Params      map[string]any `json:"params,omitempty"`
	Result      string         `json:"result,omitempty"` // FINISHED or FAILED
	Description string         `json:"description,omitempty"`
	Loads       []string       `json:"loads,omitempty"` // what the robot carries afterwards
}

// Tag is one RFID tag as it is put into the field.
type Tag struct {
	EPC     string  `json:"epc"`               // hexadecimal, whole words
	Antenna int     `json:"antenna,omitempty"` // that can hear it, from 1; 0 = every one
	RSSI    int     `json:"rssi,omitempty"`    // dBm; of a carton that passes, in the middle of its way; default -50
	Rate    int     `json:"rate,omitempty"`    // answers a second while its antenna is at work; default 20
	Miss    float64 `json:"miss,omitempty"`    // part of them that is lost, 0 to 1
}

// Tags are the RFID tags that lie in a field, or were on a carton.
type Tags struct {
	EPCs  []string       `json:"epcs"`            // as put there, upper case
	Ms    int64          `json:"ms,omitempty"`    // Passed: how long the carton took
	Reads map[string]int `json:"reads,omitempty"` // Passed: tag frames of each EPC that somebody heard
}

// Carton is a carton on a conveyor.
type Carton struct {
	Barcode  string `json:"barcode,omitempty"`  // on its label
	SSCC     string `json:"sscc,omitempty"`     // out of the barcode
	Quality  string `json:"quality"`            // of the label; behind the scanner: what was read
	Track    string `json:"track,omitempty"`    // the conveyor's index; "" = lost sight of
	Lane     string `json:"lane,omitempty"`     // where it is
	Intended string `json:"intended,omitempty"` // what the gateway wanted in time
	Result   string `json:"result,omitempty"`   // OK, FULL, MISSED or UNEXPECTED
}

// Level is the level of a GPIO line.
type Level struct {
	Line string `json:"line"`
	High bool   `json:"high"`
}

// Air is what is around a sensor.
type Air struct {
	MilliC  int64 `json:"milliC"`  // thousandths of a degree Celsius
	MilliRH int64 `json:"milliRH"` // thousandths of a per cent of relative humidity
}

// Lamp is what a person sees of a pick-to-light module.
type Lamp struct {
	Module   string `json:"module"`
	Lit      bool   `json:"lit"`
	Bin      string `json:"bin,omitempty"`
	Task     string `json:"task,omitempty"`
	Handheld string `json:"handheld,omitempty"`
	Shows    int64  `json:"shows,omitempty"`  // the number on its display
	Button   bool   `json:"button,omitempty"` // the button is waited for
}

// Press is a press of a pick-to-light module's button.
type Press struct {
	Module string   `json:"module"`
	Bin    string   `json:"bin,omitempty"`   // as the lamp showed; "" = it was dark
	Task   string   `json:"task,omitempty"`  // that was sent, or shown
	Shows  int64    `json:"shows,omitempty"` // the number on its display
	Took   int64    `json:"took"`            // pieces that the person took
	Seqs   []uint64 `json:"seqs,omitempty"`  // of what was sent; none = nothing was
}

// Answer is the answer of the gateway to a press.
type Answer struct {
	Module string `json:"module,omitempty"` // whose button waited for it
	CmdID  string `json:"cmdId"`
	OK     bool   `json:"ok"`
	Code   string `json:"code"`
}

// SwitchedFault is a fault that was switched.
type SwitchedFault struct {
	Name string `json:"name"`
	On   bool   `json:"on"`
}

// Book is the record of one device.
type Book struct {
	device string
	now    func() time.Time

	mu      sync.Mutex
	file    *os.File
	entries []Entry
	next    int
	changed chan struct{}
	err     error // first failure to write the file
	closed  bool
}

// Open starts a book. path "" keeps it in memory only; an existing file is
// continued. now may be nil for the real clock.
func Open(device, path string, now func() time.Time) (*Book, error) {
	if now == nil {
		now = time.Now
	}
	b := &Book{device: device, now: now, next: 1, changed: make(chan struct{})}
	if path == "" {
		return b, nil
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return nil, fmt.Errorf("record: open: %w", err)
	}
	entries, err := readAll(f)
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("record: %s: %w", path, err)
	}
	b.file, b.entries = f, trim(entries)
	for _, e := range entries {
		b.next = max(b.next, e.Seq+1)
	}
	return b, nil
}

// Add writes one entry; Seq, At and Device are filled in.
func (b *Book) Add(e Entry) Entry {
	b.mu.Lock()
	defer b.mu.Unlock()
	e.Seq, e.At, e.Device = b.next, b.now().UTC(), b.device
	b.next++
	b.entries = trim(append(b.entries, e))
	if b.file != nil && b.err == nil {
		b.err = writeLine(b.file, e)
	}
	close(b.changed)
	b.changed = make(chan struct{})
	return e
}

// LastSeq is the number of the newest entry, 0 when there is none.
func (b *Book) LastSeq() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.next - 1
}

// After lists the entries with a number above seq.
func (b *Book) After(seq int) []Entry {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.afterLocked(seq)
}

// Wait lists like After, but waits for the first such entry. When ctx ends
// before, the list is empty.
func (b *Book) Wait(ctx context.Context, seq int) []Entry {
	for {
		b.mu.Lock()
		es, changed, closed := b.afterLocked(seq), b.changed, b.closed
		b.mu.Unlock()
		if len(es) > 0 || closed {
			return es
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil
		}
	}
}

// Err is the first failure to write the file, nil if there was none. The book
// goes on in memory.
func (b *Book) Err() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.err
}

// Close closes the file and ends every Wait. It returns what Err returns.
func (b *Book) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return ErrClosed
	}
	b.closed = true
	close(b.changed)
	b.changed = make(chan struct{})
	err := b.err
	if b.file != nil {
		err = errors.Join(err, b.file.Close())
		b.file = nil
	}
	return err
}

func (b *Book) afterLocked(seq int) []Entry {
	for i, e := range b.entries {
		if e.Seq > seq {
			return append([]Entry(nil), b.entries[i:]...)
		}
	}
	return nil
}

func trim(es []Entry) []Entry {
	if over := len(es) - MaxInMemory; over > 0 {
		return append([]Entry(nil), es[over+MaxInMemory/10:]...)
	}
	return es
}

func writeLine(w io.Writer, e Entry) error {
	line, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("record: encode entry %d: %w", e.Seq, err)
	}
	if _, err := w.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("record: write entry %d: %w", e.Seq, err)
	}
	return nil
}

// readAll reads a record file. A last line without its end, left by a killed
// emulator, is cut off so that the next entry starts on its own line.
func readAll(f *os.File) ([]Entry, error) {
	data, err := io.ReadAll(f)
	if err != nil {
		return nil, err
	}
	if whole := bytes.LastIndexByte(data, '\n') + 1; whole < len(data) {
		data = data[:whole]
		if err := f.Truncate(int64(whole)); err != nil {
			return nil, err
		}
	}
	return Read(bytes.NewReader(data))
}

// Read reads entries as JSON lines. A last line that is cut off is left out;
// anything else that is no entry is an error.
func Read(r io.Reader) ([]Entry, error) {
	var es []Entry
	var bad error
	sc := bufio.NewScanner(r)
	sc.Buffer(nil, 4<<20)
	for n := 1; sc.Scan(); n++ {
		if len(bytes.TrimSpace(sc.Bytes())) == 0 {
			continue
		}
		if bad != nil {
			return nil, bad
		}
		var e Entry
		if err := json.Unmarshal(sc.Bytes(), &e); err != nil {
			bad = fmt.Errorf("record: line %d: %w", n, err)
			continue
		}
		es = append(es, e)
	}
	if err := sc.Err(); err != nil {
		return nil, fmt.Errorf("record: %w", err)
	}
	return es, nil
}
