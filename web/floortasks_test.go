package web_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tote/warehouse"
)

// floor is the half-way site with four floor tasks: two in the queue, one of
// them a count, one that was skipped, one with goods in the hands of a worker.
func floor(t testing.TB) *site {
	s := half(t)
	s.must(
		warehouse.AskMove{SKU: "CUP", Qty: 3, From: "A-02-R", To: "A-03-L", Priority: 4, Reason: "closer to <b>the dock</b>"},
		warehouse.AskMove{SKU: "PEN", Qty: 2, From: "B-01-L"},
		warehouse.AskMove{SKU: "PEN", Qty: 5, From: "B-01-L", To: "B-02-L"},
		warehouse.PutWorkers{Workers: []warehouse.Worker{{ID: "W3", Name: "Ana", Badge: "BADGE-3"}}},
		warehouse.SignIn{Device: "h3", Badge: "BADGE-3"},
		warehouse.ClaimFloor{Device: "h3", Task: "K000002"}, warehouse.SkipFloor{Device: "h3", Task: "K000002", Reason: "aisle blocked"},
		warehouse.ClaimFloor{Device: "h3", Task: "K000003"},
		warehouse.Scan{Device: "h3", Barcode: "B-01-L"}, warehouse.Scan{Device: "h3", Barcode: "PEN", Qty: 2},
		warehouse.RequestCount{Bin: "B-03-R", Reason: "a box fell"},
	)
	return s
}

func TestFloorTasksGolden(t *testing.T) {
	h := serve(t, floor(t).config())
	w := get(t, h, "/floor-tasks")
	if w.Code != http.StatusOK {
		t.Fatal(w.Code)
	}
	golden(t, "floor-tasks.html", w.Body.String())
	body := get(t, h, "/floor-tasks?kind=PUTAWAY").Body.String()
	if !strings.Contains(body, "No floor task waits.") || !strings.Contains(body, `href="/floor-tasks?kind=PUTAWAY" aria-current="page"`) {
		t.Errorf("of another kind:\n%s", body)
	}
	if w := get(t, h, "/floor-tasks?kind=SLEEP"); w.Code != http.StatusNotFound {
		t.Errorf("of no kind: %d", w.Code)
	}
}

func TestFloorTaskActs(t *testing.T) {
	const end = "/floor-tasks/K000001/end"
	for _, c := range []struct {
		name, path, form string
		status           int
		want             string
	}{
		{"back to the queue", "/floor-tasks/K000003/back", "", http.StatusOK, "<b>OK</b> It is in the queue again."},
		{"what waits already", "/floor-tasks/K000001/back", "", http.StatusOK, "<b>OK</b>"},
		{"give up", end, "reason=not+wanted", http.StatusOK, "<b>OK</b> Given up; nothing was moved."},
		{"give up without a word", end, "reason=+", http.StatusOK, "<b>OK</b>"},
		{"a reason that is too long", end, "reason=" + strings.Repeat("x", 201), http.StatusConflict, "<b>INVALID</b> reason"},
		{"a huge form", end, "reason=" + strings.Repeat("x", 8<<10), http.StatusBadRequest, "cannot be read"},
		{"unknown task", "/floor-tasks/K000099/back", "", http.StatusNotFound, "<b>UNKNOWN_TASK</b>"},
		{"give up an unknown task", "/floor-tasks/a%2Fb/end", "", http.StatusNotFound, "<b>UNKNOWN_TASK</b>"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := floor(t)
			w := post(t, serve(t, s.config()), c.path, c.form)
			if w.Code != c.status || !strings.Contains(w.Body.String(), c.want) {
				t.Errorf("%d, want %d with %q:\n%s", w.Code, c.status, c.want, w.Body)
			}
		})
	}
}

// What the acts come to: the worker is free, the reservation ends.
func TestFloorTaskActsDo(t *testing.T) {
	s := floor(t)
	h := serve(t, s.config())
	post(t, h, "/floor-tasks/K000003/back", "", "X-Requested-With", "console")
	if st := s.next("h3"); st.Do != warehouse.StepAsk {
		t.Errorf("the worker shows %+v", st)
	}
	w := post(t, h, "/floor-tasks/K000003/end", "reason=not+wanted", "X-Requested-With", "console")
	if body := strings.TrimSpace(w.Body.String()); !strings.HasPrefix(body, `<div class="notice ok">`) || strings.Contains(body, "<html") {
		t.Errorf("%d %s", w.Code, body)
	}
	if body := get(t, h, "/floor-tasks").Body.String(); strings.Contains(body, "K000003") || !strings.Contains(body, "3 floor tasks") {
		t.Errorf("the list:\n%s", body)
	}
	s.down = errors.New("no leader")
	if w := post(t, h, "/floor-tasks/K000001/end", ""); w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), "could not record it") {
		t.Errorf("without a quorum: %d", w.Code)
	}
	if w := post(t, h, "/floor-tasks/K000001/end", "", "Origin", "https://evil.example"); w.Code != http.StatusForbidden {
		t.Errorf("from a page of another site: %d", w.Code)
	}
}

func TestFloorTaskStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := floor(t)
		s.step = 0
		h := serve(t, s.config())
		e, end := follow(t, h, "/events?page=/floor-tasks")
		defer end()
		if got := frags(t, e.take("update"))["floortasks"]; !strings.Contains(got, "K000001") {
			t.Fatalf("first: %q", got)
		}
		s.must(warehouse.EndFloor{Task: "K000001", Reason: "x"})
		time.Sleep(2 * time.Second)
		if got := frags(t, e.take("update"))["floortasks"]; got == "" || strings.Contains(got, "K000001") {
			t.Errorf("then: %q", got)
		}
	})
}

func TestLongListOfFloorTasks(t *testing.T) {
	s := small(t)
	s.must(warehouse.OpenStock{Rows: []warehouse.StockRow{{Bin: "B-01-L", SKU: "PEN", Qty: 200}}})
	for range 210 {
		s.must(warehouse.AskMove{SKU: "PEN", Qty: 1, From: "B-01-L"})
	}
	body := get(t, serve(t, s.config()), "/floor-tasks").Body.String()
	if strings.Count(body, `<tr data-key=`) != 200 || !strings.Contains(body, "The 200 oldest of 210 floor tasks") {
		t.Error("the list is not cut, or does not say so")
	}
}
