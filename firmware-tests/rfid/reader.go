// Package rfid emulates UHF RFID readers on a serial line, and the air in front
// of their antennas: tags that lie in the field and cartons that move through
// it, read more or less often and strongly.
//
// Families: r2000 (UHF RFID Reader Serial Interface Protocol V3.7), r200 (M100
// module protocol), uhf18 and uhf288 (UHFReader18 User's Manual V2.0), thingmagic (Mercury); see
// firmware-tests/cases/rfid/README.md for what each answer was checked against.
// The package shares no code with the drivers.
//
// Run owns the line, the clock of the rounds and one reading goroutine; Field,
// Pass, SetFault and State may be called from anywhere. What moves goes into
// the Book.
package rfid

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"tote/firmware-tests/line"
	"tote/firmware-tests/record"
)

// Faults of the reader beside those of the line. Those of the antennas are
// called antenna1_broken, antenna2_broken and so on.
const (
	BadChecksum = "bad_checksum" // the check of every packet is wrong
	Babble      = "babble"       // it sends noise without a pause and does nothing else
	Refuse      = "refuse"       // every setting is answered with failed
	NoRoundEnd  = "no_round_end" // rounds end without a word
	Restart     = "restart"      // it starts anew again and again, and is deaf
)

// Families of readers.
const (
	FamilyR2000  = "r2000"
	FamilyR200   = "r200"
	FamilyUHF18  = "uhf18"
	FamilyUHF288 = "uhf288"
	FamilyMerc   = "thingmagic"
)

// AntennaBroken is the name of the fault of an antenna, from 1.
func AntennaBroken(antenna int) string { return fmt.Sprintf("antenna%d_broken", antenna) }

// Errors of the reader.
var (
	// ErrParams: the parameters describe no possible reader.
	ErrParams = errors.New("rfid: impossible parameters")
	// ErrNotRunning: the carton cannot move, for the emulator has not begun or has ended.
	ErrNotRunning = errors.New("rfid: the reader is not running")
)

const (
	step       = 10 * time.Millisecond // of a round
	maxOrders  = 16                    // that wait; more are lost
	babbleSize = 16
)

// Params describe a reader. Zero fields take the default.
type Params struct {
	Family    string `json:"family,omitempty" default:"r2000" enum:"r2000,r200,uhf18,uhf288,thingmagic" help:"How it talks: ${enum}."`
	Lead      string `json:"lead,omitempty" default:"bb" enum:"bb,aa" help:"First byte of an r200 frame: ${enum}."`
	Pushes    bool   `json:"pushes,omitempty" help:"A uhf18 begins in scan mode and pushes tags by itself."`
	Ports     int    `json:"ports,omitempty" default:"4" help:"Antenna ports of an r2000, 4 or 8; the others have what they have."`
	Address   int    `json:"address,omitempty" help:"Address on the line, 1 to 254; of a uhf18 or uhf288 0 to 254, default 0."`
	Firmware  string `json:"firmware,omitempty" default:"1.9" help:"Firmware version, major.minor."`
	Model     string `json:"model,omitempty" default:"M100 26dBm V1.0" help:"What an r200 calls its hardware."`
	PowerDbm  int    `json:"powerDbm,omitempty" default:"30" help:"Power set at the start, 1 to 33 dBm."`
	RoundMs   int64  `json:"roundMs,omitempty" default:"30" help:"How long a round stays on one antenna."`
	PerSecond int    `json:"perSecond,omitempty" default:"400" help:"Most tags the air has room for in a second."`
	RestartMs int64  `json:"restartMs,omitempty" default:"300" help:"Deaf for so long after a reset."`
	Seed      uint64 `json:"seed,omitempty" default:"1" help:"Of misses, fading and frequencies: the same seed is the same world."`
	Steady    bool   `json:"steady,omitempty" help:"No fading and no hopping: frequency index 35, the strength as given."`
}

func (p Params) fill() (Params, error) {
	def(&p.Family, FamilyR2000)
	def(&p.Lead, "bb")
	def(&p.Model, "M100 26dBm V1.0")
	def(&p.Ports, 4)
	if only, ok := map[string]int{FamilyR200: 1, FamilyUHF18: 1, FamilyUHF288: 4, FamilyMerc: 4}[p.Family]; ok {
		p.Ports = only
	} else if p.Family != FamilyR2000 {
		return p, fmt.Errorf("%w: family %q", ErrParams, p.Family)
	}
	if p.Family == FamilyR2000 {
		def(&p.Address, 1)
	}
	def(&p.Firmware, "1.9")
	def(&p.PowerDbm, fullPower)
	def(&p.RoundMs, 30)
	def(&p.PerSecond, 400)
	def(&p.RestartMs, 300)
	def(&p.Seed, 1)
	var major, minor byte
	n, err := fmt.Sscanf(p.Firmware, "%d.%d", &major, &minor)
	ports, lowest := p.Ports == 4 || p.Ports == 8, 1
	if p.Family != FamilyR2000 {
		ports, lowest = true, 0
	}
	if !ports || p.Address < lowest || p.Address > 254 || n != 2 || err != nil || p.PowerDbm < 1 || p.PowerDbm > 33 ||
		p.Lead != "bb" && p.Lead != "aa" || len(p.Model) > 60 ||
		p.RoundMs < 10 || p.RoundMs > 1000 || p.PerSecond < 1 || p.PerSecond > 10_000 || p.RestartMs < 0 || p.RestartMs > 10_000 {
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

// Port is the line of the reader.
type Port interface {
	io.ReadWriteCloser
	Plug() error
	Unplug() error
}

// State is what the reader and the air in front of it are like.
type State struct {
	PowerDbm []int `json:"powerDbm"`    // of each antenna
	Antenna  int   `json:"workAntenna"` // from 1
	Rounds   int   `json:"rounds"`      // ended since the start
	Frames   int   `json:"frames"`      // tag frames that somebody heard
	InField  int   `json:"inField"`     // tags that lie there
	Moving   int   `json:"moving"`      // cartons on their way
	Resets   int   `json:"resets"`
}

// Reader is one emulated reader.
type Reader struct {
	*Air // Field and Pass

	params Params
	faults *line.Faults
	book   *record.Book
	wake   chan struct{} // one token: a fault was switched

	mu       sync.Mutex
	port     Port  // nil before Run
	power    []int // dBm of each antenna
	antenna  int   // work antenna, from 0
	region   []byte
	detector byte
	rounds   int
	frames   int
	resets   int
}

// New makes a reader.
func New(p Params, book *record.Book) (*Reader, error) {
	p, err := p.fill()
	if err != nil {
		return nil, err
	}
	names := []string{line.Noise, line.Split, line.Stall, line.Unplug, BadChecksum, Babble, Refuse, NoRoundEnd, Restart}
	for i := range p.Ports {
		if p.Ports == 1 {
			break // these do not notice
		}
		names = append(names, AntennaBroken(i+1))
	}
	return &Reader{
		Air: NewAir(p.Ports, p.PerSecond, p.Seed, p.Steady, book), params: p, faults: line.NewFaults(names...), book: book, wake: make(chan struct{}, 1),
		power: slices.Repeat([]int{p.PowerDbm}, p.Ports), region: []byte{2, 0, 6}, // ETSI, 865.0 to 868.0 MHz
	}, nil
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
	select {
	case r.wake <- struct{}{}:
	default:
	}
	r.mu.Lock()
	port := r.port
	r.mu.Unlock()
	if name != line.Unplug || port == nil {
		return nil
	}
	if on {
		return port.Unplug()
	}
	return port.Plug()
}

// State tells what the reader is set to and what is in front of it.
func (r *Reader) State() State {
	tags, cartons := r.InField()
	r.mu.Lock()
	defer r.mu.Unlock()
	return State{
		PowerDbm: slices.Clone(r.power), Antenna: r.antenna + 1, Rounds: r.rounds, Frames: r.frames,
		InField: tags, Moving: cartons, Resets: r.resets,
	}
}

// Run serves the line until ctx ends or the port is closed, and closes it. It
// is called once.
func (r *Reader) Run(ctx context.Context, port Port) error {
	r.mu.Lock()
	r.port = port
	r.mu.Unlock()
	r.Begin()
	stop := make(chan struct{})
	in := line.Pump(port, stop)
	defer func() {
		close(stop)
		r.End()
		_ = port.Close()
		for range in { // wait for the reader
		}
	}()
	s := &session{r: r, voice: line.NewVoice(port, r.faults, r.params.Seed)}
	switch r.params.Family {
	case FamilyR200:
		s.f = newR200(s)
	case FamilyUHF18, FamilyUHF288:
		s.f = newUHF(s)
	case FamilyMerc:
		s.f = newMercury(s)
	default:
		s.f = &r2000{session: s}
	}
	timer := time.NewTicker(step)
	defer timer.Stop()
	for {
		// Without a round there is nothing to do between two commands.
		var tick <-chan time.Time
		if s.busy() {
			tick = timer.C
		}
		select {
		case <-ctx.Done():
			return nil
		case p, ok := <-in:
			if !ok {
				return nil
			}
			if p.Lost {
				s.forget() // the reader hung on the same cable for its power
				break
			}
			s.hear(p.Data)
		case <-tick:
		case <-r.wake:
		}
		r.Tell(func() { s.step(time.Now()) })
	}
}
