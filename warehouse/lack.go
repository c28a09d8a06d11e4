package warehouse

import (
	"fmt"
	"time"
)

// Availability: why goods of an order are not here, and when there will be
// some. From level 4 on the OMS hears of each line that becomes short
// (order.unavailable), with one reason and the day on which the next announced
// delivery of the item is expected:
//
//	LOST          nobody finds it, it was stolen, or the book was wrong
//	DAMAGED       found damaged, set so, or scrapped
//	EXPIRED       what is here is past its date
//	QUARANTINED   what is here is quarantined
//	UNAVAILABLE   what is here may not be used now: quality check, a bin in
//	              doubt, used up, or the picker's own reason
//	OUT_OF_STOCK  there is none, or others have it
//
// The command that made the line short knows why: a short pick, an adjustment, a
// count, a change of status. Else the reason is what stands in the bins. The
// same reason and day are told once while the line is short.
//
// Deliveries are found by an index of what was announced from level 4 on; one
// without a date, or of which all has come, is passed over.

// Reasons why goods are not available, beside FalloutDamaged, FalloutExpired and
// FalloutOutOfStock.
const (
	LackLost        = "LOST"
	LackUnavailable = "UNAVAILABLE"
	LackQuarantined = "QUARANTINED"
)

const (
	lackTries = 50 // positions that are looked at for a reason
	dueTries  = 10 // deliveries that are looked at for a day
)

// lackOfPick is the reason that a short pick gives.
func lackOfPick(code string) string {
	switch code {
	case FalloutNotLocated:
		return LackLost
	case FalloutDamaged, FalloutExpired:
		return code
	case FalloutStockout:
		return FalloutOutOfStock
	}
	return LackUnavailable
}

// lackOfAdjust is the reason that an adjustment gives.
func lackOfAdjust(reason string) string {
	switch reason {
	case ReasonDamaged, ReasonScrapped, ReasonRejected:
		return FalloutDamaged
	case ReasonExpired:
		return FalloutExpired
	case ReasonConsumed:
		return LackUnavailable
	}
	return LackLost
}

// lackOfStatus is the reason that a status of stock gives, "" when it gives
// none.
func lackOfStatus(status string) string {
	switch status {
	case StatusDamaged:
		return FalloutDamaged
	case StatusQuarantined:
		return LackQuarantined
	case StatusQC:
		return LackUnavailable
	}
	return ""
}

// lacks says why what this command takes of an item is gone.
func (c *change) lacks(d demand, reason string) {
	if reason != "" && c.since(level4) {
		c.lack, c.lackWhy = d, reason
	}
}

// tellLack tells why qty units of a line are not here. The order is not saved.
func (c *change) tellLack(o *Order, l *LineState, qty int64, reason string) error {
	if !c.since(level4) {
		return nil
	}
	d := demand{l.SKU, o.Spec.Owner}
	if reason == "" && c.lack == d {
		reason = c.lackWhy
	}
	var err error
	if reason == "" {
		if reason, err = c.whyLack(d); err != nil {
			return err
		}
	}
	at, err := c.nextDue(d)
	if err != nil || l.Lack == reason && l.LackUntil == at {
		return err
	}
	l.Lack, l.LackUntil = reason, at
	text := fmt.Sprintf("%d of %s", qty, l.SKU)
	if at != 0 {
		text += ", expected " + time.UnixMilli(at).UTC().Format(time.DateOnly)
	}
	return c.emit(EvOrderUnavailable, o.Spec.ID, EventData{
		State: string(o.State), Revision: o.Spec.Revision, Source: o.Source, Born: c.bornOf(o),
		Code: reason, Line: l.Line, SKU: l.SKU, Qty: qty, Expected: at, Text: text,
	})
}

// forgetLack lets a line that is short no more be told of anew when it is short
// again.
func forgetLack(o *Order) {
	for i := range o.Lines {
		if l := &o.Lines[i]; l.Lack != "" && l.State != LineShort {
			l.Lack, l.LackUntil = "", 0
		}
	}
}

// whyLack looks at what stands of an item in the bins.
func (c *change) whyLack(d demand) (string, error) {
	it, err := must2(GetItem(c, d.sku))("item", d.sku)
	if err != nil {
		return "", err
	}
	found, tried := make(map[string]bool), 0 // looked up only
	err = c.Range(under(kStock, d.sku), func(k, b []byte) (bool, error) {
		place, s, err := parseStockKey(k)
		if err != nil || !isBinPlace(place) || s.owner != d.owner {
			return err == nil, err
		}
		row, err := decodeRecord[stockRow](k, b)
		if err != nil || row.Qty == row.Reserved {
			return err == nil, err
		}
		why := lackOfStatus(s.status)
		if s.status == StatusSellable {
			bad, err := isSuspect(c, bareCode(place), d.sku)
			switch {
			case err != nil:
				return false, err
			case !c.usable(it, row.Expiry):
				why = FalloutExpired
			case bad:
				why = LackUnavailable
			}
		}
		found[why] = true
		tried++
		return tried < lackTries, nil
	})
	for _, why := range []string{LackQuarantined, FalloutDamaged, FalloutExpired, LackUnavailable} {
		if found[why] {
			return why, err
		}
	}
	return FalloutOutOfStock, err
}

// markDue writes or removes the rows by which the next delivery of an item is
// found.
func (c *change) markDue(rc *Receipt, want bool) error {
	if rc == nil || rc.Expected <= 0 || !c.since(level4) {
		return nil
	}
	for _, l := range rc.Lines {
		if l.Extra {
			continue
		}
		if err := c.index(key(kDueIn, demand{l.SKU, rc.Owner}.row(), num(uint64(rc.Expected)), rc.ID), want); err != nil {
			return err
		}
	}
	return nil
}

// nextDue is when the next announced delivery of an item is expected, 0 when
// none is.
func (c *change) nextDue(d demand) (at int64, err error) {
	ids, err := tails(c, under(kDueIn, d.row()), dueTries)
	if err != nil {
		return 0, err
	}
	for _, id := range ids {
		rc, err := must2(GetReceipt(c, id))("receipt", id)
		if err != nil {
			return 0, err
		}
		for _, l := range rc.Lines {
			if l.SKU == d.sku && l.Received < l.Expected {
				return rc.Expected, nil
			}
		}
	}
	return 0, nil
}
