package api

import (
	"net/http"
	"strconv"
	"time"
)

// maxTraceWait bounds one question for what passes, in milliseconds.
const maxTraceWait = 30_000

// Trace is the answer of GET /v1/devices/{name}/trace.
type Trace struct {
	Device string  `json:"device"`
	Driver string  `json:"driver"`
	Next   uint64  `json:"next"` // after of the next question
	Lost   bool    `json:"lost"` // something between after and the first chunk is gone
	Chunks []Chunk `json:"chunks"`
}

// Chunk is what one read or write moved, or something that happened to the port.
type Chunk struct {
	Seq   uint64 `json:"seq"`
	At    string `json:"at"`            // RFC 3339 with microseconds
	Dir   string `json:"dir,omitempty"` // "to" or "from" the device
	Hex   string `json:"hex,omitempty"`
	Event string `json:"event,omitempty"` // opened, closed, or an error
}

// deviceTrace answers with what passes between a device and its driver. The
// record begins with the first question.
func (s *server) deviceTrace(w http.ResponseWriter, r *http.Request) error {
	after, err := number(r, "after", 1<<63)
	if err != nil {
		return err
	}
	wait, err := number(r, "wait", maxTraceWait)
	if err != nil {
		return err
	}
	t, ok := s.cfg.Trace(r.Context(), r.PathValue("name"), after, time.Duration(wait)*time.Millisecond)
	if !ok {
		return refuse(http.StatusNotFound, CodeNotFound, "no device "+r.PathValue("name")+" on a port of this gateway; tote devices list shows those it has")
	}
	reply(w, http.StatusOK, t)
	return nil
}

// number is a whole number of the query, 0 when it is not there.
func number(r *http.Request, name string, most uint64) (uint64, error) {
	v := r.URL.Query().Get(name)
	if v == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(v, 10, 64)
	if err != nil || n > most {
		return 0, refuse(http.StatusBadRequest, CodeBadRequest, name+" must be a whole number up to "+strconv.FormatUint(most, 10))
	}
	return n, nil
}
