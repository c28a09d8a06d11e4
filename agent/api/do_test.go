package api

import (
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"tote/agent/handheld"
	"tote/warehouse"
)

// command gives a command with headers as pairs.
func (g *fake) command(name, body string, headers ...string) response {
	g.t.Helper()
	return g.call("POST", "/v1/do/"+name, "application/json", strings.NewReader(body), headers...)
}

// TestCommandTable: every row is a command of the domain by its own name, all of
// whose fields can be said in JSON, and none is a device's.
func TestCommandTable(t *testing.T) {
	seen := map[string]bool{}
	lower := regexp.MustCompile(`^[a-z][A-Za-z0-9]*$`)
	var look func(where string, fields []Field)
	look = func(where string, fields []Field) {
		names := map[string]bool{}
		for _, f := range fields {
			at := where + "." + f.Name
			if !lower.MatchString(f.Name) || names[f.Name] || f.Type == "" || (f.Type == "object") != (len(f.Fields) > 0) {
				t.Errorf("%s: %+v: give the field a json tag in lower camel case and a type JSON has", at, f)
			}
			names[f.Name] = true
			look(at, f.Fields)
		}
	}
	for _, c := range commands {
		if seen[c.Name] || !strings.HasSuffix(c.About, ".") {
			t.Errorf("%s stands twice or says nothing: %q", c.Name, c.About)
		}
		seen[c.Name] = true
		look(c.Name, c.Fields)
		for _, f := range c.Fields {
			if f.Name == "device" || f.Name == "station" || f.Name == "conveyor" {
				t.Errorf("%s is a command of a device", c.Name)
			}
		}
	}
}

// elsewhere are the commands that have another door than this one: a device
// gives them, the system itself, or a page of its own.
var elsewhere = []string{
	"SignIn", "SignOut", "AskWork", "Scan", "ShortPick", "FinishBatch", "ClaimFloor", "SkipFloor", "ZeroCheck", "HandOver", "SkipLine", "ChangeLot", // handhelds
	"StartPack", "DoubleCheck", "Pack", "NextCarton", "PackItem", "Load", "Depart", "PortalPass", "UnitCameIn", "TagSeen", "Induct", "Divert", // stations, docks, conveyors
	"RobotPick", "AssignTransport", "TransportState", "AssignBatch", "LabelSent", "LabelOutcome", "PrintSent", "PrintOutcome", "AdvanceTime", // the system
	"PutSite",                                                           // PUT /v1/site
	"BeginModel", "StageModel", "CommitModel", "StepModel", "DropModel", // POST /v1/model/apply
	"AcceptQuote", "DeclineQuote", "BindOrder", // the OMS
}

// TestEveryCommandHasADoor: a new command is one line of the table, or it is
// said here who gives it.
func TestEveryCommandHasADoor(t *testing.T) {
	for kind := warehouse.Kind(0x0100); kind < 0x0200; kind++ {
		name := warehouse.CommandName(kind)
		here := slices.ContainsFunc(commands, func(c command) bool { return c.Name == name })
		if name != "" && here == slices.Contains(elsewhere, name) {
			t.Errorf("%s: in the table: %v; it must stand either there (agent/api/do.go) or in elsewhere", name, here)
		}
	}
}

// TestCommandNames: a row is the command whose name the domain logs.
func TestCommandNames(t *testing.T) {
	for _, c := range commands {
		body := "{"
		for i, f := range c.Fields {
			if i > 0 {
				body += ","
			}
			v := map[string]string{"string": `"x"`, "integer": "1", "boolean": "true", "object": "{}"}[f.Type]
			if f.List {
				v = "[]"
			}
			if f.Type == "object" && !f.List {
				v = example(f.Fields)
			}
			body += fmt.Sprintf("%q:%s", f.Name, v)
		}
		got, err := c.decode([]byte(body + "}"))
		if err != nil {
			t.Errorf("%s: %s: %v", c.Name, body, err)
			continue
		}
		if name := warehouse.CommandName(got.Kind()); name != c.Name {
			t.Errorf("%s is %s in the domain", c.Name, name)
		}
	}
}

// example is an object with every required field.
func example(fields []Field) string {
	var parts []string
	for _, f := range fields {
		v := map[string]string{"string": `"x"`, "integer": "1", "boolean": "true"}[f.Type]
		if f.Type == "object" {
			v = example(f.Fields)
		}
		if f.List {
			v = "[]"
		}
		if f.Required {
			parts = append(parts, fmt.Sprintf("%q:%s", f.Name, v))
		}
	}
	return "{" + strings.Join(parts, ",") + "}"
}

// TestFloorKindsInTheContract: a new kind of task is described where it is listed.
func TestFloorKindsInTheContract(t *testing.T) {
	kinds, _ := readContract(t).at("components", "schemas", "FloorTask", "properties", "kind", "enum")
	var got []string
	for _, k := range kinds.([]any) {
		got = append(got, k.(string))
	}
	if d := cmp.Diff(handheld.FloorKinds(), got); d != "" {
		t.Error(d)
	}
}

func TestListOfCommands(t *testing.T) {
	g := newFake(t)
	got := decode[[]command](t, g.want(http.StatusOK, g.get("/v1/do")))
	i := slices.IndexFunc(got, func(c command) bool { return c.Name == "AskMove" })
	if i < 0 || len(got) != len(commands) {
		t.Fatalf("%+v", got)
	}
	want := []Field{
		{Name: "sku", Type: "string", Required: true},
		{Name: "lot", Type: "string"},
		{Name: "qty", Type: "integer", Required: true},
		{Name: "from", Type: "string", Required: true},
		{Name: "to", Type: "string"},
		{Name: "priority", Type: "integer"},
		{Name: "reason", Type: "string"},
		{Name: "owner", Type: "string"},
		{Name: "serial", Type: "string"},
		{Name: "status", Type: "string"},
		{Name: "second", Type: "string"},
	}
	if d := cmp.Diff(want, got[i].Fields); d != "" {
		t.Error(d)
	}
}

const aMove = `{"sku":"TEA","qty":2,"from":"B-2","to":"B-1","reason":"Öl im Gang"}`

// moving is a site whose bin B-2 holds 9 that are free.
func moving(t *testing.T) *fake {
	g := site(t)
	g.want(http.StatusOK, g.csv("bins", "bin,aisle,cell\nB-2,0,1\n"))
	g.want(http.StatusOK, g.csv("stock", "bin,sku,qty\nB-2,TEA,9\n"))
	g.done, g.by = nil, nil
	return g
}

func TestDo(t *testing.T) {
	g := moving(t)
	res := decode[warehouse.Result](t, g.want(http.StatusOK, g.command("AskMove", aMove)))
	if !res.OK || res.Code != "OK" || res.Ref != "K000001" {
		t.Errorf("%+v", res)
	}
	g.want(http.StatusOK, g.command("EndFloor", `{"task":"K000001","reason":"not wanted"}`, HeaderActor, "Jörg Müller"))
	want := []warehouse.Command{
		warehouse.AskMove{SKU: "TEA", Qty: 2, From: "B-2", To: "B-1", Reason: "Öl im Gang"},
		warehouse.EndFloor{Task: "K000001", Reason: "not wanted"},
	}
	if d := cmp.Diff(want, g.done); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"site/api", "Jörg Müller"}, g.by); d != "" {
		t.Error(d)
	}
}

// TestDoWithRows: lists and objects, and what the table sets itself.
func TestDoWithRows(t *testing.T) {
	g := site(t)
	g.want(http.StatusOK, g.command("PutItems", `{"items":[{"sku":"X","name":"Ex","weightMg":5,"barcodes":["X1","X2"]},{"sku":"Y","name":"Why","weightMg":7,"lotTracked":true}]}`))
	g.want(http.StatusOK, g.command("CancelOrder", `{"order":"O1"}`))
	if d := cmp.Diff(warehouse.CancelOrder{Order: "O1", Source: "site"}, g.done[1]); d != "" {
		t.Error(d)
	}
	g.done = nil
	g.refused(http.StatusBadRequest, CodeBadRequest, g.command("CancelOrder", `{"order":"O2","source":"oms/main"}`))
}

func TestDoRefused(t *testing.T) {
	g := moving(t)
	for _, c := range []struct {
		name, body string
		status     int
		code       string
	}{
		{"AskMove", `{"sku":"TEA","qty":99,"from":"B-2"}`, 409, warehouse.CodeNotEnough},
		{"AskMove", `{"sku":"TEA","qty":0,"from":"B-2"}`, 422, warehouse.CodeInvalid},
		{"AskMove", `{"sku":"TEA","qty":1,"from":"NONE"}`, 422, warehouse.CodeUnknownBin},
		{"EndFloor", `{"task":"K9","reason":"x"}`, 422, warehouse.CodeUnknownTask},
		{"CancelOrder", `{"order":"NONE"}`, 422, warehouse.CodeUnknownOrder},
	} {
		got := g.want(c.status, g.command(c.name, c.body)).refusal(t)
		if got.Code != c.code || got.Text == "" || got.Cause == "" || got.Action == "" {
			t.Errorf("%s %s: %+v, want %s with cause and action", c.name, c.body, got, c.code)
		}
	}
}

// TestDoBadRequests: nothing reaches the store, and the answer names the field.
func TestDoBadRequests(t *testing.T) {
	g := moving(t)
	for _, c := range []struct{ name, body, text string }{
		{"AskMove", ``, "cut off"},
		{"AskMove", `{"sku":"TEA","qty":1,"from":"B-2"`, "cut off"},
		{"AskMove", `[]`, "must be an object"},
		{"AskMove", `null`, "must be an object"},
		{"AskMove", `{"sku":"TEA","qty":1,"from":"B-2"}{}`, "something follows"},
		{"AskMove", `{"sku":"TEA","qty":1,"from":"B-2"} x`, "something follows"},
		{"AskMove", `{"sku" "TEA"}`, "not JSON"},
		{"AskMove", "{\"sku\":\"\xff\"}", "not UTF-8"},
		{"AskMove", `{"sku":"TEA","qty":1}`, "field from is missing"},
		{"AskMove", `{"SKU":"TEA","qty":1,"from":"B-2"}`, `unknown field "SKU"`},
		{"AskMove", `{"sku":"TEA","qty":1,"from":"B-2","colour":"red"}`, `unknown field "colour"`},
		{"AskMove", `{"sku":"TEA","qty":1,"qty":2,"from":"B-2"}`, "field qty stands twice"},
		{"AskMove", `{"sku":7,"qty":1,"from":"B-2"}`, "sku must be a text"},
		{"AskMove", `{"sku":null,"qty":1,"from":"B-2"}`, "sku must be a text"},
		{"AskMove", `{"sku":["TEA"],"qty":1,"from":"B-2"}`, "sku must be a text"},
		{"AskMove", `{"sku":"TEA","qty":1.0,"from":"B-2"}`, "qty must be a whole number"},
		{"AskMove", `{"sku":"TEA","qty":1e3,"from":"B-2"}`, "qty must be a whole number"},
		{"AskMove", `{"sku":"TEA","qty":"1","from":"B-2"}`, "qty must be a whole number"},
		{"AskMove", `{"sku":"TEA","qty":9223372036854775808,"from":"B-2"}`, "in range"},
		{"PutItems", `{"items":{}}`, "items must be a list"},
		{"PutItems", `{"items":[{"sku":"X","name":"Ex","weightMg":5},{"sku":"Y","name":"Why","weightMg":5,"Tagged":true}]}`, `unknown field "items[1].Tagged"`},
		{"PutItems", `{"items":[{"sku":"X","sku":"Y","name":"Ex","weightMg":5}]}`, "field items[0].sku stands twice"},
		{"PutItems", `{"items":[{"sku":"X","name":"Ex","weightMg":5,"tagged":"yes"}]}`, "items[0].tagged must be true or false"},
		{"PutItems", `{"items":[{"sku":"X","name":"Ex","weightMg":5,"barcodes":["a",7]}]}`, "items[0].barcodes[1] must be a text"},
		{"PutItems", `{"items":[{"sku":"X","name":"Ex"}]}`, "field items[0].weightMg is missing"},
		{"PutItems", strings.Repeat(`{"items":[`, 5000), `unknown field "items[0].items"`},
	} {
		if got := g.refused(http.StatusBadRequest, CodeBadRequest, g.command(c.name, c.body)); !strings.Contains(got.Text, c.text) || got.Action == "" {
			t.Errorf("%s %.80s: %+v, want %q", c.name, c.body, got, c.text)
		}
	}
	for _, name := range []string{"Scan", "LabelSent", "AdvanceTime", "askmove", "Nothing"} {
		g.refused(http.StatusNotFound, CodeNotFound, g.command(name, aMove))
	}
	g.refused(http.StatusUnsupportedMediaType, CodeBadRequest, g.call("POST", "/v1/do/AskMove", "text/plain", strings.NewReader(aMove)))
	g.refused(http.StatusRequestEntityTooLarge, CodeBadRequest, g.command("AskMove", `{"reason":"`+strings.Repeat("x", 1<<20)+`"}`))
	for _, h := range [][]string{
		{HeaderActor, ""},
		{HeaderActor, strings.Repeat("x", 65)},
		{HeaderActor, "a\tb"},
		{HeaderActor, "a\xff"},
		{HeaderActor, "mira", HeaderActor, "eve"},
		{HeaderActor, "handheld/h1"},
		{HeaderActor, "gateway/gw1"},
		{HeaderActor, "light/pl1"},
		{HeaderKey, ""},
		{HeaderKey, strings.Repeat("k", 129)},
		{HeaderKey, "ä"},
		{HeaderKey, "1", HeaderKey, "2"},
	} {
		g.refused(http.StatusBadRequest, CodeBadRequest, g.command("AskMove", aMove, h...))
	}
}

// TestDoOnce: the same key counts once, for the same actor and command.
func TestDoOnce(t *testing.T) {
	g := moving(t)
	ask := func(body string, headers ...string) response { return g.command("AskMove", body, headers...) }
	first := g.want(http.StatusOK, ask(aMove, HeaderKey, "k1"))
	again := g.want(http.StatusOK, ask(`{"reason":"Öl im Gang", "to":"B-1","from":"B-2","qty":2,"sku":"TEA"}`, HeaderKey, "k1"))
	if string(first.body) != string(again.body) || len(g.done) != 1 {
		t.Errorf("first %s, again %s, proposed %d", first.body, again.body, len(g.done))
	}
	got := g.want(http.StatusConflict, ask(`{"sku":"TEA","qty":3,"from":"B-2"}`, HeaderKey, "k1")).refusal(t)
	if got.Code != CodeKeyReused || got.Action == "" {
		t.Errorf("%+v", got)
	}
	g.want(http.StatusOK, ask(aMove, HeaderKey, "k1", HeaderActor, "mira")) // somebody else's key
	g.want(http.StatusOK, ask(aMove, HeaderKey, "k2"))
	g.want(http.StatusOK, ask(aMove))
	if len(g.done) != 4 {
		t.Errorf("proposed %d", len(g.done))
	}
	// A refusal is an answer too.
	g.want(http.StatusConflict, ask(aMove, HeaderKey, "k3"))
	g.want(http.StatusConflict, ask(aMove, HeaderKey, "k3"))
	if len(g.done) != 5 {
		t.Errorf("proposed %d", len(g.done))
	}
}

// TestDoStoreTroubles: no quorum, a store that refuses, and no answer in time.
func TestDoStoreTroubles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := moving(t)
		g.doErr = errors.New("STO-101: the log cannot be written")
		g.refused(http.StatusServiceUnavailable, CodeNotReady, g.command("AskMove", aMove))
		g.doErr, g.hang = nil, true
		g.refused(http.StatusGatewayTimeout, CodeUnknown, g.command("AskMove", aMove))
		g.quorum = Quorum{Since: "2026-01-01T00:00:00Z", Text: "start the other gateways"}
		if got := g.refused(http.StatusServiceUnavailable, CodeNoQuorum, g.command("AskMove", aMove)); got.Action == "" {
			t.Errorf("%+v", got)
		}
	})
}

func TestFloorTasksByPage(t *testing.T) {
	type page struct {
		Tasks []warehouse.FloorTask
		Next  string
	}
	g := moving(t)
	if p := decode[page](t, g.want(http.StatusOK, g.get("/v1/floor-tasks"))); p.Tasks == nil || len(p.Tasks) != 0 {
		t.Errorf("%+v", p)
	}
	for range 4 {
		g.want(http.StatusOK, g.command("AskMove", aMove))
	}
	var ids []string
	after := ""
	for range 2 {
		p := decode[page](t, g.want(http.StatusOK, g.get("/v1/floor-tasks?kind=MOVE&limit=2&after="+after)))
		for _, task := range p.Tasks {
			ids = append(ids, task.ID)
		}
		after = p.Next
	}
	if d := cmp.Diff([]string{"K000001", "K000002", "K000003", "K000004"}, ids); d != "" || after != "" {
		t.Errorf("next %q: %s", after, d)
	}
	if p := decode[page](t, g.want(http.StatusOK, g.get("/v1/floor-tasks?kind=PUTAWAY"))); len(p.Tasks) != 0 {
		t.Errorf("%+v", p)
	}
	g.done = nil
	for _, q := range []string{"kind=PICK", "limit=0", "limit=1001"} {
		g.refused(http.StatusBadRequest, CodeBadRequest, g.get("/v1/floor-tasks?"+q))
	}
	g.viewErr = errors.New("the state is damaged")
	g.refused(http.StatusInternalServerError, CodeInternal, g.get("/v1/floor-tasks"))
}

// FuzzDo: whatever is read into a command is the same when it is said again.
func FuzzDo(f *testing.F) {
	f.Add("AskMove", []byte(aMove))
	f.Add("PutItems", []byte(`{"items":[{"sku":"X","name":"Ex","weightMg":5,"barcodes":["a"]}]}`))
	f.Fuzz(func(t *testing.T, name string, raw []byte) {
		i := slices.IndexFunc(commands, func(c command) bool { return c.Name == name })
		if i < 0 {
			return
		}
		c, err := commands[i].decode(raw)
		if (err == nil) != (c != nil) {
			t.Fatalf("%+v, %v", c, err)
		}
		if again, err2 := commands[i].decode(raw); c != nil && (err2 != nil || !reflect.DeepEqual(c, again)) {
			t.Fatalf("%+v, then %+v, %v", c, again, err2)
		}
	})
}
