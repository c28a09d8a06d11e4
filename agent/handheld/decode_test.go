package handheld_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tote/agent/handheld"
	"tote/warehouse"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// golden says what became of a message.
func golden(payload []byte) string {
	req, ref := handheld.Decode("h1", payload)
	if ref != nil {
		b, err := req.Refuse(ref, nil).Encode()
		if err != nil {
			panic(err)
		}
		return string(b) + "\n"
	}
	return fmt.Sprintf("cmdId=%s seq=%d verb=%s at=%d\n%T %+v\n", req.CmdID, req.Seq, req.Verb, req.At, req.Command, req.Command)
}

// TestGolden reads testdata/cases/NAME.json and compares with NAME.want.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/cases/*.json")
	if err != nil || len(files) < 15 {
		t.Fatalf("%d cases, %v", len(files), err)
	}
	for _, f := range files {
		t.Run(strings.TrimSuffix(filepath.Base(f), ".json"), func(t *testing.T) {
			payload, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			got := golden(payload)
			want := strings.TrimSuffix(f, ".json") + ".want"
			if *update {
				if err := os.WriteFile(want, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			b, err := os.ReadFile(want)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(b), got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestDecode(t *testing.T) {
	const head = `{"cmdId":"c1","seq":7,`
	long := strings.Repeat("x", 257)
	type want struct {
		cmd   warehouse.Command
		code  string
		text  string // part of the refusal
		cmdID string // "" = "c1"
		seq   int    // 0 = 7; -1 = not made out
	}
	for _, tc := range []struct {
		in   string
		want want
	}{
		{head + `"verb":"sign_in","barcode":"B1","at":5}`, want{cmd: warehouse.SignIn{Device: "h1", Badge: "B1"}}},
		{head + `"verb":"sign_out"}`, want{cmd: warehouse.SignOut{Device: "h1"}}},
		{head + `"verb":"ask","barcode":"","task":"","expect":"","reason":""}`, want{cmd: warehouse.AskWork{Device: "h1"}}},
		{head + `"verb":"ask","barcode":"A-01-L"}`, want{cmd: warehouse.AskWork{Device: "h1", Bin: "A-01-L"}}},
		{head + `"verb":"scan","barcode":"A-01"}`, want{cmd: warehouse.Scan{Device: "h1", Barcode: "A-01"}}},
		{
			head + `"verb":"scan","barcode":"01095\u001d10L1","expect":"item","qty":9999,"task":"O1/1"}`,
			want{cmd: warehouse.Scan{Device: "h1", Verb: "item", Barcode: "01095\x1d10L1", Qty: 9999, Task: "O1/1"}},
		},
		{head + `"verb":"scan","barcode":"Größe"}`, want{cmd: warehouse.Scan{Device: "h1", Barcode: "Größe"}}},
		{head + `"verb":"scan","barcode":"` + long[:256] + `"}`, want{cmd: warehouse.Scan{Device: "h1", Barcode: long[:256]}}},
		{head + `"verb":"short","reason":"DAMAGED","task":"T1"}`, want{cmd: warehouse.ShortPick{Device: "h1", Task: "T1", Reason: "DAMAGED"}}},
		{head + `"verb":"finish","barcode":"DROP"}`, want{cmd: warehouse.FinishBatch{Device: "h1", Barcode: "DROP"}}},

		{head + `"verb":"empty"}`, want{cmd: warehouse.ZeroCheck{Device: "h1", Empty: true}}},
		{head + `"verb":"left"}`, want{cmd: warehouse.ZeroCheck{Device: "h1"}}},
		{head + `"verb":"claim"}`, want{cmd: warehouse.ClaimFloor{Device: "h1"}}},
		{head + `"verb":"claim","task":"K000001"}`, want{cmd: warehouse.ClaimFloor{Device: "h1", Task: "K000001"}}},
		{head + `"verb":"claim","kind":"PUTAWAY"}`, want{cmd: warehouse.ClaimFloor{Device: "h1", Of: "PUTAWAY"}}},
		{head + `"verb":"skip","task":"K000001","reason":"Gang 3 gesperrt: Öl"}`, want{cmd: warehouse.SkipFloor{Device: "h1", Task: "K000001", Reason: "Gang 3 gesperrt: Öl"}}},
		{head + `"verb":"skip","task":"K000001","reason":""}`, want{cmd: warehouse.SkipFloor{Device: "h1", Task: "K000001"}}},
		{head + `"verb":"skip","task":"K000001","reason":"` + long[:200] + `"}`, want{cmd: warehouse.SkipFloor{Device: "h1", Task: "K000001", Reason: long[:200]}}},

		{head + `"verb":"skip_line","task":"O1/1/1","reason":"aisle blocked"}`, want{cmd: warehouse.SkipLine{Device: "h1", Task: "O1/1/1", Reason: "aisle blocked"}}},
		{head + `"verb":"change_lot","barcode":"L","second":"B2"}`, want{cmd: warehouse.ChangeLot{Device: "h1", Barcode: "L", Second: "B2"}}},
		{head + `"verb":"hand_over","barcode":"B2","task":"K1"}`, want{cmd: warehouse.HandOver{Device: "h1", Badge: "B2", Task: "K1"}}},
		{head + `"verb":"skip_line","task":"O1/1/1"}`, want{code: "INVALID", text: "needs field reason"}},
		{head + `"verb":"skip_line","task":"O1/1/1","reason":"a\u0007"}`, want{code: "INVALID", text: "field reason"}},
		{head + `"verb":"change_lot","second":"B2"}`, want{code: "INVALID", text: "needs field barcode"}},
		{head + `"verb":"change_lot","barcode":"L","second":"B\n"}`, want{code: "INVALID", text: "second: control"}},
		{head + `"verb":"hand_over","barcode":"B2","second":"B3"}`, want{code: "MALFORMED", text: "does not belong"}},
		{head + `"verb":"fly"}`, want{code: "UNKNOWN_COMMAND", text: `"fly"`}},
		{head + `"verb":"Scan","barcode":"A"}`, want{code: "UNKNOWN_COMMAND"}},
		{head + `"barcode":"A"}`, want{code: "INVALID", text: "verb is missing"}},
		{head + `"verb":"scan"}`, want{code: "INVALID", text: "needs field barcode"}},
		{head + `"verb":"scan","barcode":""}`, want{code: "INVALID", text: "needs field barcode"}},
		{head + `"verb":"sign_in"}`, want{code: "INVALID", text: "needs field barcode"}},
		{head + `"verb":"finish"}`, want{code: "INVALID", text: "needs field barcode"}},
		{head + `"verb":"short"}`, want{code: "INVALID", text: "needs field reason"}},
		{head + `"verb":"short","reason":"LAZY"}`, want{code: "INVALID", text: "want one of STOCKOUT"}},
		{head + `"verb":"left","barcode":"A"}`, want{code: "MALFORMED", text: "does not belong"}},
		{head + `"verb":"claim","kind":"PICK"}`, want{code: "INVALID", text: "want one of PUTBACK"}},
		{head + `"verb":"claim","kind":7}`, want{code: "MALFORMED", text: "kind must be a text"}},
		{head + `"verb":"claim","reason":"OTHER"}`, want{code: "MALFORMED", text: "does not belong"}},
		{head + `"verb":"claim","barcode":"K000001"}`, want{code: "MALFORMED", text: "does not belong"}},
		{head + `"verb":"scan","barcode":"A","kind":"MOVE"}`, want{code: "MALFORMED", text: "does not belong"}},
		{head + `"verb":"skip"}`, want{code: "INVALID", text: "needs field task"}},
		{head + `"verb":"skip","task":""}`, want{code: "INVALID", text: "needs field task"}},
		{head + `"verb":"skip","task":"K1","kind":"MOVE"}`, want{code: "MALFORMED", text: "does not belong"}},
		{head + `"verb":"skip","task":"K1","reason":"a\u0007"}`, want{code: "INVALID", text: "field reason"}},
		{head + `"verb":"skip","task":"K1","reason":"` + long[:201] + `"}`, want{code: "INVALID", text: "200 bytes"}},
		{head + `"verb":"ask","task":"A"}`, want{code: "MALFORMED", text: "does not belong"}},
		{head + `"verb":"sign_in","barcode":"A","qty":1}`, want{code: "MALFORMED", text: "does not belong"}},
		{head + `"verb":"short","reason":"OTHER","barcode":"A"}`, want{code: "MALFORMED", text: "does not belong"}},
		{head + `"verb":"scan","barcode":"A","qty":0}`, want{code: "INVALID", text: "qty: 0"}},
		{head + `"verb":"scan","barcode":"A","qty":-1}`, want{code: "INVALID", text: "qty: -1"}},
		{head + `"verb":"scan","barcode":"A","qty":10000}`, want{code: "INVALID", text: "1..9999"}},
		{head + `"verb":"scan","barcode":"A","qty":1.5}`, want{code: "MALFORMED", text: "qty must be a whole number"}},
		{head + `"verb":"scan","barcode":"A","qty":"2"}`, want{code: "MALFORMED", text: "qty must be a whole number"}},
		{head + `"verb":"scan","barcode":"A","qty":2,"expect":"bin"}`, want{code: "INVALID", text: "only with an item"}},
		{head + `"verb":"scan","barcode":"A","expect":"tote"}`, want{code: "INVALID", text: "want one of bin, item, slot"}},
		{head + `"verb":"scan","barcode":"A","task":"` + long + `"}`, want{code: "INVALID", text: "field task"}},
		{head + `"verb":"scan","barcode":"` + long + `"}`, want{code: "INVALID", text: "257 bytes"}},
		{head + `"verb":"scan","barcode":"A\n"}`, want{code: "INVALID", text: "U+000A"}},
		{head + `"verb":"scan","barcode":"A\u0000"}`, want{code: "INVALID", text: "U+0000"}},
		{head + `"verb":"scan","barcode":"A\u007f"}`, want{code: "INVALID", text: "U+007F"}},
		{head + `"verb":"scan","barcode":"A\u0085"}`, want{code: "INVALID", text: "U+0085"}},
		{head + `"verb":"scan","barcode":7}`, want{code: "MALFORMED", text: "barcode must be a text"}},
		{head + `"verb":"scan","barcode":null}`, want{code: "MALFORMED", text: "barcode must be a text"}},
		{head + `"verb":"scan","barcode":"A","colour":"red"}`, want{code: "MALFORMED", text: `unknown field "colour"`}},
		{head + `"verb":"scan","Barcode":"A"}`, want{code: "MALFORMED", text: `unknown field "Barcode"`}},
		{head + `"verb":"ask","verb":"sign_out"}`, want{code: "MALFORMED", text: `"verb" twice`}},
		{head + `"verb":"ask","at":-1}`, want{code: "INVALID", text: "field at"}},
		{head + `"verb":"ask"} {}`, want{code: "MALFORMED", text: "follows"}},
		{head + `"verb":"ask"}x`, want{code: "MALFORMED"}},
		{head + `"verb":"as`, want{code: "MALFORMED", text: "cut off"}},
		{head + `"verb":"ask"`, want{code: "MALFORMED"}},

		// What cmdId and seq can still be made out.
		{`{"verb":"ask","colour":1,"seq":7,"cmdId":"c1"}`, want{code: "MALFORMED"}},
		{`{"colour":{"a":[1,2]}, "cmdId" : "c1" , "seq" : 7 , "verb"`, want{code: "MALFORMED"}},
		{`[{"cmdId":"c1","seq":7}]`, want{code: "MALFORMED", text: "not a JSON object"}},
		{`"seq":7,"cmdId":"c1"`, want{code: "MALFORMED"}},
		{head + `"verb":"\xff"}` + "\xff", want{code: "MALFORMED", text: "UTF-8"}},
		{head + `"verb":"ask","task":"` + strings.Repeat("y", 5000) + `"}`, want{code: "MALFORMED", text: "at most 4096"}},
		{`{"cmdId":"c1","verb":"ask","seq":17`, want{code: "MALFORMED", seq: -1}}, // perhaps 170
		{`{"cmdId":"c1","verb":"ask"}`, want{code: "INVALID", text: "seq is missing", seq: -1}},
		{`{"cmdId":"c1","verb":"ask","seq":0}`, want{code: "INVALID", text: "seq: 0", seq: -1}},
		{`{"cmdId":"c1","verb":"ask","seq":-3}`, want{code: "INVALID", seq: -1}},
		{`{"cmdId":"c1","verb":"ask","seq":9007199254740992}`, want{code: "INVALID", text: "9007199254740991", seq: -1}},
		{`{"cmdId":"c1","verb":"ask","seq":1e3}`, want{code: "MALFORMED", seq: -1}},
		{`{"cmdId":"c1","verb":"ask","seq":"7"}`, want{code: "MALFORMED", seq: -1}},
		{`{"cmdId":"c1","verb":"ask","seq":99999999999999999999}`, want{code: "MALFORMED", seq: -1}},
		{`{"seq":7,"verb":"ask"}`, want{code: "INVALID", text: "cmdId is missing", cmdID: "-"}},
		{`{"seq":7,"verb":"ask","cmdId":""}`, want{code: "INVALID", text: "cmdId is missing", cmdID: "-"}},
		{`{"seq":7,"verb":"ask","cmdId":"a\u0001"}`, want{code: "INVALID", text: "printable", cmdID: "-"}},
		{`{"seq":7,"verb":"ask","cmdId":"` + long + `"}`, want{code: "INVALID", text: "printable", cmdID: "-"}},
		{`{"seq":7,"verb":"ask","cmdId":5}`, want{code: "MALFORMED", cmdID: "-"}},
		{``, want{code: "MALFORMED", cmdID: "-", seq: -1}},
		{`null`, want{code: "MALFORMED", cmdID: "-", seq: -1}},
		{`{}`, want{code: "INVALID", cmdID: "-", seq: -1}},
		{`{"barcode":"\"cmdId\":\"evil\",\"seq\":9,"`, want{code: "MALFORMED", cmdID: "-", seq: -1}},
	} {
		req, ref := handheld.Decode("h1", []byte(tc.in))
		short := tc.in[:min(len(tc.in), 100)]
		switch {
		case tc.want.code == "" && ref != nil:
			t.Errorf("%s: refused: %v", short, ref)
		case tc.want.code == "":
			if diff := cmp.Diff(tc.want.cmd, req.Command); diff != "" {
				t.Errorf("%s: %s", short, diff)
			}
		case ref == nil:
			t.Errorf("%s: taken as %+v, want %s", short, req.Command, tc.want.code)
		case ref.Code != tc.want.code || !strings.Contains(ref.Text, tc.want.text) || req.Command != nil:
			t.Errorf("%s: %v, command %v, want %s … %s", short, ref, req.Command, tc.want.code, tc.want.text)
		}
		wantID, wantSeq := "c1", uint64(7)
		if tc.want.cmdID != "" {
			wantID = ""
		}
		if tc.want.seq < 0 {
			wantSeq = 0
		}
		if req.CmdID != wantID || req.Seq != wantSeq {
			t.Errorf("%s: echo %q %d, want %q %d", short, req.CmdID, req.Seq, wantID, wantSeq)
		}
	}
}

// Every command of a handheld survives the way over the wire.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		id := rapid.StringMatching(`[!-~]{1,64}`)
		m := map[string]any{
			"cmdId": id.Draw(t, "cmdId"), "seq": rapid.Int64Range(1, handheld.MaxSeq).Draw(t, "seq"),
			"verb": rapid.SampledFrom(handheld.Verbs()).Draw(t, "verb"),
		}
		if rapid.Bool().Draw(t, "at given") {
			m["at"] = rapid.Int64Range(0, 1<<45).Draw(t, "at")
		}
		barcode := rapid.StringMatching(`[ -~\x1d]{1,256}`).Draw(t, "barcode")
		reason := rapid.SampledFrom(handheld.ShortReasons()).Draw(t, "reason")
		task := rapid.OneOf(rapid.Just(""), id).Draw(t, "task")
		expect := rapid.SampledFrom(append(handheld.Expects(), "")).Draw(t, "expect")
		qty := rapid.Int64Range(1, handheld.MaxQty).Draw(t, "qty")
		var want warehouse.Command
		switch m["verb"] {
		case handheld.VerbSignIn:
			m["barcode"], want = barcode, warehouse.SignIn{Device: "h1", Badge: barcode}
		case handheld.VerbSignOut:
			want = warehouse.SignOut{Device: "h1"}
		case handheld.VerbAsk:
			want = warehouse.AskWork{Device: "h1"}
		case handheld.VerbScan:
			s := warehouse.Scan{Device: "h1", Verb: expect, Barcode: barcode, Task: task}
			m["barcode"], m["expect"], m["task"] = barcode, expect, task
			if expect == "" || expect == handheld.ExpectItem {
				m["qty"], s.Qty = qty, qty
			}
			want = s
		case handheld.VerbShort:
			m["reason"], m["task"], want = reason, task, warehouse.ShortPick{Device: "h1", Task: task, Reason: reason}
		case handheld.VerbClaim:
			kind := rapid.SampledFrom(append(handheld.FloorKinds(), "")).Draw(t, "kind")
			m["task"], m["kind"], want = task, kind, warehouse.ClaimFloor{Device: "h1", Task: task, Of: kind}
		case handheld.VerbEmpty, handheld.VerbLeft:
			want = warehouse.ZeroCheck{Device: "h1", Empty: m["verb"] == handheld.VerbEmpty}
		case handheld.VerbSkip:
			why, task := rapid.StringMatching(`[ -~äß]{0,100}`).Draw(t, "why"), id.Draw(t, "task in hand")
			m["task"], m["reason"], want = task, why, warehouse.SkipFloor{Device: "h1", Task: task, Reason: why}
		case handheld.VerbSkipLine:
			why, task := rapid.StringMatching(`[ -~äß]{1,100}`).Draw(t, "why"), id.Draw(t, "task in hand")
			m["task"], m["reason"], want = task, why, warehouse.SkipLine{Device: "h1", Task: task, Reason: why}
		case handheld.VerbChangeLot:
			m["barcode"], m["task"], m["second"] = barcode, task, reason
			want = warehouse.ChangeLot{Device: "h1", Barcode: barcode, Task: task, Second: reason}
		case handheld.VerbHandOver:
			m["barcode"], m["task"], want = barcode, task, warehouse.HandOver{Device: "h1", Badge: barcode, Task: task}
		case handheld.VerbFinish:
			m["barcode"], want = barcode, warehouse.FinishBatch{Device: "h1", Barcode: barcode}
		}
		b, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		req, ref := handheld.Decode("h1", b)
		if ref != nil {
			t.Fatalf("%s: %v", b, ref)
		}
		if !reflect.DeepEqual(req.Command, want) || req.CmdID != m["cmdId"] || int64(req.Seq) != m["seq"] {
			t.Fatalf("%s: %+v, want %+v", b, req, want)
		}
	})
}

func TestAnswer(t *testing.T) {
	req := handheld.Request{CmdID: "c1", Seq: 7}
	for _, tc := range []struct {
		res  handheld.Result
		want string
	}{
		{
			req.Answer(warehouse.Result{OK: true, Code: warehouse.CodeOK, Ref: "B1", Next: &warehouse.Step{Do: warehouse.StepScanBin, Bin: "A"}}),
			`{"cmdId":"c1","seq":7,"ok":true,"code":"OK","next":{"do":"scan_bin","bin":"A"}}`,
		},
		{
			req.Answer(warehouse.Result{Code: warehouse.CodeWrongBin, Text: "this is B"}),
			`{"cmdId":"c1","seq":7,"ok":false,"code":"WRONG_BIN","text":"this is B"}`,
		},
		{
			handheld.Request{}.Refuse(&handheld.Refusal{Code: "MALFORMED", Text: "x"}, nil),
			`{"cmdId":"","seq":0,"ok":false,"code":"MALFORMED","text":"x"}`,
		},
	} {
		b, err := tc.res.Encode()
		if err != nil || string(b) != tc.want {
			t.Errorf("got %s, %v, want %s", b, err, tc.want)
		}
	}
}

func FuzzDecode(f *testing.F) {
	files, _ := filepath.Glob("testdata/cases/*.json")
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		before := bytes.Clone(payload)
		req, ref := handheld.Decode("h1", payload)
		if !bytes.Equal(before, payload) {
			t.Fatal("Decode wrote to its input")
		}
		if (ref == nil) == (req.Command == nil) {
			t.Fatalf("refusal %v, command %v", ref, req.Command)
		}
		if len(req.CmdID) > handheld.MaxID || req.Seq > handheld.MaxSeq {
			t.Fatalf("echo out of bounds: %+v", req)
		}
		if ref != nil {
			if b, err := req.Refuse(ref, nil).Encode(); err != nil || len(b) > 1024 {
				t.Fatalf("refusal of %d bytes, %v", len(b), err)
			}
			return
		}
		if req.CmdID == "" || req.Seq == 0 {
			t.Fatalf("taken without cmdId or seq: %+v", req)
		}
		// What is taken can go into the log and comes out the same.
		if s, ok := req.Command.(warehouse.Scan); ok && (len(s.Barcode) > handheld.MaxBarcode || s.Qty > handheld.MaxQty || s.Qty < 0) {
			t.Fatalf("out of bounds: %+v", s)
		}
		if s, ok := req.Command.(warehouse.SkipFloor); ok && (s.Task == "" || len(s.Reason) > handheld.MaxReason) {
			t.Fatalf("out of bounds: %+v", s)
		}
	})
}

func TestJumps(t *testing.T) {
	const maxSeq, maxStep, maxLeap = handheld.MaxSeq, 1 << 32, 1 << 52
	for _, tc := range []struct {
		last, seq uint64
		want      bool
	}{
		{0, 1, false},
		{0, maxSeq, true},
		{5, 1_795_000_000_000, false},     // a clock in milliseconds
		{5, 1_795_000_000_000_000, false}, // in microseconds
		{0, maxLeap, false},
		{0, maxLeap + 1, true},
		{maxLeap, maxLeap + maxStep, false},
		{maxLeap, maxLeap + maxStep + 1, true},
		{maxSeq, 1, false}, // behind: too old, not ahead
		{maxSeq - 1, maxSeq, false},
	} {
		if got := handheld.Jumps(tc.last, tc.seq); got != tc.want {
			t.Errorf("%d after %d: %v", tc.seq, tc.last, got)
		}
	}
}
