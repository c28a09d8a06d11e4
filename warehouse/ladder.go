package warehouse

import (
	"cmp"
	"slices"
)

// Decisions: who has to decide about a fallout, how urgent it is and until
// when, what to do next, and what people decided.
//
// What a machine can do it does first: a short pick is tried in other bins,
// tasks that count on the same stock are moved, an order that waits is tried
// again when stock comes. Only what is left becomes a fallout. Its code says
// everything else, by the one table below. A fallout nobody acknowledged by its
// deadline is escalated and told to the OMS, again after twice the time, and so
// on up to the third time. Each decision of a person goes into a log, beside
// what was known when it was made, so that rules can be made of it later.

// Roles that decide.
const (
	RoleLead     = "lead"     // on the floor
	RoleStock    = "stock"    // inventory control
	RolePacker   = "packer"   // at the bench
	RoleDock     = "dock"     // shipping
	RoleEngineer = "engineer" // machines
	RoleService  = "service"  // customer service, at the OMS
)

// Rule says what a fallout code asks of people.
type Rule struct {
	Code     string
	Role     string
	Severity int   // 1 = can wait, 2 = today, 3 = now
	Minutes  int64 // until somebody must have acknowledged it
	Next     string
}

// rules has one row for each fallout code.
var rules = []Rule{
	{FalloutOutOfStock, RoleService, 2, 60, "Tell the customer a date, reorder, or cancel the lines; it goes on by itself when stock comes."},
	{FalloutStockout, RoleStock, 2, 30, "Count the bin, then retry the order."},
	{FalloutDamaged, RoleStock, 2, 30, "Take the damaged goods out of the bin, then retry the order."},
	{FalloutNotLocated, RoleStock, 2, 30, "Look for the goods in the bins beside it, then retry the order."},
	{FalloutInsufficient, RoleStock, 2, 30, "Count the bin, then retry the order."},
	{FalloutExpired, RoleStock, 2, 30, "Take the lot out of the bin, then retry the order."},
	{FalloutOther, RoleLead, 2, 30, "Ask the picker, then retry the order."},
	{FalloutWeightMismatch, RolePacker, 2, 15, "Compare contents and order, correct them and weigh again."},
	{FalloutLabelFailed, RolePacker, 2, 10, "Look at the printer, then have the label reprinted."},
	{FalloutLabelUnknown, RolePacker, 2, 10, "Look whether the label came out: scan it, or have it reprinted."},
	{FalloutTransportFailed, RoleLead, 2, 15, "Put the tote at the pack drop and retry, or carry it to the bench."},
	{FalloutRobotFailed, RoleEngineer, 3, 10, "Look at the robot and at the bin, then retry the order."},
	{FalloutRFIDMissing, RoleDock, 3, 10, "Open the parcel and look; send it through again or let it go by hand."},
	{FalloutRFIDExtra, RoleDock, 3, 10, "Take what does not belong there out, then clear it."},
	{FalloutMissort, RoleDock, 2, 15, "Carry the parcel to its lane."},
	{FalloutUnknownMethod, RoleService, 2, 60, "Give a service to the method in the site file, then retry the order; or send it with another method."},
	{FalloutNoCarton, RolePacker, 2, 15, "Look whether anything takes it: then retry the order and pack it so; else have it split at the OMS."},
	{FalloutAwaitingLabel, RoleDock, 2, 15, "Extend the carrier's range or wait for its answer; or give the parcel another carrier."},
	{FalloutCarrierRefused, RoleDock, 2, 30, "See what each service says; change the table, or bring the carrier up, then retry the order."},
	{FalloutAddress, RoleService, 2, 60, "Correct the address at the OMS, then retry the order."},
	{CodeReplayInvalid, RoleLead, 2, 30, "Ask the worker where the goods of the task are, put the book right, then clear it."},
	{FalloutParcelLost, RoleLead, 2, 30, "Look along its way and scan it where it is; else have it replaced, which picks its goods again."},
	{FalloutTooBig, RoleService, 2, 60, "Split the order at the OMS."},
}

// RuleOf is what a code asks of people. A code of another version goes to a
// lead.
func RuleOf(code string) Rule {
	for _, r := range rules {
		if r.Code == code {
			return r
		}
	}
	return Rule{Code: code, Role: RoleLead, Severity: 2, Minutes: 30, Next: "Look at the order."}
}

// maxEscalations ends the reminders about one fallout.
const maxEscalations = 3

// maxLearned bounds the log of decisions; the oldest go first.
const maxLearned = 20_000

// Decision is one thing a person decided.
type Decision struct {
	At      int64  `cbor:"1,keyasint" json:"at"`
	Actor   string `cbor:"2,keyasint" json:"actor"`
	Act     string `cbor:"3,keyasint" json:"act"`  // command
	Code    string `cbor:"4,keyasint" json:"code"` // of the fallout; "" = none, a lead's act
	Order   string `cbor:"5,keyasint,omitempty" json:"order,omitempty"`
	SKU     string `cbor:"6,keyasint,omitempty" json:"sku,omitempty"`
	Bin     string `cbor:"7,keyasint,omitempty" json:"bin,omitempty"`
	Qty     int64  `cbor:"8,keyasint,omitempty" json:"qty,omitempty"`
	Detail  string `cbor:"9,keyasint,omitempty" json:"detail,omitempty"`
	AfterMs int64  `cbor:"10,keyasint,omitempty" json:"afterMs,omitempty"` // since the fallout was opened
}

// AckFallout says that somebody looks after a fallout: it is not escalated any
// more.
type AckFallout struct {
	Fallout string `cbor:"1,keyasint" json:"fallout"`
}

// Kind implements Command.
func (AckFallout) Kind() Kind { return KindAckFallout }

func ackFallout(c *change, cmd AckFallout) (Result, error) {
	res := Result{Ref: cmd.Fallout}
	var f *Fallout
	var err error
	if validID(cmd.Fallout) {
		f, err = GetFallout(c, cmd.Fallout)
	}
	switch {
	case err != nil:
		return res, err
	case f == nil:
		return res, refuse(CodeUnknownFallout, "fallout %.70q", cmd.Fallout)
	case f.ClearedAt != 0:
		res.Text = "cleared before"
		return res, nil
	case f.AckAt != 0:
		res.Text = "acknowledged by " + f.AckBy
		return res, nil
	}
	if err := c.setAlarm(alarmFallout, f.ID, f.Due, 0); err != nil {
		return res, err
	}
	f.AckAt, f.AckBy, f.Due = max(c.meta.Now, 1), cmp.Or(c.meta.Actor, "somebody"), 0
	c.touch("fallout", "")
	return res, save(c, key(kFallout, f.ID), f)
}

// watchFallout sets the deadline of a new fallout, where the site wants that.
// It is not saved.
func (c *change) watchFallout(f *Fallout) error {
	site, err := c.theSite()
	if err != nil || !site.Escalate {
		return err
	}
	f.Due = c.meta.Now + RuleOf(f.Code).Minutes*60_000
	return c.setAlarm(alarmFallout, f.ID, 0, f.Due)
}

// escalate tells of a fallout nobody acknowledged.
func (c *change) escalate(id string) error {
	f, err := must2(GetFallout(c, id))("fallout", id)
	if err != nil {
		return err
	}
	f.Escalated++
	due := int64(0)
	if f.Escalated < maxEscalations {
		due = c.meta.Now + RuleOf(f.Code).Minutes*60_000<<f.Escalated
	}
	if err := c.setAlarm(alarmFallout, f.ID, f.Due, due); err != nil {
		return err
	}
	f.Due = due
	c.touch("fallout", "")
	if err := save(c, key(kFallout, f.ID), f); err != nil {
		return err
	}
	r := RuleOf(f.Code)
	return c.emit(EvFalloutEscalated, f.Order, EventData{
		Code: f.Code, Text: r.Next, Fallout: f.ID, Line: f.Line, SKU: f.SKU, Bin: f.Bin, Qty: f.Qty,
		Role: r.Role, Severity: min(r.Severity+f.Escalated-1, 3), Level: f.Escalated,
	})
}

// endFallout takes the deadline of a cleared fallout away and, when a person
// decided, notes what.
func (c *change) endFallout(f *Fallout, by string) error {
	if err := c.setAlarm(alarmFallout, f.ID, f.Due, 0); err != nil {
		return err
	}
	f.Due = 0
	site, err := c.theSite()
	if err != nil || !site.Escalate || by != c.meta.Actor {
		return err
	}
	detail := f.Detail
	if site.PurgeDays > 0 && (isAddress(f) || isCarrierFallout(f)) {
		detail = "" // where somebody lives is kept no longer than needed
	}
	return c.learn(Decision{
		At: c.meta.Now, Actor: by, Act: c.reason, Code: f.Code, Order: f.Order, SKU: f.SKU, Bin: f.Bin, Qty: f.Qty,
		Detail: detail, AfterMs: c.meta.Now - f.Since,
	})
}

// learn appends to the log of decisions.
func (c *change) learn(d Decision) error {
	n, err := c.next(kLearn)
	if err != nil {
		return err
	}
	if n > maxLearned {
		if err := c.Delete(key(kLearn, num(n-maxLearned))); err != nil {
			return err
		}
	}
	return save(c, key(kLearn, num(n)), &d)
}

// Decisions lists what people decided behind the entry from, oldest first, at
// most limit, with the number of the last one listed.
func Decisions(r Reader, from uint64, limit int) (list []Decision, last uint64, err error) {
	prefix := under(kLearn)
	last = from
	err = r.Range(prefix, func(k, b []byte) (bool, error) {
		n := fromNum(k[len(prefix):])
		if n <= from {
			return true, nil
		}
		d, err := decodeRecord[Decision](k, b)
		if err != nil {
			return false, err
		}
		list, last = append(list, *d), n
		return limit == 0 || len(list) < limit, nil
	})
	return list, last, err
}

// Action is one thing a person has to decide about.
type Action struct {
	Kind     string `json:"kind"` // "fallout", "count", "alias"
	ID       string `json:"id"`
	Code     string `json:"code"`
	Role     string `json:"role"`
	Severity int    `json:"severity"`
	Since    int64  `json:"since"`
	Deadline int64  `json:"deadline,omitempty"`
	AckBy    string `json:"ackBy,omitempty"`
	Order    string `json:"order,omitempty"`
	SKU      string `json:"sku,omitempty"`
	Bin      string `json:"bin,omitempty"`
	Qty      int64  `json:"qty,omitempty"`
	Detail   string `json:"detail,omitempty"`
	Next     string `json:"next"`
}

// Actions is the one list of what waits for a person, the most urgent first;
// role "" is everybody's.
func Actions(r Reader, role string) ([]Action, error) {
	var out []Action
	add := func(a Action) {
		if role == "" || role == a.Role {
			out = append(out, a)
		}
	}
	fs, err := Fallouts(r, true)
	if err != nil {
		return nil, err
	}
	for _, f := range fs {
		rule := RuleOf(f.Code)
		add(Action{
			Kind: "fallout", ID: f.ID, Code: f.Code, Role: rule.Role, Severity: min(rule.Severity+f.Escalated, 3),
			Since: f.Since, Deadline: f.Since + rule.Minutes*60_000, AckBy: f.AckBy,
			Order: f.Order, SKU: f.SKU, Bin: f.Bin, Qty: f.Qty, Detail: f.Detail, Next: rule.Next,
		})
	}
	cts, err := Counts(r)
	if err != nil {
		return nil, err
	}
	for _, ct := range cts {
		if ct.State == CountReview {
			add(Action{
				Kind: "count", ID: ct.ID, Code: CountReview, Role: RoleStock, Severity: 2, Since: ct.Since, Bin: ct.Bin,
				Next: "Look at both counts, then post the difference or have it counted again.",
			})
		}
	}
	as, err := Aliases(r)
	if err != nil {
		return nil, err
	}
	for _, a := range as {
		add(Action{
			Kind: "alias", ID: a.Barcode, Code: "ALIAS", Role: RoleLead, Severity: 1, Since: a.Since, SKU: a.SKU,
			Next: "Look at the goods, then accept or refuse the barcode.",
		})
	}
	slices.SortStableFunc(out, func(a, b Action) int {
		return cmp.Or(b.Severity-a.Severity, cmp.Compare(a.Since, b.Since))
	})
	return out, nil
}
