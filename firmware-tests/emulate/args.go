package emulate

import (
	"encoding/json"
	"fmt"
	"os"

	"tote/firmware-tests/conveyor"
	"tote/firmware-tests/gpio"
	"tote/firmware-tests/light"
	"tote/firmware-tests/printer"
	"tote/firmware-tests/rfid"
	"tote/firmware-tests/rfid/llrp"
	"tote/firmware-tests/robot"
	"tote/firmware-tests/scale"
	"tote/firmware-tests/scanner"
	"tote/firmware-tests/sensor"
	"tote/firmware-tests/ziotc"
)

// The types below are the command line of `tote emulate`, for a parser that
// reads kong's struct tags. Each makes the Devices it describes.

// Common are the flags of every device.
type Common struct {
	Name    string `help:"Name in the record and in the ready line (default: the kind)."`
	Link    string `help:"Stable path of the device, a symlink to its pty."`
	Control string `default:"127.0.0.1:0" help:"Control API: loopback host:port, or unix:/path."`
	Record  string `help:"File that gets each thing that physically happens, as JSON lines."`
	JSON    bool   `name:"json" help:"Ready lines as JSON."`
}

// ScaleArgs are the flags of `tote emulate scale`.
type ScaleArgs struct {
	Common       `embed:""`
	At           string `help:"Protocol hid: a named pipe at this path in the place of a hidraw node, or kernel: a HID device of the kernel's own (root, uhid)."`
	scale.Params `embed:""`
}

// PrinterArgs are the flags of `tote emulate printer`.
type PrinterArgs struct {
	Common         `embed:""`
	Listen         string `help:"TCP address, as port 9100 of a real printer: host:port."`
	printer.Params `embed:""`
}

// ScannerArgs are the flags of `tote emulate scanner`.
type ScannerArgs struct {
	Common         `embed:""`
	scanner.Params `embed:""`
}

// WedgeArgs are the flags of `tote emulate wedge`.
type WedgeArgs struct {
	Name    string `help:"Name in the record and in the ready line (default: the kind)."`
	At      string `required:"" help:"A named pipe at this path in the place of an input device, or kernel: a keyboard of the kernel's own (root, uinput)."`
	Control string `default:"127.0.0.1:0" help:"Control API: loopback host:port, or unix:/path."`
	Record  string `help:"File that gets each thing that physically happens, as JSON lines."`
	JSON    bool   `name:"json" help:"Ready lines as JSON."`
	GS      string `name:"gs" default:"ctrl" enum:"ctrl,f8" help:"How GS is typed: ctrl (Ctrl and ]) or f8."`
	GapMs   int64  `default:"3" help:"Milliseconds between two keys."`
}

// RFIDArgs are the flags of `tote emulate rfid`.
type RFIDArgs struct {
	Common      `embed:""`
	rfid.Params `embed:""`
}

// LLRPArgs are the flags of `tote emulate llrp`.
type LLRPArgs struct {
	Name        string `help:"Name in the record and in the ready line (default: the kind)."`
	Listen      string `default:"127.0.0.1:0" help:"TCP address, as port 5084 of a real reader: host:port."`
	Control     string `default:"127.0.0.1:0" help:"Control API: loopback host:port, or unix:/path."`
	Record      string `help:"File that gets each thing that physically happens, as JSON lines."`
	JSON        bool   `name:"json" help:"Ready lines as JSON."`
	llrp.Params `embed:""`
}

// SensorArgs are the flags of `tote emulate sensor`.
type SensorArgs struct {
	Common        `embed:""`
	sensor.Params `embed:""`
}

// RobotArgs are the flags of `tote emulate robot`.
type RobotArgs struct {
	Name         string `help:"Name in the record and in the ready line (default: the kind)."`
	Control      string `default:"127.0.0.1:0" help:"Control API: loopback host:port, or unix:/path."`
	Record       string `help:"File that gets each thing that physically happens, as JSON lines."`
	JSON         bool   `name:"json" help:"Ready lines as JSON."`
	robot.Params `embed:""`
}

// ConveyorArgs are the flags of `tote emulate conveyor`.
type ConveyorArgs struct {
	Name            string `help:"Name in the record and in the ready line (default: the kind)."`
	Control         string `default:"127.0.0.1:0" help:"Control API: loopback host:port, or unix:/path."`
	Record          string `help:"File that gets each thing that physically happens, as JSON lines."`
	JSON            bool   `name:"json" help:"Ready lines as JSON."`
	conveyor.Params `embed:""`
}

// GPIOArgs are the flags of `tote emulate gpio`.
type GPIOArgs struct {
	Name        string `help:"Name in the record and in the ready line (default: the kind)."`
	Control     string `default:"127.0.0.1:0" help:"Control API: loopback host:port, or unix:/path."`
	Record      string `help:"File that gets each thing that physically happens, as JSON lines."`
	JSON        bool   `name:"json" help:"Ready lines as JSON."`
	gpio.Params `embed:""`
}

// ZIOTCArgs are the flags of `tote emulate ziotc`.
type ZIOTCArgs struct {
	Name         string `help:"Name in the record and in the ready line (default: the kind)."`
	Control      string `default:"127.0.0.1:0" help:"Control API: loopback host:port, or unix:/path."`
	Record       string `help:"File that gets each thing that physically happens, as JSON lines."`
	JSON         bool   `name:"json" help:"Ready lines as JSON."`
	ziotc.Params `embed:""`
}

// LightArgs are the flags of `tote emulate light`.
type LightArgs struct {
	Name         string `help:"Name in the record and in the ready line (default: the kind)."`
	Control      string `default:"127.0.0.1:0" help:"Control API: loopback host:port, or unix:/path."`
	Record       string `help:"File that gets each thing that physically happens, as JSON lines."`
	JSON         bool   `name:"json" help:"Ready lines as JSON."`
	light.Params `embed:""`
}

// GroupArgs are the flags of `tote emulate group`.
type GroupArgs struct {
	File string `arg:"" help:"JSON file: {\"devices\":[{\"kind\":\"scale\",\"link\":…}]}."`
	JSON bool   `name:"json" help:"Ready lines as JSON."`
}

// Options for Main.
func (a ScaleArgs) Options() (Options, error) {
	d := a.Common.device(Scale)
	d.Scale, d.At = a.Params, a.At
	return Options{Devices: []Device{d}, JSON: a.JSON}, nil
}

// Options for Main.
func (a PrinterArgs) Options() (Options, error) {
	d := a.Common.device(Printer)
	d.Listen, d.Printer = a.Listen, a.Params
	return Options{Devices: []Device{d}, JSON: a.JSON}, nil
}

// Options for Main.
func (a ScannerArgs) Options() (Options, error) {
	d := a.Common.device(Scanner)
	d.Scanner = a.Params
	return Options{Devices: []Device{d}, JSON: a.JSON}, nil
}

// Options for Main.
func (a WedgeArgs) Options() (Options, error) {
	d := Device{Kind: Wedge, Name: a.Name, At: a.At, Control: a.Control, Record: a.Record}
	d.Scanner.GS, d.Scanner.GapMs = a.GS, a.GapMs
	return Options{Devices: []Device{d}, JSON: a.JSON}, nil
}

// Options for Main.
func (a RFIDArgs) Options() (Options, error) {
	d := a.Common.device(RFID)
	d.RFID = a.Params
	return Options{Devices: []Device{d}, JSON: a.JSON}, nil
}

// Options for Main.
func (a LLRPArgs) Options() (Options, error) {
	d := Device{Kind: LLRP, Name: a.Name, Listen: a.Listen, Control: a.Control, Record: a.Record, LLRP: a.Params}
	return Options{Devices: []Device{d}, JSON: a.JSON}, nil
}

// Options for Main.
func (a SensorArgs) Options() (Options, error) {
	d := a.Common.device(Sensor)
	d.Sensor = a.Params
	return Options{Devices: []Device{d}, JSON: a.JSON}, nil
}

// Options for Main.
func (a RobotArgs) Options() (Options, error) {
	d := Device{Kind: Robot, Name: a.Name, Control: a.Control, Record: a.Record, Robot: a.Params}
	return Options{Devices: []Device{d}, JSON: a.JSON}, nil
}

// Options for Main.
func (a ConveyorArgs) Options() (Options, error) {
	d := Device{Kind: Conveyor, Name: a.Name, Control: a.Control, Record: a.Record, Conveyor: a.Params}
	return Options{Devices: []Device{d}, JSON: a.JSON}, nil
}

// Options for Main.
func (a ZIOTCArgs) Options() (Options, error) {
	d := Device{Kind: ZIOTC, Name: a.Name, Control: a.Control, Record: a.Record, ZIOTC: a.Params}
	return Options{Devices: []Device{d}, JSON: a.JSON}, nil
}

// Options for Main.
func (a LightArgs) Options() (Options, error) {
	d := Device{Kind: Light, Name: a.Name, Control: a.Control, Record: a.Record, Light: a.Params}
	return Options{Devices: []Device{d}, JSON: a.JSON}, nil
}

// Options for Main.
func (a GPIOArgs) Options() (Options, error) {
	d := Device{Kind: GPIO, Name: a.Name, Control: a.Control, Record: a.Record, GPIO: a.Params}
	return Options{Devices: []Device{d}, JSON: a.JSON}, nil
}

// Options for Main; it reads the file.
func (a GroupArgs) Options() (Options, error) {
	ds, err := LoadGroup(a.File)
	return Options{Devices: ds, JSON: a.JSON}, err
}

func (c Common) device(kind string) Device {
	return Device{Kind: kind, Name: c.Name, Link: c.Link, Control: c.Control, Record: c.Record}
}

// LoadGroup reads the devices of a group file. Unknown keys are errors.
func LoadGroup(path string) ([]Device, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("emulate: group: %w", err)
	}
	defer func() { _ = f.Close() }()
	var group struct {
		Devices []Device `json:"devices"`
	}
	dec := json.NewDecoder(f)
	dec.DisallowUnknownFields()
	if err := dec.Decode(&group); err != nil {
		return nil, fmt.Errorf("emulate: group %s: %w", path, err)
	}
	return group.Devices, nil
}
