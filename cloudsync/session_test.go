package cloudsync_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"tote/cloudsync"
	"tote/cloudsync/ledger"
	"tote/cloudsync/wire"
	"tote/warehouse"
)

// What the protocol has of a financial one: numbers without a hole, the request
// for what is missing, and the mark of what came before. The OMS is the real one.
func TestGapResendDuplicateRow118(t *testing.T) {
	c, s := newCenter(t), newSite(t)
	for i := range 3 {
		s.order(t, fmt.Sprintf("O-%d", i))
	}
	var rows []wire.Event
	keep := newFake() // takes the events down as they go over the wire
	stop := run(t, s.runner(t, keep))
	eventually(t, "all were sent", s.drained)
	_ = stop()
	rows = keep.got
	if len(rows) != 6 {
		t.Fatalf("%d events of 3 orders", len(rows))
	}
	client := c.client(t)
	send := func(from, to uint64) (wire.Reply, error) {
		return client.Send(t.Context(), cloudsync.Batch{
			Key: wire.BatchKey{Site: "dc1", Epoch: 1, Stream: "control", First: from, Last: to}, Epoch: 1, Fence: 1, Events: rows[from-1 : to],
		})
	}
	if _, err := send(1, 2); err != nil {
		t.Fatal(err)
	}
	// 3 is missing: nothing is taken, and the answer asks for it.
	_, err := send(4, 6)
	gap, ok := errors.AsType[*cloudsync.Error](err)
	if !ok || gap.Kind != cloudsync.Gap || gap.ExpectSeq != 3 {
		t.Fatalf("a hole is answered with %v", err)
	}
	if n := c.summary().Streams["dc1"]["1"]["control"]; n != 2 {
		t.Errorf("the OMS took %d events", n)
	}
	// Sent again from the start: what was there is marked and has no effect.
	r, err := send(1, 6)
	if err != nil {
		t.Fatal(err)
	}
	if r.AckSeq != 6 || r.ExpectSeq != 7 || len(r.Results) != 6 {
		t.Fatalf("%+v", r)
	}
	for i, res := range r.Results {
		want := wire.StatusApplied
		if i < 2 {
			want = wire.StatusDuplicate
		}
		if res.Status != want || i < 2 && res.Original != wire.StatusApplied {
			t.Errorf("event %d: %+v, want %s", i+1, res, want)
		}
	}
	c.once(s, 3)
}

// An order comes to the site by the message of the OMS alone, and the message a
// hundred times over, under its own id or another, is one order.
func TestReleaseAHundredTimesRow51(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, f := newSite(t), newFake()
		raw, err := json.Marshal(wire.Order{
			ID: "O-1", Revision: 1, ShipTo: wire.Address{Name: "n", Street: "s", Postcode: "p", City: "c", Country: "DE"},
			Lines: []wire.OrderLine{{Line: 1, SKU: "A", Qty: 3}},
		})
		if err != nil {
			t.Fatal(err)
		}
		_, _ = onVirtualTime(t, f, w, time.Minute)
		if len(f.got) != 0 {
			t.Fatalf("%d events of a site nobody asked anything", len(f.got))
		}
		for i := range 10 {
			page := wire.InboxPage{Next: fmt.Sprint("c", i)}
			for j := range 10 {
				page.Items = append(page.Items, wire.InboxItem{MsgID: fmt.Sprint("m", j%2*(i+1)), OrderID: "O-1", Revision: 1, Type: wire.TypeRelease, Data: raw})
			}
			f.pages = append(f.pages, page)
		}
		r, _ := onVirtualTime(t, f, w, 10*time.Minute)
		var got []string
		for _, e := range f.got {
			got = append(got, e.Type+" "+e.Subject)
		}
		if fmt.Sprint(got) != "[wms.order.accepted.v1 O-1 wms.order.released.v1 O-1]" {
			t.Errorf("the OMS is told %v", got)
		}
		if x := r.Status().Refusals; len(x) != 0 {
			t.Errorf("refused %+v", x)
		}
		err = w.view(func(rd warehouse.Reader) error {
			orders, err := warehouse.Orders(rd, "", 0)
			if err != nil || len(orders) != 1 {
				t.Errorf("%d orders: %v", len(orders), err)
			}
			stock, err := warehouse.Balances(rd, "A")
			var reserved int64
			for _, b := range stock {
				reserved += b.Reserved
			}
			if reserved != 3 {
				t.Errorf("%d pieces are reserved for 3", reserved)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

// A week without the OMS, an order every hour and another leader every day; then
// the link is back, and loses one answer of three. Every event arrives, in order,
// and has its effect once.
func TestSevenDaysOfflineRow87(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, f := newSite(t), newFake()
		begin := time.Now()
		const days = 7
		back := begin.Add(days * 24 * time.Hour)
		sent := 0
		f.sendErr = func(cloudsync.Batch) error {
			if time.Now().Before(back) {
				return errNoNet
			}
			return nil
		}
		f.pollErr = func(string) error { return f.sendErr(cloudsync.Batch{}) }
		lossy := &lossyAdapter{fake: f}
		for day := range days + 1 {
			w.mu.Lock()
			w.term++
			w.mu.Unlock()
			ctx, cancel := context.WithCancel(t.Context())
			r := w.runner(t, lossy, maxRand)
			done := make(chan error, 1)
			go func() { done <- r.Run(ctx) }()
			for hour := range 24 {
				if day < days {
					w.order(t, fmt.Sprintf("O-%d-%d", day, hour))
					sent += 2
				}
				time.Sleep(time.Hour)
				if st := r.Status(); day < days && (st.Connected || st.Depth != sent) {
					t.Fatalf("day %d: %+v, %d events wait", day, st, sent)
				}
			}
			cancel()
			<-done
		}
		if lossy.lost == 0 {
			t.Error("no answer was lost: nothing came twice")
		}
		var newest uint64
		if err := w.view(func(r warehouse.Reader) (err error) { newest, err = ledger.Newest(r, "control"); return err }); err != nil {
			t.Fatal(err)
		}
		if newest != uint64(sent) || len(f.got) != sent || !w.drained() {
			t.Fatalf("%d events were made, %d noted, %d arrived", sent, newest, len(f.got))
		}
		for i, e := range f.got {
			if want := fmt.Sprintf("dc1/1/control/%d", i+1); e.ID != want {
				t.Fatalf("event %d is %s", i+1, e.ID)
			}
		}
	})
}

// lossyAdapter loses the answer of every third batch that had its effect.
type lossyAdapter struct {
	*fake
	sends, lost int
}

func (l *lossyAdapter) Send(ctx context.Context, b cloudsync.Batch) (wire.Reply, error) {
	r, err := l.fake.Send(ctx, b)
	if err != nil {
		return r, err
	}
	if l.sends++; l.sends%3 == 1 {
		l.lost++
		return wire.Reply{}, errNoNet
	}
	return r, nil
}
