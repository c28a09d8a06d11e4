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
		ws, err = GetWorkerState(r, worker)
	}
	switch {
	case err != nil:
		return nil, err
	case ws == nil:
		return &Step{Do: StepSignIn}, nil
	case ws.Floor != "":
		return nextFloor(r, ws)
	case ws.Batch == "" && ws.WaitingSince != 0:
		return &Step{Do: StepWait, Worker: worker}, nil
	case ws.Batch == "":
		return &Step{Do: StepAsk, Worker: worker}, nil
	}
	b, err := must2(batchFor(r, ws.Batch))("batch", ws.Batch)
	if err != nil {
		return nil, err
	}
	s := &Step{Do: StepFinish, Batch: b.ID, Worker: worker, Zero: b.Zero}
	if b.At >= len(b.Walk) {
		return s, nil
	}
	t, err := must2(GetTask(r, b.Walk[b.At]))("task", b.Walk[b.At])
	if err != nil {
		return nil, err
	}
	it, err := must2(GetItem(r, t.SKU))("item", t.SKU)
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

// after reads the state behind a command. What the command itself saved last of a
// batch need not be decoded again: that is the biggest record of a walk.
type after struct {
	Reader
	c *change
}

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
