package oms

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"

	"tote/cloudsync/wire"
)

// httpError is an answer that is not a success.
type httpError struct {
	status int
	code   string
	text   string
}

func (e *httpError) Error() string { return e.code + ": " + e.text }

var errUnknownOrder = &httpError{http.StatusNotFound, CodeUnknownOrder, "no order has this id"}

// Who may call a route.
type audience int

const (
	open  audience = iota // everyone: nothing secret behind it
	users                 // APIToken, when one is configured
	sites                 // the token of the site in the path, when it has one
)

type route struct {
	method, path string
	who          audience
	serve        func(http.ResponseWriter, *http.Request) error
}

// routes is the whole API; api/openapi-oms.yaml describes the same.
func (s *Server) routes() []route {
	return []route{
		{"POST", "/v1/orders", users, s.postOrders},
		{"GET", "/v1/orders", users, s.listOrders},
		{"GET", "/v1/orders/{id}", users, s.getOrder},
		{"POST", "/v1/orders/{id}/payment", users, s.postPayment},
		{"POST", "/v1/orders/{id}/cancel", users, s.postCancel},
		{"POST", "/v1/orders/{id}/resubmit", users, s.postResubmit},
		{"POST", "/v1/orders/{id}/ask", users, s.postAsk},
		{"POST", "/v1/orders/{id}/delivered", users, s.postDelivered},
		{"GET", "/v1/milestones", users, s.listMilestones},
		{"GET", "/v1/history", users, s.getHistory},
		{"GET", "/v1/conflicts", users, s.listConflicts},
		{"GET", "/v1/summary", users, s.getSummary},
		{"GET", "/v1/sites/{site}/inbox", sites, s.getInbox},
		{"POST", "/v1/sites/{site}/events", sites, s.postEvents},
		{"GET", "/track/{id}", open, s.getTrack},
		{"GET", "/healthz", open, s.getHealth},
	}
}

func (s *Server) handler() http.Handler {
	mux := http.NewServeMux()
	for _, rt := range s.routes() {
		mux.HandleFunc(rt.method+" "+rt.path, func(w http.ResponseWriter, r *http.Request) {
			h := w.Header()
			h.Set("X-Content-Type-Options", "nosniff")
			h.Set("Cache-Control", "no-store")
			err := s.admit(rt.who, r)
			if err == nil {
				err = rt.serve(w, r)
			}
			if err != nil {
				s.fail(w, r, err)
			}
		})
	}
	return mux
}

// admit checks the bearer token.
func (s *Server) admit(who audience, r *http.Request) error {
	want := ""
	switch who {
	case users:
		want = s.cfg.APIToken
	case sites:
		site, ok := s.sites[r.PathValue("site")]
		if !ok {
			return &httpError{http.StatusNotFound, wire.ProblemSite, "this site is not served here"}
		}
		want = site.Token
	}
	if want == "" {
		return nil
	}
	got, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	a, b := sha256.Sum256([]byte(got)), sha256.Sum256([]byte(want))
	if subtle.ConstantTimeCompare(a[:], b[:]) != 1 {
		return &httpError{http.StatusUnauthorized, wire.ProblemAuth, "the token is missing or wrong"}
	}
	return nil
}

// fail answers with a problem. Only what a person must look at is logged.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	var he *httpError
	var gap *gapError
	p := wire.Problem{Code: wire.ProblemInternal, Text: "internal error; see the log of the OMS"}
	status := http.StatusInternalServerError
	switch {
	case errors.As(err, &he):
		status, p = he.status, wire.Problem{Code: he.code, Text: he.text}
	case errors.As(err, &gap):
		status, p = http.StatusConflict, wire.Problem{Code: wire.ProblemGap, Text: gap.Error(), ExpectSeq: gap.expect}
	case errors.Is(err, context.Canceled):
		// The caller is gone, or the server stops.
		status, p = http.StatusServiceUnavailable, wire.Problem{Code: wire.ProblemStopping, Text: "the request was given up"}
	default:
		s.log.Error("oms: request failed", slog.String("route", r.Pattern), slog.Any("err", err))
	}
	if werr := writeJSON(w, status, p); werr != nil {
		s.log.Debug("oms: answer not sent", slog.Any("err", werr))
	}
}

// writeJSON sends an answer. It fails only before the first byte: a caller
// that went away is no error of ours.
func writeJSON(w http.ResponseWriter, status int, v any) error {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("encode answer: %w", err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(buf.Bytes())
	return nil
}

// readJSON reads a small strict body.
func readJSON(w http.ResponseWriter, r *http.Request, dst any) error {
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, 64<<10))
	d.DisallowUnknownFields()
	if err := d.Decode(dst); err != nil {
		if he := new(http.MaxBytesError); errors.As(err, &he) {
			return bodyError(err)
		}
		return &httpError{http.StatusBadRequest, CodeMalformed, err.Error()}
	}
	if _, err := d.Token(); err != io.EOF {
		return &httpError{http.StatusBadRequest, CodeMalformed, "something follows the JSON value"}
	}
	return nil
}

// bodyError tells a body that is too large from one that did not arrive.
func bodyError(err error) error {
	var tooBig *http.MaxBytesError
	if errors.As(err, &tooBig) {
		return &httpError{http.StatusRequestEntityTooLarge, CodeTooLarge, fmt.Sprintf("at most %d bytes", tooBig.Limit)}
	}
	return &httpError{http.StatusBadRequest, wire.ProblemDigest, "the body did not arrive whole"}
}

func intParam(s string, absent, lo, hi int) (int, error) {
	if s == "" {
		return absent, nil
	}
	v, err := strconv.Atoi(s)
	if err != nil || v < lo || v > hi {
		return 0, &httpError{http.StatusBadRequest, CodeInvalid, fmt.Sprintf("%q is not a number from %d to %d", s, lo, hi)}
	}
	return v, nil
}

func (s *Server) getHealth(w http.ResponseWriter, r *http.Request) error {
	var one int
	if err := s.db.r.QueryRowContext(r.Context(), "SELECT 1 FROM meta").Scan(&one); err != nil {
		return fmt.Errorf("health: %w", err)
	}
	return writeJSON(w, http.StatusOK, map[string]bool{"ok": true})
}
