// Package emulate runs emulated devices: one, or a whole station, in one
// process, each with its device path, its control API and its record.
//
// Main starts everything, prints one ready line for each device and blocks
// until its context ends or a device fails; it owns all goroutines and has
// ended them when it returns.
package emulate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"

	"tote/firmware-tests/control"
	"tote/firmware-tests/conveyor"
	"tote/firmware-tests/gpio"
	"tote/firmware-tests/kdev"
	"tote/firmware-tests/light"
	"tote/firmware-tests/printer"
	"tote/firmware-tests/pty"
	"tote/firmware-tests/record"
	"tote/firmware-tests/rfid"
	"tote/firmware-tests/rfid/llrp"
	"tote/firmware-tests/robot"
	"tote/firmware-tests/scale"
	"tote/firmware-tests/scanner"
	"tote/firmware-tests/script"
	"tote/firmware-tests/sensor"
	"tote/firmware-tests/ziotc"
)

// Kinds of devices.
const (
	Scale   = "scale"
	Printer = "printer"
	Scanner = "scanner"
	Robot   = "robot"
	RFID    = "rfid"
	LLRP    = "llrp"
	Sensor  = "sensor"

	Conveyor = "conveyor"
	GPIO     = "gpio"
	ZIOTC    = "ziotc"
	Light    = "light"

	// Wedge is a Scanner that acts as a keyboard.
	Wedge = "wedge"
)

// ErrSpec: the description of a device makes no sense.
var ErrSpec = errors.New("emulate: bad device")

// Device describes one emulated device.
type Device struct {
	Kind    string `json:"kind"`              // Scale, Printer, Scanner, RFID, LLRP, Sensor, Robot, Conveyor, GPIO, ZIOTC, Light or Wedge
	Name    string `json:"name,omitempty"`    // default: the kind
	Link    string `json:"link,omitempty"`    // stable device path; "" = the pty's own name (a printer with Listen gets no pty then)
	At      string `json:"at,omitempty"`      // wedge, and scale of protocol hid: a named pipe at this path in the place of the kernel's device, or "kernel": one of the kernel's own
	Listen  string `json:"listen,omitempty"`  // printer and llrp: TCP address, host:port, port 0 is chosen
	Control string `json:"control,omitempty"` // control API; default "127.0.0.1:0"; "unix:/path" for a socket
	Record  string `json:"record,omitempty"`  // file of JSON lines; "" = in memory only

	Scale   scale.Params   `json:"scale,omitzero"`
	Printer printer.Params `json:"printer,omitzero"`
	Scanner scanner.Params `json:"scanner,omitzero"`
	RFID    rfid.Params    `json:"rfid,omitzero"`
	LLRP    llrp.Params    `json:"llrp,omitzero"` // speaks TCP: no Link, no pty; Listen is 127.0.0.1:0 when it is not given
	Sensor  sensor.Params  `json:"sensor,omitzero"`

	Conveyor conveyor.Params `json:"conveyor,omitzero"` // speaks MQTT: no Link, no pty
	GPIO     gpio.Params     `json:"gpio,omitzero"`     // has its own socket: no Link, no pty
	Robot    robot.Params    `json:"robot,omitzero"`    // speaks MQTT: no Link, no pty
	ZIOTC    ziotc.Params    `json:"ziotc,omitzero"`    // speaks MQTT: no Link, no pty
	Light    light.Params    `json:"light,omitzero"`    // speaks MQTT: no Link, no pty
}

// Options is what Main runs.
type Options struct {
	Devices []Device
	JSON    bool         // ready lines as JSON
	Logger  *slog.Logger // nil = silent

	Script *script.Script // faults by a timetable, from when all devices are ready; nil = none
}

// Ready is a ready line.
type Ready struct {
	Kind    string `json:"kind"`
	Name    string `json:"name"`
	Path    string `json:"path"`             // device path, "" for a printer on TCP only
	Listen  string `json:"listen,omitempty"` // printer: TCP address
	Serial  string `json:"serial,omitempty"` // robot: its serial, the MQTT client is robot:SERIAL
	Control string `json:"control"`          // address for control.Dial
}

// String is the ready line for people.
func (r Ready) String() string {
	s := r.Kind + " " + r.Name
	if r.Path != "" {
		s += " " + r.Path
	}
	if r.Listen != "" {
		s += " tcp " + r.Listen
	}
	if r.Serial != "" {
		s += " serial " + r.Serial
	}
	return s + " control " + r.Control
}

// Main runs the devices until ctx ends (nil) or one of them fails.
func Main(ctx context.Context, o Options, stdout io.Writer) error {
	log := o.Logger
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	if len(o.Devices) == 0 {
		return fmt.Errorf("%w: no devices", ErrSpec)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel(nil) // before waiting

	names, targets := map[string]bool{}, map[string]script.Target{}
	for _, d := range o.Devices {
		if d.Name == "" {
			d.Name = d.Kind
		}
		if names[d.Name] {
			return fmt.Errorf("%w: two devices are called %q", ErrSpec, d.Name)
		}
		names[d.Name] = true
		ready, t, run, err := start(d)
		if err != nil {
			return fmt.Errorf("emulate %s: %w", d.Name, err)
		}
		targets[d.Name] = t
		wg.Go(func() {
			if err := run(ctx); err != nil {
				cancel(fmt.Errorf("emulate %s: %w", d.Name, err))
			}
		})
		log.Info("device ready", "device", ready.Name, "kind", ready.Kind,
			"path", ready.Path, "listen", ready.Listen, "control", ready.Control)
		if err := announce(stdout, ready, o.JSON); err != nil {
			return fmt.Errorf("emulate: ready line: %w", err)
		}
	}
	if o.Script != nil {
		if err := o.Script.Run(ctx, targets); err != nil {
			return err
		}
	}
	<-ctx.Done()
	if err := context.Cause(ctx); !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return nil
}

func announce(w io.Writer, r Ready, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(w).Encode(r)
	}
	_, err := fmt.Fprintln(w, r)
	return err
}

// start opens everything a device needs; run then serves it and closes all.
func start(d Device) (Ready, *target, func(context.Context) error, error) {
	var opened closers
	fail := func(err error) (Ready, *target, func(context.Context) error, error) {
		return Ready{}, nil, nil, errors.Join(err, opened.Close())
	}
	if d.Listen != "" && d.Kind != Printer && d.Kind != LLRP {
		return fail(fmt.Errorf("%w: a %s does not listen on TCP", ErrSpec, d.Kind))
	}
	if d.Kind == LLRP && d.Listen == "" {
		d.Listen = "127.0.0.1:0"
	}
	if d.Control == "" {
		d.Control = "127.0.0.1:0"
	}
	book, err := record.Open(d.Name, d.Record, nil)
	if err != nil {
		return fail(err)
	}
	opened = append(opened, book)
	t := &target{kind: d.Kind, name: d.Name, book: book}
	device, err := t.build(d)
	if err != nil {
		return fail(err)
	}
	onPty := d.Kind != Robot && d.Kind != Conveyor && d.Kind != GPIO && d.Kind != ZIOTC && d.Kind != Light && d.Kind != LLRP
	if !onPty && d.Link != "" {
		return fail(fmt.Errorf("%w: a %s has no device path", ErrSpec, d.Kind))
	}
	if onPty && (d.Link != "" || d.Listen == "") {
		if t.port, err = plugIn(d); err != nil {
			return fail(err)
		}
		opened = append(opened, t.port)
	}
	if d.Listen != "" {
		if t.socket, err = listen(d.Kind, d.Listen); err != nil {
			return fail(err)
		}
		opened = append(opened, t.socket)
	}
	ln, err := control.Listen(d.Control)
	if err != nil {
		return fail(err)
	}
	opened = append(opened, ln)

	s := t.State()
	ready := Ready{Kind: s.Kind, Name: s.Name, Path: s.Path, Listen: s.Listen, Control: control.Address(ln)}
	switch v := device.(type) {
	case *robot.Robot:
		ready.Serial = v.State().Serial
	case *gpio.Board:
		if err := v.Listen(); err != nil { // so that it is there when the line is read
			return fail(err)
		}
		ready.Path = v.State().Socket
	}
	return ready, t, func(ctx context.Context) error {
		defer func() { _ = opened.Close() }()
		return t.run(ctx, device, ln)
	}, nil
}

// plugIn opens the cable of a device.
func plugIn(d Device) (port, error) {
	records := d.Kind == Wedge || d.At != ""
	switch {
	case !records:
		return pty.New(d.Link)
	case d.Link != "" || d.At == "":
		return nil, fmt.Errorf("%w: a device that gives records has a named pipe (at) or is one of the kernel, and no pty (link)", ErrSpec)
	case d.Kind == Wedge:
		return kdev.Keyboard(d.At)
	case d.Kind == Scale && d.Scale.Protocol == "hid":
		return kdev.Scale(d.At)
	}
	return nil, fmt.Errorf("%w: only a wedge and a scale of protocol hid give records", ErrSpec)
}

// listen opens the network plug of a device.
func listen(kind, addr string) (socket, error) {
	if kind == LLRP {
		return llrp.Listen(addr)
	}
	return printer.Listen(addr)
}

// run serves the device and its control API until ctx ends or one fails.
func (t *target) run(ctx context.Context, device any, ln net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	switch d := device.(type) {
	case *scale.Scale:
		wg.Go(func() { _ = d.Run(ctx, t.port) })
	case *scanner.Scanner:
		wg.Go(func() { _ = d.Run(ctx, t.port) })
	case *rfid.Reader:
		wg.Go(func() { _ = d.Run(ctx, t.port) })
	case *llrp.Reader:
		if s, ok := t.socket.(*llrp.Socket); ok {
			wg.Go(func() { d.Run(ctx, s) })
		}
	case *sensor.Sensor:
		wg.Go(func() { _ = d.Run(ctx, t.port) })
	case *robot.Robot:
		wg.Go(func() { _ = d.Run(ctx) })
	case *conveyor.Conveyor:
		wg.Go(func() { _ = d.Run(ctx) })
	case *gpio.Board:
		wg.Go(func() { _ = d.Run(ctx) })
	case *light.Controller:
		wg.Go(func() { _ = d.Run(ctx) })
	case *ziotc.Reader:
		wg.Go(func() { _ = d.Run(ctx) })
	case *printer.Printer:
		wg.Go(func() { d.Run(ctx) })
		if t.port != nil {
			wg.Go(func() { d.ServePort(ctx, t.port) })
		}
		if s, ok := t.socket.(*printer.Socket); ok {
			wg.Go(func() { d.ServeTCP(ctx, s) })
		}
	}
	return control.Serve(ctx, ln, t.face(device))
}

// closers closes in reverse order.
type closers []io.Closer

func (c closers) Close() error {
	var errs []error
	for i := len(c) - 1; i >= 0; i-- {
		errs = append(errs, c[i].Close())
	}
	return errors.Join(errs...)
}
