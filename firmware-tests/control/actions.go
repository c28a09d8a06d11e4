package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"tote/firmware-tests/record"
)

func serveActions(w http.ResponseWriter, r *http.Request, t Acting) {
	wait, err := count(r.URL.Query().Get("wait"))
	if err != nil {
		fail(w, http.StatusBadRequest, fmt.Errorf("control: wait is a number: %w", err))
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), min(time.Duration(wait)*time.Millisecond, maxWait))
	defer cancel()
	as := t.Actions(ctx)
	if as == nil {
		as = []record.Action{}
	}
	reply(w, http.StatusOK, as)
}

func finishAction(w http.ResponseWriter, r *http.Request, t Acting) {
	var body struct {
		Result      string `json:"result"`
		Description string `json:"description"`
	}
	dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&body); err != nil && !errors.Is(err, io.EOF) {
		fail(w, http.StatusBadRequest, fmt.Errorf("control: body of /actions: %w", err))
		return
	}
	if err := t.FinishAction(r.PathValue("id"), body.Result, body.Description); err != nil {
		fail(w, http.StatusConflict, err)
		return
	}
	reply(w, http.StatusOK, struct{}{})
}

// Actions lists what the robot is about to do and the world must decide. It
// waits up to max (bounded by 30 s) for the first one; an empty list: none came.
func (c *Client) Actions(ctx context.Context, max time.Duration) ([]record.Action, error) {
	var as []record.Action
	return as, c.call(ctx, http.MethodGet, fmt.Sprintf("/actions?wait=%d", min(max, maxWait).Milliseconds()), nil, &as)
}

// FinishAction tells the robot how an action ended: "FINISHED" or "FAILED", and
// what to report as its result.
func (c *Client) FinishAction(ctx context.Context, id, result, description string) error {
	body := map[string]any{"result": result, "description": description}
	return c.call(ctx, http.MethodPost, "/actions/"+url.PathEscape(id), body, nil)
}
