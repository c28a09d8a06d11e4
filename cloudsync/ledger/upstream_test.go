package ledger

import (
	"slices"
	"strings"
	"testing"

	"tote/warehouse"
)

// named gives the site upstreams.
func (w *world) named(ups ...warehouse.Upstream) {
	w.t.Helper()
	s, err := warehouse.GetSite(w.tx)
	if err != nil {
		w.t.Fatal(err)
	}
	s.Upstreams = ups
	if res := w.domain(warehouse.PutSite{Site: *s}); !res.OK {
		w.t.Fatalf("%+v", res)
	}
}

// A page is only taken from the connection that the site's rules give it to.
func TestInboxOfAnUpstream(t *testing.T) {
	w := newWorld(t)
	acme := func(msg string) InboxStore {
		return InboxStore{Source: "oms/acme", Upstream: "acme", Cursor: "c" + msg, Items: []Item{release(msg, "P", 1, 1)}}
	}
	if res := w.do(acme("1")); res.OK || res.Code != warehouse.CodeConflict {
		t.Errorf("before it is named: %+v", res)
	}
	w.named(warehouse.Upstream{Name: "acme", Owners: []string{"ACME"}})
	if res := w.do(InboxStore{Source: "oms/acme", Items: []Item{release("1", "P", 1, 1)}}); res.OK || res.Code != warehouse.CodeConflict {
		t.Errorf("as the default OMS: %+v", res)
	}
	if res := w.do(acme("1")); !res.OK || res.Ref != "" {
		t.Errorf("%+v", res)
	}
	w.inbox("c", release("1", "P", 1, 1)) // the same message id, the same order id
	for id, source := range map[string]string{"P": "oms/main", "acme:P": "oms/acme"} {
		if o, err := warehouse.GetOrder(w.tx, id); err != nil || o == nil || o.Source != source {
			t.Errorf("%s: %+v %v", id, o, err)
		}
	}
	if c, _ := Cursor(w.tx, "oms/acme"); c != "c1" {
		t.Errorf("cursor %q", c)
	}
	bad := acme("2")
	bad.Items[0].Release.Owner = "ELSE"
	if res := w.do(bad); res.Ref != "2" {
		t.Errorf("%+v", res)
	}
	mine, _ := Refusals(w.tx, "acme", 10)
	other, _ := Refusals(w.tx, "", 10)
	if len(mine) != 1 || mine[0].Code != warehouse.CodeForeignOwner || len(other) != 0 {
		t.Errorf("refusals %+v and %+v", mine, other)
	}
}

// A stream of an upstream is acknowledged, held and sent again by itself.
func TestStreamsAreApart(t *testing.T) {
	w := newWorld(t)
	w.named(warehouse.Upstream{Name: "acme", Owners: []string{"ACME"}})
	w.inbox("c", release("1", "P", 1, 1))
	w.do(InboxStore{Source: "oms/acme", Upstream: "acme", Items: []Item{release("1", "P", 1, 1), release("2", "Q", 1, 1)}})
	control, resend := warehouse.StreamOf("acme"), ResendOf("acme")
	if OnWire(control) != "control" || OnWire(resend) != "resend" {
		t.Errorf("%s and %s", OnWire(control), OnWire(resend))
	}
	rows, _ := Pending(w.tx, control, 0, 10)
	mine := rows[0].Event.Seq
	w.do(HoldSubject{Epoch: 1, Stream: control, Subject: "P", Seqs: []uint64{mine}, From: mine + 1})
	if hs, _ := Holds(w.tx, "acme", 10); len(hs) != 1 {
		t.Fatalf("holds %+v", hs)
	}
	if hs, _ := Holds(w.tx, "", 10); len(hs) != 0 {
		t.Errorf("the default OMS holds %+v", hs)
	}
	others, _ := Pending(w.tx, "control", 0, 10)
	if slices.ContainsFunc(others, func(r Row) bool { return r.Held }) {
		t.Error("an order of the default OMS is held with acme's")
	}
	if res := w.do(ReleaseSubject{Subject: "P"}); !strings.Contains(res.Text, "not held") {
		t.Errorf("%+v", res)
	}
	w.do(AckOutbox{Epoch: 1, Stream: control, Upto: uint64(len(rows))})
	if res := w.do(ReleaseSubject{Subject: "P", Upstream: "acme"}); !res.OK || !slices.Contains(res.Touched, "outbox/"+resend) {
		t.Errorf("%+v", res)
	}
	again, _ := Pending(w.tx, resend, 0, 10)
	if len(again) == 0 || again[0].Supersedes.Stream != control || again[0].Event.Seq != 1 {
		t.Fatalf("%+v", again)
	}
	if n, _, _ := Depth(w.tx, resend); n != len(again) {
		t.Errorf("%d wait", n)
	}
	if n, _, _ := Depth(w.tx, StreamResend); n != 0 {
		t.Errorf("%d wait for the default OMS", n)
	}
	if got, _ := Acked(w.tx, "control"); got != 0 {
		t.Errorf("the default stream is acknowledged up to %d", got)
	}
	w.do(AckOutbox{Epoch: 1, Stream: resend, Upto: uint64(len(again))})
	if n, _, _ := Depth(w.tx, resend); n != 0 {
		t.Errorf("%d wait", n)
	}
}

func TestUpstreamFields(t *testing.T) {
	for name, c := range map[string]Command{
		"source":  InboxStore{Source: "oms/main", Upstream: "acme"},
		"zero":    ReleaseSubject{Subject: "P", Upstream: "a\x00"},
		"no name": ReleaseSubject{Subject: "P", Upstream: strings.Repeat("a", 257)},
	} {
		if _, _, _, err := Encode(c); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}
