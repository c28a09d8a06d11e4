package ledger

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tote/warehouse"
	"tote/warehouse/memtx"
)

var update = flag.Bool("update", false, "write the golden files")

type tester interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
	Errorf(format string, args ...any)
}

// world runs commands like the store does: the writes of a refused one are
// dropped.
type world struct {
	t    tester
	tx   *memtx.Tx
	meta warehouse.Meta
}

func newWorld(t tester) *world {
	t.Helper()
	w := &world{t: t, tx: memtx.New(), meta: warehouse.Meta{Now: 1_795_000_000_000}}
	site := warehouse.Site{
		ID: "dc1", CompanyPrefix: "4012345", TotePrefix: "T", ToleranceMg: 1000, LeaseMs: 60_000, CartSlots: 4, PackDrop: "PACKDROP",
		Layout:   warehouse.Layout{Aisles: 1, Cells: 4, CellMm: 1000, EndMm: 1000, PitchMm: 3000},
		Carriers: []warehouse.Carrier{{Code: "DHL", Prefix: "D", Digits: 6, First: 1, Last: 999_999}},
	}
	for _, c := range []warehouse.Command{
		warehouse.PutSite{Site: site},
		warehouse.PutItems{Items: []warehouse.Item{{SKU: "A", Name: "a", WeightMg: 1000}}},
		warehouse.PutBins{Bins: []warehouse.Bin{{Code: "B1"}}},
		warehouse.OpenStock{Rows: []warehouse.StockRow{{Bin: "B1", SKU: "A", Qty: 1_000_000}}},
	} {
		if res := w.domain(c); !res.OK {
			t.Fatalf("%T: %+v", c, res)
		}
	}
	return w
}

func (w *world) domain(c warehouse.Command) warehouse.Result {
	w.t.Helper()
	w.meta.Index++
	res, err := warehouse.Apply(w.tx, w.meta, c)
	if err != nil {
		w.t.Fatal(err)
	}
	return res
}

func (w *world) do(c Command) warehouse.Result {
	w.t.Helper()
	kind, version, body, err := Encode(c)
	if err != nil {
		w.t.Fatal(err)
	}
	return w.raw(kind, version, body)
}

func (w *world) raw(kind, version uint16, body []byte) warehouse.Result {
	w.t.Helper()
	w.meta.Index++
	before := w.tx.Snapshot()
	res, err := Apply(w.tx, w.meta, kind, version, body)
	if err != nil {
		w.t.Fatal(err)
	}
	if !res.OK && !res.Keep {
		w.tx.Rollback(before)
	}
	return res
}

func spec(id string, rev int, qty int64) *warehouse.OrderSpec {
	return &warehouse.OrderSpec{
		ID: id, Revision: rev, Lines: []warehouse.OrderLine{{Line: 1, SKU: "A", Qty: qty}},
		ShipTo: warehouse.Address{Name: "n", Street: "s", Postcode: "p", City: "c", Country: "DE"},
	}
}

func release(msg, id string, rev int, qty int64) Item {
	return Item{MsgID: msg, OrderID: id, Revision: rev, Release: spec(id, rev, qty)}
}

func (w *world) inbox(cursor string, items ...Item) warehouse.Result {
	w.t.Helper()
	return w.do(InboxStore{Source: "oms/main", Cursor: cursor, Items: items})
}

// events lists "type order" of the outbox.
func (w *world) events() []string {
	w.t.Helper()
	evs, err := warehouse.OutboxRange(w.tx, warehouse.StreamControl, 0, 10_000)
	if err != nil {
		w.t.Fatal(err)
	}
	var out []string
	for _, e := range evs {
		out = append(out, e.Type+" "+e.Order)
	}
	return out
}

func (w *world) rows(stream string, after uint64) []string {
	w.t.Helper()
	rows, err := Pending(w.tx, stream, after, 10_000)
	if err != nil {
		w.t.Fatal(err)
	}
	var out []string
	for _, r := range rows {
		s := fmt.Sprintf("%d %s", r.Event.Seq, r.Event.Order)
		if r.Held {
			s += " held"
		}
		if r.Supersedes != nil {
			s += fmt.Sprintf(" for %d/%s/%d", r.Supersedes.Epoch, r.Supersedes.Stream, r.Supersedes.Seq)
		}
		out = append(out, s)
	}
	return out
}

func (w *world) want(stream string, after uint64, want ...string) {
	w.t.Helper()
	if diff := cmp.Diff(want, w.rows(stream, after)); diff != "" {
		w.t.Errorf("rows of %s behind %d:\n%s", stream, after, diff)
	}
}

func TestInboxStoresOrdersAndCursor(t *testing.T) {
	w := newWorld(t)
	res := w.inbox("c1", release("m1", "O-1", 1, 2), release("m2", "O-2", 1, 3))
	if !res.OK || res.Text != "2 stored, 0 repeated, 0 refused" {
		t.Fatalf("%+v", res)
	}
	if cur, _ := Cursor(w.tx, "oms/main"); cur != "c1" {
		t.Errorf("cursor %q", cur)
	}
	if cur, _ := Cursor(w.tx, "oms/other"); cur != "" {
		t.Errorf("cursor of another source %q", cur)
	}
	evs, err := warehouse.OutboxRange(w.tx, warehouse.StreamControl, 0, 10)
	if err != nil || len(evs) != 4 || evs[0].Cause != "oms/main/m1" || evs[0].Data.Source != "oms/main" {
		t.Errorf("%+v %v", evs, err)
	}
	// A page without the cursor leaves it.
	w.inbox("", release("m3", "O-3", 1, 1))
	if cur, _ := Cursor(w.tx, "oms/main"); cur != "c1" {
		t.Errorf("cursor %q", cur)
	}
}

func TestInboxRepeatIsHarmless(t *testing.T) {
	w := newWorld(t)
	page := []Item{release("m1", "O-1", 1, 2), {MsgID: "m2", OrderID: "O-1", Cancel: &Cancel{Reason: "r"}}}
	w.inbox("c1", page...)
	events, digest := w.events(), w.tx.Digest()
	for range 3 {
		if res := w.inbox("c1", page...); res.Text != "0 stored, 2 repeated, 0 refused" {
			t.Errorf("%+v", res)
		}
	}
	if w.tx.Digest() != digest {
		t.Error("a repeat changed the state")
	}
	// The same order under another message id: the revision catches it.
	w.inbox("c2", release("other", "O-1", 1, 2))
	if diff := cmp.Diff(events, w.events()); diff != "" {
		t.Error(diff)
	}
}

// One item of each bad kind in the middle of good ones: the good ones are in,
// the bad ones are recorded, and the OMS hears of those that name an order.
func TestBadItemsDoNotBlock(t *testing.T) {
	w := newWorld(t)
	w.inbox("c0", release("m0", "OLD", 1, 1))
	noStreet := release("m4", "BAD", 1, 1)
	noStreet.Release.ShipTo.Street = ""
	res := w.inbox("c1",
		release("m1", "G-1", 1, 1),
		Item{MsgID: "m2", OrderID: "X", Revision: 1, Bad: "no JSON"},
		Item{MsgID: "m3", Bad: "no order id"},
		noStreet,
		release("m5", "OLD", 1, 99), // other content
		Item{MsgID: "m6", OrderID: "NOPE", Cancel: &Cancel{}},
		release("m7", "G-2", 1, 1),
	)
	if !res.OK || res.Text != "2 stored, 0 repeated, 5 refused" || res.Ref != "m2" {
		t.Fatalf("%+v", res)
	}
	want := []string{
		"order.accepted OLD", "order.released OLD", "order.accepted G-1", "order.released G-1", "order.rejected X", "order.rejected BAD",
		"order.amendRejected OLD", "order.accepted G-2", "order.released G-2",
	}
	if diff := cmp.Diff(want, w.events()); diff != "" {
		t.Error(diff)
	}
	refs, err := Refusals(w.tx, "", 100)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range refs {
		got = append(got, r.MsgID+" "+r.Code)
	}
	if diff := cmp.Diff([]string{"m2 MALFORMED", "m3 MALFORMED", "m4 INVALID", "m5 CONFLICT", "m6 UNKNOWN_ORDER"}, got); diff != "" {
		t.Error(diff)
	}
	if last, _ := Refusals(w.tx, "", 1); len(last) != 1 || last[0].MsgID != "m6" {
		t.Errorf("%+v", last)
	}
}

// A refused item leaves nothing of itself but its refusal.
func TestRefusedItemLeavesNoHalf(t *testing.T) {
	a, b := newWorld(t), newWorld(t)
	a.inbox("c", Item{MsgID: "m6", OrderID: "NOPE", Cancel: &Cancel{}})
	b.inbox("c", Item{MsgID: "m6", Bad: "x"})
	for _, w := range []*world{a, b} {
		_ = w.tx.Delete(key("refuse", num(1)))
	}
	if a.tx.Digest() != b.tx.Digest() {
		t.Error("a refused cancel wrote something of its own")
	}
}

func TestSiteNotSetKeepsThePageAtTheOMS(t *testing.T) {
	w := &world{t: t, tx: memtx.New()}
	for _, it := range []Item{release("m1", "O-1", 1, 1), {MsgID: "m1", OrderID: "O-1", Bad: "x"}} {
		if res := w.inbox("c1", it); res.OK || res.Code != warehouse.CodeSiteNotSet {
			t.Errorf("%+v", res)
		}
	}
	if w.tx.Len() != 0 {
		t.Error("something was stored")
	}
}

func TestWindowsAreBounded(t *testing.T) {
	w := newWorld(t)
	base := w.tx.Len()
	for i := range 12 {
		var items []Item
		for k := range maxItems {
			items = append(items, Item{MsgID: fmt.Sprint(i, "-", k), Bad: "x"})
		}
		w.inbox("c", items...)
	}
	// Two keys a message, the refusals, the cursor and two counters.
	if got, limit := w.tx.Len()-base, 2*msgWindow+refuseWindow+3; got != limit {
		t.Errorf("%d keys, want %d", got, limit)
	}
	if res := w.inbox("c", Item{MsgID: "11-999", Bad: "x"}, Item{MsgID: "0-0", Bad: "x"}); res.Text != "0 stored, 1 repeated, 1 refused" {
		t.Errorf("%+v", res)
	}
}

func TestAck(t *testing.T) {
	w := newWorld(t)
	for _, id := range []string{"O-1", "O-2", "O-3"} {
		w.inbox("", release(id, id, 1, 1)) // two events each
	}
	ack := func(epoch uint32, stream string, upto uint64) warehouse.Result {
		return w.do(AckOutbox{Epoch: epoch, Stream: stream, Upto: upto})
	}
	if res := ack(1, "control", 7); res.OK {
		t.Errorf("a row that does not exist was acknowledged: %+v", res)
	}
	if res := ack(1, "stock", 1); res.OK {
		t.Errorf("a stream that does not exist was acknowledged: %+v", res)
	}
	if res := ack(1, "control", 4); !res.OK {
		t.Fatalf("%+v", res)
	}
	if n, _, _ := Depth(w.tx, "control"); n != 2 {
		t.Errorf("depth %d", n)
	}
	if got, _ := Acked(w.tx, "control"); got != 4 {
		t.Errorf("acked %d", got)
	}
	if got, _ := Newest(w.tx, "control"); got != 6 {
		t.Errorf("newest %d", got)
	}
	digest := w.tx.Digest()
	for _, upto := range []uint64{0, 1, 4} {
		if res := ack(1, "control", upto); !res.OK || w.tx.Digest() != digest {
			t.Errorf("ack %d again: %+v", upto, res)
		}
	}
	if evs := w.events(); len(evs) != 2 || evs[0] != "order.accepted O-3" {
		t.Errorf("outbox %v", evs)
	}
	// The acknowledged rows are still there for a rewind.
	w.want("control", 0, "1 O-1", "2 O-1", "3 O-2", "4 O-2", "5 O-3", "6 O-3")
	w.want("control", 3, "4 O-2", "5 O-3", "6 O-3")
	if res := ack(2, "control", 5); !res.OK {
		t.Errorf("%+v", res)
	}
	if res := ack(1, "control", 6); res.OK || res.Code != warehouse.CodeConflict {
		t.Errorf("an epoch that is over acknowledged: %+v", res)
	}
}

func TestSentWindow(t *testing.T) {
	w := newWorld(t)
	n := sentWindow/2 + 10
	for i := range n {
		w.inbox("", release(fmt.Sprint(i), fmt.Sprint("O-", i), 1, 1))
	}
	for upto := uint64(100); upto <= uint64(2*n); upto += 20 {
		if res := w.do(AckOutbox{Epoch: 1, Stream: "control", Upto: upto}); !res.OK {
			t.Fatalf("%+v", res)
		}
	}
	rows := w.rows("control", 0)
	if len(rows) != sentWindow || !strings.HasPrefix(rows[0], "21 ") {
		t.Errorf("%d rows kept, the first is %q", len(rows), rows[0])
	}
}

// hold, placeholder, acknowledge, release: the events come again in order and
// the others never waited.
func TestHoldAndRelease(t *testing.T) {
	w := newWorld(t)
	w.inbox("", release("1", "P", 1, 1), release("2", "G", 1, 1))
	w.do(AckOutbox{Epoch: 1, Stream: "control", Upto: 1})
	hold := HoldSubject{Epoch: 1, Stream: "control", Subject: "P", Seqs: []uint64{2}, From: 3, Code: "422"}
	if res := w.do(hold); !res.OK {
		t.Fatalf("%+v", res)
	}
	digest := w.tx.Digest()
	if res := w.do(hold); !res.OK || w.tx.Digest() != digest {
		t.Errorf("the same hold again changed the state: %+v", res)
	}
	w.inbox("", Item{MsgID: "3", OrderID: "P", Cancel: &Cancel{}}) // a later event of P
	w.want("control", 1, "2 P held", "3 G", "4 G", "5 P held")
	if res := w.do(AckOutbox{Epoch: 1, Stream: "control", Upto: 5}); !res.OK {
		t.Fatalf("%+v", res)
	}
	if hs, _ := Holds(w.tx, "", 10); len(hs) != 1 || hs[0].Subject != "P" || hs[0].Events != 2 || hs[0].Code != "422" || hs[0].Since != w.meta.Now {
		t.Errorf("%+v", hs)
	}
	w.want(StreamResend, 0)
	if res := w.do(ReleaseSubject{Subject: "P"}); !res.OK || res.Text != "2 event(s) of P go out again" {
		t.Errorf("%+v", res)
	}
	w.want(StreamResend, 0, "1 P for 1/control/2", "2 P for 1/control/5")
	if n, at, _ := Depth(w.tx, StreamResend); n != 2 || at == 0 {
		t.Errorf("depth %d at %d", n, at)
	}
	if res := w.do(ReleaseSubject{Subject: "P"}); !res.OK || res.Text != "P is not held" {
		t.Errorf("%+v", res)
	}
	// The first of them is refused once more: it waits again, alone.
	w.do(HoldSubject{Epoch: 1, Stream: StreamResend, Subject: "P", Seqs: []uint64{1}, From: 3, Code: "422"})
	w.want(StreamResend, 0, "1 P held for 1/control/2", "2 P for 1/control/5")
	if res := w.do(AckOutbox{Epoch: 1, Stream: StreamResend, Upto: 2}); !res.OK {
		t.Fatalf("%+v", res)
	}
	if n, _, _ := Depth(w.tx, StreamResend); n != 0 {
		t.Errorf("depth %d", n)
	}
	if res := w.do(ReleaseSubject{Subject: "P", Drop: true, Reason: "told by phone"}); !res.OK {
		t.Errorf("%+v", res)
	}
	w.want(StreamResend, 2)
	if hs, _ := Holds(w.tx, "", 10); len(hs) != 0 {
		t.Errorf("%+v", hs)
	}
}

func TestHoldRefusesForeignRows(t *testing.T) {
	w := newWorld(t)
	w.inbox("", release("1", "P", 1, 1), release("2", "G", 1, 1))
	for name, c := range map[string]HoldSubject{
		"row of another order": {Stream: "control", Subject: "P", Seqs: []uint64{3}, From: 4},
		"no such row":          {Stream: "control", Subject: "P", Seqs: []uint64{9}, From: 10},
		"one good, one not":    {Stream: "control", Subject: "P", Seqs: []uint64{1, 4}, From: 5},
	} {
		digest := w.tx.Digest()
		if res := w.do(c); res.OK || w.tx.Digest() != digest {
			t.Errorf("%s: %+v", name, res)
		}
	}
}

// Releasing while the placeholder is on its way: the event must go out once
// only, as the one that supersedes.
func TestReleaseBeforeTheAck(t *testing.T) {
	w := newWorld(t)
	w.inbox("", release("1", "P", 1, 1))
	w.do(HoldSubject{Epoch: 1, Stream: "control", Subject: "P", Seqs: []uint64{1}, From: 2})
	w.do(ReleaseSubject{Subject: "P"})
	w.want("control", 0, "1 P held", "2 P")
	w.want(StreamResend, 0, "1 P for 1/control/1")
	w.do(AckOutbox{Epoch: 1, Stream: "control", Upto: 2})
	w.want(StreamResend, 0, "1 P for 1/control/1")
	if b, _ := w.tx.Get(key("heldat", "control", num(1))); b != nil {
		t.Error("the mark of a released row stays for ever")
	}
}

// The model: events never vanish. Each is acknowledged as itself, waits behind
// a hold, or goes out again, and a subject's order is kept.
func TestNothingIsLostProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		orders := []string{"A", "B", "C"}
		for i, id := range orders {
			w.inbox("", release(fmt.Sprint("r", i), id, 1, 1))
		}
		delivered := map[string][]string{} // order → events the OMS had, as itself
		msg := 0
		deliver := func(stream string, upto uint64) {
			acked, _ := Acked(w.tx, stream)
			rows, err := Pending(w.tx, stream, acked, int(upto-acked))
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range rows {
				if !r.Held {
					delivered[r.Event.Order] = append(delivered[r.Event.Order], r.Event.Type+fmt.Sprint(r.Event.At))
				}
			}
			if res := w.do(AckOutbox{Epoch: 1, Stream: stream, Upto: upto}); !res.OK {
				t.Fatalf("%+v", res)
			}
		}
		drain := func(stream string) {
			if n, _ := Newest(w.tx, stream); n > 0 {
				deliver(stream, n)
			}
		}
		for range rapid.IntRange(1, 20).Draw(t, "steps") {
			w.meta.Now++
			id := rapid.SampledFrom(orders).Draw(t, "order")
			switch rapid.IntRange(0, 4).Draw(t, "what") {
			case 0: // a new event of the order
				msg++
				w.inbox("", release(fmt.Sprint("m", msg), id, 1+msg, int64(1+msg)))
			case 1: // the OMS takes some
				drain(StreamResend)
				acked, _ := Acked(w.tx, "control")
				if newest, _ := Newest(w.tx, "control"); newest > acked {
					deliver("control", acked+uint64(rapid.IntRange(1, int(newest-acked)).Draw(t, "n")))
				}
			case 2: // the OMS refuses the next one
				for _, stream := range []string{StreamResend, "control"} {
					acked, _ := Acked(w.tx, stream)
					rows, _ := Pending(w.tx, stream, acked, 1)
					if len(rows) == 1 && !rows[0].Held {
						w.do(HoldSubject{Epoch: 1, Stream: stream, Subject: Subject(rows[0].Event), Seqs: []uint64{acked + 1}, From: acked + 2})
						break
					}
				}
			case 3:
				w.do(ReleaseSubject{Subject: id})
			case 4: // nothing
			}
		}
		for _, id := range orders { // a person releases all, everything drains
			w.do(ReleaseSubject{Subject: id})
		}
		drain(StreamResend)
		drain("control")
		made := map[string][]string{}
		var total uint64
		total, _ = Newest(w.tx, "control")
		rows, err := Pending(w.tx, "control", 0, int(total))
		if err != nil || uint64(len(rows)) != total {
			t.Fatalf("%d of %d rows kept: %v", len(rows), total, err)
		}
		for _, r := range rows {
			made[r.Event.Order] = append(made[r.Event.Order], r.Event.Type+fmt.Sprint(r.Event.At))
		}
		if diff := cmp.Diff(made, delivered); diff != "" {
			t.Fatalf("made and delivered differ:\n%s", diff)
		}
	})
}

func TestSameLogSameState(t *testing.T) {
	run := func() string {
		w := newWorld(t)
		w.inbox("c", release("1", "P", 1, 1), release("2", "G", 1, 1), Item{MsgID: "3", OrderID: "Z", Bad: "x"})
		w.do(HoldSubject{Epoch: 1, Stream: "control", Subject: "P", Seqs: []uint64{1, 2}, From: 3})
		w.do(AckOutbox{Epoch: 1, Stream: "control", Upto: 4})
		w.do(ReleaseSubject{Subject: "P"})
		return w.tx.Digest()
	}
	if a, b := run(), run(); a != b {
		t.Error("the same log gave two states")
	}
}

func samples() map[string]Command {
	return map[string]Command{
		"inbox": InboxStore{Source: "oms/main", Cursor: "c1", Items: []Item{
			release("m1", "O-1", 1, 2), {MsgID: "m2", OrderID: "O-1", Cancel: &Cancel{Reason: "r"}}, {MsgID: "m3", Bad: "no JSON"},
		}},
		"ack":     AckOutbox{Epoch: 1, Stream: "control", Upto: 42},
		"hold":    HoldSubject{Epoch: 1, Stream: "control", Subject: "O-1", Seqs: []uint64{5, 7}, From: 8, Code: "422", Text: "t"},
		"release": ReleaseSubject{Subject: "O-1", Drop: true, Reason: "told by phone"},
	}
}

// The bytes of version 1 stay as they are for ever.
func TestGoldenV1(t *testing.T) {
	for name, c := range samples() {
		kind, version, body, err := Encode(c)
		if err != nil || version != 1 {
			t.Fatalf("%s: version %d, %v", name, version, err)
		}
		file := filepath.Join("testdata", "v1", fmt.Sprintf("%04x-%s.cbor", kind, name))
		if *update {
			if err := os.WriteFile(file, body, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if string(want) != string(body) {
			t.Errorf("%s: the encoding changed", name)
		}
		back, err := Decode(kind, version, want)
		if diff := cmp.Diff(c, back); err != nil || diff != "" {
			t.Errorf("%s: %v %s", name, err, diff)
		}
	}
}

func TestDecodeIsStrict(t *testing.T) {
	kind, version, good, err := Encode(samples()["ack"])
	if err != nil {
		t.Fatal(err)
	}
	zero := samples()["hold"].(HoldSubject)
	zero.Subject = "a\x00b"
	for name, c := range map[string]Command{
		"no source": InboxStore{}, "no msgId": InboxStore{Source: "s", Items: []Item{{Bad: "x"}}}, "nothing set": InboxStore{Source: "s", Items: []Item{{MsgID: "m"}}},
		"ask too long": InboxStore{Source: "s", Items: []Item{{MsgID: "m", Ask: &Ask{What: strings.Repeat("w", 257)}}}},
		"ask and bad":  InboxStore{Source: "s", Items: []Item{{MsgID: "m", Bad: "x", Ask: &Ask{}}}},
		"two set":      InboxStore{Source: "s", Items: []Item{{MsgID: "m", Bad: "x", Cancel: &Cancel{}}}}, "cursor": InboxStore{Source: "s", Cursor: strings.Repeat("c", 1025)},
		"stream": AckOutbox{Epoch: 1}, "upto": AckOutbox{Stream: "s", Upto: 1 << 63}, "zero byte": zero,
		"no seqs": HoldSubject{Stream: "s", Subject: "s"}, "seqs fall": HoldSubject{Stream: "s", Subject: "s", Seqs: []uint64{2, 1}, From: 9},
		"from": HoldSubject{Stream: "s", Subject: "s", Seqs: []uint64{2}, From: 2}, "drop without reason": ReleaseSubject{Subject: "s", Drop: true},
		"too large": InboxStore{Source: "s", Items: []Item{{MsgID: "m", Release: &warehouse.OrderSpec{ID: strings.Repeat("x", MaxBody)}}}},
		"not UTF-8": ReleaseSubject{Subject: "\xff"},
	} {
		if _, _, _, err := Encode(c); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	w := newWorld(t)
	for name, tc := range map[string]struct {
		kind, version uint16
		body          []byte
	}{
		"kind": {0x02ff, 1, good}, "version 0": {kind, 0, good}, "version 2": {kind, 2, good}, "empty": {kind, version, nil},
		"trailing": {kind, version, append(append([]byte{}, good...), 0)}, "cut": {kind, version, good[:len(good)-1]},
		"other kind": {KindInboxStore, version, good}, "unknown field": {kind, version, []byte{0xa1, 0x18, 0x63, 0x01}},
	} {
		if _, err := Decode(tc.kind, tc.version, tc.body); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
		if res := w.raw(tc.kind, tc.version, tc.body); res.OK || res.Code != warehouse.CodeMalformed {
			t.Errorf("%s: %+v", name, res)
		}
	}
	for kind, want := range map[uint16]bool{0x0201: true, 0x02ff: true, 0x0101: false, 0x0301: false, 0: false} {
		if Handles(kind) != want {
			t.Errorf("Handles(%#04x) is %v", kind, !want)
		}
	}
}

func TestCorruptStateIsAnError(t *testing.T) {
	for _, k := range [][]byte{key("ack", "control"), key("hold", "O-1"), key("count", "msg", "oms/main")} {
		w := newWorld(t)
		w.inbox("", release("1", "O-1", 1, 1))
		_ = w.tx.Set(k, []byte{0xff})
		var errs []error
		for _, c := range samples() {
			kind, version, body, _ := Encode(c)
			_, err := Apply(w.tx, w.meta, kind, version, body)
			errs = append(errs, err)
		}
		if !errors.Is(errors.Join(errs...), ErrCorrupt) {
			t.Errorf("%q: %v", k, errs)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, c := range samples() {
		kind, version, body, err := Encode(c)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(kind, version, body)
	}
	f.Fuzz(func(t *testing.T, kind, version uint16, body []byte) {
		c, err := Decode(kind, version, body)
		if err != nil {
			return
		}
		k2, v2, again, err := Encode(c)
		if err != nil || k2 != kind || v2 != version || string(again) != string(body) {
			t.Errorf("%#04x/%d does not come back: %v", kind, version, err)
		}
	})
}

// What the OMS asks beside a release and a cancel reaches the domain.
func TestAsksReachTheDomain(t *testing.T) {
	w := newWorld(t)
	site, err := warehouse.GetSite(w.tx)
	if err != nil {
		t.Fatal(err)
	}
	s := *site
	s.Changes = &warehouse.ChangeRules{Cancel: warehouse.CancelQuote}
	if res, err := warehouse.Apply(w.tx, warehouse.Meta{}, warehouse.PutSite{Site: s}); err != nil || !res.OK {
		t.Fatalf("%+v %v", res, err)
	}
	w.inbox("c1", release("m1", "O-1", 1, 1), Item{MsgID: "m2", OrderID: "O-1", Ask: &Ask{What: AskHold, Code: warehouse.HoldPayment}})
	o, err := warehouse.GetOrder(w.tx, "O-1")
	if err != nil || len(o.Holds) != 1 || o.HeldBy[0] != "oms/main" {
		t.Fatalf("%+v %v", o, err)
	}
	w.inbox("c2",
		Item{MsgID: "m3", OrderID: "O-1", Ask: &Ask{What: AskUnhold, Code: warehouse.HoldPayment}},
		Item{MsgID: "m4", OrderID: "O-1", Revision: 2, Ask: &Ask{What: AskAccept}},
		Item{MsgID: "m5", OrderID: "O-1", Revision: 2, Ask: &Ask{What: AskDecline, Cancel: true}},
		Item{MsgID: "m6", OrderID: "O-7", Ask: &Ask{What: AskBind, Kit: 7}},
		Item{MsgID: "m7", OrderID: "O-1", Ask: &Ask{What: "paint"}},
	)
	refs, err := Refusals(w.tx, "", 100)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range refs {
		got = append(got, r.MsgID+" "+r.Code)
	}
	if diff := cmp.Diff([]string{"m4 NO_QUOTE", "m5 NO_QUOTE", "m6 UNKNOWN_ORDER", "m7 MALFORMED"}, got); diff != "" {
		t.Error(diff)
	}
	if refs[1].Text == refs[0].Text {
		t.Errorf("the quote of a cancel has no revision: %q", refs[1].Text)
	}
	want := []string{"order.accepted O-1", "order.released O-1", "order.held O-1", "order.holdReleased O-1"}
	if diff := cmp.Diff(want, w.events()); diff != "" {
		t.Error(diff)
	}
}
