package warehouse

import (
	"fmt"
	"slices"
	"strings"

	"tote/gs1"
)

// What a portal says of the way, from level 5 on:
//
//   - Out, or untold: what goes is compared with what was packed (portal.go). A
//     parcel that was loaded at another dock goes by the wrong door: it is a fallout,
//     and its own truck does not leave as if it were on it.
//   - In: nothing is compared with shipments. A loaded parcel that comes back in is
//     on no truck: it must go out again to be verified. Tags of items are noted as
//     seen with the deliveries whose units came in the same pass, so that these can
//     be compared with what was announced (ReceiptTags: missing and extra) and
//     booked (BookTags). Tags nobody knows are the supplier's, and no fallout.
//   - A unit with an SSCC that one open delivery announces is received by UnitCameIn
//     when the dock is one that receives; one that two announce is received by hand. Which docks do is configuration of their
//     gateways: a pass alone books nothing.

// Ways of a pass.
const (
	WayIn  = "in"  // into the warehouse
	WayOut = "out" // out of it
)

// mostReceipts bounds how many open deliveries are searched for a unit.
const mostReceipts = 200

// maxPassMs bounds the time of one pass: longer than that nobody knows what went.
const maxPassMs = 3_600_000

// check says what is wrong with the fields of the second version.
func (p PortalPass) check() string {
	switch {
	case p.Way != "" && p.Way != WayIn && p.Way != WayOut:
		return `way: "in", "out" or none`
	case p.From < 0 || p.To < p.From || p.To-p.From > maxPassMs:
		return "times of the pass"
	case len(p.RSSI) > 0 && (len(p.RSSI) != len(p.EPCs) || p.To == 0):
		return "strengths: one for each tag, and the times of the pass"
	case slices.ContainsFunc(p.RSSI, func(dBm int) bool { return dBm < -128 || dBm > 0 }):
		return "strengths: -128 to 0 dBm"
	}
	return ""
}

// wrongDoor notes a parcel that goes out where its truck does not stand.
func (c *change) wrongDoor(dock string, pp passedParcel, allowed *tally) error {
	if err := c.expected(pp.order, pp.parcel, nil, allowed); err != nil {
		return err
	}
	pp.parcel.Verified = false
	err := c.setFallout(pp.order, Fallout{
		Code: FalloutRFIDExtra, Qty: 1, Dock: dock, LU: pp.parcel.SSCC,
		Detail: cleanText(fmt.Sprintf("loaded at dock %s, went out at %s", pp.parcel.Dock, dock)),
	})
	if err != nil {
		return err
	}
	return c.saveOrder(pp.order)
}

// cameIn makes facts of what came in.
func (c *change) cameIn(epcs []string, res *Result) error {
	var units, items []string
	strays := 0
	for _, s := range epcs {
		switch e, key := c.readTag(s); e.Scheme {
		case gs1.SchemeSSCC:
			units = append(units, e.SSCC)
		case gs1.SchemeSGTIN:
			items = append(items, key)
		default:
			strays++
		}
	}
	for _, l := range []*[]string{&units, &items} {
		slices.Sort(*l)
		*l = slices.Compact(*l)
	}
	by, _, err := c.announcing(units)
	if err != nil {
		return err
	}
	var back, receipts []string
	for _, sscc := range units {
		o, p, err := c.parcel(sscc)
		if err != nil {
			return err
		}
		if o != nil && o.State != OrderShipped && p.DepartedAt == 0 {
			if p.Verified {
				p.Verified = false
				if err := c.saveOrder(o); err != nil {
					return err
				}
			}
			back = append(back, sscc)
			continue
		}
		if rc := announcer(by[sscc], sscc); rc != nil && !slices.Contains(receipts, rc.ID) {
			receipts = append(receipts, rc.ID)
		}
	}
	facts := []string{fmt.Sprintf("%d units, %d tags of items", len(units), len(items))}
	if len(back) > 0 {
		facts = append(facts, "back in: "+strings.Join(back, ", "))
	}
	if strays > 0 {
		facts = append(facts, fmt.Sprintf("%d other tags", strays))
	}
	slices.Sort(receipts)
	for _, id := range receipts {
		text, err := c.seenWith(id, items)
		if err != nil {
			return err
		}
		facts = append(facts, text)
	}
	if len(receipts) == 1 {
		res.Ref = receipts[0]
	}
	res.Text = strings.Join(facts, "; ")
	return nil
}

// seenWith notes tags of items with a delivery whose unit came along, those it has
// room for, and says how they compare with what was announced.
func (c *change) seenWith(receipt string, items []string) (string, error) {
	rc, err := must2(GetReceipt(c, receipt))("receipt", receipt)
	if err != nil {
		return "", err
	}
	if room := maxTags - rc.Tags; len(items) > room {
		items = items[:max(room, 0)]
	}
	if c.over(receiveKeys, receiveBytes) {
		// Units of many deliveries in one pass: the tags are noted with the first ones.
		return fmt.Sprintf("receipt %s: the tags were not noted with it, too many", receipt), nil
	}
	if len(items) > 0 {
		if rc, err = c.openReceiptOf(receipt); err != nil {
			return "", err
		}
		if _, err := c.noteTags(rc, items, tagSeen); err != nil {
			return "", err
		}
	}
	rep, err := ReceiptTags(c, receipt)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("receipt %s: %d tags missing, %d extra", receipt, len(rep.Missing), len(rep.Extra)), nil
}

// announcing are the open deliveries that announce some units, by unit, of the first
// mostReceipts; part tells that there are more of those. Each delivery is read once,
// however many units are asked for.
func (c *change) announcing(units []string) (by map[string][]*Receipt, part bool, err error) {
	by = map[string][]*Receipt{}
	if len(units) == 0 {
		return by, false, nil
	}
	for _, sscc := range units {
		by[sscc] = nil
	}
	ids, err := tails(c, under(kReceipts), mostReceipts+1)
	if err != nil {
		return nil, false, err
	}
	if part = len(ids) > mostReceipts; part {
		ids = ids[:mostReceipts]
	}
	for _, id := range ids {
		rc, err := must2(GetReceipt(c, id))("receipt", id)
		if err != nil {
			return nil, false, err
		}
		for _, l := range rc.Lines {
			all, asked := by[l.LU]
			if asked && !slices.Contains(all, rc) {
				by[l.LU] = append(all, rc)
			}
		}
	}
	return by, part, nil
}

// announcer is the delivery that a unit counts for: the first that still expects
// something of it, else the first; nil for none.
func announcer(all []*Receipt, sscc string) *Receipt {
	for _, rc := range all {
		if unitOpen(rc, sscc) > 0 {
			return rc
		}
	}
	if len(all) == 0 {
		return nil
	}
	return all[0]
}

// AnnouncedUnits are those tags, in their order, of units that an open delivery may
// announce: what else comes in at a door is nothing that could be received.
func AnnouncedUnits(r Reader, tags []string) ([]string, error) {
	c := newChange(r, Meta{Level: Level}, "")
	var units []string
	of := map[string]string{} // SSCC by tag
	for _, tag := range tags {
		if e, _ := c.readTag(tag); e.Scheme == gs1.SchemeSSCC {
			units, of[tag] = append(units, e.SSCC), e.SSCC
		}
	}
	by, part, err := c.announcing(units)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, tag := range tags {
		if sscc := of[tag]; sscc != "" && (part || len(by[sscc]) > 0) {
			out = append(out, tag)
		}
	}
	return out, nil
}

// unitCameIn receives a unit by its tag.
func unitCameIn(c *change, cmd UnitCameIn) (Result, error) {
	site, err := c.theSite()
	if err != nil {
		return Result{}, err
	}
	switch {
	case !slices.Contains(site.Portals, cmd.Dock):
		return Result{Ref: cmd.Dock}, refuse(CodeInvalid, "dock %q has no portal", cmd.Dock)
	case cmd.Tag == "" || len(cmd.Tag) > maxBarcode:
		return Result{Ref: cmd.Dock}, refuse(CodeInvalid, "tag of %d bytes", len(cmd.Tag))
	}
	e, _ := c.readTag(cmd.Tag)
	if e.Scheme != gs1.SchemeSSCC {
		return Result{Ref: cmd.Dock}, refuse(CodeUnknownSSCC, "%s is no SSCC", cmd.Tag)
	}
	by, part, err := c.announcing([]string{e.SSCC})
	all := by[e.SSCC]
	switch {
	case err != nil:
		return Result{}, err
	case len(all) == 0 && part:
		return Result{Ref: cmd.Dock}, refuse(CodeUnknownSSCC, "none of the first %d open receipts announces unit %s: receive it by hand", mostReceipts, e.SSCC)
	case len(all) == 0:
		return Result{Ref: cmd.Dock}, refuse(CodeUnknownSSCC, "no open receipt announces unit %s", e.SSCC)
	case len(all) > 1:
		// A second notice of the same goods, or the rest of a pallet: a door that
		// guessed would book what is not there the next time the unit passes.
		return Result{Ref: cmd.Dock}, refuse(CodeConflict, "receipts %s and %s announce unit %s: receive it by hand", all[0].ID, all[1].ID, e.SSCC)
	}
	c.touch("dock", cmd.Dock)
	return receiveUnit(c, ReceiveUnit{Receipt: all[0].ID, LU: e.SSCC})
}
