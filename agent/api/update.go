package api

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"

	"tote/agent/update"
	"tote/agent/update/release"
)

// Updates is what the agent does about new versions.
type Updates interface {
	// Turn asks the site whether this gateway may be restarted with a version.
	Turn(ctx context.Context, ask update.TurnAsk) (update.TurnAnswer, error)
	// Keep takes a release that is to be offered.
	Keep(body io.Reader) error
	// File is the release that a gateway was given with Keep, and its size in bytes.
	File(ctx context.Context, from string) (io.Reader, int64, error)
	// Offer tells all gateways of a release at an address, which each then fetches; ""
	// is the one of Keep.
	Offer(ctx context.Context, from string) ([]Offered, error)
}

// Update is which program a gateway runs, and how its last update went.
type Update struct {
	Slot  string `json:"slot,omitempty"`  // in use; "" = it was not started out of a slot
	Other string `json:"other,omitempty"` // version in the other slot
	Level uint16 `json:"level"`           // feature level this version speaks
	Site  uint16 `json:"siteLevel"`       // and the one the site runs at; 0 = unknown
	// Trial is the update that is under way: it is not decided yet whether it stays.
	Trial *Trial          `json:"trial,omitempty"`
	Last  *update.Outcome `json:"last,omitempty"`
	Code  string          `json:"code,omitempty"` // why it cannot be told whether one is
}

// Trial is a version that is on trial, or just being taken back.
type Trial struct {
	State   string `json:"state"` // trial or back
	Version string `json:"version"`
	Was     string `json:"was"`
	Since   string `json:"since"` // RFC 3339
	Code    string `json:"code,omitempty"`
	Why     string `json:"why,omitempty"`
}

// Offered is whether a gateway was told of a release.
type Offered struct {
	ID  string `json:"id"`
	OK  bool   `json:"ok"`
	Why string `json:"why,omitempty"`
}

func (s *server) turn(w http.ResponseWriter, r *http.Request) error {
	var ask update.TurnAsk
	if err := readJSON(w, r, 4<<10, &ask, `the body must be {"release": "…", "version": "1.4.0", "site": false}`); err != nil {
		return err
	}
	if ask.Release == "" || ask.Version == "" {
		return refuse(http.StatusBadRequest, CodeBadRequest, "release or version is missing")
	}
	ctx, cancel := context.WithTimeout(r.Context(), answerIn)
	defer cancel()
	a, err := s.cfg.Updates.Turn(ctx, ask)
	if err != nil {
		return err
	}
	reply(w, http.StatusOK, a)
	return nil
}

func (s *server) offerUpdate(w http.ResponseWriter, r *http.Request) error {
	var req struct {
		From string `json:"from"`
	}
	if err := readJSON(w, r, 4<<10, &req, `the body must be {"from": "https://…"}`); err != nil {
		return err
	}
	list, err := s.cfg.Updates.Offer(r.Context(), req.From)
	if err != nil {
		return err
	}
	reply(w, http.StatusAccepted, map[string]any{"gateways": list})
	return nil
}

// fileLimit bounds the sending of a release: it is fetched from another gateway
// meanwhile.
const fileLimit = 30 * time.Minute

func (s *server) keepUpdate(w http.ResponseWriter, r *http.Request) error {
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(fileLimit)) // a recorder has none
	in, err := body(w, r, "application/octet-stream", release.MaxFile)
	if err != nil {
		return err
	}
	if err := s.cfg.Updates.Keep(in); err != nil {
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			return errTooLarge(CodeBadRequest, release.MaxFile)
		}
		return err
	}
	reply(w, http.StatusOK, map[string]bool{"ok": true})
	return nil
}

// updateFile sends a release. Where that fails the connection is cut: half of one does
// not look whole.
func (s *server) updateFile(w http.ResponseWriter, r *http.Request) error {
	in, size, err := s.cfg.Updates.File(r.Context(), r.URL.Query().Get("from"))
	if err != nil {
		return err
	}
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(fileLimit))
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Content-Length", strconv.FormatInt(size, 10))
	if n, err := io.Copy(w, io.LimitReader(in, size)); err != nil || n != size {
		s.cfg.Log.Warn("a release was not sent whole", "sent", n, "err", err)
		panic(http.ErrAbortHandler)
	}
	return nil
}
