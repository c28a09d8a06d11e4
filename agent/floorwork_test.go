package agent

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tote/demo/handheld"
	"tote/warehouse"
)

// askMove asks for goods to be moved through the door of leads and returns the
// task.
func (s *site) askMove(body string) string {
	s.t.Helper()
	status, b := s.call(http.MethodPost, "/v1/do/AskMove", "application/json", body)
	var res warehouse.Result
	if err := json.Unmarshal(b, &res); err != nil || status != http.StatusOK || res.Ref == "" {
		s.t.Fatalf("%d %s %v", status, b, err)
	}
	return res.Ref
}

// qty is what the book says is in a bin.
func (s *site) qty(sku, bin string) (n int64) {
	s.t.Helper()
	s.must(s.gw.agent.view(func(r warehouse.Reader) error {
		all, err := warehouse.Balances(r, sku)
		for _, b := range all {
			if b.Place == warehouse.BinPlace(bin) {
				n += b.Qty
			}
		}
		return err
	}))
	return n
}

// TestFloorTaskOverMQTT: a move asked for over HTTP is claimed, skipped, claimed
// again and done with a handheld; what is wrong on the way is said and changes
// nothing.
func TestFloorTaskOverMQTT(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	id := s.askMove(`{"sku":"A1","qty":3,"from":"B-1","to":"B-2","reason":"closer to the dock"}`)
	was := s.qty("A1", "B-1")
	p := s.picker(1)
	p.refused(handheld.Verb{Verb: "claim", Task: "K000099"}, warehouse.CodeUnknownTask)
	p.refused(handheld.Verb{Verb: "claim", Kind: warehouse.FloorPutaway}, warehouse.CodeNoWork)
	p.refused(handheld.Verb{Verb: "claim", Kind: "SLEEP"}, warehouse.CodeInvalid)
	p.ok(handheld.Verb{Verb: "claim", Kind: warehouse.FloorMove})
	want := handheld.Step{Do: "scan_bin", Task: id, Bin: "B-1", SKU: "A1", Name: p.step.Name, GTIN: p.step.GTIN, Qty: 3, Left: 1, Kind: "MOVE"}
	if d := cmp.Diff(want, p.step); d != "" {
		t.Fatal(d)
	}
	other := s.picker(2)
	other.refused(handheld.Verb{Verb: "claim", Task: id}, warehouse.CodeClaimed)
	other.refused(handheld.Verb{Verb: "skip", Task: id}, warehouse.CodeReplayInvalid)
	p.ok(handheld.Verb{Verb: "skip", Task: id, Reason: "aisle blocked"})
	if p.step.Do != "ask" {
		t.Fatalf("after the skip: %+v", p.step)
	}
	p.ok(handheld.Verb{Verb: "claim"})
	p.refused(handheld.Verb{Verb: "scan", Expect: "bin", Barcode: "B-2", Task: id}, warehouse.CodeWrongBin)
	p.goOn()
	p.refused(handheld.Verb{Verb: "scan", Expect: "item", Barcode: "A2", Task: id}, warehouse.CodeWrongItem)
	p.ok(handheld.Verb{Verb: "scan", Expect: "item", Barcode: "A1", Qty: 3, Task: id})
	p.refused(handheld.Verb{Verb: "skip", Task: id}, warehouse.CodeHasWork)
	p.refused(handheld.Verb{Verb: "short", Task: id, Reason: "STOCKOUT"}, warehouse.CodeWrongStep)
	if res := p.do(handheld.Verb{Verb: "scan", Expect: "bin", Barcode: "B-5", Task: id}); res.OK || res.Code != warehouse.CodeConfirm || res.Next.Do != "put_down" {
		t.Fatalf("another bin: %+v", res)
	}
	p.ok(handheld.Verb{Verb: "scan", Expect: "bin", Barcode: "B-2", Task: id})
	if p.step.Do != "ask" {
		t.Fatalf("after the last scan: %+v", p.step)
	}
	if left, moved := s.qty("A1", "B-1"), s.qty("A1", "B-2"); left != was-3 || moved != 3 {
		t.Errorf("B-1 holds %d of %d, B-2 %d", left, was, moved)
	}
	s.checkLedger()
	// The retained task is what the answer said: another handheld finds it.
	if _, err := p.hh.WaitTask(s.ctx(), func(st handheld.Step) bool { return st.Do == "ask" }); err != nil {
		t.Error(err)
	}
}

// row 92: two workers claim the same task at the same moment, over MQTT. One has
// it, the other is told who; the task is done once.
func TestFloorTaskRow92Race(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	a, b := s.picker(1), s.picker(2)
	for round := range 5 {
		id := s.askMove(`{"sku":"A1","qty":1,"from":"B-1","to":"B-2"}`)
		start := make(chan struct{})
		type answer struct {
			p   *picker
			res handheld.Result
			err error
		}
		answers := make(chan answer, 2)
		for _, p := range []*picker{a, b} {
			go func() {
				<-start
				res, err := p.hh.Do(s.ctx(), handheld.Verb{Verb: "claim", Task: id})
				answers <- answer{p, res, err}
			}()
		}
		close(start)
		var won []*picker
		for range 2 {
			got := <-answers
			s.must(got.err)
			got.p.step = *got.res.Next
			switch {
			case got.res.OK:
				won = append(won, got.p)
			case got.res.Code != warehouse.CodeClaimed || !strings.Contains(got.res.Text, "is with W"):
				t.Fatalf("the other is answered %+v", got.res)
			}
		}
		if len(won) != 1 {
			t.Fatalf("%d workers have task %s", len(won), id)
		}
		won[0].goOn()
		won[0].goOn()
		won[0].ok(handheld.Verb{Verb: "scan", Expect: "bin", Barcode: "B-2", Task: id})
		if n := s.qty("A1", "B-2"); n != int64(round+1) {
			t.Errorf("round %d: B-2 holds %d", round, n)
		}
	}
	s.checkLedger()
}
