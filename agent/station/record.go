package station

import (
	"context"
	"errors"
	"time"

	"tote/warehouse"
)

// answerTime is how long a person waits for what became of a scan. It is long
// enough for another gateway to take the lead.
const answerTime = 3 * time.Second

// unrecorded is why a scan or weight got no definite answer: the hint says it to
// the person. It is nothing the station could mend by starting anew.
type unrecorded struct{ hint Hint }

func (e *unrecorded) Error() string { return e.hint.Code + ": " + e.hint.Text }

// refusal is what to answer for an error of record, false when the error is
// another one.
func refusal(err error) (warehouse.Result, bool) {
	e, ok := errors.AsType[*unrecorded](err)
	if !ok {
		return warehouse.Result{}, false
	}
	return warehouse.Result{Code: e.hint.Code, Text: e.hint.Text}, true
}

// record proposes a command of a person who waits. Without a quorum it is not
// even tried: what was scanned into a dead site must not happen later, when the
// person has gone. lost gives the hint to show while there is no quorum; nil =
// there always is one.
func record(ctx context.Context, do Do, lost func() Hint, actor string, c warehouse.Command) (warehouse.Result, error) {
	if h := hintOf(lost); h.Code != "" {
		h.Text += "; not recorded, scan again then"
		return warehouse.Result{}, &unrecorded{h}
	}
	limit, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	res, err := do(limit, actor, c)
	if err == nil || ctx.Err() != nil || limit.Err() == nil {
		return res, err
	}
	h := hintOf(lost)
	if h.Code == "" {
		h = Hint{HintNotRecorded, "no answer in time: scan again"}
	}
	h.Text += "; nobody knows yet whether this one was recorded"
	return warehouse.Result{}, &unrecorded{h}
}

func hintOf(lost func() Hint) Hint {
	if lost == nil {
		return Hint{}
	}
	return lost()
}
