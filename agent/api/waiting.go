package api

import (
	"errors"
	"net/http"

	"tote/warehouse"
)

// Lists of what waits. Each reads what is open and the rows of its page, however
// much is closed.

// orderPage is a page of orders.
type orderPage struct {
	Orders []warehouse.Order `json:"orders"`
	Next   string            `json:"next,omitempty"` // give it as after for the next page
}

// readFunc reads a page of orders behind after.
type readFunc func(r warehouse.Reader, after string, limit int) (orders []warehouse.Order, next string, err error)

// listOrders answers with a page of orders: ?after=&limit=.
func (s *server) listOrders(w http.ResponseWriter, r *http.Request, read readFunc) error {
	limit, err := limitOf(r, 100, 1000)
	if err != nil {
		return err
	}
	page := orderPage{Orders: []warehouse.Order{}}
	err = s.cfg.View(func(rd warehouse.Reader) error {
		list, next, err := read(rd, r.URL.Query().Get("after"), limit)
		page.Orders, page.Next = append(page.Orders, list...), next
		return err
	})
	if errors.Is(err, warehouse.ErrCursor) {
		return refuse(http.StatusBadRequest, CodeBadRequest, "after must be next of the page before")
	}
	if err != nil {
		return err
	}
	reply(w, http.StatusOK, page)
	return nil
}

// nextOf is the id of the last order of a full page.
func nextOf(list []warehouse.Order, limit int) string {
	if len(list) < limit {
		return ""
	}
	return list[limit-1].Spec.ID
}

// openOrders reads the open orders that match, by id.
func openOrders(match func(*warehouse.Order) bool) readFunc {
	return func(r warehouse.Reader, after string, limit int) ([]warehouse.Order, string, error) {
		list, err := warehouse.OpenOrders(r, match, after, limit)
		return list, nextOf(list, limit), err
	}
}

// orders lists all orders by id, the open ones of a state by id, or the closed ones
// of a state from the newest: ?after=NEXT&limit=N&state=STATE.
func (s *server) orders(w http.ResponseWriter, r *http.Request) error {
	state := warehouse.OrderState(r.URL.Query().Get("state"))
	switch state {
	case "":
		return s.listOrders(w, r, func(r warehouse.Reader, after string, limit int) ([]warehouse.Order, string, error) {
			list, err := warehouse.Orders(r, after, limit)
			return list, nextOf(list, limit), err
		})
	case warehouse.OrderShipped, warehouse.OrderCancelled:
		return s.listOrders(w, r, func(r warehouse.Reader, after string, limit int) ([]warehouse.Order, string, error) {
			return warehouse.ClosedOrders(r, state, after, limit)
		})
	}
	return s.listOrders(w, r, openOrders(func(o *warehouse.Order) bool { return o.State == state }))
}

// holds lists the open orders that are held.
func (s *server) holds(w http.ResponseWriter, r *http.Request) error {
	return s.listOrders(w, r, openOrders(func(o *warehouse.Order) bool { return len(o.Holds) > 0 }))
}

// backorders lists the open orders that are the rest of one shipped in part.
func (s *server) backorders(w http.ResponseWriter, r *http.Request) error {
	return s.listOrders(w, r, openOrders(func(o *warehouse.Order) bool { return o.BackorderOf != "" }))
}

// actions is the one list of what waits for a person, the most urgent first:
// ?role=ROLE&limit=N.
func (s *server) actions(w http.ResponseWriter, r *http.Request) error {
	limit, err := limitOf(r, 100, 1000)
	if err != nil {
		return err
	}
	out := struct {
		Actions []warehouse.Action `json:"actions"`
		Total   int                `json:"total"` // listed or not
	}{Actions: []warehouse.Action{}}
	err = s.cfg.View(func(rd warehouse.Reader) error {
		all, err := warehouse.Actions(rd, r.URL.Query().Get("role"))
		out.Total = len(all)
		out.Actions = append(out.Actions, all[:min(len(all), limit)]...)
		return err
	})
	if err != nil {
		return err
	}
	reply(w, http.StatusOK, out)
	return nil
}

// fallouts lists the open fallouts, or a page of all of them by age:
// ?all=1&after=ID&limit=N.
func (s *server) fallouts(w http.ResponseWriter, r *http.Request) error {
	limit, err := limitOf(r, 1000, 1000)
	if err != nil {
		return err
	}
	q := r.URL.Query()
	list := []warehouse.Fallout{}
	err = s.cfg.View(func(rd warehouse.Reader) error {
		var l []warehouse.Fallout
		var err error
		if q.Get("all") == "" {
			l, err = warehouse.Fallouts(rd, true)
		} else {
			l, err = warehouse.FalloutPage(rd, q.Get("after"), limit)
		}
		list = append(list, l...)
		return err
	})
	if err != nil {
		return err
	}
	reply(w, http.StatusOK, list)
	return nil
}
