package api

import (
	"net/http"
	"time"

	"tote/agent/health"
)

// Health is the answer of GET /v1/health.
type Health struct {
	Gateway string         `json:"gateway"`
	At      time.Time      `json:"at"`
	Level   string         `json:"level"`  // fine, warning or broken
	Issues  []health.Issue `json:"issues"` // causes, the worst and oldest first
	Past    []health.Past  `json:"past"`   // the newest last
}

// health answers also while there is no state and no quorum: that is when people
// look.
func (s *server) health(w http.ResponseWriter, _ *http.Request) error {
	if s.cfg.Health == nil {
		return refuse(http.StatusNotFound, CodeNotFound, "nobody looks at the health of this gateway")
	}
	h := s.cfg.Health()
	h.Issues = append([]health.Issue{}, h.Issues...)
	h.Past = append([]health.Past{}, h.Past...)
	reply(w, http.StatusOK, h)
	return nil
}
