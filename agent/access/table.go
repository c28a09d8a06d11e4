package access

import (
	"net/http"
	"slices"
	"strings"
)

// everyone needs no token: whether the gateway lives, and what pages are made of.
const everyone = "everyone"

// atHome are those of them that say more to a stranger in the network than he must
// know: whether the site works, and why not.
var atHome = []string{"/readyz"}

// allowed are the routes of each scope; what is not here is the administrator's.
var allowed = map[string][]string{
	everyone: {"GET /healthz", "GET /readyz", "GET /assets/", "GET /enrol", "POST /enrol", "POST /enrol/renew", "GET /ca.crt"},
	Service: {
		"GET /v1/orders", "GET /v1/orders/{id}", "GET /v1/orders/{id}/why", "GET /v1/fallouts", "GET /v1/late", "GET /v1/find", "GET /v1/trace",
		"GET /v1/actions", "GET /v1/holds", "GET /v1/backorders", "GET /v1/levels/{sku}", "GET /v1/faults", "GET /v1/status", "GET /metrics",
	},
	Read: {
		"GET /v1/orders", "GET /v1/orders/{id}", "GET /v1/orders/{id}/why", "GET /v1/fallouts", "GET /v1/late", "GET /v1/find", "GET /v1/trace",
		"GET /v1/actions", "GET /v1/holds", "GET /v1/backorders", "GET /v1/levels/{sku}", "GET /v1/faults", "GET /v1/status", "GET /metrics", "GET /v1/ledger", "GET /v1/stock/{sku}", "GET /v1/kpis", "GET /v1/site",
		"GET /v1/do", "GET /v1/floor-tasks", "GET /v1/awaiting-labels", "GET /v1/papers/{paper}/{id}", "GET /v1/documents/{id}", "GET /v1/prints", "GET /v1/cluster",
		"GET /v1/export/{kind}", "GET /v1/model", "GET /v1/model/log", "GET /v1/openings", "GET /{$}", "GET /events", "GET /orders", "GET /orders/{id}", "GET /floor-tasks",
		"GET /actions", "GET /holds", "GET /backorders", "GET /figures",
	},
	Device: {"GET /v1/awaiting-labels", "GET /v1/papers/{paper}/{id}", "GET /v1/documents/{id}", "GET /v1/faults", "POST /v1/do/{command}"},
	Picker: {
		"GET /v1/floor-tasks", "GET /v1/stock/{sku}", "GET /v1/find", "GET /v1/faults", "GET /v1/do", "POST /v1/do/{command}",
		"POST /v1/devices/{name}/zero",
		"GET /hh", "GET /hh/", "POST /hh/cmd",
	},
	Packer: {"GET /stations/{id}", "POST /stations/{id}/carton", "GET /v1/faults", "GET /v1/find"},
	Lead: {
		"GET /stations/{id}", "POST /stations/{id}/carton", "POST /v1/enrol/handheld/{name}", "GET /enrolled", "POST /enrolled",
		"GET /v1/", "GET /metrics", "POST /v1/do/{command}", "POST /v1/orders/{id}/cancel", "POST /v1/orders/{id}/retry", "POST /v1/robots/{id}/clear", "POST /v1/robots/{id}/gone",
		"POST /v1/devices/{name}/zero", "POST /v1/devices/{name}/tare", "POST /v1/devices/{name}/clear-tare",
		"GET /{$}", "GET /events", "GET /orders", "GET /orders/{id}", "GET /floor-tasks", "GET /hh", "GET /hh/",
		"GET /actions", "GET /holds", "GET /backorders", "GET /figures", "POST /hh/cmd",
		"POST /orders/{id}/retry", "POST /orders/{id}/cancel", "POST /orders/{id}/hand-over", "POST /fallouts/{id}/clear", "POST /floor-tasks/{id}/back", "POST /floor-tasks/{id}/end",
	},
	// Though they are looked at only: the whole state, and what devices say.
	Admin: {"GET /v1/backup", "POST /v1/backup", "GET /v1/devices/{name}/trace"},
}

// Commands of POST /v1/do/{command} by scope. A lead may give all of them but
// those that replace what the site is made of.
var (
	deviceCommands = []string{"LabelGiven", "LabelRefused", "CarrierDown", "CarrierUp", "FileDocument", "MeasureItem"}
	pickerCommands = []string{"AskMove", "RequestCount", "ProposeAlias", "Receive", "ReceiveUnit", "CheckReceipt", "SeeTags", "ReceiveReturn", "MeasureItem"}
	adminCommands  = []string{"PutItems", "PutBins", "PutWorkers", "OpenStock", "BookOpening", "SetPin", "PutSuppliers", "PutVendorCodes"}
)

// rules is a mux that knows patterns and serves nothing, with the scopes of each.
type rules struct {
	mux    *http.ServeMux
	scopes map[string][]string
}

func table() rules {
	t := rules{http.NewServeMux(), map[string][]string{}}
	for scope, patterns := range allowed {
		for _, p := range patterns {
			if t.scopes[p] == nil {
				t.mux.Handle(p, http.NotFoundHandler())
			}
			t.scopes[p] = append(t.scopes[p], scope)
		}
	}
	return t
}

// scopesOf are those that may make a request.
func scopesOf(t rules, r *http.Request) []string {
	_, pattern := t.mux.Handler(r)
	scopes := t.scopes[pattern]
	// A wider pattern of a scope holds for the narrower ones of others.
	if (r.Method == http.MethodGet || r.Method == http.MethodHead) && strings.HasPrefix(r.URL.Path, "/v1/") && !slices.Contains(scopes, Admin) && !slices.Contains(scopes, Lead) {
		scopes = append(slices.Clone(scopes), Lead)
	}
	command, ok := strings.CutPrefix(r.URL.Path, "/v1/do/")
	if !ok || r.Method != http.MethodPost {
		return scopes
	}
	return slices.DeleteFunc(slices.Clone(scopes), func(scope string) bool {
		switch scope {
		case Device:
			return !slices.Contains(deviceCommands, command)
		case Picker:
			return !slices.Contains(pickerCommands, command)
		}
		return slices.Contains(adminCommands, command)
	})
}
