package llrp

import (
	"fmt"
	"slices"
	"time"

	"tote/drivers"
	"tote/drivers/rfid/llrp/wire"
)

// troubleTime is how long an error that the reader told of once is shown.
const troubleTime = time.Minute

// event works through the body of a READER_EVENT_NOTIFICATION; one may hold
// several events.
func (s *session) event(data *wire.Node) {
	if data == nil {
		return
	}
	attempt := data.Find("ConnectionAttemptEvent")
	if utc := data.Find("UTCTimestamp"); utc != nil {
		s.clock.check(uint64(utc.Num("Microseconds")), s.now, s.d.cfg.Skew)
	} else if up := data.Find("Uptime"); up != nil {
		s.clock.anchor(uint64(up.Num("Microseconds")), s.now, attempt != nil)
	}
	for _, e := range data.Params {
		switch e.Name() {
		case "ConnectionAttemptEvent":
			s.attempt(e)
		case "ConnectionCloseEvent":
			s.tell("it closes the connection")
		case "AntennaEvent":
			s.antenna(e.Num("AntennaID"), e.Num("EventType") == 1)
		case "GPIEvent":
			s.d.lines.level(s, e.Num("GPIPortNumber"), e.Num("GPIEvent") == 1)
		case "ROSpecEvent":
			// Started is 0. Whoever ended or pushed aside our reading: it goes on.
			s.restart = s.restart || s.running && e.Num("EventType") != 0 && e.Num("ROSpecID") == roSpecID
		case "ReaderExceptionEvent":
			s.tell(e.Text("Message"))
		case "ReportBufferLevelWarningEvent":
			s.tell(fmt.Sprintf("its report buffer is %d %% full", e.Num("ReportBufferPercentageFull")))
		case "ReportBufferOverflowErrorEvent":
			s.tell("its report buffer is full: reads are lost")
		}
	}
}

// attempt is the greeting, or the news that somebody else tried.
func (s *session) attempt(e *wire.Node) {
	switch {
	case e.Num("Status") == attemptAnother:
		s.d.cfg.Log.Warn("another program tried to take the reader", "device", s.d.cfg.Name)
	case s.greeted == nil:
		s.greeted = e
	}
}

// antenna notes that an antenna came or went.
func (s *session) antenna(id int, connected bool) {
	if s.missing[id] == !connected || len(s.missing) > 1000 {
		return
	}
	s.missing[id] = !connected
	if s.running {
		s.d.cfg.Log.Warn("an antenna changed", "device", s.d.cfg.Name, "antenna", id, "connected", connected)
	}
}

// tell shows an error that the reader told of, for a while.
func (s *session) tell(text string) {
	s.d.cfg.Log.Warn("the reader reports an error", "device", s.d.cfg.Name, "code", drivers.CodeLLRPError, "text", text)
	s.trouble = time.Now().Add(troubleTime)
}

// show sets the state that all of this makes.
func (s *session) show() {
	d := s.d
	missing := s.missingAntennas()
	switch {
	case s.badRun >= badLimit:
		d.tracker.Set(drivers.Degraded, drivers.CodeLLRPBroken, "")
	case d.doubt:
		d.tracker.Set(drivers.Degraded, drivers.CodeLLRPSilent, "")
	case len(missing) > 0:
		d.tracker.Set(drivers.Degraded, drivers.CodeRFIDAntenna, fmt.Sprintf("antenna %v of the reader is not connected or broken", missing))
	case time.Now().Before(s.trouble):
		d.tracker.Set(drivers.Degraded, drivers.CodeLLRPError, "")
	case s.clock.wrong:
		d.tracker.Set(drivers.Degraded, drivers.CodeLLRPClock, fmt.Sprintf("the clock of the reader is wrong by %v", s.clock.skew.Round(time.Second)))
	default:
		d.tracker.Set(drivers.Ready, "", "the reader is reading: "+d.Identity().String())
	}
}

// missingAntennas are those that are missed among the configured ones. Without
// a list every socket counts for nothing: most readers have more than antennas.
func (s *session) missingAntennas() (out []int) {
	for _, a := range s.d.cfg.Antennas {
		if s.missing[a] {
			out = append(out, a)
		}
	}
	slices.Sort(out)
	return out
}
