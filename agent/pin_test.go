package agent

import (
	"bytes"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tote/warehouse"
)

// TestPin is a picker at a site that asks for PINs, over MQTT and over the page: an
// engineer gives him one, wrong ones are counted and still are after the gateway was
// started anew, a copy of a message gets the answer of the first, and no file of the
// gateway holds what was typed.
func TestPin(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	rules := strings.Replace(s.file("site.json"), `"packDrop"`, `"pin": "on", "pinFirst": true, "packDrop"`, 1)
	if code, b := s.call("PUT", "/v1/site", "application/json", rules); code != http.StatusOK {
		t.Fatalf("%d %s", code, b)
	}
	const mine, wrong, chosen = "80315742", "70315742", "93175026"
	for body, want := range map[string]int{
		`{"pin":"1234"}`: http.StatusUnprocessableEntity, `{"pin":"12"}`: http.StatusUnprocessableEntity, `{}`: http.StatusBadRequest,
		`{"pin":"` + mine + `","remove":true}`: http.StatusBadRequest, `{"pin":"` + mine + `"}`: http.StatusOK,
	} {
		if code, b := s.call("POST", "/v1/workers/W1/pin", "application/json", body); code != want || bytes.Contains(b, []byte(mine)) {
			t.Errorf("%s: %d %s", body, code, b)
		}
	}
	w := s.wire("h1")
	said := func(seq int64, fields, code, text string) {
		t.Helper()
		if r := w.send(verb(seq, "sign_in", `,"barcode":"BADGE-1"`+fields)); r.Code != code || !strings.Contains(r.Text, text) {
			t.Errorf("sequence %d: %+v, want %s %q", seq, r, code, text)
		}
	}
	said(1, "", warehouse.CodePinWanted, "")
	said(2, `,"pin":"12"`, warehouse.CodeInvalid, "4 to 8 digits")
	said(2, `,"pin":"`+wrong+`"`, warehouse.CodePinWrong, "")
	said(2, `,"pin":"`+wrong+`"`, warehouse.CodePinWrong, "") // a copy counts once
	said(3, `,"pin":"`+mine+`"`, warehouse.CodeOK, "1 wrong PINs since")
	said(3, `,"pin":"`+mine+`"`, warehouse.CodeOK, "1 wrong PINs since")
	said(4, "", warehouse.CodeOK, "") // signed in: the badge is enough
	if r := w.send(verb(5, "sign_out", "")); !r.OK {
		t.Fatalf("%+v", r)
	}
	for seq := int64(6); seq < 9; seq++ {
		said(seq, `,"pin":"`+wrong+`"`, warehouse.CodePinWrong, "")
	}
	s.gw.stop()
	<-s.gw.ended
	s.start()
	s.must(w.client.WaitConnected(s.ctx()))
	said(9, `,"pin":"`+mine+`"`, warehouse.CodePinWait, "wait ")
	// The other one chooses on the page, and a copy of that is no second choice.
	first := `{"cmdId":"c1","seq":1,"verb":"sign_in","barcode":"BADGE-2","pin":"` + chosen + `"}`
	var answers []string
	for range 2 {
		code, b := s.call("POST", "/hh/cmd?device=web-abcdef", "application/json", first)
		if answers = append(answers, string(b)); code != http.StatusOK || !strings.Contains(string(b), `"ok":true`) {
			t.Errorf("%d %s", code, b)
		}
	}
	if answers[0] != answers[1] {
		t.Errorf("answered %q", answers)
	}
	_, backup := s.call("GET", "/v1/backup", "", "")
	if len(backup) == 0 {
		t.Error("no backup")
	}
	s.gw.stop()
	<-s.gw.ended
	looked := 0
	search := func(name string, b []byte) {
		looked++
		for _, pin := range []string{mine, wrong, chosen} {
			if bytes.Contains(b, []byte(pin)) {
				t.Errorf("%s holds a PIN", name)
			}
		}
	}
	search("the backup", backup)
	s.must(filepath.WalkDir(s.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		search(path, b)
		return err
	}))
	if looked < 5 {
		t.Errorf("%d files were looked at", looked)
	}
}
