package robot

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"tote/firmware-tests/record"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start runs a robot whose brokers are never reached; messages are put into its
// queue.
func start(t *testing.T, change func(*Params)) (*Robot, *record.Book) {
	t.Helper()
	p := Params{Brokers: []string{"tcp://127.0.0.1:1"}, Manufacturer: "KIT", Serial: "R1", Node: "A", SpeedMmS: 1000, ActionMs: 500}
	if change != nil {
		change(&p)
	}
	book, err := record.Open("r1", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	r, err := New(p, book)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	r.on[Silent] = true
	r.dialer = func(context.Context, string, string) (net.Conn, error) { return nil, errGone }
	go func() { done <- r.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return r, book
}

func TestTheWorldDecides(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, book := start(t, func(p *Params) { p.ExternalActions = true })
		none, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if as := r.Actions(none); as != nil {
			t.Errorf("nothing to do, got %v", as)
		}
		r.in <- message{r.p.topic("order"), order("o1", 0, 0, "A B:pick C")}
		as := r.Actions(t.Context())
		if len(as) != 1 || as[0].Node != "B" || as[0].Type != "pick" || as[0].Params["loadId"] != "T1" || as[0].Order != "o1" {
			t.Fatalf("actions %+v", as)
		}
		if err := r.FinishAction("other", finished, ""); !errors.Is(err, ErrNoAction) {
			t.Errorf("another id: %v", err)
		}
		if err := r.FinishAction(as[0].ID, "MAYBE", ""); !errors.Is(err, ErrResult) {
			t.Errorf("another result: %v", err)
		}
		time.Sleep(time.Hour)
		if s := r.State(); s.Node != "B" || s.Driving {
			t.Errorf("it did not wait: %+v", s)
		}
		if err := r.FinishAction(as[0].ID, failed, "bin is empty"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if err := r.FinishAction(as[0].ID, failed, ""); !errors.Is(err, ErrNoAction) {
			t.Errorf("ended twice: %v", err)
		}
		i := slices.IndexFunc(book.After(0), func(e record.Entry) bool { return e.Kind == record.Acted })
		if a := book.After(0)[i].Action; a.Result != failed || a.Description != "bin is empty" || len(a.Loads) != 0 {
			t.Errorf("record %+v", a)
		}
	})
}

// An order may begin with an action where the robot stands: whoever waits for an
// action hears of it at once, not when the next one comes.
func TestActionWhereItStands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _ := start(t, func(p *Params) { p.ExternalActions = true })
		synctest.Wait()
		soon, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		told := make(chan []record.Action)
		go func() { told <- r.Actions(soon) }()
		synctest.Wait()
		r.in <- message{r.p.topic("order"), order("o1", 0, 0, "A:pick")}
		if as := <-told; len(as) != 1 || as[0].Node != "A" {
			t.Errorf("told of %+v", as)
		}
	})
}

func TestFaults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, book := start(t, nil)
		if err := r.SetFault("tired", true); !errors.Is(err, ErrUnknownFault) {
			t.Errorf("unknown fault: %v", err)
		}
		drive := message{r.p.topic("order"), order("o1", 0, 0, "A B C:pick")}
		set := func(name string, on bool) {
			t.Helper()
			if err := r.SetFault(name, on); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		set(DropOrders, true)
		r.in <- drive
		synctest.Wait()
		if r.State().OrderID != "" {
			t.Error("the first message was not lost")
		}
		r.in <- drive
		time.Sleep(500 * time.Millisecond)
		if s := r.State(); s.OrderID != "o1" || s.X != 500 {
			t.Errorf("the second message was lost: %+v", s)
		}
		set(DropOrders, false)
		set(Vanish, true)
		time.Sleep(time.Minute)
		if s := r.State(); s.X != 500 {
			t.Errorf("without power it drove on: %+v", s)
		}
		set(Vanish, false)
		if s := r.State(); s.OrderID != "" || s.Node != "" || s.X != 500 {
			t.Errorf("booted: %+v", s)
		}
		set(RejectOrders, true)
		r.in <- drive
		synctest.Wait()
		if lastError(r.m) != orderError {
			t.Errorf("errors %+v", r.m.errors)
		}
		set(RejectOrders, false)
		set(FatalError, true)
		set(LowBattery, true)
		if s := r.m.snapshot(time.Now()); s.Battery.Charge != 7 || s.Errors[len(s.Errors)-1].Level != "FATAL" {
			t.Errorf("%+v", s)
		}
		set(FatalError, false)
		set(LowBattery, false)
		if s := r.m.snapshot(time.Now()); s.Battery.Charge != 90 || lastError(r.m) == FatalError {
			t.Errorf("%+v", s)
		}
		set(Manual, true)
		set(Manual, true) // no change, no entry
		if got := r.ActiveFaults(); !slices.Equal(got, []string{Manual, Silent}) {
			t.Errorf("active %v", got)
		}
		n := 0
		for _, e := range book.After(0) {
			if e.Kind == record.Fault && e.Fault.Name == Manual {
				n++
			}
		}
		if n != 1 {
			t.Errorf("%d entries of the fault", n)
		}
	})
}

func TestHeadersCount(t *testing.T) {
	book, _ := record.Open("r1", "", nil)
	r, err := New(Params{Brokers: []string{"tcp://x:1"}, Node: "A"}, book)
	if err != nil {
		t.Fatal(err)
	}
	for want := range uint32(3) {
		raw, err := r.connection("ONLINE")
		if err != nil {
			t.Fatal(err)
		}
		var c connectionMsg
		if err := json.Unmarshal(raw, &c); err != nil || c.HeaderID != want || c.Version != "2.0.0" || c.ConnectionState != "ONLINE" {
			t.Errorf("%s: %v", raw, err)
		}
	}
	if h := r.header("state"); h.HeaderID != 0 {
		t.Errorf("each topic counts for itself: %d", h.HeaderID)
	}
}

func TestParams(t *testing.T) {
	for name, p := range map[string]Params{
		"no brokers":   {Serial: "R1"},
		"slash":        {Brokers: []string{"x"}, Serial: "a/b"},
		"wildcard":     {Brokers: []string{"x"}, Manufacturer: "+"},
		"backwards":    {Brokers: []string{"x"}, SpeedMmS: -1},
		"full battery": {Brokers: []string{"x"}, Battery: 101},
		"too fast":     {Brokers: []string{"x"}, Factor: 1e9},
		"state flood":  {Brokers: []string{"x"}, StateMs: 1},
	} {
		if _, err := New(p, nil); !errors.Is(err, ErrParams) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
