package config

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"tote/drivers/rfid/presence"
)

// Places are RFID readers that watch where tags are.
type Places struct {
	Readers []PlaceReader `yaml:"readers" doc:"The readers, at least one. Two may watch the same place, and what goes from one to the other has moved."`
	Only    string        `yaml:"only_tags,omitempty" doc:"Patterns of the tags that count, as docks[].rfid.only_tags; left out: all. Tags of nothing that is known here are refused each time they arrive: leave them out." example:"gs1:9521234,sscc"`
	Except  string        `yaml:"except_tags,omitempty" doc:"Patterns of tags that never count." example:"afi"`
	GoneS   int           `yaml:"gone_s,omitempty" doc:"Not read anywhere for so long, in seconds, 10 to 3600: it has gone. Longer where goods stand in front of each other." min:"10" max:"3600" default:"60"`
	MinRSSI int           `yaml:"min_rssi_dbm,omitempty" doc:"Weaker than this on average, a tag has not arrived at a place, -90 to -20." min:"-90" max:"-20" default:"-70"`
}

// PlaceReader is one reader that watches places.
type PlaceReader struct {
	ID       string      `yaml:"id" doc:"Id of the reader, unique among stations, docks and conveyors." form:"id" example:"shelf1"`
	Driver   string      `yaml:"driver" doc:"Its driver, of the table in docs/devices.md." kind:"rfid" example:"llrp"`
	Serial   *Serial     `yaml:"serial,omitempty" doc:"Where it is plugged in, as docks[].rfid.serial. Either this or tcp."`
	TCP      string      `yaml:"tcp,omitempty" doc:"host:port of a reader in the network. Either this or serial." form:"address" example:"192.0.2.31:5084"`
	MQTT     *ReaderMQTT `yaml:"mqtt,omitempty" doc:"Of a reader that speaks MQTT: its place at the broker of this gateway; then neither serial nor tcp." example:"{client_id: RD2, events: shelf1/rd2/tevents shelf1/rd2/cresp, commands: shelf1/rd2/ccmds}"`
	Version  string      `yaml:"version,omitempty" doc:"As docks[].rfid.version." default:"1.0.1"`
	Antennas int         `yaml:"antennas,omitempty" doc:"How many antennas are connected, from port 1 on; 0 is 4, or the one of a family with one." default:"0"`
	PowerDBm int         `yaml:"power_dbm,omitempty" doc:"Transmit power, 0 to 33; 0 leaves what the reader has." min:"0" max:"33" default:"0"`
	Region   string      `yaml:"region,omitempty" doc:"As docks[].rfid.region." default:"keep"`
	Places   []PlacePort `yaml:"places" doc:"What its antennas watch, at least one. Reads of a port that is named nowhere place nothing."`
}

// PlacePort is what some antennas of a reader watch.
type PlacePort struct {
	At    string `yaml:"at" doc:"Code of a bin, a zone of bins, or another name people know, without spaces." example:"A-01"`
	Ports string `yaml:"ports,omitempty" doc:"Ports of the antennas that look there, as 1,2; left out: all of the reader." example:"1,2"`
}

// RFID is the reader alone, as a dock has it.
func (r PlaceReader) RFID() RFID {
	return RFID{
		Driver: r.Driver, Serial: r.Serial, TCP: r.TCP, MQTT: r.MQTT, Version: r.Version,
		Antennas: r.Antennas, PowerDBm: r.PowerDBm, Region: r.Region,
	}
}

// Device is its name on screens.
func (r PlaceReader) Device() string { return r.ID + "/rfid" }

// placeReaders are the readers that watch places.
func (c *Config) placeReaders() []PlaceReader {
	if c.Places == nil {
		return nil
	}
	return c.Places.Readers
}

// ReadersMQTT are the RFID readers that connect to the broker of this gateway.
func (c *Config) ReadersMQTT() []ReaderMQTT {
	var out []ReaderMQTT
	for _, d := range c.Docks {
		if d.RFID != nil && d.RFID.MQTT != nil {
			out = append(out, *d.RFID.MQTT)
		}
	}
	for _, r := range c.placeReaders() {
		if r.MQTT != nil {
			out = append(out, *r.MQTT)
		}
	}
	return out
}

// ports are those of a place: all of the reader when none are named.
func (r PlaceReader) ports(p PlacePort) []int {
	if list := portsOf(p.Ports); len(list) > 0 {
		return list
	}
	return r.RFID().Ports()
}

// Engine is what follows the tags: each place with the antennas of all readers that
// watch it. The error is of a pattern that is none.
func (p Places) Engine() (presence.EngineConfig, error) {
	filter, err := presence.NewFilter(words(p.Only), words(p.Except))
	if err != nil {
		return presence.EngineConfig{}, err
	}
	c := presence.EngineConfig{Filter: filter, MinRSSI: p.MinRSSI, Gone: time.Duration(p.GoneS) * time.Second}
	for _, r := range p.Readers {
		for _, place := range r.Places {
			i := slices.IndexFunc(c.Locations, func(l presence.Location) bool { return l.Name == place.At })
			if i < 0 {
				i, c.Locations = len(c.Locations), append(c.Locations, presence.Location{Name: place.At})
			}
			l := &c.Locations[i]
			for _, port := range r.ports(place) {
				l.Sources = append(l.Sources, presence.Source{Reader: r.Device(), Antenna: port})
			}
			if len(r.Places) == 1 && len(words(place.Ports)) == 0 {
				// Reads that do not tell their antenna, too.
				l.Sources = append(l.Sources, presence.Source{Reader: r.Device()})
			}
		}
	}
	return c, nil
}

// places checks the readers that watch places.
func (k *checker) places(p Places) {
	const path = "rfid_places"
	if len(p.Readers) == 0 {
		k.missing(path + ".readers")
	}
	k.patterns(path+".only_tags", p.Only)
	k.patterns(path+".except_tags", p.Except)
	for i, r := range p.Readers {
		at := path + ".readers[" + strconv.Itoa(i) + "]"
		k.place(at, r.ID)
		k.reader(at, r.RFID())
		if len(r.Places) == 0 {
			k.missing(at + ".places")
		}
		taken := map[int]string{}
		for j, place := range r.Places {
			at := at + ".places[" + strconv.Itoa(j) + "]"
			switch {
			case place.At == "":
				k.missing(at + ".at")
			case len(place.At) > 64 || strings.ContainsFunc(place.At, func(c rune) bool { return c <= ' ' || c > '~' || c == '/' }):
				k.add(CodeValue, at+".at", "%s: want a bin, a zone or a name: up to 64 printable ASCII characters without spaces and /", quote(place.At))
			}
			if len(words(place.Ports)) > 0 && len(k.ports(at+".ports", place.Ports, r.RFID().Ports())) == 0 {
				continue
			}
			for _, port := range r.ports(place) {
				if other, twice := taken[port]; twice {
					k.add(CodeTwice, at+".ports", "port %d looks at %s, too", port, other)
				}
				taken[port] = place.At
			}
		}
	}
}
