// Package llrp emulates a fixed RFID reader that speaks LLRP 1.0.1 over TCP, and
// the air in front of its antennas (that of package rfid), its inputs and its
// outputs.
//
// Wire: see wire.go and firmware-tests/cases/llrp/README.md. The package shares
// no code with the drivers.
//
// Run owns a goroutine for the listener and two for each connection; everything
// else may be called from anywhere.
package llrp

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"tote/firmware-tests/line"
	"tote/firmware-tests/record"
	"tote/firmware-tests/rfid"
)

// Faults of the reader beside split, stall and unplug. Those of the antennas are
// called antenna1_broken, antenna2_broken and so on.
const (
	Merge       = "merge"        // several messages come in one segment, late
	V11         = "v11_headers"  // its messages say version 1.1
	BadLengths  = "bad_lengths"  // a parameter in each report says more than there is
	NoKeepalive = "no_keepalive" // none is sent
	NoEcho      = "no_echo"      // answers have ids of the reader's own
	HeldReader  = "held_reader"  // ConnectionAttempt 1: a connection of the reader's own
	HeldClient  = "held_client"  // ConnectionAttempt 2: another client
	ClockSkew   = "clock_skew"   // its clock is an hour behind
	Garbage     = "garbage"      // noise in front of each message
	Refuse      = "refuse"       // every setting is refused
	NoPhase     = "no_phase"     // Impinj: it has the extensions, and refuses to tell the phase
)

// AntennaBroken is the name of the fault of an antenna, from 1.
func AntennaBroken(antenna int) string { return fmt.Sprintf("antenna%d_broken", antenna) }

// Errors of the reader.
var (
	// ErrParams: the parameters describe no possible reader.
	ErrParams = errors.New("llrp: impossible parameters")
	// ErrLine: the reader has no such input.
	ErrLine = errors.New("llrp: no such input")
)

// Params describe a reader. Zero fields take the default.
type Params struct {
	Antennas  int    `json:"antennas,omitempty" default:"4" help:"Antenna ports, 1 to 32."`
	Inputs    int    `json:"inputs,omitempty" default:"4" help:"General purpose inputs, up to 32; as many outputs."`
	Maker     uint32 `json:"maker,omitempty" default:"25882" help:"IANA private enterprise number of the maker."`
	Model     uint32 `json:"model,omitempty" default:"2001002" help:"Number of the model."`
	Firmware  string `json:"firmware,omitempty" default:"5.14.0.240" help:"Firmware version."`
	PerSecond int    `json:"perSecond,omitempty" default:"400" help:"Most tags the air has room for in a second."`
	ReportMs  int64  `json:"reportMs,omitempty" default:"30" help:"How long an antenna is at work before the next; reports go out then."`
	Seed      uint64 `json:"seed,omitempty" default:"1" help:"Of misses and fading: the same seed is the same world."`
	Steady    bool   `json:"steady,omitempty" help:"No fading: the strength as given."`
	Sparse    bool   `json:"sparse,omitempty" help:"Reports hold the EPC and the PC word alone, as those of golemu."`
	Uptime    bool   `json:"uptime,omitempty" help:"It has no clock: times are since its start."`
	EPCData   bool   `json:"epcData,omitempty" help:"EPCs of 96 bits are sent as EPCData too."`
	Holding   bool   `json:"holding,omitempty" help:"It holds events for a client that comes back until that asks for them."`
	Plain     bool   `json:"plain,omitempty" help:"It has none of its maker's extensions."`
	V11       bool   `json:"v11,omitempty" help:"It can be raised to LLRP 1.1."`
}

func (p Params) fill() (Params, error) {
	def(&p.Antennas, 4)
	def(&p.Inputs, 4)
	def(&p.Maker, 25882)
	def(&p.Model, 2001002)
	def(&p.Firmware, "5.14.0.240")
	def(&p.PerSecond, 400)
	def(&p.ReportMs, 30)
	def(&p.Seed, 1)
	if p.Antennas < 1 || p.Antennas > 32 || p.Inputs < 1 || p.Inputs > 32 || p.PerSecond < 1 || p.PerSecond > 10_000 ||
		p.ReportMs < 1 || p.ReportMs > 10_000 || len(p.Firmware) > 100 {
		return p, fmt.Errorf("%w: %+v", ErrParams, p)
	}
	return p, nil
}

func def[T comparable](v *T, standard T) {
	var zero T
	if *v == zero {
		*v = standard
	}
}

// State is what the reader is like.
type State struct {
	Connected   bool            `json:"connected"`
	Connections int             `json:"connections"` // since the start, refused ones too
	KeepaliveMs int64           `json:"keepaliveMs"` // 0 = none asked for
	Acks        int             `json:"acks"`        // keepalives that were acknowledged
	ROSpec      string          `json:"roSpec"`      // none, disabled, inactive or active
	PowerDbm    float64         `json:"powerDbm"`
	Antennas    []int           `json:"antennas"` // of the ROSpec; [0] = all
	Frames      int             `json:"frames"`   // tags told of
	InField     int             `json:"inField"`
	Moving      int             `json:"moving"`
	Inputs      map[string]bool `json:"inputs"`
	Outputs     map[string]bool `json:"outputs"`
	Heard       []string        `json:"heard"` // the last requests, by name
}

// Reader is one emulated reader.
type Reader struct {
	*rfid.Air // Field and Pass

	params Params
	faults *line.Faults
	book   *record.Book
	boot   time.Time

	mu       sync.Mutex
	socket   *Socket // nil before Run
	conn     *conn   // the client, nil = none
	counted  int     // connections
	acks     int
	frames   int
	power    int // index in the table
	keep     time.Duration
	events   map[int]bool // that are told of
	hold     bool
	extended bool // the client switched Impinj's extensions on

	spec    *roSpec // the one it can have
	inputs  []bool
	outputs []bool
	heard   []string
}

// roSpec is the reading that a client added.
type roSpec struct {
	id       uint32
	antennas []int
	state    string // disabled, inactive, active
	flags    uint16 // of the report content selector
	pc       bool
	phase    bool // Impinj: tell the phase
}

// New makes a reader.
func New(p Params, book *record.Book) (*Reader, error) {
	p, err := p.fill()
	if err != nil {
		return nil, err
	}
	names := []string{line.Split, line.Stall, line.Unplug, Merge, V11, BadLengths, NoKeepalive, NoEcho, HeldReader, HeldClient, ClockSkew, Garbage, Refuse, NoPhase}
	for i := range p.Antennas {
		names = append(names, AntennaBroken(i+1))
	}
	return &Reader{
		Air:    rfid.NewAir(p.Antennas, p.PerSecond, p.Seed, p.Steady, book),
		params: p, faults: line.NewFaults(names...), book: book, boot: time.Now(),
		power: powers, events: map[int]bool{}, hold: p.Holding, inputs: make([]bool, p.Inputs), outputs: make([]bool, p.Inputs),
	}, nil
}

// Faults lists the names of all faults.
func (r *Reader) Faults() []string { return r.faults.Names() }

// ActiveFaults lists the faults that are on.
func (r *Reader) ActiveFaults() []string { return r.faults.Active() }

// SetFault switches a fault on or off.
func (r *Reader) SetFault(name string, on bool) error {
	was := r.faults.On(name)
	if err := r.faults.Set(name, on); err != nil {
		return err
	}
	r.book.Add(record.Entry{Kind: record.Fault, Fault: &record.SwitchedFault{Name: name, On: on}})
	r.mu.Lock()
	socket := r.socket
	r.mu.Unlock()
	switch {
	case name == line.Unplug && socket != nil && on:
		return socket.Unplug()
	case name == line.Unplug && socket != nil:
		return socket.Plug()
	case was != on:
		for i := range r.params.Antennas {
			if name == AntennaBroken(i+1) {
				r.tell(8, tlv(255, flag(!on, 1), u16(uint16(i+1))))
			}
		}
	}
	return nil
}

// SetLevel moves an input: GPI1, GPI2 and so on.
func (r *Reader) SetLevel(name string, high bool) error {
	var n int
	if _, err := fmt.Sscanf(name, "GPI%d", &n); err != nil || n < 1 || n > r.params.Inputs {
		return fmt.Errorf("%w: %q; there are GPI1 to GPI%d", ErrLine, name, r.params.Inputs)
	}
	r.mu.Lock()
	changed := r.inputs[n-1] != high
	r.inputs[n-1] = high
	r.mu.Unlock()
	if changed {
		r.book.Add(record.Entry{Kind: record.Input, Level: &record.Level{Line: name, High: high}})
		r.tell(1, tlv(248, u16(uint16(n)), flag(high, 0x80)))
	}
	return nil
}

// State tells what the reader is set to and what is in front of it.
func (r *Reader) State() State {
	inField, moving := r.InField()
	r.mu.Lock()
	defer r.mu.Unlock()
	s := State{
		Connected: r.conn != nil, Connections: r.counted, KeepaliveMs: r.keep.Milliseconds(), Acks: r.acks, ROSpec: "none",
		PowerDbm: float64(powerOf(r.power)) / 100, Frames: r.frames, InField: inField, Moving: moving,
		Inputs: map[string]bool{}, Outputs: map[string]bool{}, Heard: slices.Clone(r.heard),
	}
	if r.spec != nil {
		s.ROSpec, s.Antennas = r.spec.state, r.spec.antennas
	}
	for i := range r.inputs {
		s.Inputs[fmt.Sprintf("GPI%d", i+1)], s.Outputs[fmt.Sprintf("GPO%d", i+1)] = r.inputs[i], r.outputs[i]
	}
	return s
}

// The table of powers: 10.00 to 30.00 dBm in steps of 0.25, as that of an Impinj
// R420.
const powers = 81

// powerOf is an entry of the table, in 0.01 dBm.
func powerOf(index int) int { return 1000 + 25*(index-1) }

// notice keeps the last requests for people.
func (r *Reader) notice(typ int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.heard = append(r.heard, requestNames[typ]); len(r.heard) > 30 {
		r.heard = r.heard[1:]
	}
}

// requestNames are the requests the reader knows.
var requestNames = map[int]string{
	getCapabilities: "GET_READER_CAPABILITIES", getConfig: "GET_READER_CONFIG", setConfig: "SET_READER_CONFIG", closeConnection: "CLOSE_CONNECTION",
	addROSpec: "ADD_ROSPEC", deleteROSpec: "DELETE_ROSPEC", startROSpec: "START_ROSPEC", stopROSpec: "STOP_ROSPEC", enableROSpec: "ENABLE_ROSPEC",
	disableROSpec: "DISABLE_ROSPEC", getROSpecs: "GET_ROSPECS", getVersion: "GET_SUPPORTED_VERSION", setVersion: "SET_PROTOCOL_VERSION",
	getReport: "GET_REPORT", enableEvents: "ENABLE_EVENTS_AND_REPORTS", keepaliveAck: "KEEPALIVE_ACK",
}
