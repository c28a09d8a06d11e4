// Package instance holds a picking problem as a file: a field of aisles, a cart,
// and orders. It is what `tote plan` reads, what the generators of the published
// classes write, and what figures are measured on.
package instance

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"tote/picking/batch"
	"tote/picking/route"
	"tote/picking/route/blocks"
)

// ErrFile: the file is no problem that can be planned. The text names the place.
var ErrFile = errors.New("instance: the file cannot be used")

// Version is the one format there is.
const Version = 1

const maxFile = 64 << 20

// Loader reads a problem from a file of some format.
type Loader interface {
	// Load reads one problem; ErrFile when it is none.
	Load(r io.Reader) (*Instance, error)
}

// Instance is a picking problem.
type Instance struct {
	Version int    `json:"version"` // 1
	Name    string `json:"name,omitempty"`
	Note    string `json:"note,omitempty"` // where it comes from
	Layout  Layout `json:"layout"`
	Cart    Load   `json:"cart"` // 0 = no limit
	// SetupMm is what beginning one more walk is worth, in mm.
	SetupMm int64   `json:"setupMm,omitempty"`
	Orders  []Order `json:"orders"`
}

// Layout is a field of parallel aisles; lengths in mm.
type Layout struct {
	Aisles  int     `json:"aisles"`
	PitchMm int64   `json:"pitchMm"`
	Blocks  []Block `json:"blocks"` // from the front to the back
	// The depot is where an aisle meets a cross aisle; cross aisle 0 is the front.
	DepotAisle int `json:"depotAisle"`
	DepotCross int `json:"depotCross"`
}

// Block is what lies between two cross aisles.
type Block struct {
	Cells   int   `json:"cells"`
	CellMm  int64 `json:"cellMm"`
	FrontMm int64 `json:"frontMm"` // cross aisle to the first cell
	BackMm  int64 `json:"backMm"`  // last cell to the next cross aisle
}

// Load is what an order takes of a cart, or what a cart takes.
type Load struct {
	Slots  int64 `json:"slots,omitempty"`
	Volume int64 `json:"volume,omitempty"` // any unit, the same in all places
	Weight int64 `json:"weight,omitempty"`
}

// Order is what one customer wants.
type Order struct {
	ID string `json:"id"`
	Load
	Lines []Line `json:"lines"`
	// ArrivesMs and DueMs are moments of the day for a replay; 0 = from the
	// beginning, and whenever.
	ArrivesMs int64 `json:"arrivesMs,omitempty"`
	DueMs     int64 `json:"dueMs,omitempty"`
}

// Spot is a place on a walk; OffsetMm counts from the front cross aisle.
type Spot = blocks.Point

// Line is one cell to go to.
type Line struct {
	Aisle int   `json:"aisle"`
	Block int   `json:"block,omitempty"`
	Cell  int   `json:"cell"`
	Qty   int64 `json:"qty,omitempty"`
}

// JSON is the format of this package.
type JSON struct{}

// Load reads an instance, strictly: a key it does not know is refused.
func (JSON) Load(r io.Reader) (*Instance, error) {
	d := json.NewDecoder(io.LimitReader(r, maxFile))
	d.DisallowUnknownFields()
	in := &Instance{}
	if err := d.Decode(in); err != nil {
		return nil, fmt.Errorf("%w: at byte %d: %w", ErrFile, d.InputOffset(), err)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fmt.Errorf("%w: something follows its end at byte %d", ErrFile, d.InputOffset())
	}
	_, err := in.Field()
	return in, err
}

// Write writes an instance as JSON.
func (in *Instance) Write(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", " ")
	return e.Encode(in)
}

// Field is an instance that was checked, with a router for its layout.
type Field struct {
	*Instance
	many  *blocks.Router
	one   *route.Router // of a single block whose depot is at the front, else nil
	depot blocks.Place
}

// Field checks an instance: ErrFile with the order and the line.
func (in *Instance) Field() (*Field, error) {
	if in.Version != Version {
		return nil, fmt.Errorf("%w: version %d, want %d", ErrFile, in.Version, Version)
	}
	l := blocks.Layout{Aisles: in.Layout.Aisles, PitchMm: in.Layout.PitchMm}
	for _, b := range in.Layout.Blocks {
		l.Blocks = append(l.Blocks, blocks.Block(b))
	}
	many, err := blocks.New(l)
	if err != nil {
		return nil, fmt.Errorf("%w: layout: %w", ErrFile, err)
	}
	f := &Field{Instance: in, many: many, depot: blocks.AtCross(in.Layout.DepotAisle, in.Layout.DepotCross)}
	if _, err := many.Length(nil, f.depot, f.depot); err != nil {
		return nil, fmt.Errorf("%w: the depot: %w", ErrFile, err)
	}
	if b := l.Blocks[0]; len(l.Blocks) == 1 && b.FrontMm == b.BackMm && in.Layout.DepotCross == 0 {
		f.one, err = route.New(route.Layout{Aisles: l.Aisles, Cells: b.Cells, CellMm: b.CellMm, EndMm: b.FrontMm, PitchMm: l.PitchMm, DepotAisle: in.Layout.DepotAisle})
		if err != nil {
			return nil, fmt.Errorf("%w: layout: %w", ErrFile, err)
		}
	}
	seen := make(map[string]bool, len(in.Orders))
	for i, o := range in.Orders {
		if o.ID == "" || seen[o.ID] {
			return nil, fmt.Errorf("%w: orders[%d]: its id %q is empty or there twice", ErrFile, i, o.ID)
		}
		seen[o.ID] = true
		if len(o.Lines) == 0 {
			return nil, fmt.Errorf("%w: order %s has no lines", ErrFile, o.ID)
		}
		for j, li := range o.Lines {
			if err := many.Check(li.cell()); err != nil || li.Qty < 0 {
				return nil, fmt.Errorf("%w: order %s, lines[%d]: quantity %d, %w", ErrFile, o.ID, j, li.Qty, errors.Join(err))
			}
		}
	}
	return f, nil
}

func (l Line) cell() blocks.Cell { return blocks.Cell{Aisle: l.Aisle, Block: l.Block, Cell: l.Cell} }

// Length is the shortest round past all cells whose bit is set, in mm.
func (f *Field) Length(masks []uint64) int64 {
	if f.one != nil {
		return f.one.Length(masks)
	}
	mm, err := f.many.Length(masks, f.depot, f.depot)
	if err != nil {
		return -1
	}
	return mm
}

// Single is the router of a field with one block and the depot at its front,
// which also knows the policies people walk by; nil for any other.
func (f *Field) Single() *route.Router { return f.one }

// Route is the shortest round past the lines of some orders, by their position.
// Lines are named in the order of the orders.
func (f *Field) Route(orders []int) (blocks.Tour, error) {
	var cells []blocks.Cell
	for _, o := range orders {
		for _, l := range f.Orders[o].Lines {
			cells = append(cells, l.cell())
		}
	}
	return f.many.Route(cells, f.depot, f.depot)
}

// Problem is the pool to be divided into batches.
func (f *Field) Problem() *batch.Problem {
	n := len(f.Layout.Blocks)
	p := &batch.Problem{Aisles: f.Layout.Aisles * n, Capacity: batch.Load(f.Cart), Length: f.Length, Setup: f.SetupMm}
	masks := make([]uint64, p.Aisles)
	for _, o := range f.Orders {
		clear(masks)
		for _, l := range o.Lines {
			masks[l.Aisle*n+l.Block] |= 1 << l.Cell
		}
		j := batch.Job{Lines: len(o.Lines), Load: batch.Load(o.Load), Due: o.DueMs}
		for a, m := range masks {
			if m != 0 {
				j.Stops = append(j.Stops, batch.Stops{Aisle: a, Mask: m})
			}
		}
		p.Jobs = append(p.Jobs, j)
	}
	return p
}

// Bound is a length that no division into batches can fall below: each order
// pays for its own round the share of a cart it takes. It is honest and not
// close.
func Bound(p *batch.Problem) (mm int64) {
	cost := make([]int64, len(p.Jobs))
	masks := make([]uint64, p.Aisles)
	for i, j := range p.Jobs {
		clear(masks)
		for _, s := range j.Stops {
			masks[s.Aisle] |= s.Mask
		}
		cost[i] = p.Length(masks) + p.Setup
		mm = max(mm, cost[i])
	}
	for _, of := range []func(batch.Load) int64{
		func(l batch.Load) int64 { return l.Slots },
		func(l batch.Load) int64 { return l.Volume },
		func(l batch.Load) int64 { return l.Weight },
	} {
		c := of(p.Capacity)
		if c == 0 {
			continue
		}
		sum := 0.0
		for i, j := range p.Jobs {
			sum += float64(cost[i]) * float64(of(j.Load)) / float64(c)
		}
		mm = max(mm, int64(sum*(1-1e-9)))
	}
	return mm
}
