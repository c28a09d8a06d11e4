package web

import (
	"cmp"
	"net/http"
	"slices"
	"strings"

	"tote/warehouse"
)

// The page of floor tasks: what is to be moved, from where to where, since when
// and by whom. A lead gives a task back to the queue or gives it up.

// maxFloorTasks is how many tasks the list shows.
const maxFloorTasks = 200

// floorList is the page of floor tasks.
type floorList struct {
	Site   string
	Kind   string // the chosen scope
	Scopes []scope
	Rows   []floorRow
	Total  int // tasks in the scope
	Notice *notice
}

// floorRow is one task of the list.
type floorRow struct {
	ID, Kind, Title string
	Qty, Held       int64
	SKU, Name, Lot  string
	Order           string
	From, To        string
	Since           stamp
	Worker, Reason  string
	Priority, Skips int
	Back, End       bool
}

// floorKinds are the scopes of the list, and what people call each kind.
var floorKinds = []scope{
	{"", "All"},
	{warehouse.FloorPutBack, "Put back"},
	{warehouse.FloorReplenish, "Replenish"},
	{warehouse.FloorCount, "Count"},
	{warehouse.FloorPutaway, "Put away"},
	{warehouse.FloorMove, "Move"},
}

// floorTitle is what people call a kind.
func floorTitle(kind string) string {
	for _, k := range floorKinds {
		if k.Value == kind {
			return k.Title
		}
	}
	return kind
}

// placeName is a place as it is written on the shelf.
func placeName(place string) string {
	if unit, ok := strings.CutPrefix(place, warehouse.LUPlace("")); ok {
		return "tote " + unit
	}
	return strings.TrimPrefix(place, warehouse.BinPlace(""))
}

// readFloor lists the floor tasks of a kind, the oldest first; ok is false for a
// kind that does not exist.
func (s *server) readFloor(r warehouse.Reader, c clock, kind string) (list *floorList, ok bool, err error) {
	list = &floorList{Site: s.cfg.Site, Kind: kind, Scopes: floorKinds}
	if !slices.ContainsFunc(floorKinds, func(k scope) bool { return k.Value == kind }) {
		return nil, false, nil
	}
	all, err := warehouse.FloorTasks(r, 0)
	if err != nil {
		return nil, false, err
	}
	if kind != "" {
		all = slices.DeleteFunc(all, func(t warehouse.FloorTask) bool { return t.Kind != kind })
	}
	slices.SortStableFunc(all, func(a, b warehouse.FloorTask) int { return cmp.Compare(a.Asked, b.Asked) })
	list.Total = len(all)
	for i := range all[:min(len(all), maxFloorTasks)] {
		row, err := floorRowOf(r, c, &all[i])
		if err != nil {
			return nil, false, err
		}
		list.Rows = append(list.Rows, row)
	}
	return list, true, nil
}

func floorRowOf(r warehouse.Reader, c clock, t *warehouse.FloorTask) (floorRow, error) {
	row := floorRow{
		ID: t.ID, Kind: t.Kind, Title: floorTitle(t.Kind), Qty: t.Qty, Held: t.Held, SKU: t.SKU, Lot: t.Lot, Order: t.Order,
		From: placeName(t.From), To: cmp.Or(placeName(t.To), "any bin"), Since: c.ms(t.Asked),
		Reason: t.Reason, Priority: t.Priority, Skips: t.Skips,
		Back: t.Worker != "",
		// Goods that stand in no bin must be put away: such a task cannot be given up.
		End: t.Qty == 0 || strings.HasPrefix(t.From, warehouse.BinPlace("")),
	}
	if t.Kind == warehouse.FloorCount {
		row.To = ""
	}
	if t.SKU != "" {
		it, err := warehouse.GetItem(r, t.SKU)
		if err != nil {
			return row, err
		}
		if it != nil {
			row.Name = it.Name
		}
	}
	row.Worker = t.Worker
	if t.Worker == "" {
		return row, nil
	}
	w, err := warehouse.GetWorker(r, t.Worker)
	if err == nil && w != nil {
		row.Worker += " " + w.Name
	}
	return row, err
}

func (s *server) floorTasks(w http.ResponseWriter, r *http.Request) {
	s.showFloor(w, r.URL.Query().Get("kind"), http.StatusOK, nil)
}

func (s *server) showFloor(w http.ResponseWriter, kind string, code int, n *notice) {
	var list *floorList
	var ok bool
	c := clock{s.cfg.Now()}
	err := s.cfg.View(func(r warehouse.Reader) (err error) {
		list, ok, err = s.readFloor(r, c, kind)
		return err
	})
	switch {
	case err != nil:
		s.unreadable(w, err)
	case !ok:
		s.message(w, http.StatusNotFound, "There is no such kind of floor task.", "Choose one in the list of floor tasks.")
	default:
		list.Notice = n
		s.page(w, code, "floortasks.tmpl", list)
	}
}

// floorBack gives a task back to the queue of its kind.
func (s *server) floorBack(w http.ResponseWriter, r *http.Request) {
	s.actOnFloor(w, r, "It is in the queue again.", "given back at the console", func(reason string) warehouse.Command {
		return warehouse.MoveFloor{Task: r.PathValue("id"), Reason: reason}
	})
}

// floorEnd gives a task up.
func (s *server) floorEnd(w http.ResponseWriter, r *http.Request) {
	s.actOnFloor(w, r, "Given up; nothing was moved.", "given up at the console", func(reason string) warehouse.Command {
		return warehouse.EndFloor{Task: r.PathValue("id"), Reason: reason}
	})
}

func (s *server) actOnFloor(w http.ResponseWriter, r *http.Request, done, reason string, act func(reason string) warehouse.Command) {
	r.Body = http.MaxBytesReader(w, r.Body, 4<<10)
	if err := r.ParseForm(); err != nil {
		s.message(w, http.StatusBadRequest, "The form cannot be read.", "Open the list of floor tasks again.")
		return
	}
	n, status := s.do(r, done, act(cmp.Or(strings.TrimSpace(r.PostForm.Get("reason")), reason)))
	if !s.answered(w, r, n, status) {
		s.showFloor(w, "", status, n)
	}
}
