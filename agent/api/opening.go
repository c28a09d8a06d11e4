package api

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"tote/agent/intake"
	"tote/agent/opening"
	"tote/agent/replica"
	"tote/warehouse"
)

// The opening count of a zone: POST /v1/openings compares a counted file with the
// site and books the difference. A part whose outcome is not known is asked for again
// under the same id, so that it counts once; whatever ends the request, the same file
// again goes on where it was.

// MediaProgress is what a caller accepts who wants to see how far it is: one JSON
// object a line, {"booked":n,"of":m} and at the end the answer itself.
const MediaProgress = "application/x-ndjson"

// Opened is the answer to a counted file.
type Opened struct {
	*opening.Report
	Dry            bool             `json:"dry"`
	Commands       int              `json:"commands"` // how many were needed
	Booked         int              `json:"booked"`   // positions
	MorePositions  int              `json:"morePositions,omitempty"`
	Site           int64            `json:"site"`    // units on the site now
	Virtual        map[string]int64 `json:"virtual"` // what the virtual places hold: the sum of all is 0
	ZoneOpenings   []ZoneOpening    `json:"zones"`
	positionsAsked bool
}

// ZoneOpening is the opening count of one zone.
type ZoneOpening struct {
	warehouse.ZoneOpening
	Of int `json:"of"` // bins of the zone
}

// openings answers GET /v1/openings: which zones are live.
func (s *server) openings(w http.ResponseWriter, _ *http.Request) error {
	var out []ZoneOpening
	err := s.cfg.View(func(r warehouse.Reader) (err error) {
		out, err = zones(r)
		return err
	})
	if err != nil {
		return err
	}
	reply(w, http.StatusOK, out)
	return nil
}

// zones lists all zones of the bins, also those nobody began to count.
func zones(r warehouse.Reader) ([]ZoneOpening, error) {
	bins, err := warehouse.Bins(r)
	if err != nil {
		return nil, err
	}
	out, at := []ZoneOpening{}, map[string]int{}
	for _, b := range bins {
		i, ok := at[b.Zone]
		if !ok {
			z, err := warehouse.GetZoneOpening(r, b.Zone)
			if err != nil {
				return nil, err
			}
			if z == nil {
				z = &warehouse.ZoneOpening{Zone: b.Zone}
			}
			i = len(out)
			at[b.Zone], out = i, append(out, ZoneOpening{ZoneOpening: *z})
		}
		out[i].Of++
	}
	return out, nil
}

// bookOpening answers POST /v1/openings.
func (s *server) bookOpening(w http.ResponseWriter, r *http.Request) error {
	in, err := body(w, r, "text/csv", MaxFile)
	if err != nil {
		return err
	}
	file := &limited{r: in}
	q := r.URL.Query()
	opt := opening.Options{Zone: q.Get("zone"), OneZone: q.Has("zone"), Recount: q.Has("recount"), Reason: q.Get("reason")}
	out := &Opened{Dry: q.Has("dry"), positionsAsked: q.Has("all")}
	var parts []opening.Part
	f, rows := intake.ParseCount(file)
	if file.over {
		return errTooLarge(intake.CodeTooLong, MaxFile)
	}
	err = s.cfg.View(func(rd warehouse.Reader) (err error) {
		out.Report, parts, err = opening.Compare(f, rows, rd, s.cfg.Now(), opt)
		return err
	})
	if err != nil {
		return err
	}
	out.Commands = len(parts)
	if !out.Dry && len(out.Problems) > 0 {
		return s.badFile(http.StatusConflict, out.Problems, out.More)
	}
	s.advise(out.Problems)
	s.shorten(out)
	p := newProgress(w, r)
	if !out.Dry {
		if err := s.bookParts(r, parts, out, p); err != nil {
			return p.fail(s, err)
		}
	}
	if err := s.sumUp(out); err != nil {
		return p.fail(s, err)
	}
	p.end(out)
	return nil
}

// shorten keeps what a person looks at: what differs, and of that a bounded list,
// unless all of it was asked for.
func (s *server) shorten(out *Opened) {
	if out.positionsAsked {
		return
	}
	kept := []opening.Position{}
	for _, o := range out.Positions {
		if o.What == opening.Equal && o.Warning == "" || o.What == opening.Done {
			continue
		}
		if len(kept) == maxChanges {
			out.MorePositions++
			continue
		}
		kept = append(kept, o)
	}
	out.Positions = kept
}

func (s *server) sumUp(out *Opened) error {
	return s.cfg.View(func(r warehouse.Reader) (err error) {
		if out.Site, out.Virtual, err = warehouse.Ledger(r); err != nil {
			return err
		}
		out.ZoneOpenings, err = zones(r)
		return err
	})
}

// patience is how long a part waits for a leader: longer than any election.
const patience = time.Minute

// bookParts does the commands of a count one after the other.
func (s *server) bookParts(r *http.Request, parts []opening.Part, out *Opened, p *progress) error {
	if len(parts) > 0 {
		if err := s.quorum(); err != nil {
			return err
		}
	}
	all := 0
	for _, part := range parts {
		all += part.Positions
	}
	for _, part := range parts {
		res, err := s.surely(r, part.Command)
		if err != nil {
			return err
		}
		if !res.OK {
			return refuse(http.StatusConflict, res.Code, fmt.Sprintf("%s; %d of %d positions are booked: run the same file again", res.Text, out.Booked, all))
		}
		out.Booked += part.Positions
		p.tell(out.Booked, all)
	}
	return nil
}

// surely does a command once, through a change of the leader. Its id is its own:
// asked again it is the same command.
func (s *server) surely(r *http.Request, c warehouse.Command) (warehouse.Result, error) {
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails
	end := time.Now().Add(patience)
	for wait := 50 * time.Millisecond; ; wait = min(2*wait, 2*time.Second) {
		ctx, cancel := context.WithTimeout(r.Context(), answerIn)
		res, err := s.cfg.DoAs(ctx, id, defaultActor(r), c)
		cancel()
		if err == nil && res.Code == replica.CodeSeqReused {
			return res, fmt.Errorf("api: an id was used twice") // 128 random bits
		}
		if err == nil || r.Context().Err() != nil {
			return res, err
		}
		if time.Now().After(end) {
			return res, refuse(http.StatusServiceUnavailable, CodeNotReady, "what was booked stays; run the same file again: "+err.Error())
		}
		select {
		case <-r.Context().Done():
			return res, r.Context().Err()
		case <-time.After(wait):
		}
	}
}

// progress tells how far a request is, to who asked for that.
type progress struct {
	w    http.ResponseWriter
	on   bool
	last time.Time
}

func newProgress(w http.ResponseWriter, r *http.Request) *progress {
	p := &progress{w: w, on: r.Header.Get("Accept") == MediaProgress}
	return p
}

func (p *progress) line(v any) {
	if p.last.IsZero() {
		p.w.Header().Set("Content-Type", MediaProgress)
		p.w.WriteHeader(http.StatusOK)
	}
	p.last = time.Now()
	_ = json.NewEncoder(p.w).Encode(v) // the peer is gone when this fails: its context ends
	if f, ok := p.w.(http.Flusher); ok {
		f.Flush()
	}
}

// tell says how far it is, a few times a second at most.
func (p *progress) tell(booked, of int) {
	if p.on && (time.Since(p.last) > 200*time.Millisecond || booked == of) {
		p.line(map[string]int{"booked": booked, "of": of})
	}
}

// end is the answer.
func (p *progress) end(out *Opened) {
	if p.on {
		p.line(out)
		return
	}
	reply(p.w, http.StatusOK, out)
}

// fail is a refusal; after the first line it can only be another line.
func (p *progress) fail(s *server, err error) error {
	if p.last.IsZero() {
		return err
	}
	he := &httpError{http.StatusInternalServerError, Refusal{Code: CodeInternal, Text: err.Error()}}
	if e, ok := s.explained(err).(*httpError); ok { //nolint:errorlint // explained returns it as it is
		he = e
	}
	p.line(he.body)
	return nil
}
