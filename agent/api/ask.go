package api

import (
	"encoding/hex"
	"errors"
	"net/http"
	"strconv"
	"time"

	"tote/warehouse"
)

// find says where something is: ?code=CODE&after=PLACE&limit=N.
func (s *server) find(w http.ResponseWriter, r *http.Request) error {
	limit, err := limitOf(r, 100, 1000)
	if err != nil {
		return err
	}
	q := r.URL.Query()
	if q.Get("code") == "" {
		return refuse(http.StatusBadRequest, CodeBadRequest, "say what to find: ?code=")
	}
	var found *warehouse.Found
	err = s.cfg.View(func(rd warehouse.Reader) (err error) {
		found, err = warehouse.Find(rd, q.Get("code"), q.Get("after"), limit)
		return err
	})
	if err != nil {
		return err
	}
	if found == nil {
		return refuse(http.StatusNotFound, warehouse.CodeUnknownBarcode, "nothing here has this code")
	}
	if found.Seen != nil {
		found.Seen.Say(s.cfg.Now().UnixMilli())
	}
	reply(w, http.StatusOK, found)
	return nil
}

// trace lists what happened to goods: ?sku=&lot=&serial=&owner=&unit=&order=.
func (s *server) trace(w http.ResponseWriter, r *http.Request) error {
	limit, err := limitOf(r, 100, 1000)
	if err != nil {
		return err
	}
	v := r.URL.Query()
	q := warehouse.TraceQuery{
		SKU: v.Get("sku"), Lot: v.Get("lot"), Serial: v.Get("serial"), Owner: v.Get("owner"), Unit: v.Get("unit"), Order: v.Get("order"),
	}
	if q == (warehouse.TraceQuery{Owner: q.Owner}) {
		return refuse(http.StatusBadRequest, CodeBadRequest, "say what to follow: sku, lot, serial, unit or order")
	}
	page := struct {
		Moves []warehouse.Traced `json:"moves"`
		Next  string             `json:"next,omitempty"` // give it as after for the next page
	}{}
	err = s.cfg.View(func(rd warehouse.Reader) (err error) {
		page.Moves, page.Next, err = warehouse.Trace(rd, q, v.Get("after"), limit)
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

// why says what an order waits for.
func (s *server) why(w http.ResponseWriter, r *http.Request) error {
	var out struct {
		Order   string             `json:"order"`
		State   string             `json:"state"`
		Reasons []warehouse.Reason `json:"reasons"` // the most pressing first
	}
	var left *warehouse.Archived
	err := s.cfg.View(func(rd warehouse.Reader) error {
		o, err := warehouse.GetOrder(rd, r.PathValue("id"))
		if err == nil && o == nil {
			left, err = warehouse.GetArchived(rd, r.PathValue("id"))
		}
		if err != nil || o == nil {
			return err
		}
		out.Order, out.State = o.Spec.ID, string(o.State)
		out.Reasons, err = warehouse.Why(rd, o)
		return err
	})
	if err != nil {
		return err
	}
	if left != nil {
		return archived(left)
	}
	if out.Order == "" {
		return refuse(http.StatusNotFound, warehouse.CodeUnknownOrder, "no order "+r.PathValue("id"))
	}
	reply(w, http.StatusOK, out)
	return nil
}

// late lists the orders that are late or will be: ?within=MINUTES.
func (s *server) late(w http.ResponseWriter, r *http.Request) error {
	limit, err := limitOf(r, 100, 1000)
	if err != nil {
		return err
	}
	v := r.URL.Query()
	within := 120
	if m := v.Get("within"); m != "" {
		if within, err = strconv.Atoi(m); err != nil || within < 0 || within > 100_000 {
			return refuse(http.StatusBadRequest, CodeBadRequest, "within must be a whole number of minutes from 0 to 100000")
		}
	}
	after, err := hex.DecodeString(v.Get("after"))
	if err != nil {
		return refuse(http.StatusBadRequest, CodeBadRequest, "after must be next of the page before")
	}
	page := struct {
		Orders []warehouse.Promise `json:"orders"`
		Next   string              `json:"next,omitempty"` // give it as after for the next page
	}{}
	now := s.cfg.Now()
	err = s.cfg.View(func(rd warehouse.Reader) (err error) {
		page.Orders, err = warehouse.Late(rd, now.UnixMilli(), now.Add(time.Duration(within)*time.Minute).UnixMilli(), string(after), limit)
		return err
	})
	if err != nil {
		return err
	}
	if n := len(page.Orders); n == limit {
		page.Next = hex.EncodeToString([]byte(page.Orders[n-1].Next))
	}
	reply(w, http.StatusOK, page)
	return nil
}
