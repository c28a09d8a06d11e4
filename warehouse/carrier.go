package warehouse

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Carriers and their services: who takes a parcel.
//
// A site with a table of services has each parcel looked up in it when its
// weight is known: of the services that serve the order's method, reach its
// address, take its weight and whose carrier is not down, those that leave by
// the promised moment are left, of these the cheapest, then the one of the
// highest priority, then the first in the table. When none leaves in time, the
// one that leaves first is taken: a late parcel is better than one that stands.
// When none takes it at all, the order is parked with what each of them said;
// an order whose method or address no service knows is parked when it comes in,
// before anybody picks. A site without the table takes the first carrier of its
// list that serves the method, as ever.

// Bounds of the table.
const (
	maxServices = 200
	maxServed   = 60
	maxPrefixes = 60
	maxCosts    = 40
	maxCost     = 1_000_000_000 // minor units
	dayMs       = 24 * 3600 * 1000
)

type (
	// Service is one product of a carrier.
	Service struct {
		Carrier   string     `cbor:"1,keyasint" json:"carrier"`                       // code of one of the carriers
		Code      string     `cbor:"2,keyasint" json:"code"`                          // the carrier's name of it
		Methods   []string   `cbor:"3,keyasint,omitempty" json:"methods,omitempty"`   // of orders; none = any
		Countries []string   `cbor:"4,keyasint,omitempty" json:"countries,omitempty"` // none = any
		Postcodes []string   `cbor:"5,keyasint,omitempty" json:"postcodes,omitempty"` // how they begin; none = any
		MinMg     int64      `cbor:"6,keyasint,omitempty" json:"minMg,omitempty"`
		MaxMg     int64      `cbor:"7,keyasint,omitempty" json:"maxMg,omitempty"`     // 0 = no limit
		CutOff    int        `cbor:"8,keyasint,omitempty" json:"cutOff,omitempty"`    // minute of the day, UTC, at which it leaves; 0 = at any time
		Costs     []CostStep `cbor:"9,keyasint,omitempty" json:"costs,omitempty"`     // by rising weight; none = free
		Priority  int        `cbor:"10,keyasint,omitempty" json:"priority,omitempty"` // 0..9, higher first, among those that cost the same
	}
	// CostStep is the price of a parcel up to a weight.
	CostStep struct {
		UpToMg int64 `cbor:"1,keyasint,omitempty" json:"upToMg,omitempty"` // 0 = whatever it weighs
		Cost   int64 `cbor:"2,keyasint" json:"cost"`                       // minor units of the site's currency
	}
	// CarrierDown says that a carrier takes nothing for now. The same again
	// is a no-op.
	CarrierDown struct {
		Carrier string `cbor:"1,keyasint" json:"carrier"`
		Reason  string `cbor:"2,keyasint" json:"reason"`
	}
	// CarrierUp says that it takes parcels again.
	CarrierUp struct {
		Carrier string `cbor:"1,keyasint" json:"carrier"`
	}
	// CarrierOut is a carrier that is down.
	CarrierOut struct {
		Carrier string `cbor:"1,keyasint" json:"carrier"`
		Reason  string `cbor:"2,keyasint" json:"reason"`
		Since   int64  `cbor:"3,keyasint" json:"since"`
		By      string `cbor:"4,keyasint,omitempty" json:"by,omitempty"`
	}
)

// Kind implements Command.
func (CarrierDown) Kind() Kind { return KindCarrierDown }

// Kind implements Command.
func (CarrierUp) Kind() Kind { return KindCarrierUp }

// byService tells whether the site has a table of services.
func (s *Site) byService() bool { return len(s.Services) > 0 }

// carrierOf is a carrier by its code, nil when the site has none of that code.
func (s *Site) carrierOf(code string) *Carrier {
	at := slices.IndexFunc(s.Carriers, func(ca Carrier) bool { return ca.Code == code })
	if at < 0 {
		return nil
	}
	return &s.Carriers[at]
}

// checkServices looks at the table of a site.
func checkServices(s Site) string {
	if len(s.Services) > maxServices {
		return "more than 200 services"
	}
	for i, v := range s.Services {
		if why := checkService(&s, v); why != "" {
			return "service " + v.Carrier + " " + v.Code + ": " + why
		}
		if slices.ContainsFunc(s.Services[:i], func(o Service) bool { return o.Carrier == v.Carrier && o.Code == v.Code }) {
			return "service " + v.Carrier + " " + v.Code + " is listed twice"
		}
	}
	return ""
}

func checkService(s *Site, v Service) string {
	bad := func(list []string, most int, good func(string) bool) bool {
		return len(list) > most || slices.ContainsFunc(list, func(x string) bool { return !good(x) })
	}
	switch {
	case s.carrierOf(v.Carrier) == nil:
		return "no such carrier"
	case !validID(v.Code):
		return "code"
	case bad(v.Methods, maxNamed, func(m string) bool { return validText(m, maxID) }):
		return "methods"
	case bad(v.Countries, maxServed, validCountry):
		return "countries: two capital letters each, at most 60"
	case bad(v.Postcodes, maxPrefixes, func(p string) bool { return validText(p, 16) }):
		return "postcodes: at most 60 beginnings"
	case v.MinMg < 0 || v.MaxMg < 0 || v.MaxMg > maxWeightMg || v.MaxMg != 0 && v.MaxMg < v.MinMg:
		return "weights"
	case v.CutOff < 0 || v.CutOff > 1439:
		return "cutOff: 1 to 1439"
	case v.Priority < 0 || v.Priority > 9:
		return "priority: 0 to 9"
	case len(v.Costs) > maxCosts:
		return "more than 40 costs"
	}
	for i, step := range v.Costs {
		last := i == len(v.Costs)-1
		if step.Cost < 0 || step.Cost > maxCost || step.UpToMg < 0 || step.UpToMg > maxWeightMg ||
			step.UpToMg == 0 && !last || i > 0 && step.UpToMg != 0 && step.UpToMg <= v.Costs[i-1].UpToMg {
			return "costs: by rising weight, only the last without one"
		}
	}
	return ""
}

// cost is the price of a weight; false when the table ends below it.
func (v *Service) cost(mg int64) (int64, bool) {
	for _, step := range v.Costs {
		if step.UpToMg == 0 || mg <= step.UpToMg {
			return step.Cost, true
		}
	}
	return 0, len(v.Costs) == 0
}

// leaves is when a parcel that is ready now goes with a service.
func (v *Service) leaves(now int64) int64 {
	if v.CutOff == 0 {
		return now
	}
	at := now - now%dayMs + int64(v.CutOff)*minuteMs
	if at < now {
		at += dayMs
	}
	return at
}

// serves tells whether a service is one of those an order's method asks for.
func (v *Service) serves(method string) bool {
	return len(v.Methods) == 0 || slices.Contains(v.Methods, method)
}

// reaches tells whether it goes to an address.
func (v *Service) reaches(a Address) bool {
	return (len(v.Countries) == 0 || slices.Contains(v.Countries, a.Country)) &&
		(len(v.Postcodes) == 0 || slices.ContainsFunc(v.Postcodes, func(p string) bool { return strings.HasPrefix(a.Postcode, p) }))
}

// tooLong is the field of an address that a carrier's label has no room for, ""
// when all fit.
func (ca *Carrier) tooLong(a Address) string {
	if ca.MaxLine == 0 {
		return ""
	}
	for _, f := range []struct{ name, text string }{{"name", a.Name}, {"street", a.Street}, {"city", a.City}} {
		if n := len([]rune(f.text)); n > ca.MaxLine {
			return fmt.Sprintf("the %s has %d letters, the most is %d", f.name, n, ca.MaxLine)
		}
	}
	return ""
}

// choice is the service a parcel goes with.
type choice struct {
	service *Service
	carrier *Carrier
	cost    int64
	leaves  int64
}

// code is the carrier's name of the service, "" without a table.
func (ch *choice) code() string {
	if ch.service == nil {
		return ""
	}
	return ch.service.Code
}

// choose finds the service of a parcel; nil with a code and what each service
// says against it when there is none. The carriers of not are left out.
func (c *change) choose(site *Site, o *Order, mg int64, not []string) (best *choice, code, why string, err error) {
	var no []string
	code = FalloutUnknownMethod
	badAddress := true
	inTime := func(ch *choice) bool { return o.Spec.ShipBy == 0 || ch.leaves <= o.Spec.ShipBy }
	better := func(a, b *choice) bool {
		if inTime(a) != inTime(b) {
			return inTime(a)
		}
		late := 0
		if !inTime(a) {
			late = cmp.Compare(a.leaves, b.leaves)
		}
		return cmp.Or(late, cmp.Compare(a.cost, b.cost), b.service.Priority-a.service.Priority) < 0
	}
	for i := range site.Services {
		v := &site.Services[i]
		if !v.serves(o.Spec.Method) {
			continue
		}
		code = FalloutCarrierRefused
		ca := site.carrierOf(v.Carrier)
		against, long, err := c.against(site, o, v, ca, mg, not)
		if err != nil {
			return nil, "", "", err
		}
		if against != "" {
			badAddress = badAddress && long
			no = append(no, v.Carrier+" "+v.Code+": "+against)
			continue
		}
		cost, _ := v.cost(mg)
		ch := &choice{v, ca, cost, v.leaves(c.meta.Now)}
		if best == nil || better(ch, best) {
			best = ch
		}
	}
	switch {
	case best != nil:
		return best, "", "", nil
	case code == FalloutUnknownMethod:
		return nil, code, fmt.Sprintf("no service serves method %q", o.Spec.Method), nil
	case badAddress:
		code = FalloutAddress
	}
	return nil, code, cleanText(strings.Join(no, "; ")), nil
}

// against is why a service does not take a parcel, "" when it does. long tells
// that only the length of the address is wrong. A weight of 0 is not known yet.
func (c *change) against(site *Site, o *Order, v *Service, ca *Carrier, mg int64, not []string) (why string, long bool, err error) {
	if !v.reaches(o.Spec.ShipTo) {
		return "does not go to " + o.Spec.ShipTo.Country + " " + o.Spec.ShipTo.Postcode, false, nil
	}
	if why := site.GuideFor(&o.Spec).against(ca.Code, mg); why != "" {
		return why, false, nil
	}
	_, priced := v.cost(mg)
	out, err := GetCarrierOut(c, ca.Code)
	switch {
	case err != nil:
		return "", false, err
	case mg > 0 && (mg < v.MinMg || v.MaxMg > 0 && mg > v.MaxMg || ca.MaxMg > 0 && mg > ca.MaxMg || !priced):
		return fmt.Sprintf("does not take %d g", mg/1000), false, nil
	case slices.Contains(not, ca.Code):
		return "refused the parcel", false, nil
	case out != nil && mg > 0:
		return "is down: " + out.Reason, false, nil
	}
	why = ca.tooLong(o.Spec.ShipTo)
	return why, why != "", nil
}

// checkShipping parks an order that no service of the site will ever take. The
// order is not saved.
func (c *change) checkShipping(o *Order) error {
	code, why, err := c.unshippable(o)
	if err != nil || code == "" {
		return err
	}
	return c.setFallout(o, Fallout{Code: code, Detail: why})
}

// unshippable is why no service will ever take an order, "" when one will.
func (c *change) unshippable(o *Order) (code, why string, err error) {
	site, err := c.theSite()
	if err != nil || !site.byService() {
		return "", "", err
	}
	_, code, why, err = c.choose(site, o, 0, nil)
	return code, why, err
}

// isCarrierFallout tells whether a fallout ends when a service takes the parcel.
func isCarrierFallout(f *Fallout) bool {
	return f.Code == FalloutUnknownMethod || f.Code == FalloutCarrierRefused || f.Code == FalloutAddress
}

// GetCarrierOut returns what is known of a carrier that is down, nil when it is
// up.
func GetCarrierOut(r Reader, carrier string) (*CarrierOut, error) {
	return load[CarrierOut](r, key(kCarrierOut, carrier))
}

// CarriersOut lists the carriers that are down, by code.
func CarriersOut(r Reader) ([]CarrierOut, error) { return list[CarrierOut](r, under(kCarrierOut), 0) }

func carrierDown(c *change, cmd CarrierDown) (Result, error) {
	site, err := c.theSite()
	if err != nil {
		return Result{}, err
	}
	res := Result{Ref: cmd.Carrier}
	switch {
	case site.carrierOf(cmd.Carrier) == nil:
		return res, refuse(CodeInvalid, "the site has no carrier %.70q", cmd.Carrier)
	case !validText(cmd.Reason, maxText):
		return res, refuse(CodeInvalid, "reason")
	}
	old, err := GetCarrierOut(c, cmd.Carrier)
	if err != nil {
		return res, err
	}
	if old != nil {
		res.Text = "down since before: " + old.Reason
		return res, nil
	}
	out := &CarrierOut{Carrier: cmd.Carrier, Reason: cmd.Reason, Since: c.meta.Now, By: c.meta.Actor}
	if err := save(c, key(kCarrierOut, cmd.Carrier), out); err != nil {
		return res, err
	}
	c.touch("carriers", "")
	if err := errors.Join(c.askWaiting(cmd.Carrier), c.offersChanged()); err != nil {
		return res, err
	}
	return res, c.emit(EvCarrierDown, "", EventData{Carrier: cmd.Carrier, Text: cmd.Reason})
}

func carrierUp(c *change, cmd CarrierUp) (Result, error) {
	res := Result{Ref: cmd.Carrier}
	if !validID(cmd.Carrier) {
		return res, refuse(CodeInvalid, "carrier")
	}
	old, err := GetCarrierOut(c, cmd.Carrier)
	if err != nil {
		return res, err
	}
	if old == nil {
		res.Text = "it is up"
		return res, nil
	}
	if err := c.Delete(key(kCarrierOut, cmd.Carrier)); err != nil {
		return res, err
	}
	c.touch("carriers", "")
	if err := errors.Join(c.askWaiting(cmd.Carrier), c.offersChanged()); err != nil {
		return res, err
	}
	return res, c.emit(EvCarrierUp, "", EventData{Carrier: cmd.Carrier})
}
