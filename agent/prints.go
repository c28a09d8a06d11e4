package agent

import (
	"context"
	"errors"
	"fmt"

	"tote/agent/config"
	"tote/agent/papers"
	"tote/agent/station"
	"tote/drivers"
	"tote/drivers/label"
	"tote/drivers/printer"
	"tote/warehouse"
)

// outlet is one printer of a station.
type outlet struct {
	driver *printer.Driver
	on     media
}

// The outlets of a station, by their key in the configuration.
const (
	outletLabels = "printer"
	outletSlips  = "slips"
)

// startPrints has what is asked for with PrintLabels printed at a station.
func (a *Agent) startPrints(id string, outlets map[string]outlet) error {
	p := station.NewPrints(station.PrintsConfig{
		ID: id, Log: a.log, Do: a.do, View: a.again, Lost: a.lost, Passes: unreadable,
		Draw: func(job warehouse.PrintJob) (string, []byte, error) { return a.drawPrint(outlets, job) },
		Send: func(ctx context.Context, name string, bytes []byte, beforeSend func(context.Context) error) (string, string, error) {
			return send(ctx, outlets[name].driver, bytes, beforeSend)
		},
	})
	return a.sup.Go("prints/"+id, p.Run)
}

// send prints a job and says what became of it in words of the domain.
func send(ctx context.Context, p *printer.Driver, bytes []byte, beforeSend func(context.Context) error) (outcome, text string, err error) {
	o, detail, err := p.Print(ctx, bytes, beforeSend)
	text = detail.Code
	if detail.Text != "" {
		text += " " + detail.Text
	}
	return outcomes[o], text, err
}

// drawPrint draws what a print asks for in the language of the printer it goes
// to: slips go to the printer for slips when there is one, labels to the other.
func (a *Agent) drawPrint(outlets map[string]outlet, job warehouse.PrintJob) (name string, bytes []byte, err error) {
	name = outletLabels
	if _, ok := outlets[outletSlips]; ok && job.What == warehouse.PrintSlip || len(outlets[outletLabels].on.Language) == 0 {
		name = outletSlips
	}
	on := outlets[name].on
	var labels []label.Label
	err = a.view(func(r warehouse.Reader) (err error) {
		if job.What == warehouse.PrintSlip {
			p, err := papers.Slip(r, job.Label.Ref)
			if err == nil && on.Language == label.ZPL {
				bytes = p.ZPL() // as it is archived
				return nil
			}
			if err == nil {
				labels, err = label.Slip(p.Title, slipLines(p))
			}
			return err
		}
		one, err := labelOf(r, job)
		labels = []label.Label{one}
		return err
	})
	if err == nil && bytes == nil {
		bytes, err = label.Write(on.Device, labels...)
	}
	if code := drivers.CodeOf(err); code != "" {
		err = fmt.Errorf("%s %w", code, err)
	}
	return name, bytes, err
}

func slipLines(p *papers.Paper) (out []label.Line) {
	for _, l := range p.Lines {
		out = append(out, label.Line{Left: l.Left, Right: l.Right, Rule: l.Rule})
	}
	return out
}

// labelOf lays out the label of a tote, bin or item.
func labelOf(r warehouse.Reader, job warehouse.PrintJob) (label.Label, error) {
	l := job.Label
	switch job.What {
	case warehouse.PrintTote:
		return label.Coded{Title: "TOTE", Code: l.Ref}.Label()
	case warehouse.PrintBin:
		b, err := warehouse.GetBin(r, l.Ref)
		if err != nil || b == nil {
			return label.Label{}, errors.Join(err, fmt.Errorf("there is no bin %s any more", l.Ref))
		}
		note := ""
		if b.Zone != "" {
			note = "zone " + b.Zone
		}
		return label.Coded{Title: "BIN", Code: l.Ref, Note: note}.Label()
	case warehouse.PrintItem:
		it, err := warehouse.GetItem(r, l.Ref)
		if err != nil || it == nil {
			return label.Label{}, errors.Join(err, fmt.Errorf("there is no item %s any more", l.Ref))
		}
		return label.Item{SKU: it.SKU, Name: it.Name, GTIN: it.GTIN, Lot: l.Lot, Expiry: l.Expiry, Serial: l.Serial}.Label()
	}
	return label.Label{}, fmt.Errorf("nobody knows how a label of a %s looks", job.What)
}

// outletsOf makes the printers of a station; nil when it has none.
func (a *Agent) outletsOf(cfg config.Station) (map[string]outlet, error) {
	outlets := map[string]outlet{}
	for name, p := range map[string]*config.Printer{outletLabels: cfg.Printer, outletSlips: cfg.Slips} {
		if p == nil {
			continue
		}
		driver, err := a.newPrinter(cfg.ID+"/"+name, p)
		if err != nil {
			return nil, err
		}
		outlets[name] = outlet{driver, mediaOf(p)}
	}
	return outlets, nil
}
