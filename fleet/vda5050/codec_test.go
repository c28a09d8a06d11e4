package vda5050

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// schemaDir holds the schemas of 2.1.0; 2.0 only has fewer optional fields.
const schemaDir = "../../../shared/data/vda5050/2.1.0"

// schema compiles one; the test is skipped where the standard's files are absent.
func schema(t testing.TB, name string) *jsonschema.Schema {
	t.Helper()
	f, err := os.Open(filepath.Join(schemaDir, name+".schema"))
	if errors.Is(err, os.ErrNotExist) {
		t.Skipf("NOT CHECKED AGAINST THE STANDARD: no %s here", schemaDir)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	doc, err := jsonschema.UnmarshalJSON(f)
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource(name, doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile(name)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func valid(t testing.TB, s *jsonschema.Schema, msg []byte) {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(string(msg)))
	if err != nil {
		t.Fatalf("%v: %s", err, msg)
	}
	if err := s.Validate(doc); err != nil {
		t.Errorf("%v\n%s", err, msg)
	}
}

func ptr[T any](v T) *T { return &v }

// full is an order with everything the master can write.
func full() Order {
	return Order{OrderID: "R7-01J8", Nodes: []Node{
		{NodeID: "A", Released: true, Position: &Position{X: 1.5, Y: -2, Theta: ptr(math.Pi), AllowedDeviationXY: 0.3, MapID: "floor"}},
		{NodeID: "B", SequenceID: 2, Released: true, Actions: []Action{{
			ActionType: ActionPick, ActionID: "a1", BlockingType: BlockingHard,
			Parameters: []Param{{"loadId", "T-1"}, {"qty", 2}, {"big", int64(3)}, {"fast", true}, {"height", 1.25}},
		}}},
		{NodeID: "C", SequenceID: 4},
	}, Edges: []Edge{
		{EdgeID: "A-B", SequenceID: 1, Released: true, StartNodeID: "A", EndNodeID: "B", MaxSpeed: 1.2, Length: 3},
		{EdgeID: "B-C", SequenceID: 3, StartNodeID: "B", EndNodeID: "C"},
	}}
}

func writer() *Writer { return &Writer{Version: "2.0.0", Manufacturer: "KIT", Serial: "0001"} }

var t0 = time.Date(2026, 3, 1, 8, 0, 0, 123_456_789, time.UTC)

func TestOrderIsValid(t *testing.T) {
	s := schema(t, "order")
	w := writer()
	for _, o := range []Order{
		full(),
		{OrderID: "one", Nodes: []Node{{NodeID: "A", Released: true}}},
		{OrderID: "upd", OrderUpdateID: 3, Nodes: []Node{{NodeID: "B", SequenceID: 6, Released: true}}},
	} {
		body, err := EncodeOrder(o)
		if err != nil {
			t.Fatal(err)
		}
		msg, err := Frame(w.Order(t0), body)
		if err != nil {
			t.Fatal(err)
		}
		valid(t, s, msg)
	}
}

func TestInstantActionIsValid(t *testing.T) {
	s := schema(t, "instantActions")
	w := writer()
	for _, kind := range []string{ActionCancelOrder, ActionStateRequest, ActionFactsheetRequest} {
		body, err := EncodeAction(Action{ActionType: kind, ActionID: "x", BlockingType: BlockingNone})
		if err != nil {
			t.Fatal(err)
		}
		msg, err := Frame(w.Instant(t0), body)
		if err != nil {
			t.Fatal(err)
		}
		valid(t, s, msg)
	}
}

// What is read in the tests is what robots may send.
func TestSamplesAreValid(t *testing.T) {
	for _, name := range []string{"state", "connection", "factsheet"} {
		files, _ := filepath.Glob("testdata/" + name + "/*.json")
		if len(files) == 0 {
			t.Fatalf("no samples of %s", name)
		}
		s := schema(t, name)
		for _, f := range files {
			raw, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(f, "sloppy") {
				valid(t, s, raw)
			}
		}
	}
}

func TestOrderBytes(t *testing.T) {
	body, err := EncodeOrder(Order{OrderID: "o1", Nodes: []Node{{NodeID: "A", Released: true}}})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"orderId":"o1","orderUpdateId":0,"nodes":[{"nodeId":"A","sequenceId":0,"released":true,"actions":[]}],"edges":[]}`
	if string(body) != want {
		t.Errorf("got  %s\nwant %s", body, want)
	}
	w := writer()
	for i := range 2 { // sent again: another header, the same bytes
		msg, err := Frame(w.Order(t0.Add(time.Second)), body)
		if err != nil {
			t.Fatal(err)
		}
		want := fmt.Sprintf(`{"headerId":%d,"timestamp":"2026-03-01T08:00:01.12Z","version":"2.0.0","manufacturer":"KIT","serialNumber":"0001",%s`, i, body[1:])
		if string(msg) != want {
			t.Errorf("got  %s\nwant %s", msg, want)
		}
	}
	if h := w.Instant(t0); h.HeaderID != 0 {
		t.Errorf("instantActions count for themselves: %d", h.HeaderID)
	}
	back, err := DecodeOrder(body)
	if err != nil || back.OrderID != "o1" || len(back.Nodes) != 1 {
		t.Errorf("%+v %v", back, err)
	}
}

func TestOrderRules(t *testing.T) {
	long := strings.Repeat("x", MaxID+1)
	for name, change := range map[string]func(o *Order){
		"no id":            func(o *Order) { o.OrderID = "" },
		"long id":          func(o *Order) { o.OrderID = long },
		"space in id":      func(o *Order) { o.OrderID = "a b" },
		"no nodes":         func(o *Order) { o.Nodes, o.Edges = nil, nil },
		"too many nodes":   func(o *Order) { o.Nodes = make([]Node, MaxNodes+1) },
		"edge missing":     func(o *Order) { o.Edges = o.Edges[1:] },
		"odd start":        func(o *Order) { o.Nodes[0].SequenceID = 1 },
		"nothing released": func(o *Order) { o.Nodes[0].Released = false },
		"sequence jumps":   func(o *Order) { o.Nodes[2].SequenceID = 6 },
		"edge sequence":    func(o *Order) { o.Edges[1].SequenceID = 2 },
		"edge elsewhere":   func(o *Order) { o.Edges[1].StartNodeID = "A" },
		"edge without end": func(o *Order) { o.Edges[1].Released = true },
		"end without edge": func(o *Order) { o.Nodes[2].Released = true },
		"hole in base": func(o *Order) {
			o.Nodes[1].Released, o.Edges[0].Released, o.Nodes[2].Released, o.Edges[1].Released = false, false, true, true
		},
		"NaN":                   func(o *Order) { o.Nodes[0].Position.X = math.NaN() },
		"infinite":              func(o *Order) { o.Nodes[0].Position.Y = math.Inf(1) },
		"theta":                 func(o *Order) { o.Nodes[0].Position.Theta = ptr(4.0) },
		"theta NaN":             func(o *Order) { o.Nodes[0].Position.Theta = ptr(math.NaN()) },
		"deviation":             func(o *Order) { o.Nodes[0].Position.AllowedDeviationXY = -1 },
		"no map":                func(o *Order) { o.Nodes[0].Position.MapID = "" },
		"speed":                 func(o *Order) { o.Edges[0].MaxSpeed = math.Inf(1) },
		"blocking":              func(o *Order) { o.Nodes[1].Actions[0].BlockingType = "SINGLE" },
		"action id twice":       func(o *Order) { o.Nodes[0].Actions = o.Nodes[1].Actions },
		"action without id":     func(o *Order) { o.Nodes[1].Actions[0].ActionID = "" },
		"too many actions":      func(o *Order) { o.Nodes[1].Actions = make([]Action, MaxActions+1) },
		"too many parameters":   func(o *Order) { o.Nodes[1].Actions[0].Parameters = make([]Param, MaxParams+1) },
		"parameter of a struct": func(o *Order) { o.Nodes[1].Actions[0].Parameters[0].Value = struct{}{} },
		"parameter NaN":         func(o *Order) { o.Nodes[1].Actions[0].Parameters[0].Value = math.NaN() },
		"null parameter":        func(o *Order) { o.Nodes[1].Actions[0].Parameters[0].Value = nil },
		"edge's action":         func(o *Order) { o.Edges[0].Actions = []Action{{}} },
	} {
		o := full()
		change(&o)
		if _, err := EncodeOrder(o); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	o := full()
	o.Nodes[1].Actions[0].Parameters[0].Value = strings.Repeat("x", MaxBody)
	if _, err := EncodeOrder(o); !errors.Is(err, ErrTooBig) {
		t.Errorf("too big: %v", err)
	}
	if _, err := EncodeAction(Action{ActionType: "x"}); !errors.Is(err, ErrInvalid) {
		t.Errorf("instant action: %v", err)
	}
	for name, h := range map[string]Header{
		"no version": {Manufacturer: "KIT", SerialNumber: "1"}, "slash": {Version: "2.0.0", Manufacturer: "K/T", SerialNumber: "1"}, "no serial": {Version: "2.0.0", Manufacturer: "KIT"},
	} {
		if _, err := Frame(h, []byte(`{"a":1}`)); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	h := writer().Order(t0)
	if _, err := Frame(h, []byte(`{}`)); !errors.Is(err, ErrInvalid) {
		t.Errorf("empty body: %v", err)
	}
	if _, err := Frame(h, []byte(`{"a":"`+strings.Repeat("x", MaxMessage)+`"}`)); !errors.Is(err, ErrTooBig) {
		t.Errorf("too big: %v", err)
	}
	if _, err := DecodeOrder([]byte(`{"orderId":"o"}`)); !errors.Is(err, ErrInvalid) {
		t.Errorf("decoded without nodes: %v", err)
	}
}

// Sloppy robots are understood: testdata/state/*.json with what is read of each.
func TestReadStates(t *testing.T) {
	for name, want := range map[string]string{
		"idle":          "order  0 at A 0, 0 0 0 states, AUTOMATIC, charge 80, loads no",
		"driving":       "order o1 2 at B 4, 1 1 2 states, AUTOMATIC, charge 55.5, loads T-1",
		"sloppy_null":   "order  0 at  0, 0 0 0 states, AUTOMATIC, charge 0, loads unknown",
		"sloppy_extras": "order o1 0 at A 0, 0 0 1 states, MANUAL, charge 33, loads unknown",
	} {
		raw, err := os.ReadFile("testdata/state/" + name + ".json")
		if err != nil {
			t.Fatal(err)
		}
		s, err := DecodeState(raw)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		loads := "unknown"
		if s.Loads != nil {
			loads = "no"
			for _, l := range *s.Loads {
				loads = l.LoadID
			}
		}
		got := fmt.Sprintf("order %s %d at %s %d, %d %d %d states, %s, charge %v, loads %s", s.OrderID, s.OrderUpdateID, s.LastNodeID, s.LastNodeSequenceID,
			len(s.NodeStates), len(s.EdgeStates), len(s.ActionStates), s.OperatingMode, s.Battery.Charge, loads)
		if got != want {
			t.Errorf("%s: %s\nwant %s", name, got, want)
		}
	}
}

func TestStateQuestions(t *testing.T) {
	raw, err := os.ReadFile("testdata/state/driving.json")
	if err != nil {
		t.Fatal(err)
	}
	s, err := DecodeState(raw)
	if err != nil {
		t.Fatal(err)
	}
	if !s.Busy() || !s.TakesOrders() || s.Fatal() != nil {
		t.Errorf("busy %v, takes orders %v, fatal %v", s.Busy(), s.TakesOrders(), s.Fatal())
	}
	if a := s.Action("a1"); a == nil || a.Ended() || s.Action("a9") != nil || !s.Action("c1").Ended() {
		t.Errorf("actions %+v", s.ActionStates)
	}
	if e := s.Errors[0]; e.Value("orderId") != "o0" || e.Value("x") != "" {
		t.Errorf("error %+v", e)
	}
	s.Errors[0].Level = LevelFatal
	if s.Fatal() == nil {
		t.Error("no fatal error")
	}
}

func TestTimestamps(t *testing.T) {
	at := time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"2026-03-01T08:00:00Z":              at,
		"2026-03-01T08:00:00.5Z":            at.Add(500 * time.Millisecond),
		"2026-03-01T08:00:00.12Z":           at.Add(120 * time.Millisecond),
		"2026-03-01T08:00:00.123456789Z":    at.Add(123456789),
		"2026-03-01T08:00:00.123456789012Z": at.Add(123456789),
		"2026-03-01T09:00:00.00+01:00":      at,
		"2026-03-01T08:00:00.25":            at.Add(250 * time.Millisecond),
		"yesterday":                         {},
		"":                                  {},
	} {
		if got := (Header{Timestamp: text}).Time(); !got.Equal(want) {
			t.Errorf("%q is %v, want %v", text, got, want)
		}
	}
	if got := FormatTime(at.Add(5 * time.Millisecond).In(time.FixedZone("x", 3600))); got != "2026-03-01T08:00:00.00Z" {
		t.Errorf("written %s", got)
	}
}

func TestFactsheetLimits(t *testing.T) {
	raw, err := os.ReadFile("testdata/factsheet/full.json")
	if err != nil {
		t.Fatal(err)
	}
	f, err := DecodeFactsheet(raw)
	if err != nil {
		t.Fatal(err)
	}
	if f.Type.Series != "RUNNER" || f.Limits.Timing.MinOrderInterval != 0.5 || f.Physical.SpeedMax != 1.5 {
		t.Errorf("%+v", f)
	}
	for want, tc := range map[string]func(o *Order, f *Factsheet){
		"":                               func(*Order, *Factsheet) {},
		"order.nodes":                    func(_ *Order, f *Factsheet) { f.Limits.Arrays.OrderNodes = 2 },
		"msgLen":                         func(_ *Order, f *Factsheet) { f.Limits.Strings.MsgLen = 999 },
		"idNumericalOnly":                func(_ *Order, f *Factsheet) { f.Limits.Strings.IDNumericOnly = true },
		"idLen":                          func(o *Order, f *Factsheet) { f.Limits.Strings.IDLen = 2; o.OrderID, o.Nodes[0].NodeID = "o", "abc" },
		"node.actions":                   func(o *Order, f *Factsheet) { o.Nodes[0].Actions = make([]Action, 9) },
		"actions.actionsParameters":      func(_ *Order, f *Factsheet) { f.Limits.Arrays.Params = 4 },
		"agvActions: no dance at a node": func(o *Order, _ *Factsheet) { o.Nodes[1].Actions[0].ActionType = "dance" },
	} {
		o, g := full(), f
		tc(&o, &g)
		if got := g.Refuses(o, 1000); got != want {
			t.Errorf("refuses %q, want %q", got, want)
		}
	}
	o := full()
	o.Nodes[1].Actions[0].ActionType = "dance"
	if got := (&Factsheet{}).Refuses(o, 1<<20); got != "" {
		t.Errorf("an empty factsheet refuses %q", got)
	}
}

func TestTopics(t *testing.T) {
	if got := Topic("uagv", "v2", "KIT", "0001", TopicOrder); got != "uagv/v2/KIT/0001/order" {
		t.Error(got)
	}
	for s, ok := range map[string]bool{"R1": true, "a_b.c:d-9": true, "": false, "a/b": false, "a b": false, "+": false, "#": false, "$x": false, "é": false, strings.Repeat("x", 65): false} {
		if ValidLevel(s) != ok {
			t.Errorf("%q: %v", s, !ok)
		}
	}
}

func TestBadMessages(t *testing.T) {
	for _, raw := range []string{"", "{", "[]", `"x"`, "\xff", `{"headerId":"one"}`, `{"headerId":-1}`, `{"nodeStates":{}}`} {
		if _, err := DecodeState([]byte(raw)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%q: %v", raw, err)
		}
	}
	big := []byte(`{"x":"` + strings.Repeat("x", MaxMessage) + `"}`)
	if _, err := DecodeState(big); !errors.Is(err, ErrTooBig) {
		t.Errorf("state: %v", err)
	}
	if _, err := DecodeConnection(big); !errors.Is(err, ErrTooBig) {
		t.Errorf("connection: %v", err)
	}
	if _, err := DecodeFactsheet(big); !errors.Is(err, ErrTooBig) {
		t.Errorf("factsheet: %v", err)
	}
	c, err := DecodeConnection([]byte(`{"headerId":7,"connectionState":"ONLINE"}`))
	if err != nil || c.State != Online || c.HeaderID != 7 {
		t.Errorf("%+v %v", c, err)
	}
}

func FuzzDecodeState(f *testing.F) {
	for _, name := range []string{"state", "connection", "factsheet"} {
		files, _ := filepath.Glob("testdata/" + name + "/*.json")
		for _, file := range files {
			raw, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(raw)
		}
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if s, err := DecodeState(raw); err == nil {
			s.Busy()
			s.Fatal()
			s.Time()
		}
		if c, err := DecodeConnection(raw); err == nil {
			c.Time()
		}
		if fs, err := DecodeFactsheet(raw); err == nil {
			fs.Refuses(full(), len(raw))
		}
	})
}

// What is read back is what was written, and writes the same bytes again.
func FuzzOrder(f *testing.F) {
	body, err := EncodeOrder(full())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(body)
	f.Add([]byte(`{"orderId":"o","nodes":[{"nodeId":"A","released":true,"actions":null}],"edges":null}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		o, err := DecodeOrder(raw)
		if err != nil {
			return
		}
		first, err := EncodeOrder(o)
		if errors.Is(err, ErrTooBig) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if !json.Valid(first) || slices.Contains(strings.Split(string(first), `:`), "null") {
			t.Errorf("not an order: %s", first)
		}
		again, err := DecodeOrder(first)
		if err != nil {
			t.Fatal(err)
		}
		second, err := EncodeOrder(again)
		if err != nil || cmp.Diff(string(first), string(second)) != "" {
			t.Errorf("%v\n%s\n%s", err, first, second)
		}
	})
}
