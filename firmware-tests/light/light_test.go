package light

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"tote/firmware-tests/line"
	"tote/firmware-tests/record"
)

func TestNewRefuses(t *testing.T) {
	good := Params{Brokers: []string{"tcp://x:1"}, Site: "s1"}
	for name, change := range map[string]func(*Params){
		"no brokers":   func(p *Params) { p.Brokers = nil },
		"no site":      func(p *Params) { p.Site = "" },
		"a topic":      func(p *Params) { p.ID = "a/b" },
		"twice":        func(p *Params) { p.Modules = []string{"01", "01"} },
		"a wild card":  func(p *Params) { p.Modules = []string{"+"} },
		"before it is": func(p *Params) { p.AnswerMs = -1 },
	} {
		p := good
		change(&p)
		if _, err := New(p, nil); !errors.Is(err, ErrParams) {
			t.Errorf("%s: %v", name, err)
		}
	}
	book, err := record.Open("l", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	c, err := New(good, book)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Press("99", 0); !errors.Is(err, ErrModule) {
		t.Error(err)
	}
	if _, err := c.Press("01", -1); !errors.Is(err, ErrTook) {
		t.Error(err)
	}
	if err := c.SetFault("noise", true); !errors.Is(err, line.ErrUnknownFault) {
		t.Error(err)
	}
	if e, err := c.Press("01", 4); err != nil || e.Press.Seqs != nil || e.Press.Took != 4 {
		t.Errorf("pressed in the dark: %+v, %v", e.Press, err)
	}
	if s := c.State(); s.ID != "pl1" || s.Connected || s.Seq != 0 || len(s.Lamps) != 0 {
		t.Errorf("%+v", s)
	}
}

// Every whole press of the cases is one by the contract's schema.
func TestPressesAreValid(t *testing.T) {
	text, err := os.ReadFile("../../api/schemas/light-press.json")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("press.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("press.json")
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("../cases/light/*/want")
	if err != nil {
		t.Fatal(err)
	}
	valid, broken := 0, 0
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for l := range strings.Lines(string(text)) {
			sent, err := strconv.Unquote(strings.TrimSpace(l))
			payload, ok := strings.CutPrefix(sent, "press ")
			if err != nil || !ok {
				continue
			}
			if !json.Valid([]byte(payload)) { // fault garbage
				broken++
				continue
			}
			v, err := jsonschema.UnmarshalJSON(strings.NewReader(payload))
			if err == nil {
				err = schema.Validate(v)
			}
			if err != nil {
				t.Errorf("%s: %s: %v", f, payload, err)
			}
			valid++
		}
	}
	if valid < 10 || broken != 1 {
		t.Errorf("%d presses, %d spoiled ones: the cases show little", valid, broken)
	}
}
