package api

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
)

// TestBackup: it comes as it is made; half of one is never answered as a whole.
func TestBackup(t *testing.T) {
	g := newFake(t)
	rec := httptest.NewRecorder()
	ask := func() *httptest.ResponseRecorder {
		rec = httptest.NewRecorder()
		g.handler.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/v1/backup", nil))
		return rec
	}
	if ask(); rec.Code != http.StatusOK || rec.Body.String() != "a backup" || rec.Header().Get("Content-Type") != MediaBackup {
		t.Errorf("%d %s %v", rec.Code, rec.Body, rec.Header())
	}
	g.viewErr = errors.New("the disk is gone")
	if ask(); rec.Code != http.StatusInternalServerError {
		t.Errorf("before anything was sent: %d %s", rec.Code, rec.Body)
	}
	g.viewErr, g.doErr = nil, errors.New("the disk is gone")
	defer func() {
		if p := recover(); p != http.ErrAbortHandler {
			t.Errorf("half of a backup ended with %v", p)
		}
	}()
	ask()
}
