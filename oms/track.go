package oms

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"time"
)

//go:embed track.html
var trackHTML string

var trackPage = template.Must(template.New("track").Parse(trackHTML))

// trackWords says the state in a customer's words. Nothing on the page tells
// who ordered, what, where to, or what went wrong inside.
var trackWords = map[string]string{
	StateNew:          "Waiting for payment",
	StateSubmitted:    "Sent to the warehouse",
	StateRejected:     "Needs attention: please contact us",
	StateAccepted:     "Accepted by the warehouse",
	StateShortWaiting: "Waiting for stock",
	StateReleased:     "Ready to be picked",
	StatePicking:      "Being picked",
	StatePicked:       "Picked",
	StatePacked:       "Packed",
	StateLabelled:     "Packed and labelled",
	StateStaged:       "Loaded",
	StateShipped:      "Shipped",
	StateCancelled:    "Cancelled",
}

// trackSteps are the timeline entries a customer sees.
var trackSteps = map[string]string{
	"order.placed":    "Order placed",
	"order.accepted":  "Accepted by the warehouse",
	"order.picking":   "Picking started",
	"order.packed":    "Packed",
	"order.shipped":   "Handed to the carrier",
	eventDelivered:    "Delivered",
	"order.cancelled": "Cancelled",
}

type trackStep struct{ At, Text string }

type trackView struct {
	ID, State string
	Steps     []trackStep
	Parcels   []ParcelView
}

// Several tells whether the order is in more than one parcel, whose number is
// known by now.
func (v trackView) Several() bool { return len(v.Parcels) > 1 }

func (s *Server) getTrack(w http.ResponseWriter, r *http.Request) error {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	h.Set("Referrer-Policy", "no-referrer")
	status, page := http.StatusOK, trackView{ID: r.PathValue("id")}
	v, err := s.view(r.Context(), page.ID)
	switch {
	case errors.Is(err, errUnknownOrder):
		status = http.StatusNotFound
	case err != nil:
		return err
	default:
		page.State, page.Parcels = trackWords[v.State], v.Parcels
		for _, t := range v.Timeline {
			if text, ok := trackSteps[t.Type]; ok {
				page.Steps = append(page.Steps, trackStep{time.UnixMilli(t.At).UTC().Format("2006-01-02 15:04 UTC"), text})
			}
		}
	}
	var buf bytes.Buffer
	if err := trackPage.Execute(&buf, page); err != nil {
		return fmt.Errorf("tracking page: %w", err)
	}
	w.WriteHeader(status)
	_, _ = w.Write(buf.Bytes())
	return nil
}
