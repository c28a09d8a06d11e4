package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"tote/agent/intake"
	"tote/warehouse"
)

// Imported is the answer to a file that was read whole.
type Imported struct {
	Kind     string   `json:"kind"`
	Rows     int      `json:"rows"`
	Commands int      `json:"commands"` // how many the file became
	Applied  int      `json:"applied"`
	Repeated int      `json:"repeated"` // were booked before: the file was brought in already
	Refused  []Answer `json:"refused"`
	// Difference is what of items, bins and workers was new or changed; of many
	// changes the others are counted.
	*intake.Difference
	MoreChanges int `json:"moreChanges,omitempty"`
}

// Answer is one refused command of a file.
type Answer struct {
	Ref  string `json:"ref"`
	Code string `json:"code"`
	Text string `json:"text,omitempty"`
}

// limited notes that a body was longer than allowed.
type limited struct {
	r    io.Reader
	over bool
}

func (l *limited) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		l.over = true
	}
	return n, err
}

// importFile takes a CSV file. A bad row refuses the whole file, and of items, bins
// and workers so does one that the site would refuse; what it has already is left out.
// Of orders and deliveries those that are refused are named and the others go on.
func (s *server) importFile(w http.ResponseWriter, r *http.Request) error {
	kind := r.PathValue("kind")
	in, err := body(w, r, "text/csv", MaxFile)
	if err != nil {
		return err
	}
	file := &limited{r: in}
	f, err := intake.Parse(kind, file)
	if file.over {
		return errTooLarge(intake.CodeTooLong, MaxFile)
	}
	if errors.Is(err, intake.ErrKind) {
		return refuse(http.StatusNotFound, CodeNotFound, err.Error())
	}
	if err != nil {
		return err
	}
	if len(f.Problems) > 0 {
		return s.badFile(http.StatusUnprocessableEntity, f.Problems, f.More)
	}
	out := Imported{Kind: kind, Rows: f.Rows, Refused: []Answer{}}
	cmds, err := s.difference(r, f, &out)
	if err != nil {
		return err
	}
	if len(f.Problems) > 0 {
		return s.badFile(http.StatusConflict, f.Problems, f.More)
	}
	if kind == "stock" {
		problems, err := s.checkCount(cmds, r.URL.Query().Has("add"))
		if err != nil {
			return err
		}
		if len(problems) > 0 {
			return s.badFile(http.StatusConflict, problems, 0)
		}
	}
	out.Commands = len(cmds)
	if !r.URL.Query().Has("dry") {
		if err := s.bringIn(r, cmds, &out); err != nil {
			return err
		}
	}
	status := http.StatusOK
	if len(out.Refused) > 0 {
		status = http.StatusConflict
	}
	reply(w, status, out)
	return nil
}

// maxChanges bounds the rows of one answer.
const maxChanges = 1000

// difference compares a file with the site, and returns the commands that are needed.
func (s *server) difference(r *http.Request, f *intake.File, out *Imported) (cmds []warehouse.Command, err error) {
	err = s.cfg.View(func(rd warehouse.Reader) error {
		m := warehouse.Meta{Now: s.cfg.Now().UnixMilli(), Actor: defaultActor(r), Cause: "try", Level: warehouse.Level}
		d, changes, ok, err := f.Compare(rd, m)
		if err != nil || !ok {
			return err
		}
		if n := len(d.Changes); n > maxChanges {
			d.Changes, out.MoreChanges = d.Changes[:maxChanges], n-maxChanges
		}
		out.Difference, cmds = &d, changes
		return nil
	})
	if err == nil && out.Difference == nil {
		cmds = f.Commands()
	}
	return cmds, err
}

// bringIn does the commands of a file one after the other.
func (s *server) bringIn(r *http.Request, cmds []warehouse.Command, out *Imported) error {
	for _, c := range cmds {
		res, err := s.do(r, c)
		switch {
		case err != nil:
			return err
		case res.OK && res.Text == warehouse.TextBooked:
			out.Repeated++
			continue
		case res.OK:
			out.Applied++
			continue
		}
		ref := ""
		switch c := c.(type) {
		case warehouse.ReleaseOrder:
			ref = c.Order.ID
		case warehouse.AnnounceReceipt:
			ref = c.Receipt.ID
		}
		out.Refused = append(out.Refused, Answer{Ref: ref, Code: res.Code, Text: res.Text})
	}
	return nil
}

// badFile refuses a file, each problem with what to do about it.
func (s *server) badFile(status int, problems []intake.Problem, more int) error {
	s.advise(problems)
	text := "nothing was imported: " + problems[0].String()
	if n := len(problems) + more - 1; n > 0 {
		text += fmt.Sprintf(" (and %d more)", n)
	}
	return &httpError{status, Refusal{Code: problems[0].Code, Text: text, Problems: problems, More: more}}
}

// advise says of each problem what to do about it.
func (s *server) advise(problems []intake.Problem) {
	do := map[string]string{}
	for _, f := range s.cfg.Faults() {
		do[f.Code] = f.Action
	}
	for i := range problems {
		problems[i].Do = do[problems[i].Code]
	}
}

func (s *server) putSite(w http.ResponseWriter, r *http.Request) error {
	var site warehouse.Site
	if err := readJSON(w, r, 64<<10, &site, "the site's rules cannot be read"); err != nil {
		return err
	}
	if why := s.checkSite(&site); why != "" {
		return refuse(http.StatusConflict, warehouse.CodeInvalid, why)
	}
	res, err := s.do(r, warehouse.PutSite{Site: site})
	if err != nil {
		return err
	}
	return answer(w, res)
}

// minLease is the shortest time a batch belongs to a walking person.
const minLease = 10 * time.Second

// checkSite names the first field no floor can work with. The domain takes them:
// they stand in logs from before they were refused here.
func (s *server) checkSite(site *warehouse.Site) string {
	switch {
	case site.LeaseMs < minLease.Milliseconds():
		return fmt.Sprintf("leaseMs: %d, at least %d: a batch would be taken back before its first scan", site.LeaseMs, minLease.Milliseconds())
	case site.Layout.CellMm < 1:
		return "layout.cellMm: at least 1: walks could not be planned"
	}
	for _, p := range site.PackStations {
		if s.cfg.Node != nil && !s.cfg.Node(p) {
			return fmt.Sprintf("packStations: the map of the robots has no node %s", p)
		}
	}
	return ""
}

func (s *server) getSite(w http.ResponseWriter, _ *http.Request) error {
	var site *warehouse.Site
	err := s.cfg.View(func(rd warehouse.Reader) (err error) {
		site, err = warehouse.GetSite(rd)
		return err
	})
	if err != nil {
		return err
	}
	if site == nil {
		return refuse(http.StatusNotFound, warehouse.CodeSiteNotSet, "the site's rules are not set yet")
	}
	reply(w, http.StatusOK, site)
	return nil
}

// maxToken is the longest life of a join token.
const maxToken = 24 * time.Hour

// token makes a join token. It is a secret: it is answered once and kept as a
// hash.
func (s *server) token(w http.ResponseWriter, r *http.Request) error {
	var req struct {
		TTL int64 `json:"ttlSeconds"`
	}
	if err := readJSON(w, r, 4<<10, &req, "the body must be {\"ttlSeconds\": 3600}"); err != nil {
		return err
	}
	if req.TTL < 1 || req.TTL > int64(maxToken/time.Second) {
		return refuse(http.StatusBadRequest, CodeBadRequest, "ttlSeconds must be from 1 to 86400")
	}
	life := time.Duration(req.TTL) * time.Second
	if s.cfg.NewToken == nil {
		return refuse(http.StatusConflict, CodeAlone, "this gateway is alone: its configuration has no cluster.listen")
	}
	if err := s.quorum(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.Context(), answerIn)
	defer cancel()
	token, err := s.cfg.NewToken(ctx, life)
	if _, refused := errors.AsType[*httpError](err); refused {
		return err
	}
	if err != nil {
		return refuse(http.StatusServiceUnavailable, CodeNotReady, err.Error())
	}
	reply(w, http.StatusCreated, map[string]string{"token": token})
	return nil
}
