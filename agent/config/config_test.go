package config_test

import (
	"context"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tote/agent/config"
	"tote/drivers"
	"tote/drivers/all"
	"tote/drivers/rfid"
	"tote/drivers/serialport"
)

var update = flag.Bool("update", false, "rewrite config.example.yaml and docs/config.md")

// good is a file without optional keys; the cases below change it.
const good = `config_version: 1
site: s1
gateway: gw1
data_dir: /var/lib/tote
mqtt:
  listen: [{address: "127.0.0.1:1883"}]
http:
  listen: 127.0.0.1:8080
`

const devices = good + `stations:
  - id: pack1
    scanner: {serial: {path: /dev/serial/a}}
    scale:
      driver: mt-sics
      serial: {path: /dev/serial/b}
    printer: {driver: zpl, serial: {path: /dev/serial/c}}
docks:
  - id: dock1
    scanner: {serial: {path: /dev/serial/d}}
`

func with(base, old, repl string) string {
	if !strings.Contains(base, old) {
		panic("no " + old)
	}
	return strings.Replace(base, old, repl, 1)
}

// A scanner is set up for GS1 where the key is there, with defaults for what it
// leaves out.
func TestGS1OfAScanner(t *testing.T) {
	for in, want := range map[string]*config.GS1{
		"":          nil,
		"gs1: {}, ": {Identifier: "auto", Separator: "sent", Rules: "bracketed fnc1 00+18 01+14 digits link"},
		`gs1: {identifier: ignore, separator: dropped, substitute: "~ {GS}", prefix: "S1:", rules: 01+14}, `: {Identifier: "ignore", Separator: "dropped", Substitute: "~ {GS}", Prefix: "S1:", Rules: "01+14"},
	} {
		cfg, err := parse("f.yaml", []byte(with(devices, "{serial: {path: /dev/serial/a}}", "{"+in+"serial: {path: /dev/serial/a}}")))
		if err != nil {
			t.Fatal(err)
		}
		if err := cfg.Validate(); err != nil {
			t.Error(err)
		}
		got := cfg.Stations[0].Scanner.GS1
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", in, diff)
		}
		if (got.Scan() == nil) != (want == nil) || want != nil && len(got.Scan().Rules) != len(strings.Fields(want.Rules)) {
			t.Errorf("%s: %+v", in, got.Scan())
		}
	}
}

// A port by the identity of its USB device reaches the driver as such.
func TestPortByUSB(t *testing.T) {
	cfg, err := parse("f", []byte(with(devices, "path: /dev/serial/b", `usb: "0403:6011", serial_number: "00123", interface: 1, baud: 2400`)))
	if err != nil {
		t.Fatal(err)
	}
	one := 1
	want := serialport.Config{USB: serialport.Name{ID: "0403:6011", Serial: "00123", Interface: &one}, Baud: 2400, DataBits: 8, Parity: "none", StopBits: 1, Owner: "pack1/scale"}
	if d := cmp.Diff(want, cfg.Stations[0].Scale.Serial.Port("pack1/scale")); d != "" {
		t.Error(d)
	}
}

func TestGood(t *testing.T) {
	cfg, err := parse("f.yaml", []byte(devices+"oms: {url: \"http://127.0.0.1:9000\"}\n"))
	if err != nil {
		t.Fatal(err)
	}
	serial := func(path string) *config.Serial {
		return &config.Serial{Path: path, Baud: 9600, DataBits: 8, Parity: "none", StopBits: 1}
	}
	want := &config.Config{
		ConfigVersion: 1, Site: "s1", Gateway: "gw1", DataDir: "/var/lib/tote",
		MQTT: config.MQTT{Listen: []config.Listener{{Address: "127.0.0.1:1883"}}, MaxClients: 256},
		HTTP: config.HTTP{Listen: "127.0.0.1:8080"},
		OMS:  &config.OMS{URL: "http://127.0.0.1:9000", Name: "main", Adapter: "native"},
		Stations: []config.Station{{
			ID: "pack1", Scanner: &config.Scanner{Driver: "serial-scanner", Serial: serial("/dev/serial/a")},
			Scale:   &config.Scale{Driver: "mt-sics", IntervalMs: 100, Window: 1, EmptyG: 50, Serial: serial("/dev/serial/b")},
			Printer: &config.Printer{Driver: "zpl", Dots: 8, Label: "4x6", Serial: serial("/dev/serial/c")},
		}},
		Docks:    []config.Dock{{ID: "dock1", Scanner: &config.Scanner{Driver: "serial-scanner", Serial: serial("/dev/serial/d")}}},
		Log:      config.Log{Level: "info", Format: "json"},
		Handheld: config.Handheld{Prefix: "~", GS: "{GS}"},
		Store:    "disk",
	}
	if diff := cmp.Diff(want, cfg); diff != "" {
		t.Error(diff)
	}
	if err := cfg.Validate(); err != nil {
		t.Errorf("Validate of what Parse gave: %v", err)
	}
}

func TestMalformed(t *testing.T) {
	type want struct {
		code, path string
		line, col  int
		text, near string // part of the text; the suggestion
	}
	for _, tc := range []struct {
		name, in string
		want     []want
	}{
		{"empty", "", []want{{code: "CFG_MISSING", text: "empty"}}},
		{"comments only", "# nothing\n", []want{{code: "CFG_MISSING", text: "empty"}}},
		{"not yaml", "site: [1, 2\n", []want{{code: "CFG_SYNTAX", line: 1}}},
		{"tab", "mqtt:\n\tlisten: x\n", []want{{code: "CFG_SYNTAX", line: 2}}},
		{"a list", "- 1\n", []want{{code: "CFG_TYPE", line: 1}}},
		{"a text", "hello\n", []want{{code: "CFG_TYPE", line: 1}}},
		{"two documents", good + "---\nsite: s2\n", []want{{code: "CFG_SYNTAX", line: 9, col: 1, text: "second document"}}},
		{"key twice", good + "site: s2\n", []want{{code: "CFG_TWICE", path: "site", line: 9, col: 1}}},
		{"unknown key", with(good, "gateway:", "gatway:"), []want{{code: "CFG_UNKNOWN_KEY", path: "gatway", line: 3, col: 1, near: "gateway"}}},
		{"unknown key, far off", good + "colour: red\n", []want{{code: "CFG_UNKNOWN_KEY", path: "colour", line: 9, col: 1}}},
		{"unknown key, other case", with(good, "site:", "Site:"), []want{{code: "CFG_UNKNOWN_KEY", path: "Site", line: 2, col: 1, near: "site"}}},
		{
			"unknown key in a list", with(devices, "scanner: {serial: {path: /dev/serial/a}}", "scaner: {serial: {path: /dev/serial/a}}"),
			[]want{{code: "CFG_UNKNOWN_KEY", path: "stations[0].scaner", line: 11, col: 5, near: "scanner"}},
		},
		{
			"unknown key, deep", with(devices, "serial: {path: /dev/serial/b}", "serial: {path: /dev/serial/b, buad: 9600}"),
			[]want{{code: "CFG_UNKNOWN_KEY", path: "stations[0].scale.serial.buad", line: 14, near: "baud"}},
		},
		{"number for a text list", with(good, `[{address: "127.0.0.1:1883"}]`, "5"), []want{{code: "CFG_TYPE", path: "mqtt.listen", line: 6}}},
		{
			"text for a number", with(good, "config_version: 1", "config_version: one"),
			[]want{{code: "CFG_TYPE", path: "config_version", line: 1, text: "want whole number"}},
		},
		{"text for keys", with(good, "http:\n  listen: 127.0.0.1:8080", "http: 127.0.0.1:8080"), []want{{code: "CFG_TYPE", path: "http", line: 7}}},
		{"fraction", good + "raft: {heartbeat_ms: 1.5}\n", []want{{code: "CFG_TYPE", path: "raft.heartbeat_ms", line: 9}}},
		{"quoted number", with(good, "config_version: 1", `config_version: "1"`), []want{{code: "CFG_TYPE", path: "config_version", line: 1}}},
		{"true for a text", with(good, "site: s1", "site: true"), []want{{code: "CFG_TYPE", path: "site", line: 2, text: "quotes"}}},
		{"fraction for a text", with(good, "site: s1", "site: 1.10"), []want{{code: "CFG_TYPE", path: "site", line: 2, text: "quotes"}}},
		{
			"text for true", with(devices, "path: /dev/serial/c", "path: /dev/serial/c, xon_xoff: maybe"),
			[]want{{code: "CFG_TYPE", path: "stations[0].printer.serial.xon_xoff", line: 15, text: "true or false"}},
		},

		{"no version", with(good, "config_version: 1\n", ""), []want{{code: "CFG_MISSING", path: "config_version"}}},
		{"other version", with(good, "config_version: 1", "config_version: 2"), []want{{code: "CFG_VERSION", path: "config_version", line: 1, col: 1}}},
		{"no site", with(good, "site: s1", "site:"), []want{{code: "CFG_MISSING", path: "site", line: 2, col: 1}}},
		{"bad site", with(good, "site: s1", "site: s/1"), []want{{code: "CFG_ID", path: "site", line: 2, col: 1}}},
		{"bad gateway", with(good, "gateway: gw1", "gateway: gw 1"), []want{{code: "CFG_ID", path: "gateway", line: 3}}},
		{"long gateway", with(good, "gw1", strings.Repeat("g", 65)), []want{{code: "CFG_ID", path: "gateway", line: 3}}},
		{"relative data dir", with(good, "/var/lib/tote", "var/tote"), []want{{code: "CFG_VALUE", path: "data_dir", line: 4, text: "absolute"}}},
		{"no such store", good + "store: nome\n", []want{{code: "CFG_VALUE", path: "store", line: 9, near: "none"}}},
		{"satellite with an OMS", good + "store: none\noms: {url: \"http://127.0.0.1:9000\"}\n", []want{{code: "CFG_VALUE", path: "oms", line: 10}}},
		{"satellite that listens", good + "store: none\ncluster: {listen: \"127.0.0.1:7070\"}\n", []want{{code: "CFG_VALUE", path: "cluster.listen", line: 10}}},
		{"gateway without a port", good + "store: none\ncluster: {gateways: [{address: gw1@host}]}\n", []want{{code: "CFG_VALUE", path: "cluster.gateways[0].address", line: 10}}},
		{"gateway without an id", good + "store: none\ncluster: {gateways: [{address: \"host:7070\"}]}\n", []want{{code: "CFG_VALUE", path: "cluster.gateways[0].address", line: 10, text: "id@host:port"}}},
		{"no mqtt", with(good, "mqtt:\n  listen: [{address: \"127.0.0.1:1883\"}]\n", ""), []want{{code: "CFG_MISSING", path: "mqtt.listen"}}},
		{"no listeners", with(good, `[{address: "127.0.0.1:1883"}]`, "[]"), []want{{code: "CFG_MISSING", path: "mqtt.listen", line: 6}}},
		{"no port", with(good, "127.0.0.1:1883", "127.0.0.1"), []want{{code: "CFG_VALUE", path: "mqtt.listen[0].address", line: 6, text: "host:port"}}},
		{"port too high", with(good, "1883", "70000"), []want{{code: "CFG_VALUE", path: "mqtt.listen[0].address", line: 6}}},
		{"plain on all addresses", with(good, `"127.0.0.1:1883"`, `":1883"`), []want{{code: "CFG_PLAIN_LISTENER", path: "mqtt.listen[0].address", line: 6, col: 13}}},
		{"plain on a LAN address", with(good, "127.0.0.1:1883", "192.168.1.5:1883"), []want{{code: "CFG_PLAIN_LISTENER", path: "mqtt.listen[0].address"}}},
		{"half a certificate", with(good, `"127.0.0.1:1883"}`, `":8883", tls: {cert: /a.crt}}`), []want{{code: "CFG_MISSING", path: "mqtt.listen[0].tls.key", line: 6}}},
		{"relative certificate", with(good, `"127.0.0.1:1883"}`, `":8883", tls: {cert: a.crt, key: /a.key}}`), []want{{code: "CFG_VALUE", path: "mqtt.listen[0].tls.cert"}}},
		{"pages in the open", with(good, "127.0.0.1:8080", "0.0.0.0:8080"), []want{{code: "CFG_PLAIN_LISTENER", path: "http.listen", line: 8, col: 3}}},
		{"no pages", with(good, "http:\n  listen: 127.0.0.1:8080\n", ""), []want{{code: "CFG_MISSING", path: "http.listen"}}},
		{"one address twice", with(good, "127.0.0.1:8080", "127.0.0.1:1883"), []want{{code: "CFG_TWICE", path: "http.listen", line: 8, text: "mqtt.listen[0].address"}}},
		{"too many clients", with(good, "mqtt:\n", "mqtt:\n  max_clients: -1\n"), []want{{code: "CFG_VALUE", path: "mqtt.max_clients", line: 6}}},
		{"oms without url", good + "oms: {name: main}\n", []want{{code: "CFG_MISSING", path: "oms.url", line: 9}}},
		{"oms url", good + "oms: {url: oms.example.com}\n", []want{{code: "CFG_VALUE", path: "oms.url", line: 9}}},
		{"oms in the clear", good + "oms: {url: \"http://oms.example.com\"}\n", []want{{code: "CFG_VALUE", path: "oms.url", text: "use https"}}},
		{"oms with a password", good + "oms: {url: \"https://a:b@oms.example.com\"}\n", []want{{code: "CFG_VALUE", path: "oms.url", text: "token_file"}}},
		{"oms token", good + "oms: {url: \"https://oms.example.com\", token_file: tok}\n", []want{{code: "CFG_VALUE", path: "oms.token_file"}}},
		{"upstream as oms", good + "oms: {url: \"http://127.0.0.1:9000\"}\nupstreams: [{name: main, url: \"http://127.0.0.1:9001\"}]\n", []want{{code: "CFG_TWICE", path: "upstreams[0].name", line: 10, text: "name of oms too"}}},
		{"upstream without a name", good + "oms: {url: \"http://127.0.0.1:9000\"}\nupstreams: [{url: \"http://127.0.0.1:9001\"}]\n", []want{{code: "CFG_MISSING", path: "upstreams[0].name", line: 10}}},
		{"no such adapter", good + "oms: {adapter: file, dir: /srv/oms}\n", []want{{code: "CFG_MISSING", path: "oms.url", line: 9}, {code: "CFG_VALUE", path: "oms.adapter", line: 9, near: "files"}}},
		{"folder missing", good + "oms: {adapter: files}\n", []want{{code: "CFG_MISSING", path: "oms.dir", line: 9}}},
		{"folder with an address", good + "oms: {adapter: files, dir: /srv/oms, url: \"https://a.example.com\"}\n", []want{{code: "CFG_VALUE", path: "oms.adapter", line: 9}}},
		{"two OMSs in one folder", good + "oms: {adapter: files, dir: /srv/oms}\nupstreams: [{name: a, adapter: files, dir: /srv/x/../oms}]\n", []want{{code: "CFG_TWICE", path: "upstreams[0].dir", line: 10}}},
		{"upstream's name", good + "upstreams: [{name: Acme, url: \"http://127.0.0.1:9001\"}]\n", []want{{code: "CFG_ID", path: "upstreams[0].name", line: 9, text: "a-z"}}},
		{"two upstreams, one OMS", good + "upstreams: [{name: a, url: \"http://127.0.0.1:9001\"}, {name: b, url: \"http://127.0.0.1:9001\"}]\n", []want{{code: "CFG_TWICE", path: "upstreams[1].url", line: 9, text: "upstreams[0]"}}},
		{"upstream without url", good + "upstreams: [{name: a}]\n", []want{{code: "CFG_MISSING", path: "upstreams[0].url", line: 9}}},
		{"upstream's token", good + "upstreams: [{name: a, url: \"https://a.example.com\", token_file: tok}]\n", []want{{code: "CFG_VALUE", path: "upstreams[0].token_file", line: 9}}},
		{"satellite with upstreams", good + "store: none\nupstreams: [{name: a, url: \"https://a.example.com\"}]\n", []want{{code: "CFG_VALUE", path: "upstreams", line: 10}}},
		{"backup to nowhere", good + "backup: {every_h: 6}\n", []want{{code: "CFG_MISSING", path: "backup.folder", line: 9, text: "either folder or url"}}},
		{"backup to two places", good + "backup: {folder: /mnt/a, url: \"https://a.example.com\"}\n", []want{{code: "CFG_VALUE", path: "backup.url", line: 9, text: "not both"}}},
		{"backup beside the agent", good + "backup: {folder: backups}\n", []want{{code: "CFG_VALUE", path: "backup.folder", line: 9, text: "absolute"}}},
		{"backup in the clear", good + "backup: {url: \"http://nas.site.lan/tote\"}\n", []want{{code: "CFG_VALUE", path: "backup.url", line: 9, text: "use https"}}},
		{"backup with a password", good + "backup: {url: \"https://a:b@nas.site.lan/tote\"}\n", []want{{code: "CFG_VALUE", path: "backup.url", line: 9, text: "secret_file"}}},
		{"a secret for a folder", good + "backup: {folder: /mnt/a, secret_file: /etc/x}\n", []want{{code: "CFG_VALUE", path: "backup.secret_file", line: 9}}},
		{"backup at noon o'clock", good + "backup: {folder: /mnt/a, at: noon}\n", []want{{code: "CFG_VALUE", path: "backup.at", line: 9, text: "02:30"}}},
		{"backup at and every", good + "backup: {folder: /mnt/a, at: \"02:30\", every_h: 6}\n", []want{{code: "CFG_VALUE", path: "backup.at", line: 9, text: "every_h: 24"}}},
		{"backup too seldom", good + "backup: {folder: /mnt/a, every_h: 169, keep_daily: -1, keep_weekly: 521}\n", []want{
			{code: "CFG_VALUE", path: "backup.every_h", line: 9}, {code: "CFG_VALUE", path: "backup.keep_daily", line: 9}, {code: "CFG_VALUE", path: "backup.keep_weekly", line: 9},
		}},
		{"backup of a satellite", good + "store: none\nbackup: {folder: /mnt/a}\n", []want{{code: "CFG_VALUE", path: "backup", line: 10, text: "no state"}}},
		{"station without id", with(devices, "  - id: pack1\n    scanner", "  - scanner"), []want{{code: "CFG_MISSING", path: "stations[0].id", line: 10, col: 5}}},
		{"station and dock alike", with(devices, "dock1", "pack1"), []want{{code: "CFG_TWICE", path: "docks[0].id", line: 17, col: 5, text: "stations[0]"}}},
		{"two stations alike", with(devices, "docks:\n", "  - id: pack1\ndocks:\n"), []want{{code: "CFG_TWICE", path: "stations[1].id", line: 16}}},
		{"two devices on a line", with(devices, "/dev/serial/b", "/dev/serial/a"), []want{{code: "CFG_SAME_PORT", path: "stations[0].scale.serial.path", line: 14, text: "stations[0].scanner.serial.path"}}},
		{"a line by path and by usb", with(devices, "path: /dev/serial/b", `usb: "0403:6001", path: /dev/serial/b`), []want{{code: "CFG_VALUE", path: "stations[0].scale.serial.usb", line: 14, text: "not both"}}},
		{"no such usb", with(devices, "path: /dev/serial/b", `usb: "0403-6001"`), []want{{code: "CFG_VALUE", path: "stations[0].scale.serial.usb", line: 14, text: "vendor:product"}}},
		{"a serial number of nothing", with(devices, "path: /dev/serial/b", "serial_number: A1"), []want{{code: "CFG_MISSING", path: "stations[0].scale.serial.usb", line: 14}}},
		{"a serial number that YAML would change", with(devices, "path: /dev/serial/b", `usb: "0403:6001", serial_number: 00123`), []want{{code: "CFG_TYPE", path: "stations[0].scale.serial.serial_number", line: 14, text: "quotes"}}},
		{"half an interface", with(devices, "path: /dev/serial/b", `usb: "0403:6001", interface: 1.5`), []want{{code: "CFG_TYPE", path: "stations[0].scale.serial.interface", line: 14}}},
		{"two devices on a usb name", with(with(devices, "path: /dev/serial/b", `usb: "0403:600A"`), "path: /dev/serial/a", `usb: "0403:600a"`), []want{{code: "CFG_SAME_PORT", path: "stations[0].scale.serial.usb", line: 14, text: "stations[0].scanner.serial.usb"}}},
		{"a sensor of no driver", good + "sensors: [{id: c1, driver: xymd02, serial: {path: /dev/x}}]\n", []want{{code: "CFG_DRIVER", path: "sensors[0].driver", line: 9, near: "xy-md02"}}},
		{"a sensor's values", good + "sensors: [{id: c1, driver: xy-md02, address: 248, per_degree: 50, interval_ms: 10, dock: a/b, serial: {path: /dev/x}}]\n", []want{{code: "CFG_VALUE", path: "sensors[0].address", line: 9}, {code: "CFG_VALUE", path: "sensors[0].per_degree", line: 9}, {code: "CFG_VALUE", path: "sensors[0].interval_ms", line: 9}, {code: "CFG_ID", path: "sensors[0].dock", line: 9}}},
		{"a sensor at no port", good + "sensors: [{id: c1, driver: xy-md02}]\n", []want{{code: "CFG_MISSING", path: "sensors[0]", line: 9}}},
		{"two devices on a line, otherwise written", with(devices, "/dev/serial/d", "/dev/serial/../serial/a"), []want{{code: "CFG_SAME_PORT", path: "docks[0].scanner.serial.path", line: 18}}},
		{"relative port", with(devices, "/dev/serial/a", "ttyUSB0"), []want{{code: "CFG_VALUE", path: "stations[0].scanner.serial.path", line: 11}}},
		{"a digit for GS", with(devices, "{serial: {path: /dev/serial/a}}", "{gs1: {substitute: \"~ 5\"}, serial: {path: /dev/serial/a}}"), []want{{code: "CFG_VALUE", path: "stations[0].scanner.gs1", line: 11, text: "no value can hold"}}},
		{"a tilde that is nothing", with(devices, "{serial: {path: /dev/serial/a}}", "{gs1: {substitute: ~}, serial: {path: /dev/serial/a}}"), []want{{code: "CFG_VALUE", path: "stations[0].scanner.gs1.substitute", line: 11, text: "quotes"}}},
		{"no such rule", with(devices, "{serial: {path: /dev/serial/d}}", "{gs1: {rules: guess}, serial: {path: /dev/serial/d}}"), []want{{code: "CFG_VALUE", path: "docks[0].scanner.gs1", text: "01+14"}}},
		{"no port", with(devices, "{serial: {path: /dev/serial/a}}", "{driver: serial-scanner}"), []want{{code: "CFG_MISSING", path: "stations[0].scanner.serial", line: 11}}},
		{"driver", with(devices, "mt-sics", "mtsics"), []want{{code: "CFG_DRIVER", path: "stations[0].scale.driver", line: 13, col: 7, near: "mt-sics"}}},
		{"driver of another kind", with(devices, "driver: zpl", "driver: mt-sics"), []want{{code: "CFG_DRIVER", path: "stations[0].printer.driver", text: "zpl"}}},
		{"window", with(devices, "mt-sics", "mt-sics\n      window: 51"), []want{{code: "CFG_VALUE", path: "stations[0].scale.window", line: 14}}},
		{"drift of more than counts as empty", with(devices, "mt-sics", "mt-sics\n      zero_drift_g: 50"), []want{{code: "CFG_VALUE", path: "stations[0].scale.zero_drift_g", line: 14, text: "0..49"}}},
		{"a pattern for a driver without", with(devices, "mt-sics", "mt-sics\n      pattern: x"), []want{{code: "CFG_VALUE", path: "stations[0].scale", text: "mt-sics"}}},
		{"no pattern", with(devices, "mt-sics", "regex"), []want{{code: "CFG_VALUE", path: "stations[0].scale", text: "a pattern is needed"}}},
		{"a pattern that never says stable", with(devices, "mt-sics", "regex\n      pattern: (?P<value>[0-9]+)(?P<unit>g)"), []want{{code: "CFG_VALUE", path: "stations[0].scale", text: "stable"}}},
		{"no unit", with(devices, "mt-sics", "toledo-8213"), []want{{code: "CFG_VALUE", path: "stations[0].scale", text: "does not tell its unit"}}},
		{"USB scale without a key", with(devices, "mt-sics\n      serial: {path: /dev/serial/b}", "hid"), []want{{code: "CFG_MISSING", path: "stations[0].scale.hid"}}},
		{"USB scale on a serial line too", with(devices, "mt-sics", "hid\n      hid: {}"), []want{{code: "CFG_VALUE", path: "stations[0].scale", text: "not both"}}},
		{"USB id", with(devices, "mt-sics\n      serial: {path: /dev/serial/b}", "hid\n      hid: {usb: dymo}"), []want{{code: "CFG_VALUE", path: "stations[0].scale.hid.usb", text: "0922:8003"}}},
		{"USB key of another driver", with(devices, "mt-sics", "mt-sics\n      hid: {}"), []want{{code: "CFG_VALUE", path: "stations[0].scale.hid", line: 14}}},
		{"no driver", with(devices, "      driver: mt-sics\n", ""), []want{{code: "CFG_MISSING", path: "stations[0].scale.driver", line: 12}}},
		{"baud", with(devices, "/dev/serial/b", "/dev/serial/b, baud: 96"), []want{{code: "CFG_VALUE", path: "stations[0].scale.serial.baud", line: 14, text: "300..4000000"}}},
		{"parity", with(devices, "/dev/serial/b", "/dev/serial/b, parity: evn"), []want{{code: "CFG_VALUE", path: "stations[0].scale.serial.parity", near: "even"}}},
		{
			"bits", with(devices, "/dev/serial/b", "/dev/serial/b, data_bits: 9, stop_bits: 3"),
			[]want{{code: "CFG_VALUE", path: "stations[0].scale.serial.data_bits"}, {code: "CFG_VALUE", path: "stations[0].scale.serial.stop_bits"}},
		},
		{"interval", with(devices, "      driver: mt-sics\n", "      driver: mt-sics\n      interval_ms: 1\n"), []want{{code: "CFG_VALUE", path: "stations[0].scale.interval_ms", line: 14}}},
		{"receipt printer for logistic labels", with(devices, "driver: zpl", "driver: escpos"), []want{{code: "CFG_VALUE", path: "stations[0].printer.driver", text: "receipt"}}},
		{"300 dpi in EPL2", with(devices, "driver: zpl", "driver: epl2, dots: 12"), []want{{code: "CFG_VALUE", path: "stations[0].printer.dots", text: "fonts"}}},
		{"tags in TSPL", with(devices, "driver: zpl", "driver: tspl, rfid: true"), []want{{code: "CFG_VALUE", path: "stations[0].printer.rfid", text: "tags"}}},
		{"odd resolution", with(devices, "driver: zpl", "driver: zpl, dots: 10"), []want{{code: "CFG_VALUE", path: "stations[0].printer.dots", text: "24"}}},
		{"odd label", with(devices, "driver: zpl", "driver: zpl, label: a5"), []want{{code: "CFG_VALUE", path: "stations[0].printer.label", text: "a6", near: "a6"}}},
		{"printer nowhere", with(devices, "{driver: zpl, serial: {path: /dev/serial/c}}", "{driver: zpl}"), []want{{code: "CFG_MISSING", path: "stations[0].printer", line: 15}}},
		{"printer at two places", with(devices, "{driver: zpl,", "{driver: zpl, tcp: \"192.0.2.1:9100\","), []want{{code: "CFG_VALUE", path: "stations[0].printer", line: 15, text: "not both"}}},
		{"printer without port", with(devices, "serial: {path: /dev/serial/c}", "tcp: 192.0.2.1"), []want{{code: "CFG_VALUE", path: "stations[0].printer.tcp"}}},
		{"scanners of pages", good + "handheld: {prefix: ab, gs: X}\n", []want{{code: "CFG_VALUE", path: "handheld.prefix", line: 9, text: "one character"}, {code: "CFG_VALUE", path: "handheld.gs", text: "no value can hold"}}},
		{"keyboard without input", good + "docks: [{id: d1, scanner: {driver: wedge}}]\n", []want{{code: "CFG_MISSING", path: "docks[0].scanner.input", line: 9}}},
		{"keyboard on a line", good + "docks: [{id: d1, scanner: {driver: wedge, serial: {path: /dev/x}}}]\n", []want{{code: "CFG_VALUE", path: "docks[0].scanner.serial"}}},
		{"keyboard of a serial scanner", good + "docks: [{id: d1, scanner: {driver: ssi, input: {path: /dev/x}}}]\n", []want{{code: "CFG_VALUE", path: "docks[0].scanner.input"}}},
		{"another keyboard", good + "docks: [{id: d1, scanner: {driver: wedge, input: {path: x, layout: fr, end: tab}}}]\n", []want{{code: "CFG_VALUE", path: "docks[0].scanner.input.path"}, {code: "CFG_VALUE", path: "docks[0].scanner.input.layout"}, {code: "CFG_VALUE", path: "docks[0].scanner.input.end"}}},
		{"reader without its topics", good + "docks: [{id: d1, rfid: {driver: ziotc}}]\n", []want{{code: "CFG_MISSING", path: "docks[0].rfid.mqtt", line: 9}}},
		{"reader by MQTT and by a line", good + "docks:\n  - id: d1\n    rfid: {driver: ziotc, tcp: \"192.0.2.1:5084\", power_dbm: 20,\n      mqtt: {client_id: A, events: a b, commands: c}}\n", []want{{code: "CFG_VALUE", path: "docks[0].rfid", text: "neither"}, {code: "CFG_VALUE", path: "docks[0].rfid.power_dbm"}}},
		{"serial reader by MQTT", good + "docks: [{id: d1, rfid: {driver: r2000, mqtt: {client_id: A, events: a, commands: c}}}]\n", []want{{code: "CFG_VALUE", path: "docks[0].rfid.mqtt", text: "only for"}}},
		{"topics of the site", good + "docks: [{id: d1, rfid: {driver: ziotc, mqtt: {client_id: \"a:b\", events: tote/v1/x, commands: c d}}}]\n", []want{{code: "CFG_ID", path: "docks[0].rfid.mqtt.client_id"}, {code: "CFG_VALUE", path: "docks[0].rfid.mqtt.events"}, {code: "CFG_VALUE", path: "docks[0].rfid.mqtt.commands", text: "one topic"}}},
		{"two readers with a topic", good + "docks:\n  - id: d1\n    rfid: {driver: ziotc, mqtt: {client_id: A, events: a, commands: b}}\n  - id: d2\n    rfid: {driver: ziotc-sled, mqtt: {client_id: B, events: c, commands: b}}\n", []want{{code: "CFG_SAME_PORT", path: "docks[1].rfid.mqtt.commands"}}},
		{"pages in the open, and insecure", with(good, "127.0.0.1:8080", "0.0.0.0:8080\n  insecure: true"), []want{{code: "CFG_MISSING", path: "http.tokens_file", text: "who may come"}}},
		{"https nowhere", with(good, "127.0.0.1:8080", "127.0.0.1:8080\n  https: {names: a}"), []want{{code: "CFG_MISSING", path: "http.https.listen"}}},
		{"https at a port that is taken", with(good, "127.0.0.1:8080", "127.0.0.1:8080\n  https: {listen: \"127.0.0.1:8080\"}"), []want{{code: "CFG_TWICE", path: "http.https.listen"}}},
		{"https with half a certificate", with(good, "127.0.0.1:8080", "127.0.0.1:8080\n  https: {listen: \"0.0.0.0:8443\", names: \"a_b gw1.example.com 192.0.2.1 -x\", tls: {cert: /a}}"), []want{{code: "CFG_VALUE", path: "http.https.names", text: "a_b"}, {code: "CFG_VALUE", path: "http.https.names", text: "-x"}, {code: "CFG_MISSING", path: "http.https.tls.key"}}},
		{"insecure, with tls", with(good, "{address: \"127.0.0.1:1883\"}", "{address: \"0.0.0.0:1883\", insecure: true, tls: {}}"), []want{{code: "CFG_VALUE", path: "mqtt.listen[0].insecure"}}},
		{"a satellite's certificate of the site", with(good, "{address: \"127.0.0.1:1883\"}", "{address: \"0.0.0.0:8883\", tls: {}}") + "store: none\n", []want{{code: "CFG_VALUE", path: "store", text: "cert and key"}}},
		{"level", good + "log: {level: warning}\n", []want{{code: "CFG_VALUE", path: "log.level", line: 9, near: "warn"}}},
		{"format", good + "log: {format: xml}\n", []want{{code: "CFG_VALUE", path: "log.format", text: "json or text"}}},
		{"heartbeat", good + "raft: {heartbeat_ms: 5}\n", []want{{code: "CFG_VALUE", path: "raft.heartbeat_ms", line: 9}}},
		{"promotion", good + "raft: {promote_ms: -1}\n", []want{{code: "CFG_VALUE", path: "raft.promote_ms", line: 9}}},
		{"election before heartbeat", good + "raft: {heartbeat_ms: 500, election_ms: 400}\n", []want{{code: "CFG_VALUE", path: "raft.election_ms", text: "below"}}},
		{
			"several at once", with(with(good, "site: s1", "site: s+1"), "/var/lib/tote", "x") + "log: {level: loud}\n",
			[]want{{code: "CFG_ID", line: 2}, {code: "CFG_VALUE", line: 4}, {code: "CFG_VALUE", line: 9}},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := parse("f.yaml", []byte(tc.in))
			var ps config.Problems
			if !errors.As(err, &ps) {
				t.Fatalf("error %v", err)
			}
			if len(ps) != len(tc.want) {
				t.Fatalf("%d problems, want %d:\n%v", len(ps), len(tc.want), ps)
			}
			for i, w := range tc.want {
				p := ps[i]
				ok := p.Code == w.code && strings.Contains(p.Text+p.Action, w.text) && p.Near == w.near &&
					(w.path == "" || p.Path == w.path) && (w.line == 0 || p.Line == w.line) && (w.col == 0 || p.Column == w.col)
				if !ok {
					t.Errorf("got  %+v\nwant %+v", p, w)
				}
				if p.Line > 0 && !strings.Contains(p.Excerpt, strings.TrimSpace(strings.Replace(strings.Split(tc.in, "\n")[p.Line-1], "a:b@", "***@", 1))) {
					t.Errorf("excerpt %q does not show line %d", p.Excerpt, p.Line)
				}
				if !strings.Contains(err.Error(), p.Code) || p.File != "f.yaml" {
					t.Errorf("message %q", err)
				}
			}
		})
	}
}

func TestMessage(t *testing.T) {
	_, err := parse("/etc/tote/agent.yaml", []byte(with(devices, "scanner:", "scaner:")))
	want := `/etc/tote/agent.yaml:11:5: CFG_UNKNOWN_KEY: stations[0].scaner: there is no such key; did you mean scanner?
   11 |     scaner: {serial: {path: /dev/serial/a}}
      |     ^
      what to do: Write scanner, or remove the line.`
	if diff := cmp.Diff(want, err.Error()); diff != "" {
		t.Error(diff)
	}
}

// Each code has an explanation, and each explanation a code that occurs.
func TestFaults(t *testing.T) {
	src, err := os.ReadFile("faults.go")
	if err != nil {
		t.Fatal(err)
	}
	var codes []string
	for _, line := range strings.Split(string(src), "\n") {
		if _, v, ok := strings.Cut(line, `= "CFG_`); ok {
			codes = append(codes, "CFG_"+strings.TrimSuffix(v, `"`))
		}
	}
	var explained []string
	for _, f := range config.Faults() {
		explained = append(explained, f.Code)
		if f.Cause == "" || f.Action == "" {
			t.Errorf("%s: no cause or action", f.Code)
		}
	}
	if diff := cmp.Diff(codes, explained); diff != "" {
		t.Error(diff)
	}
}

// Every key has a doc, and a required one an example.
func TestEveryKeyIsDocumented(t *testing.T) {
	var walk func(rt reflect.Type, path string)
	walk = func(rt reflect.Type, path string) {
		for rt.Kind() == reflect.Pointer || rt.Kind() == reflect.Slice {
			rt = rt.Elem()
		}
		if rt.Kind() != reflect.Struct {
			return
		}
		for i := range rt.NumField() {
			f := rt.Field(i)
			p := path + "." + f.Name
			if f.Tag.Get("yaml") == "" || f.Tag.Get("doc") == "" {
				t.Errorf("%s: no yaml or doc tag", p)
			}
			if k := f.Type.Kind(); k != reflect.Pointer && k != reflect.Slice && k != reflect.Struct && f.Tag.Get("example") == "" && f.Tag.Get("default") == "" {
				t.Errorf("%s: neither example nor default", p)
			}
			walk(f.Type, p)
		}
	}
	walk(reflect.TypeFor[config.Config](), "Config")
}

func TestGeneratedFiles(t *testing.T) {
	schema, err := config.Schema()
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"../../config.example.yaml":     config.Example(),
		"../../docs/config.md":          config.Docs(),
		"../../docs/config.schema.json": schema,
	} {
		if *update {
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, string(got)); diff != "" {
			t.Errorf("%s is not what the struct tags say; run go generate ./agent/config\n%s", path, diff)
		}
	}
}

// The example is a valid file, as it is and with every commented key switched
// on.
func TestExampleIsValid(t *testing.T) {
	if _, err := parse("example", []byte(config.Example())); err != nil {
		t.Error(err)
	}
	var all []string
	for _, line := range strings.Split(config.Example(), "\n") {
		trimmed := strings.TrimLeft(line, " ")
		if rest, ok := strings.CutPrefix(trimmed, "# "); ok {
			key, _, isKey := strings.Cut(rest, ": ")
			// tcp, mqtt and input exclude serial, and usb the path; some keys are other drivers' of a scale.
			if !isKey || strings.Trim(key, "abcdefghijklmnopqrstuvwxyz_") != "" || slices.Contains([]string{"tcp", "mqtt", "input", "usb", "serial_number", "interface", "reader_of", "beside", "hid", "unit", "pattern", "ask", "zero"}, key) {
				continue
			}
			if key == "secret_file" || rest == `url: "https://nas.site.lan/tote/"` {
				continue // of a server; the example has a folder
			}
			line = line[:len(line)-len(trimmed)] + rest
		}
		all = append(all, line)
	}
	cfg, err := parse("example", []byte(strings.Join(all, "\n")))
	if err != nil {
		t.Fatal(err)
	}
	if cfg.MQTT.TokensFile == "" || cfg.OMS.TokenFile == "" {
		t.Error("commented keys were not switched on")
	}
}

// TestNarrow: a 32-bit machine keeps no store, and is told what to write.
func TestNarrow(t *testing.T) {
	defer config.AsNarrow()()
	var ps config.Problems
	if _, err := parse("f.yaml", []byte(good)); !errors.As(err, &ps) || len(ps) != 1 || ps[0].Code != config.CodeNoStore || !strings.Contains(ps[0].Text, "store: none") {
		t.Errorf("answered %v", err)
	}
	cfg, err := parse("f.yaml", []byte(good+"store: none\ncluster: {gateways: [{address: \"gw2@127.0.0.1:7070\"}]}\n"))
	if err != nil || !cfg.Satellite() || cfg.Alone() {
		t.Errorf("a satellite: %+v %v", cfg, err)
	}
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "agent.yaml")
	if err := os.WriteFile(path, []byte(good), 0o600); err != nil {
		t.Fatal(err)
	}
	if cfg, err := config.Load(path); err != nil || cfg.Site != "s1" {
		t.Errorf("%+v, %v", cfg, err)
	}
	for _, bad := range []string{filepath.Join(dir, "none.yaml"), dir} {
		var ps config.Problems
		if _, err := config.Load(bad); !errors.As(err, &ps) || ps[0].Code != config.CodeRead {
			t.Errorf("%s: %v", bad, err)
		}
	}
	big := filepath.Join(dir, "big.yaml")
	if err := os.WriteFile(big, []byte(strings.Repeat("# x\n", 300_000)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := config.Load(big); err == nil || !strings.Contains(err.Error(), "that is no configuration") {
		t.Errorf("big file: %v", err)
	}
}

func TestLoadTokens(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens")
	for _, tc := range []struct {
		name, in, code string
		line           int
	}{
		{"good", "# devices\nhandheld:h1 secret-of-h1\n\n  handheld:h2\tsecret-of-h2  \n", "", 0},
		{"one word", "handheld:h1\n", config.CodeSyntax, 1},
		{"three words", "\nhandheld:h1 a b\n", config.CodeSyntax, 2},
		{"twice", "handheld:h1 secret-of-h1\nhandheld:h1 secret-of-h2\n", config.CodeTwice, 2},
		{"short", "handheld:h1 abc\n", config.CodeValue, 1},
	} {
		if err := os.WriteFile(path, []byte(tc.in), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := config.LoadTokens(path)
		var ps config.Problems
		switch {
		case tc.code == "":
			want := map[string]string{"handheld:h1": "secret-of-h1", "handheld:h2": "secret-of-h2"}
			if diff := cmp.Diff(want, got); err != nil || diff != "" {
				t.Errorf("%s: %v %s", tc.name, err, diff)
			}
		case !errors.As(err, &ps) || ps[0].Code != tc.code || ps[0].Line != tc.line:
			t.Errorf("%s: %v", tc.name, err)
		case strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "abc"):
			t.Errorf("%s: the message shows a token: %v", tc.name, err)
		}
	}
	if _, err := config.LoadTokens(path + ".none"); err == nil {
		t.Error("a file that is not there")
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{good, devices, config.Example(), "a: &x [*x]", "? {a: b}\n: c", "mqtt: {listen: [[]]}", "stations: [null, 1]", "<<: {a: 1}"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		cfg, err := parse("f", data)
		var ps config.Problems
		if (err == nil) != (cfg != nil) || err != nil && (!errors.As(err, &ps) || len(ps) == 0) {
			t.Fatalf("%v, %v", cfg, err)
		}
		for _, p := range ps {
			if p.Code == "" || p.Text == "" {
				t.Fatalf("%+v", p)
			}
		}
	})
}

// TestFloorRules: what is wrong with gateways, lamps, portals and robots is
// told with its place.
func TestFloorRules(t *testing.T) {
	base := "config_version: 1\nsite: s\ngateway: g\ndata_dir: /d\nmqtt:\n  listen: [{address: \"127.0.0.1:1\"}]\nhttp:\n  listen: \"127.0.0.1:2\"\n"
	robot := "{id: R1, manufacturer: KIT, serial: \"1\", park: p1, work: transport}"
	for name, c := range map[string]struct{ text, path, code string }{
		"no cluster address":       {"cluster: {}\n", "cluster.listen", config.CodeMissing},
		"cluster without port":     {"cluster: {listen: host}\n", "cluster.listen", config.CodeValue},
		"cluster on the HTTP port": {"cluster: {listen: \"127.0.0.1:2\"}\n", "cluster.listen", config.CodeTwice},
		"lamp without line":        {"stations: [{id: p, tower: {green: A, amber: B}}]\n", "stations[0].tower.red", config.CodeMissing},
		"two lamps on one line":    {"stations: [{id: p, tower: {green: A, amber: A, red: C}}]\n", "", config.CodeSamePort},
		"relative socket":          {"docks: [{id: d, photo_eye: {line: A, gpio: {emulated: sock}}}]\n", "docks[0].photo_eye.gpio.emulated", config.CodeValue},
		"long debounce":            {"docks: [{id: d, photo_eye: {line: A, debounce_ms: 5000}}]\n", "docks[0].photo_eye.debounce_ms", config.CodeValue},
		"sideways pull":            {"docks: [{id: d, photo_eye: {line: A, pull: left}}]\n", "docks[0].photo_eye.pull", config.CodeValue},
		"unknown reader":           {"docks: [{id: d, rfid: {driver: r9000, serial: {path: /dev/x}}}]\n", "docks[0].rfid.driver", config.CodeDriver},
		"eye at no reader":         {"docks: [{id: d, photo_eye: {reader_gpi: 1}}]\n", "docks[0].photo_eye.reader_gpi", config.CodeValue},
		"eye at a dumb reader":     {"docks: [{id: d, photo_eye: {reader_gpi: 1}, rfid: {driver: r2000, serial: {path: /dev/x}}}]\n", "docks[0].photo_eye.reader_gpi", config.CodeValue},
		"eye at input 65":          {"docks: [{id: d, photo_eye: {reader_gpi: 65}, rfid: {driver: llrp, tcp: \"r:5084\"}}]\n", "docks[0].photo_eye.reader_gpi", config.CodeValue},
		"eye at two places":        {"docks: [{id: d, photo_eye: {reader_gpi: 1, line: A}, rfid: {driver: llrp, tcp: \"r:5084\"}}]\n", "docks[0].photo_eye", config.CodeValue},
		"LLRP on a serial line":    {"docks: [{id: d, rfid: {driver: llrp, serial: {path: /dev/x}}}]\n", "docks[0].rfid.serial", config.CodeValue},
		"LLRP 2":                   {"docks: [{id: d, rfid: {driver: llrp, version: \"2\", tcp: \"r:5084\"}}]\n", "docks[0].rfid.version", config.CodeValue},
		"a version of r2000":       {"docks: [{id: d, rfid: {driver: r2000, version: \"1.1\", serial: {path: /dev/x}}}]\n", "docks[0].rfid.version", config.CodeValue},
		"too many antennas":        {"docks: [{id: d, rfid: {driver: r2000, antennas: 9, serial: {path: /dev/x}}}]\n", "docks[0].rfid.antennas", config.CodeValue},
		"more than its family has": {"docks: [{id: d, rfid: {driver: r200, antennas: 2, serial: {path: /dev/x}}}]\n", "docks[0].rfid.antennas", config.CodeValue},
		"a region it keeps itself": {"docks: [{id: d, rfid: {driver: r200, region: eu, serial: {path: /dev/x}}}]\n", "docks[0].rfid.region", config.CodeValue},
		"a region there is not":    {"docks: [{id: d, rfid: {driver: thingmagic, region: moon, serial: {path: /dev/x}}}]\n", "docks[0].rfid.region", config.CodeValue},
		"more than the 288 has":    {"docks: [{id: d, rfid: {driver: uhf288, antennas: 5, serial: {path: /dev/x}}}]\n", "docks[0].rfid.antennas", config.CodeValue},
		"conveyor named as a dock": {"docks: [{id: d}]\nconveyors: [{id: d}]\n", "conveyors[0].id", config.CodeTwice},
		"light named as a dock":    {"docks: [{id: d}]\nlights: [{id: d, modules: [{module: m, bin: B}]}]\n", "lights[0].id", config.CodeTwice},
		"light without modules":    {"lights: [{id: l}]\n", "lights[0].modules", config.CodeMissing},
		"module of no topic":       {"lights: [{id: l, modules: [{module: \"1 2\", bin: B}]}]\n", "lights[0].modules[0].module", config.CodeID},
		"module twice":             {"lights: [{id: l, modules: [{module: m, bin: B}, {module: m, bin: C}]}]\n", "lights[0].modules[1].module", config.CodeTwice},
		"module without a bin":     {"lights: [{id: l, modules: [{module: m}]}]\n", "lights[0].modules[0].bin", config.CodeMissing},
		"bin with a tab":           {"lights: [{id: l, modules: [{module: m, bin: \"B\\t1\"}]}]\n", "lights[0].modules[0].bin", config.CodeValue},
		"bin with two modules":     {"lights: [{id: l, modules: [{module: m, bin: B}]}, {id: k, modules: [{module: m, bin: B}]}]\n", "lights[1].modules[0].bin", config.CodeSamePort},
		"bad firmware of any kind": {"known_bad: [{maker: Acme, text: t}]\n", "known_bad[0].firmware", config.CodeMissing},
		"bad for no reason":        {"known_bad: [{firmware: \"1\"}]\n", "known_bad[0].text", config.CodeMissing},
		"no robots":                {"fleet: {map_file: /m}\n", "fleet.robots", config.CodeMissing},
		"relative map":             {"fleet: {map_file: m, robots: [" + robot + "]}\n", "fleet.map_file", config.CodeValue},
		"two robots of one id":     {"fleet: {map_file: /m, robots: [" + robot + ", " + strings.Replace(robot, "\"1\"", "\"2\"", 1) + "]}\n", "fleet.robots[1].id", config.CodeTwice},
		"two robots of one serial": {"fleet: {map_file: /m, robots: [" + robot + ", " + strings.Replace(robot, "R1", "R2", 1) + "]}\n", "fleet.robots[1].serial", config.CodeTwice},
		"unknown work":             {"fleet: {map_file: /m, robots: [" + strings.Replace(robot, "transport", "dance", 1) + "]}\n", "fleet.robots[0].work", config.CodeValue},
		"picker without badge":     {"fleet: {map_file: /m, robots: [" + strings.Replace(robot, "transport", "pick", 1) + "]}\n", "fleet.robots[0].badge", config.CodeMissing},
	} {
		_, err := parse("agent.yaml", []byte(base+c.text))
		var ps config.Problems
		if !errors.As(err, &ps) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !slices.ContainsFunc(ps, func(p config.Problem) bool { return p.Code == c.code && (c.path == "" || p.Path == c.path) }) {
			t.Errorf("%s: no %s at %s in\n%v", name, c.code, c.path, err)
		}
	}
	good := "cluster: {listen: \"192.0.2.1:7070\"}\nstations: [{id: p, tower: {green: A, amber: B, red: C}}]\n" +
		"docks: [{id: d, photo_eye: {line: D}, rfid: {driver: r2000, serial: {path: /dev/x}}}]\nconveyors: [{id: c}]\nlights: [{id: l, modules: [{module: m, bin: B}]}, {id: k, modules: [{module: m, bin: C}]}]\nfleet: {map_file: /m, robots: [" + robot + "]}\n"
	if _, err := parse("agent.yaml", []byte(base+good)); err != nil {
		t.Errorf("a whole floor: %v", err)
	}
}

// A reader reads with the antennas the configuration says, or with those its
// family usually has.
func TestReaderPorts(t *testing.T) {
	for _, tc := range []struct {
		driver   string
		antennas int
		want     []int
	}{
		{"r2000", 0, []int{1, 2, 3, 4}},
		{"r2000", 8, []int{1, 2, 3, 4, 5, 6, 7, 8}},
		{"uhf288", 2, []int{1, 2}},
		{"uhf288", 0, []int{1, 2, 3, 4}},
		{"uhf18", 0, []int{1}},
		{"thingmagic", 0, []int{1, 2, 3, 4}},
		{"r200", 1, []int{1}},
	} {
		if got := (config.RFID{Driver: tc.driver, Antennas: tc.antennas}).Ports(); !slices.Equal(got, tc.want) {
			t.Errorf("%s with %d antennas: %v, want %v", tc.driver, tc.antennas, got, tc.want)
		}
	}
}

// Every driver takes the antennas the configuration gives it when nothing is
// said, and the most it lets one say.
func TestDriversTakeTheirPorts(t *testing.T) {
	for _, name := range all.Names(all.RFID) {
		d, _ := all.Find(name)
		for _, n := range []int{0, d.Antennas} {
			_, err := d.Reader(rfid.Settings{
				Name: "x", Open: func(context.Context) (drivers.Port, error) { return nil, drivers.ErrUnplugged },
				Sink: func(rfid.Read) {}, Antennas: config.RFID{Driver: name, Antennas: n}.Ports(),
			})
			if err != nil {
				t.Errorf("%s with %d antennas: %v", name, n, err)
			}
		}
	}
}

// TestDoors: two doors may share a reader, each with antennas of its own; what
// cannot tell the direction cannot receive.
func TestDoors(t *testing.T) {
	const head = good + "docks:\n"
	for _, tc := range []struct {
		docks string
		want  string // part of the fault, "" = none
	}{
		{"- {id: d1, rfid: {driver: r2000, tcp: \"192.0.2.1:5\", inner_ports: 1 2, outer_ports: \"3,4\", receive: true, except_tags: \"hex:E2, afi\"}}", ""},
		{"- {id: d1, rfid: {driver: r2000, tcp: \"192.0.2.1:5\", door_ports: \"1,2\", beside: d2}}\n- {id: d2, rfid: {reader_of: d1, door_ports: \"3,4\", inner_ports: 3, outer_ports: 4, beside: d1}}", ""},
		{"- {id: d1, photo_eye: {line: GPIO1, outer_line: GPIO2}, rfid: {driver: r2000, tcp: \"192.0.2.1:5\", receive: true}}", ""},
		{"- {id: d1, photo_eye: {line: GPIO1, outer_line: GPIO1}, rfid: {driver: r2000, tcp: \"192.0.2.1:5\"}}", "outer_line"},
		{"- {id: d1, rfid: {driver: r2000, tcp: \"192.0.2.1:5\", receive: true}}", "nothing tells what comes in"},
		{"- {id: d1, rfid: {driver: r2000, tcp: \"192.0.2.1:5\", inner_ports: 1}}", "both or none"},
		{"- {id: d1, rfid: {driver: r2000, tcp: \"192.0.2.1:5\", inner_ports: 1, outer_ports: \"1,2\"}}", "port 1 is an inner one"},
		{"- {id: d1, rfid: {driver: r2000, tcp: \"192.0.2.1:5\", inner_ports: 1, outer_ports: 9}}", "want ports"},
		{"- {id: d1, rfid: {driver: r2000, tcp: \"192.0.2.1:5\", door_ports: \"1,1\"}}", "here twice"},
		{"- {id: d1, rfid: {driver: r2000, tcp: \"192.0.2.1:5\", only_tags: nope}}", "want gs1"},
		{"- {id: d1, rfid: {driver: r2000, tcp: \"192.0.2.1:5\", beside: d2}}", "another dock"},
		{"- {id: d1, rfid: {driver: r2000, tcp: \"192.0.2.1:5\", look_ms: 20000}}", "look_ms"},
		{"- {id: d1, rfid: {reader_of: d1, door_ports: 1}}", "another dock"},
		{"- {id: d1, rfid: {driver: r2000, tcp: \"192.0.2.1:5\"}}\n- {id: d2, rfid: {reader_of: d1, door_ports: 3}}", "must name its door_ports"},
		{"- {id: d1, rfid: {driver: r2000, tcp: \"192.0.2.1:5\", door_ports: \"1,2\"}}\n- {id: d2, rfid: {reader_of: d1, door_ports: \"2,3\"}}", "port 2 is at dock d2, too"},
		{"- {id: d1, rfid: {driver: r2000, tcp: \"192.0.2.1:5\", door_ports: 1}}\n- {id: d2, rfid: {reader_of: d1, driver: r2000, door_ports: 2}}", "leave driver"},
		{"- {id: d1, rfid: {driver: r2000, tcp: \"192.0.2.1:5\", door_ports: 1}}\n- {id: d2, rfid: {reader_of: d1}}", "door_ports"},
	} {
		_, err := parse("doors", []byte(head+tc.docks))
		switch {
		case tc.want == "" && err != nil, tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)):
			t.Errorf("%s:\n%v, want %q", tc.docks, err, tc.want)
		}
	}
}

// Every driver of a scale can be configured.
func TestScales(t *testing.T) {
	for _, c := range []struct {
		scale   string
		driftMg int64
	}{
		{"toledo", 5000},
		{"toledo-plain\n      window: 3\n      serial: {path: /dev/serial/b, data_bits: 7, parity: even}", 5000},
		{"nci\n      zero_drift_g: 0", 0},
		{"toledo-8213\n      unit: lb\n      empty_g: 2000\n      zero_drift_g: 1000", 1_000_000},
		{"sma\n      empty_g: 3", 2000},
		{"a-and-d", 5000},
		{"kern", 5000},
		{"ohaus", 5000},
		{"regex\n      pattern: '(?P<stable>S)?(?P<value>[0-9]+)(?P<unit>g)'\n      ask: \"W\\r\"\n      zero: \"Z\\r\"", 5000},
		{"hid\n      hid: {}", 5000},
		{"hid\n      hid: {path: /dev/scale, usb: \"0922:8003\"}", 5000},
	} {
		text := c.scale
		if !strings.Contains(text, "hid: {") && !strings.Contains(text, "serial: {") {
			text += "\n      serial: {path: /dev/serial/b}"
		}
		cfg, err := parse("f", []byte(with(devices, "mt-sics\n      serial: {path: /dev/serial/b}", text)))
		if err != nil {
			t.Errorf("%s: %v", c.scale, err)
			continue
		}
		s := cfg.Stations[0].Scale
		if s.DriftMg() != c.driftMg {
			t.Errorf("%s: a drift of %d mg", c.scale, s.DriftMg())
		}
		if s.Driver == "regex" && (s.Ask != "W\r" || s.Zero != "Z\r") {
			t.Errorf("asks %q, zeroes with %q", s.Ask, s.Zero)
		}
		if s.HID != nil && s.HID.USB != "" {
			if c, err := s.HID.Config(); err != nil || c.ID.String() != s.HID.USB {
				t.Errorf("%+v, %v", c, err)
			}
		}
	}
}
