package api

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
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

// TestNoQuorumIsAnsweredAtOnce: nothing is proposed, the caller learns since when
// and what to do, and later it works again.
func TestNoQuorumIsAnsweredAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newFake(t)
		g.hang = true // whoever proposes waits
		g.quorum = Quorum{Since: "2026-01-01T00:00:00Z", Text: "start the other gateways"}
		began := time.Now()
		for _, r := range []Refusal{
			g.refused(http.StatusServiceUnavailable, CodeNoQuorum, g.post("/v1/orders/O1/cancel", `{}`)),
			g.refused(http.StatusServiceUnavailable, CodeNoQuorum, g.post("/v1/tokens", `{"ttlSeconds": 60}`)),
			g.refused(http.StatusServiceUnavailable, CodeNoQuorum, g.csv("workers", "id,name,badge\nW1,Eve,B1\n")),
		} {
			if !strings.Contains(r.Text, g.quorum.Since) || !strings.Contains(r.Text, g.quorum.Text) {
				t.Errorf("text %q", r.Text)
			}
		}
		if waited := time.Since(began); waited > 0 {
			t.Errorf("answered after %v", waited)
		}
	})
}

// TestTokenForEver: a life that is too long is refused, however long.
func TestTokenForEver(t *testing.T) {
	g := newFake(t)
	for _, ttl := range []string{"0", "-1", "86401", "9223372036854775807"} {
		g.refused(http.StatusBadRequest, CodeBadRequest, g.post("/v1/tokens", `{"ttlSeconds": `+ttl+`}`))
	}
}
