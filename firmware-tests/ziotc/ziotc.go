// Package ziotc emulates an RFID reader of Zebra that speaks JSON over MQTT: a
// fixed one with the IoT Connector, or a sled. It is told to read and to stop,
// sends what it reads, heartbeats and alerts, and keeps its reads while it is cut
// off, to send them when it is back. The package shares no code with the drivers.
//
// Run owns the radio and the connection; the others may be called from any
// goroutine.
package ziotc

import (
	"bufio"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"tote/firmware-tests/line"
	"tote/firmware-tests/record"
)

// Faults of the reader.
const (
	Stall   = "stall"   // connected, says and does nothing
	Offline = "offline" // network gone; it reads on, and sends all of it when it is back
	Garbage = "garbage" // every second message is no JSON
	Refuse  = "refuse"  // it refuses to read
	Alert   = "alert"   // it is too hot
	BadTags = "bad_tags"
)

// Families.
const (
	Fixed = "fixed"
	Sled  = "sled"
)

// Errors of the reader.
var (
	ErrParams = errors.New("ziotc: impossible parameters")
	ErrTags   = errors.New("ziotc: impossible tags")
)

// Params describe a reader. Zero fields take the default.
type Params struct {
	Brokers     []string `json:"brokers,omitempty" help:"tcp://host:port of each gateway."`
	ClientID    string   `json:"clientId,omitempty" help:"MQTT client id."`
	Token       string   `json:"token,omitempty" help:"Its password, with the client id as user."`
	Family      string   `json:"family,omitempty" default:"fixed" help:"fixed or sled."`
	Events      string   `json:"events,omitempty" help:"Topic of tags, events and answers."`
	Commands    string   `json:"commands,omitempty" help:"Topic of commands."`
	HeartbeatMs int64    `json:"heartbeatMs,omitempty" default:"5000" help:"Milliseconds between heartbeats."`
	ReportMs    int64    `json:"reportMs,omitempty" default:"40" help:"Milliseconds between two reports of a tag."`
}

func (p Params) fill() (Params, error) {
	if p.Family == "" {
		p.Family = Fixed
	}
	if p.HeartbeatMs == 0 {
		p.HeartbeatMs = 5000
	}
	if p.ReportMs == 0 {
		p.ReportMs = 40
	}
	if p.Family != Fixed && p.Family != Sled || len(p.Brokers) == 0 || p.ClientID == "" || p.Events == "" || p.Commands == "" ||
		p.HeartbeatMs < 10 || p.ReportMs < 1 {
		return p, fmt.Errorf("%w: brokers, client id and both topics are needed; family %q", ErrParams, p.Family)
	}
	return p, nil
}

// State is what the reader knows about itself.
type State struct {
	Connected bool `json:"connected"`
	Reading   bool `json:"reading"`
	Kept      int  `json:"kept"` // reports not sent yet
	Commands  int  `json:"commands"`
}

// chip is a tag somewhere in front of the antennas.
type chip struct {
	record.Tag
	from  time.Time
	takes time.Duration // 0 = it lies there
	next  time.Time
	sent  int
}

// maxKept is how many reports are kept: a sled keeps 150,000.
const maxKept = 10_000

// Reader is one emulated reader.
type Reader struct {
	p      Params
	faults *line.Faults
	book   *record.Book

	mu       sync.Mutex
	say      func(payload []byte) error // nil = not connected
	stop     context.CancelFunc         // of the connection
	lies     []*chip
	passes   []*chip
	reading  bool
	kept     [][]byte
	n        int
	commands int
}

// New makes a reader.
func New(p Params, book *record.Book) (*Reader, error) {
	p, err := p.fill()
	if err != nil {
		return nil, err
	}
	return &Reader{p: p, faults: line.NewFaults(Stall, Offline, Garbage, Refuse, Alert, BadTags), book: book}, nil
}

// Faults lists the names of all faults.
func (r *Reader) Faults() []string { return r.faults.Names() }

// ActiveFaults lists the faults that are on.
func (r *Reader) ActiveFaults() []string { return r.faults.Active() }

// SetFault switches a fault on or off.
func (r *Reader) SetFault(name string, on bool) error {
	if err := r.faults.Set(name, on); err != nil {
		return err
	}
	r.book.Add(record.Entry{Kind: record.Fault, Fault: &record.SwitchedFault{Name: name, On: on}})
	if name == Offline && on {
		r.mu.Lock()
		if r.stop != nil {
			r.stop()
		}
		r.mu.Unlock()
	}
	if name == Alert {
		r.tell(r.alert(on))
	}
	return nil
}

// State tells how the reader stands.
func (r *Reader) State() State {
	r.mu.Lock()
	defer r.mu.Unlock()
	return State{Connected: r.say != nil, Reading: r.reading, Kept: len(r.kept), Commands: r.commands}
}

// Field says which tags lie before the antennas.
func (r *Reader) Field(tags []record.Tag) error {
	chips, err := chips(tags, 0)
	if err != nil {
		return err
	}
	r.mu.Lock()
	r.lies = chips
	r.mu.Unlock()
	r.book.Add(record.Entry{Kind: record.Field, Tags: tagsOf(chips, 0)})
	return nil
}

// Pass carries a carton with tags past the antennas and returns when it is
// through.
func (r *Reader) Pass(tags []record.Tag, ms int64) (record.Entry, error) {
	if ms < 1 || ms > 20_000 {
		return record.Entry{}, fmt.Errorf("%w: %d ms", ErrTags, ms)
	}
	chips, err := chips(tags, time.Duration(ms)*time.Millisecond)
	if err != nil {
		return record.Entry{}, err
	}
	r.mu.Lock()
	r.passes = append(r.passes, chips...)
	r.mu.Unlock()
	<-time.After(time.Duration(ms) * time.Millisecond)
	r.mu.Lock()
	t := tagsOf(chips, ms)
	r.mu.Unlock()
	return r.book.Add(record.Entry{Kind: record.Passed, Tags: t}), nil
}

func chips(tags []record.Tag, takes time.Duration) ([]*chip, error) {
	out := make([]*chip, len(tags))
	for i, t := range tags {
		b, err := hex.DecodeString(t.EPC)
		if err != nil || len(b) == 0 || len(b)%2 != 0 || len(b) > 62 || t.RSSI > 0 || t.Antenna < 0 || t.Antenna > 8 {
			return nil, fmt.Errorf("%w: %+v", ErrTags, t)
		}
		if t.RSSI == 0 {
			t.RSSI = -50
		}
		t.EPC = strings.ToUpper(t.EPC)
		out[i] = &chip{Tag: t, from: time.Now(), takes: takes}
	}
	return out, nil
}

func tagsOf(chips []*chip, ms int64) *record.Tags {
	t := &record.Tags{Ms: ms, Reads: map[string]int{}}
	for _, c := range chips {
		t.EPCs = append(t.EPCs, c.EPC)
		if ms > 0 {
			t.Reads[c.EPC] = c.sent
		}
	}
	return t
}

// Run reads and keeps the connection until ctx ends.
func (r *Reader) Run(ctx context.Context) error { return r.run(ctx, r.connect) }

// Serve is Run with a line instead of a broker: commands come in and messages go
// out, each ended by a line feed.
func (r *Reader) Serve(ctx context.Context, port io.ReadWriter) error {
	return r.run(ctx, func(ctx context.Context) {
		say := func(p []byte) error {
			_, err := port.Write(append(slices.Clone(p), '\n'))
			return err
		}
		r.mu.Lock()
		r.say = say
		r.mu.Unlock()
		lines := bufio.NewScanner(port)
		for lines.Scan() && ctx.Err() == nil {
			if answer := r.obey(lines.Bytes()); answer != nil {
				_ = say(answer)
			}
		}
	})
}

func (r *Reader) run(ctx context.Context, connect func(context.Context)) error {
	var connection sync.WaitGroup
	defer connection.Wait()
	connection.Go(func() { connect(ctx) })
	report := time.NewTicker(5 * time.Millisecond)
	beat := time.NewTicker(time.Duration(r.p.HeartbeatMs) * time.Millisecond)
	defer report.Stop()
	defer beat.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-report.C:
			r.radio(now)
		case <-beat.C:
			r.tell(r.heartbeat())
		}
	}
}

// radio reads what answers now. Between the middle of a pass and its ends lie
// 25 dB.
func (r *Reader) radio(now time.Time) {
	r.mu.Lock()
	var say [][]byte
	alive := r.passes[:0]
	for _, c := range r.passes {
		if now.Sub(c.from) < c.takes {
			alive = append(alive, c)
		}
	}
	r.passes = alive
	if r.reading {
		for _, c := range append(append([]*chip{}, r.lies...), r.passes...) {
			if now.Before(c.next) {
				continue
			}
			c.next = now.Add(time.Duration(r.p.ReportMs) * time.Millisecond)
			rssi := float64(c.RSSI)
			if c.takes > 0 {
				way := 2*float64(now.Sub(c.from))/float64(c.takes) - 1
				rssi -= 25 * math.Min(1, way*way)
			}
			c.sent++
			r.n++
			say = append(say, r.report(c, int(rssi), now))
		}
	}
	r.mu.Unlock()
	for _, p := range say {
		r.tell(p)
	}
}

// tell sends a message, or keeps it while there is nobody to send it to. A last
// word of what is no JSON is sent under the fault.
func (r *Reader) tell(payload []byte) {
	if r.faults.On(Stall) {
		return
	}
	r.mu.Lock()
	say := r.say
	if say == nil {
		if len(r.kept) < maxKept {
			r.kept = append(r.kept, payload)
		}
		r.mu.Unlock()
		return
	}
	kept := r.kept
	r.kept = nil
	r.n++
	spoil := r.faults.On(Garbage) && r.n%2 == 0
	r.mu.Unlock()
	for _, p := range append(kept, payload) {
		if spoil {
			p = p[:len(p)/2]
		}
		if say(p) != nil {
			r.mu.Lock()
			if len(r.kept) < maxKept {
				r.kept = append(r.kept, p)
			}
			r.mu.Unlock()
		}
	}
}

func encode(v any) []byte {
	b, _ := json.Marshal(v) // maps and structs of plain fields always encode
	return b
}
