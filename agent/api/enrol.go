package api

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"

	"tote/agent/access"
	"tote/agent/enrol"
)

// codeTTL is how long a code is good when nobody says it.
const codeTTL = 15 * time.Minute

// askedBy is who sends a request.
func askedBy(ctx context.Context) string {
	if name := access.Name(ctx); name != "" {
		return "token/" + name
	}
	return "site/api"
}

// enrolled serves GET /v1/enrol.
func (s *server) enrolled(w http.ResponseWriter, _ *http.Request) error {
	rows, open, err := s.cfg.Enrol.List()
	if err != nil {
		return err
	}
	if open == nil {
		open = []enrol.Waiting{}
	}
	reply(w, http.StatusOK, map[string]any{"devices": rows, "codes": open})
	return nil
}

// enrolOne serves POST /v1/enrol/{role}/{name}.
func (s *server) enrolOne(w http.ResponseWriter, r *http.Request) error {
	var asked struct {
		TTL  int64 `json:"ttlSeconds"`
		Life int64 `json:"lifeDays"`
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 4<<10))
	if err == nil && len(body) > 0 {
		err = json.Unmarshal(body, &asked)
	}
	if err != nil || asked.Life < 0 || asked.Life > 10_000 || asked.TTL < 0 || asked.TTL > 1_000_000 {
		return refuse(http.StatusBadRequest, CodeBadRequest, "want {\"ttlSeconds\": 900, \"lifeDays\": 365}, both may be left out")
	}
	ttl := time.Duration(asked.TTL) * time.Second
	if ttl == 0 {
		ttl = codeTTL
	}
	o, err := s.cfg.Enrol.Invite(r.Context(), askedBy(r.Context()), r.PathValue("role"), r.PathValue("name"), ttl, time.Duration(asked.Life)*24*time.Hour)
	if err != nil {
		return s.enrolRefused(err)
	}
	reply(w, http.StatusOK, o)
	return nil
}

// revoke serves POST /v1/revoke/{name}.
func (s *server) revoke(w http.ResponseWriter, r *http.Request) error {
	name := r.PathValue("name")
	if err := s.cfg.Revoke(r.Context(), askedBy(r.Context()), name); err != nil {
		return s.enrolRefused(err)
	}
	reply(w, http.StatusOK, map[string]string{"revoked": name})
	return nil
}

// enrolRefused turns a refusal of the desk into an answer.
func (s *server) enrolRefused(err error) error {
	no, ok := errors.AsType[*enrol.Refusal](err)
	if !ok {
		return err
	}
	out := Refusal{Code: no.Code, Text: no.Text}
	for _, f := range s.cfg.Faults() {
		if f.Code == no.Code {
			out.Cause, out.Action = f.Cause, f.Action
		}
	}
	return &httpError{http.StatusConflict, out}
}
