package topics_test

// The written contract, api/asyncapi.yaml and api/schemas, against the code.

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"sort"
	"strconv"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"tote/agent/handheld"
	"tote/agent/projection"
	"tote/agent/station"
	"tote/agent/topics"
	"tote/mqtt"
	"tote/warehouse"
)

// ref is a reference inside the document.
type ref struct {
	Ref string `yaml:"$ref"`
}

// name is the last part, and whether the reference points below prefix.
func (r ref) name(t *testing.T, prefix string) string {
	t.Helper()
	n, ok := strings.CutPrefix(r.Ref, prefix)
	if !ok {
		t.Errorf("reference %q, want %s…", r.Ref, prefix)
	}
	return n
}

// document is the part of AsyncAPI 3.0 the contract uses. Decoding is strict:
// a key that is not here is a mistake in the document or a gap in this test.
type document struct {
	AsyncAPI           string `yaml:"asyncapi"`
	ID                 string `yaml:"id"`
	Info               any    `yaml:"info"`
	DefaultContentType string `yaml:"defaultContentType"`
	Servers            map[string]struct {
		Host            string `yaml:"host"`
		Protocol        string `yaml:"protocol"`
		ProtocolVersion string `yaml:"protocolVersion"`
		Description     string `yaml:"description"`
		Variables       any    `yaml:"variables"`
		Bindings        struct {
			MQTT struct {
				CleanSession   bool   `yaml:"cleanSession"`
				KeepAlive      int    `yaml:"keepAlive"`
				BindingVersion string `yaml:"bindingVersion"`
				LastWill       struct {
					Topic   string `yaml:"topic"`
					QoS     byte   `yaml:"qos"`
					Retain  bool   `yaml:"retain"`
					Message string `yaml:"message"`
				} `yaml:"lastWill"`
			} `yaml:"mqtt"`
		} `yaml:"bindings"`
	} `yaml:"servers"`
	Channels   map[string]channel   `yaml:"channels"`
	Operations map[string]operation `yaml:"operations"`
	Components struct {
		Parameters map[string]any     `yaml:"parameters"`
		Messages   map[string]message `yaml:"messages"`
	} `yaml:"components"`
}

type channel struct {
	Address     string         `yaml:"address"`
	Description string         `yaml:"description"`
	Parameters  map[string]ref `yaml:"parameters"`
	Messages    map[string]ref `yaml:"messages"`
}

type operation struct {
	Action   string `yaml:"action"`
	Channel  ref    `yaml:"channel"`
	Bindings struct {
		MQTT struct {
			QoS            byte   `yaml:"qos"`
			Retain         bool   `yaml:"retain"`
			BindingVersion string `yaml:"bindingVersion"`
		} `yaml:"mqtt"`
	} `yaml:"bindings"`
	Reply struct {
		Channel ref `yaml:"channel"`
	} `yaml:"reply"`
}

type message struct {
	Title   string `yaml:"title"`
	Payload struct {
		SchemaFormat string `yaml:"schemaFormat"`
		Schema       ref    `yaml:"schema"`
	} `yaml:"payload"`
	Examples []struct {
		Name    string `yaml:"name"`
		Payload any    `yaml:"payload"`
	} `yaml:"examples"`
}

func load(t *testing.T) document {
	t.Helper()
	b, err := os.ReadFile("../../api/asyncapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var d document
	if err := yaml.UnmarshalWithOptions(b, &d, yaml.Strict()); err != nil {
		t.Fatal(err)
	}
	return d
}

// schema compiles a file of schemas/.
func schema(t *testing.T, file string) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	files, err := filepath.Glob("../../api/schemas/*.json")
	if err != nil || len(files) == 0 {
		t.Fatal("no schemas", err)
	}
	for _, f := range files {
		if err := c.AddResource("https://tote.example/schemas/"+filepath.Base(f), readJSON(t, f)); err != nil {
			t.Fatal(err)
		}
	}
	s, err := c.Compile("https://tote.example/schemas/" + file)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func readJSON(t *testing.T, file string) any {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return v
}

// asJSON turns any value into what the validator takes.
func asJSON(t *testing.T, v any) any {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	out, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// dig walks into a schema file by keys.
func dig(t *testing.T, file string, keys ...string) any {
	t.Helper()
	v := readJSON(t, "../../api/schemas/"+file)
	for _, k := range keys {
		m, ok := v.(map[string]any)
		if !ok || m[k] == nil {
			t.Fatalf("%s: no %s", file, strings.Join(keys, "."))
		}
		v = m[k]
	}
	return v
}

func enum(t *testing.T, file string, keys ...string) []string {
	t.Helper()
	var out []string
	for _, v := range dig(t, file, append(keys, "enum")...).([]any) {
		if s := v.(string); s != "" {
			out = append(out, s)
		}
	}
	sort.Strings(out)
	return out
}

func sorted(in []string) []string {
	out := slices.Clone(in)
	sort.Strings(out)
	return slices.Compact(out)
}

// constants reads the string constants of Go files whose names begin with
// prefix. The contract must list what the code can say, so a new constant
// without an entry is an error.
func constants(t *testing.T, glob, prefix string) []string {
	t.Helper()
	files, err := filepath.Glob(glob)
	if err != nil || len(files) == 0 {
		t.Fatalf("no files %s", glob)
	}
	var out []string
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok {
				return true
			}
			for i, name := range spec.Names {
				if !strings.HasPrefix(name.Name, prefix) || i >= len(spec.Values) {
					continue
				}
				if lit, ok := spec.Values[i].(*ast.BasicLit); ok && lit.Kind == token.STRING {
					s, err := strconv.Unquote(lit.Value)
					if err != nil {
						t.Fatal(err)
					}
					out = append(out, s)
				}
			}
			return true
		})
	}
	return sorted(out)
}

// Every channel of the code is in the contract with its QoS, retain flag and
// direction, and the other way round.
func TestContractChannels(t *testing.T) {
	d := load(t)
	if d.AsyncAPI != "3.0.0" || d.DefaultContentType != "application/json" {
		t.Errorf("asyncapi %s, content %s", d.AsyncAPI, d.DefaultContentType)
	}
	var code, contract []string
	for _, c := range topics.Channels() {
		action := "send"
		if c.By == topics.ByDevice {
			action = "receive"
		}
		code = append(code, fmt.Sprintf("%s %s qos=%d retain=%v", c.Address(), action, c.QoS, c.Retain))
	}
	used := map[string]bool{}
	for name, op := range d.Operations {
		ch := op.Channel.name(t, "#/channels/")
		c, ok := d.Channels[ch]
		if !ok {
			t.Errorf("operation %s: no channel %s", name, ch)
		}
		if used[ch] {
			t.Errorf("channel %s has two operations", ch)
		}
		used[ch] = true
		if want := op.Action + strings.ToUpper(ch[:1]) + ch[1:]; name != want {
			t.Errorf("operation %s, want the name %s", name, want)
		}
		if op.Bindings.MQTT.BindingVersion != "0.2.0" {
			t.Errorf("operation %s: binding version %q", name, op.Bindings.MQTT.BindingVersion)
		}
		contract = append(contract, fmt.Sprintf("%s %s qos=%d retain=%v", c.Address, op.Action, op.Bindings.MQTT.QoS, op.Bindings.MQTT.Retain))
		if r := op.Reply.Channel.Ref; r != "" && d.Channels[op.Reply.Channel.name(t, "#/channels/")].Address == "" {
			t.Errorf("operation %s: reply channel %s", name, r)
		}
	}
	if diff := cmp.Diff(sorted(code), sorted(contract)); diff != "" {
		t.Errorf("code (-) and contract (+) disagree:\n%s", diff)
	}
	messages := map[string]bool{}
	for name, c := range d.Channels {
		if !used[name] {
			t.Errorf("channel %s has no operation", name)
		}
		for p, r := range c.Parameters {
			if !strings.Contains(c.Address, "{"+p+"}") || d.Components.Parameters[r.name(t, "#/components/parameters/")] == nil {
				t.Errorf("channel %s: parameter %s", name, p)
			}
		}
		if len(c.Parameters) != strings.Count(c.Address, "{") || len(c.Messages) != 1 || c.Description == "" {
			t.Errorf("channel %s: %d parameters, %d messages, description %q", name, len(c.Parameters), len(c.Messages), c.Description)
		}
		for _, r := range c.Messages {
			m := r.name(t, "#/components/messages/")
			if _, ok := d.Components.Messages[m]; !ok {
				t.Errorf("channel %s: no message %s", name, m)
			}
			messages[m] = true
		}
	}
	for name := range d.Components.Messages {
		if !messages[name] {
			t.Errorf("message %s is on no channel", name)
		}
	}
}

func TestServerBinding(t *testing.T) {
	b := load(t).Servers["gateway"].Bindings.MQTT
	if !b.CleanSession || float64(b.KeepAlive) != mqtt.DefaultKeepAlive.Seconds() {
		t.Errorf("clean session %v, keep-alive %d", b.CleanSession, b.KeepAlive)
	}
	if b.LastWill.Topic != topics.HandheldConn("{site}", "{id}") || b.LastWill.QoS != 1 || !b.LastWill.Retain {
		t.Errorf("last will %+v", b.LastWill)
	}
	want, _ := json.Marshal(handheld.Conn{State: handheld.StateOffline})
	if b.LastWill.Message != string(want) {
		t.Errorf("last will %s, want %s", b.LastWill.Message, want)
	}
}

// The examples are valid, and between them show every verb, scan and step.
func TestExamples(t *testing.T) {
	d := load(t)
	seen := map[string]bool{}
	used := map[string]bool{}
	for name, m := range d.Components.Messages {
		file := m.Payload.Schema.name(t, "./schemas/")
		used[file] = true
		if m.Payload.SchemaFormat != "application/schema+json;version=draft-2020-12" || m.Title == "" {
			t.Errorf("%s: schema format %q, title %q", name, m.Payload.SchemaFormat, m.Title)
		}
		s := schema(t, file)
		if len(m.Examples) == 0 {
			t.Errorf("%s: no example", name)
		}
		for _, e := range m.Examples {
			if err := s.Validate(asJSON(t, e.Payload)); err != nil {
				t.Errorf("%s, example %s: %v", name, e.Name, err)
			}
			p := e.Payload.(map[string]any)
			for _, key := range []string{"verb", "expect", "do"} {
				if v, ok := p[key].(string); ok {
					seen[key+"="+v] = true
				}
			}
			if next, ok := p["next"].(map[string]any); ok {
				seen["do="+next["do"].(string)] = true
			}
			if name == "lightPress" {
				b, _ := json.Marshal(p)
				if _, ref := handheld.DecodePress(map[string]string{"0107": "A-01-02"}, b); ref != nil {
					t.Errorf("example %s is refused: %v", e.Name, ref)
				}
			}
			if name == "handheldCommand" {
				b, _ := json.Marshal(p)
				if _, ref := handheld.Decode("h1", b); ref != nil {
					t.Errorf("example %s is refused: %v", e.Name, ref)
				}
			}
		}
	}
	var want []string
	for _, v := range handheld.Verbs() {
		want = append(want, "verb="+v)
	}
	for _, v := range handheld.Expects() {
		want = append(want, "expect="+v)
	}
	for _, v := range constants(t, "../../warehouse/results.go", "Step") {
		want = append(want, "do="+v)
	}
	for _, w := range want {
		if !seen[w] {
			t.Errorf("no example shows %s", w)
		}
	}
	files, _ := filepath.Glob("../../api/schemas/*.json")
	for _, f := range files {
		if base := filepath.Base(f); !used[base] && base != "code.json" && base != "conveyor-head.json" {
			t.Errorf("schema %s is not used", base)
		}
	}
}

// What the code can say and what the contract lists is the same.
func TestWords(t *testing.T) {
	results := append(constants(t, "../../warehouse/codes.go", "Code"), warehouse.FalloutExpired)
	results = append(results, constants(t, "../replica/*.go", "Code")...)
	answersOnly := []string{station.HintBusy, station.HintNotRecorded} // codes of an answer
	answers := append(slices.Clone(answersOnly), station.HintNoQuorum)
	var hints []string
	for _, h := range constants(t, "../station/*.go", "Hint") {
		if !slices.Contains(answersOnly, h) {
			hints = append(hints, h)
		}
	}
	for name, tc := range map[string]struct{ code, contract []string }{
		"result codes":  {results, enum(t, "code.json")},
		"verbs":         {handheld.Verbs(), enum(t, "handheld-cmd.json", "properties", "verb")},
		"expects":       {handheld.Expects(), enum(t, "handheld-cmd.json", "properties", "expect")},
		"short reasons": {handheld.ShortReasons(), enum(t, "handheld-cmd.json", "$defs", "shortReason")},
		"floor kinds":   {handheld.FloorKinds(), enum(t, "handheld-cmd.json", "properties", "kind")},
		"kinds known":   {constants(t, "../../warehouse/*.go", "Floor"), handheld.FloorKinds()},
		"steps":         {constants(t, "../../warehouse/results.go", "Step"), enum(t, "step.json", "properties", "do")},
		"hints":         {hints, enum(t, "hint.json", "properties", "code")},
		"connection":    {[]string{handheld.StateOnline, handheld.StateOffline}, enum(t, "conn.json", "properties", "state")},
	} {
		if diff := cmp.Diff(sorted(tc.code), sorted(tc.contract)); diff != "" {
			t.Errorf("%s: code (-) and contract (+) disagree:\n%s", name, diff)
		}
		if len(tc.code) < 2 {
			t.Errorf("%s: nothing found in the code", name)
		}
	}
	for _, code := range answers {
		if err := schema(t, "place-result.json").Validate(asJSON(t, station.Answer{Code: code})); err != nil {
			t.Error(err)
		}
	}
}

// The fields of the messages are those of the structs that are marshalled.
func TestFields(t *testing.T) {
	for file, v := range map[string]any{
		"step.json": warehouse.Step{}, "handheld-result.json": handheld.Result{}, "place-result.json": station.Answer{},
		"seq.json": handheld.Seq{}, "conn.json": handheld.Conn{}, "hint.json": station.Hint{}, "quorum.json": projection.Quorum{}, "dock-task.json": projection.DockTask{}, "light-task.json": projection.LightTask{},
	} {
		var fields, required []string
		rt := reflect.TypeOf(v)
		for i := range rt.NumField() {
			name, opts, _ := strings.Cut(rt.Field(i).Tag.Get("json"), ",")
			fields = append(fields, name)
			if !strings.Contains(opts, "omitempty") {
				required = append(required, name)
			}
		}
		var props, must []string
		for p := range dig(t, file, "properties").(map[string]any) {
			props = append(props, p)
		}
		for _, r := range dig(t, file, "required").([]any) {
			must = append(must, r.(string))
		}
		if diff := cmp.Diff(sorted(fields), sorted(props)); diff != "" {
			t.Errorf("%s: fields of the code (-) and contract (+):\n%s", file, diff)
		}
		if diff := cmp.Diff(sorted(required), sorted(must)); diff != "" {
			t.Errorf("%s: required fields of the code (-) and contract (+):\n%s", file, diff)
		}
	}
}

// The schema of a command and the decoder agree on what is a command.
func TestSchemaAgreesWithTheDecoder(t *testing.T) {
	s := schema(t, "handheld-cmd.json")
	files, err := filepath.Glob("../handheld/testdata/cases/*.json")
	if err != nil || len(files) == 0 {
		t.Fatal("no cases", err)
	}
	var cases []string
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		cases = append(cases, string(b))
	}
	const head = `{"cmdId":"c","seq":1,`
	for _, verb := range append(handheld.Verbs(), "jump") {
		for _, barcode := range []string{"", `,"barcode":""`, `,"barcode":"A"`, `,"barcode":"A\u001dB"`, `,"barcode":"A\u0085"`, `,"barcode":7`} {
			for _, more := range []string{
				"", `,"qty":2`, `,"qty":0`, `,"qty":10000`, `,"qty":2,"expect":"item"`, `,"qty":2,"expect":"bin"`, `,"expect":"slot"`, `,"expect":"x"`,
				`,"task":"T"`, `,"task":""`, `,"reason":"OTHER"`, `,"reason":"OTHER","task":"T"`, `,"reason":""`, `,"reason":"X"`, `,"at":1`, `,"at":-1`, `,"x":1`,
				`,"kind":"MOVE"`, `,"kind":""`, `,"kind":"X"`, `,"kind":"MOVE","task":"T"`, `,"task":"T","reason":"stairs, wet"`, `,"task":"T","reason":"a\u0007"`,
			} {
				cases = append(cases, head+`"verb":"`+verb+`"`+barcode+more+"}")
			}
		}
	}
	cases = append(cases,
		head+`"verb":"skip","task":"T","reason":"`+strings.Repeat("x", 200)+`"}`, head+`"verb":"skip","task":"T","reason":"`+strings.Repeat("x", 201)+`"}`,
		`{"cmdId":"c","verb":"ask"}`, `{"seq":1,"verb":"ask"}`, `{"cmdId":"","seq":1,"verb":"ask"}`, `{"cmdId":"c","seq":0,"verb":"ask"}`,
		`{"cmdId":"c","seq":9007199254740991,"verb":"ask"}`, `{"cmdId":"c","seq":9007199254740992,"verb":"ask"}`, `[]`, `{}`)
	taken := 0
	for _, c := range cases {
		_, ref := handheld.Decode("h1", []byte(c))
		v, err := jsonschema.UnmarshalJSON(strings.NewReader(c))
		if err == nil {
			err = s.Validate(v)
		}
		if (err == nil) != (ref == nil) {
			t.Errorf("%s\nschema: %v\ndecoder: %v", c, err, ref)
		}
		if ref == nil {
			taken++
		}
	}
	if taken < 50 || taken > len(cases)-50 {
		t.Errorf("%d of %d cases are commands: the table shows little", taken, len(cases))
	}
}
