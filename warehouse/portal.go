package warehouse

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"tote/gs1"
)

// The portal: the tags that pass a dock door, compared with what was packed: the
// picked units of the order, or of one of several parcels its contents.

// tally counts units by SKU, in the order of the SKUs.
type tally []tagCount

type tagCount struct {
	sku string
	n   int64
}

func (t *tally) add(sku string, n int64) {
	i, found := slices.BinarySearchFunc(*t, sku, func(c tagCount, sku string) int { return strings.Compare(c.sku, sku) })
	if !found {
		*t = slices.Insert(*t, i, tagCount{sku: sku})
	}
	(*t)[i].n += n
}

// beyond is what t holds more than other.
func (t tally) beyond(other tally) tally {
	var more tally
	for _, c := range t {
		i, found := slices.BinarySearchFunc(other, c.sku, func(c tagCount, sku string) int { return strings.Compare(c.sku, sku) })
		if found {
			c.n -= other[i].n
		}
		if c.n > 0 {
			more = append(more, c)
		}
	}
	return more
}

func (t tally) sum() (n int64) {
	for _, c := range t {
		n += c.n
	}
	return n
}

// String reads "CUP 2, PEN 1".
func (t tally) String() string {
	words := make([]string, len(t))
	for i, c := range t {
		words[i] = fmt.Sprintf("%s %d", c.sku, c.n)
	}
	return strings.Join(words, ", ")
}

// passed is a pass, understood.
type passed struct {
	parcels []passedParcel
	got     tally    // tags of items
	strays  []string // tags of nothing known here
}

type passedParcel struct {
	order  *Order
	parcel *Parcel
}

// settled tells whether a parcel may leave through a portal.
func settled(p *Parcel) bool { return p.Verified || p.CheckedBy != "" }

func isRFIDFallout(f *Fallout) bool {
	return f.Code == FalloutRFIDMissing || f.Code == FalloutRFIDExtra
}

// readTag understands one reading: a URI or the hex of a tag. Its key is the
// same however often and in whatever form the tag was read. From level 4 on tags
// of other lengths than 96 bits are understood, which serials with letters need.
func (c *change) readTag(s string) (e gs1.EPC, key string) {
	var err error
	switch {
	case c.since(level4):
		e, err = gs1.ReadTag(s)
	case strings.HasPrefix(s, "urn:"):
		e, err = gs1.ParseEPCURI(s)
	default:
		e, err = gs1.DecodeEPC(s)
	}
	if err != nil {
		return gs1.EPC{}, strings.ToUpper(s)
	}
	return e, e.Key()
}

// readPass sorts the tags of a pass into parcels, items and strays, each tag
// once.
func (c *change) readPass(epcs []string) (*passed, error) {
	type tag struct {
		key string
		epc gs1.EPC
	}
	tags := make([]tag, 0, len(epcs))
	for _, s := range epcs {
		e, k := c.readTag(s)
		tags = append(tags, tag{k, e})
	}
	slices.SortFunc(tags, func(a, b tag) int { return strings.Compare(a.key, b.key) })
	tags = slices.CompactFunc(tags, func(a, b tag) bool { return a.key == b.key })
	p := &passed{}
	for _, t := range tags {
		known, err := c.place(p, t.epc)
		if err != nil {
			return nil, err
		}
		if !known {
			p.strays = append(p.strays, t.key)
		}
	}
	return p, nil
}

// place notes one tag; false when nothing here has it.
func (c *change) place(p *passed, e gs1.EPC) (bool, error) {
	switch e.Scheme {
	case gs1.SchemeSSCC:
		o, parcel, err := c.parcel(e.SSCC)
		// What left without a portal is no parcel of this site any more.
		if err != nil || o == nil || (o.State == OrderShipped || parcel.DepartedAt != 0) && !settled(parcel) {
			return false, err
		}
		p.parcels = append(p.parcels, passedParcel{o, parcel})
		return true, nil
	case gs1.SchemeSGTIN:
		sku, err := c.Get(codeKey(e.GTIN))
		if err != nil || sku == nil {
			return false, err
		}
		p.got.add(string(sku), 1)
		return true, nil
	}
	return false, nil
}

// expected is what must and what may be seen of a parcel: every unit of a tagged
// item must, tags on other goods prove nothing.
func (c *change) expected(o *Order, p *Parcel, must, may *tally) error {
	for _, g := range o.goodsIn(p) {
		it, err := must2(GetItem(c, g.SKU))("item", g.SKU)
		if err != nil {
			return err
		}
		may.add(g.SKU, g.Qty)
		if it.Tagged && must != nil {
			must.add(g.SKU, g.Qty)
		}
	}
	return nil
}

// MaxPassTags is the most tags of one pass from level 5 on: of a pallet of small
// goods. So many of the longest fit into a command, and into what one may write.
const MaxPassTags = 1500

func (c *change) mostTags() int {
	if c.since(level5) {
		return MaxPassTags
	}
	return maxEPCs
}

func portalPass(c *change, cmd PortalPass) (Result, error) {
	site, err := c.theSite()
	if err != nil {
		return Result{}, err
	}
	res := Result{Ref: cmd.Dock}
	switch {
	case !slices.Contains(site.Portals, cmd.Dock):
		return res, refuse(CodeInvalid, "dock %q has no portal", cmd.Dock)
	case len(cmd.EPCs) > c.mostTags():
		return res, refuse(CodeInvalid, "%d tags, the most is %d", len(cmd.EPCs), c.mostTags())
	}
	for i, s := range cmd.EPCs {
		if s == "" || len(s) > maxBarcode {
			return res, refuse(CodeInvalid, "tag %d has %d bytes", i+1, len(s))
		}
	}
	if why := cmd.check(); why != "" {
		return res, refuse(CodeInvalid, "%s", why)
	}
	epcs, err := c.oneDoor(site, cmd)
	if err != nil {
		return res, err
	}
	c.touch("dock", cmd.Dock)
	if cmd.Way == WayIn {
		return res, c.cameIn(epcs, &res)
	}
	p, err := c.readPass(epcs)
	if err != nil {
		return res, err
	}
	err = c.judge(cmd.Dock, p, &res)
	var no *refusal
	if len(cmd.RSSI) > 0 && errors.As(err, &no) && no.keep {
		if bad := c.noteStrays(cmd.Dock, p); bad != nil {
			return res, bad
		}
	}
	return res, err
}

// judge compares a pass with what was packed. With several parcels at once only
// their sum can be compared.
func (c *change) judge(dock string, p *passed, res *Result) error {
	var needed, allowed tally
	var open []passedParcel // still to be proven
	var astray []string
	for _, pp := range p.parcels {
		if at := pp.parcel.Dock; c.since(level5) && at != "" && at != dock && pp.parcel.DepartedAt == 0 && pp.order.State != OrderShipped {
			// It goes out by another door than its truck stands at. What is in
			// it goes along, and proves nothing here.
			if err := c.wrongDoor(dock, pp, &allowed); err != nil {
				return err
			}
			astray = append(astray, fmt.Sprintf("%s is of dock %s", pp.parcel.SSCC, at))
			continue
		}
		// A verified parcel has to show its tags again, or they could
		// stand for those of another one. One let go by hand need not.
		need := &needed
		if pp.parcel.CheckedBy != "" {
			need = nil
		}
		if !settled(pp.parcel) {
			open = append(open, pp)
		}
		if err := c.expected(pp.order, pp.parcel, need, &allowed); err != nil {
			return err
		}
	}
	missing, extra := needed.beyond(p.got), p.got.beyond(allowed)
	strays := int64(len(p.strays))
	if len(open) == 0 {
		// No parcel to blame: nothing is owed, and what is too much is
		// nobody's.
		if len(extra) > 0 {
			p.strays = append(p.strays, extra.String())
			strays += extra.sum()
		}
		missing, extra = nil, nil
	}
	for _, pp := range open {
		if err := c.prove(dock, pp, missing, extra, len(p.parcels)); err != nil {
			return err
		}
	}
	facts := astray
	if len(missing) > 0 {
		facts = append(facts, "missing "+missing.String())
	}
	if len(extra) > 0 {
		facts = append(facts, "extra "+extra.String())
	}
	if strays > 0 {
		text := cleanText(strings.Join(p.strays, ", "))
		facts = append(facts, "unknown "+text)
		if err := c.strayFallout(dock, Fallout{Code: FalloutRFIDExtra, Qty: strays, Detail: text}); err != nil {
			return err
		}
	}
	if len(p.parcels) == 1 {
		res.Ref = p.parcels[0].parcel.SSCC
	}
	switch {
	case len(missing) > 0:
		return refuseKeep(FalloutRFIDMissing, "%s", strings.Join(facts, "; "))
	case len(facts) > 0:
		return refuseKeep(FalloutRFIDExtra, "%s", strings.Join(facts, "; "))
	}
	res.Text = fmt.Sprintf("%d parcels, %d tags of items", len(p.parcels), p.got.sum())
	return nil
}

// prove makes the outcome of a pass a fact of one parcel: verified, or parked
// with what is wrong.
func (c *change) prove(dock string, pp passedParcel, missing, extra tally, together int) error {
	o := pp.order
	pp.parcel.Verified = len(missing) == 0 && len(extra) == 0
	for _, x := range []struct {
		code string
		what tally
	}{{FalloutRFIDMissing, missing}, {FalloutRFIDExtra, extra}} {
		if len(x.what) == 0 {
			if err := c.clearFallouts(o, "portal", func(f *Fallout) bool { return f.Code == x.code && f.about(pp.parcel.SSCC) }); err != nil {
				return err
			}
			continue
		}
		text := x.what.String()
		if together > 1 {
			text = fmt.Sprintf("%d parcels in one pass: %s", together, text)
		}
		err := c.setFallout(o, Fallout{
			Code: x.code, Qty: x.what.sum(), Detail: cleanText(text), Dock: dock, LU: pp.parcel.SSCC,
		})
		if err != nil {
			return err
		}
	}
	return c.saveOrder(o)
}

// Unseen is a parcel on a truck that its portal has not proven.
type Unseen struct {
	SSCC  string `json:"sscc"`
	Order string `json:"order"`
	Why   string `json:"why"` // for a person
}

// Unverified lists the parcels loaded at a dock with a portal that must not
// leave yet; none at a dock without.
func Unverified(r Reader, dock string) ([]Unseen, error) {
	site, err := GetSite(r)
	if err != nil || site == nil || !slices.Contains(site.Portals, dock) {
		return nil, err
	}
	parcels, err := LoadedAt(r, dock)
	if err != nil {
		return nil, err
	}
	c := newChange(r, Meta{}, "")
	var out []Unseen
	for _, sscc := range parcels {
		o, p, err := c.parcel(sscc)
		if err == nil && o == nil {
			err = fmt.Errorf("%w: parcel %s is missing", ErrCorrupt, sscc)
		}
		if err != nil {
			return nil, err
		}
		if settled(p) {
			continue
		}
		fs, err := c.falloutsOf(o)
		if err != nil {
			return nil, err
		}
		var why []string
		for _, f := range fs {
			if !f.about(sscc) {
				continue
			}
			switch f.Code {
			case FalloutRFIDMissing:
				why = append(why, "missing "+f.Detail)
			case FalloutRFIDExtra:
				why = append(why, "extra "+f.Detail)
			}
		}
		if len(why) == 0 {
			why = []string{"not seen"}
		}
		out = append(out, Unseen{sscc, o.Spec.ID, strings.Join(why, ", ")})
	}
	return out, nil
}
