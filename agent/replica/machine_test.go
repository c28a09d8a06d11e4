//go:build !386 && !arm && !mips && !mipsle

package replica

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tote/cloudsync/ledger"
	"tote/raftstore"
	"tote/warehouse"
	"tote/warehouse/memtx"
)

// run applies an encoded command and returns its answer.
func run(t *testing.T, tx raftstore.Tx, m raftstore.Meta, body []byte) (raftstore.Outcome, warehouse.Result) {
	t.Helper()
	out, err := Machine{}.Apply(tx, m, body)
	if err != nil {
		t.Fatal(err)
	}
	if len(out.Result) < markSize {
		t.Fatalf("an answer of %d bytes", len(out.Result))
	}
	res, err := warehouse.DecodeResult(out.Result[markSize:])
	if err != nil {
		t.Fatal(err)
	}
	return out, res
}

func encoded(t *testing.T, c warehouse.Command) (raftstore.Meta, []byte) {
	t.Helper()
	kind, version, body, err := warehouse.Encode(c)
	if err != nil {
		t.Fatal(err)
	}
	return raftstore.Meta{Index: 1, Now: 1000, Actor: "test", Kind: kind, Version: version}, body
}

var testSite = warehouse.Site{
	ID: "s1", CompanyPrefix: "9521234", TotePrefix: "T-", CartonTareMg: 1, LeaseMs: 600_000, CartSlots: 1, PackDrop: "DROP",
	Layout:   warehouse.Layout{Aisles: 1, Cells: 1, CellMm: 1, EndMm: 1, PitchMm: 1},
	Carriers: []warehouse.Carrier{{Code: "P", Prefix: "P", Digits: 4, First: 1, Last: 99}},
}

var testOrder = warehouse.ReleaseOrder{Source: "site", Order: warehouse.OrderSpec{
	ID: "O1", Revision: 1, Lines: []warehouse.OrderLine{{Line: 1, SKU: "NOPE", Qty: 1}},
	ShipTo: warehouse.Address{Name: "Eve", Street: "Road 1", Postcode: "1", City: "Town", Country: "DE"},
}}

// TestRejectDropsWrites: a refusal drops the writes, except when the refusal
// itself is a fact (Keep), as a rejected order the OMS must hear of.
func TestRejectDropsWrites(t *testing.T) {
	tx := memtx.New()
	for _, tc := range []struct {
		cmd    warehouse.Command
		code   string
		reject bool
	}{
		{warehouse.PutSite{Site: testSite}, warehouse.CodeOK, false},
		{warehouse.CancelOrder{Order: "O9", Source: "site"}, warehouse.CodeUnknownOrder, true},
		{testOrder, warehouse.CodeUnknownItem, false},
	} {
		m, body := encoded(t, tc.cmd)
		out, res := run(t, tx, m, body)
		if res.Code != tc.code || out.Reject != tc.reject {
			t.Errorf("%T: %s %s, reject %v; want %s, %v", tc.cmd, res.Code, res.Text, out.Reject, tc.code, tc.reject)
		}
	}
	if n, _, err := warehouse.OutboxDepth(tx, warehouse.StreamControl); err != nil || n != 1 {
		t.Errorf("%d events wait, %v; want the refusal of O1", n, err)
	}
}

// TestForeignBytes: whatever gets into the log is answered; it changes nothing
// and stops nobody.
func TestForeignBytes(t *testing.T) {
	good, body := encoded(t, warehouse.PutSite{Site: testSite})
	foreign := map[string]struct {
		kind, version uint16
		body          []byte
		code          string
	}{
		"a kind of nobody":         {0x7f01, 1, body, warehouse.CodeUnknownKind},
		"a kind not made yet":      {0x01ff, 1, body, ""},
		"a later version":          {good.Kind, good.Version + 3, body, ""},
		"no bytes":                 {good.Kind, good.Version, nil, warehouse.CodeMalformed},
		"garbage":                  {good.Kind, good.Version, []byte("\xff\x00garbage"), warehouse.CodeMalformed},
		"a byte too many":          {good.Kind, good.Version, append(append([]byte{}, body...), 0), warehouse.CodeMalformed},
		"the OMS link, garbage":    {0x0201, 1, []byte("garbage"), ""},
		"the OMS link, no such":    {0x02ff, 1, nil, ""},
		"cut off":                  {good.Kind, good.Version, body[:len(body)/2], warehouse.CodeMalformed},
		"another command's bytes":  {uint16(warehouse.KindPack), 1, body, warehouse.CodeMalformed},
		"raftstore's own kinds":    {0x0001, 1, nil, warehouse.CodeUnknownKind},
		"all bits of the kind set": {0xffff, 0xffff, nil, warehouse.CodeUnknownKind},
	}
	for name, tc := range foreign {
		t.Run(name, func(t *testing.T) {
			tx := memtx.New()
			before := tx.Digest()
			out, res := run(t, tx, raftstore.Meta{Index: 7, Now: 1, Kind: tc.kind, Version: tc.version}, tc.body)
			if !out.Reject || res.OK || res.Code == "" || tc.code != "" && res.Code != tc.code {
				t.Errorf("answered %+v, reject %v, want %s", res, out.Reject, tc.code)
			}
			if tx.Digest() != before {
				t.Error("the state changed")
			}
			// Since there are levels, only bytes may be foreign: a kind or
			// version this one does not know was applied by another gateway.
			_, spoken := Machine{}.Speaks(tc.kind, tc.version)
			again, err := Machine{}.Apply(tx, raftstore.Meta{Index: 7, Now: 1, Kind: tc.kind, Version: tc.version, Level: 1}, tc.body)
			switch {
			case spoken && (err != nil || !again.Reject):
				t.Errorf("at level 1: %+v, %v", again, err)
			case !spoken && !errors.Is(err, raftstore.ErrUnsupported):
				t.Errorf("at level 1 a command it does not know gave %+v, %v", again, err)
			}
		})
	}
}

// laterVersions are the kinds that have a version 2, and its level.
var laterVersions = map[uint16]uint16{
	uint16(warehouse.KindRobotPick): 2, uint16(warehouse.KindPutSite): 4, uint16(warehouse.KindPutItems): 4, uint16(warehouse.KindAskMove): 4,
	uint16(warehouse.KindReleaseOrder): 4, uint16(warehouse.KindEnterOrder): 4, ledger.KindInboxStore: 4,
	uint16(warehouse.KindAskWork): 4, uint16(warehouse.KindUnpack): 4, uint16(warehouse.KindChangeCarrier): 4, uint16(warehouse.KindMoveStock): 4, uint16(warehouse.KindReceiveUnit): 4,
	uint16(warehouse.KindPortalPass): 5, uint16(warehouse.KindPutBins): 5, uint16(warehouse.KindPutWorkers): 5, uint16(warehouse.KindSignIn): 5,
}

// thirdVersions are those that have a version 3, and its level.
var thirdVersions = map[uint16]uint16{uint16(warehouse.KindPutSite): 5}

// TestSpeaks: every kind is known in its versions and in no other; the first may be
// used always, a later one from its level on.
func TestSpeaks(t *testing.T) {
	var kinds []uint16
	for _, k := range warehouse.Kinds() {
		kinds = append(kinds, uint16(k))
	}
	for kind := range uint16(0xffff) {
		if _, ok := (Machine{}).Speaks(kind, 1); ok && kind>>8 != 0x01 {
			kinds = append(kinds, kind)
		}
	}
	if n := len(kinds) - len(warehouse.Kinds()); n != 4+7+11 {
		t.Errorf("%d kinds that are not the warehouse's", n)
	}
	for _, kind := range kinds {
		since, ok := Machine{}.Speaks(kind, 1)
		if !ok || since > level {
			t.Errorf("kind %#04x: since level %d, %v", kind, since, ok)
		}
		if since != sinceLevel(kind, 1) {
			t.Errorf("kind %#04x: version 1 may be used since level %d", kind, since)
		}
		for _, version := range []uint16{0, 2, 3, 0xffff} {
			since, ok := Machine{}.Speaks(kind, version)
			at := map[uint16]uint16{2: laterVersions[kind], 3: thirdVersions[kind]}[version]
			if at > 0 {
				if !ok || since != at {
					t.Errorf("kind %#04x version %d: since level %d, %v", kind, version, since, ok)
				}
				continue
			}
			if ok {
				t.Errorf("kind %#04x version %d is known", kind, version)
			}
		}
	}
}

// TestRow11OlderForm: while a gateway of an older version is there, nothing gets
// into the log that it would answer otherwise. Afterwards all of it does.
func TestRow11OlderForm(t *testing.T) {
	pick := warehouse.RobotPick{Worker: "W1", Task: "O1/1/1", Outcome: warehouse.PickFailed, Code: "LOST", Said: "picked=2"}
	for cluster, want := range map[uint16]warehouse.RobotPick{
		1: {Worker: "W1", Task: "O1/1/1", Outcome: warehouse.PickFailed, Code: "LOST: the robot may hold goods: picked=2"},
		2: pick,
	} {
		kind, version, body, err := encodeAt(cluster, pick)
		if err != nil || kind != uint16(warehouse.KindRobotPick) || version != cluster {
			t.Errorf("level %d: kind %#04x version %d, %v", cluster, kind, version, err)
		}
		got, err := warehouse.Decode(kind, version, body)
		if d := cmp.Diff(warehouse.Command(want), got); d != "" || err != nil {
			t.Errorf("level %d: %v %s", cluster, err, d)
		}
		if since, ok := (Machine{}).Speaks(kind, version); !ok || since > cluster {
			t.Errorf("level %d: version %d may be used since %d, %v", cluster, version, since, ok)
		}
	}
}

// TestKindsHaveTheirApplier: the OMS link's commands reach its own applier.
func TestKindsHaveTheirApplier(t *testing.T) {
	tx := memtx.New()
	m, body := encoded(t, warehouse.PutSite{Site: testSite})
	run(t, tx, m, body)
	kind, version, body, err := ledger.Encode(ledger.InboxStore{Source: "oms/main", Cursor: "c7"})
	if err != nil {
		t.Fatal(err)
	}
	if _, res := run(t, tx, raftstore.Meta{Index: 2, Now: 1, Kind: kind, Version: version}, body); !res.OK {
		t.Fatalf("%+v", res)
	}
	if cursor, err := ledger.Cursor(tx, "oms/main"); err != nil || cursor != "c7" {
		t.Errorf("cursor %q, %v", cursor, err)
	}
}

// brokenTx is a state that cannot be written.
type brokenTx struct{ *memtx.Tx }

var errBroken = errors.New("the disk is gone")

func (brokenTx) Set(_, _ []byte) error { return errBroken }

// TestBrokenStateStops: a state that fails is an error, never an answer.
func TestBrokenStateStops(t *testing.T) {
	m, body := encoded(t, warehouse.PutSite{Site: testSite})
	_, err := Machine{}.Apply(brokenTx{memtx.New()}, m, body)
	if !errors.Is(err, errBroken) || !strings.Contains(err.Error(), "kind 0x0101 at 1") {
		t.Errorf("got %v", err)
	}
}

// TestSameLogSameState: two machines, and the metadata of every maker.
func TestSameLogSameState(t *testing.T) {
	var states []string
	for range 2 {
		tx := memtx.New()
		for i, c := range []warehouse.Command{warehouse.PutSite{Site: testSite}, testOrder, testOrder} {
			m, body := encoded(t, c)
			m.Index, m.Device, m.Seq = uint64(i+1), "handheld/h1", uint64(i+1)
			run(t, tx, m, body)
		}
		states = append(states, tx.Digest())
	}
	if states[0] != states[1] {
		t.Error("the same log leads to two states")
	}
}

func TestCause(t *testing.T) {
	got := []string{cause("handheld/h1", 17, [16]byte{1}), cause("", 0, [16]byte{0xab, 15: 1})}
	want := []string{"handheld/h1/17", "ab000000000000000000000000000001"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestLevelReachesTheRules: a rule that changed holds from its level on, and what
// stands in the log before that leads where it led.
func TestLevelReachesTheRules(t *testing.T) {
	oms := testOrder
	oms.Source, oms.Order.ID = "oms/main", "."
	for level, want := range map[uint16]string{0: warehouse.CodeUnknownItem, 1: warehouse.CodeUnknownItem, warehouse.Level: warehouse.CodeInvalid} {
		tx := memtx.New()
		for _, c := range []warehouse.Command{warehouse.PutSite{Site: testSite}, oms} {
			meta, body := encoded(t, c)
			meta.Level = level
			if _, res := run(t, tx, meta, body); c.Kind() == warehouse.KindReleaseOrder && res.Code != want {
				t.Errorf("level %d: %+v, want %s", level, res, want)
			}
		}
	}
}
