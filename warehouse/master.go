package warehouse

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"

	"tote/gs1"
)

// Master data: the site's rules, items, bins and workers. Every list is taken
// as a whole or not at all.

func putSite(c *change, cmd PutSite) (Result, error) {
	s := cmd.Site
	if why := cmp.Or(checkSite(s), c.newID("site id", s.ID)); why != "" {
		return Result{}, refuse(CodeInvalid, "%s", why)
	}
	old, err := GetSite(c)
	if err != nil {
		return Result{}, err
	}
	if old != nil && old.ID != s.ID {
		return Result{}, refuse(CodeConflict, "this is site %s, not %s", old.ID, s.ID)
	}
	if old != nil {
		if err := c.keepUpstreams(old, &s); err != nil {
			return Result{}, err
		}
		if err := c.freePrefix(old, &s); err != nil {
			return Result{}, err
		}
		// Bins that are there may be named as they were allowed to be.
		renamed := s.TotePrefix != old.TotePrefix || s.PackDrop != old.PackDrop
		err := each(c, under(kBin), func(b *Bin) (bool, error) {
			why := checkBin(*b, s.Layout)
			if renamed && why == "" {
				why = c.binName(&s, b.Code)
			}
			if why != "" {
				return false, refuse(CodeConflict, "bin %s: %s", b.Code, why)
			}
			return true, nil
		})
		if err != nil {
			return Result{}, err
		}
	}
	if old != nil {
		for _, ca := range old.Carriers {
			if err := c.askWaiting(ca.Code); err != nil {
				return Result{}, err
			}
		}
	}
	c.touch("site", "")
	if err := save(c, key(kSite), &s); err != nil {
		return Result{}, err
	}
	was := int64(0)
	if old != nil {
		was = old.ATPEveryMs
		if !sameOwners(old, &s) {
			was = 0 // an OMS that gets an owner hears of his levels
		}
	}
	c.site = &s
	if old == nil {
		if err := c.startListing(listDone); err != nil {
			return Result{}, err
		}
	}
	if err := c.startSweep(old, &s); err != nil {
		return Result{}, err
	}
	if err := c.switchATP(was, s.ATPEveryMs); err != nil {
		return Result{}, err
	}
	return Result{Ref: s.ID}, c.offersChanged()
}

// checkRows is the common part of all lists.
func checkRows(n int) error {
	if n == 0 {
		return refuse(CodeInvalid, "the list is empty")
	}
	if n > MaxRows {
		return refuse(CodeInvalid, "%d rows, the most is %d", n, MaxRows)
	}
	return nil
}

// twice notes id and refuses the second of the same.
func twice(seen map[string]bool, row int, what, id string) error {
	if seen[id] {
		return refuse(CodeDuplicateInFile, "row %d: %s %s is there twice", row, what, id)
	}
	seen[id] = true
	return nil
}

// codeKey is where a barcode points to its item. Plain GTINs of every length
// share the 14-digit form, so that one product has one row.
func codeKey(barcode string) []byte {
	if n := len(barcode); (n == 8 || n == 12 || n == 13 || n == 14) && digits(barcode) {
		if s, err := gs1.Parse(barcode); err == nil {
			if gtin, ok := s.Value("01"); ok {
				barcode = gtin
			}
		}
	}
	return key(kCode, barcode)
}

// codesOf lists everything an item can be scanned by.
func codesOf(it *Item) []string {
	codes := append([]string{it.SKU}, it.Barcodes...)
	if it.GTIN != "" {
		codes = append(codes, it.GTIN)
	}
	for _, p := range it.Packs {
		if p.Barcode != "" {
			codes = append(codes, p.Barcode)
		}
	}
	return codes
}

func putItems(c *change, cmd PutItems) (Result, error) {
	if err := checkRows(len(cmd.Items)); err != nil {
		return Result{}, err
	}
	seen := make(map[string]bool, len(cmd.Items))
	var items []*Item // those that change something
	for i := range cmd.Items {
		it := &cmd.Items[i]
		if why := cmp.Or(checkItem(*it), c.newID("sku", it.SKU)); why != "" {
			return Result{}, refuse(CodeInvalid, "row %d: item %s: %s", i+1, it.SKU, why)
		}
		if err := twice(seen, i+1, "item", it.SKU); err != nil {
			return Result{}, err
		}
		if why, err := c.fitsProfile(it); err != nil || why != "" {
			if err == nil {
				err = refuse(CodeInvalid, "row %d: item %s: %s", i+1, it.SKU, why)
			}
			return Result{}, err
		}
		old, err := c.itemOfRevision(it, i+1)
		if err != nil {
			return Result{}, err
		}
		if old {
			continue
		}
		if err := c.dropItem(it); err != nil {
			return Result{}, err
		}
		items = append(items, it)
	}
	for _, it := range items {
		for _, code := range codesOf(it) {
			k := codeKey(code)
			sku, err := c.Get(k)
			if err != nil {
				return Result{}, err
			}
			if sku != nil && string(sku) != it.SKU {
				return Result{}, refuse(CodeConflict, "row %d: barcode %s belongs to item %s", 1+rowOf(cmd.Items, it), code, sku)
			}
			if err := c.Set(k, []byte(it.SKU)); err != nil {
				return Result{}, err
			}
		}
		if err := save(c, key(kItem, it.SKU), it); err != nil {
			return Result{}, err
		}
	}
	res := Result{Text: fmt.Sprintf("%d items", len(items))}
	if n := len(cmd.Items) - len(items); n > 0 {
		res.Text += fmt.Sprintf(", %d are here already in that revision or a newer one", n)
	}
	if len(items) > 0 {
		c.touch("items", "")
	}
	return res, nil
}

// rowOf is the place of an item in its command.
func rowOf(items []Item, it *Item) int {
	return slices.IndexFunc(items, func(x Item) bool { return x.SKU == it.SKU })
}

// itemOfRevision tells whether the site knows as much of an item already, or
// more. A row without a revision keeps the one that is here.
func (c *change) itemOfRevision(it *Item, row int) (old bool, err error) {
	known, err := GetItem(c, it.SKU)
	if err != nil || known == nil {
		return false, err
	}
	switch {
	case it.Revision == 0:
		it.Revision = known.Revision
		return false, nil
	case it.Revision < known.Revision:
		return true, nil
	case it.Revision > known.Revision:
		return false, nil
	}
	was, err := encMode.Marshal(known)
	if err != nil {
		return false, err
	}
	is, err := encMode.Marshal(it)
	if err != nil {
		return false, err
	}
	if !bytes.Equal(was, is) {
		return false, refuse(CodeConflict, "row %d: item %s is here in revision %d with other content", row, it.SKU, it.Revision)
	}
	return true, nil
}

// dropItem frees the barcodes of the version that it replaces.
func (c *change) dropItem(it *Item) error {
	old, err := GetItem(c, it.SKU)
	if err != nil {
		return err
	}
	if err := c.markRules(old, it); err != nil || old == nil {
		return err
	}
	if old.LotTracked != it.LotTracked || old.Serials != it.Serials {
		rows, err := Balances(c, it.SKU)
		if err != nil {
			return err
		}
		if len(rows) > 0 {
			return refuse(CodeConflict, "item %s has moves: tracking of lots and serials cannot change", it.SKU)
		}
	}
	if err := c.packChanged(old, it); err != nil {
		return err
	}
	for _, code := range codesOf(old) {
		if err := c.Delete(codeKey(code)); err != nil {
			return err
		}
	}
	return nil
}

func putBins(c *change, cmd PutBins) (Result, error) {
	if err := checkRows(len(cmd.Bins)); err != nil {
		return Result{}, err
	}
	site, err := c.theSite()
	if err != nil {
		return Result{}, err
	}
	seen := make(map[string]bool, len(cmd.Bins))
	for i := range cmd.Bins {
		b := &cmd.Bins[i]
		if why := cmp.Or(checkBin(*b, site.Layout), c.newID("bin code", b.Code)); why != "" {
			return Result{}, refuse(CodeInvalid, "row %d: bin %s: %s", i+1, b.Code, why)
		}
		if err := twice(seen, i+1, "bin", b.Code); err != nil {
			return Result{}, err
		}
		if why := c.binName(site, b.Code); why != "" {
			// One that is there from before this rule may still change.
			if old, err := GetBin(c, b.Code); err != nil {
				return Result{}, err
			} else if old == nil {
				return Result{}, refuse(CodeInvalid, "row %d: bin %s: %s", i+1, b.Code, why)
			}
		}
		if err := c.dropFreeBin(b); err != nil {
			return Result{}, err
		}
		if err := save(c, key(kBin, b.Code), b); err != nil {
			return Result{}, err
		}
		if err := c.keepFreeBin(b.Code); err != nil {
			return Result{}, err
		}
	}
	c.touch("bins", "")
	return Result{Text: fmt.Sprintf("%d bins", len(cmd.Bins))}, nil
}

// binName is why a new bin cannot have a code, "" when it can: whoever scans the
// bin would be told that it is a tote or the pack drop.
func (c *change) binName(site *Site, code string) string {
	switch {
	case !c.since(level2):
		return ""
	case isTote(site, code):
		return fmt.Sprintf("bin code: it begins like a tote (totePrefix %s)", site.TotePrefix)
	case code == site.PackDrop:
		return "bin code: it is the barcode of the pack drop (packDrop)"
	}
	return ""
}

func putWorkers(c *change, cmd PutWorkers) (Result, error) {
	if err := checkRows(len(cmd.Workers)); err != nil {
		return Result{}, err
	}
	seen := make(map[string]bool, len(cmd.Workers))
	for i := range cmd.Workers {
		w := &cmd.Workers[i]
		if why := cmp.Or(checkWorker(*w), c.newID("worker id", w.ID)); why != "" {
			return Result{}, refuse(CodeInvalid, "row %d: worker %s: %s", i+1, w.ID, why)
		}
		if err := twice(seen, i+1, "worker", w.ID); err != nil {
			return Result{}, err
		}
		old, err := GetWorker(c, w.ID)
		if err != nil {
			return Result{}, err
		}
		if old != nil {
			if err := c.Delete(key(kBadge, old.Badge)); err != nil {
				return Result{}, err
			}
		}
	}
	for i := range cmd.Workers {
		w := &cmd.Workers[i]
		k := key(kBadge, w.Badge)
		id, err := c.Get(k)
		if err != nil {
			return Result{}, err
		}
		if id != nil {
			return Result{}, refuse(CodeConflict, "row %d: the badge of worker %s is that of %s", i+1, w.ID, id)
		}
		if err := c.Set(k, []byte(w.ID)); err != nil {
			return Result{}, err
		}
		if err := save(c, key(kWorker, w.ID), w); err != nil {
			return Result{}, err
		}
		c.touch("worker", w.ID)
	}
	return Result{Text: fmt.Sprintf("%d workers", len(cmd.Workers))}, nil
}
