package cloudsync_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"tote/cloudsync"
	"tote/cloudsync/ledger"
	"tote/cloudsync/wire"
	"tote/oms"
	"tote/warehouse"
)

// shared names the upstreams of a site, each with the owner of its name in
// capitals, and gives every owner goods.
func (s *site) shared(t testing.TB, names ...string) {
	t.Helper()
	var rules warehouse.Site
	if err := s.view(func(r warehouse.Reader) error {
		now, err := warehouse.GetSite(r)
		rules = *now
		return err
	}); err != nil {
		t.Fatal(err)
	}
	rules.Upstreams = nil
	for _, n := range names {
		rules.Upstreams = append(rules.Upstreams, warehouse.Upstream{Name: n, Owners: []string{strings.ToUpper(n)}})
		s.domain(t, warehouse.OpenStock{Rows: []warehouse.StockRow{{Bin: "B1", SKU: "A", Owner: strings.ToUpper(n), Qty: 1_000_000}}})
	}
	s.domain(t, warehouse.PutSite{Site: rules})
}

func of(upstream string) func(*cloudsync.Config) {
	return func(c *cloudsync.Config) { c.Upstream, c.Kick = upstream, nil }
}

// depth is how many events wait for an upstream.
func (s *site) depth(t testing.TB, upstream string) (n int) {
	t.Helper()
	err := s.view(func(r warehouse.Reader) (err error) {
		n, _, err = ledger.Depth(r, warehouse.StreamOf(upstream))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func (s *site) cancel(t testing.TB, id string) {
	t.Helper()
	s.domain(t, warehouse.CancelOrder{Order: id, Source: warehouse.SourceSite})
}

// One OMS is away for the whole shift: the other gets everything meanwhile. When
// it comes back it catches up without a gap and without a repeat. Both place
// orders under the same numbers and see only their own.
func TestOneDeadOMSHoldsUpNoOther(t *testing.T) {
	const orders = 20
	main, acme, s := newCenter(t), newCenter(t), newSite(t)
	s.shared(t, "acme")
	toMain, toAcme := s.runner(t, main.client(t), of("")), s.runner(t, acme.client(t), of("acme"))
	stopMain, stopAcme := run(t, toMain), run(t, toAcme)
	for i := range orders {
		main.place(fmt.Sprintf("O-%d", i), "settled")
		acme.place(fmt.Sprintf("O-%d", i), "settled")
	}
	here := func(prefix string) func() bool {
		return func() bool {
			n := 0
			_ = s.view(func(r warehouse.Reader) error {
				for i := range orders {
					if o, err := warehouse.GetOrder(r, fmt.Sprintf("%sO-%d", prefix, i)); err == nil && o != nil {
						n++
					}
				}
				return nil
			})
			return n == orders
		}
	}
	eventually(t, "all orders of the default OMS are here", here(""))
	eventually(t, "all orders of acme are here", here("acme:"))
	eventually(t, "acme has heard all so far", func() bool { return s.depth(t, "acme") == 0 })
	acme.setFront(func(w http.ResponseWriter, _ *http.Request, _ func() *httptest.ResponseRecorder) bool {
		cut(w)
		return true
	})
	for i := range orders {
		s.cancel(t, fmt.Sprintf("O-%d", i))
		s.cancel(t, fmt.Sprintf("acme:O-%d", i))
	}
	eventually(t, "the default OMS has everything", func() bool { return s.depth(t, "") == 0 })
	eventually(t, "acme is seen to be away", func() bool { return toAcme.Status().Code == cloudsync.CodeUnreachable })
	if st := toMain.Status(); !st.Connected || st.Depth != 0 {
		t.Errorf("the default OMS: %+v", st)
	}
	if st := toAcme.Status(); st.Connected || st.Depth == 0 {
		t.Errorf("acme: %+v", st)
	}
	if got := main.summary().Events["wms.order.cancelled.v1"]; got != orders {
		t.Errorf("the default OMS saw %d cancels", got)
	}
	// Another gateway leads now.
	_ = stopAcme()
	s.mu.Lock()
	s.term++
	s.mu.Unlock()
	stopAcme = run(t, s.runner(t, acme.client(t), of("acme")))
	acme.setFront(nil)
	eventually(t, "acme caught up", func() bool { return s.depth(t, "acme") == 0 })
	_, _ = stopMain(), stopAcme()
	for name, c := range map[string]*center{"": main, "acme": acme} {
		sum := c.summary()
		var newest uint64
		_ = s.view(func(r warehouse.Reader) (err error) {
			newest, err = ledger.Newest(r, warehouse.StreamOf(name))
			return err
		})
		if got := sum.Streams["dc1"]["1"]; got["control"] != newest || len(got) != 1 {
			t.Errorf("%q has %v, the site made %d for it", name, got, newest)
		}
		if sum.Orders != orders || sum.Events["wms.order.accepted.v1"] != orders || sum.Events["wms.order.cancelled.v1"] != orders {
			t.Errorf("%q: %d orders, %v", name, sum.Orders, sum.Events)
		}
	}
	if n := len(main.conflicts()) + len(acme.conflicts()); n != 0 {
		t.Errorf("%d conflicts", n)
	}
}

func (c *center) conflicts() []oms.ConflictView {
	c.t.Helper()
	var list oms.ConflictList
	c.get("/v1/conflicts", &list)
	return list.Conflicts
}

// A site is formed anew: each stream has its own place in the new epoch, also one
// that began only then.
func TestEpochsOfEachStream(t *testing.T) {
	main, acme, beta, s := newCenter(t), newCenter(t), newCenter(t), newSite(t)
	s.shared(t, "acme", "beta")
	centers := map[string]*center{"": main, "acme": acme, "beta": beta}
	order := func(owner, id string) {
		t.Helper()
		s.domain(t, warehouse.ReleaseOrder{Source: "site", Order: warehouse.OrderSpec{
			ID: id, Revision: 1, Owner: owner, Lines: []warehouse.OrderLine{{Line: 1, SKU: "A", Qty: 1}},
			ShipTo: warehouse.Address{Name: "n", Street: "s", Postcode: "p", City: "c", Country: "DE"},
		}})
	}
	drain := func(epoch uint32) {
		t.Helper()
		for name, c := range centers {
			stop := run(t, s.runner(t, c.client(t), of(name), ofEpoch(epoch)))
			eventually(t, name+" has everything", func() bool { return s.depth(t, name) == 0 })
			_ = stop()
		}
	}
	order("", "M1")
	order("ACME", "A1")
	drain(1)
	order("ACME", "A2") // in the backup, not sent
	s.mu.Lock()
	err := ledger.BeginEpoch(s.tx, 1, 2)
	s.mu.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	order("", "M3")
	order("BETA", "B3")
	order("ACME", "A3")
	drain(2)
	for name, want := range map[string]map[string]map[string]uint64{
		"":     {"1": {"control": 2}, "2": {"control": 2}},
		"acme": {"1": {"control": 4}, "2": {"control": 2}},
		"beta": {"2": {"control": 2}},
	} {
		if d := cmp.Diff(want, centers[name].summary().Streams["dc1"]); d != "" {
			t.Errorf("%q has, by epoch: %s", name, d)
		}
	}
}

// One OMS refuses what is said of its order 7: only that one's order 7 waits.
func TestHoldIsOfOneUpstream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		main, acme, s := newFake(), newFake(), newSite(t)
		s.shared(t, "acme")
		for _, owner := range []string{"", "ACME"} {
			spec := warehouse.OrderSpec{
				ID: "7", Revision: 1, Owner: owner, Lines: []warehouse.OrderLine{{Line: 1, SKU: "A", Qty: 1}},
				ShipTo: warehouse.Address{Name: "n", Street: "s", Postcode: "p", City: "c", Country: "DE"},
			}
			source := "oms/main"
			if owner != "" {
				source = "oms/acme"
			}
			s.domain(t, warehouse.ReleaseOrder{Order: spec, Source: source})
		}
		poison := true
		acme.sendErr = func(b cloudsync.Batch) error {
			for _, e := range b.Events {
				if poison && e.Type != wire.TypeHeld && e.Stream == "control" {
					return &cloudsync.Error{Kind: cloudsync.Invalid, Status: 422, Code: "NO"}
				}
			}
			return nil
		}
		toMain, toAcme := s.runner(t, main, of("")), s.runner(t, acme, of("acme"))
		run(t, toMain)
		run(t, toAcme)
		time.Sleep(time.Minute)
		synctest.Wait()
		if st := toMain.Status(); len(st.Held) != 0 || st.Depth != 0 || len(main.got) != 2 || main.got[1].Subject != "7" {
			t.Errorf("the default OMS: %+v, %d events", st, len(main.got))
		}
		st := toAcme.Status()
		if len(st.Held) != 1 || st.Held[0].Subject != "7" || st.Held[0].Events != 2 || st.Depth != 0 {
			t.Errorf("acme: %+v", st)
		}
		if err := toMain.Retry(t.Context(), "7"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if st := toAcme.Status(); len(st.Held) != 1 {
			t.Errorf("the retry at the default OMS let acme's go: %+v", st)
		}
		poison = false
		if err := toAcme.Retry(t.Context(), "7"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		var got []string
		for _, e := range acme.got {
			got = append(got, fmt.Sprintf("%s %s %s < %s", e.ID, e.Type, e.Subject, e.Supersedes))
		}
		want := []string{
			"dc1/1/control/1 wms.sync.held.v1 7 < ", "dc1/1/control/2 wms.sync.held.v1 7 < ",
			"dc1/1/resend/1 wms.order.accepted.v1 7 < dc1/1/control/1", "dc1/1/resend/2 wms.order.released.v1 7 < dc1/1/control/2",
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("acme got %s", d)
		}
	})
}

// A connection the rules do not name asks and sends nothing; named, it begins.
func TestUpstreamWaitsForTheRules(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		acme, s := newFake(), newSite(t)
		r := s.runner(t, acme, of("acme"))
		run(t, r)
		time.Sleep(time.Minute)
		synctest.Wait()
		if st := r.Status(); st.Connected || st.Code != cloudsync.CodeNotNamed || len(acme.polls) != 0 {
			t.Errorf("%+v, %d polls", st, len(acme.polls))
		}
		s.shared(t, "acme")
		time.Sleep(time.Minute)
		synctest.Wait()
		if st := r.Status(); !st.Connected || len(acme.polls) == 0 {
			t.Errorf("%+v, %d polls", st, len(acme.polls))
		}
	})
}

// The default OMS with the name of an upstream would be taken for that one: it
// waits, however long it was connected before.
func TestDefaultOMSNamedLikeAnUpstream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		house, s := newFake(), newSite(t)
		r := s.runner(t, house, func(c *cloudsync.Config) { c.Source = "oms/acme" })
		run(t, r)
		time.Sleep(time.Minute)
		synctest.Wait()
		before := len(house.polls)
		if st := r.Status(); !st.Connected || before == 0 {
			t.Errorf("%+v, %d polls", st, before)
		}
		s.shared(t, "acme")
		time.Sleep(time.Minute)
		synctest.Wait()
		after := len(house.polls)
		time.Sleep(time.Minute)
		synctest.Wait()
		if st := r.Status(); st.Code != cloudsync.CodeNotNamed || len(house.polls) != after {
			t.Errorf("%+v, %d polls after %d", st, len(house.polls), after)
		}
	})
}
