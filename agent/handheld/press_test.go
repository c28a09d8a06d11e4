package handheld

import (
	"strings"
	"testing"

	"tote/warehouse"
)

var pressBins = map[string]string{"0107": "A-01-02", "0108": "A-01-03"}

func TestDecodePress(t *testing.T) {
	const whole = `{"cmdId":"c1","seq":7,"module":"0107","task":"O1/1/1","handheld":"h1","at":5}`
	req, ref := DecodePress(pressBins, []byte(whole))
	want := warehouse.Scan{Device: "h1", Verb: ExpectBin, Barcode: "A-01-02", Task: "O1/1/1"}
	if ref != nil || req.CmdID != "c1" || req.Seq != 7 || req.At != 5 || req.Command != warehouse.Command(want) {
		t.Errorf("%+v, refused %v", req, ref)
	}
	for name, tc := range map[string]struct {
		payload, code string
		seq           uint64
	}{
		"no module":           {`{"cmdId":"c1","seq":7,"task":"T","handheld":"h1"}`, warehouse.CodeInvalid, 7},
		"no task":             {`{"cmdId":"c1","seq":7,"module":"0107","handheld":"h1"}`, warehouse.CodeInvalid, 7},
		"an empty task":       {`{"cmdId":"c1","seq":7,"module":"0107","task":"","handheld":"h1"}`, warehouse.CodeInvalid, 7},
		"no handheld":         {`{"cmdId":"c1","seq":7,"module":"0107","task":"T"}`, warehouse.CodeInvalid, 7},
		"no sequence":         {`{"cmdId":"c1","module":"0107","task":"T","handheld":"h1"}`, warehouse.CodeInvalid, 0},
		"a module of another": {strings.Replace(whole, "0107", "0999", 1), warehouse.CodeInvalid, 7},
		"a handheld with GS":  {strings.Replace(whole, "h1", `h\u001d1`, 1), warehouse.CodeInvalid, 7},
		"a long task":         {strings.Replace(whole, "O1/1/1", strings.Repeat("x", MaxID+1), 1), warehouse.CodeInvalid, 7},
		"a number":            {strings.Replace(whole, `"0107"`, "107", 1), warehouse.CodeMalformed, 7},
		"a barcode":           {strings.Replace(whole, `"at":5`, `"barcode":"B"`, 1), warehouse.CodeMalformed, 7},
		"a verb":              {strings.Replace(whole, `"at":5`, `"verb":"scan"`, 1), warehouse.CodeMalformed, 7},
		"a task twice":        {strings.Replace(whole, `"at":5`, `"task":"O2"`, 1), warehouse.CodeMalformed, 7},
		"cut off":             {whole[:len(whole)-4], warehouse.CodeMalformed, 7},
		"huge":                {whole + strings.Repeat(" ", MaxPayload), warehouse.CodeMalformed, 7},
		"an array":            {`[]`, warehouse.CodeMalformed, 0},
	} {
		req, ref := DecodePress(pressBins, []byte(tc.payload))
		if ref == nil || ref.Code != tc.code || ref.Text == "" || req.Seq != tc.seq || req.Command != nil {
			t.Errorf("%s: %+v, refused %v", name, req, ref)
		}
	}
}

// A handheld does not press, and says no field of a press.
func TestAPressIsNoVerb(t *testing.T) {
	for _, payload := range []string{
		`{"cmdId":"c1","seq":7,"verb":"press"}`,
		`{"cmdId":"c1","seq":7,"verb":"ask","module":"0107"}`,
		`{"cmdId":"c1","seq":7,"verb":"ask","handheld":"h2"}`,
	} {
		if _, ref := Decode("h1", []byte(payload)); ref == nil {
			t.Errorf("%s is a command", payload)
		}
	}
}

// FuzzDecodePress: whatever comes, it is either a scan of a bin of the light or
// refused with a code.
func FuzzDecodePress(f *testing.F) {
	for _, s := range []string{
		`{"cmdId":"c1","seq":7,"module":"0107","task":"O1/1/1","handheld":"h1","at":5}`,
		`{"cmdId":"c1","seq":7,"module":"0107"}`, `{"seq":1e3}`, `[`, `{"cmdId":"c1","seq":`, "",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		req, ref := DecodePress(pressBins, payload)
		if ref != nil {
			if ref.Code == "" || ref.Text == "" || req.Command != nil {
				t.Errorf("refused %+v with %+v", ref, req)
			}
			return
		}
		s, ok := req.Command.(warehouse.Scan)
		if !ok || s.Verb != ExpectBin || s.Task == "" || s.Device == "" || s.Barcode != "A-01-02" && s.Barcode != "A-01-03" || req.Seq == 0 || req.CmdID == "" {
			t.Errorf("%+v", req)
		}
	})
}
