package robot

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"tote/firmware-tests/record"
)

// Everything the robot says is held against the schemas of 2.1.0.
func TestMessagesAreValid(t *testing.T) {
	book, err := record.Open("r1", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	r, err := New(Params{Brokers: []string{"tcp://x:1"}, Manufacturer: "KIT", Node: "A", Custom: []string{"scan"}}, book)
	if err != nil {
		t.Fatal(err)
	}
	states := []any{}
	say := func() {
		s := r.m.snapshot(time.Now())
		s.header = r.header("state")
		states = append(states, s)
	}
	say()
	r.m.takeOrder(t0, order("o1", 0, 0, "A B:pick* C"))
	say()
	r.m.takeOrder(t0, []byte("{"))
	r.m.takeInstant(instant("c", "cancelOrder"))
	r.m.loads = []string{"T1"}
	say()
	r.m.enterManual(true)
	say()
	conn, err := r.connection("ONLINE")
	if err != nil {
		t.Fatal(err)
	}
	sheet, err := factsheet(r.header("factsheet"), r.p)
	if err != nil {
		t.Fatal(err)
	}
	for name, msgs := range map[string][]any{"state": states, "connection": {json.RawMessage(conn)}, "factsheet": {json.RawMessage(sheet)}} {
		file := "../../../shared/data/vda5050/2.1.0/" + name + ".schema"
		text, err := os.ReadFile(file)
		if errors.Is(err, os.ErrNotExist) {
			t.Skipf("NOT CHECKED AGAINST THE STANDARD: no %s here", file)
		}
		if err != nil {
			t.Fatal(err)
		}
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
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
		for _, m := range msgs {
			raw, err := json.Marshal(m)
			if err != nil {
				t.Fatal(err)
			}
			v, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Validate(v); err != nil {
				t.Errorf("%s: %v\n%s", name, err, raw)
			}
		}
	}
}
