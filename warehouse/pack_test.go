package warehouse_test

import (
	"fmt"
	"strings"
	"testing"

	. "tote/warehouse"
)

// picked has orders O1…On of one bag each at the pack drop in totes T-K1-1….
func picked(t fataler, n int) *world {
	w := stocked(t)
	var ids []string
	for i := range n {
		id := fmt.Sprintf("O%d", i+1)
		w.ok(release(id, "BAG"))
		ids = append(ids, id)
	}
	w.pick("K1", "w1", ids...)
	return w
}

func TestStartPackRules(t *testing.T) {
	w := picked(t, 2)
	w.ok(release("O3", "PEN"))
	w.assign("K2", "w2", "O3")
	w.walkTo("hw2", StepFinish)
	for barcode, code := range map[string]string{
		"T-9": CodeUnknownTote, "nonsense": CodeUnknownTote, "": CodeUnknownTote, "T-K2-1": CodeNotPicked,
	} {
		if res := w.no(StartPack{Station: "pack1", Barcode: barcode}, code); res.Next.Do != StepScanTote || res.Next.Code != code {
			t.Errorf("%s: next %+v", barcode, res.Next)
		}
	}
	w.no(StartPack{Station: "a/b", Barcode: "T-K1-1"}, CodeInvalid)
	w.ok(StartPack{Station: "pack1", Barcode: "]C0T-K1-1"})
	w.ok(StartPack{Station: "pack1", Barcode: "T-K1-1"}) // the packer comes back to it
	w.no(StartPack{Station: "pack1", Barcode: "T-K1-2"}, CodeStationBusy)
	w.no(StartPack{Station: "pack2", Barcode: "T-K1-1"}, CodeStationBusy)
	w.ok(StartPack{Station: "pack2", Barcode: "T-K1-2"})
	if lu := seen(GetLU(w.tx, "T-K1-2")); lu.Place != "station/pack2" {
		t.Errorf("%+v", lu)
	}
	sscc := w.weigh("pack1")
	w.no(StartPack{Station: "pack1", Barcode: "T-K1-1"}, CodeUnknownTote) // it is free now
	w.no(StartPack{Station: "pack1", Barcode: sscc}, CodeUnknownTote)
	if n := len(seen(Stations(w.tx))); n != 2 {
		t.Errorf("%d stations", n)
	}
	w.invariants()
}

// The tolerance is 5 g and 1 % of the expected weight: 5,000 mg + 1,500 mg here.
func TestWeightCheck(t *testing.T) {
	const expected = 150_000
	for diff, fits := range map[int64]bool{
		0: true, 6_500: true, -6_500: true, 6_501: false, -6_501: false, 50_000: false, -149_999: false,
	} {
		w := picked(t, 1)
		w.ok(StartPack{Station: "pack1", Barcode: "T-K1-1"})
		cmd := Pack{Station: "pack1", Order: "O1", WeightMg: expected + diff}
		if fits {
			w.ok(cmd)
			continue
		}
		if res := w.no(cmd, CodeWeightMismatch); !res.Keep {
			t.Errorf("%d: the mismatch is lost", diff)
		}
	}
}

// A carton of the largest order weighs far beyond 32 bits; nothing overflows.
func TestWeightCheckOfALargeOrder(t *testing.T) {
	w := bare(t)
	w.ok(PutItems{Items: []Item{{SKU: "LEAD", Name: "Lead", WeightMg: 1_000_000_000}}})
	w.ok(OpenStock{Rows: []StockRow{{Bin: "A-01", SKU: "LEAD", Qty: 500_000_000}}})
	lines := make([]string, 499)
	for i := range lines {
		lines[i] = "LEAD*1000000"
	}
	w.ok(release("O1", lines...))
	w.assign("K1", "w1", "O1")
	for w.step("hw1").Do != StepAsk {
		w.act("hw1")
	}
	res := w.ok(StartPack{Station: "pack1", Barcode: "T-K1-1"})
	if want := int64(499)*1e15 + 100_000; res.Next.ExpectedMg != want {
		t.Errorf("expected %d, want %d", res.Next.ExpectedMg, want)
	}
	w.no(Pack{Station: "pack1", Order: "O1", WeightMg: 1}, CodeWeightMismatch)
}

func TestWeightMismatchAndReweigh(t *testing.T) {
	w := picked(t, 1)
	w.ok(StartPack{Station: "pack1", Barcode: "T-K1-1"})
	res := w.no(Pack{Station: "pack1", Order: "O1", WeightMg: 200_000}, CodeWeightMismatch)
	if res.Next.Do != StepScanTote || res.Next.Code != CodeWeightMismatch || !strings.Contains(res.Text, "150000") {
		t.Errorf("%+v %+v", res, res.Next)
	}
	o := w.state("O1", OrderPicked)
	if o.Tote != "T-K1-1" || o.Station != "" || len(o.Parcels) != 0 {
		t.Errorf("%+v", o)
	}
	w.wantFallouts("WEIGHT_MISMATCH O1/0")
	w.wantQty("lu/T-K1-1", "BAG", "", 1, 0)
	w.no(Pack{Station: "pack1", Order: "O1", WeightMg: 150_000}, CodeWrongStep)
	w.invariants()
	// Again, at another station: parked twice, one open fallout.
	w.ok(StartPack{Station: "pack2", Barcode: "T-K1-1"})
	w.wantFallouts()
	w.no(Pack{Station: "pack2", Order: "O1", WeightMg: 1}, CodeWeightMismatch)
	w.wantFallouts("WEIGHT_MISMATCH O1/0")
	w.ok(StartPack{Station: "pack1", Barcode: "T-K1-1"})
	if sscc := w.weigh("pack1"); sscc != "395212340000000014" {
		t.Errorf("%s: a refused carton used up a number", sscc)
	}
	w.wantEvents("O1", EvOrderAccepted, EvOrderReleased, EvOrderPicking, EvOrderPicked,
		EvFalloutOpened, EvFalloutCleared, EvFalloutOpened, EvFalloutCleared, EvOrderPacked)
	w.invariants()
	w.books()
}

// A person may also clear the mismatch in the console.
func TestRetryAfterWeightMismatch(t *testing.T) {
	w := picked(t, 1)
	w.ok(StartPack{Station: "pack1", Barcode: "T-K1-1"})
	w.no(Pack{Station: "pack1", Order: "O1", WeightMg: 1}, CodeWeightMismatch)
	w.m.Actor = "worker/lead"
	w.ok(RetryOrder{Order: "O1"})
	if fs := seen(Fallouts(w.tx, false)); len(fs) != 1 || fs[0].ClearedBy != "worker/lead" || fs[0].ClearedAt != w.m.Now {
		t.Errorf("%+v", fs)
	}
	w.state("O1", OrderPicked)
	w.invariants()
}

func TestPackRules(t *testing.T) {
	w := picked(t, 2)
	w.no(Pack{Station: "pack1", Order: "O1", WeightMg: 150_000}, CodeWrongStep)
	w.ok(StartPack{Station: "pack1", Barcode: "T-K1-1"})
	for _, tt := range []struct {
		cmd  Pack
		code string
	}{
		{Pack{Station: "pack2", Order: "O1", WeightMg: 150_000}, CodeWrongStep},
		{Pack{Station: "pack1", Order: "O2", WeightMg: 150_000}, CodeWrongStep},
		{Pack{Station: "pack1", Order: "O1", WeightMg: 0}, CodeInvalid},
		{Pack{Station: "pack1", Order: "O1", WeightMg: -5}, CodeInvalid},
		{Pack{Station: "pack1", Order: "O1", WeightMg: 1_000_000_001}, CodeInvalid},
		{Pack{Station: "a/b", Order: "O1", WeightMg: 150_000}, CodeInvalid},
	} {
		w.no(tt.cmd, tt.code)
	}
	w.weigh("pack1")
	w.no(Pack{Station: "pack1", Order: "O1", WeightMg: 150_000}, CodeWrongStep)
	w.invariants()
}

// The range of the express carrier has two numbers. A refused carton stays on
// the scale; a new range lets it go on.
func TestTrackingNumbersRunOut(t *testing.T) {
	w := stocked(t)
	for i := range 4 {
		cmd := release(fmt.Sprintf("O%d", i+1), "PEN")
		cmd.Order.Method = "express"
		w.ok(cmd)
	}
	w.pick("K1", "w1", "O1", "O2", "O3")
	w.pick("K2", "w1", "O4")
	for i := range 2 {
		w.label("pack1", fmt.Sprintf("O%d", i+1))
	}
	w.ok(StartPack{Station: "pack1", Barcode: "T-K1-3"})
	pack := Pack{Station: "pack1", Order: "O3", WeightMg: 110_000}
	w.no(pack, CodeTrackingUsedUp)
	w.state("O3", OrderPacking)
	s := testSite()
	s.Carriers[0].Last = 3
	w.ok(PutSite{Site: s})
	w.ok(pack)
	o := w.state("O3", OrderPacked)
	if p := o.Parcels[0]; p.Tracking != "FX000003" || p.Carrier != "FAST" || p.SSCC != "395212340000000038" {
		t.Errorf("%+v", p)
	}
	w.ok(LabelSent{Job: o.Parcels[0].SSCC})
	w.ok(LabelOutcome{Job: o.Parcels[0].SSCC, Outcome: JobPrinted})
	// A range set back does not give its numbers a second time.
	s.Carriers[0].First, s.Carriers[0].Last = 1, 9
	w.ok(PutSite{Site: s})
	w.label("pack1", "O4")
	if p := w.order("O4").Parcels[0]; p.Tracking != "FX000004" {
		t.Errorf("%+v", p)
	}
	w.invariants()
}

func TestCarrierIsGone(t *testing.T) {
	w := picked(t, 1)
	w.ok(StartPack{Station: "pack1", Barcode: "T-K1-1"})
	s := testSite()
	s.Carriers = s.Carriers[:1]
	w.ok(PutSite{Site: s})
	w.no(Pack{Station: "pack1", Order: "O1", WeightMg: 150_000}, CodeUnknownMethod)
	w.state("O1", OrderPacking)
}

// A company prefix of 12 digits leaves room for 9,999 cartons.
func TestSSCCsRunOut(t *testing.T) {
	w := picked(t, 1)
	s := testSite()
	s.CompanyPrefix = "952123456789"
	w.ok(PutSite{Site: s})
	w.ok(StartPack{Station: "pack1", Barcode: "T-K1-1"})
	SetCounter(t, w.tx, 9_999, "sscc", "3", s.CompanyPrefix)
	w.no(Pack{Station: "pack1", Order: "O1", WeightMg: 150_000}, CodeSSCCUsedUp)
	s.SSCCExtension = 4
	w.ok(PutSite{Site: s})
	if sscc := w.weigh("pack1"); !strings.HasPrefix(sscc, "49521234567890001") {
		t.Errorf("%s", sscc)
	}
}

// Every state of a label job times everything that may be said of it.
func TestLabelMatrix(t *testing.T) {
	into := map[string]func(w *world, job string){
		JobRequested: func(*world, string) {},
		JobSent:      func(w *world, job string) { w.ok(LabelSent{Job: job}) },
		JobPrinted: func(w *world, job string) {
			w.ok(LabelSent{Job: job})
			w.ok(LabelOutcome{Job: job, Outcome: JobPrinted})
		},
		JobFailed: func(w *world, job string) {
			w.ok(LabelSent{Job: job})
			w.ok(LabelOutcome{Job: job, Outcome: JobFailed, Detail: "paper\x00 out"})
		},
		JobUnknown: func(w *world, job string) {
			w.ok(LabelSent{Job: job})
			w.ok(LabelOutcome{Job: job, Outcome: JobUnknown})
		},
	}
	for _, tt := range []struct{ state, act, want, step string }{
		{JobRequested, "sent", JobSent, StepPrint},
		{JobRequested, JobPrinted, CodeLabelState, StepPrint},
		{JobRequested, JobFailed, CodeLabelState, StepPrint},
		{JobRequested, JobUnknown, CodeLabelState, StepPrint},
		{JobRequested, "reprint", CodeLabelState, StepPrint},
		{JobSent, "sent", CodeLabelState, StepPrint},
		{JobSent, JobPrinted, JobPrinted, StepScanTote},
		{JobSent, JobFailed, JobFailed, StepCheckLabel},
		{JobSent, JobUnknown, JobUnknown, StepCheckLabel},
		{JobSent, "reprint", CodeLabelState, StepPrint},
		{JobPrinted, "sent", CodeLabelState, StepScanTote},
		{JobPrinted, JobPrinted, JobPrinted, StepScanTote},
		{JobPrinted, JobFailed, CodeLabelState, StepScanTote},
		{JobPrinted, JobUnknown, CodeLabelState, StepScanTote},
		{JobPrinted, "reprint", CodeLabelState, StepScanTote},
		{JobFailed, "sent", CodeLabelState, StepCheckLabel},
		{JobFailed, JobPrinted, JobPrinted, StepScanTote},
		{JobFailed, JobFailed, JobFailed, StepCheckLabel},
		{JobFailed, JobUnknown, CodeLabelState, StepCheckLabel},
		{JobFailed, "reprint", JobRequested, StepPrint},
		{JobUnknown, "sent", CodeLabelState, StepCheckLabel},
		{JobUnknown, JobPrinted, JobPrinted, StepScanTote},
		{JobUnknown, JobFailed, CodeLabelState, StepCheckLabel},
		{JobUnknown, JobUnknown, JobUnknown, StepCheckLabel},
		{JobUnknown, "reprint", JobRequested, StepPrint},
	} {
		t.Run(tt.state+" "+tt.act, func(t *testing.T) {
			w := picked(t, 1)
			w.ok(StartPack{Station: "pack1", Barcode: "T-K1-1"})
			job := w.weigh("pack1")
			into[tt.state](w, job)
			var cmd Command = LabelOutcome{Job: job, Outcome: tt.act}
			switch tt.act {
			case "sent":
				cmd = LabelSent{Job: job}
			case "reprint":
				cmd = Reprint{Job: job}
			}
			if tt.want == CodeLabelState {
				w.no(cmd, tt.want)
				tt.want = tt.state
			} else {
				w.ok(cmd)
			}
			j := seen(GetJob(w.tx, job))
			if j.State != tt.want {
				t.Errorf("job is %s, want %s", j.State, tt.want)
			}
			if s := seen(StationStep(w.tx, "pack1")); s.Do != tt.step {
				t.Errorf("station shows %s, want %s", s.Do, tt.step)
			}
			switch j.State {
			case JobFailed:
				w.wantFallouts("LABEL_FAILED O1/0")
				if tt.state == JobFailed && j.Detail != "paper  out" {
					t.Errorf("detail %q", j.Detail)
				}
			case JobUnknown:
				w.wantFallouts("LABEL_UNKNOWN O1/0")
			default:
				w.wantFallouts()
			}
			w.invariants()
		})
	}
	w := picked(t, 1)
	for _, job := range []string{"", "NOPE", "a/b"} {
		w.no(LabelSent{Job: job}, CodeUnknownJob)
		w.no(LabelOutcome{Job: job, Outcome: JobPrinted}, CodeUnknownJob)
		w.no(Reprint{Job: job}, CodeUnknownJob)
	}
	w.ok(StartPack{Station: "pack1", Barcode: "T-K1-1"})
	w.no(LabelOutcome{Job: w.weigh("pack1"), Outcome: "MAYBE"}, CodeInvalid)
}

// A reprint is a second copy of the same SSCC, and the order is labelled once.
func TestReprint(t *testing.T) {
	w := picked(t, 1)
	w.ok(StartPack{Station: "pack1", Barcode: "T-K1-1"})
	job := w.weigh("pack1")
	for range 2 {
		w.ok(LabelSent{Job: job})
		w.ok(LabelOutcome{Job: job, Outcome: JobUnknown})
		w.no(RetryOrder{Order: "O1"}, CodeLabelState)
		w.no(Load{Dock: "d1", Barcode: job}, CodeNotLabelled)
		w.ok(Reprint{Job: job})
	}
	j := seen(GetJob(w.tx, job))
	if j.Copies != 3 || j.State != JobRequested {
		t.Errorf("%+v", j)
	}
	w.ok(LabelSent{Job: job})
	w.ok(LabelOutcome{Job: job, Outcome: JobPrinted})
	n := 0
	for _, e := range w.eventTypes("O1") {
		if e == EvOrderLabelled {
			n++
		}
	}
	if n != 1 {
		t.Errorf("labelled is told %d times", n)
	}
	w.ok(Load{Dock: "d1", Barcode: job})
	w.invariants()
}
