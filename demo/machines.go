package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"tote/firmware-tests/control"
	"tote/firmware-tests/conveyor"
	"tote/firmware-tests/emulate"
	"tote/firmware-tests/gpio"
	"tote/firmware-tests/robot"
	"tote/warehouse"
)

// conveyorID names the belt between the pack stations and the dock.
const conveyorID = "cv1"

// Which machines the site has is said by its files: robots where its transport
// is theirs, a belt where it has lanes, a portal where a dock has one.
func (s *shift) hasRobots() bool { return s.data.Site.Transport == warehouse.TransportRobot }
func (s *shift) hasBelt() bool   { return len(s.data.Site.Lanes) > 0 }
func (s *shift) hasPortal() bool { return slices.Contains(s.data.Site.Portals, dockID) }

// badge is the first badge of a kind of worker, "" when there is none.
func (s *shift) badge(kind string) string {
	for _, w := range s.data.Workers {
		if w.Kind == kind {
			return w.Badge
		}
	}
	return ""
}

// beltTold tells whether the conveyor has said all it has to say. What happened
// while no gateway heard it comes late, also after the last order has left.
func (s *shift) beltTold(ctx context.Context) bool {
	if !s.hasBelt() {
		return true
	}
	st, err := s.devices[conveyorID].State(ctx)
	if err != nil {
		return false // asked again at the next tick
	}
	var cv conveyor.State
	return json.Unmarshal(st.Device, &cv) == nil && cv.Unsent == 0
}

// people are the workers who are no robots.
func (s *shift) people() []warehouse.Worker {
	return slices.DeleteFunc(slices.Clone(s.data.Workers), func(w warehouse.Worker) bool { return w.Kind != "" })
}

// socket is where a board of GPIO lines is found.
func (s *shift) socket(place string) string { return filepath.Join(s.dir, "dev", place+"-io") }

// board is a board of GPIO lines: the lamps of a pack station, or the photo-eye
// of the dock door, which is high while nothing stands in it.
func (s *shift) board(place string) emulate.Device {
	p := gpio.Params{Socket: s.socket(place)}
	if place == dockID {
		p.High = []string{eyeLine}
	}
	return emulate.Device{Kind: emulate.GPIO, Name: place + "/io", GPIO: p}
}

// The lines of the boards.
const (
	eyeLine   = "EYE"
	greenLine = "GREEN"
	amberLine = "AMBER"
	redLine   = "RED"
)

// towerYAML is the part of a station's configuration.
func (s *shift) towerYAML(place string) string {
	return fmt.Sprintf("    tower: {green: %s, amber: %s, red: %s, gpio: {emulated: %q}}\n", greenLine, amberLine, redLine, s.socket(place))
}

// doorYAML is the part of the dock's configuration.
func (s *shift) doorYAML() string {
	if !s.hasPortal() {
		return ""
	}
	return fmt.Sprintf("    photo_eye: {line: %s, active_low: true, gpio: {emulated: %q}}\n    rfid: {driver: r2000, serial: {path: %q}}\n",
		eyeLine, s.socket(dockID), s.serial(dockID+"/rfid"))
}

// machinesYAML is the part of a configuration that is the same on all gateways:
// whatever moves may turn up at any of them.
func (s *shift) machinesYAML() string {
	out := ""
	if s.hasBelt() {
		out += fmt.Sprintf("conveyors: [{id: %s}]\n", conveyorID)
	}
	if s.hasRobots() {
		out += fmt.Sprintf("fleet:\n  map_file: %q\n  robots:\n    - {id: %s, manufacturer: %s, serial: %s, park: park1, work: transport}\n",
			s.mapFile(), carrierRobot, robotMaker, carrierRobot)
		if b := s.badge(warehouse.WorkerRobot); b != "" {
			out += fmt.Sprintf("    - {id: %s, manufacturer: %s, serial: %s, park: park2, work: pick, badge: %s}\n", pickerRobot, robotMaker, pickerRobot, b)
		}
	}
	return out
}

// brokers are the brokers of the site, another one first for each machine: what
// is connected to a follower must work as well as what is connected to the leader.
func (s *shift) brokers(first int) []string {
	var out []string
	for i := range s.nodes {
		out = append(out, "tcp://"+s.nodes[(first+i)%len(s.nodes)].mqtt)
	}
	return out
}

// lapse is how much faster than life a machine moves; at full speed still slow
// enough that its messages, which cannot be hurried, do not come too late.
func (s *shift) lapse(most float64) float64 {
	if s.opt.Speed == 0 {
		return most
	}
	return min(s.opt.Speed, most)
}

// startMachines starts the robots and the conveyor, which find their gateways by
// MQTT.
func (s *shift) startMachines(ctx context.Context) error {
	var list []emulate.Device
	if s.hasRobots() {
		m := floorMap(s.data.Site.Layout)
		add := func(id, park string) {
			p := robot.Params{
				Brokers: s.brokers(len(list)), Manufacturer: robotMaker, Serial: id, Map: m.ID, Node: park,
				Factor: s.lapse(200), Capacity: 1, ExternalActions: true,
			}
			for _, n := range m.Nodes {
				if n.ID == park {
					p.X, p.Y = n.X, n.Y
				}
			}
			list = append(list, emulate.Device{Kind: emulate.Robot, Name: id, Robot: p})
		}
		add(carrierRobot, "park1")
		if s.badge(warehouse.WorkerRobot) != "" {
			add(pickerRobot, "park2")
		}
	}
	if s.hasBelt() {
		p := conveyor.Params{Brokers: s.brokers(len(list)), Site: siteID, ID: conveyorID, DefaultLane: s.data.Site.DefaultLane, Factor: s.lapse(10)}
		for _, l := range s.data.Site.Lanes {
			if l.ID != p.DefaultLane {
				p.Lanes = append(p.Lanes, l.ID)
			}
		}
		list = append(list, emulate.Device{Kind: emulate.Conveyor, Name: conveyorID, Conveyor: p})
	}
	if len(list) == 0 {
		return nil
	}
	names := ""
	for _, d := range list {
		names += " " + d.Name
	}
	s.ui.say("machines        %s", names)
	return s.startGroup(ctx, "machines", list)
}

// startGroup starts emulated devices in one process and connects to each.
func (s *shift) startGroup(ctx context.Context, name string, group []emulate.Device) error {
	for i := range group {
		group[i].Record = filepath.Join(s.dir, fileName(group[i].Name)+".jsonl")
		s.physics(&group[i])
	}
	spec, err := json.Marshal(map[string]any{"devices": group})
	if err != nil {
		return err
	}
	path := filepath.Join(s.dir, name+".json")
	if err := os.WriteFile(path, spec, 0o644); err != nil {
		return err
	}
	_, up, err := s.procs.startReady(ctx, "devices-"+name, len(group), "emulate", "group", "--json", path)
	if err != nil {
		return err
	}
	for _, r := range up {
		c, err := control.Dial(ctx, r.Control)
		if err != nil {
			return fmt.Errorf("emulator %s: %w", r.Name, err)
		}
		s.devices[r.Name] = c
		if r.Listen != "" {
			s.addr.printer = r.Listen
		}
	}
	return nil
}

// runMachines plays what the machines' hands do.
func (s *shift) runMachines(run func(name string, fn func(context.Context) error)) {
	for _, id := range []string{carrierRobot, pickerRobot} {
		if s.devices[id] == nil {
			continue
		}
		h := &robotHands{
			log: s.log.With("robot", id), id: id, robot: s.devices[id], world: s.world, slipIn: s.data.Extra,
			pace: pace{s.opt.Speed}, count: s.ui.count,
		}
		run("robot "+id, h.run)
	}
}

// conveyorBelt is the belt with somebody at the end of its default lane, who puts
// what arrives there on the belt again, and what comes a third time onto the cart
// to the dock.
type conveyorBelt struct {
	cv     *control.Client
	stray  string // the default lane
	labels func(sscc string) label

	mu    sync.Mutex
	times map[string]int // how often a carton came out at the default lane
}

func (b *conveyorBelt) put(ctx context.Context, barcode string) error {
	return b.cv.Induct(ctx, barcode, "")
}

func (b *conveyorBelt) take(ctx context.Context, lane string) ([]string, error) {
	cartons, err := b.cv.TakeLane(ctx, lane)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, c := range cartons {
		if lane == b.stray && b.again(c.SSCC) {
			if err := b.put(ctx, b.labels(c.SSCC).scan); err != nil {
				return nil, err
			}
			continue
		}
		out = append(out, c.SSCC)
	}
	return out, nil
}

// again says whether a carton that came out unsorted is worth another round.
func (b *conveyorBelt) again(sscc string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.times[sscc]++
	return b.times[sscc] < 3
}

// newDoor is the portal at the dock.
func (s *shift) newDoor() *door {
	io := s.devices[dockID+"/io"]
	return &door{
		reader: s.devices[dockID+"/rfid"],
		eye:    func(ctx context.Context, free bool) error { return io.Level(ctx, eyeLine, free) },
	}
}

// peakRSS is the most memory a process has had, in bytes; 0 = not known.
func peakRSS(pid int) int64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	return vmHWM(string(text))
}
