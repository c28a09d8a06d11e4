package oms

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tote/cloudsync/wire"
)

func TestOrderFollowsItsEvents(t *testing.T) {
	s := newServer(t)
	placeOrder(t, s, "O-1", PaymentSettled)
	parcel := wire.Parcel{SSCC: "001234567890123456", WeightMg: 1_250_000, Carrier: "DHL", Tracking: "T100", Job: "j"}
	loaded := parcel
	loaded.Dock = "dock1"
	steps := []struct {
		name  string
		data  wire.EventData
		state string
	}{
		{"order.accepted", wire.EventData{State: "VALIDATED", Revision: 1}, StateAccepted},
		{"order.short", wire.EventData{Code: "OUT_OF_STOCK"}, StateShortWaiting},
		{"order.released", wire.EventData{}, StateReleased},
		{"order.picking", wire.EventData{}, StatePicking},
		{"fallout.opened", wire.EventData{Fallout: "F1", Code: "STOCKOUT", Line: 1, SKU: "A", Bin: "A-01", Qty: 1, Text: "bin empty"}, StatePicking},
		{"order.picked", wire.EventData{Lines: []wire.Line{{Line: 1, SKU: "A", Qty: 2, Picked: 2, State: "PICKED"}}}, StatePicked},
		{"fallout.cleared", wire.EventData{Fallout: "F1"}, StatePicked},
		{"order.packed", wire.EventData{Parcels: []wire.Parcel{parcel}}, StatePacked},
		{"order.labelled", wire.EventData{Parcels: []wire.Parcel{parcel}}, StateLabelled},
		{"order.staged", wire.EventData{}, StateStaged},
		{"order.shipped", wire.EventData{Parcels: []wire.Parcel{loaded}, Lines: []wire.Line{{Line: 1, SKU: "A", Qty: 2, Picked: 2, State: "SHIPPED"}}}, StateShipped},
		{"order.repainted", wire.EventData{Text: "from a newer site"}, StateShipped},
	}
	for i, st := range steps {
		r := send(t, s, ev("control", uint64(i+1), st.name, "O-1", st.data))
		if r.Results[0].Status != wire.StatusApplied || r.AckSeq != uint64(i+1) {
			t.Fatalf("%s: %+v", st.name, r)
		}
		if got := order(t, s, "O-1").State; got != st.state {
			t.Errorf("after %s the state is %s, want %s", st.name, got, st.state)
		}
	}
	v := order(t, s, "O-1")
	want := []ParcelView{{SSCC: parcel.SSCC, WeightMg: 1_250_000, Carrier: "DHL", Tracking: "T100", Dock: "dock1"}}
	if diff := cmp.Diff(want, v.Parcels); diff != "" {
		t.Error(diff)
	}
	if len(v.Fallout) != 1 || v.Fallout[0].ClearedAt != testTime.UnixMilli()+7 || v.Fallout[0].Code != "STOCKOUT" {
		t.Errorf("fallout %+v", v.Fallout)
	}
	if !strings.Contains(string(v.SiteLines), "SHIPPED") {
		t.Errorf("site lines %s", v.SiteLines)
	}
	var types []string
	for _, e := range v.Timeline {
		types = append(types, e.Type)
	}
	if len(types) != 2+len(steps) || types[0] != "order.placed" || types[1] != "order.submitted" || types[len(types)-1] != "order.repainted" {
		t.Errorf("timeline %v", types)
	}
	var sum Summary
	call(t, s, "GET", "/v1/summary", "", "", &sum)
	if sum.Orders != 1 || sum.ByState[StateShipped] != 1 || sum.Parcels != 1 || len(sum.OpenFallout) != 0 ||
		sum.Events["wms.order.shipped.v1"] != 1 || sum.Streams["dc1"]["1"]["control"] != uint64(len(steps)) {
		t.Errorf("summary %+v", sum)
	}
}

// Every rule of the endpoint that can refuse a batch, each with nothing applied.
// What a site takes back: the order goes back, and a parcel that is no more
// stays away, whatever comes late.
func TestOrderTakenBack(t *testing.T) {
	s := newServer(t)
	placeOrder(t, s, "O-1", PaymentSettled)
	first := wire.Parcel{SSCC: "001234567890123456", WeightMg: 7, Carrier: "DHL", Tracking: "T100", Job: "j"}
	second := first
	second.SSCC, second.Tracking = "001234567890123463", "T101"
	lines := []wire.Line{{Line: 1, SKU: "A", Qty: 2, Picked: 1, State: "ALLOCATED"}}
	for i, st := range []struct {
		name    string
		data    wire.EventData
		state   string
		parcels int
	}{
		{"order.picked", wire.EventData{State: "PICKED"}, StatePicked, 0},
		{"order.unpicked", wire.EventData{State: "PICKING", Line: 1, Qty: 1, Text: "scratched", Lines: lines}, StatePicking, 0},
		{"order.picked", wire.EventData{State: "PICKED"}, StatePicked, 0},
		{"order.packed", wire.EventData{State: "PACKED", Parcels: []wire.Parcel{first}}, StatePacked, 1},
		{"order.staged", wire.EventData{State: "STAGED"}, StateStaged, 1},
		{"order.unloaded", wire.EventData{State: "LABELLED", Parcels: []wire.Parcel{first}, Text: "leaks"}, StateLabelled, 1},
		{"order.unpacked", wire.EventData{State: "PICKED", Voided: []wire.Parcel{first}, Text: "leaks"}, StatePicked, 0},
		{"order.packed", wire.EventData{State: "PACKED", Parcels: []wire.Parcel{second}}, StatePacked, 1},
		{"order.labelled", wire.EventData{State: "LABELLED", Parcels: []wire.Parcel{first}}, StateLabelled, 1}, // late
		{"order.unpacked", wire.EventData{State: "NOWHERE"}, StateLabelled, 1},
	} {
		send(t, s, ev("control", uint64(i+1), st.name, "O-1", st.data))
		v := order(t, s, "O-1")
		if v.State != st.state || len(v.Parcels) != st.parcels || st.parcels == 1 && i > 6 && v.Parcels[0].SSCC != second.SSCC {
			t.Errorf("after %s: %s with %+v, want %s", st.name, v.State, v.Parcels, st.state)
		}
	}
}

// An order in several parcels: each with its tracking number and contents, and
// when it left; one that was lost is gone, and the customer sees how many come.
func TestOrderInParcels(t *testing.T) {
	s := newServer(t)
	placeOrder(t, s, "O-1", PaymentSettled)
	parcel := func(no int, sscc string) wire.Parcel {
		return wire.Parcel{SSCC: sscc, Carrier: "DHL", Tracking: "T" + sscc[15:], No: no, Lines: []wire.ParcelLine{{Line: no, SKU: "A", Qty: 2, Lot: "L"}}}
	}
	one, two := parcel(2, "001234567890123456"), parcel(1, "001234567890123463")
	gone := one
	gone.Dock, gone.DepartedAt = "d1", 77
	again := parcel(1, "001234567890123470")
	send(t, s, ev("control", 1, "order.packed", "O-1", wire.EventData{State: "PACKED", Parcels: []wire.Parcel{one, two}}))
	send(t, s, ev("control", 2, "order.labelled", "O-1", wire.EventData{State: "LABELLED", Parcels: []wire.Parcel{one, two}}))
	send(t, s, ev("control", 3, "parcel.departed", "O-1", wire.EventData{State: "LABELLED", Ref: "d1", Parcels: []wire.Parcel{gone}}))
	v := order(t, s, "O-1")
	want := []ParcelView{
		{SSCC: two.SSCC, Carrier: "DHL", Tracking: "T463", No: 1, Lines: json.RawMessage(`[{"line":1,"sku":"A","qty":2,"lot":"L"}]`)},
		{SSCC: one.SSCC, Carrier: "DHL", Tracking: "T456", Dock: "d1", No: 2, Lines: json.RawMessage(`[{"line":2,"sku":"A","qty":2,"lot":"L"}]`), DepartedAt: 77},
	}
	if diff := cmp.Diff(want, v.Parcels); diff != "" || v.State != StateLabelled {
		t.Errorf("%s %s", v.State, diff)
	}
	page := call(t, s, "GET", "/track/O-1", "", "", nil).Body.String()
	for _, part := range []string{"1 of 2</td>", "2 of 2, on its way</td>", "T463", "T456"} {
		if !strings.Contains(page, part) {
			t.Errorf("no %q in %s", part, page)
		}
	}
	send(t, s, ev("control", 4, "parcel.lost", "O-1", wire.EventData{State: "PICKING", Voided: []wire.Parcel{two}}))
	if v := order(t, s, "O-1"); v.State != StatePicking || len(v.Parcels) != 1 {
		t.Errorf("%s %+v", v.State, v.Parcels)
	}
	send(t, s, ev("control", 5, "order.shipped", "O-1", wire.EventData{State: "SHIPPED", Parcels: []wire.Parcel{one, again}}))
	if v := order(t, s, "O-1"); v.State != StateShipped || len(v.Parcels) != 2 || v.Parcels[1].DepartedAt != 77 || v.Parcels[0].SSCC != again.SSCC {
		t.Errorf("%s %+v", v.State, v.Parcels)
	}
}

// row 114: the OMS shows what went instead of what was ordered, line by line.
func TestSubstitutedLinesRow114(t *testing.T) {
	s := newServer(t)
	placeOrder(t, s, "O-1", PaymentSettled)
	send(t, s, ev("control", 1, "order.substituted", "O-1", wire.EventData{Line: 1, SKU: "B", For: "A", Qty: 2, Code: "SUBSTITUTION"}))
	line := wire.Line{Line: 1, SKU: "B", For: "A", Reason: "SUBSTITUTION", Qty: 2, Picked: 2, State: "SHIPPED"}
	send(t, s, ev("control", 2, "order.shipped", "O-1", wire.EventData{State: "SHIPPED", Lines: []wire.Line{line}}))
	v := order(t, s, "O-1")
	var got []wire.Line
	if err := json.Unmarshal(v.SiteLines, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]wire.Line{line}, got); diff != "" {
		t.Error(diff)
	}
	if last := v.Timeline[len(v.Timeline)-2]; last.Code != "SUBSTITUTION" {
		t.Errorf("timeline %+v", v.Timeline)
	}
}

func TestEventsRules(t *testing.T) {
	one := []wire.Event{ev("control", 3, "order.picking", "O-1", wire.EventData{})}
	gz := func(b []byte) []byte {
		var buf bytes.Buffer
		z := gzip.NewWriter(&buf)
		_, _ = z.Write(b)
		_ = z.Close()
		return buf.Bytes()
	}
	body := func(b []byte, header ...string) func(*http.Request) {
		return func(r *http.Request) {
			r.Body = io.NopCloser(bytes.NewReader(b))
			for i := 0; i+1 < len(header); i += 2 {
				r.Header.Set(header[i], header[i+1])
			}
		}
	}
	set := func(k, v string) func(*http.Request) { return func(r *http.Request) { r.Header.Set(k, v) } }
	many := make([]wire.Event, wire.MaxBatchEvents+1)
	for i := range many {
		many[i] = ev("control", uint64(i+3), "order.picking", "O-1", nil)
	}
	mixed := []wire.Event{one[0], ev("stock", 4, "x", "O-1", nil)}
	jump := []wire.Event{one[0], ev("control", 5, "x", "O-1", nil)}
	for _, tc := range []struct {
		name   string
		events []wire.Event
		change func(*http.Request)
		status int
		code   string
	}{
		{"media type", one, set("Content-Type", jsonType), 415, wire.ProblemMedia},
		{"unknown encoding", one, set("Content-Encoding", "br"), 415, wire.ProblemMedia},
		{"not gzip", one, set("Content-Encoding", "gzip"), 400, wire.ProblemDigest},
		{"cut gzip", one, body(gz([]byte("[]"))[:12], "Content-Encoding", "gzip"), 400, wire.ProblemDigest},
		{"bomb", one, body(gz(bytes.Repeat([]byte(" "), 3<<20)), "Content-Encoding", "gzip"), 413, wire.ProblemTooLarge},
		{"huge", one, body(bytes.Repeat([]byte(" "), 3<<20)), 413, CodeTooLarge},
		{"digest", one, set(wire.HeaderDigest, wire.Digest([]byte("other"))), 400, wire.ProblemDigest},
		{"no key", one, set(wire.HeaderIdempotencyKey, ""), 400, wire.ProblemKey},
		{"key of another batch", one, set(wire.HeaderIdempotencyKey, `"dc1/1/control/3-4"`), 422, wire.ProblemKey},
		{"key of another site", one, set(wire.HeaderIdempotencyKey, `"dc2/1/control/3-3"`), 422, wire.ProblemKey},
		{"no fence", one, set(wire.HeaderFence, ""), 400, wire.ProblemKey},
		{"no epoch", one, set(wire.HeaderEpoch, "x"), 400, wire.ProblemKey},
		{"no JSON", one, body([]byte("{")), 422, wire.ProblemBatch},
		{"empty", nil, set(wire.HeaderIdempotencyKey, `"dc1/1/control/3-3"`), 422, wire.ProblemBatch},
		{"too many", many, nil, 413, wire.ProblemTooLarge},
		{"two streams", mixed, nil, 422, wire.ProblemBatch},
		{"hole inside", jump, nil, 422, wire.ProblemBatch},
		{"gap", []wire.Event{ev("control", 4, "order.picking", "O-1", nil)}, nil, 409, wire.ProblemGap},
		{"gap in a new stream", []wire.Event{ev("stock", 2, "x", "", nil)}, nil, 409, wire.ProblemGap},
		{"lower term", one, set(wire.HeaderFence, "4"), 412, wire.ProblemFenced},
		{"lower epoch, higher term", one, func(r *http.Request) { r.Header.Set(wire.HeaderFence, "9"); r.Header.Set(wire.HeaderEpoch, "0") }, 412, wire.ProblemFenced},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newServer(t)
			placeOrder(t, s, "O-1", PaymentSettled)
			send(t, s, ev("control", 1, "order.accepted", "O-1", nil), ev("control", 2, "order.released", "O-1", nil))
			if tc.change == nil {
				tc.change = func(*http.Request) {}
			}
			rec := post(t, s, tc.events, tc.change)
			p := problem(t, rec)
			if rec.Code != tc.status || p.Code != tc.code {
				t.Errorf("got %d %+v, want %d %s", rec.Code, p, tc.status, tc.code)
			}
			if tc.name == "gap" && p.ExpectSeq != 3 {
				t.Errorf("expectSeq %d, want 3", p.ExpectSeq)
			}
			if got := order(t, s, "O-1").State; got != StateReleased {
				t.Errorf("a refused batch changed the order to %s", got)
			}
			if r := send(t, s, one...); r.AckSeq != 3 {
				t.Errorf("the stream does not go on: %+v", r)
			}
		})
	}
}

func TestFenceByEpochThenTerm(t *testing.T) {
	s := newServer(t)
	as := func(epoch, term string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(wire.HeaderEpoch, epoch); r.Header.Set(wire.HeaderFence, term) }
	}
	one := []wire.Event{ev("control", 1, "sync.test", "", nil)}
	for _, st := range []struct {
		epoch, term string
		want        int
	}{{"1", "5", 200}, {"1", "5", 200}, {"1", "4", 412}, {"1", "9", 200}, {"2", "1", 200}, {"1", "99", 412}, {"2", "0", 412}, {"2", "2", 200}} {
		if rec := post(t, s, one, as(st.epoch, st.term)); rec.Code != st.want {
			t.Errorf("(%s,%s): %d, want %d", st.epoch, st.term, rec.Code, st.want)
		}
	}
}

func TestGzipAndDigest(t *testing.T) {
	s := newServer(t)
	raw, _ := json.Marshal([]wire.Event{ev("control", 1, "sync.test", "", nil)})
	var buf bytes.Buffer
	z := gzip.NewWriter(&buf)
	_, _ = z.Write(raw)
	_ = z.Close()
	rec := post(t, s, []wire.Event{ev("control", 1, "sync.test", "", nil)}, func(r *http.Request) {
		r.Body = io.NopCloser(bytes.NewReader(buf.Bytes()))
		r.Header.Set("Content-Encoding", "gzip")
		r.Header.Set(wire.HeaderDigest, "md5=:x:, "+wire.Digest(buf.Bytes()))
	})
	if rec.Code != http.StatusOK {
		t.Errorf("%d %s", rec.Code, rec.Body)
	}
}

func TestRejectedConsumesItsSeq(t *testing.T) {
	s := newServer(t)
	placeOrder(t, s, "O-1", PaymentSettled)
	bad := ev("control", 1, "order.accepted", "O-1", nil)
	bad.Data = json.RawMessage(`{"revision":"one"}`)
	other := strings.Replace(orderJSON("O-2", PaymentSettled), `"method"`, `"site":"dc2","method"`, 1)
	call(t, s, "POST", "/v1/orders", jsonType, other, nil)
	r := send(t, s, bad, ev("control", 2, "order.picked", "", nil), ev("control", 3, "order.picked", "O-2", nil), ev("control", 4, "order.released", "O-1", nil))
	want := []wire.Result{
		{Seq: 1, Status: wire.StatusRejected, Code: CodeBadData, Retryable: true},
		{Seq: 2, Status: wire.StatusRejected, Code: CodeNoSubject, Retryable: true},
		{Seq: 3, Status: wire.StatusRejected, Code: CodeWrongSite, Retryable: true},
		{Seq: 4, Status: wire.StatusApplied},
	}
	if diff := cmp.Diff(want, r.Results); diff != "" || r.AckSeq != 4 {
		t.Error(diff, r.AckSeq)
	}
	// Again: the first answer comes back.
	for i := range want {
		want[i].Original, want[i].Status = want[i].Status, wire.StatusDuplicate
	}
	r = send(t, s, bad, ev("control", 2, "order.picked", "", nil), ev("control", 3, "order.picked", "O-2", nil), ev("control", 4, "order.released", "O-1", nil))
	if diff := cmp.Diff(want, r.Results); diff != "" {
		t.Error(diff)
	}
	if got := order(t, s, "O-2").State; got != StateSubmitted {
		t.Errorf("dc1 changed an order of dc2 to %s", got)
	}
}

func TestSupersede(t *testing.T) {
	s := newServer(t)
	placeOrder(t, s, "O-1", PaymentSettled)
	held := ev("control", 2, "x", "O-1", nil)
	held.Type = wire.TypeHeld
	send(t, s, ev("control", 1, "order.released", "O-1", nil), held)
	again := func(seq uint64, name, old string) wire.Event {
		e := ev("resend", seq, name, "O-1", nil)
		e.Supersedes = old
		return e
	}
	// 1 had its effect, so standing for it has none; 2 was only held.
	r := send(t, s, again(1, "order.accepted", "dc1/1/control/1"), again(2, "order.picking", "dc1/1/control/2"), again(3, "order.picked", "dc1/1/control/99"))
	if r.Results[0].Code != CodeAlreadyHad || r.Results[1].Code != "" || r.Results[2].Status != wire.StatusApplied {
		t.Errorf("%+v", r.Results)
	}
	if got := order(t, s, "O-1").State; got != StatePicked {
		t.Errorf("state %s", got)
	}
}

// A late event, however often it was held, is kept but turns nothing back.
func TestLateEventTurnsNothingBack(t *testing.T) {
	s := newServer(t)
	placeOrder(t, s, "O-1", PaymentSettled)
	placeholder := func(stream string, seq uint64, old string) wire.Event {
		e := ev(stream, seq, "x", "O-1", nil)
		e.Type, e.Supersedes = wire.TypeHeld, old
		return e
	}
	lines := func(state string) wire.EventData {
		return wire.EventData{Lines: []wire.Line{{Line: 1, SKU: "A", Qty: 2, State: state}}}
	}
	send(t, s, placeholder("control", 1, ""), ev("control", 2, "order.picked", "O-1", lines("PICKED")))
	send(t, s, placeholder("resend", 1, "dc1/1/control/1"))
	late := ev("resend", 2, "order.short", "O-1", lines("SHORT"))
	late.Supersedes = "dc1/1/resend/1"
	if r := send(t, s, late); r.Results[0].Status != wire.StatusApplied {
		t.Errorf("%+v", r)
	}
	if v := order(t, s, "O-1"); v.State != StatePicked || !strings.Contains(string(v.SiteLines), "PICKED") || len(v.Timeline) != 6 {
		t.Errorf("%+v", v)
	}
	next := ev("control", 3, "order.packed", "O-1", nil)
	send(t, s, next)
	if v := order(t, s, "O-1"); v.State != StatePacked {
		t.Errorf("%+v", v)
	}
}

func TestOrderBornAtTheSite(t *testing.T) {
	s := newServer(t)
	send(t, s, ev("control", 1, "order.accepted", "CK-1", wire.EventData{Source: "site"}), ev("control", 2, "order.shipped", "CK-1", nil))
	v := order(t, s, "CK-1")
	if v.Origin != "site" || v.State != StateShipped || v.Payment != "" {
		t.Errorf("%+v", v)
	}
	if p := inbox(t, s, ""); len(p.Items) != 0 {
		t.Errorf("an order of the site is in its own inbox: %+v", p.Items)
	}
}

// The model: any mix of repeats, overlaps, gaps and restarts leaves each event
// with exactly one effect, in order, and the ack dense.
func TestEventsProperty(t *testing.T) {
	cfg := Config{DB: filepath.Join(t.TempDir(), "oms.db"), Sites: []Site{{ID: "dc1"}}}
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		n++ // each run has streams of its own in the same file
		ack := map[string]uint64{}
		for range rapid.IntRange(1, 10).Draw(t, "steps") {
			if rapid.IntRange(0, 14).Draw(t, "restart") == 0 {
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
				if s, err = New(cfg); err != nil {
					t.Fatal(err)
				}
			}
			stream := fmt.Sprint(rapid.SampledFrom([]string{"control", "resend"}).Draw(t, "stream"), n)
			first := uint64(rapid.IntRange(max(1, int(ack[stream])-4), int(ack[stream])+3).Draw(t, "first"))
			var batch []wire.Event
			for seq := first; seq < first+uint64(rapid.IntRange(1, 6).Draw(t, "n")); seq++ {
				batch = append(batch, ev(stream, seq, "order.picking", fmt.Sprintf("O-%s-%d", stream, seq%3), nil))
			}
			rec := post(t, s, batch)
			if first > ack[stream]+1 {
				var p wire.Problem
				_ = json.Unmarshal(rec.Body.Bytes(), &p)
				if rec.Code != 409 || p.ExpectSeq != ack[stream]+1 {
					t.Fatalf("gap at %d, ack %d: %d %s", first, ack[stream], rec.Code, rec.Body)
				}
				continue
			}
			var r wire.Reply
			if err := json.Unmarshal(rec.Body.Bytes(), &r); err != nil || rec.Code != 200 {
				t.Fatalf("%d %s", rec.Code, rec.Body)
			}
			for _, res := range r.Results {
				want := wire.StatusApplied
				if res.Seq <= ack[stream] {
					want = wire.StatusDuplicate
				}
				if res.Status != want {
					t.Fatalf("seq %d with ack %d is %s", res.Seq, ack[stream], res.Status)
				}
			}
			ack[stream] = max(ack[stream], first+uint64(len(batch))-1)
			if r.AckSeq != ack[stream] || r.ExpectSeq != ack[stream]+1 {
				t.Fatalf("ack %d, expect %d, want %d", r.AckSeq, r.ExpectSeq, ack[stream])
			}
		}
		for stream, upto := range ack {
			for k := range uint64(3) {
				var ids []string
				for seq := uint64(1); seq <= upto; seq++ {
					if seq%3 == k {
						ids = append(ids, fmt.Sprintf("dc1/1/%s/%d", stream, seq))
					}
				}
				if len(ids) == 0 {
					continue
				}
				v, err := s.view(t.Context(), fmt.Sprintf("O-%s-%d", stream, k))
				if err != nil {
					t.Fatal(err)
				}
				var got []string
				for _, e := range v.Timeline {
					got = append(got, e.EventID)
				}
				if !slices.Equal(got, ids) {
					t.Fatalf("timeline %v, want %v", got, ids)
				}
			}
		}
	})
}
