package warehouse

// Promises: what is late or will be. Its rules:
//
//   - A site that watches them (Site.Promises) has each open order that has a
//     time to be staged (Order.Pickup) or shipped by (OrderSpec.ShipBy), whichever
//     is earlier, in a list by that time. Order.Promised is the row it has; it
//     follows the order at each save and is gone when the order is closed, so the
//     list never holds what is over.
//   - An order is late when its time is past; it will be late when less time is
//     left than the caller says an order takes from where it stands. The state
//     machine guesses no durations.

// promise is the time an order has to keep, 0 for none.
func (o *Order) promise() int64 {
	if o.State == OrderShipped || o.State == OrderCancelled {
		return 0
	}
	at := o.Spec.ShipBy
	if o.Pickup != 0 && (at == 0 || o.Pickup < at) && o.State != OrderStaged {
		at = o.Pickup
	}
	return at
}

func promiseKey(at int64, order string) []byte { return key(kPromise, num(uint64(at)), order) }

// keepPromise moves the order's row in the list. The order is saved then.
func (c *change) keepPromise(o *Order) error {
	want := int64(0)
	if at := o.promise(); at > 0 || o.Promised != 0 {
		if _, err := c.atpOn(); err != nil { // loads the site
			return err
		}
		if c.site != nil && c.site.Promises {
			want = at
		}
	}
	if want == o.Promised {
		return nil
	}
	if o.Promised != 0 {
		if err := c.index(promiseKey(o.Promised, o.Spec.ID), false); err != nil {
			return err
		}
	}
	o.Promised = want
	if want == 0 {
		return nil
	}
	return c.index(promiseKey(want, o.Spec.ID), true)
}

// Promise is an open order with the time it has to keep.
type Promise struct {
	Order string     `json:"order"`
	By    int64      `json:"by"`
	State OrderState `json:"state"`
	Since int64      `json:"since"` // when the state was entered
	Late  bool       `json:"late"`
	Next  string     `json:"-"` // give it as after to go on behind this one
}

// Late lists the open orders whose time is at or before until, the most pressing
// first, from behind after (Next of the last one; "" = from the first), at most
// limit, all when 0. now decides which are late already.
func Late(r Reader, now, until int64, after string, limit int) ([]Promise, error) {
	var rows []string
	prefix := under(kPromise)
	err := r.Range(prefix, func(k, _ []byte) (bool, error) {
		if int64(fromNum(k[len(prefix):])) > until {
			return false, nil
		}
		if row := string(k[len(prefix):]); row > after {
			rows = append(rows, row)
		}
		return limit == 0 || len(rows) < limit, nil
	})
	if err != nil {
		return nil, err
	}
	out := make([]Promise, 0, len(rows))
	for _, row := range rows {
		id := row[numWidth+1:]
		o, err := must2(GetOrder(r, id))("order", id)
		if err != nil {
			return nil, err
		}
		by := int64(fromNum([]byte(row)))
		out = append(out, Promise{Order: id, By: by, State: o.State, Since: o.Since, Late: by < now, Next: row})
	}
	return out, nil
}
