package warehouse

import (
	"fmt"
	"slices"
	"strings"
)

// Profiles: what a kind of goods asks for beside its number. A site lists its
// profiles; an item names one, the others have the one of the site.
//
//   - Lots: every lot has an expiry date, and no unit comes in without a lot
//     (health, food). Items of the profile are lot-tracked.
//   - Serials: every unit has its serial (telecom, automotive).
//   - Cold: goods come in and go out within a temperature. Somebody or a sensor
//     gives a reading of the delivery or of the dock (GiveReading), which holds
//     for Site.ReadingMs; without one nothing is received or loaded. Out of range
//     a delivery comes in for the quality check with a fallout COLD_CHAIN, and an
//     order is not loaded but parked with one.
//   - Double: a second person confirms what was picked before it is weighed
//     (DoubleCheck, by badge at the pack station); who picked any of it may not.
//     An order that leaves the station is checked again.
//
// A profile that is changed speaks for what is done from then on.

// Bounds of profiles and readings.
const (
	maxProfiles  = 20
	maxReadingMs = 24 * 3600 * 1000
	maxDeciC     = 2000 // 200 degrees
)

type (
	// Profile is what a kind of goods asks for.
	Profile struct {
		Name    string `cbor:"1,keyasint" json:"name"`
		Lots    bool   `cbor:"2,keyasint,omitempty" json:"lots,omitempty"`
		Serials bool   `cbor:"3,keyasint,omitempty" json:"serials,omitempty"`
		Cold    *Range `cbor:"4,keyasint,omitempty" json:"cold,omitempty"`
		Double  bool   `cbor:"5,keyasint,omitempty" json:"double,omitempty"`
	}
	// Range is a range of temperature in tenths of a degree Celsius, both
	// ends good.
	Range struct {
		MinDeciC int64 `cbor:"1,keyasint" json:"minDeciC"`
		MaxDeciC int64 `cbor:"2,keyasint" json:"maxDeciC"`
	}
	// Reading is the newest temperature of a delivery or a dock, kept while
	// it holds.
	Reading struct {
		Place  string `cbor:"1,keyasint" json:"place"`
		DeciC  int64  `cbor:"2,keyasint" json:"deciC"`
		Sensor string `cbor:"3,keyasint,omitempty" json:"sensor,omitempty"`
		At     int64  `cbor:"4,keyasint" json:"at"`
		Ends   int64  `cbor:"5,keyasint" json:"ends"`
		By     string `cbor:"6,keyasint,omitempty" json:"by,omitempty"`
	}
)

type (
	// GiveReading says how warm a delivery ("receipt/R1") or a dock
	// ("dock/d1") is. It holds for Site.ReadingMs.
	GiveReading struct {
		Place  string `cbor:"1,keyasint" json:"place"`
		DeciC  int64  `cbor:"2,keyasint" json:"deciC"` // tenths of a degree Celsius
		Sensor string `cbor:"3,keyasint,omitempty" json:"sensor,omitempty"`
	}
	// DoubleCheck says that a second person found in the tote at a station
	// what the order asks for. Badge is that person's.
	DoubleCheck struct {
		Station string `cbor:"1,keyasint" json:"station"`
		Badge   string `cbor:"2,keyasint" json:"badge"`
	}
)

// Kind of the command.
func (GiveReading) Kind() Kind { return KindGiveReading }

// Kind of the command.
func (DoubleCheck) Kind() Kind { return KindDoubleCheck }

func (c DoubleCheck) stationID() string { return c.Station }

// profileOf is the profile of an item, nil when it has none.
func (s *Site) profileOf(it *Item) *Profile {
	name := s.Profile
	if it.Profile != "" {
		name = it.Profile
	}
	at := slices.IndexFunc(s.Profiles, func(p Profile) bool { return p.Name == name })
	if name == "" || at < 0 {
		return nil
	}
	return &s.Profiles[at]
}

func checkProfiles(s Site) string {
	if len(s.Profiles) > maxProfiles {
		return "more than 20 profiles"
	}
	cold := false
	for i, p := range s.Profiles {
		switch {
		case !validID(p.Name) || slices.ContainsFunc(s.Profiles[:i], func(o Profile) bool { return o.Name == p.Name }):
			return "profile: a name, each once"
		case p.Cold != nil && (p.Cold.MinDeciC > p.Cold.MaxDeciC || p.Cold.MinDeciC < -maxDeciC || p.Cold.MaxDeciC > maxDeciC):
			return "profile " + p.Name + ": cold, in tenths of a degree"
		}
		cold = cold || p.Cold != nil
	}
	switch {
	case s.Profile != "" && !slices.ContainsFunc(s.Profiles, func(p Profile) bool { return p.Name == s.Profile }):
		return "profile: one of the profiles"
	case s.ReadingMs < 0 || s.ReadingMs > maxReadingMs || cold && s.ReadingMs == 0:
		return "readingMs: 1 ms to 1 day, with a cold profile"
	}
	return ""
}

// fitsProfile says what an item lacks for its profile, "" when all is well.
func (c *change) fitsProfile(it *Item) (string, error) {
	if it.Profile != "" && !validID(it.Profile) {
		return "profile", nil
	}
	site, err := GetSite(c)
	if err != nil || site == nil {
		if err == nil && it.Profile != "" {
			return "profile: the site has no rules yet", nil
		}
		return "", err
	}
	return fitsRules(site, it), nil
}

// fitsRules is fitsProfile by given rules.
func fitsRules(site *Site, it *Item) string {
	if it.Profile != "" && !validID(it.Profile) {
		return "profile"
	}
	p := site.profileOf(it)
	switch {
	case p == nil && it.Profile != "":
		return "the site has no profile " + it.Profile
	case p == nil:
	case p.Lots && !it.LotTracked:
		return "profile " + p.Name + " asks for lots: lotTracked"
	case p.Serials && !it.Serials:
		return "profile " + p.Name + " asks for serials"
	}
	return ""
}

// profile is the profile of an item, nil when it has none.
func (c *change) profile(sku string) (*Profile, error) {
	site, err := c.theSite()
	if err != nil || len(site.Profiles) == 0 {
		return nil, err
	}
	it, err := must2(GetItem(c, sku))("item", sku)
	if err != nil {
		return nil, err
	}
	return site.profileOf(it), nil
}

// traced refuses goods that come in without what their profile asks for.
func (c *change) traced(s stockKey, expiry string) error {
	site, err := GetSite(c)
	if err != nil || site == nil || len(site.Profiles) == 0 {
		return err
	}
	p, err := c.profile(s.sku)
	if err != nil || p == nil {
		return err
	}
	switch {
	case p.Lots && (s.lot == "" || expiry == ""):
		return refuse(CodeProfile, "item %s is %s: a lot and its expiry date", s.sku, p.Name)
	case p.Serials && s.serial == "":
		return refuse(CodeProfile, "item %s is %s: a serial for each unit", s.sku, p.Name)
	}
	return nil
}

func giveReading(c *change, cmd GiveReading) (Result, error) {
	site, err := c.theSite()
	if err != nil {
		return Result{}, err
	}
	id, receipt := strings.CutPrefix(cmd.Place, placeReceipt)
	dock, isDock := strings.CutPrefix(cmd.Place, placeDock)
	switch {
	case site.ReadingMs == 0:
		return Result{}, refuse(CodeInvalid, "the site keeps no readings: readingMs")
	case cmd.DeciC < -maxDeciC*2 || cmd.DeciC > maxDeciC*2:
		return Result{}, refuse(CodeInvalid, "deciC: tenths of a degree")
	case cmd.Sensor != "" && !validText(cmd.Sensor, maxID):
		return Result{}, refuse(CodeInvalid, "sensor")
	case receipt:
		if _, err := c.openReceiptOf(id); err != nil {
			return Result{}, err
		}
	case !isDock || !validID(dock):
		return Result{}, refuse(CodeInvalid, `place: "receipt/" or "dock/" and an id`)
	}
	k := key(kReading, cmd.Place)
	old, err := load[Reading](c, k)
	if err != nil {
		return Result{}, err
	}
	was := int64(0)
	if old != nil {
		was = old.Ends
	}
	r := &Reading{Place: cmd.Place, DeciC: cmd.DeciC, Sensor: cmd.Sensor, At: c.meta.Now, Ends: c.meta.Now + site.ReadingMs, By: c.meta.Actor}
	if err := c.setAlarm(alarmReading, cmd.Place, was, r.Ends); err != nil {
		return Result{}, err
	}
	c.touch("reading", cmd.Place)
	return Result{Ref: cmd.Place}, save(c, k, r)
}

// readingEnds forgets a reading that holds no more.
func (c *change) readingEnds(at int64, place string) error {
	c.touch("reading", place)
	if err := c.setAlarm(alarmReading, place, at, 0); err != nil {
		return err
	}
	return c.Delete(key(kReading, place))
}

// cold compares the reading of a place with a profile: why is what is wrong with
// it, "" when all is well. Without a reading it refuses.
func (c *change) cold(p *Profile, place string) (why string, err error) {
	if p == nil || p.Cold == nil {
		return "", nil
	}
	r, err := GetReading(c, place)
	switch {
	case err != nil:
		return "", err
	case r == nil || r.Ends <= c.meta.Now:
		return "", refuse(CodeNoReading, "goods are %s and nobody says how warm %s is", p.Name, place)
	case r.DeciC < p.Cold.MinDeciC || r.DeciC > p.Cold.MaxDeciC:
		return fmt.Sprintf("%s: %s C, %s to %s C asked for", place, degrees(r.DeciC), degrees(p.Cold.MinDeciC), degrees(p.Cold.MaxDeciC)), nil
	}
	return "", nil
}

// degrees writes tenths as a decimal.
func degrees(deci int64) string {
	sign := ""
	if deci < 0 {
		sign, deci = "-", -deci
	}
	return fmt.Sprintf("%s%d.%d", sign, deci/10, deci%10)
}

// coldIn looks at the reading of a delivery: goods out of range come in for the
// quality check, and somebody has to look.
func (c *change) coldIn(rc *Receipt, a *arrival) error {
	p, err := c.profile(a.sku)
	if err != nil {
		return err
	}
	why, err := c.cold(p, ReceiptPlace(rc.ID))
	if err != nil || why == "" {
		return err
	}
	a.check = true
	return c.strayFallout(ReceiptPlace(rc.ID), Fallout{Code: FalloutColdChain, SKU: a.sku, Lot: a.lot, Qty: a.qty, Detail: why})
}

// coldOut looks at the reading of a dock before a parcel is loaded there: what is
// in other parcels of the order does not matter. One out of range parks the
// order, and the answer is kept.
func (c *change) coldOut(o *Order, sscc, dock string) error {
	for _, l := range o.InParcel(sscc) {
		p, err := c.profile(l.SKU)
		if err != nil {
			return err
		}
		why, err := c.cold(p, placeDock+dock)
		if err != nil {
			return err
		}
		if why == "" {
			continue
		}
		if err := c.setFallout(o, Fallout{Code: FalloutColdChain, Line: l.Line, SKU: l.SKU, LU: sscc, Detail: why}); err != nil {
			return err
		}
		if err := c.saveOrder(o); err != nil {
			return err
		}
		return refuseKeep(FalloutColdChain, "%s", why)
	}
	return nil
}

// askedTwice tells whether an order holds goods that a second person confirms.
func (c *change) askedTwice(o *Order) (bool, error) {
	for _, l := range o.Lines {
		if l.Picked == 0 {
			continue
		}
		if p, err := c.profile(l.SKU); err != nil || p != nil && p.Double {
			return err == nil, err
		}
	}
	return false, nil
}

// notePicker remembers at a task who put its goods into the tote, where a second
// person is asked for.
func (c *change) notePicker(t *Task, worker string) error {
	p, err := c.profile(t.SKU)
	if err == nil && p != nil && p.Double {
		t.By = worker
	}
	return err
}

func doubleCheck(c *change, cmd DoubleCheck) (Result, error) {
	st, err := c.station(cmd.Station)
	if err != nil {
		return Result{}, err
	}
	if st.Step != StepSecond {
		return Result{}, refuse(CodeWrongStep, "station %s waits for no second person: %s", st.ID, st.Step)
	}
	res := Result{Ref: st.Order}
	if !scannable(cmd.Badge) {
		return res, refuse(CodeUnknownBadge, "badge of %d bytes", len(cmd.Badge))
	}
	who, err := c.byBadge(cmd.Badge)
	if err != nil {
		return res, err
	}
	if kind, err := WorkerKind(c, who); err != nil || kind == WorkerRobot {
		if err == nil {
			err = refuse(CodeSecondPerson, "%s is no person", who)
		}
		return res, err
	}
	o, err := must2(c.order(st.Order))("order", st.Order)
	if err != nil {
		return res, err
	}
	var by []string
	err = c.tasksOf(o, func(t *Task) (bool, error) {
		if t.By != "" && t.Picked > 0 && !slices.Contains(by, t.By) {
			by = append(by, t.By)
		}
		return true, nil
	})
	if err != nil {
		return res, err
	}
	if slices.Contains(by, who) {
		return res, refuse(CodeSamePerson, "%s picked of order %s", who, st.Order)
	}
	st.Step, st.Code = StepWeigh, ""
	if err := c.saveStation(st); err != nil {
		return res, err
	}
	return res, c.noteAct(Decision{Order: st.Order, Detail: cleanText("picked by " + strings.Join(by, ", ") + ", confirmed by " + who)})
}

// GetReading is the newest reading of a place while it holds; nil when there is
// none.
func GetReading(r Reader, place string) (*Reading, error) {
	return load[Reading](r, key(kReading, place))
}
