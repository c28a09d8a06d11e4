package projection

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"tote/warehouse"
	"tote/warehouse/memtx"
)

// site runs commands against the real domain and hands what they touched to
// the projector, as the store does.
type site struct {
	t     *testing.T
	mu    sync.Mutex
	tx    *memtx.Tx
	index uint64
	p     *Projector

	topics   map[string]string
	sent     []string
	notified []string
	fail     error
}

func newSite(t *testing.T) *site {
	s := &site{t: t, tx: memtx.New(), topics: map[string]string{}}
	s.p = New(Config{
		Log:  slog.New(slog.DiscardHandler),
		View: func(fn func(r warehouse.Reader) error) error { s.mu.Lock(); defer s.mu.Unlock(); return fn(s.tx) },
		Publish: func(class, id, name string, payload []byte) error {
			s.mu.Lock()
			defer s.mu.Unlock()
			if s.fail != nil {
				return s.fail
			}
			topic := class + "/" + id + "/" + name
			s.topics[topic] = string(payload)
			s.sent = append(s.sent, topic)
			return nil
		},
		LastSeq:  func(_, device string) (uint64, error) { return uint64(len(device)), nil },
		Stations: []string{"pack1"}, Docks: []string{"dock1"},
		Notify: func(key string) { s.mu.Lock(); s.notified = append(s.notified, key); s.mu.Unlock() },
	})
	s.do(warehouse.PutSite{Site: warehouse.Site{
		ID: "s1", CompanyPrefix: "4012345", TotePrefix: "T", CartonTareMg: 1, LeaseMs: 600_000, CartSlots: 4, PackDrop: "DROP",
		Layout: warehouse.Layout{Aisles: 1, Cells: 4, CellMm: 1000, EndMm: 500, PitchMm: 3000},
	}})
	s.do(warehouse.PutWorkers{Workers: []warehouse.Worker{{ID: "W1", Name: "Ann", Badge: "B1"}, {ID: "W2", Name: "Bob", Badge: "B2"}}})
	return s
}

func (s *site) do(c warehouse.Command) {
	s.t.Helper()
	s.mu.Lock()
	s.index++
	res, err := warehouse.Apply(s.tx, warehouse.Meta{Index: s.index, Now: 1_800_000_000_000, Cause: "c", Level: warehouse.Level}, c)
	s.mu.Unlock()
	if err != nil || !res.OK {
		s.t.Fatalf("%#v: %+v %v", c, res, err)
	}
	s.p.Touch(res.Touched)
}

// run starts the projector and waits until it rests.
func (s *site) run() {
	go func() { _ = s.p.Run(s.t.Context()) }()
	synctest.Wait()
}

func (s *site) shows(topic, want string) {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	var got struct {
		Do   string `json:"do"`
		Last uint64 `json:"last"`
	}
	if err := json.Unmarshal([]byte(s.topics[topic]), &got); err != nil {
		s.t.Errorf("%s: %q: %v", topic, s.topics[topic], err)
	}
	if g := fmt.Sprintf("%s%d", got.Do, got.Last); g != want {
		s.t.Errorf("%s shows %q, want %q", topic, g, want)
	}
}

func TestEverythingAtTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		s.do(warehouse.SignIn{Device: "hh1", Badge: "B1"})
		s.run()
		s.shows("handheld/hh1/task", "ask0")
		s.shows("handheld/hh1/seq", "3")
		s.shows("station/pack1/task", "scan_tote0")
		s.shows("dock/dock1/task", "scan_label0")
	})
}

func TestChangesAndTakeOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		s.run()
		s.do(warehouse.SignIn{Device: "hh1", Badge: "B1"})
		synctest.Wait()
		s.shows("handheld/hh1/task", "ask0")
		s.do(warehouse.AskWork{Device: "hh1"})
		synctest.Wait()
		s.shows("handheld/hh1/task", "wait0")
		// The worker signs in on another handheld: the old one must say so.
		s.do(warehouse.SignIn{Device: "hh2", Badge: "B1"})
		synctest.Wait()
		s.shows("handheld/hh1/task", "sign_in0")
		s.shows("handheld/hh2/task", "wait0")
		if !slices.Contains(s.notified, "worker/W1") {
			t.Errorf("notified %v", s.notified)
		}
	})
}

func TestSameStateIsPublishedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		s.run()
		s.do(warehouse.SignIn{Device: "hh1", Badge: "B1"})
		synctest.Wait()
		n := len(s.sent)
		for range 5 {
			s.p.Touch([]string{"worker/W1", "station/pack1", "order/none", "nonsense"})
			synctest.Wait()
		}
		if len(s.sent) != n {
			t.Errorf("published again: %v", s.sent[n:])
		}
	})
}

func TestResetHandheldLearnsItsSequence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		s.run()
		s.p.Connected("handheld", "hh9")
		s.p.Connected("display", "pack1") // nothing to tell
		synctest.Wait()
		s.shows("handheld/hh9/seq", "3")
		s.shows("handheld/hh9/task", "sign_in0")
	})
}

// A display of a place that belongs to another gateway, and of which there is no
// record yet.
func TestAPlaceThatIsAskedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		s.run()
		if s.topics["dock/dock7/task"] != "" {
			t.Fatal("shown unasked")
		}
		for range 2 {
			s.p.Asked("dock", "dock7")
			s.p.Asked("station", "pack7")
		}
		synctest.Wait()
		s.shows("dock/dock7/task", "scan_label0")
		s.shows("station/pack7/task", "scan_tote0")
		// It stays among what is published when everything is.
		clear(s.topics)
		s.p.sent = map[string]string{}
		s.p.Everything()
		synctest.Wait()
		s.shows("dock/dock7/task", "scan_label0")
		for i := range 2 * maxAsked {
			s.p.Asked("dock", fmt.Sprint("d", i))
		}
		synctest.Wait()
		if n := len(s.p.asked); n != maxAsked || len(s.topics) > maxAsked+10 {
			t.Errorf("%d places and %d topics kept", n, len(s.topics))
		}
		s.p.Asked("dock", "dock7") // known ones are served as before
		synctest.Wait()
		s.shows("dock/dock7/task", "scan_label0")
	})
}

func TestFailureEndsRunAndTheNextRunPublishesAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		s.fail = errors.New("broker gone")
		if err := s.p.Run(t.Context()); err == nil {
			t.Fatal("no error")
		}
		s.fail = nil
		s.run()
		s.shows("station/pack1/task", "scan_tote0")
		s.shows("dock/dock1/task", "scan_label0")
	})
}
