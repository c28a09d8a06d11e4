package intent_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tote/fleet/intent"
)

var update = flag.Bool("update", false, "write the golden files")

type tx map[string][]byte

func (x tx) Get(k []byte) ([]byte, error) { return x[string(k)], nil }
func (x tx) Set(k, v []byte) error        { x[string(k)] = bytes.Clone(v); return nil }
func (x tx) Delete(k []byte) error        { delete(x, string(k)); return nil }
func (x tx) Range(prefix []byte, fn func(k, v []byte) (bool, error)) error {
	for _, k := range slices.Sorted(maps.Keys(x)) {
		if strings.HasPrefix(k, string(prefix)) {
			if more, err := fn([]byte(k), x[k]); err != nil || !more {
				return err
			}
		}
	}
	return nil
}

// do applies a command as the store does: a refused one leaves nothing.
func do(t interface {
	Helper()
	Fatalf(string, ...any)
}, x *tx, now int64, c intent.Command,
) intent.Result {
	t.Helper()
	kind, version, body, err := intent.Encode(c)
	if err != nil {
		t.Fatalf("encode %+v: %v", c, err)
	}
	next := maps.Clone(*x)
	res, err := intent.Apply(next, intent.Meta{Index: uint64(now), Now: now}, kind, version, body)
	if err != nil {
		t.Fatalf("apply %+v: %v", c, err)
	}
	if res.OK {
		*x = next
	}
	return res
}

func set(robot, order string, update uint32, body string, nodes ...string) intent.SetIntent {
	return intent.SetIntent{Robot: robot, OrderID: order, OrderUpdateID: update, Order: []byte(body), Job: "J", Leg: "L", Nodes: nodes, Target: nodes[len(nodes)-1]}
}

func TestRules(t *testing.T) {
	x := tx{}
	for i, tc := range []struct {
		c    intent.Command
		code string // "" = OK
		ref  string
	}{
		{set("R1", "o1", 1, "{}", "A"), intent.CodeConflict, "o1"}, // begins with 0
		{set("R1", "o1", 0, "{}", "A", "B"), "", "o1"},
		{set("R1", "o1", 0, "{}", "A", "B"), "", "o1"},                   // the same again
		{set("R1", "o1", 0, "{1}", "A", "B"), intent.CodeConflict, "o1"}, // other content
		{set("R1", "o2", 0, "{}", "A"), intent.CodeOpen, "o1"},
		{set("R2", "o9", 0, "{}", "B", "C"), intent.CodeNodeHeld, "R1"}, // all or none
		{intent.ReserveNodes{Robot: "R2", Nodes: []string{"C"}}, "", ""},
		{intent.ReserveNodes{Robot: "R1", Nodes: []string{"C", "D"}}, intent.CodeNodeHeld, "R2"},
		{intent.ReserveNodes{Robot: "R1", Nodes: []string{"A"}}, "", ""},
		{set("R1", "o1", 1, "{2}", "D"), intent.CodeConflict, "o1"}, // update 0 is not acknowledged
		{intent.RobotSeen{Robot: "R1", OrderID: "o1", OrderUpdateID: 1}, "", "o1"},
		{set("R1", "o1", 1, "{2}", "D"), intent.CodeConflict, "o1"}, // still not
		{intent.RobotSeen{Robot: "R1", OrderID: "o1", Version: "2.0.0", Factsheet: "f"}, "", "o1"},
		{set("R1", "o1", 2, "{2}", "D"), intent.CodeConflict, "o1"}, // a gap
		{set("R1", "o1", 1, "{2}", "D"), "", "o1"},
		{intent.CancelIntent{Robot: "R1", OrderID: "o2"}, intent.CodeUnknown, "o2"},
		{intent.CancelIntent{Robot: "R1", OrderID: "o1", Code: "X"}, "", "o1"},
		{intent.CancelIntent{Robot: "R1", OrderID: "o1", Code: "Y"}, "", "o1"},
		{intent.RobotSeen{Robot: "R1", OrderID: "o1", OrderUpdateID: 1}, "", "o1"},
		{set("R1", "o1", 2, "{3}", "E"), intent.CodeConflict, "o1"}, // never after a cancel
		{intent.ReleaseNodes{Robot: "R1", Nodes: []string{"A", "C", "Z"}}, "", ""},
		{intent.CloseIntent{Robot: "R1", OrderID: "o1", Outcome: intent.Cancelled, Keep: []string{"C"}}, intent.CodeConflict, "o1"},
		{intent.CloseIntent{Robot: "R1", OrderID: "o2", Outcome: intent.Done}, intent.CodeUnknown, "o2"},
		{intent.CloseIntent{Robot: "R1", OrderID: "o1", Outcome: intent.Cancelled, Code: "X", Keep: []string{"D"}}, "", "o1"},
		{intent.CloseIntent{Robot: "R1", OrderID: "o1", Outcome: intent.Done}, "", "o1"}, // it is over: a repeat
		{set("R1", "o1", 0, "{}", "D"), intent.CodeConflict, "o1"},                       // an id is used once
		{set("R2", "o9", 0, "{}", "B", "C"), "", "o9"},
	} {
		res := do(t, &x, int64(i), tc.c)
		want := tc.code
		if want == "" {
			want = intent.CodeOK
		}
		if res.Code != want || res.Ref != tc.ref || res.OK != (tc.code == "") {
			t.Errorf("%d %+v: %+v, want %s %q", i, tc.c, res, want, tc.ref)
		}
		if !res.OK && res.Text == "" || res.OK && len(res.Touched) != 1 {
			t.Errorf("%d: %+v", i, res)
		}
	}
	got, err := intent.Robots(x)
	if err != nil {
		t.Fatal(err)
	}
	want := []intent.Robot{
		{ID: "R1", Nodes: []string{"D"}, Last: &intent.Closed{OrderID: "o1", Outcome: intent.Cancelled, Code: "X", Job: "J", At: 23}, Version: "2.0.0", Factsheet: "f", Failed: "o1"},
		{ID: "R2", Nodes: []string{"B", "C"}, Open: &intent.Intent{OrderID: "o9", Order: []byte("{}"), Job: "J", Leg: "L", Target: "C", Since: 26}},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
	holds, err := intent.Holds(x)
	if err != nil || fmt.Sprint(holds) != "[{B R2} {C R2} {D R1}]" {
		t.Errorf("holds %v %v", holds, err)
	}
	if by, err := intent.Holder(x, "A"); by != "" || err != nil {
		t.Errorf("A is held by %q, %v", by, err)
	}
	if r, err := intent.Get(x, "R9"); r != nil || err != nil {
		t.Errorf("R9: %v %v", r, err)
	}
}

// Once a robot was taken over nothing its old master decided counts, whatever it
// is, and everything the new one says does.
func TestOldMastersAreFenced(t *testing.T) {
	by := func(master string) []intent.Command {
		s := set("R1", "o2", 0, "{}", "A")
		s.Master = master
		return []intent.Command{
			intent.ReserveNodes{Robot: "R1", Nodes: []string{"C"}, Master: master},
			intent.ReleaseNodes{Robot: "R1", Nodes: []string{"B"}, Master: master},
			intent.RobotSeen{Robot: "R1", OrderID: "o1", Version: "2.0.0", Master: master},
			intent.CancelIntent{Robot: "R1", OrderID: "o1", Master: master},
			intent.CloseIntent{Robot: "R1", OrderID: "o1", Outcome: intent.Cancelled, Keep: []string{"A"}, Master: master},
			s,
		}
	}
	x := tx{}
	first := set("R1", "o1", 0, "{}", "A", "B")
	first.Master = "m1"
	for i, c := range []intent.Command{intent.TakeRobot{Robot: "R1", Master: "m1"}, first, intent.TakeRobot{Robot: "R1", Master: "m2"}} {
		if res := do(t, &x, int64(i), c); !res.OK {
			t.Fatalf("%+v: %+v", c, res)
		}
	}
	was := maps.Clone(x)
	for _, old := range []string{"m1", ""} {
		for _, c := range by(old) {
			if res := do(t, &x, 9, c); res.OK || res.Code != intent.CodeFenced {
				t.Errorf("%+v: %+v", c, res)
			}
		}
	}
	if !maps.EqualFunc(x, was, bytes.Equal) {
		t.Error("a fenced command changed something")
	}
	for _, c := range by("m2") {
		if res := do(t, &x, 9, c); !res.OK {
			t.Errorf("%+v: %+v", c, res)
		}
	}
}

// Whatever is asked in whatever order: a node has one holder, records and holders
// agree, an update id has one content.
func TestLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := tx{}
		content := map[string]string{}
		name := rapid.SampledFrom([]string{"R1", "R2", "R3"})
		nodes := rapid.Custom(func(t *rapid.T) []string {
			return intent.Set(rapid.SliceOfN(rapid.SampledFrom(strings.Fields("A B C D E")), 1, 4).Draw(t, "nodes"))
		})
		order := rapid.SampledFrom([]string{"o1", "o2", "o3"})
		for i := range rapid.IntRange(1, 60).Draw(t, "n") {
			r, ns, o := name.Draw(t, "robot"), nodes.Draw(t, "nodes"), order.Draw(t, "order")
			o = r + o // ids are unique
			up := rapid.Uint32Range(0, 2).Draw(t, "update")
			var c intent.Command
			switch rapid.IntRange(0, 5).Draw(t, "kind") {
			case 0:
				s := set(r, o, up, fmt.Sprint("{", rapid.IntRange(0, 1).Draw(t, "body"), "}"), ns...)
				c = s
			case 1:
				c = intent.CloseIntent{Robot: r, OrderID: o, Outcome: intent.Done, Keep: ns[:len(ns)/2]}
			case 2:
				c = intent.ReserveNodes{Robot: r, Nodes: ns}
			case 3:
				c = intent.ReleaseNodes{Robot: r, Nodes: ns}
			case 4:
				c = intent.RobotSeen{Robot: r, OrderID: o, OrderUpdateID: up}
			case 5:
				c = intent.CancelIntent{Robot: r, OrderID: o}
			}
			again := maps.Clone(x)
			res := do(t, &x, int64(i), c)
			if twin := do(t, &again, int64(i), c); !maps.EqualFunc(x, again, bytes.Equal) || twin.Code != res.Code {
				t.Fatalf("the same command, another state: %+v", c)
			}
			rs, err := intent.Robots(x)
			if err != nil {
				t.Fatal(err)
			}
			n := 0
			for _, rec := range rs {
				for _, node := range rec.Nodes {
					n++
					if by, _ := intent.Holder(x, node); by != rec.ID {
						t.Fatalf("%s lists %s, which %q holds", rec.ID, node, by)
					}
				}
				if op := rec.Open; op != nil {
					key := fmt.Sprint(op.OrderID, "/", op.OrderUpdateID)
					if was, ok := content[key]; ok && was != string(op.Order) && rec.Last == nil {
						t.Fatalf("%s: first %s, then %s", key, was, op.Order)
					}
					content[key] = string(op.Order)
				}
			}
			if holds, _ := intent.Holds(x); len(holds) != n {
				t.Fatalf("%d nodes are held, %d are listed", len(holds), n)
			}
		}
	})
}

func samples() map[string]intent.Command {
	return map[string]intent.Command{
		"0301-set":     intent.SetIntent{Robot: "R1", OrderID: "o1", OrderUpdateID: 1, Order: []byte(`{"orderId":"o1"}`), Job: "J1", Leg: "pick", Nodes: []string{"A", "B"}, Target: "B", Final: true},
		"0302-close":   intent.CloseIntent{Robot: "R1", OrderID: "o1", Outcome: intent.Failed, Code: "ROBOT_LOST", Keep: []string{"A"}},
		"0303-reserve": intent.ReserveNodes{Robot: "R1", Nodes: []string{"A", "B"}},
		"0304-release": intent.ReleaseNodes{Robot: "R1", Nodes: []string{"A"}},
		"0305-seen":    intent.RobotSeen{Robot: "R1", Version: "2.0.0", Factsheet: "abc", OrderID: "o1", OrderUpdateID: 1},
		"0306-cancel":  intent.CancelIntent{Robot: "R1", OrderID: "o1", Code: "X"},
		"0307-take":    intent.TakeRobot{Robot: "R1", Master: "m1"},
	}
}

// Commands of version 1 must be read for ever.
func TestGoldenCommands(t *testing.T) {
	for name, c := range samples() {
		kind, version, body, err := intent.Encode(c)
		if err != nil {
			t.Fatal(err)
		}
		if want := name[:4]; fmt.Sprintf("%04x", kind) != want || version != 1 || !intent.Handles(kind) {
			t.Errorf("%s: kind %04x version %d", name, kind, version)
		}
		file := filepath.Join("testdata", "v1", name+".hex")
		if *update {
			if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, []byte(hex.EncodeToString(body)+"\n"), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		golden, err := hex.DecodeString(strings.TrimSpace(string(text)))
		if err != nil {
			t.Fatal(err)
		}
		back, err := intent.Decode(kind, 1, golden)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if d := cmp.Diff(c, back); d != "" {
			t.Errorf("%s: -want +got\n%s", name, d)
		}
		if !bytes.Equal(body, golden) {
			t.Errorf("%s: written otherwise than in version 1", name)
		}
	}
	if intent.Handles(0x0201) {
		t.Error("handles what is not its own")
	}
}

func TestStrict(t *testing.T) {
	long := strings.Repeat("x", 129)
	for name, c := range map[string]intent.Command{
		"no robot":        intent.ReserveNodes{Nodes: []string{"A"}},
		"zero byte":       intent.ReserveNodes{Robot: "a\x00b", Nodes: []string{"A"}},
		"long":            intent.ReserveNodes{Robot: long, Nodes: []string{"A"}},
		"no nodes":        intent.ReserveNodes{Robot: "R1"},
		"falling":         intent.ReserveNodes{Robot: "R1", Nodes: []string{"B", "A"}},
		"twice":           intent.ReleaseNodes{Robot: "R1", Nodes: []string{"A", "A"}},
		"no order":        intent.SetIntent{Robot: "R1", OrderID: "o", Nodes: []string{"A"}, Target: "A"},
		"target not held": set("R1", "o", 0, "{}", "A", "B"),
		"too big":         set("R1", "o", 0, strings.Repeat("x", intent.MaxOrder+1), "A"),
		"outcome":         intent.CloseIntent{Robot: "R1", OrderID: "o", Outcome: "MAYBE"},
		"keep falls":      intent.CloseIntent{Robot: "R1", OrderID: "o", Outcome: intent.Done, Keep: []string{"B", "A"}},
		"no order id":     intent.CancelIntent{Robot: "R1"},
		"long digest":     intent.RobotSeen{Robot: "R1", Factsheet: long},
	} {
		if s, ok := c.(intent.SetIntent); ok && name == "target not held" {
			s.Target = "C"
			c = s
		}
		if _, _, _, err := intent.Encode(c); !errors.Is(err, intent.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, _, body, err := intent.Encode(samples()["0304-release"])
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		kind, version uint16
		body          []byte
	}{
		"kind":           {0x0399, 1, body},
		"version":        {intent.KindReleaseNodes, 2, body},
		"another's body": {intent.KindSetIntent, 1, body},
		"cut":            {intent.KindReleaseNodes, 1, body[:len(body)-1]},
		"trailing":       {intent.KindReleaseNodes, 1, append(slices.Clone(body), 0)},
		"empty":          {intent.KindReleaseNodes, 1, nil},
	} {
		res, err := intent.Apply(tx{}, intent.Meta{}, tc.kind, tc.version, tc.body)
		if err != nil || res.OK || res.Code != intent.CodeMalformed {
			t.Errorf("%s: %+v %v", name, res, err)
		}
	}
}

func TestCorruptStateIsAnError(t *testing.T) {
	x := tx{"fleet\x00robot\x00R1": []byte("garbage")}
	for name, c := range samples() {
		kind, version, body, _ := intent.Encode(c)
		if _, err := intent.Apply(x, intent.Meta{}, kind, version, body); !errors.Is(err, intent.ErrCorrupt) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := intent.Robots(x); !errors.Is(err, intent.ErrCorrupt) {
		t.Errorf("Robots: %v", err)
	}
	if _, err := intent.Get(x, "R1"); !errors.Is(err, intent.ErrCorrupt) {
		t.Errorf("Get: %v", err)
	}
}

func FuzzDecode(f *testing.F) {
	for _, c := range samples() {
		kind, _, body, _ := intent.Encode(c)
		f.Add(kind, body)
	}
	f.Fuzz(func(t *testing.T, kind uint16, body []byte) {
		c, err := intent.Decode(kind, 1, body)
		if err != nil {
			return
		}
		k, _, again, err := intent.Encode(c)
		if err != nil || k != kind || !bytes.Equal(again, body) {
			t.Errorf("%+v: %v, %x is not %x", c, err, again, body)
		}
		if _, err := intent.Apply(tx{}, intent.Meta{}, kind, 1, body); err != nil {
			t.Error(err)
		}
	})
}
