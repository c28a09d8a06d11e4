package api

import (
	"net/http"
	"strings"
	"testing"

	"tote/agent/intake"
)

// TestNoCardDataRow57: what looks like the number of a payment card gets through
// no door of orders, and is in no answer.
func TestNoCardDataRow57(t *testing.T) {
	g := newFake(t)
	order := func(customer, ref string) string {
		return `{"order":{"id":"O1","revision":1,"customer":"` + customer + `","refs":[{"name":"note","value":"` + ref + `"}],` +
			`"shipTo":{"name":"Ada","street":"1 Way","postcode":"1","city":"Town","country":"DE"},"lines":[{"line":1,"sku":"A","qty":1}]}}`
	}
	kit := strings.Replace(strings.Replace(order("4111111111111111", "x"), `"id":"O1","revision":1,`, `"id":"","revision":0,`, 1), `{"order"`, `{"kit":1,"order"`, 1)
	for name, r := range map[string]response{
		"a customer": g.command("ReleaseOrder", order("4111 1111 1111 1111", "x")),
		"a ref":      g.command("ReleaseOrder", order("x", "5555-5555-5555-4444")),
		"a slip":     g.command("EnterOrder", kit),
	} {
		t.Run(name, func(t *testing.T) {
			ref := g.refused(http.StatusUnprocessableEntity, intake.CodeCard, r)
			if strings.Contains(string(r.body), "1111") || strings.Contains(string(r.body), "5555") || ref.Action == "" {
				t.Errorf("%s", r.body)
			}
		})
	}
	if len(g.done) > 0 || strings.Contains(g.log.String(), "1111") {
		t.Errorf("%d commands, log %s", len(g.done), g.log.String())
	}
}
