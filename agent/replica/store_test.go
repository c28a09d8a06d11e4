//go:build !386 && !arm && !mips && !mipsle

package replica

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"tote/raftstore"
	"tote/warehouse"
)

func TestMain(m *testing.M) {
	if linChild() { // the test binary started again, as a gateway
		return
	}
	goleak.VerifyTestMain(m)
}

const deadline = 15 * time.Second

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	t.Cleanup(cancel)
	return ctx
}

// openStore opens a store in dir that leads.
func openStore(t *testing.T, dir string) *Store {
	t.Helper()
	return openAt(t, dir, time.Now())
}

// openAt is openStore at a time of day.
func openAt(t *testing.T, dir string, now time.Time) *Store {
	t.Helper()
	s, err := Open(raftstore.Config{
		Dir: dir, NodeID: "gw1", Logger: slog.New(slog.DiscardHandler), Now: func() time.Time { return now },
		HeartbeatTimeout: 20 * time.Millisecond, ElectionTimeout: 20 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() }) // may be closed already
	if err := s.WaitLeader(within(t)); err != nil {
		t.Fatal(err)
	}
	return s
}

func do(t *testing.T, s *Store, by By, c warehouse.Command) warehouse.Result {
	t.Helper()
	res, err := s.Do(within(t), by, c)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func (s *Store) site(t *testing.T) (site *warehouse.Site) {
	t.Helper()
	if err := s.View(func(r warehouse.Reader) (err error) { site, err = warehouse.GetSite(r); return err }); err != nil {
		t.Fatal(err)
	}
	return site
}

// TestRepeatsByDevice: the same sequence gets the first answer, a refusal too,
// also after a restart; other content under it is told apart.
func TestRepeatsByDevice(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir)
	by := func(seq uint64) By { return By{Device: "handheld/h1", Seq: seq, Actor: "handheld/h1"} }
	do(t, s, By{ID: [16]byte{1}, Actor: "test"}, warehouse.PutSite{Site: testSite})
	do(t, s, By{ID: [16]byte{2}, Actor: "test"}, warehouse.PutWorkers{Workers: []warehouse.Worker{{ID: "W1", Name: "Mira", Badge: "B1"}}})
	in := warehouse.SignIn{Device: "h1", Badge: "B1"}
	first := do(t, s, by(1), in)
	refused := do(t, s, by(2), warehouse.SignIn{Device: "h1", Badge: "B9"})
	if !first.OK || refused.Code != warehouse.CodeUnknownBadge {
		t.Fatalf("%+v, %+v", first, refused)
	}
	do(t, s, by(3), warehouse.SignOut{Device: "h1"})
	applied := s.Applied()
	again := func() {
		t.Helper()
		if diff := cmp.Diff(first, do(t, s, by(1), in)); diff != "" {
			t.Errorf("another answer (-first +again):\n%s", diff)
		}
		if diff := cmp.Diff(refused, do(t, s, by(2), warehouse.SignIn{Device: "h1", Badge: "B9"})); diff != "" {
			t.Errorf("another refusal (-first +again):\n%s", diff)
		}
		if res := do(t, s, by(1), warehouse.SignOut{Device: "h1"}); res.OK || res.Code != CodeSeqReused || res.Text == "" {
			t.Errorf("another verb under the sequence: %+v", res)
		}
		if last, err := s.LastSeq("handheld/h1"); err != nil || last != 3 {
			t.Errorf("newest sequence %d, %v", last, err)
		}
		var worker string
		if err := s.View(func(r warehouse.Reader) (err error) { worker, err = warehouse.WorkerOfDevice(r, "h1"); return err }); err != nil || worker != "" {
			t.Errorf("the repeat signed %q in again, %v", worker, err)
		}
	}
	again()
	if s.Applied() < applied {
		t.Errorf("applied went from %d to %d", applied, s.Applied())
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openStore(t, dir)
	again()
	do(t, s, by(500), in)
	if res := do(t, s, by(4), in); res.OK || res.Code != CodeSeqTooOld {
		t.Errorf("a sequence behind the answers kept: %+v", res)
	}
}

// TestRepeatsByID: a command of the gateway itself, asked again with its id.
func TestRepeatsByID(t *testing.T) {
	s := openStore(t, t.TempDir())
	by := By{ID: [16]byte{7}, Actor: "test"}
	var results [8]warehouse.Result
	var wg sync.WaitGroup
	for i := range results {
		wg.Go(func() {
			var err error
			if results[i], err = s.Do(within(t), by, warehouse.PutSite{Site: testSite}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, r := range results {
		if diff := cmp.Diff(results[0], r); diff != "" || !r.OK {
			t.Errorf("another answer:\n%s", diff)
		}
	}
	if site := s.site(t); site == nil || site.ID != "s1" {
		t.Errorf("site %+v", site)
	}
}

// TestTooBig: a command that can never get into the log is answered, so that
// its maker does not send it for ever.
func TestTooBig(t *testing.T) {
	s := openStore(t, t.TempDir())
	var items []warehouse.Item
	for i := range 6_000 {
		items = append(items, warehouse.Item{SKU: fmt.Sprint("SKU-", i), Name: "a rather long name for such a small thing", WeightMg: 1})
	}
	if res := do(t, s, By{ID: [16]byte{1}, Actor: "test"}, warehouse.PutItems{Items: items}); res.OK || res.Code != warehouse.CodeMalformed {
		t.Errorf("%+v", res)
	}
	do(t, s, By{ID: [16]byte{2}, Actor: "test"}, warehouse.PutSite{Site: testSite}) // nobody else is stopped
	if res := do(t, s, By{Actor: "test"}, warehouse.PutSite{Site: testSite}); res.Code != warehouse.CodeMalformed {
		t.Errorf("without an id: %+v", res)
	}
}

// TestClosedStore: no answer is made up.
func TestClosedStore(t *testing.T) {
	s := openStore(t, t.TempDir())
	if !s.IsLeader() || s.Term() == 0 {
		t.Errorf("leader %v, term %d", s.IsLeader(), s.Term())
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if res, err := s.Do(within(t), By{ID: [16]byte{1}}, warehouse.PutSite{Site: testSite}); err == nil {
		t.Errorf("answered %+v", res)
	}
}

// TestContextEnds: a context that ended gives an error and no result.
func TestContextEnds(t *testing.T) {
	s := openStore(t, t.TempDir())
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if res, err := s.Do(ctx, By{ID: [16]byte{1}}, warehouse.PutSite{Site: testSite}); err == nil {
		t.Errorf("answered %+v", res)
	}
}

// TestRefusalNamesItsCode: a person who is refused finds what to do by it.
func TestRefusalNamesItsCode(t *testing.T) {
	for err, want := range map[error]string{
		raftstore.ErrDiskFull: "STO-301: raftstore: too little free disk space",
		errBroken:             errBroken.Error(),
	} {
		if got := named(err); got.Error() != want || !errors.Is(got, err) {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
