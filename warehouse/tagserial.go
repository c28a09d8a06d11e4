package warehouse

import (
	"fmt"
	"slices"
	"strings"
)

// Units with serials that come in many at a time, from level 4 on.
//
//   - By tag: a tag of an item with serials is one unit, and the serial number of
//     its SGTIN is that of the unit. Each tag is booked by itself. One that cannot
//     be is left out and the others are booked all the same: the answer is the
//     code of the first, it and TagReport.Refused name them, and the next BookTags
//     tries them again. That is a serial that is here already (CONFLICT), also
//     because two tags say the same; one that was reported stolen; and a tag that
//     says no serial (WRONG_SERIAL).
//   - By unit: who receives a whole logistic unit gives the serials with it, one
//     for each piece. All of them are booked or nothing is.
//
// What was booked by tag is marked on the tag: units change their place, and the
// sum of a line does not say which of them came. A thousand units are more than
// one command may write: it goes on with the next one, and the answer's Ref is
// RefMore until all are looked at.

// What is known of a tag of a receipt beside tagExpected and tagSeen.
const (
	tagBooked  = 4 // as a unit with its serial
	tagRefused = 8 // its unit could not be booked the last time
)

// maxUnitSerials bounds the serials of one received unit, all of which are booked
// by one command.
const maxUnitSerials = 100

// UnitSerial is the serial of one piece of an item.
type UnitSerial struct {
	SKU    string `cbor:"1,keyasint" json:"sku"`
	Serial string `cbor:"2,keyasint" json:"serial"`
}

// taggedUnit is a tag of a unit with a serial that is to be booked.
type taggedUnit struct {
	tag, sku, serial string
	what             byte
}

// taggedSerial is the unit of a tag, nil when its item has no serials.
func (c *change) taggedSerial(tag, sku string, what byte) (*taggedUnit, error) {
	if !c.since(level4) {
		return nil, nil
	}
	it, err := must2(c.lastItem.load(c, key(kItem, sku)))("item", sku)
	if err != nil || !it.Serials {
		return nil, err
	}
	if it.LotTracked {
		return nil, refuse(CodeWrongLot, "item %s needs a lot: receive it by hand", sku)
	}
	e, _ := c.readTag(tag)
	return &taggedUnit{tag: tag, sku: sku, serial: e.Serial, what: what}, nil
}

// bookUnits books units one by one, as many as fit the command. It tells how
// many were booked, and how many are left for the next one. The error is a
// refusal that is kept when a unit could not be booked.
func (c *change) bookUnits(rc *Receipt, units []taggedUnit) (booked int64, left int, err error) {
	var first *refusal
	var names []string
	for i := range units {
		u := &units[i]
		if c.over(receiveKeys, receiveBytes) {
			left = len(units) - i
			break
		}
		no, err := c.whyNoUnit(u)
		if err != nil {
			return 0, 0, err
		}
		what := u.what&^tagRefused | tagBooked
		if no != nil {
			if names = append(names, u.serial+" of "+u.sku); first == nil {
				first = no
			}
			what = u.what | tagRefused
		} else if err := c.bookTagged(rc, arrival{sku: u.sku, serial: u.serial, qty: 1}); err != nil {
			return 0, 0, err
		} else {
			booked++
		}
		if what == u.what {
			continue
		}
		if err := c.Set(key(kRTag, rc.ID, u.tag), []byte{what}); err != nil {
			return 0, 0, err
		}
	}
	if first == nil {
		return booked, left, nil
	}
	text := first.text
	if len(names) > 1 {
		text = fmt.Sprintf("%s; %d in all: %s", text, len(names), strings.Join(names, ", "))
	}
	return booked, left, refuseKeep(first.code, "%s", text)
}

// whyNoUnit is why a tagged unit cannot come in, nil when it can. It is asked
// before anything of the unit is written.
func (c *change) whyNoUnit(u *taggedUnit) (*refusal, error) {
	if !validBarcode(u.serial) {
		return &refusal{code: CodeWrongSerial, text: "tag " + u.tag + " says no serial"}, nil
	}
	stolen, err := c.Get(key(kStolen, u.serial, u.sku))
	if err != nil {
		return nil, err
	}
	if stolen != nil {
		return &refusal{code: CodeStolen, text: fmt.Sprintf("serial %s of %s was reported stolen", u.serial, u.sku)}, nil
	}
	at, err := c.serialAt(u.sku, u.serial)
	if err != nil || at == nil {
		return nil, err
	}
	return &refusal{code: CodeConflict, text: fmt.Sprintf("serial %s of %s is here already: in %s", u.serial, u.sku, at.place)}, nil
}

// checkUnitSerials looks at the serials given with a unit.
func checkUnitSerials(list []UnitSerial) error {
	if len(list) > maxUnitSerials {
		return refuse(CodeTooBig, "%d serials, the most is %d: receive the units by hand or by tag", len(list), maxUnitSerials)
	}
	for i, s := range list {
		if !validID(s.SKU) || !validBarcode(s.Serial) {
			return refuse(CodeInvalid, "serial %d", i+1)
		}
		if slices.Contains(list[:i], s) {
			return refuse(CodeConflict, "serial %s of %s is given twice", s.Serial, s.SKU)
		}
	}
	return nil
}

// unitWithSerials books the lines of a unit whose items have serials. They come
// before the others, so that a unit that is more than one command may write has
// them behind it when it is scanned again.
func (c *change) unitWithSerials(rc *Receipt, code string, given []UnitSerial) (booked int, err error) {
	if len(given) == 0 {
		return 0, nil
	}
	open := false
	for _, l := range slices.Clone(rc.Lines) {
		if l.LU != code || l.Extra || l.Received >= l.Expected {
			continue
		}
		it, err := must2(GetItem(c, l.SKU))("item", l.SKU)
		if err != nil {
			return 0, err
		}
		if !it.Serials {
			continue
		}
		open = true
		a, err := c.unitArrival(it, &l)
		if err != nil {
			return 0, err
		}
		want := a.qty
		a.qty = 1
		for ; want > 0; want-- {
			i := slices.IndexFunc(given, func(s UnitSerial) bool { return s.SKU == l.SKU })
			if i < 0 {
				return 0, refuse(CodeWrongSerial, "line %d: %d pieces of %s and serials for %d of them", l.Line, l.Expected-l.Received, l.SKU, l.Expected-l.Received-want)
			}
			a.serial = given[i].Serial
			given = slices.Delete(slices.Clone(given), i, i+1)
			if err := c.book(rc, a, false); err != nil {
				return 0, err
			}
		}
		booked++
	}
	if open && len(given) > 0 {
		return 0, refuse(CodeWrongSerial, "serial %s of %s: no piece of the unit is left for it", given[0].Serial, given[0].SKU)
	}
	return booked, nil
}
