package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"tote/warehouse"
)

const contractFile = "../../api/openapi-agent.yaml"

// contract is the written description of the interface.
type contract struct {
	doc    map[string]any
	schema *jsonschema.Compiler
}

func readContract(t *testing.T) *contract {
	t.Helper()
	raw, err := os.ReadFile(contractFile)
	if err != nil {
		t.Fatal(err)
	}
	asJSON, err := yaml.YAMLToJSON(raw)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(asJSON))
	if err != nil {
		t.Fatal(err)
	}
	c := &contract{doc: doc.(map[string]any), schema: jsonschema.NewCompiler()}
	if err := c.schema.AddResource("contract.json", doc); err != nil {
		t.Fatal(err)
	}
	return c
}

// escape makes a key a part of a JSON pointer.
func escape(key string) string {
	return strings.ReplaceAll(strings.ReplaceAll(key, "~", "~0"), "/", "~1")
}

// at follows a JSON pointer, through $ref, and returns what stands there and
// its own pointer; nil when there is nothing.
func (c *contract) at(pointer ...string) (any, string) {
	var v any = c.doc
	where := ""
	for _, key := range pointer {
		m, ok := v.(map[string]any)
		if !ok || m[key] == nil {
			return nil, ""
		}
		v, where = m[key], where+"/"+escape(key)
		if m, ok := v.(map[string]any); ok && m["$ref"] != nil {
			where = strings.TrimPrefix(m["$ref"].(string), "#")
			v, _ = c.at(strings.Split(strings.TrimPrefix(where, "/"), "/")...)
		}
	}
	return v, where
}

// check holds one answer against the contract.
func (c *contract) check(t *testing.T, method, path string, status int, body []byte) {
	t.Helper()
	_, where := c.at("paths", path, strings.ToLower(method), "responses", fmt.Sprint(status), "content", "application/json", "schema")
	if where == "" {
		t.Errorf("%s %s answers %d, which is not described", method, path, status)
		return
	}
	s, err := c.schema.Compile("contract.json#" + where)
	if err != nil {
		t.Fatal(err)
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		t.Errorf("%s %s: not JSON: %s", method, path, body)
		return
	}
	if err := s.Validate(v); err != nil {
		t.Errorf("%s %s answers %d with what is not described: %v\n%s", method, path, status, err, body)
	}
}

// TestRoutesAndContractAgree both ways.
func TestRoutesAndContractAgree(t *testing.T) {
	c := readContract(t)
	var described []string
	paths, _ := c.at("paths")
	for path, ops := range paths.(map[string]any) {
		for method := range ops.(map[string]any) {
			described = append(described, strings.ToUpper(method)+" "+path)
		}
	}
	for _, r := range Routes {
		if !slices.Contains(described, r) {
			t.Errorf("%s is served and not described", r)
		}
	}
	for _, r := range described {
		if !slices.Contains(Routes, r) {
			t.Errorf("%s is described and not served", r)
		}
	}
}

// TestEveryRouteIsServed: none falls through to the page for unknown ones.
func TestEveryRouteIsServed(t *testing.T) {
	g := newFake(t)
	for _, route := range Routes {
		method, path, _ := strings.Cut(route, " ")
		path = strings.NewReplacer("{id}", "O1", "{sku}", "TEA", "{name}", "x", "{kind}", "items", "{paper}", "slip", "{command}", "AskMove").Replace(path)
		rec := httptest.NewRecorder()
		g.handler.ServeHTTP(rec, httptest.NewRequest(method, path, nil))
		if rec.Code == http.StatusMethodNotAllowed || strings.Contains(rec.Body.String(), "no such page; see") {
			t.Errorf("%s: %d %s", route, rec.Code, rec.Body)
		}
	}
}

// response is one answer of the interface.
type response struct {
	status int
	header http.Header
	body   []byte
}

// refusal reads the body of an answer that is no success.
func (r response) refusal(t *testing.T) Refusal {
	t.Helper()
	var out Refusal
	if err := json.Unmarshal(r.body, &out); err != nil {
		t.Fatalf("%s: %v", r.body, err)
	}
	return out
}

// call makes a request and holds the answer against the contract.
func (g *fake) call(method, path, contentType string, body io.Reader, headers ...string) response {
	g.t.Helper()
	req := httptest.NewRequest(method, path, body)
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Add(headers[i], headers[i+1])
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	rec := httptest.NewRecorder()
	g.handler.ServeHTTP(rec, req)
	if ct := rec.Header().Get("Content-Type"); ct != "application/json" || rec.Header().Get("X-Content-Type-Options") != "nosniff" {
		g.t.Errorf("%s %s: headers %v", method, path, rec.Header())
	}
	if i := slices.IndexFunc(Routes, func(r string) bool { return matches(r, method, req.URL.EscapedPath()) }); i >= 0 {
		_, described, _ := strings.Cut(Routes[i], " ")
		g.contract.check(g.t, method, described, rec.Code, rec.Body.Bytes())
	}
	return response{rec.Code, rec.Header(), rec.Body.Bytes()}
}

// matches says whether a request belongs to a route.
func matches(route, method, path string) bool {
	m, p, _ := strings.Cut(route, " ")
	want, got := strings.Split(p, "/"), strings.Split(path, "/") // path is escaped: a name may hold a slash
	return m == method && len(want) == len(got) && !slices.ContainsFunc(want, func(part string) bool {
		return !strings.HasPrefix(part, "{") && !slices.Contains(got, part)
	})
}

// TestFieldsOfTheContract: what a record of the domain says in JSON is what the
// contract describes, field by field.
func TestFieldsOfTheContract(t *testing.T) {
	c := readContract(t)
	for name, v := range map[string]any{
		"FloorTask": warehouse.FloorTask{}, "Site": warehouse.Site{}, "Order": warehouse.Order{}, "OrderSpec": warehouse.OrderSpec{},
		"Fallout": warehouse.Fallout{}, "Balance": warehouse.Balance{}, "LedgerReport": warehouse.LedgerReport{},
		"KPI": warehouse.KPI{}, "Ratio": warehouse.Ratio{}, "Spread": warehouse.Spread{},
	} {
		var want, got []string
		for _, f := range fieldsOf(reflect.TypeOf(v)) {
			if f.Name != "" {
				want = append(want, f.Name)
			}
		}
		props, _ := c.at("components", "schemas", name, "properties")
		for p := range props.(map[string]any) {
			got = append(got, p)
		}
		slices.Sort(want)
		slices.Sort(got)
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: fields of the code (-) and contract (+):\n%s", name, d)
		}
	}
}
