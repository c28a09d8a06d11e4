package cloudsync_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"tote/cloudsync"
	"tote/cloudsync/ledger"
	"tote/cloudsync/wire"
	"tote/warehouse"
)

func batchOf(t testing.TB, raw []byte) []wire.Event {
	t.Helper()
	if z, err := gzip.NewReader(bytes.NewReader(raw)); err == nil {
		raw, _ = io.ReadAll(z)
	}
	var events []wire.Event
	if err := json.Unmarshal(raw, &events); err != nil {
		t.Errorf("batch: %v", err)
	}
	return events
}

// onVirtualTime runs a link against a fake OMS for a virtual while.
func onVirtualTime(t *testing.T, f *fake, s *site, d time.Duration, change ...func(*cloudsync.Config)) (*cloudsync.Runner, error) {
	t.Helper()
	r := s.runner(t, f, change...)
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	return r, r.Run(ctx)
}

// full jitter with the largest draw: 0.5, 1, 2 … seconds up to the cap.
func maxRand(cfg *cloudsync.Config) { cfg.Rand = func(n int64) int64 { return n - 1 } }

func gaps(at []time.Time) (out []time.Duration) {
	for i := 1; i < len(at); i++ {
		out = append(out, at[i].Sub(at[i-1]).Round(time.Millisecond))
	}
	return out
}

func TestBackoff(t *testing.T) {
	const s = time.Second
	for _, tc := range []struct {
		name string
		err  error
		d    time.Duration
		want []time.Duration // between the attempts
	}{
		{"connection", errNoNet, 5 * time.Minute, []time.Duration{s / 2, s, 2 * s, 4 * s, 8 * s, 16 * s, 32 * s, 60 * s, 60 * s, 60 * s}},
		{"any other error", errors.New("odd"), 4 * s, []time.Duration{s / 2, s, 2 * s}},
		{"in progress", &cloudsync.Error{Kind: cloudsync.InProgress}, 4 * s, []time.Duration{s / 2, s, 2 * s}},
		{"busy", &cloudsync.Error{Kind: cloudsync.Busy}, 20 * time.Minute, []time.Duration{
			s / 2, s, 2 * s, 4 * s, 8 * s, 16 * s, 32 * s, 64 * s, 128 * s, 256 * s, 300 * s, 300 * s,
		}},
		{"Retry-After wins", &cloudsync.Error{Kind: cloudsync.Busy, RetryAfter: 7 * s}, 30 * s, []time.Duration{7 * s, 7 * s, 7 * s, 7 * s}},
		{"Retry-After has an end", &cloudsync.Error{Kind: cloudsync.Busy, RetryAfter: 9000 * time.Hour}, 2*time.Hour + s, []time.Duration{time.Hour, time.Hour}},
		{"denied", &cloudsync.Error{Kind: cloudsync.Denied}, 11 * time.Minute, []time.Duration{300 * s, 300 * s}},
		{"misplaced", &cloudsync.Error{Kind: cloudsync.Misplaced}, 11 * time.Minute, []time.Duration{300 * s, 300 * s}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, f := newSite(t), newFake()
				w.order(t, "O-1")
				f.sendErr = func(cloudsync.Batch) error { return tc.err }
				f.pollErr = func(string) error { return tc.err }
				_, _ = onVirtualTime(t, f, w, tc.d, maxRand)
				for name, at := range map[string][]time.Time{"uplink": f.at, "downlink": f.polls} {
					if diff := cmp.Diff(tc.want, gaps(at)); diff != "" {
						t.Errorf("%s: %s", name, diff)
					}
				}
				// After a failure one event is the probe.
				for i, n := range f.sizes {
					if want := map[bool]int{true: 2, false: 1}[i == 0]; n != want {
						t.Errorf("attempt %d had %d events", i, n)
					}
				}
				if n, _, _ := ledgerDepth(w); n != 2 {
					t.Errorf("%d events wait, none may be given up", n)
				}
			})
		})
	}
}

func ledgerDepth(s *site) (n int, at int64, err error) {
	_ = s.view(func(r warehouse.Reader) error { n, at, err = ledger.Depth(r, "control"); return nil })
	return n, at, err
}

// Acceptance 10: 50 sites lose the OMS in the same moment; their first retries
// are spread over at least 20 s.
func TestStartsAreSpread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var first []time.Duration
		down := time.Now().Add(time.Minute)
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
		defer cancel()
		var wg sync.WaitGroup
		for i := range 50 {
			w, f := newSite(t), newFake()
			failures := 0
			f.pollErr = func(string) error {
				if d := time.Since(down); d > 0 {
					if failures++; failures == 2 { // the first is the loss itself
						mu.Lock()
						first = append(first, d)
						mu.Unlock()
					}
					return errNoNet
				}
				return nil
			}
			rnd := rand.New(rand.NewPCG(uint64(i), 7))
			r := w.runner(t, f, func(cfg *cloudsync.Config) { cfg.StartSpread = 0; cfg.Rand = rnd.Int64N })
			wg.Go(func() { _ = r.Run(ctx) })
		}
		wg.Wait()
		lo, hi := first[0], first[0]
		for _, d := range first {
			lo, hi = min(lo, d), max(hi, d)
		}
		if len(first) != 50 || hi-lo < 20*time.Second {
			t.Errorf("%d sites came back over %v", len(first), hi-lo)
		}
	})
}

// The first success of either loop drains at once: no timer is waited for.
func TestFirstSuccessDrainsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, f := newSite(t), newFake()
		for i := range 300 {
			w.order(t, fmt.Sprint("O-", i))
		}
		start := time.Now()
		back := start.Add(10 * time.Minute)
		f.sendErr = func(cloudsync.Batch) error {
			if time.Now().Before(back) {
				return &cloudsync.Error{Kind: cloudsync.Busy} // waits up to 5 minutes
			}
			return nil
		}
		f.pollErr = func(string) error {
			if time.Now().Before(back) {
				return errNoNet // tries every minute
			}
			return nil
		}
		_, _ = onVirtualTime(t, f, w, 12*time.Minute, maxRand)
		if len(f.got) != 600 {
			t.Fatalf("%d events arrived", len(f.got))
		}
		last := f.at[len(f.at)-1].Sub(back)
		if last > time.Minute+time.Second {
			t.Errorf("drained %v after the OMS came back", last)
		}
		if n := len(f.sizes); f.sizes[n-3] != 1 || f.sizes[n-2] != 500 || f.sizes[n-1] != 99 {
			t.Errorf("batches %v: a probe, then full ones", f.sizes[n-3:])
		}
	})
}

func TestIdleWritesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, f := newSite(t), newFake()
		w.order(t, "O-1")
		index := w.index
		_, err := onVirtualTime(t, f, w, time.Hour)
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Run ended with %v", err)
		}
		if w.index != index+1 { // the one acknowledgement
			t.Errorf("%d commands in an hour without news", w.index-index)
		}
		if n := len(f.polls); n < 115 || n > 125 {
			t.Errorf("%d long polls in an hour", n)
		}
	})
}

func TestImpatientOMSIsNotAskedInACircle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, f := newSite(t), newFake()
		for range 1000 {
			f.pages = append(f.pages, wire.InboxPage{}) // answers at once, with nothing
		}
		_, _ = onVirtualTime(t, f, w, time.Minute)
		if n := len(f.polls); n > 63 {
			t.Errorf("%d polls in a minute", n)
		}
	})
}

// Without a Kick new rows are found by looking.
func TestNoKick(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, f := newSite(t), newFake()
		time.AfterFunc(10*time.Second, func() { w.order(t, "O-1") })
		_, _ = onVirtualTime(t, f, w, 12*time.Second, func(c *cloudsync.Config) { c.Kick = nil })
		if len(f.got) != 2 {
			t.Errorf("%d events", len(f.got))
		}
	})
}

func TestDrainIsPaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, f := newSite(t), newFake()
		for i := range 600 {
			w.order(t, fmt.Sprint("O-", i))
		}
		_, _ = onVirtualTime(t, f, w, time.Hour, func(c *cloudsync.Config) { c.EventsPerSecond = 100 })
		if took := f.at[len(f.at)-1].Sub(f.at[0]); took < 9*time.Second || took > 11*time.Second || len(f.got) != 1200 {
			t.Errorf("%d events at 100 a second took %v before the last batch", len(f.got), took)
		}
	})
}

// Answers that break the protocol are never acknowledged.
func TestBadReplies(t *testing.T) {
	for name, tc := range map[string]struct {
		breakIt func(b cloudsync.Batch, r *wire.Reply)
		code    string
	}{
		"no results":       {func(_ cloudsync.Batch, r *wire.Reply) { r.Results = nil }, cloudsync.CodeBadReply},
		"other seqs":       {func(_ cloudsync.Batch, r *wire.Reply) { r.Results[0].Seq++ }, cloudsync.CodeBadReply},
		"expect and ack":   {func(_ cloudsync.Batch, r *wire.Reply) { r.ExpectSeq += 5 }, cloudsync.CodeBadReply},
		"ack before first": {func(_ cloudsync.Batch, r *wire.Reply) { r.AckSeq, r.ExpectSeq = 0, 1 }, cloudsync.CodeBadReply},
		"ahead of us":      {func(_ cloudsync.Batch, r *wire.Reply) { r.AckSeq, r.ExpectSeq = 900, 901 }, cloudsync.CodeAhead},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, f := newSite(t), newFake()
				w.order(t, "O-1")
				f.reply = tc.breakIt
				r, _ := onVirtualTime(t, f, w, time.Minute, maxRand)
				if st := r.Status(); st.Code != tc.code || st.Depth != 2 || st.Acked != 0 {
					t.Errorf("%+v", st)
				}
			})
		})
	}
}

// Half a batch acknowledged: the rest is sent again.
func TestPartialAck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, f := newSite(t), newFake()
		w.order(t, "O-1")
		w.order(t, "O-2")
		f.reply = func(b cloudsync.Batch, r *wire.Reply) {
			if b.Key.First == 1 {
				r.AckSeq, r.ExpectSeq = 3, 4
			}
		}
		r, _ := onVirtualTime(t, f, w, time.Minute)
		if st := r.Status(); st.Acked != 4 || st.Depth != 0 || fmt.Sprint(f.sizes) != "[4 1]" {
			t.Errorf("%+v, batches %v", st, f.sizes)
		}
	})
}

// A server that refuses everything does not quarantine the outbox: the first
// refused placeholder stops the link.
func TestOMSThatRefusesEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, f := newSite(t), newFake()
		for i := range 20 {
			w.order(t, fmt.Sprint("O-", i))
		}
		f.sendErr = func(cloudsync.Batch) error { return &cloudsync.Error{Kind: cloudsync.Invalid, Status: 422} }
		r, _ := onVirtualTime(t, f, w, time.Hour, maxRand)
		if st := r.Status(); st.Code != cloudsync.CodeHeldRefused || len(st.Held) != 1 || st.Depth != 40 {
			t.Errorf("%+v", st)
		}
	})
}

// The OMS asks for more than is kept.
func TestLostBeyondRewind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, f := newSite(t), newFake()
		for i := range 600 {
			w.order(t, fmt.Sprint("O-", i))
		}
		if _, _ = onVirtualTime(t, f, w, time.Minute); len(f.got) != 1200 {
			t.Fatalf("%d events", len(f.got))
		}
		f.ack = map[string]uint64{}
		w.order(t, "NEW")
		r, _ := onVirtualTime(t, f, w, time.Minute, maxRand)
		if st := r.Status(); st.Code != cloudsync.CodeLost || st.Depth != 2 {
			t.Errorf("%+v", st)
		}
		f.ack["control"] = 500 // a newer backup, within the rewind
		if r, _ = onVirtualTime(t, f, w, time.Minute); r.Status().Depth != 0 || f.ack["control"] != 1202 {
			t.Errorf("%+v", r.Status())
		}
	})
}

// No quorum: nothing is acknowledged, and it heals by itself.
func TestNoCommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, f := newSite(t), newFake()
		w.order(t, "O-1")
		heal := time.Now().Add(time.Minute)
		w.fail = func(uint16, bool) error {
			if time.Now().Before(heal) {
				return errors.New("no quorum")
			}
			return nil
		}
		f.pages = []wire.InboxPage{{Items: []wire.InboxItem{{MsgID: "m", OrderID: "X", Type: "odd"}}, Next: "c"}}
		r, _ := onVirtualTime(t, f, w, 30*time.Second, maxRand)
		if st := r.Status(); st.Code != cloudsync.CodeNoCommit || st.Acked != 0 {
			t.Errorf("%+v", st)
		}
		if n := len(f.at); n < 8 {
			t.Errorf("%d tries in 30 s", n)
		}
		r, _ = onVirtualTime(t, f, w, time.Minute, maxRand)
		if st := r.Status(); st.Code != "" || st.Acked < 2 {
			t.Errorf("%+v", st)
		}
		if len(f.got) != 2 {
			t.Errorf("%d effects", len(f.got))
		}
	})
}

// Messages of every kind of damage: each becomes a refusal, none blocks.
func TestMalformedInbox(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, f := newSite(t), newFake()
		good := func(id string) wire.InboxItem {
			o := wire.Order{ID: id, Revision: 1, Lines: []wire.OrderLine{{Line: 1, SKU: "A", Qty: 1}}, ShipTo: wire.Address{Name: "n", Street: "s", Postcode: "p", City: "c", Country: "DE"}}
			raw, _ := json.Marshal(o)
			return wire.InboxItem{MsgID: "m-" + id, OrderID: id, Revision: 1, Type: wire.TypeRelease, Data: raw}
		}
		with := func(id string, change func(*wire.InboxItem)) wire.InboxItem {
			it := good(id)
			change(&it)
			return it
		}
		items := []wire.InboxItem{
			good("G-1"),
			with("B-1", func(it *wire.InboxItem) { it.Data = json.RawMessage(`{"id":7}`) }),
			with("B-2", func(it *wire.InboxItem) { it.Data = nil }),
			with("B-3", func(it *wire.InboxItem) { it.Type = "order.paint" }),
			with("B-4", func(it *wire.InboxItem) { it.OrderID = "ANOTHER" }),
			with("B-5", func(it *wire.InboxItem) { it.Revision = 2 }),
			with("B-6", func(it *wire.InboxItem) { it.MsgID = "" }),
			with("B-7", func(it *wire.InboxItem) { it.MsgID = strings.Repeat("m", 200) }),
			with("B-8", func(it *wire.InboxItem) { it.MsgID = "a\x00b" }),
			with("B-9", func(it *wire.InboxItem) { it.OrderID = strings.Repeat("o", 500) }),
			with("B-10", func(it *wire.InboxItem) { it.Type, it.Data = wire.TypeCancel, json.RawMessage(`[]`) }),
			with("B-11", func(it *wire.InboxItem) {
				it.Data = json.RawMessage(strings.Replace(string(it.Data), `"n"`, `"`+strings.Repeat("n", 100_000)+`"`, 1))
			}),
			with("B-12", func(it *wire.InboxItem) {
				it.Type, it.Data = wire.TypeCancel, json.RawMessage(`{"reason":"`+strings.Repeat("r", 900)+`"}`)
			}),
			with("B-13", func(it *wire.InboxItem) { it.Type, it.Data = wire.TypeQuote, json.RawMessage(`{"accept":"yes"}`) }),
			with("B-14", func(it *wire.InboxItem) { it.Type, it.Data = wire.TypeBind, json.RawMessage(`7`) }),
			with("B-15", func(it *wire.InboxItem) {
				it.Type, it.Data = wire.TypeHold, json.RawMessage(`{"code":"`+strings.Repeat("C", 65)+`"}`)
			}),
			good("G-2"),
		}
		f.pages = []wire.InboxPage{{Items: items, Next: "c1"}}
		var log bytes.Buffer
		r, _ := onVirtualTime(t, f, w, time.Minute, func(c *cloudsync.Config) { c.Log = slog.New(slog.NewJSONHandler(&log, nil)) })
		// Each of them is told once, with the reason the site has for it.
		told := map[string]string{}
		for line := range bytes.Lines(log.Bytes()) {
			var l struct{ Code, MsgID, Order, Refusal, Text string }
			if err := json.Unmarshal(bytes.Replace(line, []byte(`"msg_id"`), []byte(`"msgID"`), 1), &l); err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			if l.Code != cloudsync.CodeItemRefused {
				continue
			}
			if _, had := told[l.MsgID]; had || l.Refusal == "" || l.Text == "" {
				t.Errorf("%s", line)
			}
			told[l.MsgID] = l.Refusal
		}
		for _, x := range r.Status().Refusals {
			if told[x.MsgID] != x.Code {
				t.Errorf("%s %s is told as %q", x.MsgID, x.Code, told[x.MsgID])
			}
		}
		st := r.Status()
		if len(told) != len(st.Refusals) {
			t.Errorf("%d refusals told, %d there", len(told), len(st.Refusals))
		}
		if st.Cursor != "c1" || len(st.Refusals) != len(items)-2 {
			t.Errorf("cursor %q, %d refusals: %+v", st.Cursor, len(st.Refusals), st.Refusals)
		}
		types := map[string]int{}
		for _, e := range f.got {
			types[e.Type]++
		}
		if types["wms.order.released.v1"] != 2 || types["wms.order.rejected.v1"] < 8 {
			t.Errorf("%v", types)
		}
	})
}

// A page larger than one log entry goes in as several commands, the cursor in
// the last; a page cut by a crash is harmless when it comes again.
func TestLargePage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, f := newSite(t), newFake()
		var items []wire.InboxItem
		for i := range wire.MaxInboxItems {
			o := wire.Order{ID: fmt.Sprint("O-", i), Revision: 1, ShipTo: wire.Address{Name: "n", Street: strings.Repeat("s", 199), Postcode: "p", City: "c", Country: "DE"}}
			for l := range 100 {
				o.Lines = append(o.Lines, wire.OrderLine{Line: l + 1, SKU: "A", Qty: 1})
			}
			raw, _ := json.Marshal(o)
			items = append(items, wire.InboxItem{MsgID: fmt.Sprint("m", i), OrderID: o.ID, Revision: 1, Type: wire.TypeRelease, Data: raw})
		}
		page := wire.InboxPage{Items: items, Next: "c1"}
		f.pages = []wire.InboxPage{page, page}
		var sizes []int
		var cursors []string
		n := 0
		record := func(c *cloudsync.Config) {
			inner := c.Propose
			c.Propose = func(ctx context.Context, kind, version uint16, body []byte) (warehouse.Result, error) {
				if kind == ledger.KindInboxStore {
					cmd, err := ledger.Decode(kind, version, body)
					if err != nil {
						t.Error(err)
					}
					sizes, cursors = append(sizes, len(body)), append(cursors, cmd.(ledger.InboxStore).Cursor)
					if n++; n == 3 {
						return warehouse.Result{}, errors.New("the leader died here")
					}
				}
				return inner(ctx, kind, version, body)
			}
		}
		_, _ = onVirtualTime(t, f, w, 5*time.Minute, record)
		for i, size := range sizes {
			if size > ledger.MaxBody {
				t.Errorf("command %d has %d bytes", i, size)
			}
		}
		if k := len(cursors); k < 6 || cursors[k-1] != "c1" || cursors[0] != "" || cursors[2] != "" {
			t.Errorf("cursors %q", cursors)
		}
		released := 0
		for _, e := range f.got {
			if e.Type == "wms.order.released.v1" {
				released++
			}
		}
		if released != len(items) {
			t.Errorf("%d orders released", released)
		}
	})
}

// One log line per change of the link, not per retry.
func TestOneLinePerTransition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, f := newSite(t), newFake()
		start := time.Now()
		f.pollErr = func(string) error {
			if d := time.Since(start); d > time.Minute && d < 30*time.Minute {
				return errNoNet
			}
			return nil
		}
		var log bytes.Buffer
		_, _ = onVirtualTime(t, f, w, time.Hour, maxRand, func(c *cloudsync.Config) { c.Log = slog.New(slog.NewTextHandler(&log, nil)) })
		if n := strings.Count(log.String(), "\n"); n != 3 {
			t.Errorf("%d lines:\n%s", n, &log)
		}
	})
}

func TestConfigIsChecked(t *testing.T) {
	w := newSite(t)
	good := cloudsync.Config{Site: "dc1", Epoch: 1, Adapter: newFake(), Propose: w.propose, View: w.view, Fence: func() uint64 { return 1 }}
	if _, err := cloudsync.New(good); err != nil {
		t.Error(err)
	}
	for name, breakIt := range map[string]func(*cloudsync.Config){
		"site": func(c *cloudsync.Config) { c.Site = "" }, "epoch": func(c *cloudsync.Config) { c.Epoch = 0 },
		"adapter": func(c *cloudsync.Config) { c.Adapter = nil }, "propose": func(c *cloudsync.Config) { c.Propose = nil },
		"view": func(c *cloudsync.Config) { c.View = nil }, "fence": func(c *cloudsync.Config) { c.Fence = nil },
		"weak OMS": func(c *cloudsync.Config) { c.Adapter = weak{newFake()} },
	} {
		c := good
		breakIt(&c)
		if _, err := cloudsync.New(c); !errors.Is(err, cloudsync.ErrConfig) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

type weak struct{ *fake }

func (weak) Capabilities() cloudsync.Capabilities { return cloudsync.Capabilities{} }

func TestFaults(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range cloudsync.Faults() {
		if f.Code == "" || !strings.HasSuffix(f.Cause, ".") || !strings.HasSuffix(f.Action, ".") || seen[f.Code] {
			t.Errorf("%+v", f)
		}
		seen[f.Code] = true
	}
}

// fill sets every field of v, in lists and records too, to something that is not
// zero.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString("s")
	case reflect.Int, reflect.Int64:
		v.SetInt(7)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0))
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i))
		}
	default:
		panic("nobody fills a " + v.Kind().String())
	}
}

// The event data of the site and of the wire are two types with one JSON.
func TestEventDataIsTheSameOnTheWireRow66(t *testing.T) {
	var full warehouse.EventData
	fill(reflect.ValueOf(&full).Elem())
	for i := range full.Lines { // only the site needs these
		full.Lines[i].PutBack, full.Lines[i].Returned, full.Lines[i].Kind = 0, 0, ""
	}
	for _, ps := range [][]warehouse.Parcel{full.Parcels, full.Voided} {
		for i := range ps {
			ps[i].Verified, ps[i].CheckedBy, ps[i].ExpectedMg = false, "", 0
		}
	}
	raw, err := json.Marshal(full)
	if err != nil {
		t.Fatal(err)
	}
	var w wire.EventData
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&w); err != nil {
		t.Fatalf("the wire does not know a field of the site: %v", err)
	}
	again, err := json.Marshal(w)
	if err != nil {
		t.Fatal(err)
	}
	var site, onWire any
	for _, x := range []struct {
		raw []byte
		to  *any
	}{{raw, &site}, {again, &onWire}} {
		if err := json.Unmarshal(x.raw, x.to); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(site, onWire); diff != "" {
		t.Errorf("site (-) and wire (+):\n%s", diff)
	}
}

// A released subject's old events go out before its new ones.
func TestReleasedBeforeNewer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, f := newSite(t), newFake()
		w.order(t, "P")
		do := func(c ledger.Command) {
			t.Helper()
			kind, version, body, err := ledger.Encode(c)
			if err != nil {
				t.Fatal(err)
			}
			if res, err := w.propose(t.Context(), kind, version, body); err != nil || !res.OK {
				t.Fatalf("%+v %v", res, err)
			}
		}
		do(ledger.HoldSubject{Epoch: 1, Stream: "control", Subject: "site/P", Seqs: []uint64{1}, From: 2, Code: "X"})
		_, _ = onVirtualTime(t, f, w, time.Minute)
		w.domain(t, warehouse.CancelOrder{Order: "P", Source: "site"})
		do(ledger.ReleaseSubject{Subject: "site/P"})
		_, _ = onVirtualTime(t, f, w, time.Minute)
		var got []string
		for _, e := range f.got {
			got = append(got, e.ID+" "+e.Type+" "+e.Supersedes)
		}
		want := []string{
			"dc1/1/control/1 wms.sync.held.v1 ", "dc1/1/control/2 wms.sync.held.v1 ",
			"dc1/1/resend/1 wms.order.accepted.v1 dc1/1/control/1", "dc1/1/resend/2 wms.order.released.v1 dc1/1/control/2",
			"dc1/1/control/3 wms.order.cancelled.v1 ",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}

// Holds, quotes and slips of the OMS come through as they were sent.
func TestAsksOnTheWire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, f := newSite(t), newFake()
		w.domain(t, warehouse.EnterOrder{Kit: 7, Order: warehouse.OrderSpec{
			ShipTo: warehouse.Address{Name: "n", Street: "s", Postcode: "p", City: "c", Country: "DE"},
			Lines:  []warehouse.OrderLine{{Line: 1, SKU: "A", Qty: 1}},
		}})
		data := func(v any) json.RawMessage {
			raw, err := json.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			return raw
		}
		f.pages = []wire.InboxPage{{Next: "c1", Items: []wire.InboxItem{
			{MsgID: "1", OrderID: "O-7", Type: wire.TypeBind, Data: data(wire.Bind{Kit: 7})},
			{MsgID: "2", OrderID: "O-7", Type: wire.TypeHold, Data: data(wire.Hold{Code: "PAYMENT"})},
			{MsgID: "3", OrderID: "O-7", Type: wire.TypeHold, Data: data(wire.Hold{Code: "EXPORT"})},
			{MsgID: "4", OrderID: "O-7", Type: wire.TypeUnhold, Data: data(wire.Hold{Code: "PAYMENT"})},
			{MsgID: "5", OrderID: "O-7", Revision: 2, Type: wire.TypeQuote, Data: data(wire.QuoteAnswer{Accept: true})},
			{MsgID: "6", OrderID: "O-7", Revision: 2, Type: wire.TypeQuote, Data: data(wire.QuoteAnswer{Cancel: true})},
		}}}
		r, _ := onVirtualTime(t, f, w, time.Minute)
		var got []string
		for _, e := range f.got {
			if e.Subject == "O-7" {
				got = append(got, e.Type)
			}
		}
		want := []string{"wms.order.bound.v1", "wms.order.held.v1", "wms.order.held.v1", "wms.order.holdReleased.v1"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		var codes []string
		for _, x := range r.Status().Refusals {
			codes = append(codes, x.MsgID+" "+x.Code)
		}
		if diff := cmp.Diff([]string{"5 NO_QUOTE", "6 NO_QUOTE"}, codes); diff != "" {
			t.Error(diff)
		}
	})
}
