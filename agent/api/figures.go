package api

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"tote/warehouse"
)

// Figures are the key figures of a window with what each of them means.
type Figures struct {
	Figures     warehouse.KPI     `json:"figures"`
	Definitions map[string]string `json:"definitions"`
}

// definitions say what a figure is, by its name in JSON. The window is in all of
// them: days from "from" to before "to", in UTC.
var definitions = map[string]string{
	"from": "first day of the window, UTC", "to": "the day after its last",
	"released": "orders released, by channel", "hours": "length of the window; orders an hour is released / hours",
	"shipped": "orders shipped, by channel", "cancelled": "orders cancelled",
	"leadMs": "from placed to shipped, nearest-rank percentiles", "edgeLeadMs": "from released to shipped, nearest-rank percentiles",
	"dwellMs":  "from the first receipt of a lot to its last issue, nearest-rank percentiles",
	"lineFill": "lines shipped complete / lines released", "unitFill": "units shipped / units ordered, of the orders shipped",
	"orderFill": "orders shipped complete / orders released", "backorders": "lines that waited for stock / lines released",
	"onTime": "orders shipped in time / orders shipped", "perfect": "orders complete, in time and with documents right at once / orders shipped",
	"returnRate": "units returned / units issued", "binAccuracy": "bins counted right / bins counted",
	"qtyAccuracy": "(book - sum of absolute differences) / book, of what was counted",
	"returned":    "units returned, by reason", "returnedSku": "units returned, by item", "picked": "units picked, by item",
	"supplierLines": "receipt lines with a variance / receipt lines, by supplier", "linesShipped": "lines shipped",
	"batchMs": "time of the walks", "touches": "picks", "routeMm": "length of the planned walks", "labels": "labels asked for, reprints too",
	"issued": "units that left for customers", "averageQty": "units on hand, weighted by time", "turnaround": "issued / averageQty",
}

// kpis reports the figures of a window, as JSON or, with format=csv, as a table.
func (s *server) kpis(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	from, err1 := time.Parse(time.DateOnly, q.Get("from"))
	to, err2 := time.Parse(time.DateOnly, q.Get("to"))
	if err1 != nil || err2 != nil || !to.After(from) {
		return refuse(http.StatusBadRequest, CodeBadRequest, "from and to must be days as 2026-01-31, to behind from")
	}
	var k *warehouse.KPI
	err := s.cfg.View(func(rd warehouse.Reader) (err error) {
		k, err = warehouse.KPIs(rd, q.Get("from"), q.Get("to"))
		return err
	})
	if err != nil {
		return err
	}
	switch q.Get("format") {
	case "", "json":
		reply(w, http.StatusOK, Figures{Figures: *k, Definitions: definitions})
		return nil
	case "csv":
		table, err := figureTable(k)
		if err != nil {
			return err
		}
		w.Header().Set("Content-Type", "text/csv; charset=utf-8")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Content-Disposition", `attachment; filename="figures.csv"`)
		_, _ = w.Write(table) // the peer is gone when this fails
		return nil
	}
	return refuse(http.StatusBadRequest, CodeBadRequest, "format must be json or csv")
}

// figureTable has a row for each number: the figure, its part ("num" of a share,
// "p95" of a spread, a channel, an item), the number, and what the figure is. A
// share without a denominator has no number.
func figureTable(k *warehouse.KPI) ([]byte, error) {
	raw, err := json.Marshal(k)
	if err != nil {
		return nil, err
	}
	var figures map[string]any
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := d.Decode(&figures); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	w := csv.NewWriter(&out)
	_ = w.Write([]string{"figure", "part", "value", "definition"}) // all errors are told by w.Error
	var rows func(figure string, parts []string, v any)
	rows = func(figure string, parts []string, v any) {
		if m, ok := v.(map[string]any); ok {
			for _, part := range slices.Sorted(maps.Keys(m)) {
				rows(figure, append(slices.Clone(parts), part), m[part])
			}
			return
		}
		value := ""
		switch v := v.(type) {
		case json.Number:
			value = v.String()
		case string:
			value = v
		}
		_ = w.Write([]string{figure, strings.Join(parts, "."), value, definitions[figure]})
	}
	for _, name := range slices.Sorted(maps.Keys(figures)) {
		rows(name, nil, figures[name])
	}
	w.Flush()
	return out.Bytes(), w.Error()
}

// Levels is how much there is of an item for one owner.
type Levels struct {
	SKU   string `json:"sku"`
	Owner string `json:"owner,omitempty"`
	warehouse.StockLevels
}

// levels answers what could be promised of an item now: ?owner=CONSIGNOR.
func (s *server) levels(w http.ResponseWriter, r *http.Request) error {
	out := Levels{SKU: r.PathValue("sku"), Owner: r.URL.Query().Get("owner")}
	found := false
	err := s.cfg.View(func(rd warehouse.Reader) error {
		l, err := warehouse.GetLevels(rd, out.SKU, out.Owner, s.cfg.Now().UnixMilli())
		if l != nil {
			out.StockLevels, found = *l, true
		}
		return err
	})
	if err != nil {
		return err
	}
	if !found {
		return refuse(http.StatusNotFound, warehouse.CodeUnknownItem, "no item "+out.SKU)
	}
	reply(w, http.StatusOK, out)
	return nil
}
