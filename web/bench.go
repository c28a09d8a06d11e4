package web

import (
	"net/http"
	"slices"
	"strconv"

	"tote/warehouse"
)

// The page of a pack station: what is packed there, which carton to take, and
// what goes into it. The packer takes another carton, or says that only some of
// the goods go into this one and the rest into the next; the scale closes it.

// benchPage is the page of a pack station.
type benchPage struct {
	Site, ID string
	Step     *warehouse.Step
	Do       string // the one thing to be done now
	Weight   string // expected
	Cartons  []cartonChoice
	Rows     []benchRow
	Parcels  []parcelRow // closed before this one
	Weighs   bool
	Notice   *notice
}

// cartonChoice is one of the cartons of the site.
type cartonChoice struct {
	Code   string
	Chosen bool
}

// benchRow is goods that are in no parcel yet, and how many go into this one.
type benchRow struct {
	warehouse.ParcelLine
	Name string
	In   int64
}

// benchDo says what a step asks for.
var benchDo = map[string]string{
	warehouse.StepScanTote:   "Scan the tote to be packed.",
	warehouse.StepWeigh:      "Pack the carton and put it on the scale.",
	warehouse.StepPrint:      "The label is on its way.",
	warehouse.StepCheckLabel: "Scan the label when it came out, or the reprint code.",
}

func (s *server) readBench(r warehouse.Reader, id string) (*benchPage, error) {
	step, err := warehouse.StationStep(r, id)
	if err != nil {
		return nil, err
	}
	p := &benchPage{Site: s.cfg.Site, ID: id, Step: step, Do: benchDo[step.Do], Weighs: step.Do == warehouse.StepWeigh}
	if step.Order == "" {
		return p, nil
	}
	o, err := warehouse.GetOrder(r, step.Order)
	if err != nil || o == nil {
		return p, err
	}
	if p.Parcels, err = parcels(r, o); err != nil || !p.Weighs {
		return p, err
	}
	if step.Scanned {
		p.Do = "Scan what goes into this carton, then put it on the scale."
	}
	p.Weight = kilograms(step.ExpectedMg)
	site, err := warehouse.GetSite(r)
	if err != nil {
		return nil, err
	}
	if site != nil {
		for _, ct := range site.Cartons {
			p.Cartons = append(p.Cartons, cartonChoice{ct.Code, ct.Code == step.Carton})
		}
	}
	for _, g := range warehouse.NotPacked(o) {
		row := benchRow{ParcelLine: g, Name: g.SKU}
		it, err := warehouse.GetItem(r, g.SKU)
		if err != nil {
			return nil, err
		}
		if it != nil {
			row.Name = it.Name
		}
		if step.No == 0 {
			row.In = g.Qty // all of it
		}
		for _, c := range step.Contents {
			if c.Line == g.Line && c.Lot == g.Lot && c.Serial == g.Serial {
				row.In = c.Qty
			}
		}
		p.Rows = append(p.Rows, row)
	}
	return p, nil
}

func (s *server) bench(w http.ResponseWriter, r *http.Request) {
	s.showBench(w, r.PathValue("id"), http.StatusOK, nil)
}

func (s *server) showBench(w http.ResponseWriter, id string, status int, n *notice) {
	var p *benchPage
	err := s.cfg.View(func(rd warehouse.Reader) (err error) {
		p, err = s.readBench(rd, id)
		return err
	})
	if err != nil {
		s.unreadable(w, err)
		return
	}
	p.Notice = n
	s.page(w, status, "bench.tmpl", p)
}

// benchCarton says which carton is taken and what goes into it.
func (s *server) benchCarton(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 256<<10)
	cmd, ok := cartonOf(r)
	if !ok {
		s.message(w, http.StatusBadRequest, "The form cannot be read.", "Open the page of the station again.")
		return
	}
	n, status := s.do(r, "The carton is as you say; put it on the scale.", cmd)
	if !s.answered(w, r, n, status) {
		s.showBench(w, cmd.Station, status, n)
	}
}

// cartonOf reads the form of a carton: the order, the carton, and of each row of
// goods its line, lot, serial and how many go in.
func cartonOf(r *http.Request) (cmd warehouse.NextCarton, ok bool) {
	if err := r.ParseForm(); err != nil {
		return cmd, false
	}
	f := r.PostForm
	cmd = warehouse.NextCarton{Station: r.PathValue("id"), Order: f.Get("order"), Carton: f.Get("carton"), Scan: f.Get("how") == "scan"}
	lines, lots, serials, in := f["line"], f["lot"], f["serial"], f["in"]
	if cmd.Scan || f.Get("how") == "all" {
		return cmd, true
	}
	if len(lines) == 0 || len(lots) != len(lines) || len(serials) != len(lines) || len(in) != len(lines) {
		return cmd, false
	}
	for i := range lines {
		line, err := strconv.Atoi(lines[i])
		n, bad := strconv.ParseInt(in[i], 10, 64)
		if err != nil || bad != nil || n < 0 {
			return cmd, false
		}
		if n > 0 {
			cmd.Lines = append(cmd.Lines, warehouse.ParcelLine{Line: line, Qty: n, Lot: lots[i], Serial: serials[i]})
		}
	}
	return cmd, slices.ContainsFunc(cmd.Lines, func(l warehouse.ParcelLine) bool { return l.Qty > 0 })
}
