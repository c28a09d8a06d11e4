package web

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"tote/warehouse"
)

// The machines are the robots and conveyors of the site. What a person must see
// to is told three ways: in the status line, here in words, and on the map.

// Bounds of what is told of a conveyor.
const (
	faultsShown = 5               // of one conveyor, the newest
	faultTime   = time.Hour       // older ones are history: the log has them
	faultFresh  = 5 * time.Minute // a conveyor that runs is marked this long
)

// machines is the panel of robots and conveyors.
type machines struct {
	Robots    []robotRow
	Conveyors []conveyorRow
}

// robotRow is one robot, heard of or not.
type robotRow struct {
	ID, State, Level    string
	Since               stamp
	Job, Target, Loads  string
	Battery             string
	Low                 bool
	Broker              string
	Code, Cause, Action string
	Text                string
}

// conveyorRow is one conveyor.
type conveyorRow struct {
	ID, State, Level string
	Since            stamp
	Last             *Carton
	LastAt           stamp
	OnBelt           string
	Lanes            []Lane
	Reasons          []defaulted
	Faults           []faultRow
	Heard            bool // by this gateway
}

// defaulted is why cartons went to the default lane.
type defaulted struct {
	Code, Cause string
	N           uint64
}

// faultRow is a fault of a conveyor in words.
type faultRow struct {
	Code, Text, Cause, Action string
	N                         uint64
	At                        stamp
}

// level is how bad a robot is off: a code that needs nobody is a remark.
func (r Robot) level() string {
	switch {
	case r.Bad:
		return levelBad
	case r.Code != "":
		return levelWarn
	}
	return levelOK
}

func (s *server) robotRow(c clock, r Robot) robotRow {
	row := robotRow{
		ID: r.ID, State: r.State, Level: r.level(), Since: c.at(r.Since), Job: r.Job, Target: r.Target, Loads: listed(r.Loads),
		Battery: "–", Broker: cmp.Or(r.Broker, "never heard of"), Code: r.Code, Text: r.Text,
	}
	row.Cause, row.Action = s.explain(r.Code)
	if r.Battery >= 0 {
		row.Battery, row.Low = fmt.Sprintf("%d %%", r.Battery), r.Battery < lowBattery && !r.Charging
		if r.Charging {
			row.Battery += ", charging"
		}
	}
	return row
}

// lowBattery is when the charge is marked, in percent.
const lowBattery = 20

// readMachines makes the panel; why cartons went to the default lane is in the
// records of the site, so every gateway says the same.
func (s *server) readMachines(r warehouse.Reader, c clock, g *GatewayStatus) (machines, error) {
	var m machines
	if g == nil {
		return m, nil
	}
	for _, rb := range g.Robots {
		m.Robots = append(m.Robots, s.robotRow(c, rb))
	}
	counts, err := warehouse.InductCounts(r)
	if err != nil {
		return m, err
	}
	reasons := map[string][]defaulted{}
	for _, n := range counts {
		why := defaulted{Code: n.Code, N: n.N}
		why.Cause, _ = s.explain(n.Code)
		reasons[n.Conveyor] = append(reasons[n.Conveyor], why)
	}
	for _, cv := range g.Conveyors {
		row := s.conveyorRow(c, cv)
		row.Reasons = reasons[cv.ID]
		slices.SortStableFunc(row.Reasons, func(a, b defaulted) int { return cmp.Compare(b.N, a.N) })
		m.Conveyors = append(m.Conveyors, row)
	}
	return m, nil
}

func (s *server) conveyorRow(c clock, cv Conveyor) conveyorRow {
	row := conveyorRow{
		ID: cv.ID, State: cv.State, Level: levelOK, Since: c.at(cv.Since), Last: cv.Last, Lanes: cv.Lanes,
		OnBelt: plural(cv.OnBelt, "carton", "cartons"), Heard: cv.Heard,
	}
	if cv.Last != nil {
		row.LastAt = c.at(cv.Last.At)
	}
	faults := slices.Clone(cv.Faults)
	slices.SortStableFunc(faults, func(a, b MachineFault) int { return b.Last.Compare(a.Last) })
	for _, f := range faults {
		old := c.now.Sub(f.Last)
		if old >= faultTime || len(row.Faults) == faultsShown {
			break
		}
		fr := faultRow{Code: f.Code, Text: f.Text, N: f.N, At: c.at(f.Last)}
		fr.Cause, fr.Action = s.explain(f.Code)
		row.Faults = append(row.Faults, fr)
		if old < faultFresh {
			row.Level = levelWarn
		}
	}
	switch {
	case cv.Bad:
		row.Level = levelBad
	case cv.Warn:
		row.Level = levelWarn
	}
	return row
}

// bad names the machines a person must see to.
func (m machines) bad() (names []string) {
	for _, r := range m.Robots {
		if r.Level == levelBad {
			names = append(names, r.ID)
		}
	}
	for _, c := range m.Conveyors {
		if c.Level == levelBad {
			names = append(names, c.ID)
		}
	}
	return names
}

// listed is a few words one after the other.
func listed(words []string) string {
	out := ""
	for i, w := range words {
		switch {
		case i == 0:
		case i == len(words)-1:
			out += " and "
		default:
			out += ", "
		}
		out += w
	}
	return out
}
