// Package printer emulates a label or receipt printer: it takes jobs over a
// serial line or over TCP (as port 9100), prints them one label after the other
// at its own speed and answers status queries the way the manual of its language
// tells.
//
// Sources: ZPL II Programming Guide 45541L-004 for ~HS, ~HI, ^BC, ^FH, ^PQ,
// ~JA, ~PP, ~PS; TSC programming manual for TSPL; EPL programming guide 14245L;
// ESC/POS command reference; see firmware-tests/cases/printer/README.md for what each
// answer was checked against. The package shares no code with the drivers.
//
// A written byte is not a printed label: the printer accepts everything while
// it is out of paper, open or paused. Only a Printed entry in the Book is a
// label somebody could stick on a box.
//
// Run owns the print engine; each Serve and ServeTCP owns one channel to a
// host. All other methods may be called from anywhere.
package printer

import (
	"errors"
	"fmt"
	"sync"

	"tote/firmware-tests/line"
	"tote/firmware-tests/record"
)

// Faults of the printer beside those of the line.
const (
	PaperOut   = "paper_out"          // media out; the label under way is printed again when it is back
	RibbonOut  = "ribbon_out"         // as paper out; flag p
	HeadOpen   = "head_open"          // as paper out; flag o
	Pause      = "pause"              // takes and keeps formats; the same as ~PP and ~PS
	Silent     = "silent_after_print" // from the next format on: prints, but answers nothing more
	Jam        = "jam"                // as paper out; ZPL has no flag for it and says pause
	Wrong      = "wrong_answers"      // answers what is no status
	QuietError = "quiet_on_error"     // no answer to ~HS while out of paper or ribbon or open, as the guide tells of some models
)

// ErrParams: the parameters describe no possible printer.
var ErrParams = errors.New("printer: impossible parameters")

// ErrNothingToTake: no label waits at the peel bar.
var ErrNothingToTake = errors.New("printer: no label is waiting")

// Params describe a printer. Zero fields take the default.
type Params struct {
	LabelMs    int64  `json:"labelMs,omitempty" default:"300" help:"Milliseconds to print one label."`
	MaxFormats int    `json:"maxFormats,omitempty" default:"50" help:"Formats the receive buffer holds; then the printer stops reading."`
	LabelDots  int    `json:"labelDots,omitempty" default:"1218" help:"Label length in dots until a format sets it."`
	Model      string `json:"model,omitempty" default:"TOTE-203dpi" help:"Model as ~HI tells it."`
	Peel       bool   `json:"peel,omitempty" help:"Peel-off mode: each label waits to be taken."`
	Transfer   bool   `json:"transfer,omitempty" help:"Thermal transfer mode."`
	Language   string `json:"language,omitempty" default:"zpl" help:"zpl, tspl, epl2 or escpos."`
	Basic      bool   `json:"basic,omitempty" help:"TSPL: knows ESC !? only. ESC/POS: knows no process IDs."`
}

func (p Params) fill() (Params, error) {
	if p.LabelMs == 0 {
		p.LabelMs = 300
	}
	if p.MaxFormats == 0 {
		p.MaxFormats = 50
	}
	if p.LabelDots == 0 {
		p.LabelDots = 1218
	}
	if p.Model == "" {
		p.Model = "TOTE-203dpi"
	}
	if p.Language == "" {
		p.Language = "zpl"
	}
	if tongues[p.Language] == nil {
		return p, fmt.Errorf("%w: language %q", ErrParams, p.Language)
	}
	if p.LabelMs < 0 || p.MaxFormats < 0 || p.LabelDots < 0 || p.LabelDots > 9999 {
		return p, fmt.Errorf("%w: negative, or label longer than 9999 dots", ErrParams)
	}
	return p, nil
}

// State is what the printer knows about itself.
type State struct {
	Formats   int  `json:"formats"`   // in the receive buffer
	Remaining int  `json:"remaining"` // labels left of the format being printed
	Printed   int  `json:"printed"`   // labels printed since the start
	Partial   bool `json:"partial"`
	Paused    bool `json:"paused"`
	Waiting   bool `json:"waiting"` // a label waits to be taken
	Muted     bool `json:"muted"`   // silent_after_print has struck
}

// job is a format on its way to paper.
type job struct {
	number int
	format format
	copy   int      // copies printed
	marks  []func() // called when it is printed
}

// Printer is one emulated printer.
type Printer struct {
	params Params
	faults *line.Faults
	book   *record.Book

	mu       sync.Mutex
	buffer   []*job // received, not yet being printed
	batch    *job   // being printed
	newest   *job   // received last, nil when it is out
	moving   bool   // a label of the batch is under way
	jobs     int    // formats received since the start
	printed  int
	length   int
	waiting  bool
	muted    bool
	partials int           // channels in the middle of a format
	changed  chan struct{} // closed and replaced when anything above or a fault changes
	plugs    []plug        // what Unplug cuts
}

// plug is a cable that can be pulled.
type plug interface {
	Plug() error
	Unplug() error
}

// New makes a printer.
func New(p Params, book *record.Book) (*Printer, error) {
	p, err := p.fill()
	if err != nil {
		return nil, err
	}
	return &Printer{
		params: p,
		faults: line.NewFaults(line.Noise, line.Split, line.Stall, line.Unplug,
			PaperOut, RibbonOut, HeadOpen, Pause, Silent, Jam, Wrong, QuietError),
		book:    book,
		length:  p.LabelDots,
		changed: make(chan struct{}),
	}, nil
}

// Faults lists the names of all faults.
func (p *Printer) Faults() []string { return p.faults.Names() }

// ActiveFaults lists the faults that are on.
func (p *Printer) ActiveFaults() []string { return p.faults.Active() }

// SetFault switches a fault on or off.
func (p *Printer) SetFault(name string, on bool) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.faults.Set(name, on); err != nil {
		return err
	}
	if name == Silent && !on {
		p.muted = false
	}
	p.book.Add(record.Entry{Kind: record.Fault, Fault: &record.SwitchedFault{Name: name, On: on}})
	p.touch()
	if name != line.Unplug {
		return nil
	}
	var errs []error
	for _, c := range p.plugs {
		if on {
			errs = append(errs, c.Unplug())
		} else {
			errs = append(errs, c.Plug())
		}
	}
	return errors.Join(errs...)
}

// Take takes the label off the peel bar.
func (p *Printer) Take() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.waiting {
		return ErrNothingToTake
	}
	p.waiting = false
	p.book.Add(record.Entry{Kind: record.Taken})
	p.touch()
	return nil
}

// State tells where the printer is.
func (p *Printer) State() State {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.statusLocked()
	return State{
		Formats: s.formats, Remaining: s.remaining, Printed: p.printed,
		Partial: s.partial, Paused: s.paused, Waiting: s.waiting, Muted: p.muted,
	}
}

func (p *Printer) statusLocked() status {
	s := status{
		paperOut:   p.faults.On(PaperOut),
		ribbonOut:  p.faults.On(RibbonOut),
		headOpen:   p.faults.On(HeadOpen),
		paused:     p.faults.On(Pause) || p.faults.On(Jam) && p.params.Language == "zpl",
		jam:        p.faults.On(Jam),
		bufferFull: len(p.buffer) >= p.params.MaxFormats,
		partial:    p.partials > 0,
		transfer:   p.params.Transfer,
		peel:       p.params.Peel,
		waiting:    p.waiting,
		formats:    len(p.buffer),
		length:     p.length,
	}
	s.busy = p.batch != nil || len(p.buffer) > 0
	if p.batch != nil {
		s.remaining = p.batch.format.copies - p.batch.copy
	}
	return s
}

// touch tells everybody who waits that something has changed; mu is held.
func (p *Printer) touch() {
	close(p.changed)
	p.changed = make(chan struct{})
}
