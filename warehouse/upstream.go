package warehouse

import (
	"fmt"
	"slices"
	"strings"
)

// Upstreams: the OMSs of consignors, beside the site's own.
//
//   - Site.Upstreams names them and whose goods each sells. Who is not listed
//     there belongs to the default OMS, which has no name.
//   - Each has a stream of its own, with dense numbers from 1. What is said of an
//     order, a delivery, a return or the stock of an owner goes to the OMS of that
//     owner and to no other. What concerns everybody goes to the default one:
//     items and what is proposed for them, carriers, manifests, batches, and that
//     a bin was counted, without the lines of other OMSs' owners.
//   - Ids belong to the OMS that gave them. The order 4711 of acme is acme:4711
//     here, and 4711 again in what acme is told; nobody else can take an id that
//     begins so, nor ask for what acme's is. To an OMS the orders of another one
//     are not there.
//   - An order stays with the OMS it began with, whoever gets its owner later.
//   - No upstream gets a name by which the id of something that is here begins.
//   - An upstream that was told something stays in the list, or what waits in its
//     stream would wait for ever; its owners can be taken away.

// Upstream is an OMS beside the default one.
type Upstream struct {
	// Name is that of its connection: its source is "oms/" and the name. It
	// must never have been the name of the default connection, whose link
	// waits otherwise.
	Name   string   `cbor:"1,keyasint" json:"name"`
	Owners []string `cbor:"2,keyasint,omitempty" json:"owners,omitempty"`
}

const (
	maxUpstreams    = 16
	maxUpstreamName = 16
	sourceOMS       = "oms/"
	ofUpstream      = "@" // between stream and upstream
	idOfUpstream    = ":" // between upstream and id
)

// StreamOf is the outbox stream of an upstream; "" is the default one.
func StreamOf(upstream string) string {
	if upstream == "" {
		return StreamControl
	}
	return StreamControl + ofUpstream + upstream
}

// Upstreams lists the site's upstreams by name.
func Upstreams(r Reader) ([]string, error) {
	s, err := GetSite(r)
	if err != nil || s == nil {
		return nil, err
	}
	var names []string
	for _, u := range s.Upstreams {
		names = append(names, u.Name)
	}
	return names, nil
}

func checkUpstreams(ups []Upstream) string {
	if len(ups) > maxUpstreams {
		return "more than 16 upstreams"
	}
	owners := make(map[string]bool) // looked up, never ranged over
	for i, u := range ups {
		switch {
		case !upstreamName(u.Name):
			return "upstream: a name has 1 to 16 of a-z 0-9 -"
		case slices.ContainsFunc(ups[:i], func(x Upstream) bool { return x.Name == u.Name }):
			return "upstream " + u.Name + " is listed twice"
		case len(u.Owners) > maxNamed:
			return "upstream " + u.Name + ": more than 100 owners"
		}
		for _, o := range u.Owners {
			if !validID(o) {
				return "upstream " + u.Name + ": owner"
			}
			if owners[o] {
				return "owner " + o + " has two upstreams"
			}
			owners[o] = true
		}
	}
	return ""
}

func upstreamName(s string) bool {
	ok := s != "" && len(s) <= maxUpstreamName
	for i := range len(s) {
		ok = ok && ('a' <= s[i] && s[i] <= 'z' || '0' <= s[i] && s[i] <= '9' || s[i] == '-')
	}
	return ok
}

// keepUpstreams refuses rules without an upstream that was told something.
func (c *change) keepUpstreams(old, s *Site) error {
	for _, u := range old.Upstreams {
		if slices.ContainsFunc(s.Upstreams, func(x Upstream) bool { return x.Name == u.Name }) {
			continue
		}
		h, err := outboxHead(c, StreamOf(u.Name))
		if err != nil {
			return err
		}
		if h.Next > 1 {
			return refuse(CodeConflict, "upstream %s has orders and events here: leave it in the list, without owners", u.Name)
		}
	}
	return nil
}

// freePrefix refuses rules with a new upstream whose ids begin like what is here
// already: that would belong to nobody any more.
func (c *change) freePrefix(old, s *Site) error {
	for _, u := range s.Upstreams {
		if slices.ContainsFunc(old.ups(), func(x Upstream) bool { return x.Name == u.Name }) {
			continue
		}
		for _, kind := range []string{kOrder, kBound, kGone, kReceipt, kReturn} {
			id := ""
			err := c.Range(key(kind, u.Name+idOfUpstream), func(k, _ []byte) (bool, error) {
				id = string(k[len(under(kind)):])
				return false, nil
			})
			if err != nil {
				return err
			}
			if id != "" {
				return refuse(CodeConflict, "upstream %s: its ids would begin like %s, which is here already", u.Name, id)
			}
		}
	}
	return nil
}

// sameOwners tells whether two sites divide the owners alike.
func sameOwners(a, b *Site) bool {
	return slices.EqualFunc(a.Upstreams, b.Upstreams, func(x, y Upstream) bool {
		return x.Name == y.Name && slices.Equal(x.Owners, y.Owners)
	})
}

// upstreams are those of the site; before it has rules there are none.
func (c *change) upstreams() ([]Upstream, error) {
	if c.site == nil {
		s, err := GetSite(c)
		if err != nil || s == nil {
			return nil, err
		}
		c.site = s
	}
	return c.site.Upstreams, nil
}

// upstreamOf is the OMS behind a source, nil for the default one and for people.
func (c *change) upstreamOf(source string) (*Upstream, error) {
	ups, err := c.upstreams()
	name, oms := strings.CutPrefix(source, sourceOMS)
	if err != nil || !oms {
		return nil, err
	}
	for i := range ups {
		if ups[i].Name == name {
			return &ups[i], nil
		}
	}
	return nil, nil
}

// ups are the upstreams of rules that may not be there yet.
func (s *Site) ups() []Upstream {
	if s == nil {
		return nil
	}
	return s.Upstreams
}

// name is that of an upstream, "" of the default one.
func (u *Upstream) name() string {
	if u == nil {
		return ""
	}
	return u.Name
}

// local is the id here of what an OMS calls id. One that is no id stays so.
func (u *Upstream) local(id string) string {
	if u == nil || !validID(id) {
		return id
	}
	return u.Name + idOfUpstream + id
}

// abroad is what the OMS calls what has that id here.
func abroad(upstream, id string) string {
	if upstream == "" {
		return id
	}
	return strings.TrimPrefix(id, upstream+idOfUpstream)
}

// ownedBy is the name of the OMS that sells the goods of an owner.
func (c *change) ownedBy(owner string) (string, error) {
	ups, err := c.upstreams()
	if err != nil || owner == "" {
		return "", err
	}
	for _, u := range ups {
		if slices.Contains(u.Owners, owner) {
			return u.Name, nil
		}
	}
	return "", nil
}

// isOMS tells a source that may only ask for its own from the people of the site.
func isOMS(source string) bool { return source != "" && source != SourceSite }

// askedID gives the id here of what a source names, and refuses an id that is
// another OMS's, as if nothing had it.
func (c *change) askedID(source, id, code string) (string, error) {
	u, err := c.upstreamOf(source)
	if err != nil || u != nil || !isOMS(source) {
		return u.local(id), err
	}
	if c.reserved(id) != "" {
		return id, refuse(code, "%.70q", id)
	}
	return id, nil
}

// reserved is the upstream whose ids begin like this one, "" when it is free.
// The rules of the site were read.
func (c *change) reserved(id string) string {
	for _, u := range c.site.ups() {
		if strings.HasPrefix(id, u.Name+idOfUpstream) {
			return u.Name
		}
	}
	return ""
}

// foreign tells whether an order belongs to another OMS than the one that asks.
func (c *change) foreign(o *Order, source string) (bool, error) {
	u, err := c.upstreamOf(source)
	return isOMS(source) && o.Upstream != u.name(), err
}

// orderAsked loads the order a source names. One of another OMS is not there.
func (c *change) orderAsked(source, id string) (*Order, error) {
	here, err := c.askedID(source, id, CodeUnknownOrder)
	if err != nil {
		return nil, err
	}
	o, err := c.knownOrder(here)
	if err != nil {
		return nil, err
	}
	if no, err := c.foreign(o, source); err != nil || no {
		if err == nil {
			err = refuse(CodeUnknownOrder, "order %s", id)
		}
		return nil, err
	}
	return o, nil
}

// ownerAsked is whose goods a source speaks of: an OMS of one owner need not
// name it. why tells that the owner is not the source's; was is the owner of
// what is here already, which stays where it is.
func (c *change) ownerAsked(source, owner, was string) (mine, why string, err error) {
	u, err := c.upstreamOf(source)
	if err != nil || !isOMS(source) {
		return owner, "", err
	}
	if u != nil && owner == "" {
		if len(u.Owners) == 1 {
			owner = u.Owners[0]
		}
		if owner == "" {
			return "", fmt.Sprintf("no owner is named, and %s sells for %d", u.Name, len(u.Owners)), nil
		}
	}
	if owner == was && was != "" {
		return owner, "", nil
	}
	of, err := c.ownedBy(owner)
	if err == nil && of != u.name() {
		why = fmt.Sprintf("%.70q is no owner of %s", owner, source)
	}
	return owner, why, err
}

// ownIt fills in the owner of a release, and tells why it cannot be the one it
// names. Nobody moves an order to another OMS by changing its owner.
func (c *change) ownIt(spec *OrderSpec, source string, old *Order) (why string, err error) {
	was := ""
	if old != nil {
		was = old.Spec.Owner
	}
	if spec.Owner, why, err = c.ownerAsked(source, spec.Owner, was); err != nil || why != "" || old == nil || spec.Owner == was {
		return why, err
	}
	up, err := c.ownedBy(spec.Owner)
	if err == nil && up != old.Upstream {
		why = fmt.Sprintf("%.70q belongs to another upstream", spec.Owner)
	}
	return why, err
}

// belong gives a new order to its OMS: the one that asks, or that of the owner
// when people of the site enter it.
func (c *change) belong(o *Order, source string) error {
	up, err := c.ownerHears(source, o.Spec.Owner)
	o.Upstream = up
	c.note(o)
	return err
}

// note makes a new order of an upstream known to what is told in this command.
func (c *change) note(o *Order) {
	if o.Upstream != "" {
		c.orders.put(o.Spec.ID, o)
	}
}

// ownerHears is who hears of something that a source announced for an owner.
func (c *change) ownerHears(source, owner string) (string, error) {
	u, err := c.upstreamOf(source)
	if err != nil || u != nil || isOMS(source) {
		return u.name(), err
	}
	return c.ownedBy(owner)
}

// whoAsked is who hears that a release is refused, and what he calls it.
func (c *change) whoAsked(id, source, owner string) (upstream, told string, err error) {
	u, err := c.upstreamOf(source)
	if err != nil {
		return "", id, err
	}
	if o := c.orders.get(id); o != nil && (u == nil || o.Upstream == u.Name) {
		return o.Upstream, o.IDAtOMS(), nil
	}
	upstream, err = c.ownerHears(source, owner)
	return upstream, abroad(upstream, id), err
}

// returnAsked turns the ids of an announced return into those here, and finds
// whose goods it brings.
func (c *change) returnAsked(cmd *AnnounceReturn) (owner string, err error) {
	u, err := c.upstreamOf(cmd.Source)
	if err != nil || len(c.site.ups()) == 0 {
		return "", err
	}
	if cmd.Return, err = c.askedID(cmd.Source, cmd.Return, CodeInvalid); err != nil {
		return "", err
	}
	cmd.Exchange = u.local(cmd.Exchange)
	if !validID(cmd.Return) || cmd.Exchange != "" && !validID(cmd.Exchange) {
		return "", refuse(CodeInvalid, "return id or exchange")
	}
	if cmd.Order != "" {
		o, err := c.orderAsked(cmd.Source, cmd.Order)
		if o != nil {
			cmd.Order = o.Spec.ID
		}
		return "", err // the order says whose they are
	}
	if u == nil {
		return "", nil
	}
	owner, why, err := c.ownerAsked(cmd.Source, "", "")
	if err == nil && why != "" {
		err = refuse(CodeForeignOwner, "%s", why)
	}
	return owner, err
}
