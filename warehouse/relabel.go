package warehouse

import "fmt"

// Another carrier after the label: a supervisor's operation at the work centre,
// also past the hard point of no return, until the parcel is loaded.
//
// The old label is void: told once, its document too, and the parcel cannot be
// loaded until its new label is proven to be printed. The SSCC names the parcel
// and not the label, so it stays. When the new number is known, one event tells
// what is billed instead of what.

// maxVoided bounds how often the carrier of a parcel changes.
const maxVoided = 8

type (
	// ChangeCarrier gives a parcel another carrier and service; Carrier "" has
	// the table choose among the others. Each parcel of an order has its own:
	// All changes those of the others as well, all or none of them.
	ChangeCarrier struct {
		SSCC    string `cbor:"1,keyasint" json:"sscc"`
		Carrier string `cbor:"2,keyasint,omitempty" json:"carrier,omitempty"`
		Service string `cbor:"3,keyasint,omitempty" json:"service,omitempty"`
		Reason  string `cbor:"4,keyasint" json:"reason"`
		All     bool   `cbor:"5,keyasint,omitempty" json:"all,omitempty"` // all parcels of its order that are not loaded
	}
	// VoidLabel is a label that must not be used any more.
	VoidLabel struct {
		Label LabelFacts `cbor:"1,keyasint" json:"label"`
		At    int64      `cbor:"2,keyasint" json:"at"`
		By    string     `cbor:"3,keyasint,omitempty" json:"by,omitempty"`
		Why   string     `cbor:"4,keyasint" json:"why"`
	}
)

// Kind implements Command.
func (ChangeCarrier) Kind() Kind { return KindChangeCarrier }

func changeCarrier(c *change, cmd ChangeCarrier) (Result, error) {
	res := Result{Ref: cmd.SSCC}
	switch {
	case !validText(cmd.Reason, maxText):
		return res, refuse(CodeInvalid, "reason")
	case !validID(cmd.SSCC):
		return res, refuse(CodeUnknownSSCC, "%.70q", cmd.SSCC)
	}
	o, p, err := c.parcel(cmd.SSCC)
	if err != nil {
		return res, err
	}
	if o == nil {
		return res, c.noParcel(cmd.SSCC)
	}
	if res.Text, err = c.otherCarrier(o, p, cmd); err != nil || !cmd.All {
		return res, err
	}
	for i := range o.Parcels {
		if p := &o.Parcels[i]; p.SSCC != cmd.SSCC && p.Dock == "" {
			if _, err := c.otherCarrier(o, p, cmd); err != nil {
				return res, err
			}
		}
	}
	return res, nil
}

// otherCarrier gives one parcel another carrier and says which.
func (c *change) otherCarrier(o *Order, p *Parcel, cmd ChangeCarrier) (string, error) {
	j, err := must2(GetJob(c, p.Job))("job", p.Job)
	if err != nil {
		return "", err
	}
	switch {
	case p.Dock != "" || o.State == OrderShipped:
		return "", refuse(CodeAlreadyLoaded, "%s at dock %s", p.SSCC, p.Dock)
	case j.State == JobSent:
		return "", refuse(CodeLabelState, "the label is on its way out of the printer")
	case len(j.Voided) >= maxVoided:
		return "", refuse(CodeConflict, "%d labels of %s are void already", len(j.Voided), p.SSCC)
	}
	on, err := ManifestOf(c, p.SSCC)
	if err != nil {
		return "", err
	}
	if on != "" {
		return "", refuse(CodeConflict, "%s is on manifest %s", p.SSCC, on)
	}
	site, err := c.theSite()
	if err != nil {
		return "", err
	}
	ch, err := c.asked(site, o, p, cmd)
	if err != nil {
		return "", err
	}
	text := "goes with carrier " + ch.carrier.Code + " " + ch.code()
	if ch.carrier.Code == p.Carrier && ch.code() == p.Service {
		return text, nil
	}
	if err := c.void(o, p, j, cmd.Reason); err != nil {
		return "", err
	}
	return text, c.assign(site, o, p, j, ch)
}

// asked is the service a supervisor wants for a parcel. Its method may be
// another one; what the service cannot do stays impossible.
func (c *change) asked(site *Site, o *Order, p *Parcel, cmd ChangeCarrier) (*choice, error) {
	if !site.byService() {
		ca := site.carrierOf(cmd.Carrier)
		if ca == nil || cmd.Service != "" {
			return nil, refuse(CodeInvalid, "the site has no carrier %.70q with service %.70q", cmd.Carrier, cmd.Service)
		}
		return &choice{carrier: ca}, nil
	}
	if cmd.Carrier == "" {
		ch, code, why, err := c.choose(site, o, p.WeightMg, []string{p.Carrier})
		if err == nil && ch == nil {
			err = refuse(code, "%s", why)
		}
		return ch, err
	}
	for i := range site.Services {
		v := &site.Services[i]
		if v.Carrier != cmd.Carrier || v.Code != cmd.Service {
			continue
		}
		ca := site.carrierOf(v.Carrier)
		why, _, err := c.against(site, o, v, ca, p.WeightMg, nil)
		if err == nil && why != "" {
			err = refuse(CodeCarrierRefused, "%s %s: %s", v.Carrier, v.Code, why)
		}
		cost, _ := v.cost(p.WeightMg)
		return &choice{service: v, carrier: ca, cost: cost}, err
	}
	return nil, refuse(CodeInvalid, "the site has no carrier %.70q with service %.70q", cmd.Carrier, cmd.Service)
}

// facts is what is told of the label of a parcel.
func (p *Parcel) facts(j *LabelJob) LabelFacts {
	return LabelFacts{SSCC: p.SSCC, Carrier: p.Carrier, Service: p.Service, Tracking: p.Tracking, Cost: p.Cost, Doc: j.Doc}
}

// void ends the label a parcel has, if it has one, and makes its job a new one.
// Nothing is saved but the document.
func (c *change) void(o *Order, p *Parcel, j *LabelJob, why string) error {
	if err := c.setJobDue(j, 0); err != nil {
		return err
	}
	if err := c.setReady(p.Carrier, p.SSCC, false); err != nil {
		return err
	}
	err := c.clearFallouts(o, c.meta.Actor, func(f *Fallout) bool { return (isLabelFallout(f) || isLabelWait(f)) && f.about(j.ID) })
	if err != nil {
		return err
	}
	if p.Tracking != "" {
		old := p.facts(j)
		j.Voided = append(j.Voided, VoidLabel{Label: old, At: c.meta.Now, By: c.meta.Actor, Why: why})
		j.Bill = true
		if err := c.changeDoc(j.Doc, func(d *Document) { d.VoidAt = max(c.meta.Now, 1) }); err != nil {
			return err
		}
		err := c.emit(EvLabelVoided, o.Spec.ID, EventData{
			State: string(o.State), Revision: o.Spec.Revision, Text: why, Label: &old, Born: c.bornOf(o),
		})
		if err != nil {
			return err
		}
	}
	p.Tracking, j.Tracking, j.Doc, j.Refused, j.Copies = "", "", "", nil, 1
	// What the station showed of the old label is over.
	return c.stationStep(j, StepPrint)
}

// bill tells once what is billed for a parcel whose label was void.
func (c *change) bill(o *Order, p *Parcel, j *LabelJob) error {
	if !j.Bill {
		return nil
	}
	j.Bill = false
	if err := c.saveJob(j); err != nil {
		return err
	}
	if len(j.Voided) == 0 {
		return fmt.Errorf("%w: job %s bills instead of nothing", ErrCorrupt, j.ID)
	}
	last := j.Voided[len(j.Voided)-1]
	now := p.facts(j)
	return c.emit(EvBillingChanged, o.Spec.ID, EventData{
		State: string(o.State), Revision: o.Spec.Revision, Text: last.Why, Was: &last.Label, Label: &now, Born: c.bornOf(o),
	})
}
