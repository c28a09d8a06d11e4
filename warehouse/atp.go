package warehouse

import (
	"fmt"
	"strings"
	"time"
)

// Available to promise: what the OMS may sell, told by item and owner. Its rules:
//
//   - Nothing is told unless Site.ATPEveryMs is set. Then whatever changes the
//     balance of an item marks it, and at most every so many milliseconds the
//     marked items are told, each once (stock.atp): a thousand picks between two
//     rounds are one event. What is the same as last time is not told.
//   - Available is what the allocator would find now: sellable, free, not past
//     its days, in no suspect bin. When a lot comes of age without a move, its
//     item is marked by an alarm.
//   - At or below the item's reorder point it is told once (stock.low) with the
//     quantity that fills it up again, and not again until it was above it.
//
// Levels are counted from the balances when they are told, so that nothing can
// drift away from the ledger. A round ends when it has written or read enough;
// what is left is still due.

// StockLevels is how much there is of an item of one owner.
type StockLevels struct {
	OnHand    int64 `cbor:"1,keyasint" json:"onHand"`    // in the house, whatever its status
	Reserved  int64 `cbor:"2,keyasint" json:"reserved"`  // of that, kept for work
	Available int64 `cbor:"3,keyasint" json:"available"` // what an order would get now
	InTransit int64 `cbor:"4,keyasint" json:"inTransit"` // announced and not here yet
	Min       int64 `cbor:"5,keyasint" json:"min"`       // the rules of the item
	Max       int64 `cbor:"6,keyasint" json:"max"`       //
	Reorder   int64 `cbor:"7,keyasint" json:"reorderAt"` // reorder point; 0 = none
}

// levelsRecord is what was told last of a demand.
type levelsRecord struct {
	Levels StockLevels `cbor:"1,keyasint"`
	Low    bool        `cbor:"2,keyasint,omitempty"` // told, and not above the reorder point since
	Wake   int64       `cbor:"3,keyasint,omitempty"` // alarm of the next lot that comes of age
	To     string      `cbor:"4,keyasint,omitempty"` // the upstream that was told
}

// atpHead is where the rounds stand.
type atpHead struct {
	Last int64 `cbor:"1,keyasint,omitempty"` // the newest round
	Due  int64 `cbor:"2,keyasint,omitempty"` // the alarm of the next one; 0 = none
	// Sweep: all items are to be told once, those behind From are left.
	Sweep bool   `cbor:"3,keyasint,omitempty"`
	From  string `cbor:"4,keyasint,omitempty"`
}

const (
	maxATPEveryMs = 24 * 3600 * 1000
	atpRows       = 20_000 // balances one round reads
	atpSweep      = 50     // items one round of a sweep marks
)

// atpOn tells whether levels are told.
func (c *change) atpOn() (bool, error) {
	if c.site != nil {
		return c.site.ATPEveryMs > 0, nil
	}
	s, err := GetSite(c)
	if err != nil || s == nil {
		return false, err
	}
	c.site = s
	return s.ATPEveryMs > 0, nil
}

// markATP notes that the levels of a demand may have changed.
func (c *change) markATP(d demand) error {
	if on, err := c.atpOn(); err != nil || !on {
		return err
	}
	k := key(kATP, d.row())
	b, err := c.Get(k)
	if err != nil || b != nil {
		return err
	}
	if err := c.Set(k, set); err != nil {
		return err
	}
	h, err := c.atpHead()
	if err != nil || h.Due != 0 {
		return err
	}
	return c.dueATP(h, max(c.meta.Now, h.Last+c.site.ATPEveryMs))
}

func (c *change) atpHead() (*atpHead, error) {
	h, err := load[atpHead](c, key(kATPHead))
	if err == nil && h == nil {
		h = &atpHead{}
	}
	return h, err
}

// dueATP sets the moment of the next round.
func (c *change) dueATP(h *atpHead, at int64) error {
	if err := c.setAlarm(alarmATP, "site", h.Due, at); err != nil {
		return err
	}
	h.Due = at
	return save(c, key(kATPHead), h)
}

// markReceipt marks what a delivery brings, when it is announced or over.
func (c *change) markReceipt(rc *Receipt) error {
	on, err := c.atpOn()
	if err != nil || !on || rc.Since != c.meta.Now {
		return err
	}
	for _, l := range rc.Lines {
		if err := c.markATP(demand{l.SKU, rc.Owner}); err != nil {
			return err
		}
	}
	return nil
}

// markRules marks an item whose rules changed, for all of its owners. old is nil
// for a new item, of which nothing needs to be told unless more is to be asked
// for.
func (c *change) markRules(old, it *Item) error {
	on, err := c.atpOn()
	if err != nil || !on || old == nil && it.Reorder == 0 {
		return err
	}
	if old != nil && old.Min == it.Min && old.Max == it.Max && old.Reorder == it.Reorder && old.MinDays == it.MinDays {
		return nil
	}
	return c.markOwners(it.SKU)
}

// markOwners marks an item for all of its owners.
func (c *change) markOwners(sku string) error {
	on, err := c.atpOn()
	if err != nil || !on {
		return err
	}
	owners := []string{""}
	prefix := under(kLevels, sku)
	err = c.Range(prefix, func(k, _ []byte) (bool, error) {
		if o := string(k[len(prefix):]); o != "" {
			owners = append(owners, o)
		}
		return true, nil
	})
	for _, o := range owners {
		if err == nil {
			err = c.markATP(demand{sku, o})
		}
	}
	return err
}

// markHolders marks an item for the owners that have some of it.
func (c *change) markHolders(sku string) error {
	if err := c.markOwners(sku); err != nil {
		return err
	}
	seen := map[string]bool{"": true} // looked up, never ranged over
	return c.Range(under(kStock, sku), func(k, _ []byte) (bool, error) {
		_, s, err := parseStockKey(k)
		if err != nil || seen[s.owner] {
			return err == nil, err
		}
		seen[s.owner] = true
		return true, c.index(key(kATP, demand{sku, s.owner}.row()), true)
	})
}

// switchATP follows a change of Site.ATPEveryMs: switched on, every item is told
// once; switched off, what is marked is forgotten with the next round.
func (c *change) switchATP(was, now int64) error {
	if was > 0 || now == 0 {
		return nil
	}
	h, err := c.atpHead()
	if err != nil {
		return err
	}
	h.Sweep, h.From = true, ""
	return c.dueATP(h, max(c.meta.Now, h.Last+now))
}

// tellLevels is one round.
func (c *change) tellLevels() error {
	h, err := c.atpHead()
	if err != nil {
		return err
	}
	rows, err := tails(c, under(kATP), 0)
	if err != nil {
		return err
	}
	on, err := c.atpOn()
	if err != nil {
		return err
	}
	transit, err := c.inTransit(on && len(rows) > 0)
	if err != nil {
		return err
	}
	read, at := 0, 0
	for ; at < len(rows) && read < atpRows && !c.over(leaseKeys, leaseBytes); at++ {
		if err := c.Delete(key(kATP, rows[at])); err != nil {
			return err
		}
		if !on {
			continue
		}
		n, err := c.tellLevel(demandOf(rows[at]), transit[rows[at]])
		if err != nil {
			return err
		}
		read += n
	}
	left := at < len(rows)
	if on && !left && h.Sweep {
		// What it marks is told by the next round, at once.
		if err := c.sweepATP(h); err != nil {
			return err
		}
		left = true
	}
	if on && !left {
		if err := c.tellOffers(); err != nil {
			return err
		}
	}
	h.Last = c.meta.Now
	next := int64(0)
	if left {
		next = c.meta.Now
	}
	return c.dueATP(h, next)
}

// sweepATP marks the next items.
func (c *change) sweepATP(h *atpHead) error {
	var marks []string
	prefix := under(kItem)
	err := c.Range(prefix, func(k, _ []byte) (bool, error) {
		if sku := string(k[len(prefix):]); sku > h.From {
			marks = append(marks, sku)
		}
		return len(marks) < atpSweep, nil
	})
	if err != nil {
		return err
	}
	ups, err := c.upstreams()
	if err != nil {
		return err
	}
	for _, sku := range marks {
		if err := c.index(key(kATP, sku), true); err != nil {
			return err
		}
		h.From = sku
		if len(ups) == 0 {
			continue
		}
		// An owner may have got another OMS.
		if err := c.markHolders(sku); err != nil {
			return err
		}
	}
	if len(marks) < atpSweep {
		h.Sweep, h.From = false, ""
	}
	return nil
}

// inTransit is what open deliveries still bring, by demand.
func (c *change) inTransit(want bool) (map[string]int64, error) {
	sum := make(map[string]int64)
	if !want {
		return sum, nil
	}
	open, err := named(c, under(kReceipts), 0, GetReceipt, "receipt")
	if err != nil {
		return nil, err
	}
	for _, rc := range open {
		for _, l := range rc.Lines {
			if l.Expected > l.Received {
				sum[demand{l.SKU, rc.Owner}.row()] += l.Expected - l.Received
			}
		}
	}
	return sum, nil
}

// tellLevel tells one demand and returns how many balances it read.
func (c *change) tellLevel(d demand, transit int64) (int, error) {
	it, err := must2(GetItem(c, d.sku))("item", d.sku)
	if err != nil {
		return 0, err
	}
	now, wake, read, err := c.levels(it, d.owner)
	if err != nil {
		return read, err
	}
	now.InTransit = transit
	k := key(kLevels, d.sku, d.owner)
	old, err := load[levelsRecord](c, k)
	if err != nil {
		return read, err
	}
	to, err := c.ownedBy(d.owner)
	if err != nil {
		return read, err
	}
	rec := levelsRecord{Levels: now, Wake: wake, To: to}
	if old != nil {
		if err := c.setAlarm(alarmLevels, d.row(), old.Wake, 0); err != nil {
			return read, err
		}
		rec.Low = old.Low
	} else {
		old = &levelsRecord{Levels: StockLevels{OnHand: -1}} // told never
	}
	if err := c.setAlarm(alarmLevels, d.row(), 0, wake); err != nil {
		return read, err
	}
	if old.To != to {
		rec.Low = false // who sells it now has heard nothing
	}
	if now != old.Levels || old.To != to {
		if err := c.emit(EvStockATP, "", EventData{SKU: d.sku, Owner: d.owner, Levels: &now}); err != nil {
			return read, err
		}
	}
	low := now.Reorder > 0 && now.Available <= now.Reorder
	if low && !rec.Low {
		// Qty is what fills it up, with what is on its way.
		fill := max(now.Max-now.Available-now.InTransit, 0)
		if err := c.emit(EvStockLow, "", EventData{SKU: d.sku, Owner: d.owner, Qty: fill, Levels: &now}); err != nil {
			return read, err
		}
	}
	rec.Low = low
	c.touch("atp", d.row())
	return read, save(c, k, &rec)
}

// levels counts an item of one owner. wake is the moment at which the next lot
// comes of age, 0 when none will.
func (c *change) levels(it *Item, owner string) (l StockLevels, wake int64, read int, err error) {
	l = StockLevels{Min: it.Min, Max: it.Max, Reorder: it.Reorder}
	first, day := "", c.dayFor(it)
	err = c.Range(under(kStock, it.SKU), func(k, b []byte) (bool, error) {
		read++
		place, s, err := parseStockKey(k)
		if err != nil || isVirtual(place) || s.owner != owner {
			return err == nil, err
		}
		row, err := decodeRecord[stockRow](k, b)
		if err != nil {
			return false, err
		}
		l.OnHand += row.Qty
		l.Reserved += row.Reserved
		bin, ok := strings.CutPrefix(place, placeBin)
		if !ok || s.status != StatusSellable || row.Qty == row.Reserved || !usable(row.Expiry, day) {
			return true, nil
		}
		if row.Expiry != "" && (first == "" || row.Expiry < first) {
			first = row.Expiry
		}
		bad, err := isSuspect(c, bin, it.SKU)
		if err == nil && !bad {
			l.Available += row.Qty - row.Reserved
		}
		return true, err
	})
	if err == nil && first != "" {
		t, bad := time.Parse(time.DateOnly, first)
		if bad != nil {
			return l, 0, read, fmt.Errorf("%w: date %q", ErrCorrupt, first)
		}
		wake = t.AddDate(0, 0, -it.MinDays).UnixMilli()
	}
	return l, wake, read, err
}

// wakeLevels marks a demand a lot of which has come of age.
func (c *change) wakeLevels(row string) error {
	d := demandOf(row)
	k := key(kLevels, d.sku, d.owner)
	rec, err := must2(load[levelsRecord](c, k))("levels of", row)
	if err != nil {
		return err
	}
	if err := c.setAlarm(alarmLevels, row, rec.Wake, 0); err != nil {
		return err
	}
	rec.Wake = 0
	if err := save(c, k, rec); err != nil {
		return err
	}
	return c.markATP(d)
}

// GetLevels counts how much there is of an item of one owner now, nil when the
// item is not known.
func GetLevels(r Reader, sku, owner string, nowMs int64) (*StockLevels, error) {
	it, err := GetItem(r, sku)
	if err != nil || it == nil {
		return nil, err
	}
	c := newChange(r, Meta{Now: nowMs}, "")
	l, _, _, err := c.levels(it, owner)
	if err != nil {
		return nil, err
	}
	transit, err := c.inTransit(true)
	l.InTransit = transit[demand{sku, owner}.row()]
	return &l, err
}
