package config_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDevices(t *testing.T) {
	cfg, err := parse("f", []byte(good+`stations:
  - id: p1
    scanner: {serial: {path: /dev/a}}
    scale: {driver: hid, hid: {usb: "0922:8003"}}
    printer: {driver: zpl, tcp: "192.0.2.1:9100"}
  - id: p2
    scanner: {driver: wedge, input: {path: /dev/input/by-id/k}}
    scale: {driver: mt-sics, serial: {usb: "0403:6001", serial_number: A1}}
    slips: {driver: escpos, tcp: "192.0.2.2:9100"}
docks:
  - id: d1
    scanner: {serial: {path: /dev/b}}
    rfid: {driver: ziotc, mqtt: {client_id: RD1, events: a, commands: b}, door_ports: 1}
  - id: d2
    rfid: {reader_of: d1, door_ports: 2}
sensors:
  - {id: s1, driver: xy-md02, serial: {path: /dev/c}}
`))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, d := range cfg.Devices() {
		got = append(got, fmt.Sprintf("%s %s %s", d.Name, d.Driver, d.Where()))
	}
	want := []string{
		"p1/scanner serial-scanner /dev/a", "p1/scale hid " + hidName(got), "p1/printer zpl 192.0.2.1:9100", "p2/scanner wedge /dev/input/by-id/k", "p2/scale mt-sics usb:0403:6001:A1", "p2/slips escpos 192.0.2.2:9100",
		"d1/scanner serial-scanner /dev/b", "d1/rfid ziotc by topics of the broker", "s1/sensor xy-md02 /dev/c",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// hidName is what package hid calls the scale; it holds the identity.
func hidName(got []string) string {
	for _, g := range got {
		if name, ok := strings.CutPrefix(g, "p1/scale hid "); ok && strings.Contains(name, "0922:8003") {
			return name
		}
	}
	return "?"
}
