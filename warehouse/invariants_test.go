package warehouse

import (
	"fmt"
	"slices"
	"strings"
)

// Invariants checks everything that must hold between two commands and lists
// what does not. It computes every index from the records and compares.
func Invariants(r Reader) ([]string, error) {
	v := &inspector{r: r, want: make(map[string]bool), counts: make(map[OrderState]uint64), ended: make(map[string]uint64)}
	for _, f := range []func() error{
		v.ledger, v.stock, v.orders, v.tasks, v.batches, v.workers, v.units, v.sights, v.stations, v.jobs, v.manifests, v.outbox, v.master,
		v.transports, v.conveyor, v.fallouts, v.adjustments, v.levels, v.kept, v.packs, v.floor, v.receipts, v.returns, v.counting, v.archive, v.quarters, v.openings, v.indexes,
	} {
		if err := f(); err != nil {
			return nil, err
		}
	}
	return v.bad, nil
}

type inspector struct {
	r      Reader
	bad    []string
	want   map[string]bool // index rows that must be there
	counts map[OrderState]uint64
	ended  map[string]uint64 // listed closed orders by quarter of an hour
}

func (v *inspector) fail(format string, args ...any) {
	v.bad = append(v.bad, fmt.Sprintf(format, args...))
}

func (v *inspector) check(ok bool, format string, args ...any) {
	if !ok {
		v.fail(format, args...)
	}
}

func (v *inspector) row(prefix string, parts ...string) { v.want[string(key(prefix, parts...))] = true }

func (v *inspector) ledger() error {
	rep, err := LedgerCheck(v.r)
	for _, x := range rep.Violations {
		v.fail("ledger: %s", x)
	}
	return err
}

func (v *inspector) stock() error {
	return v.r.Range(under(kStock), func(k, b []byte) (bool, error) {
		place, s, err := parseStockKey(k)
		if err != nil {
			return false, err
		}
		row, err := decodeRecord[stockRow](k, b)
		if err != nil {
			return false, err
		}
		v.check(row.Qty != 0 || row.Reserved != 0, "%q: an empty row is kept", k)
		if isVirtual(place) {
			return true, nil
		}
		v.row(kAt, place, s.sku, s.lot, s.serial, s.owner, s.status)
		if s.serial != "" {
			v.row(kSerial, s.serial, s.sku)
			at, err := v.r.Get(key(kSerial, s.serial, s.sku))
			v.check(err == nil && string(at) == string(k) && row.Qty == 1, "%q: serial is at %q", k, at)
		}
		holder, err := Holder(v.r, place)
		v.check(err == nil && holder != "", "%q: nobody holds it: %v", k, err)
		if bin, ok := strings.CutPrefix(place, placeBin); ok {
			if row.Qty > row.Reserved && s.status == StatusSellable {
				v.want[string(freeKey(s, row.Expiry, bin))] = true
			}
			return true, nil
		}
		if strings.HasPrefix(place, placeReceipt) {
			v.check(row.Reserved == row.Qty, "%q: goods that nobody puts away", k)
			return true, nil
		}
		if id, ok := strings.CutPrefix(place, placeReturn); ok {
			rt, err := GetReturn(v.r, id)
			v.check(err == nil && rt != nil && rt.State != "", "%q: goods of no return", k)
			v.check(s.status == StatusQC || row.Reserved == row.Qty, "%q: inspected goods that nobody puts away", k)
			return true, nil
		}
		id, ok := strings.CutPrefix(place, placeLU)
		v.check(ok, "%q: a place of no kind", k)
		lu, err := GetLU(v.r, id)
		v.check(lu != nil && (lu.Order != "" || lu.Stock || row.Reserved == row.Qty), "%q: goods in a unit without an order", k)
		v.check(lu == nil || lu.Order == "" || row.Reserved == 0, "%q: reserved in an order's unit", k)
		return true, err
	})
}

func (v *inspector) orders() error {
	batchOf := func(o *Order) *Batch {
		b, err := GetBatch(v.r, o.Batch)
		if err != nil || b == nil {
			return &Batch{}
		}
		return b
	}
	return each(v.r, under(kOrder), func(o *Order) (bool, error) {
		id := o.Spec.ID
		v.counts[o.State]++
		v.listed(o)
		if o.Promised != 0 {
			v.row(kPromise, num(uint64(o.Promised)), id)
			v.check(o.Promised == o.promise(), "order %s is listed for %d and promised for %d", id, o.Promised, o.promise())
		}
		switch o.State {
		case OrderValidated:
			v.check(o.held() || o.makes(), "order %s rests in %q", id, o.State)
		case OrderReceived, OrderAllocated, "":
			v.fail("order %s rests in %q", id, o.State)
		case OrderReleased:
			if o.Batch == "" && len(o.Fallout) == 0 && !o.held() {
				v.want[string(poolKey(o))] = true
			}
			fs, err := Fallouts(v.r, true)
			v.check(err == nil && !slices.ContainsFunc(fs, func(f Fallout) bool {
				return f.Order == id && f.Code != FalloutRobotFailed && f.Code != FalloutAddress && !isCarrierFallout(&f)
			}),
				"order %s is RELEASED with fallouts", id)
		case OrderShortWaiting:
			v.check(len(o.Fallout) > 0, "order %s waits without a reason", id)
		case OrderPicking:
			open := false
			for _, l := range o.Lines {
				for _, task := range l.Tasks {
					t, err := GetTask(v.r, task)
					open = open || err == nil && t.State == TaskOpen
				}
			}
			if o.Batch == "" && len(o.Fallout) == 0 && !o.held() {
				v.check(open, "order %s is PICKING, but nobody picks and nothing says why", id)
				v.want[string(poolKey(o))] = true
			}
			v.check(o.Batch != "" || open == (o.Tote != "") || o.Tote == "", "order %s is PICKING in tote %s, nothing is open", id, o.Tote)
		case OrderPacking:
			st, err := GetStation(v.r, o.Station)
			next := len(o.Parcels) > 0 && st.Job != "" && st.Tote == o.Tote // the label of one carton first
			v.check(err == nil && st.Order == id && (st.Step == StepWeigh || st.Step == StepSecond || next), "order %s is PACKING, station %+v", id, st)
		case OrderShipped:
			v.check(!o.held(), "order %s is %s and held", id, o.State)
			v.check(len(o.Fallout) == 0, "order %s is %s with fallouts", id, o.State)
		case OrderCancelled:
			v.check(len(o.Fallout) == 0 || o.Tote != "", "order %s is %s with fallouts", id, o.State)
		}
		if o.AgeAt != 0 {
			v.want[string(alarmKey(o.AgeAt, alarmAge, id))] = true
			v.check(o.AgeAt > o.Since && o.State != OrderShipped && o.State != OrderCancelled, "order %s is %s since %d and ages at %d", id, o.State, o.Since, o.AgeAt)
		}
		v.check(!o.Hard || slices.Contains([]OrderState{OrderPacking, OrderPacked, OrderLabelled, OrderStaged, OrderShipped}, o.State) || len(o.Parcels) > 0, "order %s is %s and hard", id, o.State)
		v.check(!o.Hard || !o.Request.quoted(), "order %s is past its hard point with an open quote", id)
		v.check(len(o.Holds) == len(o.HeldBy) && len(o.Holds) <= 2*len(holdCodes), "order %s is held %v by %v", id, o.Holds, o.HeldBy)
		if o.Bound != "" {
			v.row(kBound, o.Bound)
			by, err := GetOrder(v.r, o.Bound)
			v.check(err == nil && by != nil && by.Spec.ID == id, "order %s is bound to %s, which is %+v", id, o.Bound, by)
		}
		if o.Spec.Kit != 0 {
			v.row(kKit, num(uint64(o.Spec.Kit)))
			by, err := v.r.Get(kitKey(o.Spec.Kit))
			v.check(err == nil && string(by) == id, "order %s is slip %d, which is %q", id, o.Spec.Kit, by)
		}
		if err := v.request(o); err != nil {
			return false, err
		}
		if o.Batch != "" {
			b := batchOf(o)
			v.check(b.State == BatchActive && slices.ContainsFunc(b.Slots, func(s BatchSlot) bool { return s.Order == id }),
				"order %s says it is in batch %s: %+v", id, o.Batch, b)
			v.check(o.State == OrderReleased || o.State == OrderPicking || o.State == OrderCancelled && o.Tote != "", "order %s is in a batch and %s", id, o.State)
		}
		for _, f := range o.Fallout {
			v.row(kFOpen, f)
			rec, err := load[Fallout](v.r, key(kFallout, f))
			v.check(err == nil && rec != nil && rec.Order == id && rec.ClearedAt == 0, "order %s: fallout %s is %+v", id, f, rec)
		}
		packed := slices.Contains([]OrderState{OrderPacked, OrderLabelled, OrderStaged, OrderShipped}, o.State)
		between := slices.Contains([]OrderState{OrderPicking, OrderPicked, OrderPacking}, o.State) && len(o.Parcels) > 0 && o.Parcels[0].Lines != nil
		v.check(len(o.Parcels) > 0 == (packed || between), "order %s is %s with %d parcels", id, o.State, len(o.Parcels))
		v.check(!packed || o.Tote == "", "order %s is %s with %d parcels and tote %q", id, o.State, len(o.Parcels), o.Tote)
		if o.Tote != "" {
			lu, err := GetLU(v.r, o.Tote)
			v.check(err == nil && lu != nil && lu.Order == id && (lu.Kind == "tote" || o.State == OrderCancelled), "order %s has tote %s: %+v", id, o.Tote, lu)
		}
		return true, v.lines(o)
	})
}

// request: the request axis rests where it may, and goods are put back for a
// reason.
func (v *inspector) request(o *Order) error {
	id, s := o.Spec.ID, o.RequestState()
	v.check(s != RequestNone && s != RequestSubmitted && s != RequestRejected && s != RequestAmend, "order %s: request rests in %s", id, s)
	v.check(o.Request == nil || (o.State == OrderCancelled) == (s == RequestCancelAccepted), "order %s is %s, request %s", id, o.State, s)
	v.check(!o.Request.quoted() || answerIn(o.State).Amend != CodeHardPONR && !o.Hard, "order %s is %s with an open quote", id, o.State)
	q, err := load[quoteRecord](v.r, key(kQuote, id))
	v.check((q != nil) == (s == RequestAmendQuoted), "order %s: request %s with quote %+v", id, s, q)
	if err != nil {
		return err
	}
	open := 0
	for _, f := range o.Fallout {
		rec, err := GetFallout(v.r, f)
		if err != nil {
			return err
		}
		if isPutBack(rec) {
			open++
			for _, l := range o.Lines {
				rec.Qty -= l.PutBack
			}
			v.check(rec.Qty == 0, "order %s: the fallout is off by %d", id, rec.Qty)
		}
	}
	want := 0
	if slices.ContainsFunc(o.Lines, func(l LineState) bool { return l.PutBack > 0 }) {
		want = 1
	}
	v.check(open == want, "order %s: %d fallouts for goods to be put back, want %d", id, open, want)
	return nil
}

func (v *inspector) lines(o *Order) error {
	id := o.Spec.ID
	where, physical, err := v.inside(o)
	if err != nil {
		return err
	}
	var picked int64
	for _, l := range o.Lines {
		var open, done, lots int64
		for _, task := range l.Tasks {
			t, err := GetTask(v.r, task)
			if err != nil || t == nil {
				return fmt.Errorf("task %s: %w", task, err)
			}
			v.check(t.Order == id && t.Line == l.Line && (t.SKU == l.SKU || closed(t) && (o.Spec.Substitute || t.Picked == 0 || l.State == LineCancelled)), "task %s does not fit line %d of %s", task, l.Line, id)
			if !closed(t) {
				open += t.Qty
			}
			done += t.Picked
		}
		for _, q := range l.Lots {
			lots += q.Qty
		}
		picked += l.Picked
		v.check(l.Picked+l.Returned == done && l.Picked == lots, "order %s line %d: picked %d, %d put back, tasks say %d, lots %d", id, l.Line, l.Picked, l.Returned, done, lots)
		v.check(0 <= l.PutBack && l.PutBack <= l.Picked, "order %s line %d: %d picked, %d to put back", id, l.Line, l.Picked, l.PutBack)
		// Goods in hand when their line was made smaller.
		inHand := int64(0)
		if o.Request != nil && o.Batch != "" && o.State == OrderPicking {
			if b, err := GetBatch(v.r, o.Batch); err == nil && b != nil && b.At < len(b.Walk) && slices.Contains(l.Tasks, b.Walk[b.At]) {
				inHand = b.Held
			}
		}
		v.check((l.For == "") == (l.Reason == "") && (l.For == "" || l.For != l.SKU && (o.Spec.Substitute || l.State == LineCancelled) && l.For == wantSKU(o, l.Line)),
			"order %s line %d stands for %q: %+v", id, l.Line, l.For, l)
		v.check(l.kept()+open <= l.Qty+inHand, "order %s line %d: %d picked and %d open of %d", id, l.Line, l.kept(), open, l.Qty)
		switch l.State {
		case LineAllocated:
			v.check(l.kept()+open >= l.Qty && open > 0, "order %s line %d ALLOCATED: %d picked, %d open of %d", id, l.Line, l.kept(), open, l.Qty)
		case LinePicked, LinePacked, LineShipped:
			v.check(l.kept() == l.Qty && open == 0, "order %s line %d %s: %d picked, %d open of %d", id, l.Line, l.State, l.kept(), open, l.Qty)
			v.check(l.State == LinePicked || l.PutBack == 0, "order %s line %d %s: %d to put back", id, l.Line, l.State, l.PutBack)
		case LineShort:
			v.check(l.kept()+open < l.Qty, "order %s line %d is SHORT and complete", id, l.Line)
			if o.State == OrderShortWaiting {
				for _, s := range l.Alts {
					v.row(kWait, demand{s, o.Spec.Owner}.row(), o.queue(), id)
				}
				v.row(kWait, demand{l.SKU, o.Spec.Owner}.row(), o.queue(), id)
			}
		case LineOpen, LineCancelled, LineProduction, LineDropShip:
			v.check((l.State == LineProduction) == (o.State == OrderValidated && l.Kind == LineKindMake) || l.State != LineProduction, "order %s is %s, line %d %s", id, o.State, l.Line, l.State)
			v.check(open == 0 && l.kept() == 0, "order %s line %d %s holds something", id, l.Line, l.State)
		default:
			v.fail("order %s line %d: state %q", id, l.Line, l.State)
		}
	}
	if where != "" {
		v.check(physical == picked, "order %s: %d picked, %d in %s", id, picked, physical, where)
	}
	return nil
}

// inside is where the goods of an order are in the house and how many, with those
// that left before the others; each parcel holds what it says.
func (v *inspector) inside(o *Order) (where string, n int64, err error) {
	if o.State == OrderShipped {
		return "", 0, nil
	}
	sum := func(place string) (n int64, err error) {
		rows, err := Contents(v.r, place)
		for _, c := range rows {
			n += c.Qty
		}
		where += " " + place
		return n, err
	}
	numbers := make(map[int]bool)
	for _, p := range o.Parcels {
		v.check(p.Lines == nil && len(o.Parcels) == 1 && p.No == 0 || len(p.Lines) > 0 && p.No > 0 && !numbers[p.No], "order %s has parcel %+v among %d", o.Spec.ID, p, len(o.Parcels))
		numbers[p.No] = true
		var says int64
		for _, l := range o.InParcel(p.SSCC) {
			says += l.Qty
		}
		if p.DepartedAt != 0 {
			n += says
			continue
		}
		has, err := sum(LUPlace(p.SSCC))
		if err != nil {
			return "", 0, err
		}
		v.check(has == says, "parcel %s holds %d and says %d", p.SSCC, has, says)
		n += has
	}
	if o.Tote != "" {
		has, err := sum(LUPlace(o.Tote))
		if err != nil {
			return "", 0, err
		}
		n += has
	}
	return where, n, nil
}

// wantSKU is the item a revision asks for in a line, or that it asked for before
// the line was cancelled.
func wantSKU(o *Order, line int) string {
	for _, l := range o.Spec.Lines {
		if l.Line == line {
			return l.SKU
		}
	}
	st, err := lineOf(o, line)
	if err != nil {
		return ""
	}
	return st.For
}

func (v *inspector) tasks() error {
	return each(v.r, under(kTask), func(t *Task) (bool, error) {
		switch t.State {
		case TaskOpen:
			v.row(kOpen, t.Bin, t.SKU, t.Lot, t.ID)
			v.check(t.Batch == "", "task %s is OPEN in batch %s", t.ID, t.Batch)
		case TaskAssigned, TaskClaimed:
			b, err := GetBatch(v.r, t.Batch)
			v.check(err == nil && b != nil && b.State == BatchActive && slices.Contains(b.Walk, t.ID), "task %s is %s, batch %+v", t.ID, t.State, b)
			o, err := GetOrder(v.r, t.Order)
			v.check(err == nil && o != nil && (t.State == TaskClaimed || !o.held()), "task %s is %s, its order is held: %v", t.ID, t.State, o.Holds)
		case TaskDone:
			v.check(t.Picked == t.Qty && t.Short == 0, "task %s DONE: %+v", t.ID, t)
		case TaskShort:
			v.check(t.Picked == t.Qty && t.Short > 0, "task %s SHORT: %+v", t.ID, t)
		case TaskCancelled:
			v.check(t.Picked == 0, "task %s CANCELLED: %+v", t.ID, t)
		default:
			v.fail("task %s: state %q", t.ID, t.State)
		}
		return true, nil
	})
}

func (v *inspector) batches() error {
	return each(v.r, under(kBatch), func(b *Batch) (bool, error) {
		if b.State != BatchActive {
			return true, nil
		}
		v.want[string(dueKey(b))] = true
		ws, err := GetWorkerState(v.r, b.Worker)
		if err != nil {
			return false, err
		}
		v.check(ws != nil && ws.Batch == b.ID, "batch %s: worker %+v", b.ID, ws)
		v.check(len(b.Slots) > 0, "batch %s is ACTIVE without orders", b.ID)
		for i, id := range b.Walk {
			t, err := GetTask(v.r, id)
			if err != nil || t == nil {
				return false, fmt.Errorf("task %s: %w", id, err)
			}
			if b.Zone != "" && !closed(t) {
				bin, err := GetBin(v.r, t.Bin)
				v.check(err == nil && bin.Zone == b.Zone, "batch %s of zone %s has task %+v", b.ID, b.Zone, t)
			}
			v.check(closed(t) == (i < b.At), "batch %s at %d: task %d is %s", b.ID, b.At, i, t.State)
			if i == b.At {
				v.check(b.Held <= t.Qty, "batch %s holds %d of %d", b.ID, b.Held, t.Qty)
				v.check(!b.BinOK || t.State == TaskClaimed, "batch %s: bin scanned, task %s", b.ID, t.State)
			}
		}
		v.check(b.Held == 0 || b.BinOK, "batch %s holds %d without a bin", b.ID, b.Held)
		for _, s := range b.Slots {
			o, err := GetOrder(v.r, s.Order)
			if err != nil || o == nil {
				return false, fmt.Errorf("order %s: %w", s.Order, err)
			}
			v.check(o.Batch == b.ID && o.Tote == s.Tote, "batch %s slot %+v: order in %q with tote %q", b.ID, s, o.Batch, o.Tote)
		}
		return true, nil
	})
}

func (v *inspector) workers() error {
	return each(v.r, under(kWState), func(ws *WorkerState) (bool, error) {
		if ws.Device != "" {
			v.row(kDevice, ws.Device)
			id, err := WorkerOfDevice(v.r, ws.Device)
			v.check(err == nil && id == ws.Worker, "device %s has %s, not %s", ws.Device, id, ws.Worker)
		}
		if ws.Ends != 0 {
			v.want[string(alarmKey(ws.Ends, alarmIdle, ws.Worker))] = true
			v.check(ws.Device != "" && !ws.Ended, "session: %+v", ws)
		}
		v.check(!ws.Ended || ws.Device != "" && ws.WaitingSince == 0, "ended session: %+v", ws)
		if ws.WaitingSince != 0 {
			v.row(kAskers, num(uint64(ws.WaitingSince)), ws.Worker)
			v.check(ws.Batch == "" && ws.Device != "", "worker waits: %+v", ws)
		}
		if ws.Floor != "" {
			t, err := GetFloorTask(v.r, ws.Floor)
			v.check(err == nil && t != nil && t.Worker == ws.Worker, "worker %s: floor task %+v", ws.Worker, t)
		}
		if ws.Batch != "" {
			b, err := GetBatch(v.r, ws.Batch)
			v.check(err == nil && b != nil && b.State == BatchActive && b.Worker == ws.Worker, "worker %s: batch %+v", ws.Worker, b)
		}
		return true, nil
	})
}

// sights: what was seen is kept only of what is here.
func (v *inspector) sights() error {
	prefix := under(kSight)
	return v.r.Range(prefix, func(k, _ []byte) (bool, error) {
		of := strings.Split(string(k[len(prefix):]), string(rune(sep)))
		at := kLU
		if of[0] == sightSerial {
			at = kSerial
		}
		b, err := v.r.Get(key(at, of[1:]...))
		v.check(b != nil, "%q: the unit is not here", k)
		return true, err
	})
}

// openings: each counted bin belongs to the count of its zone.
func (v *inspector) openings() error {
	bins := map[string]int64{}
	err := each(v.r, under(kOpenedBin), func(b *OpenedBin) (bool, error) {
		z, err := GetZoneOpening(v.r, b.Zone)
		v.check(z != nil && z.ID == b.Count && z.At >= b.At, "bin %s: %+v of count %+v", b.Bin, b, z)
		bins[b.Zone]++
		return true, err
	})
	if err != nil {
		return err
	}
	err = each(v.r, under(kZoneOpening), func(z *ZoneOpening) (bool, error) {
		v.check(z.Bins == bins[z.Zone], "zone %q: %d bins counted, and %d are", z.Zone, z.Bins, bins[z.Zone])
		return true, nil
	})
	if err != nil {
		return err
	}
	return v.r.Range(under(kUntouched), func(k, _ []byte) (bool, error) {
		b, err := GetOpenedBin(v.r, tail(k))
		v.check(b != nil, "%q: nobody counted it", k)
		return true, err
	})
}

func (v *inspector) units() error {
	return each(v.r, under(kLU), func(lu *LU) (bool, error) {
		v.check(lu.Place != "", "unit %s stands nowhere", lu.ID)
		if lu.Stock {
			if parent, ok := strings.CutPrefix(lu.Place, placeLU); ok {
				v.row(kIn, parent, lu.ID)
			}
			holder, err := Holder(v.r, lu.Place)
			v.check(err == nil && holder != "" && lu.Order == "", "unit %+v: holder %q, %v", lu, holder, err)
			return true, nil
		}
		in, err := Contents(v.r, LUPlace(lu.ID))
		if err != nil {
			return false, err
		}
		if lu.Order == "" {
			return true, nil
		}
		o, err := GetOrder(v.r, lu.Order)
		if err != nil || o == nil {
			return false, fmt.Errorf("order %s: %w", lu.Order, err)
		}
		switch lu.Kind {
		case "tote":
			v.check(o.Tote == lu.ID, "tote %s of order %s, which has %q", lu.ID, lu.Order, o.Tote)
			v.check(totePlace(o, lu.Place), "tote %s of order %s, which is %s in batch %q, stands in %s", lu.ID, lu.Order, o.State, o.Batch, lu.Place)
		case "carton":
			if o.State == OrderCancelled {
				v.check(o.Tote == lu.ID, "carton %s of order %s, which has %q", lu.ID, lu.Order, o.Tote)
				break
			}
			at := slices.IndexFunc(o.Parcels, func(p Parcel) bool { return p.SSCC == lu.ID })
			v.check(at >= 0, "carton %s is no parcel of %s", lu.ID, lu.Order)
			gone := o.State == OrderShipped || at >= 0 && o.Parcels[at].DepartedAt != 0
			if at >= 0 && o.Parcels[at].Dock != "" && !gone {
				v.row(kDock, o.Parcels[at].Dock, lu.ID)
				v.check(lu.Place == placeDock+o.Parcels[at].Dock, "carton %s is loaded at %s and stands in %s", lu.ID, o.Parcels[at].Dock, lu.Place)
			} else if !gone {
				v.check(strings.HasPrefix(lu.Place, placeStation) || strings.HasPrefix(lu.Place, placeLane), "carton %s of a %s order stands in %s", lu.ID, o.State, lu.Place)
			}
			v.check(gone == (lu.Place == PlaceCustomer), "carton %s of a %s order in %s", lu.ID, o.State, lu.Place)
			v.check(gone == (len(in) == 0), "carton %s of a %s order holds %+v", lu.ID, o.State, in)
		default:
			v.fail("unit %s: kind %q", lu.ID, lu.Kind)
		}
		return true, nil
	})
}

// totePlace tells whether the tote of an order may stand there.
func totePlace(o *Order, place string) bool {
	switch o.State {
	case OrderPicking: // half picked before, or on the cart of its batch
		return place == PlacePackDrop || o.Batch != "" && strings.HasPrefix(place, "cart/"+o.Batch+"/")
	case OrderPicked:
		return place == PlacePackDrop || strings.HasPrefix(place, placeRobot) || strings.HasPrefix(place, placeStation)
	case OrderPacking:
		return place == StationPlace(o.Station)
	case OrderCancelled:
		return true // wherever it was
	}
	return false
}

// transports: where a transport stands is where its tote is.
func (v *inspector) transports() error {
	robots := make(map[string]string)
	return each(v.r, under(kTrip), func(t *Transport) (bool, error) {
		if !openTrip(t.State) {
			return true, nil
		}
		v.row(kTrips, t.ID)
		v.row(kCarry, t.LU)
		of, err := TransportOf(v.r, t.LU)
		v.check(err == nil && of != nil && of.ID == t.ID, "transport %s of tote %s, which has %+v", t.ID, t.LU, of)
		o, err := GetOrder(v.r, t.Order)
		if err != nil || o == nil {
			return false, fmt.Errorf("order %s of transport %s: %w", t.Order, t.ID, err)
		}
		v.check((o.State == OrderPicked || o.State == OrderCancelled) && o.Tote == t.LU, "transport %+v of an order %s in tote %s", t, o.State, o.Tote)
		lu, err := GetLU(v.r, t.LU)
		if err != nil || lu == nil {
			return false, fmt.Errorf("tote %s of transport %s: %w", t.LU, t.ID, err)
		}
		at := t.From
		if t.State == TransportLoaded {
			at = RobotPlace(t.Robot)
		}
		v.check(lu.Place == at || t.State == TransportFailed && lu.Place == RobotPlace(t.Robot), "transport %+v, the tote stands in %s", t, lu.Place)
		v.check((t.Robot == "") == (t.State == TransportRequested), "transport %+v has the wrong robot", t)
		if onRobot(t.State) {
			v.check(robots[t.Robot] == "", "robot %s has transports %s and %s", t.Robot, robots[t.Robot], t.ID)
			robots[t.Robot] = t.ID
		}
		fs, err := Fallouts(v.r, true)
		v.check((t.State == TransportFailed) == slices.ContainsFunc(fs, func(f Fallout) bool { return f.Order == t.Order && f.Code == FalloutTransportFailed }),
			"transport %+v, fallouts %v", t, o.Fallout)
		return true, err
	})
}

func (v *inspector) conveyor() error {
	return each(v.r, under(kBelt), func(ca *Carriage) (bool, error) {
		if ca.State == CarriageAssigned {
			v.row(kBelts, ca.SSCC)
		}
		lu, err := GetLU(v.r, ca.SSCC)
		if err != nil || lu == nil {
			return false, fmt.Errorf("parcel %s: %w", ca.SSCC, err)
		}
		v.check(ca.Order == lu.Order || lu.Order == "", "carriage %+v of order %s", ca, lu.Order)
		v.check((ca.State == CarriageDiverted) == (ca.Exit == ca.Lane) || ca.State == CarriageExpired || ca.State == CarriageAssigned, "carriage %+v", ca)
		if ca.Exit != "" && ca.State != CarriageAssigned && strings.HasPrefix(lu.Place, placeLane) {
			v.check(lu.Place == LanePlace(ca.Exit), "carriage %+v, the parcel stands in %s", ca, lu.Place)
		}
		return true, nil
	})
}

// fallouts: those without an order are one for each dock.
func (v *inspector) fallouts() error {
	return each(v.r, under(kFallout), func(f *Fallout) (bool, error) {
		if f.Order != "" {
			v.inList(key(kFallOf, f.Order, f.ID))
		}
		if f.Due != 0 {
			v.want[string(alarmKey(f.Due, alarmFallout, f.ID))] = true
			v.check(f.ClearedAt == 0 && f.AckAt == 0, "fallout %+v has a deadline", f)
		}
		if f.Order != "" || f.ClearedAt != 0 {
			return true, nil
		}
		v.row(kFOpen, f.ID)
		v.row(kStray, f.Dock)
		id, err := v.r.Get(key(kStray, f.Dock))
		v.check(err == nil && string(id) == f.ID, "fallout %s of dock %s, which has %q", f.ID, f.Dock, id)
		return true, nil
	})
}

// levels: what is marked has a round that will tell it, and what was told last
// is what the balances say, unless it is marked.
func (v *inspector) levels() error {
	h, err := load[atpHead](v.r, key(kATPHead))
	if err != nil {
		return err
	}
	if h == nil {
		h = &atpHead{}
	}
	if h.Due != 0 {
		v.want[string(alarmKey(h.Due, alarmATP, "site"))] = true
	}
	marked, err := tails(v.r, under(kATP), 0)
	v.check(len(marked) == 0 || h.Due != 0, "levels of %v are marked and no round is due", marked)
	if err != nil {
		return err
	}
	prefix := under(kLevels)
	return v.r.Range(prefix, func(k, b []byte) (bool, error) {
		sku, owner, _ := strings.Cut(string(k[len(prefix):]), string(rune(sep)))
		rec, err := decodeRecord[levelsRecord](k, b)
		if err != nil {
			return false, err
		}
		row := demand{sku, owner}.row()
		if rec.Wake != 0 {
			v.want[string(alarmKey(rec.Wake, alarmLevels, row))] = true
		}
		if site, err := GetSite(v.r); err != nil || site.ATPEveryMs == 0 || slices.Contains(marked, row) {
			return true, err
		}
		now, err := GetLevels(v.r, sku, owner, h.Last)
		v.check(err == nil && *now == rec.Levels, "levels of %s: told %+v, there are %+v", row, rec.Levels, now)
		return true, err
	})
}

// packs: who is held for a pack size is known, and every order of the pool is
// free of such items unless it is still to be looked at.
func (v *inspector) packs() error {
	return each(v.r, under(kPack), func(p *PackChange) (bool, error) {
		if p.Alarm != 0 {
			v.want[string(alarmKey(p.Alarm, alarmPack, p.SKU))] = true
			return true, nil
		}
		v.check(!p.Confirmed, "pack change %+v is confirmed and over", p)
		pool, err := Pool(v.r, 0)
		for i := range pool {
			v.check(!hasItem(&pool[i], p.SKU), "order %s with %s is in the pool", pool[i].Spec.ID, p.SKU)
		}
		return true, err
	})
}

func (v *inspector) kept() error {
	return each(v.r, under(kKept), func(k *Kept) (bool, error) {
		v.want[string(alarmKey(k.Until, alarmKept, k.ID))] = true
		v.row(kKeptFor, k.For, k.ID)
		var sum int64
		for _, q := range k.Spots {
			sum += q.Qty
		}
		v.check(sum == k.Qty && len(k.Spots) > 0, "reservation %+v", k)
		return true, nil
	})
}

func (v *inspector) adjustments() error {
	return each(v.r, under(kAdjust), func(a *Adjustment) (bool, error) {
		if a.State == AdjustWaiting {
			v.row(kAdjusts, a.ID)
		}
		v.check((a.State != AdjustRefused || a.DecidedAt != 0) && (a.State == AdjustDone || a.By != ""), "adjustment %+v", a)
		return true, nil
	})
}

// floor tasks: what they shall move is reserved (see ledger), and who has one
// has no other work.
func (v *inspector) floor() error {
	err := each(v.r, under(kReading), func(r *Reading) (bool, error) {
		v.want[string(alarmKey(r.Ends, alarmReading, r.Place))] = true
		return true, nil
	})
	if err != nil {
		return err
	}
	// A model on its way, or what is left of one, always ends by itself.
	err = each(v.r, under(kModelSession), func(s *modelSession) (bool, error) {
		v.want[string(alarmKey(s.Alarm, alarmModel, num(s.No)))] = true
		return true, nil
	})
	if err != nil {
		return err
	}
	return each(v.r, under(kFloor), func(t *FloorTask) (bool, error) {
		switch t.State {
		case TaskOpen:
			v.want[string(floorQueueKey(t))] = true
			v.check(t.Worker == "" && t.Lease == 0 && t.Held == 0 && !t.AtFrom, "open floor task %+v is in hand", t)
		case TaskClaimed:
			v.want[string(alarmKey(t.Lease, alarmFloor, t.ID))] = true
			ws, err := GetWorkerState(v.r, t.Worker)
			v.check(err == nil && ws != nil && ws.Floor == t.ID && ws.Batch == "" && ws.WaitingSince == 0, "floor task %+v, worker %+v", t, ws)
		default:
			v.fail("floor task %+v", t)
		}
		v.check(t.Held <= t.Qty && (t.Held == 0 || t.AtFrom), "floor task %+v holds too much", t)
		if t.Kind == FloorPutBack {
			return true, v.putBack(t)
		}
		return true, nil
	})
}

// putBack: the task of a line says what the line says, and the line names it.
func (v *inspector) putBack(t *FloorTask) error {
	o, err := GetOrder(v.r, t.Order)
	if err != nil || o == nil {
		return fmt.Errorf("order %s: %w", t.Order, err)
	}
	l, err := lineOf(o, t.Line)
	if err != nil {
		return err
	}
	v.check(l.PutTask == t.ID && l.PutBack == t.Qty && t.From == LUPlace(o.Tote) && (o.Batch == "" || t.Held > 0),
		"put-back %+v of line %+v, tote %s, batch %q", t, l, o.Tote, o.Batch)
	v.check(t.Held == 0 && t.Lot == "" && t.Serial == "" || t.Held <= l.ofLot(t.Lot, t.Serial), "put-back %+v of %+v", t, l.Lots)
	return nil
}

// counting: a bin has one count, and a count that is not in review a task.
func (v *inspector) counting() error {
	tasks := make(map[string]int)
	err := each(v.r, under(kFloor), func(t *FloorTask) (bool, error) {
		if t.Kind == FloorCount {
			tasks[t.Ref]++
		}
		return true, nil
	})
	if err != nil {
		return err
	}
	err = each(v.r, under(kTally), func(ct *Count) (bool, error) {
		v.row(kCounting, ct.Bin)
		id, err := v.r.Get(key(kCounting, ct.Bin))
		v.check(err == nil && string(id) == ct.ID, "count %s of bin %s, which has %q", ct.ID, ct.Bin, id)
		want := 1
		if ct.State == CountReview {
			want = 0
		}
		v.check(tasks[ct.ID] == want, "count %+v has %d tasks", ct, tasks[ct.ID])
		delete(tasks, ct.ID)
		return true, nil
	})
	v.check(len(tasks) == 0, "tasks of no count: %v", tasks)
	if err != nil {
		return err
	}
	return each(v.r, under(kFace), func(f *PickFace) (bool, error) {
		if f.Task == "" {
			return true, nil
		}
		t, err := GetFloorTask(v.r, f.Task)
		v.check(err == nil && t != nil && t.Kind == FloorReplenish && t.Ref == f.Bin && t.SKU == f.SKU, "face %+v has task %+v", f, t)
		return true, nil
	})
}

// returns: what came back and is not decided about waits in the place of the
// return.
func (v *inspector) returns() error {
	return each(v.r, under(kReturn), func(rt *Return) (bool, error) {
		for _, l := range rt.Lines {
			left := l.Received - l.decided()
			row, err := load[stockRow](v.r, stockRowKey(ReturnPlace(rt.ID), stockKey{sku: l.SKU, lot: l.Lot, status: StatusQC}))
			if err != nil {
				return false, err
			}
			var free int64
			if row != nil {
				free = row.Qty - row.Reserved
			}
			v.check(left >= 0 && free == left, "return %s: %d of %s are not decided about, %d wait", rt.ID, left, l.SKU, free)
			v.check(rt.State != ReceiptClosed || left == 0, "return %s is closed with %d of %s open", rt.ID, left, l.SKU)
		}
		return true, nil
	})
}

// receipts: what lines say came in is what left the supplier.
func (v *inspector) receipts() error {
	came := make(map[string]int64)
	err := each(v.r, under(kMove), func(m *Move) (bool, error) {
		if m.From == PlaceSupplier {
			came[m.To+" "+m.SKU] += m.Qty
		}
		return true, nil
	})
	if err != nil {
		return err
	}
	err = each(v.r, under(kReceipt), func(rc *Receipt) (bool, error) {
		if rc.State == ReceiptExpected || rc.State == ReceiptReceiving {
			v.row(kReceipts, rc.ID)
			for _, l := range rc.Lines {
				k := key(kDueIn, demand{l.SKU, rc.Owner}.row(), num(uint64(rc.Expected)), rc.ID)
				if b, err := v.r.Get(k); err == nil && b != nil && rc.Expected > 0 {
					v.want[string(k)] = true
				}
			}
		}
		for _, l := range rc.Lines {
			came[ReceiptPlace(rc.ID)+" "+l.SKU] -= l.Received
			v.check(l.Damaged+l.Expired <= 2*l.Received && l.Tagged <= l.Received, "receipt %s line %+v", rc.ID, l)
		}
		return true, nil
	})
	for k, n := range came {
		v.check(n == 0, "%d of %s came in beside the lines", n, k)
	}
	if err != nil {
		return err
	}
	return each(v.r, under(kBin), func(b *Bin) (bool, error) {
		in, err := Contents(v.r, BinPlace(b.Code))
		if b.Class != "" && len(in) == 0 {
			v.row(kFreeBin, b.Class, b.Code)
		}
		return true, err
	})
}

// archive: an order is here or in the archive, what left is named by nothing that
// is still open, and what is over will be looked at.
func (v *inspector) archive() error {
	left := make(map[string]bool)
	prefix := under(kLeave)
	err := v.r.Range(prefix, func(k, _ []byte) (bool, error) {
		left[string(k[len(prefix)+numWidth+1:])] = true
		return true, nil
	})
	if err != nil {
		return err
	}
	site, err := GetSite(v.r)
	if err != nil || site == nil {
		return err
	}
	sweeping, err := v.r.Get(key(kSweep))
	if err != nil {
		return err
	}
	c := newChange(v.r, Meta{Now: 1}, "")
	for _, s := range sweeps {
		if site.due(s.what, 1) == 0 || sweeping != nil {
			continue
		}
		prefix := under(s.prefix)
		err := v.r.Range(prefix, func(k, b []byte) (bool, error) {
			id := string(k[len(prefix):])
			end, err := s.ended(c, k, b)
			if err != nil || end == 0 {
				return true, err
			}
			// Where only the person goes, it may have gone.
			v.check(site.ArchiveDays == 0 || left[s.what+string(rune(sep))+id], "%s %s is over since %d and nothing looks at it", s.what, id, end)
			return true, nil
		})
		if err != nil {
			return err
		}
	}
	prefix = under(kGone)
	err = v.r.Range(prefix, func(k, b []byte) (bool, error) {
		id := string(k[len(prefix):])
		g, err := decodeRecord[tombstone](k, b)
		if err != nil {
			return false, err
		}
		v.counts[OrderArchived]++
		o, err := load[Order](v.r, key(kOrder, id))
		v.check(err == nil && o == nil, "order %s is here and in the archive", id)
		if g.Bound != "" {
			v.row(kBound, g.Bound)
		}
		if g.Kit != 0 {
			v.row(kKit, num(uint64(g.Kit)))
		}
		return true, err
	})
	if err != nil {
		return err
	}
	return each(v.r, under(kOrder), func(o *Order) (bool, error) {
		v.check(o.Purged == 0 || o.Spec.ShipTo == Address{Country: o.Spec.ShipTo.Country}, "order %s was purged and goes to %+v", o.Spec.ID, o.Spec.ShipTo)
		return true, nil
	})
}

func (v *inspector) stations() error {
	return each(v.r, under(kBench), func(st *StationState) (bool, error) {
		if st.Step == StepScanTote {
			v.check(st.Order == "" && st.Job == "", "station is free: %+v", st)
			return true, nil
		}
		o, err := GetOrder(v.r, st.Order)
		if err != nil || o == nil {
			return false, fmt.Errorf("order %q of station %s: %w", st.Order, st.ID, err)
		}
		if st.Step == StepWeigh || st.Step == StepSecond {
			v.check(o.State == OrderPacking && o.Station == st.ID, "station %+v, order %s", st, o.State)
			return true, nil
		}
		j, err := GetJob(v.r, st.Job)
		if err != nil || j == nil {
			return false, fmt.Errorf("job %q of station %s: %w", st.Job, st.ID, err)
		}
		switch j.State {
		case JobAwaiting, JobRequested, JobSent:
			v.check(st.Step == StepPrint, "station %+v, job %s", st, j.State)
		case JobFailed, JobUnknown:
			v.check(st.Step == StepCheckLabel, "station %+v, job %s", st, j.State)
		default:
			v.fail("station %+v, job %s", st, j.State)
		}
		return true, nil
	})
}

func (v *inspector) jobs() error {
	tracking := make(map[string]bool)
	return each(v.r, under(kJob), func(j *LabelJob) (bool, error) {
		if openJob(j.State) {
			v.row(kJobs, j.Station, j.ID)
		}
		if j.State == JobAwaiting {
			v.row(kAwait, j.Carrier, j.ID)
		}
		if j.Due != 0 {
			v.want[string(alarmKey(j.Due, alarmLabel, j.ID))] = true
		}
		v.check(j.State == JobVoid || (j.State == JobAwaiting) == (j.Tracking == ""), "job %s is %s with number %q", j.ID, j.State, j.Tracking)
		v.check(j.State == JobAwaiting || j.Due == 0, "job %+v waits for nobody", j)
		all := []string{j.Carrier + j.Tracking}
		for _, x := range j.Voided {
			all = append(all, x.Label.Carrier+x.Label.Tracking)
		}
		for _, n := range all {
			v.check(j.Tracking == "" || !tracking[n], "tracking number %s is given twice", n)
			tracking[n] = true
		}
		o, err := GetOrder(v.r, j.Order)
		if err == nil && o == nil && j.State == JobVoid {
			gone, err := GetArchived(v.r, j.Order)
			v.check(err == nil && gone != nil, "order %s of the void label %s is nowhere", j.Order, j.ID)
			return true, nil
		}
		if err != nil || o == nil {
			return false, fmt.Errorf("order %s: %w", j.Order, err)
		}
		if j.State == JobVoid { // of a carton that was opened again
			v.check(!slices.ContainsFunc(o.Parcels, func(p Parcel) bool { return p.Job == j.ID }), "order %s has a parcel with a void label", j.Order)
			return true, nil
		}
		fresh := (j.State == JobRequested || j.State == JobAwaiting) && j.Copies == 1
		if len(j.Voided) > 0 && o.State != OrderPacked {
			fresh = false // labelled before, and again
		}
		for _, p := range o.Parcels {
			v.check(p.Job != j.ID || p.Tracking == j.Tracking && p.Carrier == j.Carrier && p.Service == j.Service, "parcel %+v, job %+v", p, j)
		}
		if parted := len(o.Parcels) > 0 && o.Parcels[0].Lines != nil; parted {
			v.check(fresh || o.Hard || answerIn(o.State).Amend == CodeHardPONR, "order %s is %s and not hard, job %s copy %d", j.Order, o.State, j.State, j.Copies)
			v.check(!fresh || o.State != OrderStaged && o.State != OrderShipped, "order %s is %s, job %s", j.Order, o.State, j.State)
		} else {
			v.check((o.State == OrderPacked) == fresh, "order %s is %s, job %s copy %d", j.Order, o.State, j.State, j.Copies)
		}
		if o.State == OrderStaged || o.State == OrderShipped {
			v.check(j.State == JobPrinted, "order %s is %s with a label %s", j.Order, o.State, j.State)
		}
		return true, nil
	})
}

// manifests: a parcel is on one at most, and ready for one only with a proven
// label.
func (v *inspector) manifests() error {
	err := each(v.r, under(kManifest), func(m *Manifest) (bool, error) {
		for _, sscc := range m.Parcels {
			lu, err := GetLU(v.r, sscc)
			if err == nil && lu == nil && m.State == ManifestDeparted {
				id, err := OrderOfParcel(v.r, sscc)
				v.check(err == nil && id != "", "parcel %s of manifest %s is nowhere", sscc, m.ID)
				continue
			}
			if err != nil || lu == nil {
				return false, fmt.Errorf("parcel %s of manifest %s: %w", sscc, m.ID, err)
			}
			on, err := ManifestOf(v.r, sscc)
			v.check(err == nil && (m.State == ManifestDeparted && on != m.ID || m.State == ManifestClosed && (on == m.ID) == (lu.Place != PlaceCustomer)),
				"parcel %s of the %s manifest %s is on %q and stands in %s", sscc, m.State, m.ID, on, lu.Place)
		}
		if m.State == ManifestClosed {
			v.row(kTruck, m.Dock, m.ID)
		}
		return true, nil
	})
	if err != nil {
		return err
	}
	prefix := under(kReady)
	return v.r.Range(prefix, func(k, _ []byte) (bool, error) {
		carrier, sscc, _ := strings.Cut(string(k[len(prefix):]), string(rune(sep)))
		j, err := GetJob(v.r, sscc)
		on, bad := ManifestOf(v.r, sscc)
		v.check(err == nil && bad == nil && j != nil && j.State == JobPrinted && j.Carrier == carrier && on == "", "parcel %s is ready for %s: %+v, on %q", sscc, carrier, j, on)
		return true, nil
	})
}

func (v *inspector) outbox() error {
	ups, err := Upstreams(v.r)
	for _, up := range append([]string{""}, ups...) {
		if err == nil {
			err = v.stream(up)
		}
	}
	return err
}

// archived is whose an order was that is not here any more. Of one that was
// forgotten only the OMS knows.
func (v *inspector) archived(id, upstream string) (*Order, error) {
	a, err := GetArchived(v.r, id)
	if a != nil {
		return &Order{Upstream: a.Upstream}, err
	}
	s, err := GetSite(v.r)
	if err == nil && s.ForgetDays > 0 {
		return &Order{Upstream: upstream}, nil
	}
	return nil, err
}

// stream checks that what an OMS is told has no gap, and that it hears of no
// order of another one.
func (v *inspector) stream(upstream string) error {
	stream := StreamOf(upstream)
	h, err := outboxHead(v.r, stream)
	if err != nil {
		return err
	}
	next := h.First
	told := make(map[string]bool)
	err = each(v.r, under(kOut, stream), func(e *Event) (bool, error) {
		v.check(e.Seq == next, "outbox %s: number %d, want %d", stream, e.Seq, next)
		next++
		for _, m := range untold(e.Type) {
			delete(told, fmt.Sprintf("%s of %s revision %d", m, e.Order, e.Data.Revision))
		}
		if slices.Contains(milestones, e.Type) {
			m := fmt.Sprintf("%s of %s revision %d", e.Type, e.Order, e.Data.Revision)
			v.check(!told[m], "%s is told twice", m)
			told[m] = true
			o, err := GetOrder(v.r, upstreamID(upstream, e.Order))
			if err == nil && o == nil && e.Data.Born != "" {
				o, err = GetOrder(v.r, e.Order)
			}
			if err == nil && o == nil {
				o, err = v.archived(upstreamID(upstream, e.Order), upstream)
			}
			v.check(err == nil && o != nil && o.Upstream == upstream, "%s of %s is told on %s: %+v", e.Type, e.Order, stream, o)
		}
		return true, nil
	})
	v.check(next == h.Next, "outbox %s ends at %d, want %d", stream, h.Next, next)
	return err
}

// upstreamID is the id here of what an upstream calls id.
func upstreamID(upstream, id string) string {
	if upstream == "" {
		return id
	}
	return upstream + idOfUpstream + id
}

func (v *inspector) master() error {
	return each(v.r, under(kItem), func(it *Item) (bool, error) {
		for _, code := range codesOf(it) {
			v.want[string(codeKey(code))] = true
			sku, err := v.r.Get(codeKey(code))
			v.check(err == nil && string(sku) == it.SKU, "barcode %s means %q, not %s", code, sku, it.SKU)
		}
		return true, nil
	})
}

// indexes compares the index rows that are there with those that must be.
func (v *inspector) indexes() error {
	for _, p := range []string{
		kAt, kFEFO, kPool, kPromise, kActive, kEnded, kFallOf, kWait, kOpen, kDevice, kAskers, kDue, kJobs, kDock, kFOpen, kCode,
		kTrips, kCarry, kBelts, kStray, kKit, kBound, kFloorQ, kAlarm, kReceipts, kFreeBin, kFEFX, kSerial, kIn, kAdjusts, kKeptFor, kCounting, kAwait, kTruck, kDueIn,
	} {
		err := v.r.Range(under(p), func(k, _ []byte) (bool, error) {
			if about := strings.SplitN(string(k[min(len(k), len(under(kAlarm))+numWidth):]), string(rune(sep)), 4); p == kAlarm && about[1] == alarmLot {
				lot, err := load[lotRecord](v.r, key(kLot, about[2], about[3]))
				v.check(err == nil && lot != nil && lot.Expiry != "", "alarm %q of a lot that never ends", k)
				return true, nil // whether it was told is not kept
			}
			if p == kAlarm && strings.HasPrefix(string(k[len(under(kAlarm))+numWidth+1:]), alarmCarrier+string(rune(sep))) {
				return true, nil // says only that something is to be looked at
			}
			v.check(v.want[string(k)], "index row %q is stale", k)
			delete(v.want, string(k))
			return true, nil
		})
		if err != nil {
			return err
		}
	}
	var missing []string
	for k := range v.want {
		missing = append(missing, k)
	}
	slices.Sort(missing)
	for _, k := range missing {
		v.fail("index row %q is missing", k)
	}
	return v.r.Range(under(kCount), func(k, b []byte) (bool, error) {
		s := OrderState(k[len(under(kCount)):])
		v.check(v.counts[s] == fromNum(b), "count of %s is %d, there are %d", s, fromNum(b), v.counts[s])
		return true, nil
	})
}
