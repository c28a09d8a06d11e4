package cloudsync_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"tote/cloudsync"
	"tote/cloudsync/ledger"
	"tote/cloudsync/wire"
	"tote/warehouse"
)

// sizedSite refuses what the store would: a command with more than most items,
// or with one of the poisoned orders as an order.
type sizedSite struct {
	*site
	most   int
	poison map[string]bool
	mu     sync.Mutex
	sizes  []int
	rows   uint64 // one AckOutbox takes at most so many; 0 = any
	acked  uint64
}

func (s *sizedSite) propose(ctx context.Context, kind, version uint16, body []byte) (warehouse.Result, error) {
	c, err := ledger.Decode(kind, version, body)
	if err != nil {
		return warehouse.Result{}, err
	}
	if ack, ok := c.(ledger.AckOutbox); ok && s.rows > 0 {
		s.mu.Lock()
		defer s.mu.Unlock()
		if ack.Upto-s.acked > s.rows {
			return warehouse.Result{Code: warehouse.CodeMalformed, Text: "it writes too much"}, nil
		}
		s.acked = max(s.acked, ack.Upto)
	}
	if in, ok := c.(ledger.InboxStore); ok {
		s.mu.Lock()
		s.sizes = append(s.sizes, len(in.Items))
		s.mu.Unlock()
		big := len(in.Items) > s.most
		for _, it := range in.Items {
			big = big || it.Release != nil && s.poison[it.OrderID]
		}
		if big {
			return warehouse.Result{Code: warehouse.CodeMalformed, Text: "it writes too much"}, nil
		}
	}
	return s.site.propose(ctx, kind, version, body)
}

type lockedBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.String()
}

// A page that writes too much is cut, an item that does so alone is refused,
// and nothing waits behind either.
func TestAPageThatIsTooBig(t *testing.T) {
	for _, tc := range []struct {
		name   string
		items  int
		most   int
		poison []string
	}{
		{"cut", 9, 2, nil},
		{"one by one", 5, 1, nil},
		{"one that never fits", 9, 200, []string{"O4"}},
		{"alone", 1, 200, []string{"O0"}},
		{"all", 3, 1, []string{"O0", "O1", "O2"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := &sizedSite{site: newSite(t), most: tc.most, poison: map[string]bool{}}
			for _, id := range tc.poison {
				s.poison[id] = true
			}
			page := wire.InboxPage{Next: "c1"}
			for i := range tc.items {
				o := wire.Order{ID: fmt.Sprint("O", i), Revision: 1, Lines: []wire.OrderLine{{Line: 1, SKU: "A", Qty: 1}}}
				o.ShipTo.Name, o.ShipTo.Street, o.ShipTo.Postcode, o.ShipTo.City, o.ShipTo.Country = "n", "s", "p", "c", "DE"
				data, err := json.Marshal(o)
				if err != nil {
					t.Fatal(err)
				}
				page.Items = append(page.Items, wire.InboxItem{MsgID: fmt.Sprint("m", i), OrderID: o.ID, Revision: 1, Type: wire.TypeRelease, Data: data})
			}
			f := newFake()
			f.pages = []wire.InboxPage{page}
			log := &lockedBuffer{}
			stop := run(t, s.runner(t, f, func(c *cloudsync.Config) {
				c.Propose, c.Log = s.propose, slog.New(slog.NewTextHandler(log, nil))
			}))
			eventually(t, "the page is stored", func() (done bool) {
				_ = s.view(func(r warehouse.Reader) error {
					cursor, err := ledger.Cursor(r, "oms/main")
					done = cursor == "c1"
					return err
				})
				return done
			})
			_ = stop()
			for i := range tc.items {
				id := fmt.Sprint("O", i)
				var o *warehouse.Order
				rejected := map[string]bool{} // by number: one may be on its way
				_ = s.view(func(r warehouse.Reader) (err error) {
					o, err = warehouse.GetOrder(r, id)
					return err
				})
				f.mu.Lock()
				for _, e := range f.got {
					if e.Subject == id && strings.Contains(e.Type, warehouse.EvOrderRejected) {
						rejected[e.Sequence] = true
					}
				}
				f.mu.Unlock()
				if evs, err := warehouse.OutboxRange(s.tx, warehouse.StreamControl, 0, 1000); err != nil {
					t.Fatal(err)
				} else {
					for _, e := range evs {
						if e.Order == id && e.Type == warehouse.EvOrderRejected {
							rejected[fmt.Sprint(e.Seq)] = true
						}
					}
				}
				if s.poison[id] != (o == nil) || s.poison[id] != (len(rejected) == 1) {
					t.Errorf("%s: %v, rejected %d times", id, o, len(rejected))
				}
				if n := strings.Count(log.String(), "too big for the site and is refused"); n != len(tc.poison) {
					t.Errorf("logged %d times", n)
				}
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			if len(s.sizes) > 4*tc.items+4 {
				t.Errorf("proposed %v", s.sizes)
			}
		})
	}
}

// What is acknowledged is kept for a rewind; that, too, must fit a command.
func TestAnAcknowledgementThatIsTooBig(t *testing.T) {
	s := &sizedSite{site: newSite(t), rows: 3}
	for i := range 20 {
		s.order(t, fmt.Sprint("O", i))
	}
	stop := run(t, s.runner(t, newFake(), func(c *cloudsync.Config) { c.Propose = s.propose }))
	eventually(t, "the outbox is empty", func() (done bool) {
		_ = s.view(func(r warehouse.Reader) error {
			n, _, err := warehouse.OutboxDepth(r, warehouse.StreamControl)
			done = n == 0
			return err
		})
		return done
	})
	_ = stop()
}
