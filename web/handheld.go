package web

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"regexp"
	"strconv"

	"tote/warehouse"
)

// maxMessage bounds a message of a handheld page, as on MQTT.
const maxMessage = 4 << 10

// devicePattern is the id a handheld page gives itself. No MQTT device has such
// an id, so a page speaks for nobody else.
var devicePattern = regexp.MustCompile(`^web-[a-z0-9]{6,16}$`)

// refusal is the body of an answer that is no result: nothing was recorded.
type refusal struct {
	Code string `json:"code"`
	Text string `json:"text"`
}

func reply(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the peer is gone when this fails
}

func (s *server) handheld(w http.ResponseWriter, _ *http.Request) {
	s.page(w, http.StatusOK, "handheld.tmpl", map[string]string{"Site": s.cfg.Site, "Version": s.cfg.Version, "Prefix": s.cfg.ScanPrefix, "GS": s.cfg.ScanGS})
}

func (s *server) manifest(w http.ResponseWriter, _ *http.Request) {
	type icon struct {
		Src   string `json:"src"`
		Sizes string `json:"sizes"`
		Type  string `json:"type"`
	}
	w.Header().Set("Content-Type", "application/manifest+json")
	_ = json.NewEncoder(w).Encode(map[string]any{
		"name": "Tote handheld " + s.cfg.Site, "short_name": "Tote", "start_url": "/hh/", "scope": "/hh/", "id": "/hh/",
		"display": "standalone", "orientation": "portrait", "background_color": "#ffffff", "theme_color": "#10202e",
		"icons": []icon{{s.assets.URL("icon.svg"), "any", "image/svg+xml"}},
	})
}

// image answers GET /hh/image/{sku}: the picture of an item, from this gateway's
// own copy.
func (s *server) image(w http.ResponseWriter, r *http.Request) {
	if s.cfg.Image == nil {
		http.NotFound(w, r)
		return
	}
	body, kind, ok := s.cfg.Image(r.PathValue("sku"))
	if !ok {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Cache-Control", "private, max-age=3600") // also for a handheld in a Wi-Fi hole
	_, _ = w.Write(body)                            // the peer is gone when this fails
}

// device reads and checks the id in the query.
func device(w http.ResponseWriter, r *http.Request) (string, bool) {
	id := r.URL.Query().Get("device")
	if !devicePattern.MatchString(id) {
		reply(w, http.StatusBadRequest, refusal{warehouse.CodeInvalid, "device: want web- and 6 to 16 small letters or digits"})
		return "", false
	}
	return id, true
}

// command answers POST /hh/cmd: one message of a handheld page. 200 carries the
// result, good or bad; any other status means that nothing was recorded and the
// page sends the same message again.
func (s *server) command(w http.ResponseWriter, r *http.Request) {
	id, ok := device(w, r)
	if !ok {
		return
	}
	if got, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || got != "application/json" {
		reply(w, http.StatusUnsupportedMediaType, refusal{warehouse.CodeMalformed, "Content-Type must be application/json"})
		return
	}
	payload, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxMessage))
	if err != nil {
		status := http.StatusBadRequest
		if tooLong := new(http.MaxBytesError); errors.As(err, &tooLong) {
			status = http.StatusRequestEntityTooLarge
		}
		reply(w, status, refusal{warehouse.CodeMalformed, "the message cannot be read: " + err.Error()})
		return
	}
	res, err := s.cfg.Command(r.Context(), id, payload)
	if err != nil {
		s.cfg.Log.Warn("verb of a handheld page not recorded; it sends it again", "device", id, "err", err)
		reply(w, http.StatusServiceUnavailable, refusal{"NOT_RECORDED", "the site cannot record it now"})
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(res) // the page asks again when it did not get it
}

// deviceEvents answers GET /hh/events: seq and task when they change, site when
// the quorum is lost or back.
func (s *server) deviceEvents(w http.ResponseWriter, r *http.Request) {
	id, ok := device(w, r)
	if !ok {
		return
	}
	st, done, err := s.open(w)
	if err != nil {
		return
	}
	defer done()
	if err := st.event("hello", map[string]string{"assets": s.assets.hash}); err != nil {
		return
	}
	var sentTask, sentSite []byte
	err = s.follow(r.Context(), st, func(bool) error {
		site := s.linkState()
		now := site.Now
		site.Now = 0 // it always differs
		if b, err := json.Marshal(site); err != nil || !bytes.Equal(b, sentSite) {
			sentSite, site.Now = b, now
			if err := st.event("site", site); err != nil {
				return err
			}
		}
		return s.sendTask(st, id, &sentTask)
	})
	if r.Context().Err() == nil {
		s.cfg.Log.Debug("stream ended", "device", id, "err", err)
	}
}

// sendTask sends seq and task unless both are as last sent. The sequence is
// read first: a task is at least as new as the sequence before it, and a page
// that has a newer answer can tell.
func (s *server) sendTask(st *stream, id string, sent *[]byte) error {
	last, err := s.cfg.LastSeq(id)
	if err != nil {
		return err
	}
	var step *warehouse.Step
	err = s.cfg.View(func(r warehouse.Reader) (err error) {
		step, err = warehouse.NextStep(r, id)
		return err
	})
	if err != nil {
		return err
	}
	both, err := json.Marshal(struct {
		Last uint64
		Step *warehouse.Step
	}{last, step})
	if err != nil || bytes.Equal(both, *sent) {
		return err
	}
	*sent = both
	if err := st.event("seq", map[string]uint64{"last": last}); err != nil {
		return err
	}
	return st.event("task", step)
}
