package station

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"tote/warehouse"
)

// DockConfig is what a dock needs.
type DockConfig struct {
	ID       string
	Log      *slog.Logger
	Do       Do
	Lost     func() Hint  // what to answer while there is no quorum, else no code; nil = there always is one
	Answer   func(Answer) // publishes down/result
	NewCmdID func() string
}

// Dock is one dock door with its scanner: each label scanned there loads a
// parcel, the depart code hands the load to the carrier.
type Dock struct {
	cfg   DockConfig
	scans chan string
}

// NewDock touches no device.
func NewDock(cfg DockConfig) *Dock {
	return &Dock{cfg: cfg, scans: make(chan string, 16)}
}

// Scanned takes one code of the dock's scanner. It never blocks; beyond 16
// waiting scans the newest is dropped and the person told to scan again.
func (d *Dock) Scanned(code string) {
	select {
	case d.scans <- code:
	default:
		d.cfg.Log.Warn("scan dropped: the dock is not keeping up", "dock", d.cfg.ID, "barcode", code)
		d.cfg.Answer(Answer{CmdID: d.cfg.NewCmdID(), Barcode: code, Code: HintBusy, Text: "scan again"})
	}
}

// Run works until ctx ends or a command cannot be proposed any more.
func (d *Dock) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case code := <-d.scans:
			var c warehouse.Command = warehouse.Load{Dock: d.cfg.ID, Barcode: code}
			if bare(code) == CodeDepart {
				c = warehouse.Depart{Dock: d.cfg.ID}
			}
			res, err := d.do(ctx, c)
			if no, ok := refusal(err); ok {
				res, err = no, nil
			}
			if err != nil {
				if ctx.Err() != nil {
					return nil
				}
				d.cfg.Answer(Answer{CmdID: d.cfg.NewCmdID(), Barcode: code, Code: HintNotRecorded, Text: err.Error()})
				return fmt.Errorf("dock %s: %w", d.cfg.ID, err)
			}
			d.cfg.Answer(Answer{CmdID: d.cfg.NewCmdID(), Barcode: code, OK: res.OK, Code: res.Code, Text: res.Text, Next: res.Next})
		}
	}
}

// do proposes a command. A full truck departs in several, each a new one; the
// answer is that of the last, with what all of them did.
func (d *Dock) do(ctx context.Context, c warehouse.Command) (warehouse.Result, error) {
	var texts []string
	for {
		res, err := record(ctx, d.cfg.Do, d.cfg.Lost, "dock/"+d.cfg.ID, c)
		if err != nil {
			if e, ok := errors.AsType[*unrecorded](err); ok && len(texts) > 0 {
				e.hint.Text += "; handed over before that: " + strings.Join(texts, " + ")
			}
			return res, err
		}
		_, departs := c.(warehouse.Depart)
		more := departs && res.OK && res.Ref == warehouse.RefMore
		if texts = append(texts, res.Text); !more {
			res.Text = strings.Join(texts, " + ")
			return res, nil
		}
	}
}
