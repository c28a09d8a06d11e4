package llrp

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"tote/drivers"
	"tote/drivers/rfid/llrp/wire"
)

// roSpecID is our one ROSpec: many readers take no second.
const roSpecID = 1

// status of a ConnectionAttemptEvent.
const (
	attemptOK          = 0
	attemptReaderHolds = 1 // a connection that the reader made
	attemptClientHolds = 2 // a connection that another client made
	attemptAnother     = 4 // another client tried, and was refused
)

// setUp waits for the reader's greeting, looks at what it can do, sets it and
// starts reading. The error ends the session.
func (s *session) setUp(ctx context.Context) error {
	if err := s.greet(ctx); err != nil {
		return err
	}
	if s.d.cfg.Version == Version11 {
		if err := s.raise(ctx); err != nil {
			return err
		}
	}
	if err := s.look(ctx); err != nil {
		return err
	}
	if err := s.extend(ctx); err != nil {
		return err
	}
	if err := s.set(ctx); err != nil {
		return err
	}
	s.d.lines.found(s)
	// What an earlier client left behind would go on reading, or be in the way.
	if _, err := s.ask(ctx, wire.Message(wire.DeleteROSpec, map[string]any{"ROSpecID": 0})); err != nil && !s.passable(err) {
		return s.refused(err)
	}
	s.cleared = true
	if err := s.add(ctx); err != nil {
		return err
	}
	for _, m := range []*wire.Node{wire.Message(wire.EnableROSpec, map[string]any{"ROSpecID": roSpecID})} {
		if _, err := s.ask(ctx, m); err != nil && !errors.Is(err, errUnanswered) {
			return s.refused(err)
		}
	}
	if err := s.start(ctx); err != nil {
		return err
	}
	if s.caps.held {
		_, err := s.port.Write(ctx, wire.Append(nil, s.version, wire.EnableEvents, 0, nil))
		return err
	}
	return nil
}

// greet waits for the event that tells how the connection stands.
func (s *session) greet(ctx context.Context) error {
	until, cancel := context.WithTimeout(ctx, s.d.cfg.Greeting)
	defer cancel()
	for s.greeted == nil {
		switch err := s.receive(until); {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, context.DeadlineExceeded):
			return s.d.fault(drivers.CodeLLRPSilent, fmt.Sprintf("no greeting within %v", s.d.cfg.Greeting))
		case err != nil:
			return err
		}
	}
	switch status := s.greeted.Num("Status"); status {
	case attemptOK:
		return nil
	case attemptReaderHolds, attemptClientHolds:
		s.greeted = nil
		return s.d.fault(drivers.CodeLLRPHeld, "")
	default:
		s.greeted = nil
		return s.d.fault(drivers.CodeLLRPError, fmt.Sprintf("the reader refuses the connection, reason %d", status))
	}
}

// raise goes up to LLRP 1.1 where the reader can; one that cannot need not even
// answer, and is spoken to as before.
func (s *session) raise(ctx context.Context) error {
	s.version = wire.Version11
	a, err := s.ask(ctx, wire.Message(wire.GetSupportedVersion, nil))
	if err == nil && a.Num("SupportedVersion") >= wire.Version11 {
		if a.Num("CurrentVersion") == wire.Version11 {
			return nil
		}
		_, err = s.ask(ctx, wire.Message(wire.SetProtocolVersion, map[string]any{"ProtocolVersion": wire.Version11}))
		if err == nil {
			return nil
		}
	}
	s.version = wire.Version101
	if err != nil && !s.passable(err) {
		return err
	}
	s.d.cfg.Log.Warn("the reader does not speak LLRP 1.1; it is spoken to in 1.0.1", "device", s.d.cfg.Name)
	return nil
}

// extend asks an Impinj reader for its extensions, of which the phase is used. One
// that does not have them reads without.
func (s *session) extend(ctx context.Context) error {
	if !s.caps.impinj {
		return nil
	}
	_, err := s.ask(ctx, wire.Message(wire.Custom, map[string]any{
		"VendorIdentifier": wire.Impinj, "MessageSubtype": wire.ImpinjEnableExtensions, "Data": make([]byte, 4),
	}))
	s.phase = err == nil
	if err != nil && !s.passable(err) {
		return err
	}
	return nil
}

// add gives the reader our ROSpec, without the phase where it does not take that.
func (s *session) add(ctx context.Context) error {
	_, err := s.ask(ctx, s.roSpec())
	if s.phase && drivers.CodeOf(err) == drivers.CodeRFIDRefuses {
		s.phase = false
		_, err = s.ask(ctx, s.roSpec())
	}
	if errors.Is(err, errUnanswered) {
		return nil
	}
	return s.refused(err)
}

// passable errors are those of a reader that leaves out what need not be.
func (s *session) passable(err error) bool {
	return errors.Is(err, errUnanswered) || drivers.CodeOf(err) == drivers.CodeRFIDRefuses
}

// refused shows what the reader would not do; other errors it leaves alone.
func (s *session) refused(err error) error {
	if drivers.CodeOf(err) == drivers.CodeRFIDRefuses {
		s.d.tracker.Set(drivers.Degraded, drivers.CodeRFIDRefuses, strings.TrimSuffix(err.Error(), ": "+drivers.Coded(drivers.CodeRFIDRefuses).Error()))
	}
	return err
}

// start starts our ROSpec. No answer is no error: reports may come all the same,
// and silence is noticed later.
func (s *session) start(ctx context.Context) error {
	_, err := s.ask(ctx, wire.Message(wire.StartROSpec, map[string]any{"ROSpecID": roSpecID}))
	if errors.Is(err, errUnanswered) {
		return nil
	}
	return s.refused(err)
}

// look asks what the reader can do and how it stands. A reader that answers
// neither is taken as one that can do nothing special.
func (s *session) look(ctx context.Context) error {
	can, err := s.ask(ctx, wire.Message(wire.GetReaderCapabilities, nil))
	if err != nil && !s.passable(err) {
		return err
	}
	if err == nil {
		s.caps = capabilitiesOf(can)
	}
	is, err := s.ask(ctx, wire.Message(wire.GetReaderConfig, nil))
	if err != nil && !s.passable(err) {
		return err
	}
	if err == nil {
		s.standing(is)
	}
	id := s.caps.identity
	s.d.identity.Store(&id)
	for _, a := range s.d.cfg.Antennas {
		if s.caps.antennas > 0 && a > s.caps.antennas {
			s.missing[a] = true
		}
	}
	return nil
}

// standing takes what the configuration of the reader says.
func (s *session) standing(is *wire.Node) {
	s.caps.identity.Serial = serialOf(is)
	s.caps.held = is.Find("EventsAndReports").Num("HoldEventsAndReportsUponReconnect") == 1
	for _, a := range is.All("AntennaProperties") {
		if a.Num("AntennaConnected") == 0 {
			s.missing[a.Num("AntennaID")] = true
		}
	}
	if c := is.Find("AntennaConfiguration").Find("RFTransmitter"); c != nil {
		s.caps.hopTable, s.caps.channel = c.Num("HopTableID"), c.Num("ChannelIndex")
	}
	for _, g := range is.All("GPIPortCurrentState") {
		if state := g.Num("State"); state <= 1 {
			s.d.lines.level(s, g.Num("GPIPortNum"), state == 1)
		}
	}
}

// set makes the settings. A reader that refuses one refuses all of a request, so
// what can be done without (events, inputs) is then left out: it reads, and less
// is known of it.
func (s *session) set(ctx context.Context) error {
	must, more, err := s.settings()
	if err != nil {
		return s.d.fault(drivers.CodeRFIDRefuses, err.Error())
	}
	_, err = s.ask(ctx, wire.Message(wire.SetReaderConfig, nil, slices.Concat(more[:1], must, more[1:])...))
	if drivers.CodeOf(err) == drivers.CodeRFIDRefuses {
		s.d.cfg.Log.Warn("the reader refuses settings; it is set without events and inputs", "device", s.d.cfg.Name, "err", err)
		_, err = s.ask(ctx, wire.Message(wire.SetReaderConfig, nil, must...))
	}
	if errors.Is(err, errUnanswered) {
		return s.d.fault(drivers.CodeLLRPSilent, "the reader does not answer its settings")
	}
	return s.refused(err)
}

// Events that readers are asked to tell of.
var eventsWanted = []int{1 /* GPI */, 2 /* ROSpec */, 3 /* buffer */, 4 /* exception */, 8 /* antenna */}

// settings is what the reader is set to: what it must do, and what can be done
// without, events first. The error says what it cannot be set to.
func (s *session) settings() (must, more []*wire.Node, err error) {
	events := wire.New("ReaderEventNotificationSpec", nil)
	for _, e := range eventsWanted {
		events.Params = append(events.Params, wire.New("EventNotificationState", map[string]any{"EventType": e, "NotificationState": true}))
	}
	if dBm := s.d.cfg.Power; dBm > 0 {
		index, err := s.caps.powerIndex(dBm)
		if err != nil {
			return nil, nil, err
		}
		must = append(must, wire.New("AntennaConfiguration", map[string]any{"AntennaID": 0},
			wire.New("RFTransmitter", map[string]any{"HopTableID": s.caps.hopTable, "ChannelIndex": s.caps.channel, "TransmitPower": index})))
	}
	must = append(must, wire.New("KeepaliveSpec", map[string]any{
		"KeepaliveTriggerType": 1, "PeriodicTriggerValue": int(s.d.cfg.Keepalive / time.Millisecond),
	}))
	more = append(more, events)
	for i := range s.caps.gpis {
		more = append(more, wire.New("GPIPortCurrentState", map[string]any{"GPIPortNum": i + 1, "Config": true, "State": 2}))
	}
	if s.caps.holding {
		more = append(more, wire.New("EventsAndReports", nil))
	}
	return must, more, nil
}

// roSpec is the one long reading: no start trigger, for we start it; no stop
// trigger, for starting and stopping keeps radios busy; a report for each tag.
func (s *session) roSpec() *wire.Node {
	none := map[string]any{}
	antennas := []uint64{}
	for _, a := range s.d.cfg.Antennas {
		if s.caps.antennas == 0 || a <= s.caps.antennas {
			antennas = append(antennas, uint64(a))
		}
	}
	if len(antennas) == 0 || len(antennas) == s.caps.antennas {
		antennas = []uint64{0} // all
	}
	slices.Sort(antennas)
	content := []*wire.Node{wire.New("TagReportContentSelector", map[string]any{
		"EnableAntennaID": true, "EnablePeakRSSI": true, "EnableFirstSeenTimestamp": true, "EnableLastSeenTimestamp": true, "EnableTagSeenCount": true,
	}, wire.New("C1G2EPCMemorySelector", map[string]any{"EnablePCBits": true}))}
	if s.phase {
		content = append(content, wire.ReportPhase())
	}
	return wire.Message(wire.AddROSpec, nil, wire.New("ROSpec", map[string]any{"ROSpecID": roSpecID},
		wire.New("ROBoundarySpec", none, wire.New("ROSpecStartTrigger", none), wire.New("ROSpecStopTrigger", none)),
		wire.New("AISpec", map[string]any{"AntennaIDs": antennas},
			wire.New("AISpecStopTrigger", none),
			wire.New("InventoryParameterSpec", map[string]any{"InventoryParameterSpecID": 1, "ProtocolID": 1})),
		wire.New("ROReportSpec", map[string]any{"ROReportTrigger": 2, "N": 1}, content...)))
}
