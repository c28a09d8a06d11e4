package warehouse_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	. "tote/warehouse"
)

func TestPrintLabels(t *testing.T) {
	w := printing(t)
	ask := func(what string, refs ...string) PrintLabels { return asksFor("pack1", what, refs...) }
	many := PrintLabels{Printer: "pack1", What: PrintBin}
	for range 101 {
		many.Labels = append(many.Labels, PrintLabel{Ref: "A-01"})
	}
	w.rejected(t, map[string]struct {
		c    Command
		code string
	}{
		"no station":        {PrintLabels{What: PrintBin, Labels: []PrintLabel{{Ref: "A-01"}}}, CodeInvalid},
		"what":              {ask("pallet", "P1"), CodeInvalid},
		"nothing":           {ask(PrintBin), CodeInvalid},
		"101":               {many, CodeInvalid},
		"no such bin":       {ask(PrintBin, "A-01", "Z-99"), CodeUnknownBin},
		"no tote":           {ask(PrintTote, "A-01"), CodeUnknownTote},
		"no such item":      {ask(PrintItem, "NOPE"), CodeUnknownItem},
		"no such order":     {ask(PrintSlip, "O9"), CodeUnknownOrder},
		"a lot of a bin":    {PrintLabels{Printer: "pack1", What: PrintBin, Labels: []PrintLabel{{Ref: "A-01", Lot: "L"}}}, CodeInvalid},
		"an odd date":       {PrintLabels{Printer: "pack1", What: PrintItem, Labels: []PrintLabel{{Ref: "MILK", Expiry: "soon"}}}, CodeInvalid},
		"a lot with spaces": {PrintLabels{Printer: "pack1", What: PrintItem, Labels: []PrintLabel{{Ref: "MILK", Lot: "a\x00b"}}}, CodeInvalid},
		"no such print":     {PrintSent{Job: "L9"}, CodeUnknownJob},
		"outcome of none":   {PrintOutcome{Job: "L9", Outcome: JobPrinted}, CodeUnknownJob},
		"reprint of none":   {ReprintLabel{Job: "395212340000000014", Reason: "x"}, CodeUnknownJob},
		"given up: neither": {CancelPrints{Reason: "x"}, CodeInvalid},
		"given up: both":    {CancelPrints{Job: "L0000003", Printer: "pack1", Reason: "x"}, CodeInvalid},
		"given up: why":     {CancelPrints{Printer: "pack1"}, CodeInvalid},
	})
}

// asksFor asks for labels at a station.
func asksFor(station, what string, refs ...string) PrintLabels {
	c := PrintLabels{Printer: station, What: what}
	for _, r := range refs {
		c.Labels = append(c.Labels, PrintLabel{Ref: r})
	}
	return c
}

// printing is a day at a site that asks for labels of totes, bins, items and slips.
func printing(t *testing.T) *world {
	w := stocked(t)
	w.m.Actor = "lead/ada"
	w.ok(release("O1", "CUP*2"))
	ask := func(what string, refs ...string) PrintLabels { return asksFor("pack1", what, refs...) }
	if res := w.ok(ask(PrintBin, "A-01", "B-03")); res.Ref != "L0000001" || !strings.Contains(res.Text, "2 labels") {
		t.Errorf("%+v", res)
	}
	w.ok(ask(PrintTote, "T-7"))
	w.ok(PrintLabels{Printer: "pack2", What: PrintItem, Labels: []PrintLabel{{Ref: "MILK", Lot: "L1", Expiry: "2026-09-01", Serial: "S1"}}})
	w.ok(ask(PrintSlip, "O1"))
	states := func(station string) (list []string) {
		waiting, err := PrintsWaiting(w.tx, station, 0)
		if err != nil {
			t.Fatal(err)
		}
		over, err := PrintsOver(w.tx, station)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range append(waiting, over...) {
			list = append(list, fmt.Sprintf("%s %s %s %d", p.ID, p.Label.Ref, p.State, p.Copies))
		}
		return list
	}
	want := func(station string, list ...string) {
		t.Helper()
		if d := cmp.Diff(list, states(station)); d != "" {
			t.Errorf("%s (-want +got)\n%s", station, d)
		}
	}
	want("pack1", "L0000001 A-01 REQUESTED 1", "L0000002 B-03 REQUESTED 1", "L0000003 T-7 REQUESTED 1", "L0000005 O1 REQUESTED 1")
	want("pack2", "L0000004 MILK REQUESTED 1")

	// A job has each outcome once, and only after it was sent.
	w.no(PrintOutcome{Job: "L0000001", Outcome: JobPrinted}, CodeLabelState)
	w.ok(PrintSent{Job: "L0000001"})
	w.no(PrintSent{Job: "L0000001"}, CodeLabelState)
	w.no(PrintOutcome{Job: "L0000001", Outcome: "MAYBE"}, CodeInvalid)
	w.ok(PrintOutcome{Job: "L0000001", Outcome: JobPrinted, Detail: "printed\n"})
	w.ok(PrintOutcome{Job: "L0000001", Outcome: JobPrinted})
	w.no(PrintOutcome{Job: "L0000001", Outcome: JobFailed}, CodeLabelState)
	w.ok(PrintSent{Job: "L0000002"})
	w.ok(PrintOutcome{Job: "L0000002", Outcome: JobUnknown, Detail: "DEV-316"})
	want("pack1", "L0000003 T-7 REQUESTED 1", "L0000005 O1 REQUESTED 1", "L0000001 A-01 PRINTED 1", "L0000002 B-03 UNKNOWN 1")

	// A reprint is somebody's, and says why.
	w.no(ReprintLabel{Job: "L0000002"}, CodeInvalid)
	w.no(ReprintLabel{Job: "L0000003", Reason: "again"}, CodeLabelState)
	w.m.Actor = "lead/bob"
	w.m.Now += 1000
	w.ok(ReprintLabel{Job: "L0000002", Reason: "not there"})
	w.ok(ReprintLabel{Job: "L0000001", Reason: "torn"})
	p := *seen(GetPrint(w.tx, "L0000001"))
	if p.By != "lead/ada" || p.CopyBy != "lead/bob" || p.CopyWhy != "torn" || p.CopyAt != w.m.Now || p.Copies != 2 || p.Detail != "" {
		t.Errorf("%+v", p)
	}
	// What is unknown may turn out to be printed.
	w.ok(PrintSent{Job: "L0000002"})
	w.ok(PrintOutcome{Job: "L0000002", Outcome: JobUnknown})
	w.ok(PrintOutcome{Job: "L0000002", Outcome: JobPrinted, Detail: "seen"})

	// Given up: what was sent is not.
	w.ok(PrintSent{Job: "L0000003"})
	w.ok(CancelPrints{Printer: "pack1", Reason: "printer broken"})
	want("pack1", "L0000003 T-7 SENT 1", "L0000001 A-01 CANCELLED 2", "L0000002 B-03 PRINTED 2", "L0000005 O1 CANCELLED 1")
	w.ok(CancelPrints{Job: "L0000004", Reason: "not wanted"})
	w.no(CancelPrints{Job: "L0000004", Reason: "not wanted"}, CodeLabelState)
	w.invariants()
	w.books()
	return w
}

// What waits and what is kept is bounded, and nobody pays for what was.
func TestPrintsAreBounded(t *testing.T) {
	w := stocked(t)
	hundred := PrintLabels{Printer: "pack1", What: PrintBin}
	for range 100 {
		hundred.Labels = append(hundred.Labels, PrintLabel{Ref: "A-01"})
	}
	for range 5 {
		w.ok(hundred)
	}
	w.no(PrintLabels{Printer: "pack1", What: PrintBin, Labels: []PrintLabel{{Ref: "A-01"}}}, CodeConflict)
	w.ok(PrintLabels{Printer: "pack2", What: PrintBin, Labels: []PrintLabel{{Ref: "A-01"}}})
	waiting := seenList(PrintsWaiting(w.tx, "pack1", 0))
	for i, p := range waiting {
		w.ok(PrintSent{Job: p.ID})
		w.ok(PrintOutcome{Job: p.ID, Outcome: JobPrinted})
		if over := seenList(PrintsOver(w.tx, "pack1")); len(over) != min(i+1, 300) || over[len(over)-1].ID != p.ID {
			t.Fatalf("after %d: %d kept", i+1, len(over))
		}
	}
	if p, err := GetPrint(w.tx, waiting[0].ID); err != nil || p != nil {
		t.Errorf("the oldest is kept: %+v %v", p, err)
	}
	// A reprint takes its job out of those that are over, and back.
	last := waiting[len(waiting)-1].ID
	w.ok(ReprintLabel{Job: last, Reason: "torn"})
	w.ok(PrintSent{Job: last})
	w.ok(PrintOutcome{Job: last, Outcome: JobFailed})
	if over := seenList(PrintsOver(w.tx, "pack1")); len(over) != 300 || !slices.ContainsFunc(over, func(p PrintJob) bool { return p.ID == last && p.State == JobFailed }) {
		t.Errorf("%d kept", len(over))
	}
}

func seenList[T any](list []T, err error) []T {
	if err != nil {
		panic(err)
	}
	return list
}
