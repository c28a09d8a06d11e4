package conveyor

import (
	"context"
	"encoding/json"
	"fmt"

	"tote/gs1"
)

// scan gets the decision for a carton and sends it.
func (c *Controller) scan(ctx context.Context, d *device, m *ScanMessage, stale bool) (*track, error) {
	t := d.track(m, c.cfg.Now())
	if stale {
		d.count(func(n *Counts) { n.Stale++ })
		c.fault(d, CodeTwin, "a scan of start "+m.BootID+", which is over")
		return t, nil
	}
	dec, err := c.decide(ctx, d, t)
	inTime := c.cfg.Now().Before(t.deadline)
	if err != nil && inTime {
		d.mu.Lock()
		d.failed.add(m.MsgID, t, t.arrived)
		d.mu.Unlock()
		return nil, err
	}
	d.keep(t)
	if t.barcode == "" {
		c.fault(d, CodeNoRead, fmt.Sprintf("track %s at %s: %s", m.Track, m.Point, t.quality))
	}
	switch {
	case err != nil:
		// Nobody waits for it any more; sent again it would be late again.
	case !id(dec.Lane) || dec.Reason != "" && !word(dec.Reason):
		c.fault(d, CodeLane, fmt.Sprintf("lane %.80q, reason %.80q", dec.Lane, dec.Reason))
		return t, nil
	default:
		d.mu.Lock()
		t.decided(dec)
		inTime = c.cfg.Now().Before(t.deadline)
		if inTime && !d.synced {
			d.counts.Held++
		}
		d.mu.Unlock()
	}
	if inTime {
		c.send(d, t)
		return t, nil
	}
	d.count(func(n *Counts) { n.Late++ })
	c.fault(d, CodeLate, fmt.Sprintf("track %s at %s had %v", m.Track, m.Point, t.validFor))
	return t, nil
}

// decide asks for the decision, as long as it is of use.
func (c *Controller) decide(ctx context.Context, d *device, t *track) (Decision, error) {
	left := t.deadline.Sub(c.cfg.Now())
	if left <= 0 {
		return Decision{}, context.DeadlineExceeded
	}
	ctx, cancel := context.WithTimeout(ctx, left)
	defer cancel()
	m := t.scan
	return c.cfg.Decide(ctx, Scan{
		Device: d.id, BootID: m.BootID, Track: m.Track, MsgID: m.MsgID, Generation: t.generation, Point: m.Point,
		Barcode: t.barcode, Quality: t.quality, WeightMg: m.WeightMg, ValidFor: left, At: m.At,
	})
}

// send publishes the decision of a carton, the same bytes each time, unless it
// is of no use any more.
func (c *Controller) send(d *device, t *track) {
	d.mu.Lock()
	if !d.synced || t.key.boot != d.boot || t.lane == "" || t.ended || d.tracks[t.key] != t || !c.cfg.Now().Before(t.deadline) {
		d.mu.Unlock()
		return
	}
	var err error
	if t.assign == nil {
		m := &AssignMessage{
			Header: c.down(d), Track: t.key.track, ScanID: t.scan.MsgID, Lane: t.lane,
			Expires: t.scan.At.Add(t.validFor), ValidFor: t.validFor, Reason: t.reason,
		}
		if t.assign, err = Encode(m); err == nil {
			d.sent.add(m.MsgID, t, m.At)
		}
	}
	payload := t.assign
	d.counts.Assigns++
	d.mu.Unlock()
	if err == nil {
		err = c.cfg.Publish(d.id, NameAssign, payload)
	}
	if err != nil {
		c.unsent(d, NameAssign, err)
	}
}

// resend sends every decision the conveyor has not acknowledged.
func (c *Controller) resend(d *device) {
	d.mu.Lock()
	var open []*track
	for _, k := range d.order {
		if t := d.tracks[k]; t != nil && k.boot == d.boot && !t.ended && !t.answered && t.lane != "" {
			open = append(open, t)
		}
	}
	d.mu.Unlock()
	for _, t := range open {
		c.send(d, t)
	}
}

// divert takes down where a carton is.
func (c *Controller) divert(ctx context.Context, d *device, m *DivertMessage) error {
	now := c.cfg.Now()
	code, _ := reading(m.Barcodes, Good)
	d.mu.Lock()
	t := d.tracks[trackKey{m.BootID, m.Track}]
	if m.ScanID != "" && (t == nil || t.scan.MsgID != m.ScanID) { // an earlier generation
		if t, _ = d.seen.get(m.ScanID, now); t != nil && t.key != (trackKey{m.BootID, m.Track}) {
			t = nil
		}
	}
	out := Divert{
		Device: d.id, BootID: m.BootID, Track: m.Track, MsgID: m.MsgID,
		Barcode: code, Result: m.Result, Intended: m.Intended, Actual: m.Actual, At: m.At,
	}
	again := false
	if t != nil {
		out.Generation = t.generation
		if out.Barcode == "" || t.barcode == "" { // what was not read clean has no name here either
			out.Barcode = t.barcode
		}
		again = t.ended && t.result == m.Result && t.actual == m.Actual
	}
	d.mu.Unlock()
	if again {
		d.count(func(n *Counts) { n.Duplicates++ })
		return nil
	}
	if out.Barcode != "" && out.Actual != "" {
		if err := c.cfg.Record(ctx, out); err != nil {
			return err
		}
	}
	d.mu.Lock()
	if t != nil {
		t.result, t.actual = m.Result, m.Actual
		t.ended = m.Result != Jam || m.Actual != "" // a stuck carton goes on some time
	}
	d.outcome(t, out, now)
	d.mu.Unlock()
	c.divertFault(d, t, out)
	return nil
}

// divertFault tells what went wrong with a carton.
func (c *Controller) divertFault(d *device, t *track, out Divert) {
	code := map[string]string{Full: CodeFull, Missed: CodeMissed, Jam: CodeJam, Lost: CodeLost, Unexpected: CodeUnexpected}[out.Result]
	switch {
	case code == "" && out.Intended != "" && out.Actual != out.Intended:
		code = CodeMissed
	case code == "" && out.Barcode == "" && t == nil:
		code = CodeUnexpected // neither a scan here nor a name
	case code == "":
		return
	}
	c.fault(d, code, fmt.Sprintf("track %s, code %q: intended %q, is in %q", out.Track, out.Barcode, out.Intended, out.Actual))
}

func (c *Controller) ack(d *device, m *AckMessage) {
	d.mu.Lock()
	t, _ := d.sent.get(m.For, c.cfg.Now())
	if t != nil {
		t.answered = true
	}
	if m.Status == Rejected {
		d.counts.Rejected++
	}
	d.mu.Unlock()
	if m.Status != Rejected {
		return
	}
	text := "code " + m.Code
	if t != nil {
		text = fmt.Sprintf("track %s to %s: %s", t.key.track, t.lane, m.Code)
	}
	c.fault(d, CodeRejected, text)
}

func (c *Controller) alarm(d *device, m *AlarmMessage) {
	d.mu.Lock()
	kept := make([]Alarm, 0, len(d.alarms)+1)
	for _, a := range d.alarms {
		if a.ID != m.AlarmID {
			kept = append(kept, a)
		}
	}
	if m.State == Raise && len(kept) < MaxEntries {
		kept = append(kept, Alarm{m.AlarmID, m.Code, m.Section})
	}
	d.alarms = kept
	d.mu.Unlock()
	if m.State == Raise {
		c.fault(d, CodeAlarm, fmt.Sprintf("%s %s %s", m.AlarmID, m.Code, m.Section))
	}
}

// state takes a state as the newest.
func (c *Controller) state(d *device, m *MainMessage) {
	d.mu.Lock()
	before := d.main.Mode
	d.main, d.alarms = *m, m.Alarms
	d.mu.Unlock()
	if m.Mode != before && (m.Mode == ModeEStop || m.Mode == ModeFault) {
		c.fault(d, CodeStopped, "mode "+m.Mode)
	}
}

// conn takes online or offline.
func (c *Controller) conn(d *device, payload []byte) {
	var m struct {
		State string `json:"state"`
	}
	if err := json.Unmarshal(payload, &m); err != nil || m.State != "online" && m.State != "offline" {
		c.fault(d, CodeMalformed, "state/conn is neither online nor offline")
		return
	}
	now := c.cfg.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	if online := m.State == "online"; online != d.online || d.turned.IsZero() {
		d.online, d.turned = online, now
	}
}

// reading makes one code out of what a scanner read. A carton may carry other
// codes beside its SSCC; two cartons' codes are no reading of either.
func reading(codes []string, quality string) (code, why string) {
	if quality != Good || len(codes) == 0 {
		return "", quality
	}
	sscc := ""
	for _, b := range codes {
		n := ssccOf(b)
		switch {
		case n == "":
		case sscc == "":
			sscc, code = n, b
		case sscc != n:
			return "", Multi
		}
	}
	if sscc != "" {
		return code, Good
	}
	for _, b := range codes[1:] {
		if b != codes[0] {
			return "", Multi // none of them names a carton for sure
		}
	}
	return codes[0], Good
}

func ssccOf(barcode string) string {
	if gs1.ValidSSCC(barcode) {
		return barcode
	}
	if s, err := gs1.Parse(barcode); err == nil {
		n, _ := s.SSCC()
		return n
	}
	return ""
}
