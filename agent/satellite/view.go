package satellite

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"strings"
	"time"

	"tote/raftstore/peer"
	"tote/warehouse"
)

// View runs fn on a consistent snapshot of the state of the gateway it is
// attached to. It waits a few seconds for a gateway ([ErrNoGateway]: nothing was
// read). When the gateway is lost while fn runs, what fn reads fails with
// [ErrViewLost], and so does View, whatever fn makes of it.
func (s *Store) View(fn func(r warehouse.Reader) error) error {
	ctx, cancel := context.WithTimeout(s.ctx, s.patience())
	defer cancel()
	select {
	case s.views <- struct{}{}:
		defer func() { <-s.views }()
	case <-ctx.Done():
		return ErrBusy
	}
	at, err := s.current(ctx)
	if err != nil {
		return err
	}
	r := &reader{s: s, at: at, min: s.seenNow(), folders: map[string]*folder{}}
	defer r.close()
	if err := fn(r); err != nil {
		return err
	}
	return r.lost
}

// patience is how long a reader waits for a gateway: when nobody has answered for
// a while, whoever reads hears of it at once.
func (s *Store) patience() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.at == nil && !s.quorum && !s.since.IsZero() {
		return 10 * time.Millisecond
	}
	return viewWait
}

// Rows in one answer: a range begins small, because many stop early.
const (
	pageFirst = 64
	ahead     = 64 // rows after one key, in a folder that is walked through
)

// reader reads one view. It belongs to one goroutine. The view is opened with the
// first question.
type reader struct {
	s    *Store
	at   *attachment
	min  uint64
	view uint64
	lost error

	folders map[string]*folder
}

// folder is what is known of the keys below one path: a run without gaps.
type folder struct {
	gets int
	miss int // runs that were read ahead and of no use
	rows []Row
	from string
	to   string // the run ends with this key; whole = it ends with the folder
	all  bool
	used bool
}

// maxFolders bounds what one view keeps.
const maxFolders = 64

// ask asks within the view. The first question is asked of the next gateway when
// the first does not answer: nothing was read before it.
func (r *reader) ask(q ReadCall) (ReadAnswer, error) {
	var ans ReadAnswer
	if r.lost != nil {
		return ans, r.lost
	}
	ctx, cancel := context.WithTimeout(r.s.ctx, viewWait)
	defer cancel()
	for {
		if q.View = r.view; r.view == 0 {
			q.Min = r.min
		}
		err := r.s.ask(ctx, r.at, CallRead, q, &ans)
		if err == nil {
			r.view = ans.View
			return ans, nil
		}
		if errors.Is(err, peer.ErrUnreachable) || errors.Is(err, peer.ErrLost) {
			r.s.leave(r.at)
		}
		if r.view != 0 || final(err) && !errors.Is(known(err), ErrBusy) {
			r.lost = fmt.Errorf("%w: %w", ErrViewLost, known(err))
			return ans, r.lost
		}
		if !r.s.rest(ctx) {
			r.lost = fmt.Errorf("%w: %w", ErrNoGateway, err)
			return ans, r.lost
		}
		at, cerr := r.s.current(ctx)
		if cerr != nil {
			r.lost = cerr
			return ans, cerr
		}
		r.at, ans = at, ReadAnswer{}
	}
}

// Get implements warehouse.Reader. After the first keys of a folder the ones that
// follow come along, as long as they are of use.
func (r *reader) Get(key []byte) ([]byte, error) {
	k := string(key)
	path := k[:strings.LastIndexByte(k, '/')+1]
	f := r.folders[path]
	if f == nil {
		f = &folder{}
		if len(r.folders) < maxFolders {
			r.folders[path] = f
		}
	}
	if len(f.rows) > 0 || f.all {
		if k >= f.from && (f.all || k <= f.to) {
			i := sort.Search(len(f.rows), func(i int) bool { return string(f.rows[i].Key) >= k })
			f.used = true
			if i < len(f.rows) && string(f.rows[i].Key) == k {
				return f.rows[i].Value, nil
			}
			return nil, nil
		}
		if !f.used {
			f.miss++
		}
	}
	f.gets++
	most := 1
	if f.gets > 1 && f.miss < 2 {
		most = ahead
	}
	ans, err := r.ask(ReadCall{Key: key, Most: most})
	if err != nil {
		return nil, err
	}
	if most > 1 {
		f.rows, f.from, f.all, f.used = ans.Rows, k, !ans.More, false
		if n := len(ans.Rows); n > 0 {
			f.to = string(ans.Rows[n-1].Key)
		}
	}
	if len(ans.Rows) > 0 && string(ans.Rows[0].Key) == k {
		return ans.Rows[0].Value, nil
	}
	return nil, nil
}

// Range implements warehouse.Reader.
func (r *reader) Range(prefix []byte, fn func(key, value []byte) (bool, error)) error {
	q := ReadCall{Key: prefix, Range: true, Most: pageFirst}
	for {
		ans, err := r.ask(q)
		if err != nil {
			return err
		}
		for _, row := range ans.Rows {
			if !strings.HasPrefix(string(row.Key), string(prefix)) {
				return fmt.Errorf("%w: a row that is not of the range", ErrMalformed)
			}
			more, err := fn(row.Key, row.Value)
			if err != nil || !more {
				return err
			}
		}
		if !ans.More {
			return nil
		}
		q.After = ans.Rows[len(ans.Rows)-1].Key
		q.Most = min(4*q.Most, MaxRows)
	}
}

// close gives the view back. Nobody waits for the answer: the gateway ends a view
// by itself, too.
func (r *reader) close() {
	if r.view == 0 || r.lost != nil {
		return
	}
	r.s.background(func() {
		ctx, cancel := context.WithTimeout(r.s.ctx, time.Second)
		defer cancel()
		_ = r.s.ask(ctx, r.at, CallClose, CloseCall{View: r.view}, nil)
	})
}
