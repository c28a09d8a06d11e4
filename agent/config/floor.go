package config

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"tote/drivers/all"
)

// Cluster is how the gateways of a site reach each other.
type Cluster struct {
	Listen    string    `yaml:"listen" needed:"no" doc:"host:port where the other gateways of the site reach this one. Mutual TLS with certificates of the site, so it need not be loopback. Left out on a satellite, which nobody calls." form:"address" example:"192.0.2.11:7070"`
	Advertise string    `yaml:"advertise,omitempty" doc:"host:port told to the others, when it differs from listen." form:"address" example:"gw1.site.lan:7070"`
	Gateways  []Gateway `yaml:"gateways,omitempty" doc:"Gateways a satellite asks first. It also knows those it was told of when it joined and since, so this is needed only when all of their addresses have changed."`
}

// Gateway is where one with a store is reached.
type Gateway struct {
	Address string `yaml:"address" doc:"id@host:port, with the host:port of its cluster.listen." form:"peer" example:"gw2@192.0.2.12:7070"`
}

// GPIO names the lines of this machine or of an emulator.
type GPIO struct {
	Emulated string `yaml:"emulated,omitempty" doc:"Unix socket of emulated lines; left out: the lines of this machine." form:"absolute" example:"/run/tote/gpio"`
}

// Tower is a light tower.
type Tower struct {
	Green     string `yaml:"green" doc:"GPIO line of the green lamp: work goes on." example:"GPIO17"`
	Amber     string `yaml:"amber" doc:"GPIO line of the amber lamp: a person must do something." example:"GPIO27"`
	Red       string `yaml:"red" doc:"GPIO line of the red lamp: nothing can be recorded." example:"GPIO22"`
	ActiveLow bool   `yaml:"active_low,omitempty" doc:"A lamp is lit by a low level." default:"false"`
	GPIO      GPIO   `yaml:"gpio,omitempty" doc:"Where the lines are."`
}

// PhotoEye sees whether something stands in the door.
type PhotoEye struct {
	Line       string `yaml:"line,omitempty" doc:"GPIO line of the photo-eye. Either this or reader_gpi." example:"GPIO23"`
	ReaderGPI  int    `yaml:"reader_gpi,omitempty" doc:"Input of the dock's RFID reader that the photo-eye is wired to, from 1, for readers of driver llrp. The reader has pulls of its own; pull and gpio are not used. Either this or line." min:"1" max:"64" none:"0" default:"0"`
	OuterLine  string `yaml:"outer_line,omitempty" doc:"GPIO line of a second photo-eye on the side of the yard, wired like the first, which is then the one on the side of the warehouse: their order tells in from out. Put them nearer to each other than a carton is long." example:"GPIO26"`
	ActiveLow  bool   `yaml:"active_low,omitempty" doc:"Low means that something stands in the beam. Recommended, with a sensor that drives the line high while the beam is free (PNP, light-on): a line that cannot be read then looks like a carton, never like none. Without it the sensor must pull the line low while the beam is free (NPN, light-on)." default:"false"`
	Pull       string `yaml:"pull,omitempty" doc:"What holds the line when its wire is cut: auto (at the level of a carton, so that a cut wire looks like one), up, down, or none for a board with a resistor of its own. A sensor that drives the line only while something stands there needs up (with active_low) or down (without): a cut wire then looks like no carton, and the portal must be tried by hand each day." enum:"auto,up,down,none" default:"auto"`
	DebounceMs int    `yaml:"debounce_ms,omitempty" doc:"The level must hold this long, in milliseconds, 1 to 1000." min:"1" max:"1000" default:"10"`
	GPIO       GPIO   `yaml:"gpio,omitempty" doc:"Where the line is."`
}

// What Button.Does may be.
const (
	DoesReprint    = "reprint"
	DoesNextCarton = "next_carton"
	DoesDepart     = "depart"
)

// Button is a push button.
type Button struct {
	Does       string `yaml:"does" doc:"At a station reprint (one more copy of a label that did not come out) or next_carton (the pieces of the carton in hand are scanned); at a dock depart (everything loaded is handed to the carrier)." example:"reprint"`
	Line       string `yaml:"line" doc:"GPIO line of the button." example:"GPIO5"`
	ActiveHigh bool   `yaml:"active_high,omitempty" doc:"High means pressed. Left out, low does: a button between line and ground." default:"false"`
	GPIO       GPIO   `yaml:"gpio,omitempty" doc:"Where the line is."`
}

// Buzzer is a buzzer.
type Buzzer struct {
	Line      string `yaml:"line" doc:"GPIO line of the buzzer." example:"GPIO6"`
	ActiveLow bool   `yaml:"active_low,omitempty" doc:"Low is loud." default:"false"`
	GPIO      GPIO   `yaml:"gpio,omitempty" doc:"Where the line is."`
}

// EStop is an emergency stop that is observed.
type EStop struct {
	ID    string `yaml:"id" doc:"Id of the emergency stop." form:"id" example:"hall1"`
	Line  string `yaml:"line" doc:"GPIO line that is high while all is well, through a contact that opens: pressed, a cut wire and a line that cannot be read look the same." example:"GPIO24"`
	Reset string `yaml:"reset" doc:"GPIO line of the button with which a person says that the danger is over; low means pressed." example:"GPIO25"`
	GPIO  GPIO   `yaml:"gpio,omitempty" doc:"Where the lines are."`
}

// ReaderMQTT is how a reader speaks at the broker of this gateway.
type ReaderMQTT struct {
	ClientID string `yaml:"client_id" doc:"Client id the reader connects with, 1 to 64 of A-Z a-z 0-9 _ . -; also its user name where mqtt has a tokens_file." form:"id" example:"RD1"`
	Events   string `yaml:"events" doc:"Topics the reader publishes on, with spaces between: tags, management events, answers to commands." example:"dock1/rd1/tevents dock1/rd1/mevents dock1/rd1/cresp"`
	Commands string `yaml:"commands" doc:"Topic the reader takes control commands from." example:"dock1/rd1/ccmds"`
}

// RFID is the reader of a dock portal.
type RFID struct {
	Driver   string      `yaml:"driver,omitempty" doc:"Its driver, required but with reader_of; of the table in docs/devices.md." kind:"rfid" example:"r2000"`
	Serial   *Serial     `yaml:"serial,omitempty" doc:"Where it is plugged in; most of these readers speak at 115200 baud, uhf18 at 57600. Either this or tcp."`
	TCP      string      `yaml:"tcp,omitempty" doc:"host:port of a reader in the network. Either this or serial." form:"address" example:"192.0.2.30:5084"`
	MQTT     *ReaderMQTT `yaml:"mqtt,omitempty" doc:"Of a reader that speaks MQTT (ziotc, ziotc-sled): its place at the broker of this gateway; then neither serial nor tcp." example:"{client_id: RD1, events: dock1/rd1/tevents dock1/rd1/cresp, commands: dock1/rd1/ccmds}"`
	Version  string      `yaml:"version,omitempty" doc:"Version of LLRP that a reader of driver llrp is spoken to in, 1.0.1 or 1.1. Each of them knows 1.0.1." default:"1.0.1"`
	Antennas int         `yaml:"antennas,omitempty" doc:"How many antennas are connected, from port 1 on, 1 to as many as readers of the family have; 0 is 4, or the one of a family with one." default:"0"`
	PowerDBm int         `yaml:"power_dbm,omitempty" doc:"Transmit power, 0 to 33; 0 leaves what the reader has. Mind what your country allows." min:"0" max:"33" default:"0"`
	ReaderOf string      `yaml:"reader_of,omitempty" doc:"Dock of this gateway whose reader has antennas at this door too. Then driver, serial, tcp, antennas and power_dbm are those of that dock, and both docks name their door_ports." example:"dock2"`
	Door     string      `yaml:"door_ports,omitempty" doc:"Ports of the antennas at this door, as 1,2; left out: all of the reader." example:"1,2,3,4"`
	Inner    string      `yaml:"inner_ports,omitempty" doc:"Ports on the side of the warehouse. With outer_ports they tell in from out, and what stands beside the door from what goes through." example:"1,2"`
	Outer    string      `yaml:"outer_ports,omitempty" doc:"Ports on the side of the yard." example:"3,4"`
	Beside   string      `yaml:"beside,omitempty" doc:"Docks of this gateway next door, as dock2,dock3: a tag that is heard better there does not pass here. Docks of other gateways need not be named." example:"dock2"`
	Only     string      `yaml:"only_tags,omitempty" doc:"Patterns of the tags that count; left out: all. A pattern is gs1, a scheme (sgtin, sscc, grai …), either with a company prefix (gs1:9521234), hex:E280 for what begins so, raw for what is no EPC, afi for tags that say they are not of GS1." example:"gs1:9521234,sscc"`
	Except   string      `yaml:"except_tags,omitempty" doc:"Patterns of tags that never count, as those of the laundry, forklifts, or labels that were not encoded." example:"hex:E2,afi"`
	Receive  bool        `yaml:"receive,omitempty" doc:"What comes in with an SSCC tag that an open delivery announces is received at once, whole or not at all; one that two deliveries announce, or of which something cannot come in, is received by hand. Needs something that tells the direction: inner_ports and outer_ports, or a photo-eye with outer_line." default:"false"`
	LookMs   int         `yaml:"look_ms,omitempty" doc:"How long before and after the door is covered a tag is looked for to see whether it stands there, in milliseconds, 1000 to 10000. Longer for pallets slower than 0.3 m/s; a pass is told so much later." min:"1000" max:"10000" default:"2500"`
	MergeMs  int         `yaml:"merge_ms,omitempty" doc:"The door free for less than this is the same pass, in milliseconds, 1 to 2000." min:"1" max:"2000" default:"200"`
	DwellMs  int         `yaml:"dwell_ms,omitempty" doc:"Without a photo-eye: a tag that stays longer is parked, in milliseconds, 1001 to 600000." min:"1001" max:"600000" default:"10000"`
	Region   string      `yaml:"region,omitempty" doc:"Whose rules the reader must send by: us, eu, in, jp, cn, kr, au or nz, for readers of driver thingmagic, which forget it; keep leaves what the reader has, as all others do." default:"keep"`
	MinReads int         `yaml:"min_reads,omitempty" doc:"A tag counts as passed after so many reads in one window, 1 to 100." min:"1" max:"100" default:"3"`
	MinRSSI  int         `yaml:"min_rssi_dbm,omitempty" doc:"Weaker reads do not count, -90 to -20." min:"-90" max:"-20" default:"-65"`
}

// Fleet is the robots of the site.
type Fleet struct {
	MapFile string  `yaml:"map_file" doc:"JSON file of the map: nodes {id, x, y} and edges {from, to, oneWay} in millimetres." form:"absolute" file:"plain" example:"/etc/tote/map.json"`
	Robots  []Robot `yaml:"robots" doc:"The robots; they speak VDA 5050 over MQTT."`
}

// Robot is one robot.
type Robot struct {
	ID           string `yaml:"id" doc:"Id of the robot in the site." form:"id" example:"R1"`
	Manufacturer string `yaml:"manufacturer" doc:"As the robot names its maker in its topics." form:"id" example:"KIT"`
	Serial       string `yaml:"serial" doc:"As the robot names itself in its topics." form:"id" example:"0001"`
	Version      string `yaml:"version,omitempty" doc:"Version of VDA 5050 the robot speaks." default:"2.0.0"`
	Park         string `yaml:"park" doc:"Node of the map where it waits; its own." example:"park1"`
	Work         string `yaml:"work" doc:"What it does, transport (carries totes from the pack drop to the pack stations) or pick (picks, under the rules of a person; the resultDescription of each pick must say what it took, as picked=3 tote=T-001 lot=L1, and picked=0 when the bin is empty)." enum:"transport,pick" example:"transport"`
	Badge        string `yaml:"badge,omitempty" doc:"Badge by which a picking robot signs in; its worker must be of kind robot." example:"ROBOT-1"`
}

// Conveyor is a conveyor or sorter that speaks MQTT.
type Conveyor struct {
	ID string `yaml:"id" doc:"Id of the conveyor; its client id is conveyor:<id>." form:"id" example:"cv1"`
}

// Light is a pick-to-light controller that speaks MQTT: lamps with a display and
// a button on a bus of its own.
type Light struct {
	ID      string        `yaml:"id" doc:"Id of the controller; its client id is light:<id>." form:"id" example:"pl1"`
	Modules []LightModule `yaml:"modules" doc:"Which of its modules hangs at which bin, at least one."`
}

// LightModule is one lamp with its button.
type LightModule struct {
	Module string `yaml:"module" doc:"Address of the module on the bus of its controller, 1 to 64 of A-Z a-z 0-9 _ . -, once per controller." form:"id" example:"0107"`
	Bin    string `yaml:"bin" doc:"Bin it hangs at, as its barcode says; a bin has one module." example:"A-01-02"`
}

// Bins are the bins of the modules.
func (l Light) Bins() map[string]string {
	bins := make(map[string]string, len(l.Modules))
	for _, m := range l.Modules {
		bins[m.Module] = m.Bin
	}
	return bins
}

func (k *checker) light(path string, l Light) {
	k.place(path, l.ID)
	if len(l.Modules) == 0 {
		k.missing(path + ".modules")
	}
	seen := map[string]string{}
	for i, m := range l.Modules {
		p := path + ".modules[" + strconv.Itoa(i) + "]"
		if k.id(p+".module", m.Module) {
			if other, dup := seen[m.Module]; dup {
				k.add(CodeTwice, p+".module", "%s is that of %s too", quote(m.Module), other)
			}
			seen[m.Module] = p
		}
		switch {
		case m.Bin == "":
			k.missing(p + ".bin")
		case len(m.Bin) > 256 || strings.ContainsFunc(m.Bin, unicode.IsControl):
			k.add(CodeValue, p+".bin", "%s: want at most 256 bytes without control characters", quote(m.Bin))
		default:
			k.port(p+".bin", "the bin "+m.Bin)
		}
	}
}

func (k *checker) cluster(c Cluster, satellite bool) {
	for i, g := range c.Gateways {
		p := "cluster.gateways[" + strconv.Itoa(i) + "].address"
		id, at, ok := strings.Cut(g.Address, "@")
		switch {
		case g.Address == "":
			k.missing(p)
		case !ok:
			k.add(CodeValue, p, "%s: want id@host:port", quote(g.Address))
		case k.id(p, id):
			k.address(p, at, false)
		}
	}
	if satellite {
		for _, key := range []struct{ path, v string }{{"cluster.listen", c.Listen}, {"cluster.advertise", c.Advertise}} {
			if key.v != "" {
				k.add(CodeValue, key.path, "a satellite is not called by others; leave it out")
			}
		}
		return
	}
	if k.address("cluster.listen", c.Listen, true) {
		k.bind("cluster.listen", c.Listen)
	}
	if c.Advertise != "" {
		k.address("cluster.advertise", c.Advertise, false)
	}
}

func (k *checker) tower(path string, t Tower) {
	for _, lamp := range []struct{ key, line string }{{".green", t.Green}, {".amber", t.Amber}, {".red", t.Red}} {
		if lamp.line == "" {
			k.missing(path + lamp.key)
			continue
		}
		k.line(path+lamp.key, t.GPIO, lamp.line)
	}
	k.gpio(path, t.GPIO)
}

func (k *checker) photoEye(path string, e PhotoEye, r *RFID) {
	switch {
	case e.ReaderGPI != 0:
		k.readerGPI(path, e, r)
	case e.Line == "":
		k.missing(path + ".line")
	default:
		k.line(path+".line", e.GPIO, e.Line)
	}
	if e.OuterLine != "" {
		k.line(path+".outer_line", e.GPIO, e.OuterLine)
	}
	k.gpio(path, e.GPIO)
}

// readerGPI checks an eye that is wired to the reader of its dock.
func (k *checker) readerGPI(path string, e PhotoEye, r *RFID) {
	if e.Line != "" || e.GPIO.Emulated != "" {
		k.add(CodeValue, path, "either line or reader_gpi, not both")
	}
	if r == nil {
		k.add(CodeValue, path+".reader_gpi", "this dock has no RFID reader")
	} else if d, known := all.Find(r.Driver); known && !d.Wired {
		k.add(CodeValue, path+".reader_gpi", "readers of driver %s have no inputs", r.Driver)
	}
}

func (k *checker) gpio(path string, g GPIO) {
	if g.Emulated != "" {
		k.absolute(path+".gpio.emulated", g.Emulated)
	}
}

// buttons checks the buttons of a place.
func (k *checker) buttons(path string, bs []Button, allowed ...string) {
	for i, b := range bs {
		p := path + ".buttons[" + strconv.Itoa(i) + "]"
		k.oneOf(p+".does", b.Does, allowed...)
		k.output(p, b.Line, b.GPIO)
	}
}

// output checks the one line of a device.
func (k *checker) output(path, line string, g GPIO) {
	if line == "" {
		k.missing(path + ".line")
	} else {
		k.line(path+".line", g, line)
	}
	k.gpio(path, g)
}

// estop checks an emergency stop.
func (k *checker) estop(path string, e EStop) {
	if k.id(path+".id", e.ID) {
		k.port(path+".id", "emergency stop "+e.ID)
	}
	k.output(path, e.Line, e.GPIO)
	if e.Reset == "" {
		k.missing(path + ".reset")
	} else {
		k.line(path+".reset", e.GPIO, e.Reset)
	}
}

// line notes a GPIO line, which serves one thing only.
func (k *checker) line(path string, g GPIO, name string) {
	k.portAs(path, "gpio:"+g.Emulated+":"+name, "line "+name)
}

// reader checks the reader itself, of the dock that has it.
func (k *checker) reader(path string, r RFID) {
	k.driver(path+".driver", r.Driver, all.Names(all.RFID)...)
	switch d, _ := all.Find(r.Driver); {
	case d.MQTT:
		k.readerMQTT(path, r)
	case r.MQTT != nil:
		k.add(CodeValue, path+".mqtt", "only for readers that speak MQTT")
	default:
		k.portOf(path, r.Serial, r.TCP)
	}
	if d, known := all.Find(r.Driver); known {
		if !d.MQTT && len(d.Lines) == 0 && r.Serial != nil {
			k.add(CodeValue, path+".serial", "readers of driver %s are in the network: give tcp", r.Driver)
		}
		// The default goes with every driver; those with one version do not look at it.
		if r.Version != "1.0.1" && !slices.Contains(d.Versions, r.Version) {
			k.add(CodeValue, path+".version", "%s: driver %s speaks %s", quote(r.Version), r.Driver, cmp.Or(strings.Join(d.Versions, ", "), "one version only; leave it out"))
		}
	}
	k.within(path+".antennas", r.Antennas, 0, maxAntennas(r.Driver))
	k.region(path+".region", r)
}

func (k *checker) rfid(path string, r RFID) {
	k.patterns(path+".only_tags", r.Only)
	k.patterns(path+".except_tags", r.Except)
	if r.ReaderOf == "" {
		k.reader(path, r)
	}
}

// region checks that the reader takes a region, and this one.
func (k *checker) region(path string, r RFID) {
	d, ok := all.Find(r.Driver)
	switch {
	case r.Rules() == "" || !ok:
	case len(d.Regions) == 0:
		k.add(CodeValue, path, "readers of driver %s keep their own region; leave it out", r.Driver)
	default:
		k.oneOf(path, r.Region, d.Regions...)
	}
}

// Rules is the region the reader is set to, "" for the one it has.
func (r RFID) Rules() string {
	if r.Region == "keep" {
		return ""
	}
	return r.Region
}

// maxAntennas is how many antennas a reader with this driver can have.
func maxAntennas(driver string) int {
	if d, ok := all.Find(driver); ok && d.Antennas > 0 {
		return d.Antennas
	}
	return 8
}

// usualAntennas is how many a dock has when nothing is said.
const usualAntennas = 4

// Ports are the ports of the reader that antennas are connected to.
func (r RFID) Ports() []int {
	n := r.Antennas
	if n == 0 {
		n = min(usualAntennas, maxAntennas(r.Driver))
	}
	ports := make([]int, n)
	for i := range ports {
		ports[i] = i + 1
	}
	return ports
}

// readerMQTT checks where a reader speaks at the broker.
func (k *checker) readerMQTT(path string, r RFID) {
	if r.Serial != nil || r.TCP != "" {
		k.add(CodeValue, path, "a reader with the driver %s speaks MQTT: neither serial nor tcp", r.Driver)
	}
	if r.PowerDBm != 0 {
		k.add(CodeValue, path+".power_dbm", "it is set in the operating mode of the reader")
	}
	if r.MQTT == nil {
		k.missing(path + ".mqtt")
		return
	}
	if p := path + ".mqtt.client_id"; k.id(p, r.MQTT.ClientID) {
		k.port(p, "MQTT client "+r.MQTT.ClientID)
	}
	for _, t := range []struct{ key, topics string }{{"events", r.MQTT.Events}, {"commands", r.MQTT.Commands}} {
		list := strings.Fields(t.topics)
		p := path + ".mqtt." + t.key
		if len(list) == 0 {
			k.missing(p)
		}
		if t.key == "commands" && len(list) > 1 {
			k.add(CodeValue, p, "one topic")
		}
		for _, topic := range list {
			if len(topic) > 200 || strings.ContainsAny(topic, "#+") || strings.HasPrefix(topic, "tote/") || topic[0] == '$' || topic[0] == '/' {
				k.add(CodeValue, p, "%s: want a topic without wildcards, not below tote/", quote(topic))
				continue
			}
			k.port(p, "topic "+topic)
		}
	}
}

func (k *checker) fleet(f Fleet) {
	k.absolute("fleet.map_file", f.MapFile)
	if len(f.Robots) == 0 {
		k.missing("fleet.robots")
	}
	ids, serials := map[string]string{}, map[string]string{}
	for i, r := range f.Robots {
		p := "fleet.robots[" + strconv.Itoa(i) + "]"
		once := func(seen map[string]string, path, v string) {
			if other, dup := seen[v]; dup {
				k.add(CodeTwice, path, "%s is that of %s too", quote(v), other)
			}
			seen[v] = p
		}
		if k.id(p+".id", r.ID) {
			once(ids, p+".id", r.ID)
		}
		k.id(p+".manufacturer", r.Manufacturer)
		if k.id(p+".serial", r.Serial) {
			once(serials, p+".serial", r.Manufacturer+"/"+r.Serial)
		}
		if r.Park == "" {
			k.missing(p + ".park")
		}
		if r.Work == "pick" && r.Badge == "" {
			k.missing(p + ".badge")
		}
	}
}
