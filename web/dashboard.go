package web

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"tote/warehouse"
)

// The pages for who runs the site: the key figures of a window, the one list of
// what waits for a person, the orders that are held, and the backorders. They
// show what the JSON of the API says, from the same reads.

// Bounds of the lists.
const (
	maxActions = 200
	figureDays = 7 // of the window nobody chose
)

// figuresPage is the page of key figures.
type figuresPage struct {
	Site, From, To, Text string // Text is what is wrong with the window
	Rows                 []figureRow
}

// figureRow is one figure: a number, a share with both its numbers, a spread, or
// a number for each name.
type figureRow struct {
	Name, Title string
	Parts       []figurePart
	Share       string // "92.5 %", of a share that has one
}

type figurePart struct{ Key, Part, Value string }

// figureTitles are the figures of the page and what people call them, in order.
// Each figure of the API stands here, says a test.
var figureTitles = []struct{ name, title string }{
	{"released", "Orders released"},
	{"shipped", "Orders shipped"},
	{"cancelled", "Orders cancelled"},
	{"hours", "Hours in the window"},
	{"leadMs", "Placed to shipped, ms"},
	{"edgeLeadMs", "Released to shipped, ms"},
	{"dwellMs", "Lots: first in to last out, ms"},
	{"onTime", "Orders shipped in time"},
	{"perfect", "Orders without a flaw"},
	{"orderFill", "Orders shipped complete"},
	{"lineFill", "Lines shipped complete"},
	{"unitFill", "Units shipped of those ordered"},
	{"backorders", "Lines that waited for stock"},
	{"returnRate", "Units returned"},
	{"returned", "Units returned by reason"},
	{"returnedSku", "Units returned by item"},
	{"binAccuracy", "Bins counted right"},
	{"qtyAccuracy", "Quantity right in the book"},
	{"picked", "Units picked by item"},
	{"supplierLines", "Delivery lines with a variance, by supplier"},
	{"linesShipped", "Lines shipped"},
	{"touches", "Picks"},
	{"batchMs", "Time of the walks, ms"},
	{"routeMm", "Length of the walks, mm"},
	{"labels", "Labels asked for"},
	{"issued", "Units issued"},
	{"averageQty", "Units on hand, on average"},
	{"turnaround", "Turnaround"},
}

// figureRows lays the figures out as the JSON of the API has them, so that page
// and JSON cannot differ.
func figureRows(k *warehouse.KPI) ([]figureRow, error) {
	raw, err := json.Marshal(k)
	if err != nil {
		return nil, fmt.Errorf("figures: %w", err)
	}
	var all map[string]any
	dec := json.NewDecoder(strings.NewReader(string(raw)))
	dec.UseNumber()
	if err := dec.Decode(&all); err != nil {
		return nil, fmt.Errorf("figures: %w", err)
	}
	rows := make([]figureRow, 0, len(figureTitles))
	for _, f := range figureTitles {
		row := figureRow{Name: f.name, Title: f.title}
		row.add(nil, all[f.name])
		rows = append(rows, row)
	}
	return rows, nil
}

// add lays one value out.
func (row *figureRow) add(path []string, v any) {
	switch v := v.(type) {
	case map[string]any:
		if p, ok := v["permil"].(json.Number); ok && len(path) == 0 {
			if n, err := p.Int64(); err == nil {
				row.Share = fmt.Sprintf("%d.%d %%", n/10, n%10)
			}
		}
		for _, k := range slices.Sorted(maps.Keys(v)) {
			row.add(append(slices.Clone(path), k), v[k])
		}
	case json.Number:
		key := strings.Join(append([]string{row.Name}, path...), ".")
		row.Parts = append(row.Parts, figurePart{Key: key, Part: strings.Join(path, " "), Value: v.String()})
	}
}

func (s *server) figures(w http.ResponseWriter, r *http.Request) {
	now := s.cfg.Now().UTC()
	q := r.URL.Query()
	p := &figuresPage{
		Site: s.cfg.Site,
		From: cmp.Or(q.Get("from"), now.AddDate(0, 0, 1-figureDays).Format(time.DateOnly)),
		To:   cmp.Or(q.Get("to"), now.AddDate(0, 0, 1).Format(time.DateOnly)),
	}
	from, err1 := time.Parse(time.DateOnly, p.From)
	to, err2 := time.Parse(time.DateOnly, p.To)
	if err1 != nil || err2 != nil || !to.After(from) {
		p.Text = "The window must be two days, the second behind the first."
		s.page(w, http.StatusBadRequest, "figures.tmpl", p)
		return
	}
	err := s.cfg.View(func(rd warehouse.Reader) error {
		site, err := warehouse.GetSite(rd)
		if err != nil {
			return err
		}
		if site == nil || !site.Figures {
			p.Text = "The site keeps no figures: set figures in its rules."
			return nil
		}
		k, err := warehouse.KPIs(rd, p.From, p.To)
		if err != nil {
			return err
		}
		p.Rows, err = figureRows(k)
		return err
	})
	if err != nil {
		s.unreadable(w, err)
		return
	}
	s.page(w, http.StatusOK, "figures.tmpl", p)
}

// actionsPage is the page of what waits for a person.
type actionsPage struct {
	Site, Role string
	Scopes     []scope
	Rows       []actionRow
	Total      int
}

type actionRow struct {
	warehouse.Action
	Age, Due stamp
	Level    string
}

// actionRoles are the scopes of the list of actions.
var actionRoles = []scope{
	{"", "Everybody"},
	{warehouse.RoleLead, "Lead"},
	{warehouse.RoleStock, "Stock"},
	{warehouse.RolePacker, "Packer"},
	{warehouse.RoleDock, "Dock"},
	{warehouse.RoleEngineer, "Engineer"},
	{warehouse.RoleService, "Service"},
}

func (s *server) actions(w http.ResponseWriter, r *http.Request) {
	p := &actionsPage{Site: s.cfg.Site, Role: r.URL.Query().Get("role"), Scopes: actionRoles}
	if !slices.ContainsFunc(actionRoles, func(sc scope) bool { return sc.Value == p.Role }) {
		s.message(w, http.StatusNotFound, "There is no such role.", "Choose one in the list of actions.")
		return
	}
	c := clock{s.cfg.Now()}
	err := s.cfg.View(func(rd warehouse.Reader) error {
		all, err := warehouse.Actions(rd, p.Role)
		p.Total = len(all)
		for _, a := range all[:min(len(all), maxActions)] {
			level := "warn"
			if a.Severity > 2 {
				level = "bad"
			}
			p.Rows = append(p.Rows, actionRow{Action: a, Age: c.ms(a.Since), Due: c.ms(a.Deadline), Level: level})
		}
		return err
	})
	if err != nil {
		s.unreadable(w, err)
		return
	}
	s.page(w, http.StatusOK, "actions.tmpl", p)
}

// waitingPage is the page of held orders, or of backorders.
type waitingPage struct {
	Site, Title, None string
	Rows              []waitingRow
	Total             int
}

type waitingRow struct {
	ID, State, Of string
	Holds         []string // "PAYMENT by oms"
	Lines         []string // "2 × CUP, short"
	Since         stamp
}

func (s *server) holds(w http.ResponseWriter, _ *http.Request) {
	s.waiting(w, &waitingPage{Title: "Held orders", None: "No order is held."}, func(o *warehouse.Order) bool { return len(o.Holds) > 0 })
}

func (s *server) backorders(w http.ResponseWriter, _ *http.Request) {
	s.waiting(w, &waitingPage{Title: "Backorders", None: "Nothing is backordered."}, func(o *warehouse.Order) bool { return o.BackorderOf != "" })
}

// waiting shows the open orders that match, the oldest first.
func (s *server) waiting(w http.ResponseWriter, p *waitingPage, match func(*warehouse.Order) bool) {
	p.Site = s.cfg.Site
	c := clock{s.cfg.Now()}
	err := s.cfg.View(func(r warehouse.Reader) error {
		all, err := warehouse.OpenOrders(r, match, "", 0)
		if err != nil {
			return err
		}
		slices.SortStableFunc(all, func(a, b warehouse.Order) int { return cmp.Compare(a.Since, b.Since) })
		p.Total = len(all)
		for i := range all[:min(len(all), maxOrders)] {
			p.Rows = append(p.Rows, waitingRowOf(c, &all[i]))
		}
		return nil
	})
	if err != nil {
		s.unreadable(w, err)
		return
	}
	s.page(w, http.StatusOK, "waiting.tmpl", p)
}

func waitingRowOf(c clock, o *warehouse.Order) waitingRow {
	row := waitingRow{ID: o.Spec.ID, State: string(o.State), Of: o.BackorderOf, Since: c.ms(o.Since)}
	for i, h := range o.Holds {
		if i < len(o.HeldBy) && o.HeldBy[i] != "" {
			h += " by " + o.HeldBy[i]
		}
		row.Holds = append(row.Holds, h)
	}
	for _, l := range o.Lines {
		row.Lines = append(row.Lines, fmt.Sprintf("%d × %s, %s", l.Qty, l.SKU, strings.ToLower(l.State)))
	}
	return row
}
