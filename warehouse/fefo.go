package warehouse

import "strings"

// First expired, first out, and people who do otherwise.
//
// Where the site wants it (Site.LotSecond) a lot is taken out of turn only with
// the badge of a second person, and what both did is in the log of decisions:
//
//   - by a picker (ChangeLot, skip.go): a lot that ends later than the one asked
//     for;
//   - by a person who moves goods (AskMove, MoveStock; from level 4 on): a lot that
//     may be sold, while one of the same item and owner that ends earlier is free
//     in the same place.
//
// Nobody is asked for the rest. A scan of another lot than the one asked for is
// refused at the pick, the put-away, the put-back and the replenishment alike, so
// what these take is what the system chose; it chooses by the policy of the item,
// as it does for robots. A unit with a serial is changed for one of the same lot.
// Putting goods away takes none, and a lot that is scrapped, set apart or counted
// is not sold instead of another one; a limit of its own watches those.

// inTurn asks for the second person where goods are moved out of turn from where
// they are, and notes who it was.
func (c *change) inTurn(from position, qty int64, second string) error {
	site, err := c.theSite()
	if err != nil || !site.LotSecond || !c.since(level4) || from.status != StatusSellable || from.lot == "" {
		return err
	}
	lot, expiry, err := c.earlierLot(from)
	if err != nil || lot == "" {
		return err
	}
	if second == "" {
		return refuse(CodeSecondPerson, "lot %s ends %s, before lot %s", lot, expiry, cleanText(from.lot))
	}
	person, err := c.person()
	if err != nil {
		return err
	}
	first := person[strings.LastIndexByte(person, '/')+1:]
	who, err := c.anotherPerson(second, first)
	if err != nil {
		return err
	}
	d := Decision{SKU: from.sku, Qty: qty, Detail: cleanText("lot " + from.lot + " before " + lot + ", by " + first + " and " + who)}
	if isBinPlace(from.place) {
		d.Bin = bareCode(from.place)
	}
	return c.noteAct(d)
}

// earlierLot is the lot that should be taken from a place instead, "" when there
// is none: one that is free, may be sold and ends first of all.
func (c *change) earlierLot(from position) (lot, expiry string, err error) {
	mine, err := lotExpiry(c, from.sku, from.lot)
	if err != nil {
		return "", "", err
	}
	it, err := must2(GetItem(c, from.sku))("item", from.sku)
	if err != nil {
		return "", "", err
	}
	err = c.Range(under(kStock, from.sku, from.place), func(k, b []byte) (bool, error) {
		_, s, err := parseStockKey(k)
		if err != nil || s.lot == from.lot || s.owner != from.owner || s.status != StatusSellable {
			return err == nil, err
		}
		row, err := decodeRecord[stockRow](k, b)
		if err != nil {
			return false, err
		}
		sooner := outOfTurn(row.Expiry, mine) && (lot == "" || row.Expiry < expiry)
		if sooner && row.Qty > row.Reserved && c.usable(it, row.Expiry) {
			lot, expiry = s.lot, row.Expiry
		}
		return true, nil
	})
	return lot, expiry, err
}
