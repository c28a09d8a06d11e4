package warehouse

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// The questions that lists answer (lists.go). Each reads what it answers with, and
// everything while the lists are being made.

// OpenOrders lists by id the orders that are neither shipped nor cancelled and
// that match (nil = all), those behind after, at most limit, all when 0.
func OpenOrders(r Reader, match func(*Order) bool, after string, limit int) ([]Order, error) {
	var out []Order
	take := func(o *Order) bool {
		if !o.closed() && (match == nil || match(o)) {
			out = append(out, *o)
		}
		return limit == 0 || len(out) < limit
	}
	done, _, err := allListed(r)
	if err != nil {
		return nil, err
	}
	prefix := under(kActive)
	if !done {
		prefix = under(kOrder)
	}
	err = rangeAfter(r, prefix, behind(prefix, after), func(k, v []byte) (bool, error) {
		var o *Order
		var err error
		if done {
			id := string(k[len(prefix):])
			o, err = must2(load[Order](r, key(kOrder, id)))("order", id)
		} else {
			o, err = decodeRecord[Order](k, v)
		}
		if err != nil {
			return false, err
		}
		return take(o), nil
	})
	return out, err
}

// ClosedOrders lists the orders that were shipped, or cancelled, and have not left
// for the archive: the newest first, those behind after (next of the page before,
// "" = from the first), at most limit, all when 0. next is "" on the last page.
func ClosedOrders(r Reader, state OrderState, after string, limit int) (page []Order, next string, err error) {
	var from []byte
	if after != "" {
		ms, id, ok := strings.Cut(after, ".")
		at, err := strconv.ParseInt(ms, 10, 64)
		if !ok || err != nil || !validID(id) {
			return nil, "", ErrCursor
		}
		from = endedKey(state, at, id)
	}
	done, _, err := allListed(r)
	if err != nil {
		return nil, "", err
	}
	prefix := under(kEnded, string(state))
	more := false
	take := func(o *Order) bool {
		if more = limit > 0 && len(page) == limit; !more {
			page = append(page, *o)
		}
		return !more
	}
	if done {
		err = rangeAfter(r, prefix, from, func(k, _ []byte) (bool, error) {
			id := string(k[len(prefix)+numWidth+1:])
			if limit > 0 && len(page) == limit {
				more = true
				return false, nil
			}
			o, err := must2(load[Order](r, key(kOrder, id)))("order", id)
			return err == nil && take(o), err
		})
	} else {
		err = closedUnlisted(r, state, from, take)
	}
	if err == nil && more {
		last := &page[len(page)-1]
		next = fmt.Sprintf("%d.%s", last.Since, last.Spec.ID)
	}
	return page, next, err
}

// closedUnlisted does it while the lists are being made.
func closedUnlisted(r Reader, state OrderState, from []byte, take func(*Order) bool) error {
	all, err := Orders(r, "", 0)
	if err != nil {
		return err
	}
	all = slices.DeleteFunc(all, func(o Order) bool { return o.State != state })
	slices.SortFunc(all, func(a, b Order) int {
		return cmp.Or(cmp.Compare(b.Since, a.Since), cmp.Compare(a.Spec.ID, b.Spec.ID))
	})
	for i := range all {
		o := &all[i]
		if string(endedKey(state, o.Since, o.Spec.ID)) > string(from) && !take(o) {
			break
		}
	}
	return nil
}

// CountClosed is how many orders were shipped, or cancelled, since a moment of the
// last two days that is a whole quarter of an hour.
func CountClosed(r Reader, state OrderState, since int64) (n int64, err error) {
	done, _, err := allListed(r)
	if err != nil {
		return 0, err
	}
	if !done {
		return n, each(r, under(kOrder), func(o *Order) (bool, error) {
			if o.State == state && o.Since >= since {
				n++
			}
			return true, nil
		})
	}
	from := string(endedInKey(state, since))
	err = r.Range(under(kEndedIn, string(state)), func(k, v []byte) (bool, error) {
		if string(k) >= from {
			n += int64(fromNum(v))
		}
		return true, nil
	})
	return n, err
}

// FalloutsOf lists the fallouts of an order, the cleared ones too, the oldest
// first.
func FalloutsOf(r Reader, order string) ([]Fallout, error) {
	done, _, err := allListed(r)
	if err != nil {
		return nil, err
	}
	if done {
		return named(r, under(kFallOf, order), 0, GetFallout, "fallout")
	}
	all, err := Fallouts(r, false)
	return slices.DeleteFunc(all, func(f Fallout) bool { return f.Order != order }), err
}

// FalloutPage lists all fallouts by age, the cleared ones too, those behind an id,
// at most limit.
func FalloutPage(r Reader, after string, limit int) ([]Fallout, error) {
	var out []Fallout
	prefix := under(kFallout)
	err := rangeAfter(r, prefix, behind(prefix, after), func(k, v []byte) (bool, error) {
		f, err := decodeRecord[Fallout](k, v)
		if err != nil {
			return false, err
		}
		out = append(out, *f)
		return len(out) < limit, nil
	})
	return out, err
}
