package api

import (
	"io"
	"net/http"
	"time"
)

// MediaBackup is the media type of a backup.
const MediaBackup = "application/vnd.tote.backup"

// backupLimit bounds the sending of a backup: a reader that goes to sleep would
// hold a look at the state open for ever.
const backupLimit = 10 * time.Minute

// backup sends a copy of the state as it is made. Where that fails the
// connection is cut, so that half of one never looks whole; the reader checks
// that too.
func (s *server) backup(w http.ResponseWriter, _ *http.Request) error {
	if s.cfg.Backup == nil {
		return refuse(http.StatusServiceUnavailable, CodeNotReady, "this gateway keeps no store")
	}
	// Unsupported by a recorder, and then there is no sleepy reader either.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(backupLimit))
	out := &started{w: w, media: MediaBackup}
	err := s.cfg.Backup(out)
	if err == nil || !out.yes {
		return err
	}
	s.cfg.Log.Error("a backup was not finished", "err", err)
	panic(http.ErrAbortHandler)
}

// backupNow makes one of the scheduled backups before its time.
func (s *server) backupNow(w http.ResponseWriter, r *http.Request) error {
	if s.cfg.BackupNow == nil {
		return refuse(http.StatusServiceUnavailable, CodeNotReady, "this gateway keeps no store")
	}
	made, err := s.cfg.BackupNow(r.Context())
	if err != nil {
		return err
	}
	reply(w, http.StatusOK, made)
	return nil
}

// started knows whether something was sent.
type started struct {
	w     http.ResponseWriter
	media string
	yes   bool
}

var _ io.Writer = (*started)(nil)

func (s *started) Write(p []byte) (int, error) {
	if !s.yes {
		s.yes = true
		s.w.Header().Set("Content-Type", s.media)
		s.w.Header().Set("X-Content-Type-Options", "nosniff")
	}
	return s.w.Write(p)
}
