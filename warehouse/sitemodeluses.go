package warehouse

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// What a model would take away may be in use. Here stands who refers to items, bins,
// workers and carriers: the plan of a model and its commit ask the same question.

// What a use is about.
const (
	UseItem    = kItem
	UseBin     = kBin
	UseWorker  = kWorker
	UseCarrier = "carrier"
	UseStation = "pack station"
	UseLane    = "lane"
	UseProfile = "profile"
)

type (
	// ModelUse is a thing that a model would take away, or change in a way that
	// is not possible now, and what it is used by.
	ModelUse struct {
		Kind string `json:"kind"` // UseItem …
		ID   string `json:"id"`
		By   string `json:"by"`    // one of them, as "stock of TEA-1"
		N    int    `json:"count"` // how many of that sort there are
	}
	// ModelDrops is what a model takes away.
	ModelDrops struct {
		Items, Bins, Workers []string
		// Retracked are items whose lots or serials change, Rekinded workers
		// whose kind does.
		Retracked, Rekinded []string
		Site                *Site // the new rules; nil = they stay
		told                func(space, id string) (bool, error)
	}
)

// String says it in a line.
func (u ModelUse) String() string {
	if u.N > 1 {
		return fmt.Sprintf("%s %s: %s and %d more", u.Kind, u.ID, u.By, u.N-1)
	}
	return fmt.Sprintf("%s %s: %s", u.Kind, u.ID, u.By)
}

// clock is a moment as people read it.
func clock(ms int64) string { return time.UnixMilli(ms).UTC().Format(time.RFC3339) }

// DropsOf is what the differences take away from what is here; site are the new
// rules, nil = they stay.
func DropsOf(r Reader, parts []ModelPart, site *Site) (ModelDrops, error) {
	told := map[string]bool{}
	d := ModelDrops{Site: site, told: func(space, id string) (bool, error) { return told[space+"/"+id], nil }}
	for i := range parts {
		for _, it := range parts[i].Items {
			told[kItem+"/"+it.SKU] = true
		}
		if err := d.add(r, &parts[i]); err != nil {
			return d, err
		}
	}
	return d, nil
}

// add notes what a part takes away.
func (d *ModelDrops) add(r Reader, p *ModelPart) error {
	d.Items, d.Bins, d.Workers = append(d.Items, p.DropItems...), append(d.Bins, p.DropBins...), append(d.Workers, p.DropWorkers...)
	for _, it := range p.Items {
		old, err := GetItem(r, it.SKU)
		if err != nil {
			return err
		}
		if old != nil && (old.LotTracked != it.LotTracked || old.Serials != it.Serials) {
			d.Retracked = append(d.Retracked, it.SKU)
		}
	}
	for _, w := range p.Workers {
		old, err := GetWorker(r, w.ID)
		if err != nil {
			return err
		}
		if old != nil && old.Kind != w.Kind {
			d.Rekinded = append(d.Rekinded, w.ID)
		}
	}
	return nil
}

// uses gathers what is found, one row for each thing and sort of use.
type uses struct {
	r                    Reader
	items, bins, workers map[string]bool
	rows                 map[[3]string]*ModelUse
	order                []*ModelUse
}

func (u *uses) note(kind, id, sort, which string) {
	k := [3]string{kind, id, sort}
	if row := u.rows[k]; row != nil {
		row.N++
		return
	}
	by := sort
	if which != "" {
		by += " " + which
	}
	row := &ModelUse{Kind: kind, ID: id, By: by, N: 1}
	u.rows[k], u.order = row, append(u.order, row)
}

func (u *uses) item(sku, sort, which string) {
	if u.items[sku] {
		u.note(UseItem, sku, sort, which)
	}
}

// place notes a use of what stands behind a place of the ledger.
func (u *uses) place(place, sort, which string) {
	if id, ok := cutPlace(place, placeBin); ok && u.bins[id] {
		u.note(UseBin, id, sort, which)
	}
	if id, ok := cutPlace(place, placeWorker); ok && u.workers[id] {
		u.note(UseWorker, id, sort, which)
	}
}

func cutPlace(place, prefix string) (string, bool) {
	if len(place) > len(prefix) && place[:len(prefix)] == prefix {
		return place[len(prefix):], true
	}
	return "", false
}

func idSet(ids []string) map[string]bool {
	out := make(map[string]bool, len(ids))
	for _, id := range ids {
		out[id] = true
	}
	return out
}

// ModelUses lists what of d is in use, by kind and id. It reads the open work once,
// and orders only where items or carriers go.
func ModelUses(r Reader, d ModelDrops) ([]ModelUse, error) {
	u := &uses{r: r, items: idSet(d.Items), bins: idSet(d.Bins), workers: idSet(d.Workers), rows: map[[3]string]*ModelUse{}}
	var steps []func() error
	if len(d.Items)+len(d.Bins)+len(d.Workers) > 0 {
		steps = append(steps, u.floor, u.units, u.faces, u.counts)
	}
	if len(d.Items) > 0 {
		steps = append(steps, u.announced, u.names, u.substitutes(d.told))
	}
	old, err := GetSite(r)
	if err != nil {
		return nil, err
	}
	var gone []Carrier
	if d.Site != nil && old != nil {
		gone = slices.DeleteFunc(slices.Clone(old.Carriers), func(ca Carrier) bool { return d.Site.carrierOf(ca.Code) != nil })
		steps = append(steps, u.rules(old, d.Site), u.pools(old, d.Site, gone), u.profiles(old, &d))
	}
	if len(d.Items)+len(gone) > 0 {
		steps = append(steps, u.orders(gone))
	}
	steps = append(steps, func() error { return u.eachOf(&d) })
	for _, step := range steps {
		if err := step(); err != nil {
			return nil, err
		}
	}
	out := make([]ModelUse, len(u.order))
	for i, row := range u.order {
		out[i] = *row
	}
	slices.SortStableFunc(out, func(a, b ModelUse) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.ID, b.ID), cmp.Compare(a.By, b.By))
	})
	return out, nil
}

// eachOf looks at what is kept of each thing under its own name.
func (u *uses) eachOf(d *ModelDrops) error {
	for _, sku := range d.Items {
		if err := u.under(under(kStock, sku), UseItem, sku, "moves in the ledger"); err != nil {
			return err
		}
		if err := u.under(key(kPack, sku), UseItem, sku, "a changed pack size that nobody confirmed"); err != nil {
			return err
		}
	}
	for _, sku := range d.Retracked {
		if err := u.under(under(kStock, sku), UseItem, sku, "moves in the ledger, so lots and serials cannot change"); err != nil {
			return err
		}
	}
	for _, code := range d.Bins {
		err := u.r.Range(under(kAt, BinPlace(code)), func(k, _ []byte) (bool, error) {
			sku, _ := cutPart(k[len(under(kAt, BinPlace(code))):])
			u.note(UseBin, code, "stock of", sku)
			return true, nil
		})
		if err != nil {
			return err
		}
		if err := u.under(under(kOpen, code), UseBin, code, "an open pick"); err != nil {
			return err
		}
	}
	for _, id := range slices.Concat(d.Workers, d.Rekinded) {
		if err := u.atWork(id); err != nil {
			return err
		}
	}
	return nil
}

// cutPart is the first component of a key.
func cutPart(k []byte) (string, []byte) {
	if at := slices.Index(k, sep); at >= 0 {
		return string(k[:at]), k[at+1:]
	}
	return string(k), nil
}

// under notes a use when there is any row under a prefix, with how many.
func (u *uses) under(prefix []byte, kind, id, sort string) error {
	return u.r.Range(prefix, func(_, _ []byte) (bool, error) {
		u.note(kind, id, sort, "")
		return true, nil
	})
}

func (u *uses) atWork(id string) error {
	ws, err := GetWorkerState(u.r, id)
	if err != nil || ws == nil {
		return err
	}
	for _, w := range []struct{ sort, which string }{
		{"the batch in hand", ws.Batch},
		{"the floor task in hand", ws.Floor},
		{"signed in on", ws.Device},
	} {
		if w.which != "" {
			u.note(UseWorker, id, w.sort, w.which)
		}
	}
	if ws.WaitingSince != 0 && ws.Device == "" {
		u.note(UseWorker, id, "waiting for work", "")
	}
	return nil
}

func (u *uses) floor() error {
	return each(u.r, under(kFloor), func(t *FloorTask) (bool, error) {
		u.place(t.From, "floor task", t.ID)
		u.place(t.To, "floor task", t.ID)
		u.item(t.SKU, "floor task", t.ID)
		return true, nil
	})
}

func (u *uses) units() error {
	return each(u.r, under(kLU), func(lu *LU) (bool, error) {
		u.place(lu.Place, lu.Kind, lu.ID)
		return true, nil
	})
}

func (u *uses) faces() error {
	return each(u.r, under(kFace), func(f *PickFace) (bool, error) {
		u.item(f.SKU, "pick face in bin", f.Bin)
		u.place(BinPlace(f.Bin), "pick face of", f.SKU)
		return true, nil
	})
}

func (u *uses) counts() error {
	return each(u.r, under(kTally), func(n *Count) (bool, error) {
		u.place(BinPlace(n.Bin), "count", n.ID)
		for _, l := range slices.Concat(n.Lines, n.First) {
			u.item(l.SKU, "count", n.ID)
		}
		return true, nil
	})
}

// announced are deliveries and returns that bring an item.
func (u *uses) announced() error {
	err := each(u.r, under(kReceipt), func(rc *Receipt) (bool, error) {
		if rc.State == ReceiptExpected || rc.State == ReceiptReceiving {
			for _, l := range rc.Lines {
				u.item(l.SKU, "delivery", rc.ID)
			}
		}
		return true, nil
	})
	if err != nil {
		return err
	}
	return each(u.r, under(kReturn), func(rt *Return) (bool, error) {
		for _, l := range rt.Lines {
			u.item(l.SKU, "return", rt.ID)
		}
		return true, nil
	})
}

// names are other names of an item, and what is kept of it.
func (u *uses) names() error {
	err := each(u.r, under(kAlias), func(a *Alias) (bool, error) {
		u.item(a.SKU, "a barcode that waits for a decision,", a.Barcode)
		return true, nil
	})
	if err != nil {
		return err
	}
	if err := each(u.r, under(kKept), func(k *Kept) (bool, error) {
		u.item(k.SKU, "reservation", k.ID)
		return true, nil
	}); err != nil {
		return err
	}
	return u.r.Range(under(kVendor), func(k, v []byte) (bool, error) {
		u.item(string(v), "the code of a supplier,", tail(k))
		return true, nil
	})
}

// substitutes are items that stay and name one that goes. Those the model tells of
// say it anew.
func (u *uses) substitutes(told func(space, id string) (bool, error)) func() error {
	return func() error {
		return each(u.r, under(kItem), func(it *Item) (bool, error) {
			if u.items[it.SKU] || !slices.ContainsFunc(it.Substitutes, func(s string) bool { return u.items[s] }) {
				return true, nil
			}
			again, err := told(kItem, it.SKU)
			if err != nil || again {
				return err == nil, err
			}
			for _, s := range it.Substitutes {
				u.item(s, "a substitute of", it.SKU)
			}
			return true, nil
		})
	}
}

// orders are those that are not closed: what they ask for, and who carries them.
func (u *uses) orders(gone []Carrier) func() error {
	return func() error {
		_, err := OpenOrders(u.r, func(o *Order) bool {
			for _, l := range o.Lines {
				u.item(l.SKU, "order", o.Spec.ID)
				u.item(l.For, "order", o.Spec.ID)
			}
			for _, p := range o.Parcels {
				if p.DepartedAt == 0 && slices.ContainsFunc(gone, func(ca Carrier) bool { return ca.Code == p.Carrier }) {
					u.note(UseCarrier, p.Carrier, "parcel", p.SSCC)
				}
			}
			return false // none is kept
		}, "", 0)
		if err != nil {
			return err
		}
		for _, ca := range gone {
			if err := u.under(under(kAwait, ca.Code), UseCarrier, ca.Code, "a label that waits for it"); err != nil {
				return err
			}
		}
		return nil
	}
}

// rules are stations and lanes that go while something is there.
func (u *uses) rules(old, site *Site) func() error {
	return func() error {
		for _, id := range old.PackStations {
			if slices.Contains(site.PackStations, id) {
				continue
			}
			st, err := GetStation(u.r, id)
			if err != nil {
				return err
			}
			if st.Step != StepScanTote {
				u.note(UseStation, id, "order", st.Order)
			}
			trips, err := named(u.r, under(kTrips), 0, GetTransport, "transport")
			if err != nil {
				return err
			}
			for _, t := range trips {
				if t.To == StationPlace(id) {
					u.note(UseStation, id, "transport", t.ID)
				}
			}
		}
		on, err := named(u.r, under(kBelts), 0, GetCarriage, "carriage")
		if err != nil {
			return err
		}
		for _, ride := range on {
			if !slices.ContainsFunc(site.Lanes, func(l Lane) bool { return l.ID == ride.Lane }) {
				u.note(UseLane, ride.Lane, "parcel on its way there,", ride.SSCC)
			}
		}
		return nil
	}
}

// pools are tracking numbers: those that were given are never given again.
func (u *uses) pools(old, site *Site, gone []Carrier) func() error {
	return func() error {
		for _, ca := range old.Carriers {
			last, err := counter(u.r, trackKey(&ca))
			if err != nil {
				return err
			}
			if last == 0 {
				continue
			}
			if now := site.carrierOf(ca.Code); now != nil && now.Prefix == ca.Prefix && now.Digits == ca.Digits && now.Mode == ca.Mode && int64(last) > now.Last {
				u.note(UseCarrier, ca.Code, fmt.Sprintf("its numbers up to %d, which are given; the range ends at", last), fmt.Sprint(now.Last))
			}
			ca.First, ca.Last = min(ca.First, int64(last)), int64(last)
			for _, now := range site.Carriers {
				same := now.Code == ca.Code && now.Prefix == ca.Prefix && now.Digits == ca.Digits
				if !same && now.Mode == "" && poolsMeet(&ca, &now) && !poolsMeet(siteCarrier(old, now.Code), &now) {
					u.note(UseCarrier, now.Code, "numbers that were given by", ca.Code)
				}
			}
		}
		return nil
	}
}

// siteCarrier is the carrier of a code, an empty one when there is none.
func siteCarrier(s *Site, code string) *Carrier {
	if ca := s.carrierOf(code); ca != nil {
		return ca
	}
	return &Carrier{Digits: 1, First: 1}
}

// profiles are those that items name which the model leaves as they are.
func (u *uses) profiles(old *Site, d *ModelDrops) func() error {
	return func() error {
		b, err := encMode.Marshal([]any{old.Profiles, old.Profile})
		if err != nil {
			return err
		}
		now, err := encMode.Marshal([]any{d.Site.Profiles, d.Site.Profile})
		if err != nil || string(b) == string(now) {
			return err
		}
		return each(u.r, under(kItem), func(it *Item) (bool, error) {
			why := fitsRules(d.Site, it)
			if why == "" || u.items[it.SKU] || fitsRules(old, it) != "" {
				return true, nil
			}
			told, err := d.told(kItem, it.SKU)
			if err == nil && !told {
				u.note(UseProfile, cmp.Or(it.Profile, d.Site.Profile, old.Profile), why+": item", it.SKU)
			}
			return true, err
		})
	}
}
