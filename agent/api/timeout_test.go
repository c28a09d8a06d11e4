package api

import (
	"net/http"
	"testing"
	"testing/synctest"
)

// TestNoAnswerInTime: the caller learns that the outcome is open, after 15 s.
func TestNoAnswerInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newFake(t)
		g.hang = true
		r := g.refused(http.StatusGatewayTimeout, CodeUnknown, g.post("/v1/orders/O1/cancel", `{}`))
		if r.Text == "" {
			t.Error("no word what to do")
		}
	})
}
