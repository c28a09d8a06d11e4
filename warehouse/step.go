package warehouse

import (
	"fmt"
	"slices"
)

// NextStep is what a handheld shows now. It never returns nil without an error.
func NextStep(r Reader, device string) (*Step, error) {
	var ws *WorkerState
	worker, err := WorkerOfDevice(r, device)
	if err == nil && worker != "" {
		ws, err = recall(r, key(kWState, worker), func(c *change) *memo[WorkerState] { return &c.lastWorker })
	}
	switch {
	case err != nil:
		return nil, err
	case ws == nil || ws.Ended:
		return &Step{Do: StepSignIn}, nil
	case ws.Floor != "":
		return nextFloor(r, ws)
	case ws.Batch == "":
		return freeStep(r, ws)
	}
	b, err := must2(batchFor(r, ws.Batch))("batch", ws.Batch)
	if err != nil {
		return nil, err
	}
	s := &Step{Do: StepFinish, Batch: b.ID, Worker: worker, Zero: b.Zero}
	if b.At >= len(b.Walk) {
		return s, nil
	}
	t, err := must2(recall(r, key(kTask, b.Walk[b.At]), func(c *change) *memo[Task] { return &c.lastTask }))("task", b.Walk[b.At])
	if err != nil {
		return nil, err
	}
	it, err := must2(recall(r, key(kItem, t.SKU), lastItem))("item", t.SKU)
	if err != nil {
		return nil, err
	}
	at := slices.IndexFunc(b.Slots, func(s BatchSlot) bool { return s.Slot == t.Slot })
	if at < 0 {
		return nil, fmt.Errorf("%w: batch %s has no slot %d", ErrCorrupt, b.ID, t.Slot)
	}
	s.Do = stepOf(b, t)
	s.Task, s.Order, s.Bin, s.SKU = t.ID, t.Order, t.Bin, t.SKU
	s.Name, s.GTIN, s.Lot, s.Expiry = it.Name, it.GTIN, t.Lot, t.Expiry
	s.Qty, s.Held = t.Qty-b.Held, b.Held
	s.Serial = t.Serial
	s.Slot, s.Tote = t.Slot, b.Slots[at].Tote
	s.Left = len(b.Walk) - b.At
	return s, nil
}

// freeStep is that of a worker without work.
func freeStep(r Reader, ws *WorkerState) (*Step, error) {
	s := &Step{Do: StepAsk, Worker: ws.Worker, Zone: ws.Zone}
	if ws.WaitingSince != 0 {
		s.Do = StepWait
	}
	site, err := GetSite(r)
	s.Zones = site != nil && site.ZonePicking
	return s, err
}

// after reads the state behind a command. What the command itself saved last of a
// batch need not be decoded again: that is the biggest record of a walk.
type after struct {
	Reader
	c *change
}

// recall loads a record, with the memory of the command when there is one.
func recall[T any](r Reader, k []byte, of func(*change) *memo[T]) (*T, error) {
	switch r := r.(type) {
	case *change:
		return of(r).load(r, k)
	case *after:
		return of(r.c).load(r, k)
	}
	return load[T](r, k)
}

func lastItem(c *change) *memo[Item] { return &c.lastItem }

func batchFor(r Reader, id string) (*Batch, error) {
	if a, ok := r.(*after); ok && a.c.saved != nil && a.c.saved.ID == id {
		return a.c.saved, nil
	}
	return GetBatch(r, id)
}

// StationStep is what a pack station shows now. It never returns nil without an
// error.
func StationStep(r Reader, station string) (*Step, error) {
	st, err := GetStation(r, station)
	if err != nil {
		return nil, err
	}
	return &Step{
		Do: st.Step, Station: st.ID, Order: st.Order, Tote: st.Tote, SSCC: st.SSCC,
		ExpectedMg: st.ExpectedMg, Code: st.Code, Carton: st.Carton,
		No: st.No, Of: st.Of, Contents: st.Contents, More: st.More, Scanned: st.Scanned,
	}, nil
}
