package api

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"tote/agent/intake"
	"tote/cloudsync/epcis"
	"tote/warehouse"
)

// exportFile is GET /v1/export/{kind}?columns=a,b&bom=1: what the site holds as
// the file it is made of.
func (s *server) exportFile(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	var want []string
	if c := q.Get("columns"); c != "" {
		want = strings.Split(c, ",")
	}
	err := s.stream(w, "text/csv; charset=utf-8", func(out io.Writer) error {
		return s.cfg.View(func(rd warehouse.Reader) error {
			return intake.Write(out, rd, r.PathValue("kind"), want, q.Has("bom"))
		})
	})
	switch {
	case errors.Is(err, intake.ErrKind):
		return refuse(http.StatusNotFound, CodeNotFound, err.Error())
	case errors.Is(err, intake.ErrColumn):
		return refuse(http.StatusBadRequest, intake.CodeColumn, err.Error())
	}
	return err
}

// exportEvents is GET /v1/export/events?format=epcis&since=T: what happened to the
// goods, as EPCIS or as CloudEvents.
func (s *server) exportEvents(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	since, err := sinceOf(q.Get("since"))
	if err != nil {
		return refuse(http.StatusBadRequest, CodeBadRequest, "since is a time as 2026-12-31T16:00:00Z, or milliseconds since 1970")
	}
	media := map[string]string{epcis.FormatEPCIS: "application/ld+json", epcis.FormatNDJSON: "application/x-ndjson"}[q.Get("format")]
	if media == "" {
		return refuse(http.StatusBadRequest, CodeBadRequest, "format is epcis or ndjson")
	}
	src := epcis.Source{View: s.cfg.View, Now: s.cfg.Now().UnixMilli()}
	err = s.cfg.View(func(rd warehouse.Reader) error {
		site, err := warehouse.GetSite(rd)
		if site != nil {
			src.Site = site.ID
		}
		return err
	})
	if err != nil {
		return err
	}
	if src.Site == "" {
		return refuse(http.StatusNotFound, warehouse.CodeSiteNotSet, "the site's rules are not set yet")
	}
	return s.stream(w, media, func(out io.Writer) error { return src.Write(out, q.Get("format"), since) })
}

func sinceOf(s string) (int64, error) {
	if s == "" {
		return 0, nil
	}
	if ms, err := strconv.ParseInt(s, 10, 64); err == nil {
		return ms, nil
	}
	at, err := time.Parse(time.RFC3339, s)
	return at.UnixMilli(), err
}

// stream sends what write writes, as it is written. Where that fails in the
// middle the connection is cut, so that half a file never looks whole.
func (s *server) stream(w http.ResponseWriter, media string, write func(io.Writer) error) error {
	// Unsupported by a recorder, and then there is no sleepy reader either.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(backupLimit))
	out := &started{w: w, media: media}
	err := write(out)
	if err == nil || !out.yes {
		return err
	}
	s.cfg.Log.Error("a file was not finished", "err", err)
	panic(http.ErrAbortHandler)
}
