package dispatch

import (
	"cmp"
	"fmt"
	"slices"

	"tote/picking/batch"
	"tote/picking/route"
	"tote/warehouse"
)

// candidate is an order of the pool with its open tasks.
type candidate struct {
	order string
	stops []stop
	masks []uint64 // cells of its bins, nil without a layout
	bytes int      // of its record, about
}

// stop is one open task and where its bin is.
type stop struct {
	task   warehouse.Task
	cell   route.Cell
	placed bool // the bin is in the layout
}

// plan makes the next batch for a worker, in the zone he chose if he did; nil
// when the pool has nothing.
func (d *Dispatcher) plan(r warehouse.Reader, w warehouse.WorkerState) (*warehouse.AssignBatch, error) {
	site, err := warehouse.GetSite(r)
	if err != nil {
		return nil, err
	}
	if site == nil || site.CartSlots < 1 {
		d.warnOnce("site", "no batches: the rules of the site are not set", attrCode, warehouse.CodeSiteNotSet)
		return nil, nil
	}
	router, err := route.New(route.Layout(site.Layout))
	if err != nil {
		d.warnOnce("layout "+err.Error(), "walks go by bin code: the layout cannot be used", "fault", err.Error())
		router = nil
	}
	window, zone, err := d.window(r, router, batch.Window(site.CartSlots), site.ZonePicking, w.Zone)
	if err != nil || len(window) == 0 {
		return nil, err
	}
	chosen := batch.Choose(len(window), site.CartSlots, cost(router, window))
	chosen = fit(window, chosen)
	p := &warehouse.AssignBatch{Batch: d.cfg.NewID(), Worker: w.Worker, Zone: zone}
	var stops []stop
	for i, c := range chosen {
		p.Slots = append(p.Slots, warehouse.BatchSlot{Slot: i + 1, Order: window[c].order})
		stops = append(stops, window[c].stops...)
	}
	if err := d.walk(p, router, stops); err != nil {
		return nil, err
	}
	return p, nil
}

// fit leaves out the orders that would make the batch more than one command can
// write, or a record too long to grow. The first one, the most urgent, always
// stays: an order that is let in fits alone.
func fit(window []candidate, chosen []int) []int {
	tasks, walk, bytes := 0, 0, 0
	var in []int
	for _, i := range chosen {
		c := &window[i]
		t, w, b := tasks+len(c.stops), walk, bytes+c.bytes
		for _, s := range c.stops {
			w += len(s.task.ID) + 2
			b += 3*len(s.task.ID) + len(s.task.Order) + 2*(len(s.task.SKU)+len(s.task.Bin)+len(s.task.Lot)) + 150
		}
		if len(in) > 0 && (t > maxTasks || w > maxWalk || b > maxBytes) {
			continue
		}
		in, tasks, walk, bytes = append(in, i), t, w, b
	}
	return in
}

// window returns the n most urgent orders of the pool that have open tasks; by
// zone those that have some in the chosen one, else in that of the most urgent
// one, and that zone.
func (d *Dispatcher) window(r warehouse.Reader, router *route.Router, n int, byZone bool, chosen string) (window []candidate, zone string, err error) {
	pool, err := warehouse.Pool(r, poolLimit)
	if err != nil {
		return nil, "", err
	}
	decided, zone := !byZone || chosen != "", chosen
	here := func(bin string) (bool, error) {
		if decided && zone == "" {
			return true, nil
		}
		b, err := warehouse.GetBin(r, bin)
		if err != nil {
			return false, err
		}
		if b == nil {
			b = &warehouse.Bin{}
		}
		if !decided {
			decided, zone = true, b.Zone
		}
		return zone == "" || b.Zone == zone, nil
	}
	ages := make([]batch.Order, len(pool))
	for i, o := range pool {
		ages[i] = batch.Order{ID: o.Spec.ID, Released: o.ReleasedAt, Priority: o.Spec.Priority}
	}
	overdue := d.cfg.Now().Add(-d.cfg.MaxWait).UnixMilli()
	for _, i := range batch.Queue(ages, overdue) {
		if len(window) == n {
			break
		}
		c, err := d.candidate(r, router, &pool[i], here)
		if err != nil {
			return nil, "", err
		}
		if len(c.stops) > 0 {
			window = append(window, c)
		}
	}
	return window, zone, nil
}

// candidate reads the open tasks of an order that lie here and finds their bins.
func (d *Dispatcher) candidate(r warehouse.Reader, router *route.Router, o *warehouse.Order, here func(bin string) (bool, error)) (candidate, error) {
	c := candidate{order: o.Spec.ID, bytes: 1024}
	var cells []route.Cell
	for _, l := range o.Lines {
		c.bytes += 2*len(l.SKU) + 48 + len(l.Tasks)*(len(o.Spec.ID)+12)
		for _, id := range l.Tasks {
			t, err := warehouse.GetTask(r, id)
			if err != nil {
				return c, err
			}
			if t == nil {
				return c, fmt.Errorf("order %s names task %s, which does not exist", o.Spec.ID, id)
			}
			if t.State != warehouse.TaskOpen {
				continue
			}
			if in, err := here(t.Bin); err != nil || !in {
				if err != nil {
					return c, err
				}
				continue
			}
			s := stop{task: *t}
			if router != nil {
				s.cell, s.placed, err = d.place(r, router, t.Bin)
				if err != nil {
					return c, err
				}
			}
			if s.placed {
				cells = append(cells, s.cell)
			}
			c.stops = append(c.stops, s)
		}
	}
	if router == nil {
		return c, nil
	}
	var err error
	c.masks, err = router.Masks(cells)
	return c, err
}

// place finds the cell of a bin; false, with one warning per bin, when the bin
// is not in the layout.
func (d *Dispatcher) place(r warehouse.Reader, router *route.Router, code string) (route.Cell, bool, error) {
	bin, err := warehouse.GetBin(r, code)
	if err != nil {
		return route.Cell{}, false, err
	}
	fault := "no such bin"
	if bin != nil {
		cell := route.Cell{Aisle: bin.Aisle, Cell: bin.Cell}
		err := router.Check(cell)
		if err == nil {
			return cell, true, nil
		}
		fault = err.Error()
	}
	d.warnOnce("bin "+code, "a walk goes by bin code: the bin is not in the layout", "bin", code, "fault", fault)
	return route.Cell{}, false, nil
}

// cost is the length of the walk past the bins of the given candidates. Bins
// outside the layout do not count. Nil without a layout.
func cost(router *route.Router, window []candidate) batch.Cost {
	if router == nil {
		return nil
	}
	all := make([]uint64, len(window[0].masks))
	return func(orders []int) int64 {
		clear(all)
		for _, o := range orders {
			for a, m := range window[o].masks {
				all[a] |= m
			}
		}
		return router.Length(all)
	}
}

// walk puts the tasks in walking order. Tasks of one bin follow each other, so
// that the picker scans the bin once. When a bin has no place in the layout the
// whole walk goes by bin code and its length is unknown (0).
func (d *Dispatcher) walk(p *warehouse.AssignBatch, router *route.Router, stops []stop) error {
	slices.SortFunc(stops, func(a, b stop) int {
		return cmp.Or(cmp.Compare(a.task.Bin, b.task.Bin), cmp.Compare(a.task.SKU, b.task.SKU),
			cmp.Compare(a.task.Lot, b.task.Lot), cmp.Compare(a.task.ID, b.task.ID))
	})
	order := make([]int, len(stops))
	cells := make([]route.Cell, len(stops))
	routed := router != nil
	for i, s := range stops {
		order[i], cells[i] = i, s.cell
		routed = routed && s.placed
	}
	if routed {
		tour, err := router.Route(cells)
		if err != nil {
			return err
		}
		order, p.RouteMm = tour.Order, tour.LengthMm
	}
	for _, i := range order {
		p.Walk = append(p.Walk, stops[i].task.ID)
	}
	return nil
}
