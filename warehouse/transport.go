package warehouse

import (
	"fmt"
	"slices"
)

// Transports: totes that robots carry from the pack drop to a pack station.
// The tote moves when the robot says so, never when it is told to.

// trips lists every step of a transport. What is not here is refused as
// TRANSPORT_STATE, whoever asks.
var trips = []struct {
	from string
	to   []string
}{
	{"", []string{TransportRequested}},
	{TransportRequested, []string{TransportAssigned, TransportCancelled}},
	{TransportAssigned, []string{TransportLoaded, TransportFailed, TransportCancelled}},
	{TransportLoaded, []string{TransportDelivered, TransportFailed, TransportCancelled}},
	{TransportFailed, []string{TransportRequested, TransportCancelled}},
	{TransportDelivered, nil},
	{TransportCancelled, nil},
}

// progress orders what a robot may report; a report behind what is known is
// an echo and changes nothing.
func progress(state string) int {
	switch state {
	case TransportLoaded:
		return 1
	case TransportDelivered, TransportFailed:
		return 2
	}
	return 0
}

// openTrip tells whether a tote still has to be carried.
func openTrip(state string) bool {
	return state != TransportDelivered && state != TransportCancelled
}

// onRobot tells whether a transport keeps its robot busy.
func onRobot(state string) bool { return state == TransportAssigned || state == TransportLoaded }

// Transports lists transports by age, only the open ones or all.
func Transports(r Reader, openOnly bool) ([]Transport, error) {
	if openOnly {
		return OpenTransports(r)
	}
	return list[Transport](r, under(kTrip), 0)
}

// OpenTransports lists the transports that are not delivered or cancelled,
// oldest first. A failed one is among them: it waits for somebody.
func OpenTransports(r Reader) ([]Transport, error) {
	return named(r, under(kTrips), 0, GetTransport, "transport")
}

// TransportOf returns the open transport of a tote, nil when it has none.
func TransportOf(r Reader, lu string) (*Transport, error) {
	id, err := r.Get(key(kCarry, lu))
	if err != nil || id == nil {
		return nil, err
	}
	return must2(GetTransport(r, string(id)))("transport", string(id))
}

// setTrip takes a transport into a state and saves it with its index rows.
func (c *change) setTrip(t *Transport, to string) error {
	allowed := false
	for _, s := range trips {
		allowed = allowed || s.from == t.State && slices.Contains(s.to, to)
	}
	if !allowed {
		return refuse(CodeTransportState, "transport %s cannot go from %q to %s", t.ID, t.State, to)
	}
	t.State, t.Since = to, c.meta.Now
	if err := c.index(key(kTrips, t.ID), openTrip(to)); err != nil {
		return err
	}
	var err error
	if openTrip(to) {
		err = c.Set(key(kCarry, t.LU), []byte(t.ID))
	} else {
		err = c.Delete(key(kCarry, t.LU))
	}
	if err != nil {
		return err
	}
	if !openTrip(to) {
		if err := c.ended(pastTrip, t.ID); err != nil {
			return err
		}
	}
	c.touch("transport", t.ID)
	c.touch("transports", "")
	return save(c, key(kTrip, t.ID), t)
}

// requestTransport asks robots to carry the tote of a picked order to the pack
// station with the fewest open transports, the first of the list when equal.
func (c *change) requestTransport(site *Site, o *Order) error {
	if site.Transport != TransportRobot {
		return nil
	}
	open, err := OpenTransports(c)
	if err != nil {
		return err
	}
	to, least := "", -1
	for _, s := range site.PackStations {
		n := 0
		for _, t := range open {
			if t.To == StationPlace(s) {
				n++
			}
		}
		if least < 0 || n < least {
			to, least = StationPlace(s), n
		}
	}
	n, err := c.next(kTrip)
	if err != nil {
		return err
	}
	return c.setTrip(&Transport{
		ID: fmt.Sprintf("TR%06d", n), // padded: ids sort by age
		LU: o.Tote, Order: o.Spec.ID, From: PlacePackDrop, To: to, Try: 1, Asked: c.meta.Now,
	}, TransportRequested)
}

// transport loads the transport of a command.
func (c *change) transport(id string) (*Transport, error) {
	if !validID(id) {
		return nil, refuse(CodeUnknownTransport, "transport %q", id)
	}
	t, err := GetTransport(c, id)
	if err == nil && t == nil {
		err = refuse(CodeUnknownTransport, "transport %s", id)
	}
	return t, err
}

func assignTransport(c *change, cmd AssignTransport) (Result, error) {
	res := Result{Ref: cmd.Transport}
	if !validID(cmd.Robot) {
		return res, refuse(CodeInvalid, "robot id")
	}
	t, err := c.transport(cmd.Transport)
	if err != nil {
		return res, err
	}
	if t.State == TransportAssigned && t.Robot == cmd.Robot {
		return res, nil
	}
	if t.State != TransportRequested {
		return res, refuse(CodeTransportTaken, "transport %s is %s by robot %q", t.ID, t.State, t.Robot)
	}
	open, err := OpenTransports(c)
	if err != nil {
		return res, err
	}
	for _, other := range open {
		if other.Robot == cmd.Robot && onRobot(other.State) {
			return res, refuse(CodeRobotBusy, "robot %s has transport %s", cmd.Robot, other.ID)
		}
	}
	t.Robot = cmd.Robot
	return res, c.setTrip(t, TransportAssigned)
}

func transportState(c *change, cmd TransportState) (Result, error) {
	res := Result{Ref: cmd.Transport}
	switch {
	case cmd.State != TransportLoaded && cmd.State != TransportDelivered && cmd.State != TransportFailed:
		return res, refuse(CodeInvalid, "state %q", cmd.State)
	case cmd.Try < 0:
		return res, refuse(CodeInvalid, "try")
	}
	t, err := c.transport(cmd.Transport)
	if err != nil {
		return res, err
	}
	if cmd.Try > 0 && cmd.Try < t.Try {
		res.Text = fmt.Sprintf("try %d is over", cmd.Try)
		return res, nil
	}
	if t.Robot != cmd.Robot {
		return res, refuse(CodeTransportTaken, "transport %s is %s by robot %q", t.ID, t.State, t.Robot)
	}
	if isEcho(t.State, cmd.State) {
		res.Text = "transport is " + t.State
		return res, nil
	}
	if cmd.State == TransportFailed {
		return res, c.failTrip(t, cleanText(cmd.Code))
	}
	place := RobotPlace(t.Robot)
	if cmd.State == TransportDelivered {
		place = t.To
	}
	if err := c.setTrip(t, cmd.State); err != nil {
		return res, err
	}
	return res, c.placeLU(t.LU, place)
}

// isEcho tells whether a report changes nothing: it says what is known, or lies
// behind it. A robot that says it has a tote which a person carried away is no
// echo; that it failed to is.
func isEcho(known, report string) bool {
	if known == TransportCancelled {
		return report == TransportFailed
	}
	return report == known || progress(report) < progress(known)
}

// failTrip notes that a robot gave up. The order may go on at once: a person
// who carries the tote to a pack station ends transport and fallout.
func (c *change) failTrip(t *Transport, code string) error {
	t.Code = code
	if err := c.setTrip(t, TransportFailed); err != nil {
		return err
	}
	o, err := c.order(t.Order)
	if _, err := must(o, err, "order", t.Order); err != nil {
		return err
	}
	text := fmt.Sprintf("robot %s, transport %s: %s", t.Robot, t.ID, code)
	if err := c.openFallout(o, Fallout{Code: FalloutTransportFailed, Detail: cleanText(text), LU: t.LU}); err != nil {
		return err
	}
	return c.saveOrder(o)
}

func isTransportFallout(f *Fallout) bool { return f.Code == FalloutTransportFailed }

func retryTransport(c *change, cmd RetryTransport) (Result, error) {
	res := Result{Ref: cmd.Transport}
	t, err := c.transport(cmd.Transport)
	if err != nil {
		return res, err
	}
	if t.State != TransportFailed {
		return res, refuse(CodeTransportState, "transport %s is %s", t.ID, t.State)
	}
	o, err := c.order(t.Order)
	if _, err := must(o, err, "order", t.Order); err != nil {
		return res, err
	}
	if err := c.clearFallouts(o, c.meta.Actor, isTransportFallout); err != nil {
		return res, err
	}
	if err := c.askAgain(t); err != nil {
		return res, err
	}
	return res, c.saveOrder(o)
}

// askAgain frees a failed transport for any robot. The tote stands where it was
// to be fetched: who asks again says so.
func (c *change) askAgain(t *Transport) error {
	t.Robot, t.Code = "", ""
	t.Try++
	if err := c.setTrip(t, TransportRequested); err != nil {
		return err
	}
	return c.placeLU(t.LU, t.From)
}

// retryTrip asks again for the failed transport of an order, if it has one.
func (c *change) retryTrip(o *Order) error {
	t, err := TransportOf(c, o.Tote)
	if err != nil || t == nil || t.State != TransportFailed {
		return err
	}
	return c.askAgain(t)
}

// endTrip cancels the open transport of a tote that is at a pack station.
func (c *change) endTrip(tote string) error {
	t, err := TransportOf(c, tote)
	if err != nil || t == nil {
		return err
	}
	return c.setTrip(t, TransportCancelled)
}
