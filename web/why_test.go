package web_test

import (
	"html"
	"regexp"
	"strings"
	"testing"
	"time"

	"tote/warehouse"
	"tote/web"
)

// reasons is the text of the answer to "why is it not moving" on an order's
// page, without markup.
func reasons(t *testing.T, s *site, cfg web.Config, id string) string {
	t.Helper()
	body := get(t, serve(t, cfg), "/orders/"+id).Body.String()
	_, body, ok := strings.Cut(body, `<section class="card"><h2>`)
	body, _, ok2 := strings.Cut(body, `<section class="card"><h2>Facts`)
	if !ok || !ok2 {
		t.Fatalf("order %s has no answer:\n%s", id, body)
	}
	text := regexp.MustCompile(`<time[^>]*>[^<]*</time>|<[^>]+>`).ReplaceAllString(body, " ")
	return html.UnescapeString(strings.Join(strings.Fields(text), " "))
}

// Every state of an order says what it waits for, who has it and what to do.
func TestWhy(t *testing.T) {
	for _, c := range []struct {
		name  string
		order string
		play  func(s *site)
		want  []string
	}{
		{"short", "O3", func(*site) {}, []string{
			"needs a decision OUT_OF_STOCK", "not enough usable stock for the line. (line 1 · MILK Milk · 7 missing)", "Book stock in", "Retry order O3",
		}},
		{"a quoted change", "O1", func(s *site) {
			r := rules(2, 5, 2)
			r.Changes = &warehouse.ChangeRules{Charges: []warehouse.Charge{{Amount: 750, Restrictions: []string{"GIFT_WRAP"}}}}
			o := s.order("O1").Spec
			o.Revision, o.ShipTo.Name = 2, "Max"
			s.must(warehouse.PutSite{Site: r}, warehouse.ReleaseOrder{Order: o, Source: "oms/main"})
		}, []string{"The OMS was told what a change costs on top: 7.50. It does not reach: GIFT_WRAP.", "the OMS accepts or declines"}},
		{"pool without workers", "O5", func(*site) {}, []string{"waits It is in the pool: no worker is free.", "asks for work on a handheld"}},
		{"pool with a worker waiting", "O5", func(s *site) {
			s.walk("web-abc234", 100)
			s.must(warehouse.AskWork{Device: "web-abc234"})
		}, []string{"moves It is free to pick", "1 worker waits for it: nothing to do."}},
		{"in a batch, not begun", "O2", func(*site) {}, []string{
			"It is picked in batch B1: task 2 of 3, now at bin B-03-R.", "Held by Mira (W1) on web-abc234", "until 14:", "goes back to the pool by itself",
		}},
		{"in a batch, begun", "O1", func(*site) {}, []string{"It is picked in batch B1", "Held by Mira (W1)"}},
		{"all tasks done", "O1", func(s *site) { s.walk("web-abc234", 5) }, []string{"the batch goes to the pack drop next"}},
		{"picked", "O1", func(s *site) { s.walk("web-abc234", 100) }, []string{"waits Tote T01-1 waits for a pack station.", "At packdrop", "Scan the tote at a free pack station."}},
		{"packing", "O1", func(s *site) {
			s.walk("web-abc234", 100)
			s.pack("pack1", "O1", warehouse.OrderPacking)
		}, []string{"the scale should show 2.950 kg", "At pack station pack1", "Put the carton on the scale."}},
		{"wrong weight", "O1", func(s *site) {
			s.walk("web-abc234", 100)
			s.pack("pack1", "O1", warehouse.OrderPacking)
			if res, err := s.do(t.Context(), "test", warehouse.Pack{Station: "pack1", Order: "O1", WeightMg: 5_000_000}); err != nil || res.Code != warehouse.CodeWeightMismatch {
				t.Fatal(res, err)
			}
		}, []string{"WEIGHT_MISMATCH", "expected 2.950 kg, weighed 5.000 kg", "Check contents", "Retry order O1"}},
		{"packed", "O1", func(s *site) {
			s.walk("web-abc234", 100)
			s.pack("pack1", "O1", warehouse.OrderPacked)
		}, []string{"Its label is on its way to the printer.", "At pack station pack1", "Look at the printer"}},
		{"label sent", "O1", func(s *site) {
			s.walk("web-abc234", 100)
			s.must(warehouse.LabelSent{Job: s.pack("pack1", "O1", warehouse.OrderPacked)})
		}, []string{"the printer has not answered yet", "within seconds"}},
		{"label unknown", "O1", func(s *site) {
			s.walk("web-abc234", 100)
			job := s.pack("pack1", "O1", warehouse.OrderPacked)
			s.must(warehouse.LabelSent{Job: job}, warehouse.LabelOutcome{Job: job, Outcome: warehouse.JobUnknown})
		}, []string{"LABEL_UNKNOWN", "Look at the printer: scan the label if it is there", "not proven to be printed", "At pack station pack1"}},
		{"labelled", "O4", func(*site) {}, []string{"labelled and waits to be loaded", "Scan its label at the dock."}},
		{"staged", "O4", func(s *site) { s.must(warehouse.Load{Dock: "dock1", Barcode: s.order("O4").Parcels[0].SSCC}) }, []string{"waits for the departure", "At dock dock1"}},
		{"shipped", "O4", func(s *site) {
			s.must(warehouse.Load{Dock: "dock1", Barcode: s.order("O4").Parcels[0].SSCC}, warehouse.Depart{Dock: "dock1"})
		}, []string{"What became of it", "It has left with the carrier."}},
		{"cancelled", "O5", func(s *site) { s.must(warehouse.CancelOrder{Order: "O5", Source: "site"}) }, []string{"What became of it", "It is cancelled."}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := half(t)
			c.play(s)
			got := reasons(t, s, s.config(), c.order)
			for _, want := range c.want {
				if !strings.Contains(got, want) {
					t.Errorf("no %q in %q", want, got)
				}
			}
		})
	}
}

// A short pick parks its order; a retry by a person is offered only when the
// cart has been put down.
func TestShortPickInTheWalk(t *testing.T) {
	s := half(t)
	s.step = time.Second
	step := s.next("web-abc234")
	if step.SKU != "MILK" {
		t.Fatalf("expected the milk: %+v", step)
	}
	s.must(warehouse.ShortPick{Device: "web-abc234", Task: step.Task, Reason: warehouse.FalloutDamaged})
	body := get(t, serve(t, s.config()), "/").Body.String()
	if !strings.Contains(body, "<b>DAMAGED</b>") || !strings.Contains(body, "When batch B1 is put down") || strings.Contains(body, `action="/orders/O1/retry"`) {
		t.Error("the fallout of an order on a cart must say when it can be decided")
	}
	s.walk("web-abc234", 100)
	if body := get(t, serve(t, s.config()), "/").Body.String(); !strings.Contains(body, `action="/orders/O1/retry"`) {
		t.Error("no retry after the cart was put down")
	}
}
