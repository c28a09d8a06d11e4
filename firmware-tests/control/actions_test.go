package control

import (
	"context"
	"errors"
	"testing"
	"time"

	"tote/firmware-tests/record"
)

// actor is a target whose actions the world decides.
type actor struct {
	book  *record.Book
	queue chan record.Action
	ended map[string]string
}

func (a *actor) State() State                { return State{Kind: "robot"} }
func (a *actor) SetFault(string, bool) error { return nil }
func (a *actor) Book() *record.Book          { return a.book }

func (a *actor) Actions(ctx context.Context) []record.Action {
	select {
	case x := <-a.queue:
		return []record.Action{x}
	case <-ctx.Done():
		return nil
	}
}

func (a *actor) FinishAction(id, result, description string) error {
	if id == "unknown" {
		return errors.New("no such action")
	}
	a.ended[id] = result + " " + description
	return nil
}

func TestActions(t *testing.T) {
	book, err := record.Open("r1", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	a := &actor{book, make(chan record.Action, 1), map[string]string{}}
	ln, err := Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- Serve(ctx, ln, a) }()
	defer func() { cancel(); <-done }()
	c, err := Dial(t.Context(), Address(ln))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()

	if as, err := c.Actions(t.Context(), 0); err != nil || as == nil || len(as) != 0 {
		t.Errorf("none waits: %v %v", as, err)
	}
	a.queue <- record.Action{ID: "o1-a", Type: "pick", Node: "B", Params: map[string]any{"sku": "S1"}}
	as, err := c.Actions(t.Context(), 10*time.Second)
	if err != nil || len(as) != 1 || as[0].ID != "o1-a" || as[0].Params["sku"] != "S1" {
		t.Errorf("actions %+v %v", as, err)
	}
	if err := c.FinishAction(t.Context(), "o1-a", "FAILED", "bin is empty"); err != nil || a.ended["o1-a"] != "FAILED bin is empty" {
		t.Errorf("%v, ended %v", err, a.ended)
	}
	if err := c.FinishAction(t.Context(), "unknown", "FINISHED", ""); !errors.Is(err, ErrRefused) {
		t.Errorf("unknown action: %v", err)
	}
	var into any
	if err := c.call(t.Context(), "GET", "/actions?wait=soon", nil, &into); !errors.Is(err, ErrRefused) {
		t.Errorf("wait is no number: %v", err)
	}
	if err := c.call(t.Context(), "POST", "/actions/x", map[string]any{"outcome": "?"}, nil); !errors.Is(err, ErrRefused) {
		t.Errorf("unknown field: %v", err)
	}
}
