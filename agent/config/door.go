package config

import (
	"slices"
	"strconv"
	"strings"

	"tote/drivers/rfid/presence"
)

// Lists in one line of text: "1,2".

// words are the parts of a list.
func words(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' })
}

// portsOf are the ports of a list that was checked.
func portsOf(list string) []int {
	var out []int
	for _, w := range words(list) {
		n, _ := strconv.Atoi(w)
		out = append(out, n)
	}
	return out
}

// DoorPorts are the ports of the reader with antennas at this door, InnerPorts and
// OuterPorts those of them on each side. None are all.
func (r RFID) DoorPorts() []int { return portsOf(r.Door) }

// InnerPorts are those on the side of the warehouse.
func (r RFID) InnerPorts() []int { return portsOf(r.Inner) }

// OuterPorts are those on the side of the yard.
func (r RFID) OuterPorts() []int { return portsOf(r.Outer) }

// Neighbours are the docks next door.
func (r RFID) Neighbours() []string { return words(r.Beside) }

// Filter is which tags count. The error is of a pattern that is none.
func (r RFID) Filter() (*presence.Filter, error) {
	return presence.NewFilter(words(r.Only), words(r.Except))
}

// patterns checks patterns of tags.
func (k *checker) patterns(path, list string) {
	for _, w := range words(list) {
		if why := presence.CheckPattern(w); why != "" {
			k.add(CodeValue, path, "%s: %s", quote(w), why)
		}
	}
}

// ports checks a list of ports that a reader has.
func (k *checker) ports(path, list string, have []int) []int {
	var out []int
	for _, w := range words(list) {
		n, err := strconv.Atoi(w)
		switch {
		case err != nil || !slices.Contains(have, n):
			k.add(CodeValue, path, "%s: want ports of the reader's antennas, 1 to %d", quote(w), len(have))
		case slices.Contains(out, n):
			k.add(CodeTwice, path, "port %d is here twice", n)
		default:
			out = append(out, n)
		}
	}
	return out
}

// door checks how the portal of a dock stands to its reader and its neighbours.
func (k *checker) door(path string, docks []Dock, d Dock) {
	r, path := *d.RFID, path+".rfid"
	reader := r
	other := func(id string) *RFID {
		i := slices.IndexFunc(docks, func(o Dock) bool { return o.ID == id && o.ID != d.ID })
		if i < 0 {
			return nil
		}
		return docks[i].RFID
	}
	if r.ReaderOf != "" {
		o := other(r.ReaderOf)
		switch {
		case o == nil || o.ReaderOf != "":
			k.add(CodeValue, path+".reader_of", "%s: want another dock with an RFID reader of its own", quote(r.ReaderOf))
			return
		case r.Driver != "" || r.Serial != nil || r.TCP != "":
			k.add(CodeValue, path+".reader_of", "the reader is that of %s: leave driver, serial and tcp out", r.ReaderOf)
		case r.Door == "":
			k.missing(path + ".door_ports")
		case o.Door == "":
			k.add(CodeValue, path+".reader_of", "dock %s must name its door_ports, too", r.ReaderOf)
		}
		reader = *o
	}
	have := reader.Ports()
	at := k.ports(path+".door_ports", r.Door, have)
	if len(at) == 0 {
		at = have
	}
	inner, outer := k.ports(path+".inner_ports", r.Inner, at), k.ports(path+".outer_ports", r.Outer, at)
	if (len(inner) == 0) != (len(outer) == 0) {
		k.add(CodeValue, path+".inner_ports", "inner_ports and outer_ports: both or none")
	}
	if i := slices.IndexFunc(inner, func(n int) bool { return slices.Contains(outer, n) }); i >= 0 {
		k.add(CodeTwice, path+".outer_ports", "port %d is an inner one, too", inner[i])
	}
	for _, id := range r.Neighbours() {
		if other(id) == nil {
			k.add(CodeValue, path+".beside", "%s: want another dock of this gateway with rfid", quote(id))
		}
	}
	if r.Receive && len(inner) == 0 && (d.PhotoEye == nil || d.PhotoEye.OuterLine == "") {
		k.add(CodeValue, path+".receive", "nothing tells what comes in from what goes out: set inner_ports and outer_ports, or a photo-eye with outer_line")
	}
	for _, o := range docks {
		if o.RFID == nil || o.ID <= d.ID || readerOf(o) != readerOf(d) {
			continue
		}
		for _, n := range portsOf(o.RFID.Door) {
			if slices.Contains(at, n) {
				k.add(CodeTwice, path+".door_ports", "port %d is at dock %s, too", n, o.ID)
			}
		}
	}
}

// readerOf is the dock whose reader a dock has.
func readerOf(d Dock) string {
	if d.RFID.ReaderOf != "" {
		return d.RFID.ReaderOf
	}
	return d.ID
}
