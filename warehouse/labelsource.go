package warehouse

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Where a label comes from.
//
// A carrier with a range gives its numbers in advance and the site draws the
// label; once per range it is told that few are left. An online carrier gives
// number and label for each parcel, by way of a carrier port. A parcel that has
// neither waits as AWAITING_LABEL and is never given an invented number: it goes
// on by itself when the carrier answers, when the range is extended, or when
// another service can take it because the carrier refused it or went down. What
// waits too long is told as a fallout, and the station is free for the next one.

// CarrierOnline is the value of Carrier.Mode by which the carrier gives number
// and label of each parcel.
const CarrierOnline = "online"

const (
	labelWaitMs = 120_000 // until a carrier's silence is told
	maxDocBody  = 48 << 10
	maxRefusals = 16
	serveMost   = 25 // waiting labels looked at in one go
)

type (
	// LabelGiven is the answer of an online carrier. Body is the label as the
	// carrier drew it, in the language of Type; "" = the site draws its own.
	// The same again is a no-op.
	LabelGiven struct {
		Job      string `cbor:"1,keyasint" json:"job"` // the SSCC
		Carrier  string `cbor:"2,keyasint" json:"carrier"`
		Tracking string `cbor:"3,keyasint" json:"tracking"`
		Type     string `cbor:"4,keyasint,omitempty" json:"type,omitempty"` // "zpl" when there is a body
		Body     string `cbor:"5,keyasint,omitempty" json:"body,omitempty"`
	}
	// LabelRefused says that an online carrier does not take a parcel. The next
	// service is asked.
	LabelRefused struct {
		Job     string `cbor:"1,keyasint" json:"job"`
		Carrier string `cbor:"2,keyasint" json:"carrier"`
		Reason  string `cbor:"3,keyasint" json:"reason"`
	}
	// LabelFacts is what is told of one label.
	LabelFacts struct {
		SSCC     string `cbor:"1,keyasint" json:"sscc"`
		Carrier  string `cbor:"2,keyasint" json:"carrier"`
		Service  string `cbor:"3,keyasint,omitempty" json:"service,omitempty"`
		Tracking string `cbor:"4,keyasint,omitempty" json:"tracking,omitempty"`
		Cost     int64  `cbor:"5,keyasint,omitempty" json:"cost,omitempty"` // minor units
		Doc      string `cbor:"6,keyasint,omitempty" json:"doc,omitempty"`
	}
	// RangeLeft is what a carrier's range still has.
	RangeLeft struct {
		Carrier string `json:"carrier"`
		Left    int64  `json:"left"`
		Low     bool   `json:"low,omitempty"`
	}
)

// Kind implements Command.
func (LabelGiven) Kind() Kind { return KindLabelGiven }

// Kind implements Command.
func (LabelRefused) Kind() Kind { return KindLabelRefused }

func lowKey(ca *Carrier) []byte {
	return key(kSeq, "low", ca.Code, ca.Prefix, fmt.Sprint(ca.Digits))
}

// tellLow tells once that a range comes to its end; a longer one is told again.
func (c *change) tellLow(ca *Carrier, used uint64) error {
	left := ca.Last - int64(used)
	if ca.LowWater == 0 || left > ca.LowWater {
		return nil
	}
	told, err := counter(c, lowKey(ca))
	if err != nil || told == uint64(ca.Last) {
		return err
	}
	if err := c.setCounter(lowKey(ca), uint64(ca.Last)); err != nil {
		return err
	}
	c.touch("carriers", "")
	return c.emit(EvRangeLow, "", EventData{Carrier: ca.Code, Qty: left})
}

// RangesLeft lists what the ranges of the carriers still have.
func RangesLeft(r Reader) ([]RangeLeft, error) {
	site, err := GetSite(r)
	if err != nil || site == nil {
		return nil, err
	}
	var out []RangeLeft
	for i := range site.Carriers {
		ca := &site.Carriers[i]
		if ca.Mode == CarrierOnline {
			continue
		}
		used, err := counter(r, trackKey(ca))
		if err != nil {
			return nil, err
		}
		left := max(ca.Last-max(int64(used), ca.First-1, 0), 0)
		out = append(out, RangeLeft{ca.Code, left, ca.LowWater > 0 && left <= ca.LowWater})
	}
	return out, nil
}

// AwaitingLabel lists the jobs that wait for a carrier's label, at most limit,
// all when 0: what a carrier port has to ask for.
func AwaitingLabel(r Reader, carrier string, limit int) ([]LabelJob, error) {
	return named(r, under(kAwait, carrier), limit, GetJob, "job")
}

// numberOf takes a tracking number for a parcel; "" with the reason when it has
// to wait for one.
func (c *change) numberOf(site *Site, ca *Carrier) (track, waits string, err error) {
	if ca.Mode == CarrierOnline {
		return "", "waits for the label of carrier " + ca.Code, nil
	}
	track, err = c.tracking(ca)
	if no, ok := errors.AsType[*refusal](err); ok && no.code == CodeTrackingUsedUp && site.byService() {
		return "", no.text, nil
	}
	return track, "", err
}

// isLabelWait tells whether a fallout ends when a parcel gets its label.
func isLabelWait(f *Fallout) bool {
	return f.Code == FalloutAwaitingLabel || f.Code == FalloutCarrierRefused
}

// setJobDue moves the moment at which a silent carrier is told.
func (c *change) setJobDue(j *LabelJob, at int64) error {
	err := c.setAlarm(alarmLabel, j.ID, j.Due, at)
	j.Due = at
	return err
}

// await lets a job wait for its label. The order is not saved.
func (c *change) await(o *Order, j *LabelJob, ca *Carrier, why string) error {
	if err := c.setJob(j, JobAwaiting, why); err != nil {
		return err
	}
	if ca.Mode != CarrierOnline {
		return c.tellAwait(o, j, why)
	}
	if err := c.setJobDue(j, c.meta.Now+labelWaitMs); err != nil {
		return err
	}
	return c.saveJob(j)
}

// tellAwait makes a wait for a label a fallout; the carton is put aside. The
// order is not saved.
func (c *change) tellAwait(o *Order, j *LabelJob, why string) error {
	if err := c.setJobDue(j, 0); err != nil {
		return err
	}
	if err := c.saveJob(j); err != nil {
		return err
	}
	if err := c.setFallout(o, Fallout{Code: FalloutAwaitingLabel, Detail: cleanText(why), LU: j.ID}); err != nil {
		return err
	}
	st, err := c.station(j.Station)
	if err != nil || st.Job != j.ID {
		return err
	}
	return c.cartonDone(st, FalloutAwaitingLabel)
}

// labelLate tells of a carrier that did not answer.
func (c *change) labelLate(job string) error {
	j, o, err := c.jobAndOrder(job)
	if err != nil {
		return err
	}
	if err := c.tellAwait(o, j, j.Detail); err != nil {
		return err
	}
	return c.saveOrder(o)
}

// ready gives a job its number: it can be printed.
func (c *change) ready(o *Order, p *Parcel, j *LabelJob, track string) error {
	p.Tracking, j.Tracking = track, track
	if err := c.setJob(j, JobRequested, ""); err != nil {
		return err
	}
	waits := func(f *Fallout) bool { return isLabelWait(f) && f.about(j.ID) }
	if err := c.clearFallouts(o, "carrier/"+j.Carrier, waits); err != nil {
		return err
	}
	if err := c.bill(o, p, j); err != nil {
		return err
	}
	return c.saveOrder(o)
}

// assign gives a parcel to a carrier and asks for its label.
func (c *change) assign(site *Site, o *Order, p *Parcel, j *LabelJob, ch *choice) error {
	if j.State == JobAwaiting {
		if err := c.index(key(kAwait, j.Carrier, j.ID), false); err != nil {
			return err
		}
	}
	p.Carrier, p.Service, p.Cost = ch.carrier.Code, ch.code(), ch.cost
	j.Carrier, j.Service = p.Carrier, p.Service
	track, waits, err := c.numberOf(site, ch.carrier)
	if err != nil {
		return err
	}
	if waits == "" {
		return c.ready(o, p, j, track)
	}
	if err := c.await(o, j, ch.carrier, waits); err != nil {
		return err
	}
	return c.saveOrder(o)
}

// waiting loads a job a carrier speaks of; done when the job has got what the
// carrier says before.
func (c *change) waiting(job, carrier, tracking string) (o *Order, p *Parcel, j *LabelJob, done bool, err error) {
	if j, o, err = c.jobAndOrder(job); err != nil {
		return nil, nil, nil, false, err
	}
	switch {
	case j.Carrier != carrier:
		return nil, nil, nil, false, refuse(CodeLabelState, "parcel %s goes with carrier %s, not %.70q", job, j.Carrier, carrier)
	case j.State != JobAwaiting && tracking != "" && j.Tracking == tracking:
		return nil, nil, nil, true, nil
	case j.State != JobAwaiting:
		return nil, nil, nil, false, refuse(CodeLabelState, "job is %s", j.State)
	}
	if o, p, err = c.parcel(job); err == nil && o == nil {
		err = fmt.Errorf("%w: job %s has no parcel", ErrCorrupt, job)
	}
	return o, p, j, false, err
}

func labelGiven(c *change, cmd LabelGiven) (Result, error) {
	res := Result{Ref: cmd.Job}
	typ := cmp.Or(cmd.Type, DocZPL)
	switch {
	case !validBarcode(cmd.Tracking):
		return res, refuse(CodeInvalid, "tracking number")
	case !c.docType(typ) || cmd.Body == "" && cmd.Type != "":
		return res, refuse(CodeInvalid, "type")
	case len(cmd.Body) > maxDocBody:
		return res, refuse(CodeInvalid, "body of %d bytes, the most is %d", len(cmd.Body), maxDocBody)
	}
	o, p, j, done, err := c.waiting(cmd.Job, cmd.Carrier, cmd.Tracking)
	if err != nil || done {
		return res, err
	}
	k := key(kGiven, cmd.Carrier, cmd.Tracking)
	other, err := c.Get(k)
	if err != nil {
		return res, err
	}
	if other != nil {
		return res, refuse(CodeConflict, "carrier %s gave number %s to parcel %s", cmd.Carrier, cmd.Tracking, other)
	}
	if err := c.Set(k, []byte(cmd.Job)); err != nil {
		return res, err
	}
	if cmd.Body != "" {
		d, err := c.fileDoc(Document{Kind: DocLabel, Type: typ, Ref: cmd.Job, Order: o.Spec.ID}, cmd.Body)
		if err != nil {
			return res, err
		}
		j.Doc = d.ID
	}
	return res, c.ready(o, p, j, cmd.Tracking)
}

func labelRefused(c *change, cmd LabelRefused) (Result, error) {
	res := Result{Ref: cmd.Job}
	if !validText(cmd.Reason, maxText) {
		return res, refuse(CodeInvalid, "reason")
	}
	o, p, j, _, err := c.waiting(cmd.Job, cmd.Carrier, "")
	if err != nil {
		return res, err
	}
	site, err := c.theSite()
	if err != nil {
		return res, err
	}
	if !slices.Contains(j.Refused, cmd.Carrier) && len(j.Refused) < maxRefusals {
		j.Refused = append(j.Refused, cmd.Carrier)
	}
	j.Detail = "carrier " + cmd.Carrier + " refused it: " + cmd.Reason
	moved, why, err := c.reroute(site, o, p, j)
	if err != nil || moved {
		res.Text = "goes with carrier " + j.Carrier
		return res, err
	}
	if err := c.setJobDue(j, 0); err != nil {
		return res, err
	}
	if err := c.saveJob(j); err != nil {
		return res, err
	}
	if err := c.setFallout(o, Fallout{Code: FalloutCarrierRefused, Detail: cleanText(j.Detail + "; " + why), LU: j.ID}); err != nil {
		return res, err
	}
	if st, err := c.station(j.Station); err != nil {
		return res, err
	} else if st.Job == j.ID {
		if err := c.cartonDone(st, FalloutCarrierRefused); err != nil {
			return res, err
		}
	}
	res.Text = "no other service takes it"
	return res, c.saveOrder(o)
}

// reroute gives a waiting parcel to the best service that did not refuse it;
// false with the reasons when there is none.
func (c *change) reroute(site *Site, o *Order, p *Parcel, j *LabelJob) (moved bool, why string, err error) {
	if !site.byService() {
		return false, "the site has no table of services", nil
	}
	ch, _, why, err := c.choose(site, o, p.WeightMg, j.Refused)
	if err != nil || ch == nil || ch.carrier.Code == j.Carrier && ch.code() == j.Service {
		return false, why, err
	}
	return true, "", c.assign(site, o, p, j, ch)
}

// askWaiting has the labels that wait for a carrier looked at again.
func (c *change) askWaiting(carrier string) error {
	some, err := tails(c, under(kAwait, carrier), 1)
	if err != nil || len(some) == 0 {
		return err
	}
	return c.setAlarm(alarmCarrier, carrier+string(rune(sep)), 0, max(c.meta.Now, 1))
}

// serveWaiting looks at the labels that wait for a carrier, behind the one in
// the alarm, and leaves the others to the next alarm.
func (c *change) serveWaiting(at int64, id string) error {
	if err := c.setAlarm(alarmCarrier, id, at, 0); err != nil {
		return err
	}
	carrier, after, _ := strings.Cut(id, string(rune(sep)))
	site, err := c.theSite()
	if err != nil {
		return err
	}
	out, err := GetCarrierOut(c, carrier)
	if err != nil {
		return err
	}
	var jobs []string
	prefix := under(kAwait, carrier)
	err = c.Range(prefix, func(k, _ []byte) (bool, error) {
		if job := string(k[len(prefix):]); job > after {
			jobs = append(jobs, job)
		}
		return len(jobs) <= serveMost, nil
	})
	if err != nil {
		return err
	}
	for i, job := range jobs {
		if i == serveMost || c.over(leaseKeys, leaseBytes) {
			return c.setAlarm(alarmCarrier, carrier+string(rune(sep))+after, 0, max(c.meta.Now, 1))
		}
		if err := c.serveOne(site, job, carrier, out != nil); err != nil {
			return err
		}
		after = job
	}
	return nil
}

// serveOne gives a waiting parcel a number, or to another carrier.
func (c *change) serveOne(site *Site, job, carrier string, down bool) error {
	o, p, err := c.parcel(job)
	if err == nil && o == nil {
		err = fmt.Errorf("%w: job %s has no parcel", ErrCorrupt, job)
	}
	if err != nil {
		return err
	}
	j, err := must2(GetJob(c, job))("job", job)
	if err != nil {
		return err
	}
	ca := site.carrierOf(carrier)
	if ca == nil || down || slices.Contains(j.Refused, carrier) {
		_, _, err := c.reroute(site, o, p, j)
		return err
	}
	track, waits, err := c.numberOf(site, ca)
	if err != nil || waits != "" {
		return err
	}
	return c.ready(o, p, j, track)
}
