package config

import (
	"fmt"
	"slices"
)

// Version is the config_version this program reads.
const Version = 1

// Config is the configuration of one gateway.
type Config struct {
	ConfigVersion int        `yaml:"config_version" doc:"Version of this file's layout. Always 1." example:"1"`
	Site          string     `yaml:"site" doc:"Id of the warehouse: 1 to 64 of A-Z a-z 0-9 _ . - and the same on all its gateways. Part of every MQTT topic." form:"id" example:"hamburg"`
	Gateway       string     `yaml:"gateway" doc:"Id of this machine, unique in the site, same characters." form:"id" example:"gw1"`
	DataDir       string     `yaml:"data_dir" doc:"Directory of the log and the state, an absolute path. Needs a disk that survives a power cut." form:"absolute" example:"/var/lib/tote/state"`
	Store         string     `yaml:"store,omitempty" doc:"With disk the log and the state are kept in data_dir. With none this gateway is a satellite; its devices, broker and pages are its own, everything it records and shows goes through the gateways of the site that have a store. A 32-bit machine can only be a satellite." enum:"disk,none" default:"disk"`
	MQTT          MQTT       `yaml:"mqtt" doc:"The broker inside this gateway."`
	HTTP          HTTP       `yaml:"http" doc:"Pages and API of this gateway."`
	OMS           *OMS       `yaml:"oms,omitempty" doc:"The order management system. Left out: orders come by file or API only."`
	Upstreams     []Upstream `yaml:"upstreams,omitempty" doc:"OMSs of consignors beside oms, each with its own orders, credentials and state. The rules of the site (upstreams of the site file) name the same ones and whose goods each sells. The same on all gateways of the site."`
	Stations      []Station  `yaml:"stations,omitempty" doc:"Pack stations whose devices are plugged into this gateway."`
	Cluster       *Cluster   `yaml:"cluster,omitempty" doc:"The other gateways of the site. Left out: this gateway is alone. Run \"tote site init\" on the first gateway and \"tote cluster join\" on the others."`
	Docks         []Dock     `yaml:"docks,omitempty" doc:"Dock doors whose devices are plugged into this gateway."`
	Places        *Places    `yaml:"rfid_places,omitempty" doc:"RFID readers that watch where tags are: in which bin, zone or other place a unit was seen last. It is shown with the answer to where something is, and moves no stock."`
	Sensors       []Sensor   `yaml:"sensors,omitempty" doc:"Temperature sensors that are plugged into this gateway."`
	EStops        []EStop    `yaml:"estops,omitempty" doc:"Emergency stops that are observed and shown. Power is cut by their own safety relays, never by this program."`
	Conveyors     []Conveyor `yaml:"conveyors,omitempty" doc:"Conveyors and sorters that speak MQTT with this gateway."`
	Lights        []Light    `yaml:"lights,omitempty" doc:"Pick-to-light controllers that speak MQTT with this gateway. The same on all gateways a controller may connect to."`
	BadFirmware   []Firmware `yaml:"known_bad,omitempty" doc:"Firmware of devices that the site knows to be bad, beside what the program knows. Such a device shows DEV-112 and works on."`
	Fleet         *Fleet     `yaml:"fleet,omitempty" doc:"Robots that speak VDA 5050. The same on all gateways of the site."`
	Handheld      Handheld   `yaml:"handheld,omitempty" doc:"How the scanners of handheld pages type."`
	Backup        *Backup    `yaml:"backup,omitempty" doc:"Copies of the whole state, made by themselves. The same on all gateways of the site; one of them makes them, the one that leads. Left out: none are made."`
	Images        *Images    `yaml:"images,omitempty" doc:"Pictures of items, fetched and kept at this gateway. Left out: none are fetched."`
	Log           Log        `yaml:"log,omitempty" doc:"What goes to the journal."`
	Raft          Raft       `yaml:"raft,omitempty" doc:"Times of the replication. Leave them alone unless the network is slow."`
}

// What Config.Store may be.
const (
	StoreDisk = "disk"
	StoreNone = "none"
)

// Satellite says whether the gateway keeps no store.
func (c *Config) Satellite() bool { return c.Store == StoreNone }

// Alone says whether the site has no other gateway.
func (c *Config) Alone() bool { return c.Cluster == nil && !c.Satellite() }

// MQTT is the embedded broker.
type MQTT struct {
	Listen     []Listener `yaml:"listen" doc:"Addresses the broker listens on, at least one."`
	TokensFile string     `yaml:"tokens_file,omitempty" form:"absolute" file:"secret" doc:"File with one line \"client-id token\" per device. When given, every client must show its token as password. Instead of a token its hash may stand there: sha256: and 64 hex digits, as \"tote token mqtt\" prints it." example:"/etc/tote/tokens"`
	MaxClients int        `yaml:"max_clients,omitempty" doc:"Connections at a time." min:"1" max:"100000" default:"256"`
}

// Listener is one address.
type Listener struct {
	Address  string `yaml:"address" form:"address" doc:"host:port. Without tls only a loopback address is allowed. Whoever comes over another address shows a certificate of the site, the password it was enrolled with, or one of tokens_file." example:"127.0.0.1:1883"`
	TLS      *TLS   `yaml:"tls,omitempty" doc:"Certificate of this listener; {} for one of the site's authority, made and renewed by the gateway itself."`
	Insecure bool   `yaml:"insecure,omitempty" doc:"Let address be one of the network though there is no tls, for controllers that cannot do better. Who can listen in the network reads their passwords. tote status and tote doctor name it." default:"false"`
}

// TLS names a certificate. Without files it is one of the site.
type TLS struct {
	Cert string `yaml:"cert,omitempty" form:"absolute" file:"plain" doc:"PEM file of the certificate chain, of an authority of your own. Left out: a certificate of the site." example:"/etc/tote/gw1.crt"`
	Key  string `yaml:"key,omitempty" form:"absolute" file:"secret" doc:"PEM file of the private key; with cert." example:"/etc/tote/gw1.key"`
}

// OfSite says whether the certificate is one of the site's authority.
func (t *TLS) OfSite() bool { return t != nil && t.Cert == "" && t.Key == "" }

// HTTP is the web server.
type HTTP struct {
	Listen     string `yaml:"listen" form:"address" doc:"host:port of pages and API without TLS. A loopback address." example:"127.0.0.1:8080"`
	HTTPS      *HTTPS `yaml:"https,omitempty" doc:"Pages and API for the network, over TLS. Left out: they are served to this machine alone."`
	Insecure   bool   `yaml:"insecure,omitempty" doc:"Let listen be an address of the network, without TLS. Who can listen there reads every token and can act as anybody. Even so nobody gets in without a token. tote status and tote doctor name it." default:"false"`
	TokensFile string `yaml:"tokens_file,omitempty" form:"absolute" file:"secret" doc:"File with one line \"name scope[,scope] hash\" per token; \"tote token api\" makes them. Scopes are service, read, device, picker, packer, lead and admin. When given, every request must show a token, pages too (as a password)." example:"/etc/tote/http-tokens"`
}

// HTTPS is the web server for the network.
type HTTPS struct {
	Listen string `yaml:"listen" form:"address" doc:"host:port of pages and API over TLS. Nobody gets in without a token of tokens_file or as an enrolled device." example:"0.0.0.0:8443"`
	Names  string `yaml:"names,omitempty" doc:"Names and addresses this gateway is called by, with spaces between; they go into its certificate. The first one is in the links handhelds are enrolled with. The addresses of the machine's networks are added by themselves." example:"gw1.example.com"`
	TLS    *TLS   `yaml:"tls,omitempty" doc:"Certificate of an authority of your own. Left out: one of the site."`
}

// Called are the names and addresses of the configuration.
func (h HTTPS) Called() []string { return words(h.Names) }

// SiteCertificate says whether a listener shows a certificate of the site, for which
// the gateway needs an identity.
func (c *Config) SiteCertificate() bool {
	if h := c.HTTP.HTTPS; h != nil && (h.TLS == nil || h.TLS.OfSite()) {
		return true
	}
	return slices.ContainsFunc(c.MQTT.Listen, func(l Listener) bool { return l.TLS.OfSite() })
}

// Identified says whether the gateway has an identity: it has others, or shows a
// certificate of the site.
func (c *Config) Identified() bool { return !c.Alone() || c.SiteCertificate() }

// Exposed lists the listeners that a network reaches without TLS, by their keys.
func (c *Config) Exposed() (out []string) {
	if c.HTTP.Insecure && !loopback(c.HTTP.Listen) {
		out = append(out, "http.listen "+c.HTTP.Listen)
	}
	for i, l := range c.MQTT.Listen {
		if l.Insecure && l.TLS == nil && !loopback(l.Address) {
			out = append(out, fmt.Sprintf("mqtt.listen[%d] %s", i, l.Address))
		}
	}
	return out
}

// Handheld is how the scanners of handheld pages type.
type Handheld struct {
	Prefix string `yaml:"prefix,omitempty" doc:"What they type before each code, one character: a code with it is never taken for what a person types." default:"~"`
	GS     string `yaml:"gs,omitempty" doc:"What they type for GS (1D hex) where they cannot type it, as DataWedge cannot: up to 8 characters that no code holds. F8 and Ctrl ] always count." default:"{GS}"`
}

// What OMS.Adapter may be.
const (
	AdapterNative = "native"
	AdapterFiles  = "files"
)

// OMS is the connection to the default upstream system.
type OMS struct {
	URL       string `yaml:"url,omitempty" doc:"Address of the OMS, http or https; http only on loopback. For the adapter native." example:"https://oms.example.com"`
	TokenFile string `yaml:"token_file,omitempty" doc:"File with the token this site shows to the OMS." form:"absolute" file:"secret" example:"/etc/tote/oms.token"`
	Name      string `yaml:"name,omitempty" doc:"Name of this connection in the audit log." form:"id" default:"main"`
	Adapter   string `yaml:"adapter,omitempty" doc:"How the OMS is spoken with. native: over HTTP. files: orders come as files of a folder and events go out as files of it. It may be changed at any time." enum:"native,files" default:"native"`
	Dir       string `yaml:"dir,omitempty" doc:"Folder of the adapter files, an absolute path; the same one on all gateways of the site." form:"absolute" example:"/srv/oms"`
}

// Upstream is the connection to the OMS of a consignor.
type Upstream struct {
	Name      string `yaml:"name" doc:"Its name in the rules of the site: 1 to 16 of a-z 0-9 -. Never one that oms has or had." form:"upstream" example:"acme"`
	URL       string `yaml:"url,omitempty" doc:"As in oms." example:"https://oms.acme.example.com"`
	TokenFile string `yaml:"token_file,omitempty" doc:"As in oms." form:"absolute" file:"secret" example:"/etc/tote/acme.token"`
	Adapter   string `yaml:"adapter,omitempty" doc:"As in oms." enum:"native,files" default:"native"`
	Dir       string `yaml:"dir,omitempty" doc:"As in oms." form:"absolute" example:"/srv/acme"`
}

// OMS is the connection alone.
func (u Upstream) OMS() OMS {
	return OMS{URL: u.URL, TokenFile: u.TokenFile, Name: u.Name, Adapter: u.Adapter, Dir: u.Dir}
}

// Images is where pictures of items may come from.
type Images struct {
	Hosts []ImageHost `yaml:"hosts" doc:"Hosts that may be asked for pictures, at least one. No other host is ever asked."`
}

// ImageHost is one host of pictures.
type ImageHost struct {
	Host string `yaml:"host" doc:"As it stands in the addresses of pictures, with the port when there is one." example:"img.example.com"`
}

// Station is one pack station.
type Station struct {
	ID      string   `yaml:"id" doc:"Id of the station, unique among stations and docks." form:"id" example:"pack1"`
	Scanner *Scanner `yaml:"scanner,omitempty" doc:"Barcode scanner of the station."`
	Scale   *Scale   `yaml:"scale,omitempty" doc:"Scale of the station."`
	Printer *Printer `yaml:"printer,omitempty" doc:"Label printer of the station."`
	Slips   *Printer `yaml:"slips,omitempty" doc:"Printer of the station for packing slips that are asked for, a receipt printer for one. Without it they come out of printer."`
	Tower   *Tower   `yaml:"tower,omitempty" doc:"Light tower of the station."`
	Buttons []Button `yaml:"buttons,omitempty" doc:"Push buttons of the station: each does what one of the station's own barcodes does." does:"reprint,next_carton"`
	Buzzer  *Buzzer  `yaml:"buzzer,omitempty" doc:"Buzzer of the station: one short sound for a scan or weight that was taken, three long ones for one that was not."`
}

// Dock is one dock door.
type Dock struct {
	ID       string    `yaml:"id" doc:"Id of the dock, unique among stations and docks." form:"id" example:"dock1"`
	Scanner  *Scanner  `yaml:"scanner,omitempty" doc:"Barcode scanner of the dock."`
	PhotoEye *PhotoEye `yaml:"photo_eye,omitempty" doc:"Photo-eye in the door; it opens and closes the portal's window."`
	RFID     *RFID     `yaml:"rfid,omitempty" doc:"RFID portal of the dock: what leaves is compared with what was packed, what comes in with what was announced."`
	Buttons  []Button  `yaml:"buttons,omitempty" doc:"Push buttons of the dock, as those of a station." does:"depart" example:"[{does: depart, line: GPIO12}]"`
	Buzzer   *Buzzer   `yaml:"buzzer,omitempty" doc:"Buzzer of the dock, as that of a station." example:"{line: GPIO13}"`
}

// Scanner is a barcode scanner on a serial line.
type Scanner struct {
	Driver string  `yaml:"driver,omitempty" doc:"Its driver, of the table in docs/devices.md." kind:"scanner" default:"serial-scanner"`
	GS1    *GS1    `yaml:"gs1,omitempty" doc:"How it sends GS1 data; {} for the defaults. Without this key scans are handed on as they come."`
	Serial *Serial `yaml:"serial,omitempty" doc:"Where it is plugged in. Either this or input."`
	Input  *Input  `yaml:"input,omitempty" doc:"Of a scanner that acts as a keyboard (driver wedge)." example:"{path: /dev/input/by-id/usb-scanner-event-kbd}"`
}

// What Input.End may be.
const (
	EndEnter = "enter"
	EndGap   = "gap"
)

// Input is a scanner that acts as a keyboard.
type Input struct {
	Path   string `yaml:"path" doc:"Input device, an absolute path below /dev/input/by-id or by-path." form:"absolute" example:"/dev/input/by-id/usb-scanner-event-kbd"`
	Layout string `yaml:"layout,omitempty" doc:"Keyboard the scanner is set to be: us or de." enum:"us,de" default:"us"`
	End    string `yaml:"end,omitempty" doc:"What ends a scan: the enter key, or a gap of a quarter of a second." enum:"enter,gap" default:"enter"`
}

// GS1 is how a scanner sends GS1 data.
type GS1 struct {
	Identifier string `yaml:"identifier,omitempty" doc:"AIM identifiers (]C1 …): auto takes them where they are sent, require refuses scans without, ignore cuts them off." default:"auto"`
	Separator  string `yaml:"separator,omitempty" doc:"What it makes of GS (1D hex): sent, as it is or as a substitute; dropped, and scans that could be split in several ways are refused." default:"sent"`
	Substitute string `yaml:"substitute,omitempty" doc:"What it sends for GS, such as ~ or {GS}; several with spaces between, nothing that values can hold." example:"~"`
	Prefix     string `yaml:"prefix,omitempty" doc:"What it sends in front of everything, the identifier too." example:"S1:"`
	Rules      string `yaml:"rules,omitempty" doc:"How scans without identifier are understood, with spaces between." default:"bracketed fnc1 00+18 01+14 digits link"`
}

// Scale is a scale on a serial line or on USB.
type Scale struct {
	Driver     string `yaml:"driver" doc:"Its driver, of the table in docs/devices.md." kind:"scale" example:"mt-sics"`
	IntervalMs int    `yaml:"interval_ms,omitempty" doc:"Time between two readings, in milliseconds, 10 to 5000; for drivers that ask." min:"10" max:"5000" default:"100"`
	Window     int    `yaml:"window,omitempty" doc:"How many readings in a row must be equal, each stable by the scale's own word, until a weight is booked; up to 50. Less than the driver needs changes nothing: two where the line has no checksum, one for mt-sics, toledo and hid." min:"1" max:"50" default:"1"`
	EmptyG     int    `yaml:"empty_g,omitempty" doc:"What may lie on a scale that counts as empty when it is to be zeroed, in grams, 1 to 100000." min:"1" max:"100000" default:"50"`
	// ZeroDriftG is nil for the default: 0 is off.
	ZeroDriftG *int    `yaml:"zero_drift_g,omitempty" doc:"An empty scale that rests further from zero than this, in grams, wants to be zeroed: fault DEV-208 and a hint at the station. 0 = nobody watches, 5 when it is left out. Below empty_g." example:"5"`
	Unit       string  `yaml:"unit,omitempty" doc:"Unit the scale is set to, for drivers whose scale does not tell it: mg, g, kg, lb or oz." example:"kg"`
	Pattern    string  `yaml:"pattern,omitempty" doc:"For the driver regex: regular expression (RE2) of one whole line. Groups value, stable and unit (or the key unit) are mandatory, overload, underload and net may be there. A weight is stable when the group stable matched something." example:"(?:(?P<stable>ST)|US),GS,(?P<value>[-+ ]*[0-9.]+) *(?P<unit>kg|g)"`
	Ask        string  `yaml:"ask,omitempty" doc:"For the driver regex: question for the weight, in double quotes, with \\r and \\n where it has CR and LF. Without it the scale talks by itself." example:"W\\r"`
	Zero       string  `yaml:"zero,omitempty" doc:"For the driver regex: command that zeroes the scale." example:"Z\\r"`
	HID        *HID    `yaml:"hid,omitempty" doc:"Which USB scale, for the driver hid; {} for the first one found." example:"{usb: \"0922:8003\"}"`
	Serial     *Serial `yaml:"serial,omitempty" doc:"Where it is plugged in. Every driver but hid needs it."`
}

// HID is a scale on USB.
type HID struct {
	Path string `yaml:"path,omitempty" doc:"Its hidraw node or a link to it. Left out: looked for." form:"absolute" example:"/dev/tote/pack1-scale"`
	USB  string `yaml:"usb,omitempty" doc:"Vendor and product, as lsusb shows them. Left out: any scale of the HID class." form:"usb" example:"0922:8003"`
}

// Printer is a label printer, on a serial line or in the network.
type Printer struct {
	Driver string  `yaml:"driver" doc:"Its driver, which is its language, of the table in docs/devices.md." kind:"printer" example:"zpl"`
	Dots   int     `yaml:"dots,omitempty" doc:"Dots a millimetre: 8 (203 dpi), 12 (300 dpi) or 24 (600 dpi); more than 8 with zpl and tspl." enum:"8,12,24" default:"8"`
	Label  string  `yaml:"label,omitempty" doc:"Size of its logistic labels: 4x6 (inches) or a6." enum:"4x6,a6" default:"4x6"`
	RFID   bool    `yaml:"rfid,omitempty" doc:"It has an RFID encoder and labels with tags: the SSCC of a carton, and the GTIN with serial of an item that has the site's company prefix, are written to the tag and read back. With zpl." default:"false"`
	Serial *Serial `yaml:"serial,omitempty" doc:"Where it is plugged in. Either this or tcp."`
	TCP    string  `yaml:"tcp,omitempty" doc:"host:port of a network printer, usually port 9100. Either this or serial." form:"address" example:"192.0.2.20:9100"`
}

// Serial is a serial line.
type Serial struct {
	Path     string `yaml:"path,omitempty" doc:"Device file, an absolute path. Use a link that stays the same: /dev/serial/by-id/… or by-path/…, not ttyUSB0. Either this or usb; tote devices list shows both." form:"absolute" example:"/dev/serial/by-id/usb-scanner-if00"`
	USB      string `yaml:"usb,omitempty" doc:"Instead of a path: vendor and product of the USB device, wherever it is plugged in." form:"usb" example:"0403:6001"`
	SerialNo string `yaml:"serial_number,omitempty" doc:"With usb: serial number of the device, needed where there are two of a kind." example:"A10K7F2X"`
	// Interface is nil for any: 0 is a port.
	Interface *int `yaml:"interface,omitempty" doc:"With usb: which port of an adapter with several, from 0." example:"0"`

	Baud     int    `yaml:"baud,omitempty" doc:"Bits per second, 300 to 4000000." min:"300" max:"4000000" default:"9600"`
	DataBits int    `yaml:"data_bits,omitempty" doc:"5 to 8." min:"5" max:"8" default:"8"`
	Parity   string `yaml:"parity,omitempty" doc:"none, odd, even, mark or space." enum:"none,odd,even,mark,space" default:"none"`
	StopBits int    `yaml:"stop_bits,omitempty" doc:"1 or 2." min:"1" max:"2" default:"1"`
	XonXoff  bool   `yaml:"xon_xoff,omitempty" doc:"Software flow control; printers on a serial line need it." default:"false"`
}

// Log is the journal.
type Log struct {
	Level  string `yaml:"level,omitempty" doc:"debug, info, warn or error." enum:"debug,info,warn,error" default:"info"`
	Format string `yaml:"format,omitempty" doc:"json or text." enum:"json,text" default:"json"`
}

// Raft holds the times of the replication; 0 means the store's own default.
type Raft struct {
	HeartbeatMs int `yaml:"heartbeat_ms,omitempty" doc:"A gateway that hears nothing from the leader for this long asks for an election; 20 to 60000. 0 = the default of the store." min:"20" max:"60000" none:"0" default:"0"`
	ElectionMs  int `yaml:"election_ms,omitempty" doc:"An election without a result is repeated after this long; not below heartbeat_ms. 0 = the default of the store." min:"20" max:"600000" none:"0" default:"0"`
	PromoteMs   int `yaml:"promote_ms,omitempty" doc:"A gateway that joined gets its vote when it has been well for this long; 1 to 600000. 0 = the default of the store." min:"1" max:"600000" none:"0" default:"0"`
}
