package api

import (
	"net/http"

	"tote/drivers"
)

// What can be asked of a scale.
const (
	ScaleZero      = "zero"       // what lies on it is its new zero; only at rest and as good as empty
	ScaleTare      = "tare"       // what lies on it is taken off all weights to come
	ScaleClearTare = "clear-tare" // weights are gross again
)

// scale answers when the scale shows that it did what was asked: an accepted
// command proves nothing. It needs no quorum, the scale is this gateway's own.
func (s *server) scale(act string) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		if err := readJSON(w, r, 4<<10, &struct{}{}, "the body must be {}"); err != nil {
			return err
		}
		device := r.PathValue("name")
		shows, found, err := s.cfg.Scale(r.Context(), defaultActor(r), device, act)
		switch {
		case !found:
			return refuse(http.StatusNotFound, CodeNotFound, "this gateway has no scale "+device)
		case err != nil && drivers.CodeOf(err) != "":
			f := drivers.FaultOf(drivers.CodeOf(err))
			text := device + " shows " + shows
			if f.Code == drivers.CodeScaleSilent { // shows is from before
				text = device + " was last heard with " + shows
			}
			return &httpError{http.StatusConflict, Refusal{Code: f.Code, Text: text, Cause: f.Cause, Action: f.Action}}
		case err != nil:
			return err
		}
		reply(w, http.StatusOK, map[string]string{"device": device, "act": act, "shows": shows})
		return nil
	}
}
