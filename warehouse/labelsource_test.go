package warehouse_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	. "tote/warehouse"
)

// online is a world in which POST gives its labels one by one, and FAST has a
// range of four numbers of which the last two are few.
func online(t fataler) *world {
	w := stocked(t)
	w.ok(PutSite{Site: onlineSite()})
	return w
}

func onlineSite() Site {
	s := shipSite()
	s.Carriers[0].Last, s.Carriers[0].LowWater = 4, 2
	s.Carriers[1].Mode, s.Carriers[1].Prefix = CarrierOnline, ""
	return s
}

// pack1 releases and packs an order of one pen at pack1, without its label.
func (w *world) pack1(id, method string) *LabelJob {
	w.t.Helper()
	w.ok(to(id, func(s *OrderSpec) { s.Method = method }, "PEN"))
	w.onScale("pack1", id)
	return seen(GetJob(w.tx, w.weigh("pack1")))
}

func (w *world) printed(job string) {
	w.t.Helper()
	cmd := LabelSent{Job: job}
	if j := seen(GetJob(w.tx, job)); len(j.Voided) > 0 {
		w.no(cmd, CodeLabelState) // the old label, drawn before
		cmd.Tracking = j.Tracking
	}
	w.ok(cmd)
	w.ok(LabelOutcome{Job: job, Outcome: JobPrinted})
}

// all lists the events of some types.
func (w *world) all(types ...string) (out []Event) {
	for _, e := range w.events() {
		if slices.Contains(types, e.Type) {
			out = append(out, e)
		}
	}
	return out
}

// An online carrier gives number and label; nothing is printed before, and the
// label is archived with its hash. Row 11: the shipped event has SSCC and
// tracking number.
func TestLabelOnlineRow11(t *testing.T) {
	w := online(t)
	j := w.pack1("O1", "standard")
	if j.State != JobAwaiting || j.Tracking != "" || j.Carrier != "POST" || w.order("O1").Parcels[0].Tracking != "" {
		t.Fatalf("%+v", j)
	}
	w.no(LabelSent{Job: j.ID}, CodeLabelState)
	w.no(Load{Dock: "d1", Barcode: j.ID}, CodeNotLabelled)
	if n := len(seen(PendingJobs(w.tx, "pack1"))); n != 0 {
		t.Fatalf("%d jobs to print", n)
	}
	if asks := seen(AwaitingLabel(w.tx, "POST", 0)); len(asks) != 1 || asks[0].ID != j.ID {
		t.Fatalf("%+v", asks)
	}
	w.invariants()
	given := LabelGiven{Job: j.ID, Carrier: "POST", Tracking: "RR123", Type: DocZPL, Body: "^XA^FDlabel^FS^XZ"}
	w.ok(given)
	digest := w.tx.Digest()
	w.ok(given) // the port says it twice
	if w.tx.Digest() != digest {
		t.Error("the same answer again changed something")
	}
	j = seen(GetJob(w.tx, j.ID))
	if j.State != JobRequested || j.Tracking != "RR123" || j.Doc != "D000001" {
		t.Fatalf("%+v", j)
	}
	w.printed(j.ID)
	w.ok(Load{Dock: "d1", Barcode: j.ID})
	w.ok(Depart{Dock: "d1"})
	ps := w.last(EvOrderShipped).Data.Parcels
	if len(ps) != 1 || ps[0].SSCC != j.ID || ps[0].Tracking != "RR123" || ps[0].Carrier != "POST" || ps[0].Service != "parcel" || ps[0].Cost != 490 {
		t.Errorf("%+v", ps)
	}
	if _, ok, err := NextDue(w.tx); ok || err != nil {
		t.Errorf("something is due: %v", err)
	}
	w.invariants()
	w.books()
}

// A carrier that does not answer is told after two minutes, once, and the
// station is free; the answer ends it.
func TestLabelCarrierIsSilent(t *testing.T) {
	w := online(t)
	j := w.pack1("O1", "standard")
	at, ok, err := NextDue(w.tx)
	if err != nil || !ok || at != w.m.Now+120_000 {
		t.Fatalf("due at %d: %v %v", at, ok, err)
	}
	if s := seen(StationStep(w.tx, "pack1")); s.Do != StepPrint {
		t.Errorf("%+v", s)
	}
	w.m.Now = at
	w.ok(AdvanceTime{})
	w.wantFallouts("AWAITING_LABEL O1/0")
	if s := seen(StationStep(w.tx, "pack1")); s.Do != StepScanTote || s.Code != FalloutAwaitingLabel {
		t.Errorf("%+v", s)
	}
	w.invariants()
	w.m.Now += hour
	w.ok(AdvanceTime{})
	w.wantFallouts("AWAITING_LABEL O1/0")
	w.ok(LabelGiven{Job: j.ID, Carrier: "POST", Tracking: "RR1"})
	w.wantFallouts()
	if n := len(w.all(EvFalloutOpened)); n != 1 {
		t.Errorf("opened %d times", n)
	}
	w.printed(j.ID)
	w.invariants()
}

// A used-up range makes parcels wait: it is told once before, no number is ever
// invented, and a longer range lets all of them go on.
func TestLabelRangeIsUsedUp(t *testing.T) {
	w := online(t)
	for i := range 4 {
		j := w.pack1(fmt.Sprintf("O%d", i+1), "express")
		if want := fmt.Sprintf("FX%06d", i+1); j.Tracking != want {
			t.Errorf("%+v, want %s", j, want)
		}
		w.printed(j.ID)
	}
	if low := w.all(EvRangeLow); len(low) != 1 || low[0].Data.Carrier != "FAST" || low[0].Data.Qty != 2 {
		t.Errorf("%+v", low)
	}
	if left := seen(RangesLeft(w.tx)); left[0] != (RangeLeft{"FAST", 0, true}) || len(left) != 2 {
		t.Errorf("%+v", left)
	}
	var jobs []*LabelJob
	for i := range 30 {
		id := fmt.Sprintf("P%02d", i)
		j := w.pack1(id, "express")
		if j.State != JobAwaiting || j.Tracking != "" {
			t.Fatalf("%+v", j)
		}
		if s := seen(StationStep(w.tx, "pack1")); s.Do != StepScanTote || s.Code != CodeAwaitingLabel {
			t.Fatalf("%+v", s)
		}
		jobs = append(jobs, j)
	}
	if n := len(w.openFallouts()); n != 30 {
		t.Fatalf("%d fallouts", n)
	}
	w.invariants()
	s := onlineSite()
	s.Carriers[0].Last = 33
	w.ok(PutSite{Site: s})
	for range 10 {
		at, ok, err := NextDue(w.tx)
		if err != nil || !ok || at > w.m.Now {
			break
		}
		w.ok(AdvanceTime{})
		w.invariants()
	}
	for i, j := range jobs {
		j = seen(GetJob(w.tx, j.ID))
		if want := fmt.Sprintf("FX%06d", i+5); i < 29 && j.Tracking != want || i == 29 && j.State != JobAwaiting {
			t.Errorf("parcel %d: %+v", i, j)
		}
	}
	w.wantFallouts("AWAITING_LABEL P29/0")
	if n := len(w.all(EvRangeLow)); n != 2 {
		t.Errorf("told %d times of two ranges", n)
	}
	// Down, it goes with another one that serves the method, if there is one.
	s.Services[2].Methods, s.Services[2].MinMg = append(s.Services[2].Methods, "express"), 0
	w.ok(PutSite{Site: s})
	w.ok(CarrierDown{Carrier: "FAST", Reason: "snow"})
	w.ok(AdvanceTime{})
	w.wantFallouts()
	if p := w.order("P29").Parcels[0]; p.Carrier != "BULK" || p.Tracking != "BU0001" || p.Cost != 9900 {
		t.Errorf("%+v", p)
	}
	w.invariants()
}

// A parcel the carrier refuses goes with the next one; nobody left is a
// fallout.
func TestLabelRefused(t *testing.T) {
	w := online(t)
	s := onlineSite()
	s.Carriers[0].Mode = CarrierOnline
	s.Services[2].Methods = nil
	w.ok(PutSite{Site: s})
	j := w.pack1("O1", "standard")
	w.ok(LabelRefused{Job: j.ID, Carrier: "POST", Reason: "no such street"})
	if j = seen(GetJob(w.tx, j.ID)); j.Carrier != "FAST" || j.State != JobAwaiting {
		t.Fatalf("%+v", j)
	}
	if n := len(seen(AwaitingLabel(w.tx, "POST", 0))); n != 0 {
		t.Errorf("%d still asked of POST", n)
	}
	w.no(LabelGiven{Job: j.ID, Carrier: "POST", Tracking: "LATE"}, CodeLabelState)
	w.invariants()
	w.ok(LabelRefused{Job: j.ID, Carrier: "FAST", Reason: "no such street"})
	w.wantFallouts("CARRIER_REFUSED O1/0")
	w.ok(LabelRefused{Job: j.ID, Carrier: "FAST", Reason: "no such street"})
	w.wantFallouts("CARRIER_REFUSED O1/0")
	w.state("O1", OrderPacked)
	w.invariants()
	w.ok(ChangeCarrier{SSCC: j.ID, Carrier: "BULK", Service: "desk", Reason: "by hand"})
	w.wantFallouts()
	w.printed(j.ID)
	if n := len(w.all(EvLabelVoided, EvBillingChanged)); n != 0 {
		t.Errorf("%d labels void of one that never was", n)
	}
	w.invariants()
}

// row 54: another carrier after the label: the old label is void, the new one
// printed, and one event says what is billed.
func TestRelabelRow54(t *testing.T) {
	for _, mode := range []string{"range", "online"} {
		t.Run("row 54: from a label to one of the "+mode, func(t *testing.T) {
			w := online(t)
			from, to := "express", ChangeCarrier{Carrier: "BULK", Service: "desk"}
			if mode == "online" {
				to = ChangeCarrier{Carrier: "POST", Service: "parcel"}
			}
			to.Reason = "strike"
			j := w.pack1("O1", from)
			filed := w.ok(FileDocument{What: DocLabel, Type: DocZPL, Ref: j.ID, Body: "^XA^XZ"}).Ref
			w.printed(j.ID)
			w.state("O1", OrderLabelled)
			to.SSCC = j.ID
			w.ok(to)
			w.ok(to) // said twice
			if mode == "online" {
				if n := len(w.all(EvBillingChanged)); n != 0 {
					t.Fatal("billed before the number is known")
				}
				w.ok(LabelGiven{Job: j.ID, Carrier: "POST", Tracking: "RR9"})
			}
			w.state("O1", OrderLabelled)
			w.invariants()
			w.no(Load{Dock: "d1", Barcode: j.ID}, CodeNotLabelled)
			w.printed(j.ID)
			w.ok(Load{Dock: "d1", Barcode: j.ID})
			w.no(to, CodeAlreadyLoaded)
			w.ok(Depart{Dock: "d1"})
			w.no(to, CodeAlreadyLoaded)
			void, bill := w.all(EvLabelVoided), w.all(EvBillingChanged)
			if len(void) != 1 || len(bill) != 1 {
				t.Fatalf("%d void, %d billed", len(void), len(bill))
			}
			if l := void[0].Data.Label; l.Carrier != "FAST" || l.Tracking != "FX000001" || l.Doc != filed || void[0].Data.Text != "strike" {
				t.Errorf("%+v", l)
			}
			was, now := bill[0].Data.Was, bill[0].Data.Label
			if *was != *void[0].Data.Label || was.Cost != 1290 || now.Carrier != to.Carrier || now.Service != to.Service || now.Tracking == "" {
				t.Errorf("%+v instead of %+v", now, was)
			}
			if p := w.last(EvOrderShipped).Data.Parcels[0]; p.Carrier != to.Carrier || p.Tracking != now.Tracking || p.SSCC != j.ID {
				t.Errorf("%+v", p)
			}
			if d := seen(GetDocument(w.tx, filed)); d.VoidAt != w.m.Now || d.Published != w.m.Now {
				t.Errorf("%+v", d)
			}
			if j := seen(GetJob(w.tx, j.ID)); len(j.Voided) != 1 || j.Voided[0].By != "test" || j.Copies != 1 {
				t.Errorf("%+v", j)
			}
			w.invariants()
			w.books()
		})
	}
}

// In every state of the label.
func TestRelabelInEveryState(t *testing.T) {
	for _, state := range []string{JobAwaiting, JobRequested, JobSent, JobPrinted, JobFailed, JobUnknown} {
		w := online(t)
		method := "express"
		if state == JobAwaiting {
			method = "standard"
		}
		j := w.pack1("O1", method)
		if state != JobAwaiting && state != JobRequested {
			w.ok(LabelSent{Job: j.ID})
		}
		if state == JobPrinted || state == JobFailed || state == JobUnknown {
			w.ok(LabelOutcome{Job: j.ID, Outcome: state})
		}
		cmd := ChangeCarrier{SSCC: j.ID, Carrier: "BULK", Service: "desk", Reason: "r"}
		if state == JobSent {
			w.no(cmd, CodeLabelState)
			continue
		}
		w.ok(cmd)
		w.wantFallouts()
		w.invariants()
		w.printed(j.ID)
		w.invariants()
		if p := w.order("O1").Parcels[0]; p.Tracking != "BU0001" || len(w.all(EvOrderLabelled)) != 1 {
			t.Errorf("%s: %+v", state, p)
		}
	}
}

func TestRelabelByTheTable(t *testing.T) {
	w := shipping(t)
	j := w.pack1("O1", "standard")
	w.ok(ChangeCarrier{SSCC: j.ID, Reason: "torn"})
	if p := w.order("O1").Parcels[0]; p.Carrier != "FAST" {
		t.Errorf("%+v", p)
	}
	for i := range 7 {
		w.ok(ChangeCarrier{SSCC: j.ID, Carrier: []string{"POST", "FAST"}[i%2], Service: []string{"parcel", "next"}[i%2], Reason: "r"})
	}
	w.no(ChangeCarrier{SSCC: j.ID, Reason: "r"}, CodeConflict)
	w.invariants()
	// A site without the table.
	w = picked(t, 1)
	w.ok(StartPack{Station: "pack1", Barcode: "T-K1-1"})
	job := w.weigh("pack1")
	w.no(ChangeCarrier{SSCC: job, Carrier: "FAST", Service: "x", Reason: "r"}, CodeInvalid)
	w.ok(ChangeCarrier{SSCC: job, Carrier: "FAST", Reason: "r"})
	if p := w.order("O1").Parcels[0]; p.Carrier != "FAST" || p.Tracking != "FX000001" {
		t.Errorf("%+v", p)
	}
	w.invariants()
}

// row 23, row 47: a document has kind, hash, when it was made and came out, and
// where it is archived; a reprint has the same bytes and is audited.
func TestDocumentRow23Row47(t *testing.T) {
	w := online(t)
	j := w.pack1("O1", "standard")
	body := "^XA^FDlabel^FS^XZ"
	w.m.Now += 1000
	made := w.m.Now
	w.ok(LabelGiven{Job: j.ID, Carrier: "POST", Tracking: "RR1", Body: body})
	w.m.Now += 1000
	w.ok(LabelSent{Job: j.ID})
	w.ok(LabelOutcome{Job: j.ID, Outcome: JobUnknown})
	w.m.Actor = "packer"
	w.ok(Reprint{Job: j.ID})
	w.m.Now += 1000
	w.printed(j.ID)
	ds := seen(DocumentsOf(w.tx, j.ID))
	if len(ds) != 1 {
		t.Fatalf("%+v", ds)
	}
	d := ds[0]
	// printf '^XA^FDlabel^FS^XZ' | sha256sum
	const hash = "68fa52193f4a419865a1ce4896d4aad1e30459f59fc5aff5e4683dba5e407dd7"
	if d.Kind != DocLabel || d.Hash != hash || d.Created != made || d.Published != made+2000 || d.Archive != "site/documents/D000001" ||
		d.Size != len(body) || d.Order != "O1" || d.Copies != 1 || d.CopyBy != "packer" || d.CopyAt != made+1000 {
		t.Errorf("%+v", d)
	}
	if got := string(seen(DocumentBody(w.tx, d.ID))); got != body {
		t.Errorf("%q", got)
	}
	// A slip, archived on paper too.
	slip := FileDocument{What: DocSlip, Type: DocText, Ref: "O1", Body: "1 x Pen\n", Archive: "box 7"}
	res := w.ok(slip)
	if again := w.ok(slip); again.Ref != res.Ref || len(seen(DocumentsOf(w.tx, "O1"))) != 1 {
		t.Errorf("filed twice: %+v", again)
	}
	first := seen(DocumentBody(w.tx, res.Ref))
	for i := range 2 {
		if r := w.ok(ReprintDocument{Document: res.Ref, Reason: "lost"}); r.Text != res.Text {
			t.Errorf("copy %d has hash %s, not %s", i, r.Text, res.Text)
		}
	}
	if string(seen(DocumentBody(w.tx, res.Ref))) != string(first) {
		t.Error("a reprint has other bytes")
	}
	var told []string
	for _, e := range w.all(EvDocumentReprinted) {
		told = append(told, fmt.Sprintf("%s %s %d %s", e.Data.Doc, e.Data.Ref, e.Data.Qty, e.Data.Text))
		if e.Data.Hash != hash && e.Data.Hash != res.Text {
			t.Errorf("%+v", e)
		}
	}
	if want := []string{"D000001 " + j.ID + " 1 the label is UNKNOWN", "D000002 O1 1 lost", "D000002 O1 2 lost"}; !slices.Equal(told, want) {
		t.Errorf("told %q", told)
	}
	if d := seen(GetDocument(w.tx, "D000002")); d.Archive != "box 7" || d.CopyWhy != "lost" || d.Copies != 2 || d.Published == 0 {
		t.Errorf("%+v", d)
	}
	// What came later is another document.
	slip.Body = "2 x Pen\n"
	if r := w.ok(slip); r.Ref == res.Ref || r.Text == res.Text {
		t.Errorf("%+v", r)
	}
	w.invariants()
}

func TestLabelCommandsRefused(t *testing.T) {
	w := online(t)
	j := w.pack1("O1", "standard")
	w.ok(release("O2", "PEN"))
	w.onScale("pack2", "O2")
	other := seen(GetJob(w.tx, w.weigh("pack2")))
	w.ok(LabelGiven{Job: other.ID, Carrier: "POST", Tracking: "TAKEN", Body: "x"})
	slip := w.ok(FileDocument{What: DocSlip, Type: DocText, Ref: "O1", Body: "x"}).Ref
	given := LabelGiven{Job: j.ID, Carrier: "POST", Tracking: "RR1"}
	with := func(change func(*LabelGiven)) Command {
		g := given
		change(&g)
		return g
	}
	long := strings.Repeat("x", 49_153)
	before := w.tx.Digest()
	for _, tt := range []struct {
		cmd  Command
		code string
	}{
		{with(func(g *LabelGiven) { g.Job = "" }), CodeUnknownJob},
		{with(func(g *LabelGiven) { g.Job = "NOPE" }), CodeUnknownJob},
		{with(func(g *LabelGiven) { g.Carrier = "FAST" }), CodeLabelState},
		{with(func(g *LabelGiven) { g.Tracking = "" }), CodeInvalid},
		{with(func(g *LabelGiven) { g.Tracking = "a b" }), CodeInvalid},
		{with(func(g *LabelGiven) { g.Tracking = "TAKEN" }), CodeConflict},
		{with(func(g *LabelGiven) { g.Type = "doc"; g.Body = "x" }), CodeInvalid},
		{with(func(g *LabelGiven) { g.Type = DocZPL }), CodeInvalid},
		{with(func(g *LabelGiven) { g.Body = long }), CodeInvalid},
		{LabelGiven{Job: other.ID, Carrier: "POST", Tracking: "RR2"}, CodeLabelState},
		{LabelRefused{Job: "NOPE", Carrier: "POST", Reason: "r"}, CodeUnknownJob},
		{LabelRefused{Job: j.ID, Carrier: "POST"}, CodeInvalid},
		{LabelRefused{Job: j.ID, Carrier: "FAST", Reason: "r"}, CodeLabelState},
		{LabelRefused{Job: other.ID, Carrier: "POST", Reason: "r"}, CodeLabelState},
		{ChangeCarrier{SSCC: j.ID, Carrier: "BULK", Service: "desk"}, CodeInvalid},
		{ChangeCarrier{SSCC: "", Reason: "r"}, CodeUnknownSSCC},
		{ChangeCarrier{SSCC: "NOPE", Reason: "r"}, CodeUnknownSSCC},
		{ChangeCarrier{SSCC: j.ID, Carrier: "NOPE", Reason: "r"}, CodeInvalid},
		{ChangeCarrier{SSCC: j.ID, Carrier: "POST", Service: "next", Reason: "r"}, CodeInvalid},
		{ChangeCarrier{SSCC: j.ID, Carrier: "BULK", Service: "pallet", Reason: "r"}, CodeCarrierRefused},
		{FileDocument{What: "poem", Type: DocText, Ref: "O1", Body: "x"}, CodeInvalid},
		{FileDocument{What: DocSlip, Type: "doc", Ref: "O1", Body: "x"}, CodeInvalid},
		{FileDocument{What: DocSlip, Type: DocText, Ref: "O1"}, CodeInvalid},
		{FileDocument{What: DocSlip, Type: DocText, Ref: "O1", Body: long}, CodeInvalid},
		{FileDocument{What: DocSlip, Type: DocText, Ref: "O1", Body: "x", Archive: "a\x01"}, CodeInvalid},
		{FileDocument{What: DocSlip, Type: DocText, Ref: "a/b", Body: "x"}, CodeInvalid},
		{FileDocument{What: DocSlip, Type: DocText, Ref: "O9", Body: "x"}, CodeUnknownOrder},
		{FileDocument{What: DocLabel, Type: DocZPL, Ref: "O1", Body: "x"}, CodeUnknownJob},
		{FileDocument{What: DocLabel, Type: DocZPL, Ref: j.ID, Body: "x"}, CodeLabelState},
		{FileDocument{What: DocLabel, Type: DocZPL, Ref: other.ID, Body: "y"}, CodeConflict},
		{ReprintDocument{Document: "", Reason: "r"}, CodeUnknownDocument},
		{ReprintDocument{Document: "D9", Reason: "r"}, CodeUnknownDocument},
		{ReprintDocument{Document: slip}, CodeInvalid},
		{ReprintDocument{Document: "D000001", Reason: "r"}, CodeLabelState},
	} {
		w.no(tt.cmd, tt.code)
	}
	if w.tx.Digest() != before {
		t.Error("a refused command changed something")
	}
	for i := range 19 {
		w.ok(FileDocument{What: DocSlip, Type: DocText, Ref: "O1", Body: fmt.Sprint(i)})
	}
	w.no(FileDocument{What: DocSlip, Type: DocText, Ref: "O1", Body: "one more"}, CodeConflict)
	for why, change := range map[string]func(*Site){
		"mode":     func(s *Site) { s.Carriers[0].Mode = "fax" },
		"lowWater": func(s *Site) { s.Carriers[0].LowWater = -1 },
	} {
		s := onlineSite()
		change(&s)
		if res := w.no(PutSite{Site: s}, CodeInvalid); !strings.Contains(res.Text, why) {
			t.Errorf("%s, want %s", res.Text, why)
		}
	}
}

// An order cancelled when its parcel has a number, or waits for one: the number
// is told to be void, and nothing waits for the carrier any more.
func TestCancelVoidsTheLabel(t *testing.T) {
	for _, tt := range []struct {
		method string
		told   int
	}{
		{"express", 1},  // has a number of the range
		{"standard", 0}, // waits for the carrier
	} {
		w := online(t)
		s := onlineSite()
		s.Changes, s.Manifests = &ChangeRules{Cancel: CancelAccept}, true
		w.ok(PutSite{Site: s})
		w.pack1("O1", tt.method)
		w.ok(CancelOrder{Order: "O1", Source: "oms/main"})
		if ev := w.all(EvLabelVoided); len(ev) != tt.told || tt.told == 1 && ev[0].Data.Label.Tracking == "" {
			t.Errorf("%s: told %+v", tt.method, ev)
		}
		if wait := seen(AwaitingLabel(w.tx, "", 0)); len(wait) != 0 {
			t.Errorf("%s: %+v still waits", tt.method, wait)
		}
		w.invariants()
		w.books()
	}
}
