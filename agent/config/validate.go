package config

import (
	"cmp"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"tote/drivers/all"
	"tote/drivers/printer"
	"tote/drivers/scale"
	"tote/drivers/scale/hid"
	"tote/drivers/serialport"
	"tote/gs1/scan"
)

// checker collects problems.
type checker struct {
	src   *source
	ps    Problems
	ids   map[string]string // id of a station or dock → its path
	lines map[string]string // serial path or tcp address → path of the device
	binds map[string]string // address listened on → path
}

// validate checks every rule. Defaults are filled in already.
func validate(c *Config, src *source) Problems {
	k := &checker{src: src, ids: map[string]string{}, lines: map[string]string{}, binds: map[string]string{}}
	if c.ConfigVersion == 0 {
		k.missing("config_version")
	} else if c.ConfigVersion != Version {
		k.add(CodeVersion, "config_version", "version %d; this program reads version %d", c.ConfigVersion, Version)
	}
	k.limits("", reflect.ValueOf(c).Elem())
	k.id("site", c.Site)
	k.id("gateway", c.Gateway)
	k.absolute("data_dir", c.DataDir)
	k.store(c)
	k.mqtt(c.MQTT)
	k.http(c.HTTP)
	k.omss(c)
	if c.Backup != nil {
		k.backup(c)
	}
	if c.Images != nil {
		k.images(*c.Images)
	}
	for i, s := range c.Stations {
		p := "stations[" + strconv.Itoa(i) + "]"
		k.place(p, s.ID)
		if s.Scanner != nil {
			k.scanner(p+".scanner", *s.Scanner)
		}
		if s.Scale != nil {
			k.scale(p+".scale", *s.Scale)
		}
		if s.Printer != nil {
			k.printer(p+".printer", *s.Printer)
			if s.Printer.Driver == printer.ESCPOS.Name {
				k.add(CodeValue, p+".printer.driver", "a receipt printer prints no logistic labels; give it as slips")
			}
		}
		if s.Slips != nil {
			k.printer(p+".slips", *s.Slips)
		}
		if s.Tower != nil {
			k.tower(p+".tower", *s.Tower)
		}
		k.buttons(p, s.Buttons, DoesReprint, DoesNextCarton)
		if s.Buzzer != nil {
			k.output(p+".buzzer", s.Buzzer.Line, s.Buzzer.GPIO)
		}
	}
	for i, d := range c.Docks {
		p := "docks[" + strconv.Itoa(i) + "]"
		k.place(p, d.ID)
		if d.Scanner != nil {
			k.scanner(p+".scanner", *d.Scanner)
		}
		if d.PhotoEye != nil {
			k.photoEye(p+".photo_eye", *d.PhotoEye, d.RFID)
		}
		if d.RFID != nil {
			k.rfid(p+".rfid", *d.RFID)
			k.door(p, c.Docks, d)
		}
		k.buttons(p, d.Buttons, DoesDepart)
		if d.Buzzer != nil {
			k.output(p+".buzzer", d.Buzzer.Line, d.Buzzer.GPIO)
		}
	}
	if c.Places != nil {
		k.places(*c.Places)
	}
	for i, e := range c.EStops {
		k.estop("estops["+strconv.Itoa(i)+"]", e)
	}
	for i, s := range c.Sensors {
		k.sensor("sensors["+strconv.Itoa(i)+"]", s)
	}
	for i, c := range c.Conveyors {
		k.place("conveyors["+strconv.Itoa(i)+"]", c.ID)
	}
	for i, l := range c.Lights {
		k.light("lights["+strconv.Itoa(i)+"]", l)
	}
	k.firmware(c.BadFirmware)
	if c.Cluster != nil {
		k.cluster(*c.Cluster, c.Satellite())
	}
	if c.Fleet != nil {
		k.fleet(*c.Fleet)
	}
	if h := c.Handheld; utf8.RuneCountInString(h.Prefix) != 1 || strings.ContainsAny(h.Prefix, " \t") {
		k.add(CodeValue, "handheld.prefix", "%s: want one character", quote(h.Prefix))
	}
	if _, err := scan.New(scan.Config{Substitutes: []string{c.Handheld.GS}}); err != nil {
		k.add(CodeValue, "handheld.gs", "%v", err)
	}
	k.raft(c.Raft)
	return inOrder(k.ps)
}

func (k *checker) add(code, path, format string, args ...any) {
	k.ps = append(k.ps, k.src.problem(code, path, format, args...))
}

// do says what to do about the last problem, where that is more than the table says.
func (k *checker) do(format string, args ...any) {
	k.ps[len(k.ps)-1].Action = fmt.Sprintf(format, args...)
}

// narrow: on such a machine the store would lose data in silence.
var narrow = strconv.IntSize == 32

func (k *checker) store(c *Config) {
	switch {
	case c.Store == StoreDisk && narrow:
		k.add(CodeNoStore, "store", "this is a 32-bit machine, which can only be a satellite: write store: none")
	case c.Satellite() && c.OMS != nil:
		k.add(CodeValue, "oms", "a satellite never speaks with the OMS")
		k.do("Leave it out; the gateways with a store have it.")
	case c.Satellite() && len(c.Upstreams) > 0:
		k.add(CodeValue, "upstreams", "a satellite never speaks with an OMS")
		k.do("Leave them out; the gateways with a store have them.")
	}
	if c.Satellite() && c.SiteCertificate() {
		k.add(CodeValue, "store", "a satellite holds no authority that could make a certificate for its listeners")
		k.do("Give tls with cert and key.")
	}
}

// missing tells a key that must be there, with an example of what it may be.
func (k *checker) missing(path string) {
	p := k.src.problem(CodeMissing, path, "the key must be given")
	key := path[strings.LastIndexByte(path, '.')+1:]
	if f, ok := fieldAt(path); ok && f.Type.Kind() == reflect.String {
		p.Action = "Add it, as " + key + ": " + scalar(f.Type, f.Tag) + "."
	} else if ok {
		p.Action = "Add " + key + ", as config.example.yaml shows it."
	}
	k.ps = append(k.ps, p)
}

// fieldAt is the key that a path leads to.
func fieldAt(path string) (f reflect.StructField, ok bool) {
	t := reflect.TypeFor[Config]()
	for part := range strings.SplitSeq(path, ".") {
		for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
			t = t.Elem()
		}
		if t.Kind() != reflect.Struct {
			return f, false
		}
		key, _, _ := strings.Cut(part, "[")
		if f, ok = fieldOf(t, key); !ok {
			return f, false
		}
		t = f.Type
	}
	return f, ok
}

// id allows 1 to 64 of A-Z a-z 0-9 _ . -: what may stand in a topic.
func (k *checker) id(path, id string) bool {
	if id == "" {
		k.missing(path)
		return false
	}
	ok := len(id) <= 64
	for i := range len(id) {
		c := id[i]
		ok = ok && ('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' || c == '.' || c == '-')
	}
	if !ok {
		k.add(CodeID, path, "%s: want 1 to 64 of A-Z a-z 0-9 _ . -", quote(id))
		if strings.ContainsAny(id, "“”„‘’«»") {
			k.do("Type the quotes anew, as \"; these come from a word processor.")
		}
	}
	return ok
}

func (k *checker) absolute(path, file string) {
	switch {
	case file == "":
		k.missing(path)
	case !filepath.IsAbs(file):
		k.add(CodeValue, path, "%s is not an absolute path", quote(file))
		k.do("Write the whole path, from the first / on.")
	}
}

func (k *checker) oneOf(path, v string, allowed ...string) {
	if !slices.Contains(allowed, v) {
		p := k.src.problem(CodeValue, path, "%s: want %s", quote(v), either(allowed))
		p.Near = nearest(v, allowed)
		p.Action = "Write " + cmp.Or(p.Near, either(allowed)) + "."
		k.ps = append(k.ps, p)
	}
}

func (k *checker) within(path string, v, low, high int) {
	if v < low || v > high {
		p := k.src.problem(CodeValue, path, "%d is not in %d..%d", v, low, high)
		p.Action = fmt.Sprintf("Write a whole number from %d to %d", low, high)
		for _, u := range units {
			if strings.HasSuffix(path, u.suffix) {
				p.Action += ", in " + u.name
			}
		}
		p.Action += "."
		k.ps = append(k.ps, p)
	}
}

// address checks host:port.
func (k *checker) address(path, addr string, anyPort bool) bool {
	if addr == "" {
		k.missing(path)
		return false
	}
	_, port, err := net.SplitHostPort(addr)
	n, perr := strconv.Atoi(port)
	if err != nil || perr != nil || n < 0 || n > 65535 || n == 0 && !anyPort {
		k.add(CodeValue, path, "%s: want host:port", quote(addr))
		if err == nil {
			k.do("Write a port from %d to 65535 behind the last colon.", map[bool]int{true: 0, false: 1}[anyPort])
		} else {
			k.do("Write the port behind it, with a colon; an IPv6 address stands in brackets.")
		}
		return false
	}
	return true
}

// bind notes an address listened on.
func (k *checker) bind(path, addr string) {
	if strings.HasSuffix(addr, ":0") {
		return // any free port
	}
	if other, dup := k.binds[addr]; dup {
		k.add(CodeTwice, path, "%s is the address of %s too", addr, other)
		return
	}
	k.binds[addr] = path
}

// loopback reports whether addr can be reached from this machine only.
func loopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

func (k *checker) mqtt(m MQTT) {
	if len(m.Listen) == 0 {
		k.missing("mqtt.listen")
	}
	for i, l := range m.Listen {
		p := fmt.Sprintf("mqtt.listen[%d]", i)
		if k.address(p+".address", l.Address, true) {
			k.bind(p+".address", l.Address)
			if l.TLS == nil && !l.Insecure && !loopback(l.Address) {
				k.add(CodePlain, p+".address", "%s can be reached from the network and has no tls", l.Address)
				k.do("Write tls: {} for a certificate of the site; for controllers that know no TLS insecure: true.")
			}
		}
		if l.Insecure && l.TLS != nil {
			k.add(CodeValue, p+".insecure", "with tls it is not")
		}
		k.tls(p+".tls", l.TLS)
	}
	if m.TokensFile != "" {
		k.absolute("mqtt.tokens_file", m.TokensFile)
	}
}

func (k *checker) http(h HTTP) {
	if h.TokensFile != "" {
		k.absolute("http.tokens_file", h.TokensFile)
	}
	if k.address("http.listen", h.Listen, true) {
		k.bind("http.listen", h.Listen)
		if !loopback(h.Listen) && !h.Insecure {
			k.add(CodePlain, "http.listen", "%s can be reached from the network and has no TLS", h.Listen)
			k.do("Leave 127.0.0.1:8080 here and give the address as http.https.listen.")
		}
		if !loopback(h.Listen) && h.Insecure && h.TokensFile == "" {
			k.add(CodeMissing, "http.tokens_file", "%s can be reached from the network and lets everybody in", h.Listen)
			k.do("Say who may come: `tote token api` makes the lines.")
		}
	}
	if h.HTTPS == nil {
		return
	}
	if k.address("http.https.listen", h.HTTPS.Listen, true) {
		k.bind("http.https.listen", h.HTTPS.Listen)
	}
	for _, n := range h.HTTPS.Called() {
		if !hostName(n) {
			k.add(CodeValue, "http.https.names", "%s: want host names or addresses, with spaces between and without ports", quote(n))
		}
	}
	k.tls("http.https.tls", h.HTTPS.TLS)
}

// tls checks the files of a certificate: both, or none for one of the site.
func (k *checker) tls(path string, t *TLS) {
	if t == nil || t.OfSite() {
		return
	}
	k.absolute(path+".cert", t.Cert)
	k.absolute(path+".key", t.Key)
}

// hostName tells what can stand in a certificate.
func hostName(s string) bool {
	if _, err := netip.ParseAddr(s); err == nil {
		return true
	}
	if len(s) > 253 {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if len(label) < 1 || len(label) > 63 || strings.Trim(label, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") != "" || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
	}
	return true
}

// images checks the hosts pictures may come from.
func (k *checker) images(im Images) {
	if len(im.Hosts) == 0 {
		k.missing("images.hosts")
	}
	for i, h := range im.Hosts {
		u, err := url.Parse("http://" + h.Host + "/")
		if err != nil || h.Host == "" || u.Host != h.Host || u.Path != "/" {
			k.add(CodeValue, "images.hosts["+strconv.Itoa(i)+"].host", "%s: want a host or host:port", quote(h.Host))
		}
	}
}

// place checks the id of a station or dock.
func (k *checker) place(path, id string) {
	if !k.id(path+".id", id) {
		return
	}
	if other, dup := k.ids[id]; dup {
		k.add(CodeTwice, path+".id", "%s is the id of %s too", id, other)
		k.do("Name one of them otherwise: stations, docks, conveyors, lights, sensors and readers share their names.")
		return
	}
	k.ids[id] = path
}

func (k *checker) driver(path, name string, known ...string) {
	switch {
	case name == "":
		k.missing(path)
	case !slices.Contains(known, name):
		p := k.src.problem(CodeDriver, path, "no driver %s; there is %s", quote(name), strings.Join(known, ", "))
		if p.Near = nearest(name, known); p.Near != "" {
			p.Action = "Write " + p.Near + ", if that is the one; docs/devices.md tells what each speaks with."
		} else if d, other := all.Find(name); other {
			p.Action = fmt.Sprintf("%s is for another kind of device (%s): use one of those listed.", name, d.Kind)
		}
		k.ps = append(k.ps, p)
	}
}

func (k *checker) scanner(path string, s Scanner) {
	k.driver(path+".driver", s.Driver, all.Names(all.Scanner)...)
	if s.GS1 != nil {
		if _, err := scan.New(*s.GS1.Scan()); err != nil {
			k.add(CodeValue, path+".gs1", "%v", err)
		}
		if substitute := path + ".gs1.substitute"; s.GS1.Substitute == "" && k.src.has(substitute) {
			k.add(CodeValue, substitute, `nothing; YAML takes ~ for that`)
			k.do(`Put it into quotes: "~".`)
		}
	}
	d, _ := all.Find(s.Driver)
	switch {
	case !d.Input && s.Input != nil:
		k.add(CodeValue, path+".input", "only for scanners that act as a keyboard (driver wedge)")
	case !d.Input:
		k.serial(path+".serial", s.Serial)
	case s.Serial != nil:
		k.add(CodeValue, path+".serial", "a scanner that acts as a keyboard has an input, no serial line")
	case s.Input == nil:
		k.missing(path + ".input")
	default:
		k.absolute(path+".input.path", s.Input.Path)
		k.port(path+".input.path", s.Input.Path)
	}
}

// Scan is the configuration as package gs1/scan takes it, nil when there is none.
func (g *GS1) Scan() *scan.Config {
	if g == nil {
		return nil
	}
	c := &scan.Config{
		Identifier: scan.Identifier(g.Identifier), Separator: scan.Separator(g.Separator), Substitutes: strings.Fields(g.Substitute), Prefix: g.Prefix,
	}
	for r := range strings.FieldsSeq(g.Rules) {
		c.Rules = append(c.Rules, scan.Rule(r))
	}
	return c
}

func (k *checker) scale(path string, s Scale) {
	k.driver(path+".driver", s.Driver, all.Names(all.Scale)...)
	if s.ZeroDriftG != nil {
		k.within(path+".zero_drift_g", *s.ZeroDriftG, 0, s.EmptyG-1)
	}
	if d, ok := all.Find(s.Driver); ok && d.Scale != nil {
		if _, err := d.Scale(s.Settings()); err != nil {
			k.add(CodeValue, path, "%v", err)
		}
	}
	if s.Driver != hid.Name {
		if s.HID != nil {
			k.add(CodeValue, path+".hid", "only the driver hid has this key")
		}
		k.serial(path+".serial", s.Serial)
		return
	}
	switch {
	case s.HID != nil && s.Serial != nil:
		k.add(CodeValue, path, "either hid or serial, not both")
	case s.Serial != nil: // an emulator
		k.serial(path+".serial", s.Serial)
	case s.HID == nil:
		k.missing(path + ".hid")
	default:
		c, err := s.HID.Config()
		if err != nil {
			k.add(CodeValue, path+".hid.usb", "%v", err)
		}
		if c.Path != "" {
			k.absolute(path+".hid.path", c.Path)
		}
		k.port(path+".hid", cmp.Or(c.Path, "USB scale "+cmp.Or(s.HID.USB, "of any kind")))
	}
}

// Settings are the keys that say how the scale talks.
func (s *Scale) Settings() scale.Settings {
	return scale.Settings{Pattern: s.Pattern, Ask: s.Ask, Zero: s.Zero, Unit: s.Unit}
}

// DriftMg is the zero drift that is a fault, in milligrams; 0 = none is.
func (s *Scale) DriftMg() int64 {
	if s.ZeroDriftG != nil {
		return int64(*s.ZeroDriftG) * 1000
	}
	return min(5, int64(s.EmptyG)-1) * 1000
}

// Config is the configuration as package drivers/scale/hid takes it.
func (h *HID) Config() (hid.Config, error) {
	c := hid.Config{Path: h.Path}
	if h.USB == "" {
		return c, nil
	}
	vendor, product, ok := strings.Cut(h.USB, ":")
	v, verr := strconv.ParseUint(vendor, 16, 16)
	p, perr := strconv.ParseUint(product, 16, 16)
	if !ok || verr != nil || perr != nil {
		return c, fmt.Errorf("%s: want vendor:product in hexadecimal, as 0922:8003", quote(h.USB))
	}
	c.ID = hid.ID{Vendor: uint16(v), Product: uint16(p)}
	return c, nil
}

func (k *checker) printer(path string, p Printer) {
	k.driver(path+".driver", p.Driver, all.Names(all.Printer)...)
	if p.RFID && p.Driver != printer.ZPL.Name {
		k.add(CodeValue, path+".rfid", "%s writes no tags", p.Driver)
	}
	if p.Dots != 8 && p.Driver != printer.ZPL.Name && p.Driver != printer.TSPL.Name {
		k.add(CodeValue, path+".dots", "want 8: the fonts of %s are made of so many", p.Driver)
	}
	k.portOf(path, p.Serial, p.TCP)
}

// portOf checks where a device is reached: by a serial line or over the
// network.
func (k *checker) portOf(path string, line *Serial, address string) {
	switch {
	case line != nil && address != "":
		k.add(CodeValue, path, "either serial or tcp, not both")
		k.do("Remove the one by which the device is not connected.")
	case address != "":
		if k.address(path+".tcp", address, false) {
			k.port(path+".tcp", address)
		}
	case line == nil:
		k.add(CodeMissing, path, "one of serial and tcp must be given")
	default:
		k.serial(path+".serial", line)
	}
}

// serial checks a line; the ranges are those of the serial port driver.
func (k *checker) serial(path string, s *Serial) {
	if s == nil {
		k.missing(path)
		return
	}
	k.portName(path, s)
}

// portName checks by what name the port of a line goes.
func (k *checker) portName(path string, s *Serial) {
	switch {
	case s.USB != "" && s.Path != "":
		k.add(CodeValue, path+".usb", "either path or usb, not both")
	case s.USB != "":
		n := serialport.Name{ID: s.USB, Serial: s.SerialNo, Interface: s.Interface}
		if err := n.Check(); err != nil {
			k.add(CodeValue, path+".usb", "%v", err)
			return
		}
		k.port(path+".usb", n.String())
	case s.SerialNo != "" || s.Interface != nil:
		k.add(CodeMissing, path+".usb", "serial_number and interface are of a USB device: its usb must be given")
	default:
		k.absolute(path+".path", s.Path)
		if filepath.IsAbs(s.Path) {
			k.port(path+".path", filepath.Clean(s.Path))
		}
	}
}

// Port is the line as package serialport takes it; owner is the device it
// belongs to.
func (s *Serial) Port(owner string) serialport.Config {
	c := serialport.Config{
		Path: s.Path, Baud: s.Baud, DataBits: s.DataBits, Parity: serialport.Parity(s.Parity),
		StopBits: s.StopBits, XonXoff: s.XonXoff, Owner: owner,
	}
	if s.USB != "" {
		c.USB = serialport.Name{ID: s.USB, Serial: s.SerialNo, Interface: s.Interface}
	}
	return c
}

// port notes where a device is plugged in.
func (k *checker) port(path, where string) { k.portAs(path, where, where) }

// portAs is port of one that people know by another name.
func (k *checker) portAs(path, where, shown string) {
	if other, dup := k.lines[where]; dup {
		k.add(CodeSamePort, path, "%s is used by %s too", shown, other)
		k.do("Correct one of the two.")
		return
	}
	k.lines[where] = path
}

func (k *checker) raft(r Raft) {
	if r.ElectionMs == 0 {
		return
	}
	if r.ElectionMs < r.HeartbeatMs {
		k.add(CodeValue, "raft.election_ms", "%d is below heartbeat_ms", r.ElectionMs)
	}
}
