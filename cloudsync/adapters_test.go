package cloudsync_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tote/cloudsync"
	"tote/cloudsync/files"
	"tote/cloudsync/ledger"
	"tote/cloudsync/wire"
	"tote/oms"
	"tote/warehouse"
)

// peer is an OMS behind an adapter, as the contract suite sees it.
type peer interface {
	adapter(t testing.TB) cloudsync.Adapter // a new client each time
	place(id, payment string)
	effects(order string) []string // what became of an order, by type
}

func (c *center) adapter(t testing.TB) cloudsync.Adapter { return c.client(t) }

func (c *center) effects(order string) (types []string) {
	c.t.Helper()
	var v oms.OrderView
	c.get("/v1/orders/"+order, &v)
	for _, e := range v.Timeline {
		if strings.HasPrefix(e.Source, "/sites/") {
			types = append(types, e.Type)
		}
	}
	return types
}

// folder is an OMS that speaks in files.
type folder struct {
	t   testing.TB
	dir string
	n   int
}

func newFolder(t testing.TB) *folder { return &folder{t: t, dir: t.TempDir()} }

func (f *folder) adapter(t testing.TB) cloudsync.Adapter {
	t.Helper()
	c, err := files.New(files.Config{Dir: f.dir, Site: "dc1"})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// drop puts a file in as an OMS does: complete, by its name.
func (f *folder) drop(name string, text []byte) {
	f.t.Helper()
	tmp := filepath.Join(f.dir, "in", "."+name)
	err := errors.Join(os.MkdirAll(filepath.Dir(tmp), 0o750), os.WriteFile(tmp, text, 0o600), os.Rename(tmp, filepath.Join(f.dir, "in", name)))
	if err != nil {
		f.t.Fatal(err)
	}
}

func (f *folder) place(id, _ string) {
	f.t.Helper()
	data, err := json.Marshal(wire.Order{
		ID: id, Revision: 1, ShipTo: wire.Address{Name: "n", Street: "s", Postcode: "p", City: "c", Country: "DE"},
		Lines: []wire.OrderLine{{Line: 1, SKU: "A", Qty: 1}},
	})
	if err != nil {
		f.t.Fatal(err)
	}
	raw, err := json.Marshal(wire.InboxItem{MsgID: "m-" + id, OrderID: id, Revision: 1, Type: wire.TypeRelease, Data: data})
	if err != nil {
		f.t.Fatal(err)
	}
	f.n++
	f.drop(fmt.Sprintf("%04d.ndjson", f.n), append(raw, '\n'))
}

// events are those given out, in the order of the files.
func (f *folder) events() (evs []wire.Event) {
	f.t.Helper()
	names, err := filepath.Glob(filepath.Join(f.dir, "out", "*"))
	if err != nil {
		f.t.Fatal(err)
	}
	for _, n := range names {
		raw, err := os.ReadFile(n)
		if err != nil {
			f.t.Fatal(err)
		}
		for line := range bytes.Lines(raw) {
			var e wire.Event
			if err := json.Unmarshal(line, &e); err != nil {
				f.t.Fatalf("%s: %v", n, err)
			}
			evs = append(evs, e)
		}
	}
	return evs
}

func (f *folder) effects(order string) (types []string) {
	for _, e := range f.events() {
		if e.Subject == order {
			types = append(types, strings.TrimSuffix(strings.TrimPrefix(e.Type, "wms."), ".v1"))
		}
	}
	return types
}

// TestAdaptersRow59: what the runner counts on holds for every adapter.
func TestAdaptersRow59(t *testing.T) {
	for name, begin := range map[string]func(testing.TB) peer{
		"native": func(t testing.TB) peer { return newCenter(t) },
		"files":  func(t testing.TB) peer { return newFolder(t) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Run("row 59: the inbox misses nothing and repeats itself", func(t *testing.T) { contractInbox(t, begin(t)) })
			t.Run("row 59: an event has its effect once", func(t *testing.T) { contractEvents(t, begin(t)) })
			t.Run("row 59: an order there and back", func(t *testing.T) { contractLoop(t, begin(t)) })
		})
	}
}

func contractInbox(t *testing.T, p peer) {
	a := p.adapter(t)
	if c := a.Capabilities(); !c.ChangeFeed || !c.IdempotencyKey {
		t.Fatalf("%+v", c)
	}
	first, err := a.Poll(t.Context(), "", 0, 2)
	if err != nil || len(first.Items) != 0 {
		t.Fatalf("an empty inbox gave %+v, %v", first, err)
	}
	for i := range 5 {
		p.place(fmt.Sprintf("O-%d", i), "settled")
	}
	read := func(a cloudsync.Adapter, cursor string) (items []wire.InboxItem, cursors []string) {
		t.Helper()
		for range 20 {
			page, err := a.Poll(t.Context(), cursor, 0, 2)
			if err != nil {
				t.Fatal(err)
			}
			if len(page.Items) > 2 || len(page.Items) > 0 && page.Next == cursor {
				t.Fatalf("%d items behind %q, next %q", len(page.Items), cursor, page.Next)
			}
			if len(page.Items) == 0 {
				return items, cursors
			}
			items, cursor = append(items, page.Items...), page.Next
			cursors = append(cursors, cursor)
		}
		t.Fatal("the inbox has no end")
		return nil, nil
	}
	// The same page again before anything behind it was asked for: the site may
	// have stopped before it was kept.
	once, err := a.Poll(t.Context(), "", 0, 2)
	if err != nil {
		t.Fatal(err)
	}
	again, err := p.adapter(t).Poll(t.Context(), "", 0, 2)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(once, again); d != "" || len(once.Items) == 0 {
		t.Errorf("the page is another one the second time: %s", d)
	}
	items, cursors := read(a, "")
	var ids []string
	for _, it := range items {
		ids = append(ids, it.OrderID)
		if it.Type != wire.TypeRelease || it.MsgID == "" || it.Revision != 1 {
			t.Errorf("%+v", it)
		}
	}
	if want := []string{"O-0", "O-1", "O-2", "O-3", "O-4"}; !cmp.Equal(want, ids) {
		t.Errorf("the inbox has %v", ids)
	}
	p.place("O-5", "settled")
	rest, _ := read(p.adapter(t), cursors[len(cursors)-1])
	if len(rest) != 1 || rest[0].OrderID != "O-5" {
		t.Errorf("behind the cursor there is %+v", rest)
	}
	_, err = a.Poll(t.Context(), "of another OMS", 0, 2)
	if e, ok := errors.AsType[*cloudsync.Error](err); !ok || e.Kind != cloudsync.CursorGone {
		t.Errorf("a cursor that is none: %v", err)
	}
}

func contractEvents(t *testing.T, p peer) {
	s, keep := newSite(t), newFake()
	for i := range 3 {
		s.order(t, fmt.Sprintf("O-%d", i))
	}
	stop := run(t, s.runner(t, keep))
	eventually(t, "the events are known", s.drained)
	_ = stop()
	rows := keep.got
	send := func(epoch uint32, fence, from, to uint64) (wire.Reply, error) {
		return p.adapter(t).Send(t.Context(), cloudsync.Batch{ // a new client: nothing is only in memory
			Key:   wire.BatchKey{Site: "dc1", Epoch: 1, Stream: "control", First: from, Last: to},
			Epoch: epoch, Fence: fence, Events: rows[from-1 : to],
		})
	}
	refused := func(err error, kind cloudsync.Kind, expect uint64) {
		t.Helper()
		if e, ok := errors.AsType[*cloudsync.Error](err); !ok || e.Kind != kind || e.ExpectSeq != expect {
			t.Errorf("got %v, want %s", err, kind)
		}
	}
	statuses := func(r wire.Reply) (out []string) {
		for _, x := range r.Results {
			out = append(out, fmt.Sprintf("%d %s%s", x.Seq, x.Status, x.Original))
		}
		return out
	}
	r, err := send(1, 5, 1, 2)
	if d := cmp.Diff([]string{"1 applied", "2 applied"}, statuses(r)); err != nil || d != "" || r.AckSeq != 2 || r.ExpectSeq != 3 {
		t.Fatalf("%+v %v", r, err)
	}
	_, err = send(1, 5, 4, 6)
	refused(err, cloudsync.Gap, 3)
	_, err = send(1, 4, 3, 6)
	refused(err, cloudsync.Fenced, 0)
	for range 2 { // the answer is lost
		if r, err = send(1, 5, 2, 6); err != nil || r.AckSeq != 6 || len(r.Results) != 5 || statuses(r)[0] != "2 duplicateapplied" {
			t.Fatalf("%+v %v", r, err)
		}
	}
	if _, err = send(2, 1, 6, 6); err != nil { // a cluster formed anew begins with low terms
		t.Error(err)
	}
	_, err = send(1, 9, 6, 6)
	refused(err, cloudsync.Fenced, 0)
	for i := range 3 {
		if d := cmp.Diff([]string{"order.accepted", "order.released"}, p.effects(fmt.Sprintf("O-%d", i))); d != "" {
			t.Errorf("O-%d: %s", i, d)
		}
	}
	held := rows[5]
	held.Sequence, held.ID, held.Type, held.Data, held.DataContentType = "7", "dc1/1/control/7", wire.TypeHeld, nil, ""
	rows = append(rows, held)
	if r, err = send(2, 1, 7, 7); err != nil || statuses(r)[0] != "7 held" {
		t.Errorf("the placeholder: %+v %v", r, err)
	}
}

func contractLoop(t *testing.T, p peer) {
	s := newSite(t)
	p.place("O-0", "settled")
	stop := run(t, s.runner(t, p.adapter(t)))
	eventually(t, "the order came and was told", func() bool { return len(p.effects("O-0")) == 2 && s.drained() })
	_ = stop()
	p.place("O-1", "settled")
	s.cancel(t, "O-0")
	run(t, s.runner(t, p.adapter(t)))
	eventually(t, "the next one too", func() bool { return len(p.effects("O-1")) == 2 })
	eventually(t, "and the cancel", func() bool { return len(p.effects("O-0")) == 3 && s.drained() })
}

// TestSwapAdapterMidDayRow30: the connection to an OMS is changed for a folder in
// the middle of the day, and back in the evening. What was open goes along, no
// order is lost or comes twice, and no event is.
func TestSwapAdapterMidDayRow30(t *testing.T) {
	const orders = 10
	c, f, s := newCenter(t), newFolder(t), newSite(t)
	name := func(i int) string { return fmt.Sprintf("O-%d", i) }
	here := func(n int) func() bool {
		return func() bool {
			got := 0
			_ = s.view(func(r warehouse.Reader) error {
				all, err := warehouse.Orders(r, "", 1000)
				got = len(all)
				return err
			})
			return got == n
		}
	}
	for i := range orders {
		c.place(name(i), "settled")
	}
	stop := run(t, s.runner(t, c.client(t)))
	eventually(t, "the morning's orders are here and told", func() bool { return here(orders)() && s.drained() })
	_ = stop()
	// Noon: two more wait at the OMS, and something happened at the site.
	c.place(name(orders), "settled")
	c.place(name(orders+1), "settled")
	s.cancel(t, name(0))
	var open bytes.Buffer
	if n, err := cloudsync.Export(t.Context(), c.client(t), &open); err != nil || n != orders+2 {
		t.Fatalf("%d messages, %v", n, err)
	}
	f.drop("0-from-the-oms.ndjson", open.Bytes())
	stop = run(t, s.runner(t, f.adapter(t)))
	eventually(t, "those that waited came over the folder", func() bool { return here(orders+2)() && s.drained() })
	f.place("O-afternoon", "")
	eventually(t, "the afternoon's order is here", here(orders+3))
	s.cancel(t, name(1))
	eventually(t, "all of it is told", s.drained)
	_ = stop()
	seen := map[string]int{}
	for _, e := range f.events() {
		seen[e.ID]++
		if seen[e.ID] > 1 {
			t.Errorf("event %s is in the folder twice", e.ID)
		}
	}
	var newest uint64
	_ = s.view(func(r warehouse.Reader) (err error) { newest, err = ledger.Newest(r, "control"); return err })
	had := c.summary().Streams["dc1"]["1"]["control"]
	if had+uint64(len(seen)) != newest || seen[fmt.Sprintf("dc1/1/control/%d", had+1)] != 1 {
		t.Errorf("the OMS had %d events, the folder %d, the site made %d", had, len(seen), newest)
	}
	if got := f.effects(name(0)); len(got) != 1 || got[0] != "order.cancelled" {
		t.Errorf("the folder heard of the noon's cancel: %v", got)
	}
	// Evening: back to the OMS, which asks for what it missed.
	c.place("O-evening", "settled")
	run(t, s.runner(t, c.client(t)))
	eventually(t, "the evening's order is here", here(orders+4))
	s.cancel(t, name(2))
	eventually(t, "the OMS has everything", func() bool {
		_ = s.view(func(r warehouse.Reader) (err error) { newest, err = ledger.Newest(r, "control"); return err })
		return s.drained() && c.summary().Streams["dc1"]["1"]["control"] == newest
	})
	for i, want := range map[int][]string{
		0: {"order.accepted", "order.released", "order.cancelled"}, 1: {"order.accepted", "order.released", "order.cancelled"},
		3: {"order.accepted", "order.released"}, orders + 1: {"order.accepted", "order.released"},
	} {
		if d := cmp.Diff(want, c.effects(name(i))); d != "" {
			t.Errorf("%s: %s", name(i), d)
		}
	}
}
