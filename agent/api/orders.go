package api

import (
	"fmt"
	"net/http"
	"time"

	"tote/warehouse"
)

func (s *server) status(w http.ResponseWriter, _ *http.Request) error {
	out, _, err := s.look()
	if err != nil {
		return err
	}
	reply(w, http.StatusOK, out)
	return nil
}

// OrderView is an order with what a person asks next: its open fallouts, and
// where the conveyor brought its parcels.
type OrderView struct {
	warehouse.Order
	Fallouts []Parked             `json:"fallouts"`
	Rides    []warehouse.Carriage `json:"rides"`
}

// Parked is a fallout with what it asks of people.
type Parked struct {
	warehouse.Fallout
	Role     string `json:"role"`     // who decides
	Severity int    `json:"severity"` // 1 = can wait, 2 = today, 3 = now
	Next     string `json:"next"`     // what to do
}

func (s *server) order(w http.ResponseWriter, r *http.Request) error {
	var out *OrderView
	var left *warehouse.Archived
	err := s.cfg.View(func(rd warehouse.Reader) error {
		o, err := warehouse.GetOrder(rd, r.PathValue("id"))
		if err == nil && o == nil {
			left, err = warehouse.GetArchived(rd, r.PathValue("id"))
		}
		if err != nil || o == nil {
			return err
		}
		out = &OrderView{Order: *o, Fallouts: []Parked{}, Rides: []warehouse.Carriage{}}
		all, err := warehouse.Fallouts(rd, true)
		for _, f := range all {
			if f.Order == o.Spec.ID {
				rule := warehouse.RuleOf(f.Code)
				out.Fallouts = append(out.Fallouts, Parked{f, rule.Role, rule.Severity, rule.Next})
			}
		}
		if err != nil {
			return err
		}
		for _, p := range o.Parcels {
			ride, err := warehouse.GetCarriage(rd, p.SSCC)
			if err != nil {
				return err
			}
			if ride != nil {
				out.Rides = append(out.Rides, *ride)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if out == nil && left != nil {
		return archived(left)
	}
	if out == nil {
		return refuse(http.StatusNotFound, warehouse.CodeUnknownOrder, "no order "+r.PathValue("id"))
	}
	reply(w, http.StatusOK, out)
	return nil
}

// archived answers for an order of which only the tombstone is here.
func archived(a *warehouse.Archived) error {
	date := func(ms int64) string { return time.UnixMilli(ms).UTC().Format(time.DateOnly) }
	return refuse(http.StatusGone, warehouse.CodeArchived, fmt.Sprintf("order %s was %s on %s and archived on %s", a.ID, a.State, date(a.ClosedAt), date(a.At)))
}

func (s *server) cancel(w http.ResponseWriter, r *http.Request) error {
	var req struct {
		Reason string `json:"reason"`
	}
	if err := readJSON(w, r, 4<<10, &req, `the body must be {"reason": "…"}`); err != nil {
		return err
	}
	res, err := s.do(r, warehouse.CancelOrder{Order: r.PathValue("id"), Reason: req.Reason, Source: warehouse.SourceSite})
	if err != nil {
		return err
	}
	return answer(w, res)
}

func (s *server) retry(w http.ResponseWriter, r *http.Request) error {
	if err := readJSON(w, r, 4<<10, &struct{}{}, "the body must be {}"); err != nil {
		return err
	}
	res, err := s.do(r, warehouse.RetryOrder{Order: r.PathValue("id")})
	if err != nil {
		return err
	}
	return answer(w, res)
}

func (s *server) ledger(w http.ResponseWriter, _ *http.Request) error {
	var rep warehouse.LedgerReport
	err := s.cfg.View(func(rd warehouse.Reader) (err error) {
		rep, err = warehouse.LedgerCheck(rd)
		return err
	})
	if err != nil {
		return err
	}
	reply(w, http.StatusOK, rep)
	return nil
}

func (s *server) stock(w http.ResponseWriter, r *http.Request) error {
	sku := r.PathValue("sku")
	list := []warehouse.Balance{}
	found := false
	err := s.cfg.View(func(rd warehouse.Reader) error {
		it, err := warehouse.GetItem(rd, sku)
		if err != nil || it == nil {
			return err
		}
		found = true
		l, err := warehouse.Balances(rd, sku)
		list = append(list, l...)
		return err
	})
	if err != nil {
		return err
	}
	if !found {
		return refuse(http.StatusNotFound, warehouse.CodeUnknownItem, "no item "+sku)
	}
	reply(w, http.StatusOK, list)
	return nil
}
