package handheld

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"tote/agent/broker"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const deadline = 10 * time.Second

// desk is the far side: the gateway's real broker, with a clerk behind it who
// keeps the book of sequences and may misbehave.
type desk struct {
	t *testing.T
	b *broker.Broker

	mu      *sync.Mutex       // of the book, guards all below
	book    map[uint64]Result // what was answered, as every gateway keeps it
	got     []Verb            // every copy that came
	refuse  bool              // nothing can be recorded: no PUBACK
	swallow int               // so many results are lost on the way
}

func newDesk(t *testing.T, b *book) *desk {
	t.Helper()
	d := &desk{t: t, mu: &b.mu, book: b.results}
	var err error
	d.b, err = broker.New(broker.Config{
		Listen: []broker.Listener{{Address: "127.0.0.1:0"}}, Site: "s1",
		Connected: func(dev broker.Device) { d.tell(dev.ID) },
	}, d)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.b.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.b.Close() }) // may be closed already
	return d
}

// book is what the gateways of a site have in common.
type book struct {
	mu      sync.Mutex
	results map[uint64]Result
}

func newBook() *book { return &book{results: map[uint64]Result{}} }

// tell publishes the newest sequence.
func (d *desk) tell(id string) {
	d.mu.Lock()
	last := uint64(0)
	for seq := range d.book {
		last = max(last, seq)
	}
	d.mu.Unlock()
	d.publish(id, "state/seq", map[string]uint64{"last": last}, true)
}

func (d *desk) publish(id, name string, v any, retain bool) {
	b, err := json.Marshal(v)
	if err == nil {
		err = d.b.Publish("tote/v1/s1/handheld/"+id+"/"+name, b, retain, 1)
	}
	if err != nil {
		d.t.Error(err)
	}
}

var errDisk = errors.New("not recorded")

// Command implements broker.Handler.
func (d *desk) Command(_ context.Context, dev broker.Device, _ string, payload []byte) error {
	d.mu.Lock()
	var v Verb
	if err := json.Unmarshal(payload, &v); err != nil {
		d.t.Errorf("%s: %v", payload, err)
	}
	if d.refuse {
		d.mu.Unlock()
		return errDisk
	}
	d.got = append(d.got, v)
	r, known := d.book[v.Seq]
	if !known {
		r = Result{CmdID: v.CmdID, Seq: v.Seq, OK: true, Code: "OK", Text: fmt.Sprint("the answer to ", v.Barcode), Next: &Step{Do: "ask"}}
		d.book[v.Seq] = r
	}
	lost := d.swallow > 0
	if lost {
		d.swallow--
	}
	d.mu.Unlock()
	if !lost {
		d.publish(dev.ID, "down/result", r, false)
	}
	return nil
}

// copies counts what came of a sequence.
func (d *desk) copies(seq uint64) (n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, v := range d.got {
		if v.Seq == seq {
			n++
		}
	}
	return n
}

// seen is every copy that came.
func (d *desk) seen() []Verb {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.got)
}

func (d *desk) answer(seq uint64) Result {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.book[seq]
}

// client runs a handheld until the test or stop ends it.
func client(t *testing.T, outbox string, desks ...*desk) (c *Client, stop func()) {
	t.Helper()
	return clientOf(t, Config{Outbox: outbox}, desks...)
}

func clientOf(t *testing.T, cfg Config, desks ...*desk) (c *Client, stop func()) {
	t.Helper()
	cfg.Site, cfg.Device, cfg.Resend = "s1", "h1", 100*time.Millisecond
	for _, d := range desks {
		cfg.Brokers = append(cfg.Brokers, "tcp://"+d.b.Addr())
	}
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := c.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	stop = func() { cancel(); wg.Wait() }
	t.Cleanup(stop)
	return c, stop
}

func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

func do(t *testing.T, c *Client, barcode string) Result {
	t.Helper()
	r, err := c.Do(within(t, deadline), Verb{Verb: "scan", Barcode: barcode})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestVerbsAreNumbered(t *testing.T) {
	d := newDesk(t, newBook())
	c, _ := client(t, "", d)
	for i := range uint64(3) {
		r := do(t, c, "B-1")
		if r.Seq != i+1 || r.CmdID != fmt.Sprintf("h1-%d", i+1) || !r.OK || r.Text != "the answer to B-1" {
			t.Errorf("verb %d: %+v", i+1, r)
		}
	}
	if c.Pending() != 0 {
		t.Errorf("%d verbs wait", c.Pending())
	}
	if v := d.seen()[0]; v.At == 0 || v.Verb != "scan" {
		t.Errorf("on the wire: %+v", v)
	}
}

// TestOutboxSurvivesARestart: a flat battery between scan and answer loses
// nothing; the same bytes go out again, and only then new ones.
func TestOutboxSurvivesARestart(t *testing.T) {
	d := newDesk(t, newBook())
	file := filepath.Join(t.TempDir(), "outbox")
	c, stop := client(t, file, d)
	do(t, c, "B-1")
	d.mu.Lock()
	d.refuse = true
	d.mu.Unlock()
	if _, err := c.Do(within(t, 150*time.Millisecond), Verb{Verb: "scan", Barcode: "A1"}); !errors.Is(err, ErrInterrupted) {
		t.Fatalf("without the site: %v", err)
	}
	stop()
	before := c.outbox.state

	d.mu.Lock()
	d.refuse = false
	d.mu.Unlock()
	again, _ := client(t, file, d)
	if diff := cmp.Diff(before, again.outbox.state); diff != "" {
		t.Errorf("another outbox after the restart (-before +after):\n%s", diff)
	}
	if r := do(t, again, "T-1"); r.Seq != 3 {
		t.Errorf("the next verb: %+v", r)
	}
	if diff := cmp.Diff(before.Verbs[0], d.seen()[1]); diff != "" || d.answer(2).Text != "the answer to A1" {
		t.Errorf("the kept verb arrived otherwise (-kept +arrived):\n%s", diff)
	}
	if again.Pending() != 0 {
		t.Errorf("%d verbs wait", again.Pending())
	}
}

// TestLostResult: recorded, acknowledged, and the answer lost. The verb is sent
// again and gets the answer of the first time.
func TestLostResult(t *testing.T) {
	d := newDesk(t, newBook())
	d.swallow = 2
	c, _ := client(t, "", d)
	if r := do(t, c, "A1"); r.Seq != 1 || r.Text != "the answer to A1" {
		t.Errorf("%+v", r)
	}
	if n := d.copies(1); n != 3 {
		t.Errorf("%d copies came, want 3", n)
	}
	if r := do(t, c, "T-1"); r.Seq != 2 || r.Text != "the answer to T-1" {
		t.Errorf("the next verb: %+v", r)
	}
}

// TestLateResult: the answer to an earlier copy is not taken for that of the
// next verb.
func TestLateResult(t *testing.T) {
	d := newDesk(t, newBook())
	c, _ := client(t, "", d)
	first := do(t, c, "A1")
	d.publish("h1", "down/result", first, false)
	d.publish("h1", "down/result", Result{Seq: 0, Code: "MALFORMED"}, false)
	if err := d.b.Publish("tote/v1/s1/handheld/h1/down/result", []byte("not JSON"), false, 1); err != nil {
		t.Fatal(err)
	}
	if r := do(t, c, "T-1"); r.Seq != 2 || r.Text != "the answer to T-1" {
		t.Errorf("%+v", r)
	}
}

// TestSecondBroker: the first gateway dies while a verb is on its way; the
// second, which has the same book, answers.
func TestSecondBroker(t *testing.T) {
	b := newBook()
	one := newDesk(t, b)
	two := newDesk(t, b)
	c, _ := client(t, "", one, two)
	do(t, c, "B-1")
	if len(one.seen()) != 1 || len(two.seen()) != 0 {
		t.Fatalf("%d verbs at the first, %d at the second", len(one.seen()), len(two.seen()))
	}
	one.mu.Lock()
	one.refuse = true
	one.mu.Unlock()
	result := make(chan Result, 1)
	go func() {
		r, err := c.Do(within(t, deadline), Verb{Verb: "scan", Barcode: "A1"})
		if err != nil {
			t.Error(err)
		}
		result <- r
	}()
	end := time.Now().Add(deadline)
	for one.b.Stats().Withheld == 0 && time.Now().Before(end) {
		<-time.After(time.Millisecond)
	}
	if err := one.b.Close(); err != nil {
		t.Fatal(err)
	}
	if r := <-result; r.Seq != 2 || r.Text != "the answer to A1" {
		t.Errorf("%+v", r)
	}
	if n := two.copies(2); n == 0 {
		t.Error("the second gateway never saw it")
	}
}

// TestResetHandheldGoesOn: without memory of its own it waits until the site
// has told its newest sequence, and goes on behind it.
func TestResetHandheldGoesOn(t *testing.T) {
	b := newBook()
	for seq := uint64(1); seq <= 41; seq++ {
		b.results[seq] = Result{Seq: seq, OK: true, Code: "OK", Text: "an old answer"}
	}
	d := newDesk(t, b)
	file := filepath.Join(t.TempDir(), "outbox")
	c, stop := client(t, file, d)
	if r := do(t, c, "A1"); r.Seq != 42 || r.Text != "the answer to A1" {
		t.Errorf("%+v", r)
	}
	stop()
	// One that remembers more than the site tells keeps its own count.
	b.mu.Lock()
	delete(b.results, 42)
	b.mu.Unlock()
	c, _ = client(t, file, d)
	if r := do(t, c, "T-1"); r.Seq != 43 {
		t.Errorf("%+v", r)
	}
}

// TestNoWordOfTheSequence: nothing goes out under a guessed one.
func TestNoWordOfTheSequence(t *testing.T) {
	d := newDesk(t, newBook())
	mute, err := broker.New(broker.Config{Listen: []broker.Listener{{Address: "127.0.0.1:0"}}, Site: "s1"}, d)
	if err != nil {
		t.Fatal(err)
	}
	if err := mute.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = mute.Close() })
	c, _ := client(t, "", &desk{t: t, b: mute})
	if _, err := c.Do(within(t, 150*time.Millisecond), Verb{Verb: "ask"}); !errors.Is(err, ErrInterrupted) {
		t.Errorf("got %v", err)
	}
	if len(d.seen()) != 0 || c.Pending() != 0 {
		t.Errorf("sent %+v, %d verbs wait", d.seen(), c.Pending())
	}
}

// TestTask: the retained task is shown, also the one that was there before.
func TestTask(t *testing.T) {
	d := newDesk(t, newBook())
	d.publish("h1", "state/task", Step{Do: "scan_bin", Bin: "B-1", Qty: 2}, true)
	c, _ := client(t, "", d)
	got, err := c.WaitTask(within(t, deadline), func(s Step) bool { return s.Do == "scan_bin" })
	if err != nil || got.Bin != "B-1" || got.Qty != 2 {
		t.Fatalf("%+v, %v", got, err)
	}
	if err := d.b.Publish("tote/v1/s1/handheld/h1/state/task", []byte("{"), true, 1); err != nil {
		t.Fatal(err)
	}
	d.publish("h1", "state/task", Step{Do: "finish"}, true)
	if _, err := c.WaitTask(within(t, deadline), func(s Step) bool { return s.Do == "finish" }); err != nil {
		t.Fatal(err)
	}
	if s := c.Task(); s.Do != "finish" || s.Bin != "" {
		t.Errorf("something of the old task is left: %+v", s)
	}
	if _, err := c.WaitTask(within(t, 20*time.Millisecond), func(Step) bool { return false }); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

// TestNoQuorumIsShown: the screen says that nothing can be recorded and what to
// do, until it can again.
func TestNoQuorumIsShown(t *testing.T) {
	d := newDesk(t, newBook())
	c, _ := client(t, "", d)
	say := func(text string) {
		if err := d.b.Publish("tote/v1/s1/site/s1/state/quorum", []byte(text), true, 1); err != nil {
			t.Fatal(err)
		}
	}
	say(`{"ok":false,"since":"2026-03-01T08:00:00Z","code":"NO_QUORUM","text":"NO QUORUM since 08:00:00","action":"Go on."}`)
	shows := func(want NoQuorum) {
		t.Helper()
		for ctx := within(t, deadline); c.NoQuorum() != want; <-time.After(time.Millisecond) {
			if ctx.Err() != nil {
				t.Fatalf("it shows %+v, want %+v", c.NoQuorum(), want)
			}
		}
	}
	shows(NoQuorum{"NO QUORUM since 08:00:00", "Go on."})
	say(`{"ok":true,"since":"2026-03-01T08:01:00Z"}`)
	shows(NoQuorum{})
}

// TestSentTwice: every so many verbs go out twice on purpose; a second answer
// that differs from the first is noticed.
func TestSentTwice(t *testing.T) {
	d := newDesk(t, newBook())
	c, _ := clientOf(t, Config{Twice: 2}, d)
	for range 4 {
		do(t, c, "A1")
	}
	if sent, torn := c.Doubled(); sent != 2 || torn != 0 || d.copies(1) != 1 || d.copies(2) != 2 {
		t.Errorf("%d doubled, %d torn, %d and %d copies", sent, torn, d.copies(1), d.copies(2))
	}
	other := d.answer(4)
	other.OK, other.Code = false, "OVER_PICK"
	d.publish("h1", "down/result", other, false)
	for ctx := within(t, deadline); ; <-time.After(time.Millisecond) {
		if _, torn := c.Doubled(); torn == 1 {
			return
		}
		if ctx.Err() != nil {
			t.Fatal("two answers to one verb, and nobody noticed")
		}
	}
}
