package cloudsync_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tote/cloudsync"
	"tote/cloudsync/ledger"
	"tote/warehouse"
)

func ofEpoch(n uint32) func(*cloudsync.Config) { return func(c *cloudsync.Config) { c.Epoch = n } }

// TestEpochs: a site is formed anew from an older state, twice. What the OMS had
// of the state comes as a duplicate under its old id, what the site forgot is not
// mixed up with what it does now, and each epoch counts from 1.
func TestEpochs(t *testing.T) {
	c := newCenter(t)
	s := newSite(t)
	acked := func() uint64 {
		var n uint64
		if err := s.view(func(r warehouse.Reader) (err error) { n, err = ledger.Acked(r, "control"); return err }); err != nil {
			t.Fatal(err)
		}
		return n
	}
	newest := func() (n uint64) {
		if err := s.view(func(r warehouse.Reader) (err error) { n, err = ledger.Newest(r, "control"); return err }); err != nil {
			t.Fatal(err)
		}
		return n
	}
	drain := func(epoch uint32) {
		t.Helper()
		stop := run(t, s.runner(t, c.client(t), ofEpoch(epoch)))
		eventually(t, "everything is acknowledged", func() bool { return acked() == newest() })
		if err := stop(); err != nil && !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	}
	s.order(t, "O1")
	drain(1)
	for _, tc := range []struct{ was, epoch uint32 }{{1, 2}, {2, 5}} {
		s.order(t, fmt.Sprintf("O%d0", tc.was)) // in the backup, and sent only later
		s.mu.Lock()
		backup := s.tx.Snapshot()
		s.mu.Unlock()
		drain(tc.was)
		s.order(t, fmt.Sprintf("O%d1", tc.was)) // after the backup
		s.order(t, fmt.Sprintf("O%d3", tc.was))
		drain(tc.was)
		s.mu.Lock()
		s.tx.Rollback(backup)
		err := ledger.BeginEpoch(s.tx, tc.was, tc.epoch)
		s.mu.Unlock()
		if err != nil {
			t.Fatal(err)
		}
		s.order(t, fmt.Sprintf("O%d2", tc.was))
		drain(tc.epoch)
	}
	sum := c.summary()
	want := map[string]map[string]uint64{"1": {"control": 8}, "2": {"control": 8}, "5": {"control": 2}}
	if d := cmp.Diff(want, sum.Streams["dc1"]); d != "" {
		t.Errorf("the OMS has, by epoch: %s", d)
	}
	if sum.Orders != 9 || sum.Events["wms.order.accepted.v1"] != 9 || sum.Events["wms.order.released.v1"] != 9 {
		t.Errorf("%d orders, events %v", sum.Orders, sum.Events)
	}
}
