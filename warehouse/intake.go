package warehouse

import "fmt"

// Intake by the rules of the site: what it refuses, which pickup an order has to
// catch, and who comes first when there is not enough for everybody.
//
//   - A new order may be refused for CAPACITY, CUTOFF or STOCK, so that the OMS
//     can send it elsewhere. A revision of an order that is here never is.
//   - An order has to catch the last pickup of its carrier that keeps the promised
//     ship-by, or the next one.
//   - The pool and the queue for new stock go by priority of the order, then of
//     its channel, then pickup, then age.
//   - A channel may have to leave some units of every item to the others.

// IntakeRules are the rules for new orders.
type IntakeRules struct {
	MaxOpen     int64         `cbor:"1,keyasint,omitempty" json:"maxOpen,omitempty"`      // CAPACITY beyond so many orders that are not gone; 0 = any
	RejectShort bool          `cbor:"2,keyasint,omitempty" json:"rejectShort,omitempty"`  // STOCK instead of waiting
	RejectLate  bool          `cbor:"3,keyasint,omitempty" json:"rejectLate,omitempty"`   // CUTOFF when no pickup keeps the ship-by
	Pickups     []Pickup      `cbor:"4,keyasint,omitempty" json:"pickups,omitempty"`      // time table
	Channels    []ChannelRule `cbor:"5,keyasint,omitempty" json:"channelRules,omitempty"` // others have rank 0 and no limit
}

// Pickup is a cut-off of the week's time table: what is not staged by then stays
// for the next one.
type Pickup struct {
	Carrier string `cbor:"1,keyasint" json:"carrier"`
	Minute  int    `cbor:"2,keyasint" json:"minute"` // of the UTC day, 0 to 1439
	Days    int    `cbor:"3,keyasint" json:"days"`   // bit 0 = Monday … bit 6 = Sunday
}

// ChannelRule ranks the orders of a sales channel.
type ChannelRule struct {
	Channel string `cbor:"1,keyasint" json:"channel"`
	Rank    int    `cbor:"2,keyasint,omitempty" json:"rank,omitempty"` // 0 to 9, higher first
	// Leave is how many units of each item its orders leave to the others.
	Leave int64 `cbor:"3,keyasint,omitempty" json:"leave,omitempty"`
}

const (
	maxPickups = 200
	minuteMs   = 60_000
	dayMinutes = 1440
	weekDays   = 7
	maxRank    = 9
)

// checkIntake names the first rule that is wrong, "" when all is well.
func checkIntake(r *IntakeRules, carriers []Carrier) string {
	switch {
	case r == nil:
		return ""
	case r.MaxOpen < 0 || r.MaxOpen > maxStockQty:
		return "intake: most open orders"
	case len(r.Pickups) > maxPickups:
		return "intake: more than 200 pickups"
	case len(r.Channels) > maxNamed:
		return "intake: more than 100 channels"
	}
	for _, p := range r.Pickups {
		known := false
		for _, ca := range carriers {
			known = known || ca.Code == p.Carrier
		}
		switch {
		case !known:
			return "intake: pickup of no carrier of the site"
		case p.Minute < 0 || p.Minute >= dayMinutes:
			return "intake: minute of the day, 0 to 1439"
		case p.Days < 1 || p.Days >= 1<<weekDays:
			return "intake: days, 1 to 127"
		}
	}
	for i, ch := range r.Channels {
		switch {
		case !validText(ch.Channel, maxID):
			return "intake: channel"
		case ch.Rank < 0 || ch.Rank > maxRank:
			return "intake: rank of a channel, 0 to 9"
		case ch.Leave < 0 || ch.Leave > maxStockQty:
			return "intake: what a channel leaves"
		}
		for _, other := range r.Channels[:i] {
			if other.Channel == ch.Channel {
				return "intake: channel " + ch.Channel + " is listed twice"
			}
		}
	}
	return ""
}

// channel is the rule of a channel; the zero rule when it has none.
func (r *IntakeRules) channel(name string) ChannelRule {
	if r != nil {
		for _, ch := range r.Channels {
			if ch.Channel == name {
				return ch
			}
		}
	}
	return ChannelRule{}
}

// pickup finds the time by which an order has to be staged: the last pickup of
// its carrier that keeps the ship-by, or the next one of all. late says that
// none keeps it. 0 when the carrier has no time table.
func (r *IntakeRules) pickup(carrier string, now, shipBy int64) (at int64, late bool) {
	next := int64(0)
	day := now / minuteMs / dayMinutes
	for d := day; d <= day+weekDays; d++ { // the same weekday again, for what is past today
		weekday := (d + 3) % weekDays // 1970-01-01 was a Thursday
		for _, p := range r.Pickups {
			t := (d*dayMinutes + int64(p.Minute)) * minuteMs
			if p.Carrier != carrier || p.Days&(1<<weekday) == 0 || t < now {
				continue
			}
			if next == 0 || t < next {
				next = t
			}
			if shipBy > 0 && t <= shipBy && t > at {
				at = t
			}
		}
	}
	if at == 0 {
		return next, shipBy > 0 && (next > shipBy || next == 0 && now > shipBy)
	}
	return at, false
}

// checkIntakeOf finds the reason to send a new order elsewhere, if any.
func (c *change) checkIntakeOf(site *Site, spec OrderSpec) (code, text string, err error) {
	r := site.Intake
	if r == nil {
		return "", "", nil
	}
	if r.MaxOpen > 0 {
		open, err := c.openOrders()
		if err != nil {
			return "", "", err
		}
		if open >= r.MaxOpen {
			return CodeCapacity, fmt.Sprintf("%d orders are open, the most is %d", open, r.MaxOpen), nil
		}
	}
	if ca := carrierFor(site, spec.Method); ca != nil && r.RejectLate {
		if at, late := r.pickup(ca.Code, c.meta.Now, spec.ShipBy); late {
			return CodeCutOff, fmt.Sprintf("ship-by %d; the next pickup of %s is %d", spec.ShipBy, ca.Code, at), nil
		}
	}
	if !r.RejectShort {
		return "", "", nil
	}
	p, err := c.planOrder(&Order{Spec: spec, Lines: openLines(spec, nil)})
	if err != nil || p.all || p.partly {
		return "", "", err
	}
	for i, missing := range p.short {
		if missing > 0 {
			return CodeStock, fmt.Sprintf("line %d: %d of %s are missing", spec.Lines[i].Line, missing, spec.Lines[i].SKU), nil
		}
	}
	return "", "", nil
}

// openOrders counts the orders that are neither gone nor cancelled.
func (c *change) openOrders() (n int64, err error) {
	prefix := under(kCount)
	err = c.Range(prefix, func(k, v []byte) (bool, error) {
		if s := OrderState(k[len(prefix):]); s != OrderShipped && s != OrderCancelled && s != OrderArchived {
			n += int64(fromNum(v))
		}
		return true, nil
	})
	return n, err
}

// lineUp gives an order its place among those of the same priority.
func (c *change) lineUp(o *Order) error {
	site, err := c.theSite()
	if err != nil || site.Intake == nil {
		return err
	}
	o.Pickup = 0
	if ca := carrierFor(site, o.Spec.Method); ca != nil {
		o.Pickup, _ = site.Intake.pickup(ca.Code, c.meta.Now, o.Spec.ShipBy)
	}
	// From the top: rank, minute of the pickup, age. Without a pickup an
	// order goes behind those that have one.
	minute := uint64(o.Pickup / minuteMs)
	if minute == 0 || minute > 1<<32-1 {
		minute = 1<<32 - 1
	}
	rank := uint64(maxRank - site.Intake.channel(o.Spec.Channel).Rank)
	o.Queue = rank<<60 | minute<<28 | o.Intake&(1<<28-1)
	return nil
}

// queue is the place of an order in the pool and among those that wait.
func (o *Order) queue() string {
	if o.Queue != 0 {
		return num(o.Queue)
	}
	return num(o.Intake)
}

// leaves is how many units of each item an order leaves to other channels.
func (c *change) leaves(o *Order) (int64, error) {
	if c.site == nil {
		s, err := GetSite(c)
		if err != nil || s == nil {
			return 0, err
		}
		c.site = s
	}
	return c.site.Intake.channel(o.Spec.Channel).Leave, nil
}
