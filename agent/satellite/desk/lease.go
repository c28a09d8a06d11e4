package desk

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"tote/agent/satellite"
	"tote/warehouse"
)

// lease is a view that is held open for a satellite. Its goroutine is inside the
// store's View and answers one question after the other.
type lease struct {
	owner  string
	asked  chan question
	end    context.CancelFunc
	closed <-chan struct{}
}

type question struct {
	call   satellite.ReadCall
	answer chan reply // holds one
}

type reply struct {
	ans satellite.ReadAnswer
	err error
}

// errReleased ends a view that is not needed any more.
var errReleased = errors.New("released")

func (s *session) read(ctx context.Context, body []byte) (any, error) {
	var q satellite.ReadCall
	if err := satellite.Decode(body, &q); err != nil {
		return nil, err
	}
	var l *lease
	if q.View == 0 {
		if err := s.d.waitSeen(ctx, q.Min); err != nil {
			return nil, err
		}
		var err error
		if l, q.View, err = s.d.open(ctx, s.id); err != nil {
			return nil, err
		}
	} else {
		s.d.mu.Lock()
		l = s.d.views[q.View]
		s.d.mu.Unlock()
		if l == nil || l.owner != s.id {
			return nil, fmt.Errorf("%w: there is no view %d", satellite.ErrViewLost, q.View)
		}
	}
	ask := question{q, make(chan reply, 1)}
	select {
	case l.asked <- ask:
	case <-l.closed:
		return nil, satellite.ErrViewLost
	}
	select {
	case r := <-ask.answer:
		return r.ans, r.err
	case <-l.closed:
		return nil, satellite.ErrViewLost
	}
}

// open starts a view. It ends with the connection, ctx.
func (d *Desk) open(ctx context.Context, owner string) (*lease, uint64, error) {
	ctx, end := context.WithTimeout(ctx, viewLife)
	d.mu.Lock()
	defer d.mu.Unlock()
	own := 0
	for _, l := range d.views {
		if l.owner == owner {
			own++
		}
	}
	if d.closed || len(d.views) >= maxViews || own >= maxViewsEach {
		end()
		return nil, 0, fmt.Errorf("%w: %d views", satellite.ErrBusy, len(d.views))
	}
	d.nextView++
	id := d.nextView
	closed := make(chan struct{})
	l := &lease{owner: owner, asked: make(chan question), end: end, closed: closed}
	d.views[id] = l
	d.wg.Go(func() {
		defer close(closed)
		defer func() {
			d.mu.Lock()
			delete(d.views, id)
			d.mu.Unlock()
			end()
		}()
		stop := context.AfterFunc(d.ctx, end)
		defer stop()
		if err := d.cfg.View(func(r warehouse.Reader) error { return l.serve(ctx, id, r) }); err != nil && !errors.Is(err, errReleased) {
			d.cfg.Log.Warn("a view of a satellite ended", "satellite", owner, "err", err)
		}
	})
	return l, id, nil
}

func (l *lease) serve(ctx context.Context, id uint64, r warehouse.Reader) error {
	idle := time.NewTimer(viewIdle)
	defer idle.Stop()
	for {
		select {
		case q := <-l.asked:
			ans, err := page(r, q.call)
			ans.View = id
			q.answer <- reply{ans, err}
		case <-idle.C:
			return errReleased
		case <-ctx.Done():
			return errReleased
		}
		idle.Reset(viewIdle)
	}
}

func (d *Desk) release(owner string, id uint64) {
	d.mu.Lock()
	l := d.views[id]
	d.mu.Unlock()
	if l != nil && l.owner == owner {
		l.end()
	}
}

// ReleaseAll ends every view: the state they show is replaced or closed.
func (d *Desk) ReleaseAll() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, l := range d.views {
		l.end()
	}
}

// after is a reader that can begin in the middle of a range.
type after interface {
	RangeAfter(prefix, after []byte, fn func(key, value []byte) (bool, error)) error
}

// page reads what one call asks for.
func page(r warehouse.Reader, q satellite.ReadCall) (satellite.ReadAnswer, error) {
	var ans satellite.ReadAnswer
	bytes := 0
	take := func(key, value []byte) (bool, error) {
		if len(ans.Rows) > 0 && (len(ans.Rows) >= q.Most || bytes+len(key)+len(value) > satellite.MaxPage) {
			ans.More = true
			return false, nil
		}
		bytes += len(key) + len(value)
		ans.Rows = append(ans.Rows, satellite.Row{Key: []byte(string(key)), Value: append([]byte{}, value...)})
		return true, nil
	}
	if q.Range {
		return ans, rangeAfter(r, q.Key, q.After, take)
	}
	value, err := r.Get(q.Key)
	if err != nil {
		return ans, err
	}
	if value != nil {
		if _, err := take(q.Key, value); err != nil {
			return ans, err
		}
	}
	if q.Most == 1 {
		return ans, nil
	}
	folder := q.Key[:strings.LastIndexByte(string(q.Key), '/')+1]
	return ans, rangeAfter(r, folder, q.Key, take)
}

func rangeAfter(r warehouse.Reader, prefix, last []byte, fn func(key, value []byte) (bool, error)) error {
	if a, ok := r.(after); ok {
		return a.RangeAfter(prefix, last, fn)
	}
	return r.Range(prefix, func(key, value []byte) (bool, error) {
		if last != nil && string(key) <= string(last) {
			return true, nil
		}
		return fn(key, value)
	})
}
