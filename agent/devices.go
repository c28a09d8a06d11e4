package agent

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"tote/agent/api"
	"tote/agent/config"
	"tote/agent/station"
	"tote/agent/supervise"
	"tote/agent/topics"
	"tote/drivers"
	"tote/drivers/all"
	"tote/drivers/label"
	"tote/drivers/printer"
	"tote/drivers/scale"
	"tote/drivers/scale/hid"
	"tote/drivers/scanner"
	"tote/drivers/scanner/evdev"
	"tote/warehouse"
)

// startStation builds a pack station with its devices.
func (a *Agent) startStation(cfg config.Station) error {
	pc := station.PackConfig{
		ID: cfg.ID, Log: a.log, Do: a.do, View: a.again, Changed: a.stations[cfg.ID], NewCmdID: cmdID, Lost: a.lost, Passes: unreadable,
		Answer: func(ans station.Answer) { a.publish(topics.Station, cfg.ID, ans) },
		Hint:   func(h station.Hint) { a.publishState(topics.Station, cfg.ID, topics.Hint, h) },
	}
	var run []func() error // devices start after the station that listens to them
	var pack *station.Pack
	if cfg.Scanner != nil {
		run = append(run, func() error {
			return a.startScanner(cfg.ID, cfg.Scanner, func(s string) { pack.Scanned(s) }, pc.Answer)
		})
	}
	if cfg.Scale != nil {
		pc.Zero = func(ctx context.Context) (shows, code, text string) {
			shows, _, err := a.actScale(ctx, "station/"+cfg.ID, cfg.ID+"/scale", api.ScaleZero)
			if err != nil {
				code = cmp.Or(drivers.CodeOf(err), drivers.CodeDriver)
				text = drivers.FaultOf(code).Action
			}
			return shows, code, text
		}
		run = append(run, func() error { return a.startScale(cfg.ID, cfg.Scale, func(w station.Weight) { pack.Weighed(w) }) })
	}
	outlets, err := a.outletsOf(cfg)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(outlets)) {
		p := outlets[name].driver
		run = append(run, func() error { return a.startDevice(cfg.ID+"/"+name, p.Run, p.Status) })
	}
	if p, ok := outlets[outletLabels]; ok {
		pc.Print = a.printJob(p.driver, p.on)
	}
	if len(outlets) > 0 {
		run = append(run, func() error { return a.startPrints(cfg.ID, outlets) })
	}
	if cfg.Tower != nil {
		light, err := a.startTower(cfg.ID, cfg.Tower)
		if err != nil {
			return err
		}
		pc.Light = light
	}
	loud, err := a.startBuzzer(cfg.ID, cfg.Buzzer)
	if err != nil {
		return err
	}
	pc.Answer = loud(pc.Answer)
	pack = station.NewPack(pc)
	if err := a.sup.Go("station/"+cfg.ID, pack.Run); err != nil {
		return err
	}
	for _, start := range run {
		if err := start(); err != nil {
			return err
		}
	}
	return a.startButtons(cfg.ID, cfg.Buttons, pack.Scanned)
}

// startDock builds a dock with its scanner, and gives what takes further scans
// there.
func (a *Agent) startDock(cfg config.Dock) (scanned func(string), err error) {
	loud, err := a.startBuzzer(cfg.ID, cfg.Buzzer)
	if err != nil {
		return nil, err
	}
	answer := loud(func(ans station.Answer) { a.publish(topics.Dock, cfg.ID, ans) })
	dock := station.NewDock(station.DockConfig{ID: cfg.ID, Log: a.log, Do: a.do, Lost: a.lost, NewCmdID: cmdID, Answer: answer})
	if err := a.sup.Go("dock/"+cfg.ID, dock.Run); err != nil {
		return nil, err
	}
	if err := a.startButtons(cfg.ID, cfg.Buttons, dock.Scanned); err != nil {
		return nil, err
	}
	scanned = func(code string) { // of a device that is no scanner
		if code = strings.TrimRight(code, "\r\n"); scanner.Fit(code) {
			dock.Scanned(code)
			return
		}
		f := drivers.FaultOf(drivers.CodeScannerControl)
		answer(station.Answer{CmdID: cmdID(), Code: f.Code, Text: f.Cause + " " + f.Action})
	}
	if cfg.Scanner == nil {
		return scanned, nil
	}
	return scanned, a.startScanner(cfg.ID, cfg.Scanner, dock.Scanned, answer)
}

// startScanner also answers scans that cannot be read: the person heard the
// scanner beep and must learn that nothing was done.
func (a *Agent) startScanner(place string, cfg *config.Scanner, sink func(string), answer func(station.Answer)) error {
	open, end, layout, err := a.scannerOpener(place+"/scanner", cfg)
	if err != nil {
		return err
	}
	driver, ok := all.Find(cfg.Driver)
	if !ok || driver.Scanner == nil {
		return fmt.Errorf("no driver %q for a scanner", cfg.Driver)
	}
	d, err := driver.Scanner(scanner.Config{
		Name: place + "/scanner", Open: open, Log: a.log, GS1: cfg.GS1.Scan(), Suffix: end, Layout: layout,
		OnStatus: func(drivers.Status) { a.changes.kick() },
		Sink: func(s scanner.Scan) {
			a.readings.set(place+"/scanner", s.Data)
			sink(s.Data)
		},
		OnReject: func(r scanner.Reject) {
			answer(station.Answer{CmdID: cmdID(), Code: r.Code, Text: r.Text})
		},
	})
	if err != nil {
		return err
	}
	return a.startDevice(place+"/scanner", d.Run, d.Status)
}

// scannerOpener reaches a scanner on its line, or as the keyboard it acts as.
func (a *Agent) scannerOpener(name string, cfg *config.Scanner) (open drivers.Opener, end scanner.Suffix, layout string, err error) {
	if cfg.Input == nil {
		open, err = a.portOpener(name, cfg.Driver, cfg.Serial, "")
		return open, "", "", err
	}
	if cfg.Input.End == config.EndGap {
		end = scanner.SuffixGap
	}
	if open, err = evdev.Opener(cfg.Input.Path); err != nil {
		return nil, "", "", err
	}
	return a.plugged(&plug{name: name, driver: cfg.Driver, where: cfg.Input.Path}, open), end, cfg.Input.Layout, nil
}

func (a *Agent) startScale(place string, cfg *config.Scale, sink func(station.Weight)) error {
	row, ok := all.Find(cfg.Driver)
	if !ok || row.Scale == nil {
		return fmt.Errorf("no driver %q for a scale", cfg.Driver)
	}
	protocol, err := row.Scale(cfg.Settings())
	if err != nil {
		return err
	}
	name := place + "/scale"
	open, err := a.scaleOpener(name, cfg)
	if err != nil {
		return err
	}
	d, err := scale.New(scale.Config{
		Name: name, Protocol: protocol, Open: open, Interval: time.Duration(cfg.IntervalMs) * time.Millisecond,
		Window: cfg.Window, EmptyMg: int64(cfg.EmptyG) * 1000, DriftMg: cfg.DriftMg(), Log: a.log,
		OnStatus: func(drivers.Status) { a.changes.kick() },
		Sink: func(r scale.Reading) {
			a.readings.set(name, weightText(r.Milligrams, r.Stable))
			sink(station.Weight{Milligrams: r.Milligrams, Stable: r.Stable, Overload: r.Overload, Underload: r.Underload, Drift: r.Drift})
		},
	})
	if err != nil {
		return err
	}
	a.scales.Store(name, d)
	return a.startDevice(name, d.Run, d.Status)
}

// scaleOpener reaches a scale on USB or on its serial line.
func (a *Agent) scaleOpener(name string, cfg *config.Scale) (drivers.Opener, error) {
	if cfg.HID == nil {
		return a.portOpener(name, cfg.Driver, cfg.Serial, "")
	}
	c, err := cfg.HID.Config()
	if err != nil {
		return nil, err
	}
	return a.plugged(&plug{name: name, driver: cfg.Driver, where: c.Where()}, hid.Opener(c)), nil
}

// actScale has a scale do what a person asks of it; found is false when this
// gateway has no such scale. The journal keeps who asked and what it showed.
func (a *Agent) actScale(ctx context.Context, by, name, act string) (shows string, found bool, err error) {
	v, _ := a.scales.Load(name)
	d, ok := v.(*scale.Driver)
	if !ok {
		return "", false, nil
	}
	before := d.Last()
	do := map[string]func(context.Context) error{api.ScaleZero: d.Zero, api.ScaleTare: d.Tare, api.ScaleClearTare: d.ClearTare}[act]
	if do == nil {
		return "", false, nil
	}
	err = do(ctx)
	after := d.Last()
	a.log.Info("scale asked by a person", "device", name, "act", act, "by", by, "before", before.Text(), "after", after.Text(), "code", drivers.CodeOf(err))
	return after.Text(), true, err
}

func (a *Agent) newPrinter(name string, cfg *config.Printer) (*printer.Driver, error) {
	open, err := a.portOpener(name, cfg.Driver, cfg.Serial, cfg.TCP)
	if err != nil {
		return nil, err
	}
	language, ok := printer.LanguageOf(cfg.Driver)
	if !ok {
		return nil, fmt.Errorf("%s: no printer driver %q", name, cfg.Driver)
	}
	return printer.New(printer.Config{Name: name, Open: open, Language: language, Log: a.log, OnStatus: func(drivers.Status) { a.changes.kick() }})
}

// startDevice runs a driver under the supervisor; a missing device is tried
// again for ever and stops nobody else.
func (a *Agent) startDevice(name string, run func(context.Context) error, status func() drivers.Status) error {
	a.devices = append(a.devices, device{status})
	return a.sup.Go(name, run, supervise.Device())
}

// outcomes translates what the printer driver learned into what the domain
// records.
var outcomes = map[printer.Outcome]string{
	printer.Printed:  warehouse.JobPrinted,
	printer.Failed:   warehouse.JobFailed,
	printer.Unknown:  warehouse.JobUnknown,
	printer.NotReady: station.NotReady,
}

// media is what a printer prints on and how it is told.
type media struct {
	label.Device
	Size label.Size
	RFID bool // it writes the tags of its labels
}

// mediaOf is the media of a configured printer.
func mediaOf(cfg *config.Printer) media {
	m := media{label.Device{Language: label.Language(cfg.Driver), Dots: cfg.Dots}, label.FourBySix, cfg.RFID}
	if cfg.Label == "a6" {
		m.Size = label.A6
	}
	return m
}

// docTypes are the languages of printers as documents know them. Bytes that may
// be no UTF-8 are filed in base64.
var docTypes = map[label.Language]string{
	label.ZPL: warehouse.DocZPL, label.TSPL: warehouse.DocTSPL, label.EPL2: warehouse.DocEPL2, label.ESCPOS: warehouse.DocESCPOS,
}

// docBody are the bytes of a document as it is filed, and back.
func docBody(typ string, job []byte) string {
	if strings.HasSuffix(typ, ";base64") {
		return base64.StdEncoding.EncodeToString(job)
	}
	return string(job)
}

func jobOf(typ string, body []byte) ([]byte, error) {
	if strings.HasSuffix(typ, ";base64") {
		return base64.StdEncoding.DecodeString(string(body))
	}
	return body, nil
}

// labelBytes are what a label job has printed: the document it has, byte by
// byte, else a label of the site's own in the language of the printer. A document
// in another language is refused: it is never turned into something else.
func (a *Agent) labelBytes(on media, job warehouse.LabelJob) ([]byte, error) {
	switch {
	case job.Doc == "" && job.Format != "":
		return nil, fmt.Errorf("the customer asks for a label in format %s: it has to be filed as a document", job.Format)
	case job.Doc == "":
		party, tag := "", ""
		err := a.view(func(r warehouse.Reader) error {
			o, err := warehouse.GetOrder(r, job.Order)
			if o != nil {
				party = o.Spec.Party
			}
			if err == nil && on.RFID {
				tag, err = ssccTag(r, job.ID)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
		return siteLabel(a.cfg.Site, on, party, tag, job)
	}
	var doc *warehouse.Document
	var body []byte
	err := a.view(func(r warehouse.Reader) (err error) {
		if doc, err = warehouse.GetDocument(r, job.Doc); err == nil {
			body, err = warehouse.DocumentBody(r, job.Doc)
		}
		return err
	})
	switch takes := docTypes[on.Language]; {
	case err != nil:
		return nil, err
	case doc == nil || len(body) == 0:
		return nil, fmt.Errorf("document %s is missing", job.Doc)
	case doc.Type != takes:
		return nil, fmt.Errorf("%s document %s is %s: the printer takes %s", drivers.CodePrinterLanguage, job.Doc, doc.Type, takes)
	}
	return jobOf(doc.Type, body)
}

// siteLabel draws the label of a job.
func siteLabel(site string, on media, party, tag string, job warehouse.LabelJob) ([]byte, error) {
	made, err := label.Logistic{
		ShipTo: label.Address{
			Name: job.ShipTo.Name, Street: job.ShipTo.Street, Postcode: job.ShipTo.Postcode,
			City: job.ShipTo.City, Country: job.ShipTo.Country,
		},
		From:    []string{site},
		Carrier: job.Carrier, Tracking: job.Tracking, Order: job.Order, SSCC: job.ID,
		WeightMg: job.WeightMg, Copy: job.Copies > 1, Party: party, Size: on.Size,
	}.Label()
	if err != nil {
		return nil, err
	}
	made.Tag = tag
	return label.Write(on.Device, made)
}

// fileLabel archives a label the site drew before its first copy goes out: every
// later one is the same bytes. Gateways of before that know no documents print
// without.
func (a *Agent) fileLabel(ctx context.Context, on media, job warehouse.LabelJob, bytes []byte) error {
	typ := docTypes[on.Language]
	res, err := a.do(ctx, "station/"+job.Station, warehouse.FileDocument{What: warehouse.DocLabel, Type: typ, Ref: job.ID, Body: docBody(typ, bytes)})
	if err == nil && !res.OK && res.Code != warehouse.CodeUnknownKind {
		err = fmt.Errorf("file the label of %s: %s %s", job.ID, res.Code, res.Text)
	}
	return err
}

// printJob renders a label job and prints it.
func (a *Agent) printJob(p *printer.Driver, on media) station.Printer {
	return func(ctx context.Context, job warehouse.LabelJob, beforeSend func(context.Context) error) (string, string, error) {
		bytes, err := a.labelBytes(on, job)
		if err == nil && job.Doc == "" {
			err = a.fileLabel(ctx, on, job, bytes)
		}
		if err != nil {
			return station.NotReady, strings.TrimSpace(fmt.Sprintf("%s the label cannot be drawn: %v", label.Code(err), err)), err
		}
		tag := ""
		if on.RFID {
			err = a.view(func(r warehouse.Reader) (err error) {
				tag, err = ssccTag(r, job.ID)
				return err
			})
			if err != nil {
				return station.NotReady, err.Error(), err
			}
		}
		return send(ctx, p, bytes, tag, beforeSend)
	}
}

// publish answers a scan on down/result.
func (a *Agent) publish(class, id string, ans station.Answer) {
	a.tell(topics.DownResult(a.cfg.Site, class, id), ans, false)
}

func (a *Agent) publishState(class, id, name string, v any) {
	a.tell(topics.Of(a.cfg.Site, class, id, topics.State, name), v, true)
}

// tell publishes what only this gateway knows, on all brokers of the site.
func (a *Agent) tell(topic string, v any, retain bool) {
	b, err := json.Marshal(v)
	if err == nil {
		err = a.broker.Publish(topic, b, retain, 1)
	}
	if err != nil {
		a.log.Warn("not published", "topic", topic, "err", err)
		return
	}
	if a.relay != nil {
		a.relay.send(callPublish, relayed{topic, b, retain})
	}
}

// publishHere publishes on this gateway's broker alone, to be kept.
func (a *Agent) publishHere(topic string, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return a.broker.Publish(topic, b, true, 1)
}

func cmdID() string {
	id := newID()
	return hex.EncodeToString(id[:])
}
