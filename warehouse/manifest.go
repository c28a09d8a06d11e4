package warehouse

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Manifests: what a carrier is handed, closed before it is loaded.
//
// A site that works with manifests closes one for a carrier and a dock: all its
// parcels whose labels are proven, or those that were named. Only what is on a
// manifest of the dock may be loaded there, and nothing else departs. When the
// truck has gone, its manifests are over: a parcel that was on one and stayed
// behind is free for the next. A manifest is never changed once it is closed.

const (
	maxManifest = 200 // parcels of one
	maxTrucks   = 3   // open manifests of a dock
)

// Manifest states.
const (
	ManifestClosed   = "CLOSED"
	ManifestDeparted = "DEPARTED"
)

type (
	// CloseManifest makes the manifest of a carrier at a dock; without parcels
	// it takes all that are ready, as many as one manifest holds.
	CloseManifest struct {
		Carrier string   `cbor:"1,keyasint" json:"carrier"`
		Dock    string   `cbor:"2,keyasint" json:"dock"`
		Parcels []string `cbor:"3,keyasint,omitempty" json:"parcels,omitempty"` // SSCCs
	}
	// Manifest is the list of parcels a carrier is handed at a dock.
	Manifest struct {
		ID       string   `cbor:"1,keyasint" json:"id"`
		Carrier  string   `cbor:"2,keyasint" json:"carrier"`
		Dock     string   `cbor:"3,keyasint" json:"dock"`
		State    string   `cbor:"4,keyasint" json:"state"`
		Since    int64    `cbor:"5,keyasint" json:"since"` // when State was entered
		Closed   int64    `cbor:"6,keyasint" json:"closed"`
		By       string   `cbor:"7,keyasint,omitempty" json:"by,omitempty"`
		Parcels  []string `cbor:"8,keyasint" json:"parcels"` // SSCCs, in their order
		WeightMg int64    `cbor:"9,keyasint" json:"weightMg"`
		Left     []string `cbor:"10,keyasint,omitempty" json:"left,omitempty"` // stayed behind
	}
)

// Kind implements Command.
func (CloseManifest) Kind() Kind { return KindCloseManifest }

// GetManifest returns a manifest by id.
func GetManifest(r Reader, id string) (*Manifest, error) {
	return load[Manifest](r, key(kManifest, id))
}

// ManifestsAt lists the manifests of a dock that have not departed.
func ManifestsAt(r Reader, dock string) ([]Manifest, error) {
	return named(r, under(kTruck, dock), 0, GetManifest, "manifest")
}

// ManifestOf is the id of the manifest a parcel is on, "" when it is on none.
func ManifestOf(r Reader, sscc string) (string, error) {
	b, err := r.Get(key(kOnManifest, sscc))
	return string(b), err
}

// ReadyFor lists the SSCCs that are ready for the next manifest of a carrier, at
// most limit, all when 0.
func ReadyFor(r Reader, carrier string, limit int) ([]string, error) {
	return tails(r, under(kReady, carrier), limit)
}

// setReady notes that a parcel is ready for a manifest, or is not any more.
func (c *change) setReady(carrier, sscc string, want bool) error {
	if want {
		site, err := c.theSite()
		if err != nil || !site.Manifests {
			return err
		}
	}
	return c.index(key(kReady, carrier, sscc), want)
}

func closeManifest(c *change, cmd CloseManifest) (Result, error) {
	site, err := c.theSite()
	if err != nil {
		return Result{}, err
	}
	switch {
	case !site.Manifests:
		return Result{}, refuse(CodeInvalid, "the site works without manifests")
	case site.carrierOf(cmd.Carrier) == nil:
		return Result{}, refuse(CodeInvalid, "the site has no carrier %.70q", cmd.Carrier)
	case !validID(cmd.Dock):
		return Result{}, refuse(CodeInvalid, "dock id")
	case len(cmd.Parcels) > maxManifest:
		return Result{}, refuse(CodeInvalid, "%d parcels, the most is %d", len(cmd.Parcels), maxManifest)
	}
	open, err := ManifestsAt(c, cmd.Dock)
	if err != nil {
		return Result{}, err
	}
	if len(open) >= maxTrucks {
		return Result{}, refuse(CodeConflict, "dock %s has %d manifests that have not departed", cmd.Dock, len(open))
	}
	list, rest := slices.Clone(cmd.Parcels), ""
	if len(list) == 0 {
		if list, err = ReadyFor(c, cmd.Carrier, maxManifest+1); err != nil {
			return Result{}, err
		}
		if len(list) > maxManifest {
			list, rest = list[:maxManifest], "; there are more: close another one"
		}
	}
	if len(list) == 0 {
		return Result{}, refuse(CodeNothingLoaded, "no parcel is ready for carrier %s", cmd.Carrier)
	}
	slices.Sort(list)
	n, err := c.next(kManifest)
	if err != nil {
		return Result{}, err
	}
	m := &Manifest{
		ID: fmt.Sprintf("MF%06d", n), Carrier: cmd.Carrier, Dock: cmd.Dock, State: ManifestClosed,
		Since: c.meta.Now, Closed: c.meta.Now, By: c.meta.Actor, Parcels: list,
	}
	var told []Parcel
	for _, sscc := range list {
		p, err := c.putOn(m, sscc)
		if err != nil {
			return Result{}, err
		}
		m.WeightMg += p.WeightMg
		told = append(told, *p)
	}
	if err := save(c, key(kManifest, m.ID), m); err != nil {
		return Result{}, err
	}
	if err := c.index(key(kTruck, m.Dock, m.ID), true); err != nil {
		return Result{}, err
	}
	c.touch("dock", m.Dock)
	res := Result{Ref: m.ID, Text: fmt.Sprintf("%d parcels%s", len(list), rest)}
	if told, err = c.ownParcels("", told); err != nil {
		return res, err
	}
	return res, c.emit(EvManifestClosed, "", EventData{
		Manifest: m.ID, Carrier: m.Carrier, Ref: m.Dock, Qty: int64(len(list)), Parcels: tellParcels(told),
	})
}

// putOn puts one parcel on a manifest.
func (c *change) putOn(m *Manifest, sscc string) (*Parcel, error) {
	if !validID(sscc) {
		return nil, refuse(CodeUnknownSSCC, "%.70q", sscc)
	}
	o, p, err := c.parcel(sscc)
	if err != nil {
		return nil, err
	}
	if o == nil {
		return nil, c.noParcel(sscc)
	}
	j, err := must2(GetJob(c, p.Job))("job", p.Job)
	if err != nil {
		return nil, err
	}
	on, err := ManifestOf(c, sscc)
	switch {
	case err != nil:
		return nil, err
	case on != "":
		return nil, refuse(CodeConflict, "%s is on manifest %s", sscc, on)
	case p.Dock != "" || o.State == OrderShipped:
		return nil, refuse(CodeAlreadyLoaded, "%s at dock %s", sscc, p.Dock)
	case p.Carrier != m.Carrier:
		return nil, refuse(CodeConflict, "%s goes with carrier %s", sscc, p.Carrier)
	case j.State != JobPrinted:
		return nil, refuse(CodeNotLabelled, "the label of %s is %s", sscc, j.State)
	}
	if err := c.setReady(m.Carrier, sscc, false); err != nil {
		return nil, err
	}
	return p, c.Set(key(kOnManifest, sscc), []byte(m.ID))
}

// mayLoad refuses a parcel that is on no manifest of the dock.
func (c *change) mayLoad(site *Site, sscc, dock string) error {
	if !site.Manifests {
		return nil
	}
	id, err := ManifestOf(c, sscc)
	if err != nil {
		return err
	}
	if id == "" {
		return refuse(CodeNotOnManifest, "%s is on no manifest", sscc)
	}
	m, err := must2(GetManifest(c, id))("manifest", id)
	if err == nil && m.Dock != dock {
		err = refuse(CodeNotOnManifest, "%s is on manifest %s of dock %s", sscc, id, m.Dock)
	}
	return err
}

// loadOn counts a parcel that was loaded on the manifest it is on.
func (c *change) loadOn(sscc string) error {
	id, err := ManifestOf(c, sscc)
	if err != nil || id == "" {
		return err
	}
	_, err = c.next("loaded", id)
	return err
}

// loadOff counts a parcel that was unloaded again. It stays on its manifest.
func (c *change) loadOff(sscc string) error {
	id, err := ManifestOf(c, sscc)
	if err != nil || id == "" {
		return err
	}
	k := key(kSeq, "loaded", id)
	n, err := counter(c, k)
	if err != nil || n == 0 {
		return err
	}
	return c.setCounter(k, n-1)
}

// allOnManifest refuses the departure of what is on no manifest of the dock.
func (c *change) allOnManifest(site *Site, loaded []string, dock string, orders []*Order) error {
	if !site.Manifests {
		return nil
	}
	var not []string
	for _, o := range orders {
		for _, p := range o.Parcels {
			if o.parted() && !slices.Contains(loaded, p.SSCC) {
				continue // it leaves with another truck
			}
			err := c.mayLoad(site, p.SSCC, dock)
			if no, ok := errors.AsType[*refusal](err); ok {
				not = append(not, no.text)
			} else if err != nil {
				return err
			}
		}
	}
	if len(not) > 0 {
		return refuse(CodeNotOnManifest, "%d parcels: %s", len(not), strings.Join(not, "; "))
	}
	return nil
}

// leaveManifest takes a parcel that ships off everything that waits for it.
func (c *change) leaveManifest(p *Parcel) error {
	if err := c.setReady(p.Carrier, p.SSCC, false); err != nil {
		return err
	}
	return c.index(key(kOnManifest, p.SSCC), false)
}

// endManifests ends the manifests of a dock of which something was loaded; the
// truck is gone.
func (c *change) endManifests(dock string) error {
	open, err := ManifestsAt(c, dock)
	if err != nil {
		return err
	}
	for i := range open {
		m := &open[i]
		loaded, err := counter(c, key(kSeq, "loaded", m.ID))
		if err != nil {
			return err
		}
		if loaded == 0 {
			continue
		}
		for _, sscc := range m.Parcels {
			on, err := ManifestOf(c, sscc)
			if err != nil {
				return err
			}
			if on != m.ID {
				continue
			}
			m.Left = append(m.Left, sscc)
			if err := c.Delete(key(kOnManifest, sscc)); err != nil {
				return err
			}
			if err := c.setReady(m.Carrier, sscc, true); err != nil {
				return err
			}
		}
		m.State, m.Since = ManifestDeparted, c.meta.Now
		if err := save(c, key(kManifest, m.ID), m); err != nil {
			return err
		}
		if err := c.Delete(key(kSeq, "loaded", m.ID)); err != nil {
			return err
		}
		if err := c.ended(pastManifest, m.ID); err != nil {
			return err
		}
		if err := c.index(key(kTruck, dock, m.ID), false); err != nil {
			return err
		}
		left, err := c.ownOf("", m.Left)
		if err != nil {
			return err
		}
		err = c.emit(EvManifestDeparted, "", EventData{
			Manifest: m.ID, Carrier: m.Carrier, Ref: dock, Qty: int64(len(m.Parcels) - len(m.Left)), Text: strings.Join(left, " "),
		})
		if err != nil {
			return err
		}
	}
	return nil
}
