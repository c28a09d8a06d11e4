package emulate

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/google/go-cmp/cmp"

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
)

// cli has the shape cmd/tote gives the subcommands.
type cli struct {
	Scale   ScaleArgs   `cmd:""`
	Printer PrinterArgs `cmd:""`
	Scanner ScannerArgs `cmd:""`
	RFID    RFIDArgs    `cmd:"" name:"rfid"`
	LLRP    LLRPArgs    `cmd:"" name:"llrp"`
	Sensor  SensorArgs  `cmd:""`
	Robot   RobotArgs   `cmd:""`
	Group   GroupArgs   `cmd:""`

	Conveyor ConveyorArgs `cmd:""`
	Light    LightArgs    `cmd:""`
	Wedge    WedgeArgs    `cmd:""`
	GPIO     GPIOArgs     `cmd:"" name:"gpio"`
}

func TestArgs(t *testing.T) {
	file := filepath.Join(t.TempDir(), "group.json")
	group := `{"devices":[{"kind":"scale","name":"s1","link":"/x/s1","scale":{"settleMs":5}},{"kind":"printer","listen":"127.0.0.1:0"}]}`
	if err := os.WriteFile(file, []byte(group), 0o600); err != nil {
		t.Fatal(err)
	}
	two := 2
	cases := []struct {
		args []string
		want Options
	}{
		{
			[]string{"scale", "--link", "/tmp/x/scale0", "--control", "127.0.0.1:0", "--record", "file"},
			Options{Devices: []Device{{
				Kind: Scale, Link: "/tmp/x/scale0", Control: "127.0.0.1:0", Record: "file",
				Scale: defaults(t, scale.Params{}),
			}}},
		},
		{
			[]string{"scale", "--decimals", "2", "--settle-ms", "20", "--json", "--name", "s9"},
			Options{JSON: true, Devices: []Device{{
				Kind: Scale, Name: "s9", Control: "127.0.0.1:0",
				Scale: defaults(t, scale.Params{Decimals: &two, SettleMs: 20}),
			}}},
		},
		{
			[]string{"llrp", "--listen", "127.0.0.1:5084", "--antennas", "2", "--sparse"},
			Options{Devices: []Device{{
				Kind: LLRP, Listen: "127.0.0.1:5084", Control: "127.0.0.1:0",
				LLRP: llrp.Params{
					Antennas: 2, Inputs: 4, Maker: 25882, Model: 2001002, Firmware: "5.14.0.240", PerSecond: 400, ReportMs: 30, Seed: 1, Sparse: true,
				},
			}}},
		},
		{
			[]string{"printer", "--listen", "127.0.0.1:9100", "--label-ms", "50", "--peel"},
			Options{Devices: []Device{{
				Kind: Printer, Listen: "127.0.0.1:9100", Control: "127.0.0.1:0",
				Printer: printer.Params{Language: "zpl", LabelMs: 50, MaxFormats: 50, LabelDots: 1218, Model: "TOTE-203dpi", Peel: true},
			}}},
		},
		{
			[]string{"scanner", "--link", "/tmp/x/b0", "--suffix", "\r\n"},
			Options{Devices: []Device{{
				Kind: Scanner, Link: "/tmp/x/b0", Control: "127.0.0.1:0",
				Scanner: scanner.Params{Suffix: "\r\n", Chunk: 16, GapMs: 3, Protocol: scanner.Text, GS: scanner.GSCtrl, Revision: "NBRFWAAS N 4c 1A2B", AckMs: 2000},
			}}},
		},
		{
			[]string{"rfid", "--link", "/tmp/x/r0", "--ports", "8", "--seed", "7", "--steady"},
			Options{Devices: []Device{{
				Kind: RFID, Link: "/tmp/x/r0", Control: "127.0.0.1:0",
				RFID: rfid.Params{
					Family: "r2000", Lead: "bb", Model: "M100 26dBm V1.0",
					Ports: 8, Firmware: "1.9", PowerDbm: 30, RoundMs: 30, PerSecond: 400, RestartMs: 300, Seed: 7, Steady: true,
				},
			}}},
		},
		{
			[]string{"rfid", "--family", "r200", "--lead", "aa"},
			Options{Devices: []Device{{
				Kind: RFID, Control: "127.0.0.1:0",
				RFID: rfid.Params{
					Family: "r200", Lead: "aa", Model: "M100 26dBm V1.0",
					Ports: 4, Firmware: "1.9", PowerDbm: 30, RoundMs: 30, PerSecond: 400, RestartMs: 300, Seed: 1,
				},
			}}},
		},
		{
			[]string{"sensor", "--link", "/tmp/x/t0", "--address", "7", "--milli-c=-20500"},
			Options{Devices: []Device{{
				Kind: Sensor, Link: "/tmp/x/t0", Control: "127.0.0.1:0",
				Sensor: sensor.Params{Address: 7, PerDegree: 10, MilliC: -20500, MilliRH: 45000},
			}}},
		},
		{
			[]string{"robot", "--brokers", "tcp://127.0.0.1:1883,tcp://127.0.0.1:1884", "--serial", "R7", "--node", "park1", "--x=-200", "--factor", "20", "--external-actions"},
			Options{Devices: []Device{{
				Kind: Robot, Control: "127.0.0.1:0",
				Robot: robot.Params{
					Brokers: []string{"tcp://127.0.0.1:1883", "tcp://127.0.0.1:1884"}, Manufacturer: "TOTE", Serial: "R7", Interface: "uagv", Major: "v2",
					Version: "2.0.0", Map: "floor", Node: "park1", X: -200, SpeedMmS: 1500, Factor: 20, StateMs: 1000, ActionMs: 3000, Battery: 90, Capacity: 1, ExternalActions: true,
				},
			}}},
		},
		{
			[]string{"conveyor", "--brokers", "tcp://127.0.0.1:1883", "--site", "s1", "--lanes", "L1,L2,L3", "--factor", "20", "--lane-capacity", "8"},
			Options{Devices: []Device{{
				Kind: Conveyor, Control: "127.0.0.1:0",
				Conveyor: conveyor.Params{
					Brokers: []string{"tcp://127.0.0.1:1883"}, Site: "s1", ID: "cv1", Lanes: []string{"L1", "L2", "L3"}, DefaultLane: "L9", Point: "S1",
					ScanMs: 500, DivertMs: 1500, ReactMs: 50, GapMs: 300, ConfirmLateMs: 5000, LaneCapacity: 8, Factor: 20,
				},
			}}},
		},
		{
			[]string{"gpio", "--socket", "/tmp/x/io.sock", "--inputs", "EYE", "--high", "BUTTON", "--chatter-ms", "9", "--record", "f", "--json"},
			Options{JSON: true, Devices: []Device{{
				Kind: GPIO, Control: "127.0.0.1:0", Record: "f",
				GPIO: gpio.Params{Socket: "/tmp/x/io.sock", Inputs: []string{"EYE"}, High: []string{"BUTTON"}, ChatterMs: 9},
			}}},
		},
		{
			[]string{"wedge", "--at", "/tmp/x/w0", "--gs", "f8"},
			Options{Devices: []Device{{Kind: Wedge, At: "/tmp/x/w0", Control: "127.0.0.1:0", Scanner: scanner.Params{GS: scanner.GSF8, GapMs: 3}}}},
		},
		{
			[]string{"light", "--brokers", "tcp://127.0.0.1:1883", "--site", "s1", "--modules", "0107,0203"},
			Options{Devices: []Device{{
				Kind: Light, Control: "127.0.0.1:0",
				Light: light.Params{Brokers: []string{"tcp://127.0.0.1:1883"}, Site: "s1", ID: "pl1", Modules: []string{"0107", "0203"}, AnswerMs: 5000},
			}}},
		},
		{
			[]string{"group", file, "--json"},
			Options{JSON: true, Devices: []Device{
				{Kind: Scale, Name: "s1", Link: "/x/s1", Scale: scale.Params{SettleMs: 5}},
				{Kind: Printer, Listen: "127.0.0.1:0"},
			}},
		},
	}
	for _, c := range cases {
		var got cli
		p, err := kong.New(&got)
		if err != nil {
			t.Fatal(err)
		}
		ctx, err := p.Parse(c.args)
		if err != nil {
			t.Fatalf("%v: %v", c.args, err)
		}
		var o Options
		switch ctx.Command() {
		case "scale":
			o, err = got.Scale.Options()
		case "printer":
			o, err = got.Printer.Options()
		case "scanner":
			o, err = got.Scanner.Options()
		case "rfid":
			o, err = got.RFID.Options()
		case "llrp":
			o, err = got.LLRP.Options()
		case "sensor":
			o, err = got.Sensor.Options()
		case "robot":
			o, err = got.Robot.Options()
		case "conveyor":
			o, err = got.Conveyor.Options()
		case "wedge":
			o, err = got.Wedge.Options()
		case "light":
			o, err = got.Light.Options()
		case "gpio":
			o, err = got.GPIO.Options()
		default:
			o, err = got.Group.Options()
		}
		if err != nil {
			t.Fatalf("%v: %v", c.args, err)
		}
		if d := cmp.Diff(c.want, o); d != "" {
			t.Errorf("%v: -want +got\n%s", c.args, d)
		}
	}
}

// defaults are what the command line fills in; the pointer stays as given.
func defaults(t *testing.T, p scale.Params) scale.Params {
	t.Helper()
	if p.SettleMs == 0 {
		p.SettleMs = 300
	}
	p.CapacityMg, p.Unit, p.Step, p.StableTimeoutMs, p.UpdateMs = 32_100_000, "g", 1, 5000, 100
	p.Protocol, p.DriftMg = "mt-sics", 7000
	p.Model, p.Serial = "TOTE-AL", "B021002593"
	return p
}

func TestLoadGroupRefuses(t *testing.T) {
	dir := t.TempDir()
	for name, body := range map[string]string{
		"unknown key": `{"devices":[{"kind":"scale","colour":"red"}]}`,
		"no json":     `devices:`,
	} {
		file := filepath.Join(dir, "g.json")
		if err := os.WriteFile(file, []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := LoadGroup(file); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := LoadGroup(filepath.Join(dir, "missing.json")); err == nil {
		t.Error("missing file: no error")
	}
}
