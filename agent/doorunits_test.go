package agent

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"tote/agent/config"
	"tote/agent/places"
	"tote/agent/portal"
	"tote/agent/replica"
	"tote/drivers/rfid/presence"
	"tote/gs1"
	"tote/warehouse"
)

// faltering is a store whose n-th answer is lost: the command is on the log, and who
// asked does not know.
type faltering struct {
	store
	n int
}

func (s *faltering) Do(ctx context.Context, by replica.By, c warehouse.Command) (warehouse.Result, error) {
	res, err := s.store.Do(ctx, by, c)
	if s.n--; s.n == 0 {
		return warehouse.Result{}, errors.New("the leader was lost")
	}
	return res, err
}

// TestOddUnitsAtTheDoor: what a receiving door makes of the SSCCs that pass it. A unit
// of many lines is received whole, whatever answer is lost on the way; nothing is
// received that is cancelled, announced twice, of nobody or no EPC, and nothing twice.
func TestOddUnitsAtTheDoor(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.settings(func(site map[string]any) { site["portals"] = []string{"dock1"} })
	do := func(c warehouse.Command) {
		t.Helper()
		res, err := s.gw.agent.do(s.ctx(), "oms/main", c)
		if s.must(err); !res.OK {
			t.Fatalf("%T: %s %s", c, res.Code, res.Text)
		}
	}
	unit := func(n int) (sscc, tag string) {
		body := fmt.Sprintf("39529999%09d", n)
		check, err := gs1.CheckDigit(body)
		s.must(err)
		return body + string(check), fmt.Sprintf("urn:epc:id:sscc:9529999.3%09d", n)
	}
	announce := func(receipt string, unit string, lines int) {
		t.Helper()
		rs := warehouse.ReceiptSpec{ID: receipt, Supplier: "S1"}
		var items []warehouse.Item
		for i := range lines {
			sku := "A1"
			if lines > 1 {
				sku = fmt.Sprintf("M%03d", i)
				items = append(items, warehouse.Item{SKU: sku, Name: "x", WeightMg: 1000})
			}
			rs.Lines = append(rs.Lines, warehouse.ReceiptLine{Line: i + 1, SKU: sku, Qty: 2, LU: unit})
		}
		if items != nil {
			do(warehouse.PutItems{Items: items})
		}
		do(warehouse.AnnounceReceipt{Source: "oms/main", Receipt: rs})
	}
	do(warehouse.PutSuppliers{Suppliers: []warehouse.Supplier{{ID: "S1", Name: "Mill"}}})
	plain, plainTag := unit(1)
	big, bigTag := unit(2)
	twice, twiceTag := unit(3)
	gone, goneTag := unit(4)
	_, strangeTag := unit(5)
	carton, cartonTag := unit(6) // stands on the pallet of plain
	announce("R1", plain, 1)
	announce("R2", big, 300)
	announce("R3", twice, 1)
	announce("R4", twice, 1)
	announce("R5", gone, 1)
	announce("R6", carton, 1)
	do(warehouse.CancelReceipt{Receipt: "R5", Reason: "not sent"})
	received := func(receipt string) (lines, full int) {
		s.must(s.gw.agent.view(func(r warehouse.Reader) error {
			rc, err := warehouse.GetReceipt(r, receipt)
			for _, l := range rc.Lines {
				if lines++; l.Received == l.Expected {
					full++
				} else if l.Received > 0 {
					t.Errorf("%s line %d: %d of %d", receipt, l.Line, l.Received, l.Expected)
				}
			}
			return err
		}))
		return lines, full
	}
	a := s.gw.agent
	dock := config.Dock{ID: "dock1", RFID: &config.RFID{Receive: true}}
	passes := 0
	pass := func(epcs ...string) {
		t.Helper()
		passes++
		p := portal.Pass{ID: [16]byte{1: byte(passes), 5: 9}, EPCs: epcs, Way: presence.In, From: time.Now().Add(-time.Second), To: time.Now()}
		for range epcs {
			p.RSSI = append(p.RSSI, -50)
		}
		// As the portal does: the same pass again, until every command has its answer.
		for n := 1; ; n++ {
			b := &Agent{cfg: a.cfg, log: a.log, store: &faltering{a.store, n}}
			if b.passed(s.ctx(), dock, p) == nil {
				break
			}
			if n > 40 {
				t.Fatal("it never ends")
			}
		}
	}
	pass(plainTag, cartonTag, bigTag, twiceTag, goneTag, strangeTag, "urn:epc:id:sscc:9529999.3", "urn:epc:id:sscc:", "urn:epc:id:sscc:9529999.30000000"+strings.Repeat("0", 80), "urn:epc:id:sscc:952\u00009999.3000000001")
	for receipt, want := range map[string]int{"R1": 1, "R2": 300, "R3": 0, "R4": 0, "R5": 0, "R6": 1} {
		if lines, full := received(receipt); full != want {
			t.Errorf("%s: %d of %d lines are in, want %d", receipt, full, lines, want)
		}
	}
	// All of it again, as another pass: nothing is here twice.
	before := s.ledgerOf("R2")
	pass(plainTag, cartonTag, bigTag)
	if after := s.ledgerOf("R2"); after != before {
		t.Errorf("again: %d pieces, were %d", after, before)
	}
}

// ledgerOf is how many pieces of a delivery were booked.
func (s *site) ledgerOf(receipt string) (n int64) {
	s.must(s.gw.agent.view(func(r warehouse.Reader) error {
		rc, err := warehouse.GetReceipt(r, receipt)
		for _, l := range rc.Lines {
			n += l.Received
		}
		return err
	}))
	return n
}

// counting is a store that counts what is proposed.
type counting struct {
	store
	n int
}

func (s *counting) Do(ctx context.Context, by replica.By, c warehouse.Command) (warehouse.Result, error) {
	s.n++
	return s.store.Do(ctx, by, c)
}

// TestStrangersMakeNoCommands: a truck full of other people's units at a receiving door
// is one command, and at a reader of places none: they would fill the log.
func TestStrangersMakeNoCommands(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.settings(func(site map[string]any) { site["portals"] = []string{"dock1"} })
	do := func(c warehouse.Command) {
		t.Helper()
		res, err := s.gw.agent.do(s.ctx(), "oms/main", c)
		if s.must(err); !res.OK {
			t.Fatalf("%T: %s %s", c, res.Code, res.Text)
		}
	}
	do(warehouse.PutSuppliers{Suppliers: []warehouse.Supplier{{ID: "S1", Name: "Mill"}}})
	do(warehouse.AnnounceReceipt{Source: "oms/main", Receipt: warehouse.ReceiptSpec{ID: "R1", Supplier: "S1", Lines: []warehouse.ReceiptLine{{Line: 1, SKU: "A1", Qty: 1, LU: "395299990000000027"}}}})
	do(warehouse.PutLU{LU: "395299990000000034", Type: warehouse.LUPallet, At: "bin/B-1"})
	p := portal.Pass{ID: [16]byte{1: 1, 5: 9}, Way: presence.In, From: time.Now().Add(-time.Second), To: time.Now()}
	for n := 2; len(p.EPCs) < warehouse.MaxPassTags; n++ {
		p.EPCs, p.RSSI = append(p.EPCs, fmt.Sprintf("urn:epc:id:sscc:9529999.3%09d", n)), append(p.RSSI, -50)
	}
	log := &counting{store: s.gw.agent.store}
	a := &Agent{cfg: s.gw.agent.cfg, log: s.gw.agent.log, store: log}
	s.must(a.passed(s.ctx(), config.Dock{ID: "dock1", RFID: &config.RFID{Receive: true}}, p))
	if log.n != 2 || s.ledgerOf("R1") != 1 {
		t.Errorf("%d commands, %d received: one for the pass and one for the unit that is announced", log.n, s.ledgerOf("R1"))
	}
	log.n = 0
	for n, tag := range append(p.EPCs[1:], "E28011606000020400000001", "zz", "") { // the second one is the pallet in B-1
		s.must(a.tagSeen(s.ctx(), places.Fact{ID: [16]byte{2: byte(n >> 8), 3: byte(n), 5: 8}, Tag: tag, Place: "B-2", At: time.Now()}))
	}
	if at := s.whereIs("395299990000000034").Seen; log.n != 1 || at == nil || at.Place != "B-2" {
		t.Errorf("%d commands, seen %+v", log.n, at)
	}
}
