package warehouse

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Care of the stock: pick bins are filled up before they run empty, lots are
// told of before they expire, doubts about a bin lead to a count.
//
// A pick face is a bin that orders are picked from, with a lowest and a highest
// quantity of one item. When what is free there falls below the lowest, goods
// are fetched from a bin that is no pick face, first-expired first, up to the
// highest; what orders reserve counts as gone already, so that demand and not
// only the past fills a face. One replenishment of a face is open at a time.

type (
	// PickFace is a bin orders are picked from.
	PickFace struct {
		Bin  string `cbor:"1,keyasint" json:"bin"`
		SKU  string `cbor:"2,keyasint" json:"sku"`
		Min  int64  `cbor:"3,keyasint" json:"min"` // base units
		Max  int64  `cbor:"4,keyasint" json:"max"`
		Task string `cbor:"5,keyasint,omitempty" json:"task,omitempty"` // the open replenishment
	}
	// PutPickFaces adds or replaces pick faces by bin and item; a Max of 0
	// removes one. All or nothing.
	PutPickFaces struct {
		Faces []PickFace `cbor:"1,keyasint" json:"faces"`
	}
)

// Kind implements Command.
func (PutPickFaces) Kind() Kind { return KindPutPickFaces }

func putPickFaces(c *change, cmd PutPickFaces) (Result, error) {
	if len(cmd.Faces) == 0 || len(cmd.Faces) > maxCodes/4 {
		return Result{}, refuse(CodeInvalid, "faces: 1 to %d", maxCodes/4)
	}
	seen := make(map[string]bool, len(cmd.Faces))
	for i, f := range cmd.Faces {
		if err := c.checkFace(i+1, f); err != nil {
			return Result{}, err
		}
		if err := twice(seen, i+1, "face", f.Bin+" "+f.SKU); err != nil {
			return Result{}, err
		}
		k := key(kFace, f.SKU, f.Bin)
		old, err := load[PickFace](c, k)
		if err != nil {
			return Result{}, err
		}
		if old != nil {
			f.Task = old.Task
		} else {
			f.Task = ""
		}
		if f.Max == 0 {
			err = c.Delete(k)
		} else if err = save(c, k, &f); err == nil {
			err = c.replenish(f.Bin, f.SKU)
		}
		if err != nil {
			return Result{}, err
		}
	}
	c.touch("faces", "")
	return Result{Text: fmt.Sprintf("%d pick faces", len(cmd.Faces))}, nil
}

func (c *change) checkFace(row int, f PickFace) error {
	if f.Min < 0 || f.Max < f.Min || f.Max > maxStockQty || f.Max == 0 && f.Min != 0 || !validID(f.SKU) {
		return refuse(CodeInvalid, "row %d: sku, min and max", row)
	}
	if err := c.mustBin(f.Bin); err != nil {
		return err
	}
	it, err := GetItem(c, f.SKU)
	if err == nil && it == nil {
		err = refuse(CodeUnknownItem, "row %d: item %s", row, f.SKU)
	}
	return err
}

// faceAt names a pick face.
type faceAt struct{ bin, sku string }

// mayBeLow notes a face that was taken from. It is looked at when the command
// has taken all it needs: what a replenishment reserves must not be what the
// next line was going to be picked from.
func (c *change) mayBeLow(bin, sku string) { c.low = append(c.low, faceAt{bin, sku}) }

// settle does what a command leaves for its end: it looks at the faces that
// were taken from, as many as fit (one left out is looked at when it is taken
// from again), and writes the figures.
func (c *change) settle() error {
	for _, f := range c.low {
		if c.over(rescueKeys, rescueBytes) {
			break
		}
		if err := c.replenish(f.bin, f.sku); err != nil {
			return err
		}
	}
	if err := c.forgetSerials(); err != nil {
		return err
	}
	if err := c.countMaster(); err != nil {
		return err
	}
	return c.writeFigures()
}

// replenish asks for goods when a pick face is low and nothing is on its way.
func (c *change) replenish(bin, sku string) error {
	k := key(kFace, sku, bin)
	f, err := load[PickFace](c, k)
	if err != nil || f == nil || f.Task != "" {
		return err
	}
	free, err := c.freeIn(BinPlace(bin), sku)
	if err != nil || free >= f.Min {
		return err
	}
	from, s, qty, err := c.reserveBin(sku, f.Max-free)
	if err != nil || qty == 0 {
		return err
	}
	t, err := c.newFloorTask(FloorTask{
		Kind: FloorReplenish, SKU: sku, Lot: s.lot, Serial: s.serial, Qty: qty, From: from, To: BinPlace(bin), Ref: bin,
	})
	if err != nil {
		return err
	}
	f.Task = t.ID
	return save(c, k, f)
}

// faceDone notes that a replenishment is over, and looks whether the next one
// is needed.
func (c *change) faceDone(t *FloorTask) error {
	k := key(kFace, t.SKU, t.Ref)
	f, err := load[PickFace](c, k)
	if err != nil || f == nil || f.Task != t.ID {
		return err
	}
	f.Task = ""
	if err := save(c, k, f); err != nil {
		return err
	}
	return c.replenish(f.Bin, f.SKU)
}

// freeIn is what is sellable and not reserved of an item in a place.
func (c *change) freeIn(place, sku string) (free int64, err error) {
	err = c.Range(under(kStock, sku, place), func(k, b []byte) (bool, error) {
		_, s, err := parseStockKey(k)
		if err != nil {
			return false, err
		}
		row, err := decodeRecord[stockRow](k, b)
		if err == nil && s.status == StatusSellable {
			free += row.Qty - row.Reserved
		}
		return true, err
	})
	return free, err
}

// reserveBin finds goods for a pick face: the first-expired lot that is usable
// in a bin that is no face of the item itself.
func (c *change) reserveBin(sku string, want int64) (from string, s stockKey, qty int64, err error) {
	takes, _, err := c.plan(demand{sku: sku}, maxStockQty, nil)
	if err != nil {
		return "", s, 0, err
	}
	for _, tk := range takes {
		face, err := c.Get(key(kFace, sku, tk.bin))
		if err != nil {
			return "", s, 0, err
		}
		if face == nil {
			return BinPlace(tk.bin), stockKey{sku: sku, lot: tk.lot, serial: tk.serial}, min(want, tk.qty), nil
		}
	}
	return "", s, 0, nil
}

// suspect notes that a bin holds less of an item than the book says, and asks
// for a count where the site wants that.
func (c *change) suspect(bin, sku, reason string) error {
	doubt := suspectRecord{Since: c.meta.Now, Reason: reason}
	if err := c.doubt(bin, sku, &doubt); err != nil {
		return err
	}
	site, err := c.theSite()
	if err != nil || !site.AutoCount {
		return err
	}
	_, err = c.askCount(bin, CountSuspicion, 5)
	return err
}

// askZero remembers the bin a picker has just emptied by the book.
func (c *change) askZero(w *walk) error {
	site, err := c.theSite()
	if err != nil || !site.ZeroCheck {
		return err
	}
	kind, err := WorkerKind(c, w.batch.Worker)
	if err != nil || kind == WorkerRobot {
		return err
	}
	empty := true
	err = c.Range(under(kStock, w.task.SKU, BinPlace(w.task.Bin)), func(_, _ []byte) (bool, error) {
		empty = false
		return false, nil
	})
	if err == nil && empty {
		w.batch.Zero = w.task.Bin
	}
	return err
}

func zeroCheck(c *change, cmd ZeroCheck) (Result, error) {
	ws, err := c.onDevice(cmd.Device)
	if err != nil {
		return Result{}, err
	}
	if ws.Batch == "" {
		return Result{}, refuse(CodeNoWork, "%s has no batch", ws.Worker)
	}
	b, err := c.batch(ws.Batch)
	if err != nil {
		return Result{}, err
	}
	if b.Zero == "" {
		return Result{}, refuse(CodeWrongStep, "no bin was just emptied")
	}
	res := Result{Ref: b.Zero}
	if !cmd.Empty {
		if _, err := c.askCount(b.Zero, CountZero, 5); err != nil {
			return res, err
		}
	}
	b.Zero = ""
	if err := c.touchWorker(b.Worker); err != nil {
		return res, err
	}
	return res, c.saveBatch(b)
}

// countZone compares tags with the book by item. Tags of cartons and of things
// unknown say nothing about the stock of bins.
func countZone(c *change, cmd CountZone) (Result, error) {
	if len(cmd.Bins) == 0 || len(cmd.Bins) > maxEPCs || len(cmd.EPCs) > 8*maxEPCs {
		return Result{}, refuse(CodeInvalid, "bins: 1 to %d, tags: at most %d", maxEPCs, 8*maxEPCs)
	}
	seen := make(map[string]bool, len(cmd.Bins))
	for i, bin := range cmd.Bins {
		if err := c.mustBin(bin); err != nil {
			return Result{}, err
		}
		if err := twice(seen, i+1, "bin", bin); err != nil {
			return Result{}, err
		}
	}
	var got, book tally
	ids := make([]string, 0, len(cmd.EPCs))
	for _, e := range cmd.EPCs {
		if !validBarcode(e) {
			return Result{}, refuse(CodeInvalid, "tag %.70q", e)
		}
		_, id := c.readTag(e)
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range slices.Compact(ids) {
		sku, err := c.itemOfTag(id)
		if err != nil {
			return Result{}, err
		}
		if sku != "" {
			got.add(sku, 1)
		}
	}
	type held struct{ bin, sku string }
	var where []held
	for _, bin := range cmd.Bins {
		in, err := Contents(c, BinPlace(bin))
		if err != nil {
			return Result{}, err
		}
		for _, r := range in {
			it, err := must2(GetItem(c, r.SKU))("item", r.SKU)
			if err != nil {
				return Result{}, err
			}
			if it.Tagged {
				book.add(r.SKU, r.Qty)
				where = append(where, held{bin, r.SKU})
			}
		}
	}
	wrong := append(got.beyond(book), book.beyond(got)...)
	asked := 0
	for _, w := range where {
		if !slices.ContainsFunc(wrong, func(t tagCount) bool { return t.sku == w.sku }) {
			continue
		}
		if c.over(leaseKeys, leaseBytes) {
			break // the next reading asks for the others
		}
		if _, err := c.askCount(w.bin, CountTags, 5); err != nil {
			return Result{}, err
		}
		asked++
	}
	return Result{Text: fmt.Sprintf("%d pieces seen, %d in the book, %d bins to count", got.sum(), book.sum(), asked)}, nil
}

// watchLot sets the alarm by which a lot is told of before it expires.
func (c *change) watchLot(sku, lot, expiry string) error {
	site, err := c.theSite()
	if err != nil || site.ExpiryDays == 0 || expiry == "" {
		return err
	}
	day, err := time.Parse(time.DateOnly, expiry)
	if err != nil {
		return nil // setLot looks at the form
	}
	at := max(day.UnixMilli()-int64(site.ExpiryDays)*24*3600*1000, 1)
	return c.setAlarm(alarmLot, sku+string(rune(sep))+lot, 0, at)
}

// lotExpires tells once that a lot comes near its end, if any of it is here.
func (c *change) lotExpires(at int64, id string) error {
	if err := c.setAlarm(alarmLot, id, at, 0); err != nil {
		return err
	}
	sku, lot, _ := strings.Cut(id, string(rune(sep)))
	ups, err := c.upstreams()
	if err != nil {
		return err
	}
	here := make([]int64, 1+len(ups)) // of the default OMS and of each upstream
	err = c.Range(under(kStock, sku), func(k, b []byte) (bool, error) {
		place, s, err := parseStockKey(k)
		if err != nil || isVirtual(place) || s.lot != lot {
			return err == nil, err
		}
		row, err := decodeRecord[stockRow](k, b)
		if err == nil {
			of := slices.IndexFunc(ups, func(u Upstream) bool { return slices.Contains(u.Owners, s.owner) })
			here[of+1] += row.Qty
		}
		return true, err
	})
	if err != nil {
		return err
	}
	for i, qty := range here {
		if qty == 0 {
			continue
		}
		expiry, err := lotExpiry(c, sku, lot)
		if err != nil {
			return err
		}
		to := ""
		if i > 0 {
			to = ups[i-1].Name
		}
		if err := c.emitTo(to, EvLotExpires, "", EventData{SKU: sku, Lot: lot, Expiry: expiry, Qty: qty}); err != nil {
			return err
		}
	}
	return nil
}

// PickFaces lists the pick faces.
func PickFaces(r Reader) ([]PickFace, error) { return list[PickFace](r, under(kFace), 0) }
