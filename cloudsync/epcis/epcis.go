// Package epcis tells what happened to goods at a site as EPCIS 2.0 documents
// (JSON-LD) and as CloudEvents, one a line (NDJSON). Both are made from the
// journal of the ledger: every move that was ever booked, whether or not there is
// an OMS. A row of the journal never changes, so its event is always the same,
// with the same id: who captures a document twice can tell.
//
// Goods are named by GS1 Digital Links where the item has a GTIN and by
// urn:tote:{site}:item:{sku} where it has none; places are urn:tote:{site}:place:….
// The package is pure: it owns no goroutine and reads what it is given.
package epcis

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"

	"tote/cloudsync/wire"
	"tote/gs1"
	"tote/warehouse"
)

// Context is the JSON-LD context of a document. It is a name and is never fetched.
const Context = "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"

// Extension is the namespace of our own fields, prefix tote.
const Extension = "urn:tote:epcis:"

const digitalLink = "https://id.gs1.org"

// Told is one row of the journal in the words of EPCIS. Fields of other types are left out.
type Told struct {
	Type       string     `json:"type"`
	EventID    string     `json:"eventID"`
	EventTime  string     `json:"eventTime"`
	Offset     string     `json:"eventTimeZoneOffset"`
	Action     string     `json:"action"`
	BizStep    string     `json:"bizStep"`
	Dispo      string     `json:"disposition,omitempty"`
	Parent     string     `json:"parentID,omitempty"`
	EPCs       []string   `json:"epcList,omitempty"`
	Quantities []Quantity `json:"quantityList,omitempty"`
	Children   []string   `json:"childEPCs,omitempty"`
	ChildQty   []Quantity `json:"childQuantityList,omitempty"`
	ReadPoint  *Place     `json:"readPoint,omitempty"`
	Location   *Place     `json:"bizLocation,omitempty"`
	Journal    uint64     `json:"tote:journal"` // number of the row
	Cause      string     `json:"tote:cause,omitempty"`
	Actor      string     `json:"tote:actor,omitempty"`
	Reason     string     `json:"tote:reason,omitempty"`
}

// Quantity is so many base units of a class of goods.
type Quantity struct {
	Class    string `json:"epcClass"`
	Quantity int64  `json:"quantity"`
}

// Place is a place by its URI.
type Place struct {
	ID string `json:"id"`
}

// meaning is what a move from one kind of place to another is in the words of the
// core business vocabulary.
type meaning struct{ typ, action, step, dispo string }

// Types of events.
const (
	object      = "ObjectEvent"
	aggregation = "AggregationEvent"
)

// meaningOf reads a move.
func meaningOf(m *warehouse.Move) meaning {
	from, to := kindOf(m.From), kindOf(m.To)
	switch {
	case to == "customer":
		return meaning{object, "OBSERVE", "shipping", "in_transit"}
	case from == "customer":
		return meaning{object, "OBSERVE", "receiving", "returned"}
	case from == "supplier":
		return meaning{object, "OBSERVE", "receiving", "in_progress"}
	case to == "supplier":
		return meaning{object, "OBSERVE", "shipping", "in_transit"}
	case to == "scrap":
		return meaning{object, "DELETE", "destroying", "destroyed"}
	case from == "opening":
		return meaning{object, "OBSERVE", "stock_taking", "sellable_not_accessible"}
	case from == "adjustment" || to == "adjustment":
		return meaning{object, "OBSERVE", "cycle_counting", "available"}
	case to == "sscc":
		return meaning{aggregation, "ADD", "packing", "in_progress"}
	case from == "sscc":
		return meaning{aggregation, "DELETE", "unpacking", "in_progress"}
	case from == "bin" && (to == "lu" || to == "cart" || to == "worker"):
		return meaning{object, "OBSERVE", "picking", "in_progress"}
	case to == "bin":
		return meaning{object, "OBSERVE", "storing", "sellable_not_accessible"}
	}
	return meaning{object, "OBSERVE", "other", "in_progress"}
}

// kindOf is the kind of a place: the word before the slash, and sscc for a unit
// that has one.
func kindOf(place string) string {
	kind, id, _ := strings.Cut(place, "/")
	if kind == "lu" && gs1.ValidSSCC(id) {
		return "sscc"
	}
	return kind
}

// EventOf is the event of a row of the journal. The item says how goods are
// named; nil = by SKU.
func EventOf(site string, row warehouse.Traced, it *warehouse.Item) Told {
	m := row.Move
	what := meaningOf(&m)
	e := Told{
		Type: what.typ, Action: what.action, BizStep: what.step, Dispo: what.dispo,
		EventID: eventID(site, row.N), EventTime: wire.Time(m.At), Offset: "+00:00",
		Journal: row.N, Cause: m.Cause, Actor: m.Actor, Reason: m.Reason,
	}
	from, to := placeURI(site, m.From), placeURI(site, m.To)
	e.ReadPoint, e.Location = from, to
	id, class := goods(site, &m, it)
	if what.typ == aggregation {
		parent := m.To
		if what.action == "DELETE" {
			parent = m.From
		}
		_, sscc, _ := strings.Cut(parent, "/")
		e.Parent, e.ReadPoint, e.Location = digitalLink+"/00/"+sscc, nil, nil
		if id != "" {
			e.Children = []string{id}
		} else {
			e.ChildQty = []Quantity{{class, m.Qty}}
		}
		return e
	}
	if id != "" {
		e.EPCs = []string{id}
	} else {
		e.Quantities = []Quantity{{class, m.Qty}}
	}
	return e
}

// goods names one unit with its serial number, or else its class: the item, and
// the lot where there is one.
func goods(site string, m *warehouse.Move, it *warehouse.Item) (id, class string) {
	if it == nil || it.GTIN == "" {
		base := "urn:tote:" + part(site) + ":item:" + part(m.SKU)
		if m.Lot != "" {
			base += ":lot:" + part(m.Lot)
		}
		if m.Serial != "" {
			return base + ":serial:" + part(m.Serial), ""
		}
		return "", base
	}
	link := digitalLink + "/01/" + it.GTIN
	switch {
	case m.Serial != "":
		return link + "/21/" + part(m.Serial), ""
	case m.Lot != "":
		return "", link + "/10/" + part(m.Lot)
	}
	return "", link
}

// placeURI is a real place of the site, nil for one outside it.
func placeURI(site, place string) *Place {
	switch kindOf(place) {
	case "supplier", "customer", "adjustment", "scrap", "opening", "reclass", "sscc":
		return nil
	}
	return &Place{"urn:tote:" + part(site) + ":place:" + strings.ReplaceAll(part(place), "%2F", ":")}
}

// part escapes a text for a part of a URI.
func part(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

// eventID is a name-based UUID of a row of the journal: always the same.
func eventID(site string, n uint64) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "tote/epcis/%s/journal/%d", site, n))
	u := sum[:16]
	u[6], u[8] = u[6]&0x0f|0x80, u[8]&0x3f|0x80 // version 8: by a hash of our own choice
	h := hex.EncodeToString(u)
	return "urn:uuid:" + strings.Join([]string{h[:8], h[8:12], h[12:16], h[16:20], h[20:]}, "-")
}

// head is a document up to its first event, tail what stands behind the last.
func head(site string, created int64) ([]byte, error) {
	h, err := json.Marshal(map[string]any{
		"@context": []any{Context, map[string]string{"tote": Extension}}, "type": "EPCISDocument", "schemaVersion": "2.0",
		"creationDate": wire.Time(created), "sender": site,
	})
	if err != nil {
		return nil, err
	}
	return append(h[:len(h)-1], `,"epcisBody":{"eventList":[`...), nil
}

const tail = "]}}\n"
