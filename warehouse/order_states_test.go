package warehouse_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	. "tote/warehouse"
)

// The page docs/order-states.md is printed from the tables of the state machine,
// and every row of it is tried.

const statesPage = "../docs/order-states.md"

// meaning says what each work state is, for the page.
var meaning = map[OrderState]string{
	OrderReceived:     "stored; passed through at once",
	OrderValidated:    "good, but held or still to be made",
	OrderShortWaiting: "not enough usable stock",
	OrderAllocated:    "reserved; passed through at once",
	OrderReleased:     "in the pool or planned, nothing claimed",
	OrderPicking:      "first task claimed: **soft point of no return**",
	OrderPicked:       "last task closed, tote put down",
	OrderPacking:      "a pack station started it",
	OrderPacked:       "carton closed, label not sent",
	OrderLabelled:     "label bytes sent to the printer: **hard point of no return**",
	OrderStaged:       "loaded at the dock",
	OrderShipped:      "handed to the carrier",
	OrderCancelled:    "ended before the hard point",
}

func statesText() string {
	var b strings.Builder
	b.WriteString("# What may happen to an order, and when\n\n" +
		"An order stands on two axes: what is done with it (work) and what its OMS asked for (requests). This page is\n" +
		"printed from the tables the state machine runs by, with `go generate ./warehouse`; a test tries every row.\n\n" +
		"## Work\n\n```mermaid\nstateDiagram-v2\n")
	for _, p := range Transitions() {
		from := string(p[0])
		if from == "" {
			from = "[*]"
		}
		fmt.Fprintf(&b, "    %s --> %s\n", from, p[1])
	}
	fmt.Fprintf(&b, "    %s --> [*]\n    %s --> [*]\n```\n\n", OrderShipped, OrderCancelled)
	b.WriteString("## What is asked in each state\n\n" +
		"`apply`: done at once. `quote`: the event order.quoted names an extra charge and restrictions, work goes on, and\n" +
		"the change is made when the OMS accepts. A code: refused with it, told as an event, and visible on the order.\n\n" +
		"| State | Is | Amend | Cancel | Hold |\n|---|---|---|---|---|\n")
	for _, a := range Answers() {
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", a.State, meaning[a.State], cell(a.Amend), cell(a.Cancel), cell(a.Hold))
	}
	b.WriteString("\n- A site says by `changes.cancel` what becomes of a cancel that is quoted here: accepted at once (the default),\n" +
		"  quoted, or refused with `E_SOFT_PONR`. A site without `changes` refuses every quoted request with `E_SOFT_PONR`.\n" +
		"- At a pack station in hard mode (`hardMode`) PACKING and PACKED answer `E_HARD_PONR`, and no other order is\n" +
		"  started there before the label is proven.\n" +
		"- In PACKED only the address, the priority and the times can change: the quote says `LINES_FIXED`. In PACKING, and\n" +
		"  once the tote is on its way, nothing can be added.\n" +
		"- An order in several parcels is past its hard point when the first of its labels is sent, also while the rest is\n" +
		"  picked or packed. Before that a change of its lines, or a cancel, opens the cartons again.\n" +
		"- What is picked and not wanted any more is put back: fallout `PUT_BACK`, and a floor task for each line or the\n" +
		"  command PutBack.\n" +
		"- A quote that is open when the label is sent ends as refused with `E_HARD_PONR`.\n" +
		"- A held order keeps its state. Nothing new of it begins; what has begun is finished.\n\n" +
		"## Requests\n\n```mermaid\nstateDiagram-v2\n")
	fmt.Fprintf(&b, "    [*] --> %s\n", RequestNone)
	for _, p := range RequestSteps() {
		fmt.Fprintf(&b, "    %s --> %s\n", p[0], p[1])
	}
	fmt.Fprintf(&b, "    %s --> [*]\n```\n", RequestCancelAccepted)
	return b.String()
}

// cell sets a code as one.
func cell(answer string) string {
	if strings.HasPrefix(answer, "E_") {
		return "`" + answer + "`"
	}
	return answer
}

func TestOrderStatesPage(t *testing.T) {
	want := statesText()
	if *update {
		if err := os.WriteFile(statesPage, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(statesPage)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, string(got)); d != "" {
		t.Errorf("the page is not what the tables say; run go generate ./warehouse (-tables +page):\n%s", d)
	}
	// The tables are whole: each state has a row, a meaning and a way in.
	for _, a := range Answers() {
		in := slices.ContainsFunc(Transitions(), func(p [2]OrderState) bool { return p[1] == a.State })
		if meaning[a.State] == "" || !in {
			t.Errorf("%s: %q, entered %v", a.State, meaning[a.State], in)
		}
	}
	for _, p := range Transitions() {
		if !slices.ContainsFunc(Answers(), func(a Asked) bool { return a.State == p[1] }) {
			t.Errorf("%s has no row", p[1])
		}
	}
	if len(meaning) != len(Answers()) {
		t.Errorf("%d meanings of %d states", len(meaning), len(Answers()))
	}
}

// rules of a site that answers requests one way or the other.
var ruleSets = map[string]*ChangeRules{
	"no rules": nil, "accepts": {Cancel: CancelAccept}, "quotes": {Cancel: CancelQuote}, "refuses": {Cancel: CancelRefuse},
}

// resting at a state, whatever it takes.
func atState(t *testing.T, rules *ChangeRules, hard bool, s OrderState) *world {
	t.Helper()
	w := stocked(t)
	site := testSite()
	site.Changes = rules
	if hard {
		site.HardMode = []string{"pack1"}
	}
	w.ok(PutSite{Site: site})
	switch s {
	case OrderReceived, OrderValidated, OrderAllocated:
		w.ok(release("O1", "BAG*5"))
		Rest(t, w.tx, "O1", s)
	case OrderCancelled:
		w.ok(release("O1", "BAG*5"))
		w.ok(CancelOrder{Order: "O1", Source: "oms/main"})
	default:
		w.into(s)
	}
	w.state("O1", s)
	return w
}

// wantAnswer is what the table says, with the rules of the site on top.
func wantAnswer(answer string, kind string, rules *ChangeRules, hard bool, s OrderState) string {
	if answer != AnswerQuote {
		return answer
	}
	switch {
	case hard && (s == OrderPacking || s == OrderPacked):
		return CodeHardPONR
	case rules == nil:
		return CodeSoftPONR
	case kind == "cancel" && rules.Cancel == CancelAccept:
		return AnswerApply
	case kind == "cancel" && rules.Cancel == CancelRefuse:
		return CodeSoftPONR
	}
	return AnswerQuote
}

// answered names what the state machine did of a request.
func (w *world) answered(res Result, before int, kind string, was OrderState) string {
	w.t.Helper()
	if !res.OK {
		if kind != "hold" && was != OrderCancelled && !res.Keep {
			w.t.Fatalf("%s in %s is refused in silence: %+v", kind, was, res)
		}
		return res.Code
	}
	o := w.order("O1")
	types := w.eventTypes("O1")[before:]
	switch {
	case slices.Contains(types, EvOrderQuoted):
		return AnswerQuote
	case kind == "hold" && slices.Contains(types, EvOrderHeld):
		return AnswerHold
	case kind == "amend" && o.Spec.Revision == 2:
		return AnswerApply
	case kind == "cancel" && slices.Contains(types, EvOrderCancelled):
		return AnswerApply
	case kind == "cancel" && was == OrderCancelled && len(types) == 0:
		return AnswerDone
	}
	return "nothing"
}

// Each state × each request, at sites of every kind: the answer of the table.
func TestEveryStateAndRequest(t *testing.T) {
	tried := 0
	for name, rules := range ruleSets {
		for _, hard := range []bool{false, true} {
			for _, a := range Answers() {
				amend := revised("O1", 2, "BAG*3")
				if a.State == OrderPacked {
					amend = revised("O1", 2, "BAG*5")
					amend.Order.ShipTo.Street = "Side St 2"
				}
				for kind, req := range map[string]struct {
					c    Command
					want string
				}{
					"amend":  {amend, a.Amend},
					"cancel": {CancelOrder{Order: "O1", Source: "oms/main"}, a.Cancel},
					"hold":   {hold("O1", HoldPayment), a.Hold},
				} {
					w := atState(t, rules, hard, a.State)
					before := len(w.eventTypes("O1"))
					want := wantAnswer(req.want, kind, rules, hard, a.State)
					if got := w.answered(w.apply(req.c), before, kind, a.State); got != want {
						t.Errorf("%s, hard %v: %s in %s is answered %q, want %q", name, hard, kind, a.State, got, want)
					}
					tried++
				}
			}
		}
	}
	if tried != 4*2*13*3 {
		t.Errorf("%d combinations", tried)
	}
}
