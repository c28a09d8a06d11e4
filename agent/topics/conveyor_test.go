package topics_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"tote/agent/topics"
	"tote/fleet/conveyor"
)

// The channels of a conveyor are the messages the codec knows, and conn.
func TestConveyorChannels(t *testing.T) {
	var have, want []string
	for _, c := range topics.Channels() {
		if c.Class == topics.Conveyor && c.Name != topics.Conn {
			have = append(have, c.Branch+"/"+c.Name)
		}
	}
	for branch, names := range map[string][]string{topics.Up: conveyor.Ups(), topics.Down: conveyor.Downs(), topics.State: conveyor.States()} {
		for _, n := range names {
			want = append(want, branch+"/"+n)
		}
	}
	if diff := cmp.Diff(sorted(want), sorted(have)); diff != "" {
		t.Errorf("codec (-) and channels (+):\n%s", diff)
	}
	if got := topics.ConveyorDown("s1", "cv1", topics.Assign); got != "tote/v1/s1/conveyor/cv1/down/assign" {
		t.Error(got)
	}
}

func TestConveyorWords(t *testing.T) {
	for name, tc := range map[string]struct{ code, contract []string }{
		"qualities": {conveyor.Qualities(), enum(t, "conveyor-scan.json", "properties", "quality")},
		"results":   {conveyor.Results(), enum(t, "conveyor-divert.json", "properties", "result")},
		"modes":     {conveyor.Modes(), enum(t, "conveyor-main.json", "properties", "mode")},
		"sections":  {conveyor.SectionStates(), enum(t, "conveyor-main.json", "properties", "sections", "items", "properties", "state")},
	} {
		if diff := cmp.Diff(sorted(tc.code), tc.contract); diff != "" {
			t.Errorf("%s: code (-) and contract (+):\n%s", name, diff)
		}
	}
}

// The schemas and the codec agree on what is a message: on the examples of the
// contract with each field left out, replaced or added, and on the codec's own
// cases.
func TestConveyorSchemasAgreeWithTheCodec(t *testing.T) {
	examples, cases := map[string][][]byte{}, map[string][][]byte{}
	for key, m := range load(t).Components.Messages {
		name, ok := strings.CutPrefix(key, "conveyor")
		if !ok {
			continue
		}
		name = strings.ToLower(name)
		for _, e := range m.Examples {
			b, err := json.Marshal(e.Payload)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := conveyor.Decode(name, b); err != nil {
				t.Errorf("%s, example %s: %v", key, e.Name, err)
			}
			examples[name] = append(examples[name], b)
		}
	}
	files, err := filepath.Glob("../../fleet/conveyor/testdata/cases/*.json")
	if err != nil || len(files) == 0 {
		t.Fatal("no cases", err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		name, _, _ := strings.Cut(filepath.Base(f), "-")
		cases[name] = append(cases[name], bytes.TrimSpace(b))
	}
	values := []string{
		`""`, `" "`, `"x"`, `"L1"`, `"OK"`, `"\u001d"`, `"\u0000"`, `"é"`, `0`, `1`, `-1`, `101`, `65`, `4294967296`, `true`, `null`, `[]`, `{}`, `["x"]`, `[""]`, `[{}]`,
		`"01JQ000000000000000000000X"`, `"81JQ000000000000000000000X"`, `"01jq000000000000000000000x"`, `"` + strings.Repeat("a", 65) + `"`,
		`"2026-03-01T08:00:00.000Z"`, `"2026-02-30T08:00:00.000Z"`, `"2026-03-01T24:00:00.000Z"`, `"2026-03-01T08:00:00.0000Z"`,
	}
	taken, tried := 0, 0
	for _, name := range slices.Concat(conveyor.Ups(), conveyor.Downs(), conveyor.States()) {
		s := schema(t, "conveyor-"+name+".json")
		check := func(raw []byte) {
			tried++
			_, bad := conveyor.Decode(name, raw)
			v, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
			if err == nil {
				err = s.Validate(v)
			}
			if (err == nil) != (bad == nil) {
				t.Errorf("%s %s\nschema: %v\ncodec: %v", name, raw, err, bad)
			}
			if bad == nil {
				taken++
			}
		}
		for _, raw := range cases[name] {
			check(raw)
		}
		for _, raw := range examples[name] {
			check(raw)
			var fields map[string]json.RawMessage
			if err := json.Unmarshal(raw, &fields); err != nil {
				t.Fatal(err)
			}
			keys := []string{"extra", "weightMg", "code", "section", "barcodes", "scanMsgId"}
			for k := range fields {
				keys = append(keys, k)
			}
			for _, k := range keys {
				had, was := fields[k]
				delete(fields, k)
				check(must(json.Marshal(fields)))
				for _, v := range values {
					fields[k] = json.RawMessage(v)
					check(must(json.Marshal(fields)))
				}
				if delete(fields, k); was {
					fields[k] = had
				}
			}
		}
	}
	if taken < 500 || tried-taken < 500 {
		t.Errorf("%d of %d are messages: the table shows little", taken, tried)
	}
}

func must(b []byte, err error) []byte {
	if err != nil {
		panic(err) // raw messages that were valid
	}
	return b
}
