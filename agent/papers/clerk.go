package papers

import (
	"context"
	"log/slog"

	"tote/warehouse"
)

// The clerk archives the papers of a gateway when they are made: the packing
// slips and the bill of lading of an order whose labels are all out, and a
// manifest when it is closed. Filed again with the same bytes a paper is the same
// document, so that two gateways do no harm. What was made while nothing could be
// recorded is filed as soon as it can; what a gateway that went down left undone
// is filed when a parcel of the order is loaded.

// waiting is how many papers may wait to be filed; the newest beyond it wait for
// the load.
const waiting = 256

// Clerk files papers. Its goroutine is Run; Note may be called from any.
type Clerk struct {
	View func(fn func(warehouse.Reader) error) error
	// Do proposes a command and waits for its answer however long that takes.
	Do  func(ctx context.Context, actor string, c warehouse.Command) (warehouse.Result, error)
	Log *slog.Logger

	made chan paper
}

type paper struct{ kind, ref string }

// NewClerk has everything but its goroutine.
func NewClerk(c Clerk) *Clerk {
	c.made = make(chan paper, waiting)
	return &c
}

// Note tells the clerk what was done. It never blocks.
func (c *Clerk) Note(cmd warehouse.Command, res warehouse.Result) {
	if !res.OK {
		return
	}
	var p paper
	switch x := cmd.(type) {
	case warehouse.LabelSent:
		p = paper{warehouse.DocSlip, x.Job}
	case warehouse.Load:
		p = paper{warehouse.DocSlip, res.Ref}
	case warehouse.CloseManifest:
		p = paper{warehouse.DocManifest, res.Ref}
	default:
		return
	}
	select {
	case c.made <- p:
	default:
		c.Log.Warn("paper filed later: the clerk is not keeping up", "kind", p.kind, "ref", p.ref)
	}
}

// Run files until ctx ends.
func (c *Clerk) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case p := <-c.made:
			todo, err := c.papersOf(p)
			if err == nil {
				err = c.file(ctx, todo)
			}
			if err != nil && ctx.Err() == nil {
				return err
			}
		}
	}
}

// papersOf are the papers of an order by the job of a label that was sent, or a
// manifest.
func (c *Clerk) papersOf(p paper) (todo []paper, err error) {
	if p.kind == warehouse.DocManifest {
		return []paper{p}, nil
	}
	err = c.View(func(r warehouse.Reader) error {
		j, err := warehouse.GetJob(r, p.ref)
		if err != nil || j == nil {
			return err
		}
		o, err := warehouse.GetOrder(r, j.Order)
		if err == nil && o != nil {
			todo = ofOrder(o)
		}
		return err
	})
	return todo, err
}

// ofOrder are the papers of an order whose labels are all out.
func ofOrder(o *warehouse.Order) (todo []paper) {
	if o.State != warehouse.OrderLabelled && o.State != warehouse.OrderStaged && o.State != warehouse.OrderShipped {
		return nil
	}
	for _, c := range o.Parcels {
		ref := c.SSCC
		if c.No == 0 {
			ref = o.Spec.ID // it is all of it
		}
		todo = append(todo, paper{warehouse.DocSlip, ref})
	}
	return append(todo, paper{warehouse.DocLading, o.Spec.ID})
}

// makers are the papers the clerk files.
var makers = map[string]func(warehouse.Reader, string) (*Paper, error){
	warehouse.DocSlip: Slip, warehouse.DocLading: Lading, warehouse.DocManifest: Manifest,
}

// file archives papers that are not archived yet.
func (c *Clerk) file(ctx context.Context, todo []paper) error {
	for _, p := range todo {
		var cmd warehouse.FileDocument
		known := false
		err := c.View(func(r warehouse.Reader) error {
			made, err := makers[p.kind](r, p.ref)
			if err != nil {
				return err
			}
			cmd = warehouse.FileDocument{What: p.kind, Type: warehouse.DocZPL, Ref: p.ref, Body: string(made.ZPL())}
			have, err := warehouse.DocumentsOf(r, p.ref)
			for _, d := range have {
				body, bad := warehouse.DocumentBody(r, d.ID)
				if bad != nil {
					return bad
				}
				known = known || d.Kind == p.kind && string(body) == cmd.Body
			}
			return err
		})
		if err != nil {
			c.Log.Warn("paper not made", "kind", p.kind, "ref", p.ref, "err", err)
			continue
		}
		if known {
			continue
		}
		res, err := c.Do(ctx, "clerk", cmd)
		if err != nil {
			return err
		}
		if !res.OK {
			c.Log.Warn("paper not filed", "kind", p.kind, "ref", p.ref, "code", res.Code, "text", res.Text)
		}
	}
	return nil
}

// Archived lists the documents about an order and its parcels, about a parcel or
// about a manifest.
func Archived(r warehouse.Reader, ref string) ([]warehouse.Document, error) {
	list := []warehouse.Document{}
	refs := []string{ref}
	o, err := warehouse.GetOrder(r, ref)
	if err != nil {
		return nil, err
	}
	if o != nil {
		for _, c := range o.Parcels {
			refs = append(refs, c.SSCC)
		}
	}
	for _, x := range refs {
		docs, err := warehouse.DocumentsOf(r, x)
		if err != nil {
			return nil, err
		}
		list = append(list, docs...)
	}
	return list, nil
}
