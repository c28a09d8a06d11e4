package oms

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tote/cloudsync/wire"
)

const namedJSON = `{"id":"O-1","party":"business","customer":"C-17","refs":[{"name":"campaign","value":"spring; =1"},{"name":"po","value":""}],` +
	`"placedAt":1764000000000,"channel":"web","shipTo":{"name":"Ada","street":"1 Way","postcode":"10115","city":"Berlin","country":"DE"},` +
	`"payment":"settled","lines":[{"line":1,"sku":"A","qty":2},{"line":2,"sku":"B","qty":3}]}`

// What others call an order goes to the site as it came, from JSON and from CSV.
func TestNamesGoToTheSiteRow15(t *testing.T) {
	s := newServer(t)
	if rec := call(t, s, "POST", "/v1/orders", jsonType, namedJSON, nil); rec.Code != http.StatusCreated {
		t.Fatalf("%d %s", rec.Code, rec.Body)
	}
	file := "order,line,sku,qty,name,street,postcode,city,country,method,priority,channel,payment,expect,refs,customer,party\n" +
		"O-2,1,A,1,Ada,1 Way,10115,Berlin,DE,,0,web,settled,,campaign=spring;po=7,C-18,hub\n"
	if rec := call(t, s, "POST", "/v1/orders", "text/csv", file, nil); rec.Code != http.StatusCreated {
		t.Fatalf("%d %s", rec.Code, rec.Body)
	}
	items := inbox(t, s, "").Items
	for i, want := range []string{
		`"party":"business","customer":"C-17","refs":[{"name":"campaign","value":"spring; =1"},{"name":"po","value":""}]`,
		`"party":"hub","customer":"C-18","refs":[{"name":"campaign","value":"spring"},{"name":"po","value":"7"}]`,
	} {
		if !strings.Contains(string(items[i].Data), want) {
			t.Errorf("%s\nlacks %s", items[i].Data, want)
		}
	}
	want := []wire.Ref{{Name: "campaign", Value: "spring; =1"}, {Name: "po"}}
	if d := cmp.Diff(want, order(t, s, "O-1").Refs); d != "" {
		t.Error(d)
	}
}

func TestBadNames(t *testing.T) {
	for name, tt := range map[string]struct{ old, new, code, field string }{
		"party":         {`"business"`, `"aunt"`, CodeInvalid, "party"},
		"long customer": {`"C-17"`, `"` + strings.Repeat("x", 201) + `"`, CodeInvalid, "customer"},
		"a ref twice":   {`"name":"po"`, `"name":"campaign"`, CodeInvalid, "refs"},
		"no name":       {`"name":"po"`, `"name":""`, CodeInvalid, "refs[1].name"},
		"row 57: card":  {`"spring; =1"`, `"4111 1111 1111 1111"`, CodeCard, "refs"},
		"row 57: note":  {`"payment"`, `"note":"5555555555554444","payment"`, CodeCard, "note"},
		"row 57: to":    {`"1 Way"`, `"378282246310005"`, CodeCard, "shipTo.street"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			var ans IntakeAnswer
			rec := call(t, s, "POST", "/v1/orders", jsonType, strings.Replace(namedJSON, tt.old, tt.new, 1), &ans)
			if rec.Code != http.StatusUnprocessableEntity || len(ans.Errors) == 0 || ans.Errors[0].Code != tt.code || ans.Errors[0].Field != tt.field {
				t.Errorf("%d %s", rec.Code, rec.Body)
			}
			if strings.Contains(rec.Body.String(), "1111 1111") || len(inbox(t, s, "").Items) != 0 {
				t.Errorf("the number is repeated: %s", rec.Body)
			}
		})
	}
}
