package api

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"tote/agent/intake"
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
