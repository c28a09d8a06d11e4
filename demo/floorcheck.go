package demo

import (
	"fmt"
	"slices"
	"strings"

	"tote/firmware-tests/record"
)

// floor is what the machines' own records say of the shift.
type floor struct {
	jobs   map[string]map[string]int  // robot → kind of job → how often it was done
	drops  map[string]int             // tote → how often a robot set it down at a pack station
	lanes  map[string][]string        // SSCC → lanes it left the belt at, in order
	left   map[string]int             // "lane result" → cartons
	heard  map[string]int             // EPC → reads at the dock
	lamps  map[string]map[string]bool // station → lamp → lit
	lit    map[string]int             // station → how often green was lit
	passes int
}

func newFloor() *floor {
	return &floor{
		jobs: map[string]map[string]int{}, drops: map[string]int{}, lanes: map[string][]string{}, left: map[string]int{},
		heard: map[string]int{}, lamps: map[string]map[string]bool{}, lit: map[string]int{},
	}
}

// note takes one entry of a machine's record.
func (f *floor) note(device string, e record.Entry) {
	switch e.Kind {
	case record.Acted:
		f.acted(device, e.Action)
	case record.Diverted:
		f.left[e.Carton.Lane+" "+e.Carton.Result]++
		f.lanes[e.Carton.SSCC] = append(f.lanes[e.Carton.SSCC], e.Carton.Lane)
	case record.Passed:
		f.passes++
		for epc, n := range e.Tags.Reads {
			f.heard[strings.ToUpper(epc)] += n
		}
	case record.Output:
		place := strings.TrimSuffix(device, "/io")
		if f.lamps[place] == nil {
			f.lamps[place] = map[string]bool{}
		}
		f.lamps[place][e.Level.Line] = e.Level.High
		if e.Level.Line == greenLine && e.Level.High {
			f.lit[place]++
		}
	}
}

func (f *floor) acted(robot string, a *record.Action) {
	if a.Result != "FINISHED" {
		return
	}
	kind := ""
	load, _ := a.Params["loadId"].(string)
	switch {
	case a.Type == "drop" && load != "":
		kind = "totes carried"
		f.drops[load]++
	case a.Type == "drop":
		kind = "batches"
	case a.Params["sku"] != nil:
		kind = "picks"
	default:
		return
	}
	if f.jobs[robot] == nil {
		f.jobs[robot] = map[string]int{}
	}
	f.jobs[robot][kind]++
}

// machines holds what the machines' records say against the people, the ledger
// and the OMS.
func (a *audit) machines() {
	if a.portal {
		a.seen()
	}
	if a.belt {
		a.rides()
	}
	if a.robots {
		a.carried()
	}
	a.towers()
}

// seen: what was packed and has left is what the reader at the dock heard.
func (a *audit) seen() {
	packed := map[string]bool{}
	for _, c := range a.gone {
		for _, epc := range c.tags {
			packed[strings.ToUpper(epc)] = true
		}
	}
	a.epcs = len(packed)
	missing, extra := 0, 0
	for epc := range packed {
		if a.floor.heard[epc] == 0 {
			missing++
		}
	}
	for epc := range a.floor.heard {
		if !packed[epc] {
			extra++
		}
	}
	if missing+extra > 0 {
		a.bad("of %d EPCs that left %d were never heard at the dock, and %d were heard that did not leave", len(packed), missing, extra)
	}
	for _, o := range a.shipped {
		for _, p := range o.Parcels {
			if !p.Verified {
				a.bad("order %s: parcel %s left without being seen by the portal", o.Spec.ID, p.SSCC)
			}
		}
	}
}

// rides: where a carton left the belt is where the site has it.
func (a *audit) rides() {
	for _, o := range a.shipped {
		if len(o.Rides) == 0 {
			a.bad("order %s went to the dock, and the site knows of no ride on the belt", o.Spec.ID)
		}
		for _, r := range o.Rides {
			lanes := a.floor.lanes[r.SSCC]
			switch {
			case len(lanes) == 0:
				a.bad("order %s: parcel %s was never on the belt, the site says it left at %s", o.Spec.ID, r.SSCC, r.Exit)
			case r.Exit == "" && r.State == "EXPIRED":
				a.lateConfirms++ // loaded before the conveyor could say so
			case r.Exit != lanes[len(lanes)-1]:
				a.bad("order %s: parcel %s left the belt at %v, the site says %s", o.Spec.ID, r.SSCC, lanes, r.Exit)
			}
		}
	}
}

// carried: every tote that was packed came to its station on a robot.
func (a *audit) carried() {
	carried := 0
	for _, n := range a.floor.drops {
		carried += n
	}
	if carried != a.packed {
		a.bad("robots set %d totes down at pack stations, %d were packed or put aside there", carried, a.packed)
	}
}

// towers: work went on, and at the end no lamp calls for anybody in vain.
func (a *audit) towers() {
	for _, id := range packStations {
		if a.floor.lit[id] == 0 {
			a.bad("the green lamp of %s was never lit", id)
		}
		if a.floor.lamps[id][redLine] {
			a.bad("the red lamp of %s is lit though everything works", id)
		}
	}
}

// rows are the machines' lines of the final table.
func (a *audit) rows() [][2]string {
	var rows [][2]string
	for _, robot := range sortedKeys(a.floor.jobs) {
		var jobs []string
		for _, kind := range sortedKeys(a.floor.jobs[robot]) {
			jobs = append(jobs, fmt.Sprintf("%d %s", a.floor.jobs[robot][kind], kind))
		}
		rows = append(rows, [2]string{"robot " + robot, strings.Join(jobs, ", ")})
	}
	if a.belt {
		var left []string
		for _, k := range sortedKeys(a.floor.left) {
			left = append(left, fmt.Sprintf("%d to %s", a.floor.left[k], k))
		}
		if a.lateConfirms > 0 {
			left = append(left, fmt.Sprintf("%d loaded before their confirm", a.lateConfirms))
		}
		rows = append(rows, [2]string{"conveyor", strings.Join(left, ", ")})
	}
	if a.portal {
		rows = append(rows, [2]string{"dock portal", fmt.Sprintf("%d EPCs packed = %d EPCs seen at the dock, in %d passes", a.epcs, len(a.floor.heard), a.floor.passes)})
	}
	return rows
}

// walking is what planning the walks was worth.
func (s *shift) walking() [][2]string {
	fcfs, err := s.paths.firstComeFirstServed()
	if err != nil || fcfs == 0 {
		return nil
	}
	return [][2]string{{"walked", fmt.Sprintf("%d m by people; first come first served in S-shape: %d m for the same picks (%+d %%)",
		s.paths.walked/1000, fcfs/1000, (s.paths.walked-fcfs)*100/fcfs)}}
}

// memory is what each gateway needed at most.
func (s *shift) memory() string {
	var out []string
	for _, n := range s.nodes {
		n.peak = max(n.peak, peakRSS(n.proc.cmd.Process.Pid))
		out = append(out, fmt.Sprintf("%s %d MB", n.id, n.peak>>20))
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

// vmHWM reads the peak of the resident set out of /proc/PID/status, in bytes.
func vmHWM(status string) int64 {
	for line := range strings.Lines(status) {
		var kb int64
		if n, _ := fmt.Sscanf(line, "VmHWM: %d kB", &kb); n == 1 {
			return kb << 10
		}
	}
	return 0
}
