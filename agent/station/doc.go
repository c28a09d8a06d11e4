// Package station runs the places where devices and people meet: the pack
// station (scanner, scale, printer) and the dock (scanner). A station turns
// scans and stable weights into commands and label jobs into print jobs; the
// rules themselves live in package warehouse, so a station may be restarted at
// any point and goes on from the replicated step.
//
// Each Pack and each Dock owns one goroutine, its Run; the sinks Scanned and
// Weighed may be called from device goroutines and never block.
package station

import (
	"context"

	"tote/warehouse"
)

// Control barcodes hang printed at a station; a worker scans them instead of
// touching a screen.
const (
	// CodeReprint asks for one more copy of a label that failed or whose
	// outcome is unknown.
	CodeReprint = "TOTE:REPRINT"
	// CodeNextCarton says that the pieces of the carton in hand are scanned,
	// because not all of the order goes into it; again before the first piece
	// it takes that back.
	CodeNextCarton = "TOTE:NEXT-CARTON"
	// CodeDepart hands everything loaded at the dock to the carrier.
	CodeDepart = "TOTE:DEPART"
)

// Hint codes: what stands between the worker and the next step.
const (
	HintClearScale  = "CLEAR_SCALE"
	HintOverload    = "SCALE_OVERLOAD"
	HintUnderload   = "SCALE_UNDERLOAD"
	HintScaleAbsent = "SCALE_ABSENT"
	HintRezero      = "SCALE_DRIFT"
	HintNoPrinter   = "PRINTER_NOT_READY"
	HintBusy        = "SCAN_DROPPED"
	HintNotRecorded = "NOT_READY" // nothing can be recorded now
	HintNoQuorum    = "NO_QUORUM" // no majority of the gateways is there; also the code of an answer
)

// Light is what the station's light tower should say; a gateway that cannot
// record anything shows stop whatever the station says.
type Light string

// The lights of a station.
const (
	LightOK        Light = "ok"        // work goes on
	LightAttention Light = "attention" // a person must do something: see the hint
)

// Do proposes a command and returns its definite answer, however long that
// takes; see replica.Store.Do. It ends early with ctx.
// The implementation chooses the command id and keeps it over retries.
type Do func(ctx context.Context, actor string, c warehouse.Command) (warehouse.Result, error)

// View runs fn on a snapshot of the state.
type View func(fn func(r warehouse.Reader) error) error

// Hint is published on state/hint.
type Hint struct {
	Code string `json:"code"`
	Text string `json:"text,omitempty"`
}

// Answer is published on down/result for each scan at a station or dock.
type Answer struct {
	CmdID   string          `json:"cmdId"`
	Barcode string          `json:"barcode"`
	OK      bool            `json:"ok"`
	Code    string          `json:"code"`
	Text    string          `json:"text,omitempty"`
	Next    *warehouse.Step `json:"next,omitempty"`
}
