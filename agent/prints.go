package agent

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"tote/agent/config"
	"tote/agent/papers"
	"tote/agent/station"
	"tote/drivers/label"
	"tote/drivers/printer"
	"tote/gs1"
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

// startPrints has what is asked for with PrintLabels printed at a station: each of
// its printers has a queue of its own.
func (a *Agent) startPrints(id string, outlets map[string]outlet) error {
	for _, name := range slices.Sorted(maps.Keys(outlets)) {
		p := station.NewPrints(station.PrintsConfig{
			ID: id, Log: a.log, Do: a.do, View: a.again, Lost: a.lost, Passes: unreadable,
			Mine: func(job warehouse.PrintJob) bool { return outletOf(outlets, job) == name },
			Draw: func(job warehouse.PrintJob) (station.Drawn, error) { return a.drawPrint(outlets, job) },
			Send: func(ctx context.Context, d station.Drawn, beforeSend func(context.Context) error) (string, string, error) {
				return send(ctx, outlets[d.Printer].driver, d.Bytes, d.Tag, beforeSend)
			},
		})
		a.prints[id] = append(a.prints[id], p)
		if err := a.sup.Go("prints/"+id+"/"+name, p.Run); err != nil {
			return err
		}
	}
	return nil
}

// printWaits is what the printer of a print says that waits for it; here is false when
// no printer of that station is at this gateway.
func (a *Agent) printWaits(job warehouse.PrintJob) (why string, here bool) {
	if !a.whole.Load() {
		return "", true // nobody knows yet
	}
	for _, p := range a.prints[job.Station] {
		why = cmp.Or(why, p.Waits(job.ID))
	}
	return why, len(a.prints[job.Station]) > 0
}

// outletOf is the printer a print goes to: slips go to the printer for slips when
// there is one, labels to the other.
func outletOf(outlets map[string]outlet, job warehouse.PrintJob) string {
	if _, ok := outlets[outletSlips]; ok && job.What == warehouse.PrintSlip || len(outlets[outletLabels].on.Language) == 0 {
		return outletSlips
	}
	return outletLabels
}

// send prints a job and says what became of it in words of the domain. A job that
// writes the tag is printed only when the tag was read back; one that does not,
// as a carrier's document, is a label as any other.
func send(ctx context.Context, p *printer.Driver, job []byte, tag string, beforeSend func(context.Context) error) (outcome, text string, err error) {
	if tag != "" && !bytes.Contains(job, []byte(label.TagWrite(tag))) {
		tag = ""
	}
	o, detail, err := p.PrintTag(ctx, job, tag, beforeSend)
	return outcomes[o], strings.TrimSpace(detail.Code + " " + detail.Text), err
}

// drawPrint draws what a print asks for in the language of the printer it goes to.
func (a *Agent) drawPrint(outlets map[string]outlet, job warehouse.PrintJob) (d station.Drawn, err error) {
	name := outletOf(outlets, job)
	on := outlets[name].on
	var labels []label.Label
	err = a.view(func(r warehouse.Reader) (err error) {
		if job.What == warehouse.PrintSlip {
			p, err := papers.Slip(r, job.Label.Ref)
			if err == nil && on.Language == label.ZPL {
				d.Bytes = p.ZPL() // as it is archived
				return nil
			}
			if err == nil {
				labels, err = label.Slip(p.Title, slipLines(p))
			}
			return err
		}
		one, err := labelOf(r, job)
		if err == nil && on.RFID {
			d.Tag, err = itemTag(r, job)
			one.Tag = d.Tag
		}
		labels = []label.Label{one}
		return err
	})
	d.Printer = name
	if err == nil && d.Bytes == nil {
		d.Bytes, err = label.Write(on.Device, labels...)
	}
	if code := label.Code(err); code != "" {
		err = fmt.Errorf("%s %w", code, err)
	}
	return d, err
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

// ssccTag is the EPC of a carton, of the company prefix of the master data.
func ssccTag(r warehouse.Reader, sscc string) (string, error) {
	site, err := warehouse.GetSite(r)
	if err != nil || site == nil {
		return "", errors.Join(err, missingSite(site))
	}
	epc, err := gs1.EncodeSSCC96(len(site.CompanyPrefix), sscc, gs1.FilterCase)
	return strings.ToUpper(epc), err
}

// itemTag is the EPC of a piece: of an item with GTIN of the site's own prefix and
// a serial. How long the prefix of another company is cannot be told from a GTIN,
// so other items get no tag; a serial that fits no tag is an error.
func itemTag(r warehouse.Reader, job warehouse.PrintJob) (string, error) {
	if job.What != warehouse.PrintItem || job.Label.Serial == "" {
		return "", nil
	}
	site, err := warehouse.GetSite(r)
	if err != nil || site == nil {
		return "", errors.Join(err, missingSite(site))
	}
	it, err := warehouse.GetItem(r, job.Label.Ref)
	if err != nil || it == nil || len(it.GTIN) != 14 || !strings.HasPrefix(it.GTIN[1:], site.CompanyPrefix) {
		return "", err
	}
	epc, err := gs1.EncodeSGTIN96(len(site.CompanyPrefix), it.GTIN, job.Label.Serial, gs1.FilterItem)
	return strings.ToUpper(epc), err
}

func missingSite(site *warehouse.Site) error {
	if site == nil {
		return errors.New("the site has no master data yet")
	}
	return nil
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
