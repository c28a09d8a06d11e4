package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"tote/agent/api"
	"tote/agent/config"
	"tote/agent/health"
	"tote/demo/hil"
	"tote/drivers"
	"tote/drivers/accept"
	"tote/drivers/all"
	"tote/drivers/inspect"
	"tote/drivers/scale/hid"
	"tote/drivers/serialport"
	"tote/drivers/tap"
	"tote/drivers/tcpport"
)

type devicesCmd struct {
	List    devicesListCmd    `cmd:"" help:"The ports of this machine: what is plugged in, who has it, what the configuration makes of it. Opens nothing."`
	Probe   devicesProbeCmd   `cmd:"" help:"Ask what is at the free ports, and suggest a configuration. Prints and moves nothing."`
	Trace   devicesTraceCmd   `cmd:"" help:"Show what passes between a device and its driver, in bytes and in words."`
	Test    devicesTestCmd    `cmd:"" help:"Run the acceptance suite of a device and write a report to hand over."`
	Udev    devicesUdevCmd    `cmd:"" help:"Print rules for udev that give each device of the configuration a name that stays, and keep ModemManager and brltty away from it. Opens nothing."`
	Drivers devicesDriversCmd `cmd:"" help:"The drivers there are, and by whose bytes each was judged."`
}

// devicesFrom is where the configured devices come from: the running agent, else
// the file.
type devicesFrom struct {
	gatewayURL `embed:""`
	Config     string `help:"Configuration of the gateway, for when no agent runs." default:"/etc/tote/agent.yaml" type:"path"`
}

// devices asks the agent; without one it reads the file. A file that is not there
// is no error: then there are ports alone.
func (d devicesFrom) devices(ctx context.Context) ([]inspect.Device, error) {
	if status, err := d.status(ctx); err == nil {
		var out []inspect.Device
		for _, s := range status.Gateway.Devices {
			if s.State == "unknown" {
				continue // a port, which is listed anyway
			}
			dev := inspect.Device{Name: s.Name, Driver: s.Driver, Where: s.Port, Node: s.Node, State: s.State, Code: s.Code, Text: s.Text}
			if s.Identity != nil {
				dev.Identity = *s.Identity
			}
			out = append(out, dev)
		}
		return out, nil
	}
	cfg, err := d.file()
	if cfg == nil {
		return nil, err
	}
	var out []inspect.Device
	for _, c := range cfg.Devices() {
		dev := inspect.Device{Name: c.Name, Driver: c.Driver, Where: c.Where()}
		if c.Serial != nil {
			line := c.Serial.Port(c.Name)
			dev.Line = &line
			if node, err := filepath.EvalSymlinks(line.Path); err == nil && line.Path != "" {
				dev.Node = node // also of a port that no list has
			}
		}
		out = append(out, dev)
	}
	return out, nil
}

func (d devicesFrom) file() (*config.Config, error) {
	if _, err := os.Stat(d.Config); errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	return config.Load(d.Config)
}

// status is what a running agent says, quietly: none is no fault here.
func (d devicesFrom) status(ctx context.Context) (out api.Status, err error) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(d.API, "/")+"/v1/status", nil)
	if err != nil {
		return out, err
	}
	d.show(req)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return out, err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		fmt.Fprintf(os.Stderr, "the agent runs and does not tell its devices (%s); see --http-token\n", resp.Status)
		return out, errors.New(resp.Status)
	}
	return out, json.NewDecoder(io.LimitReader(resp.Body, 16<<20)).Decode(&out)
}

type devicesListCmd struct {
	devicesFrom `embed:""`
	JSON        bool `name:"json" help:"As JSON."`
}

func (c devicesListCmd) Run(ctx context.Context) error {
	ports, err := serialport.Ports(serialport.Machine())
	if err != nil {
		return err
	}
	devices, err := c.devices(ctx)
	if err != nil {
		return err
	}
	rows := inspect.List(ports, devices, serialport.Holder)
	if c.JSON {
		return writeJSON(rows)
	}
	return inspect.WriteList(os.Stdout, rows)
}

type devicesUdevCmd struct {
	devicesFrom `embed:""`
}

func (c devicesUdevCmd) Run(ctx context.Context) error {
	ports, err := serialport.Ports(serialport.Machine())
	if err != nil {
		return err
	}
	devices, err := c.devices(ctx)
	if err != nil {
		return err
	}
	devices = slices.DeleteFunc(devices, func(d inspect.Device) bool {
		return !strings.HasPrefix(d.Where, "/dev/") && d.Line == nil && d.Node == ""
	})
	return inspect.WriteUdev(os.Stdout, inspect.List(ports, devices, func(string) string { return "" }))
}

func writeJSON(v any) error {
	enc := json.NewEncoder(os.Stdout)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

type devicesDriversCmd struct{}

func (devicesDriversCmd) Run() error { return inspect.WriteDrivers(os.Stdout, all.Drivers()) }

type devicesProbeCmd struct {
	Port   []string `help:"Only this port, a path or host:port; may be given again." placeholder:"PORT"`
	Driver string   `help:"Only by the question of this driver." placeholder:"NAME"`
	JSON   bool     `name:"json" help:"As JSON."`
}

func (c devicesProbeCmd) Run(ctx context.Context) error {
	rows := all.Drivers()
	if c.Driver != "" {
		d, err := driver(c.Driver)
		if err != nil {
			return err
		}
		rows = []all.Driver{d}
	}
	targets, err := c.targets()
	if err != nil {
		return err
	}
	findings := []inspect.Finding{}
	for _, t := range targets {
		fmt.Fprintf(os.Stderr, "asking at %s\n", t.Name)
		f := inspect.Probe(ctx, t, rows)
		findings = append(findings, f)
		if !c.JSON {
			if err := inspect.WriteFinding(os.Stdout, f); err != nil {
				return err
			}
		}
	}
	if c.JSON {
		if err := writeJSON(findings); err != nil {
			return err
		}
	}
	if len(c.Port) > 0 && slices.ContainsFunc(findings, func(f inspect.Finding) bool { return f.Verdict != inspect.Found }) {
		return exitCode(1)
	}
	return nil
}

// targets are the ports named, else all that nobody holds.
func (c devicesProbeCmd) targets() (out []inspect.Target, err error) {
	ports, err := serialport.Ports(serialport.Machine())
	if err != nil {
		return nil, err
	}
	for _, p := range c.Port {
		if host, _, err := net.SplitHostPort(p); err == nil && !strings.HasPrefix(host, "/") {
			out = append(out, inspect.Target{Name: p, TCP: p})
			continue
		}
		at := slices.IndexFunc(ports, func(i serialport.Info) bool { return serialport.Config{Path: p}.Is(i) })
		if at < 0 { // one that no machine lists, as a pseudo-terminal
			out = append(out, inspect.Target{Name: p, Port: serialport.Config{Path: p}})
			continue
		}
		out = append(out, inspect.OfPort(ports[at], ports))
	}
	if len(c.Port) > 0 {
		return out, nil
	}
	for _, p := range ports {
		who := serialport.Holder(p.Node)
		if p.Console {
			who = "the console of the machine"
		}
		if who != "" {
			fmt.Fprintf(os.Stderr, "%s is left alone: it belongs to %s\n", p.Stable(), who)
			continue
		}
		out = append(out, inspect.OfPort(p, ports))
	}
	return out, nil
}

func driver(name string) (all.Driver, error) {
	d, ok := all.Find(name)
	if !ok {
		return d, fmt.Errorf("no driver %q; see tote devices drivers", name)
	}
	return d, nil
}

// port is a device by its name in the configuration, or by its port and driver.
type port struct {
	devicesFrom `embed:""`
	Device      string `arg:"" optional:"" help:"Its name in the configuration, as pack1/scale."`
	Port        string `help:"Instead of a name: its port, a path or host:port." placeholder:"PORT"`
	Driver      string `help:"Driver of the device at --port." placeholder:"NAME"`
	Baud        int    `help:"Speed of the line at --port; left out, the usual one of the driver." placeholder:"N"`
}

// place is where a device is.
type place struct {
	name string
	row  all.Driver // zero when no driver was named
	at   string
	line string
	open drivers.Opener
}

func (p port) find() (out place, err error) {
	switch {
	case p.Device != "" && p.Port != "":
		return out, errors.New("either the name of a device or --port")
	case p.Port != "":
		return p.byPort()
	case p.Device == "":
		return out, errors.New("say which device: its name in the configuration, or --port and --driver")
	}
	cfg, err := p.file()
	if err != nil {
		return out, err
	}
	if cfg == nil {
		return out, fmt.Errorf("no configuration at %s to look %s up in; see --config", p.Config, p.Device)
	}
	for _, d := range cfg.Devices() {
		if d.Name != p.Device {
			continue
		}
		if out.row, err = driver(d.Driver); err != nil {
			return out, err
		}
		out.name, out.at = d.Name, d.TCP
		if d.TCP != "" {
			out.open, err = tcpport.Opener(tcpport.Config{Address: d.TCP, Port: out.row.TCPPort, Hold: out.row.Hold})
			return out, err
		}
		if d.HID != nil {
			c, err := d.HID.Config()
			out.at, out.open = c.Where(), hid.Opener(c)
			return out, err
		}
		if d.Serial == nil {
			return out, fmt.Errorf("%s is reached %s, not by a port that could be opened here; tote devices trace shows it while the agent runs", d.Name, d.Where())
		}
		line := d.Serial.Port("tote devices")
		out.at, out.line = line.Where(), inspect.Settings(line)
		out.open, err = serialport.Opener(line)
		return out, err
	}
	return out, fmt.Errorf("%s has no device %q with a port", p.Config, p.Device)
}

func (p port) byPort() (out place, err error) {
	out.name, out.at = filepath.Base(p.Port), p.Port
	line := serialport.Config{}
	if p.Driver != "" {
		if out.row, err = driver(p.Driver); err != nil {
			return out, err
		}
		if len(out.row.Lines) > 0 {
			line = out.row.Lines[0]
		}
	}
	if _, _, err := net.SplitHostPort(p.Port); err == nil && !filepath.IsAbs(p.Port) {
		out.name = strings.ReplaceAll(p.Port, ":", "-")
		out.open, err = tcpport.Opener(tcpport.Config{Address: p.Port, Port: out.row.TCPPort, Hold: out.row.Hold})
		return out, err
	}
	line.Path, line.Owner = p.Port, "tote devices"
	if p.Baud != 0 {
		line.Baud = p.Baud
	}
	out.line = inspect.Settings(line)
	out.open, err = serialport.Opener(line)
	return out, err
}

type devicesTraceCmd struct {
	port `embed:""`
	For  time.Duration `help:"How long to look; 0 = until it is stopped." default:"0"`
}

func (c devicesTraceCmd) Run(ctx context.Context) error {
	if c.For > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.For)
		defer cancel()
	}
	if c.Device != "" {
		if _, err := c.status(ctx); err == nil {
			return c.ofAgent(ctx)
		}
	}
	return c.own(ctx)
}

// ofAgent shows what the running agent says to its device.
func (c devicesTraceCmd) ofAgent(ctx context.Context) error {
	var tr *inspect.Tracer
	for after := uint64(0); ctx.Err() == nil; {
		var page api.Trace
		path := fmt.Sprintf("/v1/devices/%s/trace?after=%d&wait=1000", url.PathEscape(c.Device), after)
		err := c.ask(ctx, http.MethodGet, path, "", nil, &page)
		if ctx.Err() != nil {
			return nil // it was stopped, or the time is over
		}
		if err != nil {
			return err
		}
		if tr == nil {
			tr = inspect.NewTracer(os.Stdout, page.Driver)
			fmt.Fprintf(os.Stderr, "%s, driver %s, as the agent speaks with it\n", page.Device, page.Driver)
		}
		after = page.Next
		if page.Lost {
			fmt.Fprintln(os.Stderr, "-- more passed than could be kept; some is missing here")
		}
		for _, ch := range page.Chunks {
			at, err := time.Parse(time.RFC3339Nano, ch.At)
			if err != nil {
				return err
			}
			data, err := hex.DecodeString(ch.Hex)
			if err != nil {
				return err
			}
			if err := tr.Chunk(at.Local(), ch.Dir, data, ch.Event); err != nil {
				return err
			}
		}
	}
	return nil
}

// own opens the port itself: with a driver it runs that driver, else it listens.
func (c devicesTraceCmd) own(ctx context.Context) error {
	p, err := c.find()
	if err != nil {
		return err
	}
	var ear tap.Tap
	ear.Look(ctx, 0, 0)
	ended := make(chan error, 1)
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		defer cancel()
		ended <- drive(ctx, p.row, ear.Wrap(p.open))
	}()
	tr := inspect.NewTracer(os.Stdout, p.row.Name)
	for after, done := uint64(0), false; !done; {
		done = ctx.Err() != nil // what is there is shown all the same
		chunks, _ := ear.Look(ctx, after, time.Second)
		for _, ch := range chunks {
			after = ch.Seq
			if err := tr.Chunk(ch.At, ch.Dir, ch.Data, ch.Event); err != nil {
				cancel()
				return errors.Join(err, <-ended)
			}
		}
	}
	err = <-ended
	if code := drivers.CodeOf(err); code != "" {
		err = fmt.Errorf("%s: %w", code, err)
	}
	return health.Explain(err)
}

// drive keeps a driver at work, or listens when there is none, until ctx is done
// or the port fails.
func drive(ctx context.Context, row all.Driver, open drivers.Opener) error {
	if try := row.Try(); try != nil {
		dev, err := try(row.Name, open, func(drivers.Told) {})
		if err != nil {
			return err
		}
		return dev.Run(ctx)
	}
	port, err := open(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = port.Close() }()
	buf := make([]byte, 4096)
	for {
		if _, err := drivers.Receive(ctx, port, buf); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
	}
}

type devicesTestCmd struct {
	port       `embed:""`
	Unattended bool          `help:"Leave out the steps that need a person."`
	Region     string        `help:"Of an RFID reader that forgets it with its power (thingmagic): whose rules it sends by, as eu or us." placeholder:"eu"`
	Report     string        `help:"Folder for the report." default:"." type:"path"`
	Soak       time.Duration `help:"How long the device has to go on without a mistake." default:"10s"`
	Limit      time.Duration `help:"For each thing that must happen." default:"30s"`
}

func (c devicesTestCmd) Run(ctx context.Context) error {
	o := accept.Options{Soak: c.Soak, Limit: c.Limit, Told: func(ch accept.Check) {
		fmt.Printf("%-8s %s\n", ch.Result, strings.TrimSuffix(ch.Name+": "+ch.Text, ": "))
	}}
	var s accept.Subject
	name := ""
	if c.Port == "emulated" {
		rig, err := hil.Emulate(ctx, c.Driver)
		if err != nil {
			return err
		}
		defer func() { _ = rig.Close() }()
		s, o.Person, name = rig.Subject, rig.Person, "emulated-"+c.Driver
	} else {
		p, err := c.find()
		if err != nil {
			return err
		}
		if p.row.Name == "" {
			return errors.New("say by which driver: --driver (tote devices probe finds out)")
		}
		s = accept.Subject{Driver: p.row, Port: p.at, Line: p.line, Open: p.open}
		name, o.Person = p.name, accept.Terminal(os.Stdin, os.Stdout)
	}
	if c.Unattended {
		o.Person = nil
	}
	if err := accept.Writable(c.Report); err != nil {
		return err
	}
	s.Bad = drivers.KnownBad()
	if c.Region != "" {
		s.Driver.Region = c.Region
	}
	cfg, err := c.file()
	if err == nil && cfg != nil {
		s.Bad = cfg.Bad(s.Bad)
	}
	r := accept.Run(ctx, s, o)
	r.Device, r.Version = c.Device, version
	if err == nil && cfg != nil {
		r.Site = cfg.Site
	}
	files, err := r.Save(c.Report, name)
	if err != nil { // what the person did must not be lost
		fmt.Printf("\n%s", r.Markdown())
		return err
	}
	fmt.Printf("\n%s\n%s\n", r.Verdict(), strings.Join(files, "\n"))
	if !r.Accepted() {
		return exitCode(1)
	}
	return nil
}
