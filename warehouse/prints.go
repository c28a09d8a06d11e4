package warehouse

import (
	"errors"
	"fmt"
	"slices"
)

// Labels that are asked for: of totes, bins and items, and packing slips.
//
// Who asks for them names a station; each label is a job of its own with an
// outcome, as the labels of parcels are: it is recorded before the first byte
// leaves, what became of it is a fact that the station tells, and what nobody
// knows is UNKNOWN. Nothing is printed twice by itself: a reprint is a person's
// act, with a reason, counted and kept. These labels stop no order, so they make
// no fallouts, and they are copies of what is known anyway: one that was printed
// may be asked for again. A parcel's label is none of them.
//
// At most maxAsked jobs of a station wait; the newest keptPrints that are over
// are kept, so that they can be looked at and printed again.

// What labels are asked for.
const (
	PrintTote = "tote"
	PrintBin  = "bin"
	PrintItem = "item"
	PrintSlip = "slip" // of an order, or of the SSCC of one of its parcels
)

// JobCancelled is the state of a print that was given up before it was sent.
const JobCancelled = "CANCELLED"

// Bounds of what is asked for.
const (
	maxPrints  = 100 // of one command
	maxAsked   = 500 // of a station, not over
	keptPrints = 300 // of a station, over
)

type (
	// PrintLabels asks for labels at a station, in the order given.
	PrintLabels struct {
		Printer string       `cbor:"1,keyasint" json:"printer"` // the station whose printer it is
		What    string       `cbor:"2,keyasint" json:"what"`    // "tote", "bin", "item", "slip"
		Labels  []PrintLabel `cbor:"3,keyasint" json:"labels"`
	}
	// PrintLabel is one of them. Lot, Expiry and Serial are of items.
	PrintLabel struct {
		Ref    string `cbor:"1,keyasint" json:"ref"` // tote code, bin code, SKU, order or SSCC
		Lot    string `cbor:"2,keyasint,omitempty" json:"lot,omitempty"`
		Expiry string `cbor:"3,keyasint,omitempty" json:"expiry,omitempty"`
		Serial string `cbor:"4,keyasint,omitempty" json:"serial,omitempty"`
	}
	// PrintSent must be committed before the first byte leaves for the printer.
	PrintSent struct {
		Job string `cbor:"1,keyasint" json:"job"`
	}
	// PrintOutcome says what became of it: PRINTED, FAILED or UNKNOWN.
	PrintOutcome struct {
		Job     string `cbor:"1,keyasint" json:"job"`
		Outcome string `cbor:"2,keyasint" json:"outcome"`
		Detail  string `cbor:"3,keyasint,omitempty" json:"detail,omitempty"`
	}
	// ReprintLabel asks for one more copy of a print that is over.
	ReprintLabel struct {
		Job    string `cbor:"1,keyasint" json:"job"`
		Reason string `cbor:"2,keyasint" json:"reason"`
	}
	// CancelPrints gives up prints that were not sent yet: one, or all of a
	// station.
	CancelPrints struct {
		Job     string `cbor:"1,keyasint,omitempty" json:"job,omitempty"`
		Printer string `cbor:"2,keyasint,omitempty" json:"printer,omitempty"` // its station
		Reason  string `cbor:"3,keyasint" json:"reason"`
	}
	// PrintJob is the record of one label that was asked for.
	PrintJob struct {
		ID      string     `cbor:"1,keyasint" json:"id"`
		Station string     `cbor:"2,keyasint" json:"station"`
		What    string     `cbor:"3,keyasint" json:"what"`
		Label   PrintLabel `cbor:"4,keyasint" json:"label"`
		State   string     `cbor:"5,keyasint" json:"state"` // JobRequested, JobSent, JobPrinted, JobFailed, JobUnknown, JobCancelled
		Detail  string     `cbor:"6,keyasint,omitempty" json:"detail,omitempty"`
		Since   int64      `cbor:"7,keyasint" json:"since"`
		Asked   int64      `cbor:"8,keyasint" json:"asked"`
		By      string     `cbor:"9,keyasint,omitempty" json:"by,omitempty"`
		Copies  int        `cbor:"10,keyasint" json:"copies"` // 1 + reprints
		CopyAt  int64      `cbor:"11,keyasint,omitempty" json:"copyAt,omitempty"`
		CopyBy  string     `cbor:"12,keyasint,omitempty" json:"copyBy,omitempty"`
		CopyWhy string     `cbor:"13,keyasint,omitempty" json:"copyWhy,omitempty"`
	}
)

// Kind implements Command.
func (PrintLabels) Kind() Kind { return KindPrintLabels }

// Kind implements Command.
func (PrintSent) Kind() Kind { return KindPrintSent }

// Kind implements Command.
func (PrintOutcome) Kind() Kind { return KindPrintOutcome }

// Kind implements Command.
func (ReprintLabel) Kind() Kind { return KindReprintLabel }

// Kind implements Command.
func (CancelPrints) Kind() Kind { return KindCancelPrints }

// GetPrint returns a print by id.
func GetPrint(r Reader, id string) (*PrintJob, error) { return load[PrintJob](r, key(kPrint, id)) }

// PrintsWaiting lists the prints of a station that are requested or sent, in the
// order they were asked for, at most limit, all when 0.
func PrintsWaiting(r Reader, station string, limit int) ([]PrintJob, error) {
	return named(r, under(kPrints, station), limit, GetPrint, "print")
}

// PrintsOver lists the prints of a station that are over and kept, in the order
// they were asked for.
func PrintsOver(r Reader, station string) ([]PrintJob, error) {
	return named(r, under(kPrinted, station), 0, GetPrint, "print")
}

// waits tells whether a print is not over.
func (p *PrintJob) waits() bool { return p.State == JobRequested || p.State == JobSent }

// printsKey counts the prints of a station that are over and kept.
func printsKey(station string) []byte { return key(kSeq, kPrinted, station) }

// savePrint writes a print and its place in the lists. Of those that are over the
// oldest one goes when there are too many.
func (c *change) savePrint(p *PrintJob) error {
	c.touch("print", p.ID)
	c.touch("prints", p.Station)
	if err := c.index(key(kPrints, p.Station, p.ID), p.waits()); err != nil {
		return err
	}
	was, err := c.Get(key(kPrinted, p.Station, p.ID))
	if err != nil {
		return err
	}
	if err := save(c, key(kPrint, p.ID), p); err != nil || (was != nil) == !p.waits() {
		return err
	}
	n, err := counter(c, printsKey(p.Station))
	if err != nil {
		return err
	}
	if p.waits() {
		n--
	} else {
		n++
	}
	if err := c.index(key(kPrinted, p.Station, p.ID), !p.waits()); err != nil {
		return err
	}
	if n > keptPrints {
		oldest, err := tails(c, under(kPrinted, p.Station), 1)
		if err != nil {
			return err
		}
		if len(oldest) == 0 {
			return fmt.Errorf("%w: %d prints of station %s and none in its list", ErrCorrupt, n, p.Station)
		}
		if err := c.index(key(kPrinted, p.Station, oldest[0]), false); err != nil {
			return err
		}
		if err := c.Delete(key(kPrint, oldest[0])); err != nil {
			return err
		}
		n--
	}
	return c.setCounter(printsKey(p.Station), n)
}

func (c *change) setPrint(p *PrintJob, state, detail string) error {
	p.State, p.Detail, p.Since = state, detail, c.meta.Now
	return c.savePrint(p)
}

// aPrint loads a print by the id of a command.
func (c *change) aPrint(id string) (*PrintJob, error) {
	if !validID(id) {
		return nil, refuse(CodeUnknownJob, "print %.70q", id)
	}
	p, err := GetPrint(c, id)
	if err == nil && p == nil {
		err = refuse(CodeUnknownJob, "print %s", id)
	}
	return p, err
}

func printLabels(c *change, cmd PrintLabels) (Result, error) {
	switch {
	case !validID(cmd.Printer):
		return Result{}, refuse(CodeInvalid, "printer: a station")
	case !slices.Contains([]string{PrintTote, PrintBin, PrintItem, PrintSlip}, cmd.What):
		return Result{}, refuse(CodeInvalid, "what: tote, bin, item or slip")
	case len(cmd.Labels) == 0 || len(cmd.Labels) > maxPrints:
		return Result{}, refuse(CodeInvalid, "%d labels, 1 to %d", len(cmd.Labels), maxPrints)
	}
	have, err := tails(c, under(kPrints, cmd.Printer), 0)
	if err != nil {
		return Result{}, err
	}
	if len(have)+len(cmd.Labels) > maxAsked {
		return Result{}, refuse(CodeConflict, "%d prints wait at station %s, the most is %d", len(have), cmd.Printer, maxAsked)
	}
	first := ""
	for i, l := range cmd.Labels {
		if err := c.printable(cmd.What, l); err != nil {
			if no, ok := errors.AsType[*refusal](err); ok {
				return Result{}, refuse(no.code, "label %d: %s", i+1, no.text)
			}
			return Result{}, err
		}
		n, err := c.next(kPrint)
		if err != nil {
			return Result{}, err
		}
		p := &PrintJob{ID: fmt.Sprintf("L%07d", n), Station: cmd.Printer, What: cmd.What, Label: l, Asked: c.meta.Now, By: c.meta.Actor, Copies: 1}
		if err := c.setPrint(p, JobRequested, ""); err != nil {
			return Result{}, err
		}
		if first == "" {
			first = p.ID
		}
	}
	return Result{Ref: first, Text: fmt.Sprintf("%d labels at station %s", len(cmd.Labels), cmd.Printer)}, nil
}

// printable refuses a label of something that is not there, or that no scanner
// could read.
func (c *change) printable(what string, l PrintLabel) error {
	if what != PrintItem && l != (PrintLabel{Ref: l.Ref}) {
		return refuse(CodeInvalid, "lot, expiry and serial are of items")
	}
	if !validID(l.Ref) {
		return refuse(CodeInvalid, "ref")
	}
	site, err := c.theSite()
	if err != nil {
		return err
	}
	switch what {
	case PrintTote:
		if !isTote(site, l.Ref) {
			return refuse(CodeUnknownTote, "%s: a tote begins with %s", l.Ref, site.TotePrefix)
		}
	case PrintBin:
		b, err := GetBin(c, l.Ref)
		if err == nil && b == nil {
			err = refuse(CodeUnknownBin, "bin %s", l.Ref)
		}
		return err
	case PrintItem:
		it, err := GetItem(c, l.Ref)
		switch {
		case err != nil:
			return err
		case it == nil:
			return refuse(CodeUnknownItem, "item %s", l.Ref)
		case l.Lot != "" && !validBarcode(l.Lot), l.Serial != "" && !validBarcode(l.Serial), l.Expiry != "" && !validDate(l.Expiry):
			return refuse(CodeInvalid, "lot, expiry or serial")
		}
	case PrintSlip:
		o, err := c.order(l.Ref)
		if err == nil && o == nil {
			o, _, err = c.parcel(l.Ref)
		}
		switch {
		case err != nil:
			return err
		case o == nil:
			return refuse(CodeUnknownOrder, "order or parcel %s", l.Ref)
		case o.Purged != 0:
			return refuse(CodeArchived, "the person was taken out of order %s", o.Spec.ID)
		}
	}
	return nil
}

func printSent(c *change, cmd PrintSent) (Result, error) {
	res := Result{Ref: cmd.Job}
	p, err := c.aPrint(cmd.Job)
	if err != nil {
		return res, err
	}
	if p.State != JobRequested {
		return res, refuse(CodeLabelState, "print is %s, not %s", p.State, JobRequested)
	}
	return res, c.setPrint(p, JobSent, "")
}

func printOutcome(c *change, cmd PrintOutcome) (Result, error) {
	res := Result{Ref: cmd.Job}
	p, err := c.aPrint(cmd.Job)
	if err != nil {
		return res, err
	}
	switch {
	case !slices.Contains([]string{JobPrinted, JobFailed, JobUnknown}, cmd.Outcome):
		return res, refuse(CodeInvalid, "outcome %.40q", cmd.Outcome)
	case p.State == cmd.Outcome:
		return res, nil
	case p.State != JobSent && !(p.State == JobUnknown && cmd.Outcome == JobPrinted):
		return res, refuse(CodeLabelState, "print is %s", p.State)
	}
	return res, c.setPrint(p, cmd.Outcome, cleanText(cmd.Detail))
}

func reprintLabel(c *change, cmd ReprintLabel) (Result, error) {
	res := Result{Ref: cmd.Job}
	p, err := c.aPrint(cmd.Job)
	switch {
	case err != nil:
		return res, err
	case !validText(cmd.Reason, maxText):
		return res, refuse(CodeInvalid, "reason")
	case p.waits():
		return res, refuse(CodeLabelState, "print is %s", p.State)
	}
	if err := c.printable(p.What, p.Label); err != nil {
		return res, err
	}
	have, err := tails(c, under(kPrints, p.Station), 0)
	if err != nil {
		return res, err
	}
	if len(have) >= maxAsked {
		return res, refuse(CodeConflict, "%d prints wait at station %s", len(have), p.Station)
	}
	p.Copies, p.CopyAt, p.CopyBy, p.CopyWhy = p.Copies+1, c.meta.Now, c.meta.Actor, cmd.Reason
	return res, c.setPrint(p, JobRequested, "")
}

func cancelPrints(c *change, cmd CancelPrints) (Result, error) {
	var list []string
	switch {
	case !validText(cmd.Reason, maxText):
		return Result{}, refuse(CodeInvalid, "reason")
	case (cmd.Job == "") == (cmd.Printer == ""):
		return Result{}, refuse(CodeInvalid, "a job or a printer")
	case cmd.Job != "":
		p, err := c.aPrint(cmd.Job)
		if err != nil {
			return Result{}, err
		}
		if p.State != JobRequested {
			return Result{}, refuse(CodeLabelState, "print is %s", p.State)
		}
		list = []string{p.ID}
	case !validID(cmd.Printer):
		return Result{}, refuse(CodeInvalid, "printer: a station")
	default:
		var err error
		if list, err = tails(c, under(kPrints, cmd.Printer), 0); err != nil {
			return Result{}, err
		}
	}
	n := 0
	for _, id := range list {
		p, err := must2(GetPrint(c, id))("print", id)
		if err != nil {
			return Result{}, err
		}
		if p.State != JobRequested {
			continue
		}
		n++
		if err := c.setPrint(p, JobCancelled, cmd.Reason); err != nil {
			return Result{}, err
		}
	}
	return Result{Ref: cmd.Job, Text: fmt.Sprintf("%d prints given up", n)}, nil
}
