package doctor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"tote/agent/api"
	"tote/agent/config"
	"tote/agent/health"
)

const file = `
config_version: 1
site: s
gateway: gw1
data_dir: /nowhere/state
mqtt: {listen: [{address: "127.0.0.1:1883"}]}
http: {listen: "127.0.0.1:8080"}
cluster:
  listen: "192.0.2.11:7070"
stations:
  - id: pack1
    scanner: {serial: {usb: "0403:6001"}}
    scale: {driver: mt-sics, serial: {usb: "067b:2303"}}
    printer: {driver: zpl, tcp: "192.0.2.20:9100"}
`

// well is a gateway nothing is wrong with but its certificate, which is not here.
func well(t *testing.T) Patient {
	t.Helper()
	cfg, err := config.Parse("agent.yaml", []byte(file))
	if err != nil {
		t.Fatal(err)
	}
	dev := func(name string) api.Device { return api.Device{Name: name, State: "ready"} }
	return Patient{
		File: "agent.yaml", Config: cfg,
		Agent: Told{
			Status: &api.Status{Quorum: api.Quorum{OK: true}, Gateway: api.Gateway{Devices: []api.Device{dev("pack1/scanner"), dev("pack1/scale"), dev("pack1/printer")}}},
			Cluster: &api.ClusterStatus{Gateway: "gw1", Members: []api.ClusterMember{
				{ID: "gw1", State: api.StateUp}, {ID: "gw2", State: api.StateUp},
			}},
			Metrics: map[string]float64{"tote_mqtt_clients": 3},
		},
		Machine: Machine{
			Root: fstest.MapFS{
				"proc/devices": {Data: []byte("Character devices:\n  4 tty\n188 ttyUSB\n")},
			},
			Holder: func(string) string { return "" },
			Space: func(string) (Space, error) {
				return Space{Free: 5 << 30, Size: 9 << 30, Inodes: 1 << 20, AllInodes: 2 << 20}, nil
			},
			Synced:    func() (bool, error) { return true, nil },
			Sync:      func(context.Context, string) (time.Duration, error) { return time.Millisecond, nil },
			Networked: func() (bool, error) { return true, nil },
			Dial:      func(context.Context, string) error { return nil },
			Now:       time.Now,
		},
	}
}

// told are the codes found, with about whom, and what each follows from.
func told(f []Finding) (out []string) {
	for _, f := range f {
		if f.Code == "" || f.Code == health.CodePortGone && f.Because == "" || f.Code == health.CodeCertBad {
			continue // the machine of these tests has no ports; nor certificates
		}
		out = append(out, strings.Join(strings.Fields(f.Code+" "+f.About+" "+f.Because), " "))
	}
	return out
}

func only(checks []Check, names ...string) (out []Check) {
	for _, c := range checks {
		for _, n := range names {
			if c.Name == n {
				out = append(out, c)
			}
		}
	}
	return out
}

func TestChecks(t *testing.T) {
	down := func(name, code string) func(*Patient) {
		return func(p *Patient) {
			for i := range p.Agent.Status.Gateway.Devices {
				if d := &p.Agent.Status.Gateway.Devices[i]; d.Name == name {
					d.State, d.Code = "absent", code
				}
			}
		}
	}
	for name, tc := range map[string]struct {
		sick   func(p *Patient)
		checks string
		want   []string
		level  string
	}{
		"well": {func(*Patient) {}, "config agent disk sync clock network listeners enrolled modules gateways quorum outbox mqtt", nil, Fine},
		"an open listener": {func(p *Patient) {
			p.Config.MQTT.Listen[0] = config.Listener{Address: "0.0.0.0:1883", Insecure: true}
		}, "listeners", []string{"IDN-131 mqtt.listen[0] 0.0.0.0:1883"}, Warning},
		"a robot's time": {func(p *Patient) {
			p.Agent.Status.Gateway.Ending = []api.Ending{{About: "robot:R1", Code: "IDN-138", Text: "9 days are left"}}
		}, "enrolled", []string{"IDN-138 robot:R1"}, Warning},
		"short": {func(p *Patient) { p.Machine.Space = func(string) (Space, error) { return Space{Free: 1 << 29}, nil } }, "disk", []string{"HLT-102"}, Warning},
		"full":  {func(p *Patient) { p.Machine.Space = func(string) (Space, error) { return Space{Free: 1}, nil } }, "disk", []string{"HLT-103"}, Broken},
		"inodes": {func(p *Patient) {
			p.Machine.Space = func(string) (Space, error) { return Space{Free: 9 << 30, AllInodes: 1 << 20, Inodes: 5}, nil }
		}, "disk", []string{"HLT-104"}, Warning},
		"agent": {func(p *Patient) { p.Agent.Status.Gateway.Disk = &api.Disk{Level: "red", Code: "STO-303"} }, "disk", []string{"STO-303"}, Broken},
		"slow": {func(p *Patient) {
			p.Machine.Sync = func(context.Context, string) (time.Duration, error) { return time.Second, nil }
		}, "sync", []string{"HLT-105"}, Warning},
		"read-only": {func(p *Patient) {
			p.Machine.Sync = func(context.Context, string) (time.Duration, error) { return 0, errors.New("erofs") }
		}, "sync", []string{"HLT-106"}, Broken},
		"not mine": {func(p *Patient) {
			p.Machine.Sync = func(context.Context, string) (time.Duration, error) { return 0, os.ErrPermission }
		}, "sync", nil, Fine},
		"no ntp":     {func(p *Patient) { p.Machine.Synced = func() (bool, error) { return false, nil } }, "clock", []string{"HLT-110"}, Warning},
		"clock off":  {func(p *Patient) { p.Agent.Metrics["tote_clock_offset_seconds"] = -7 }, "clock", []string{"HLT-111"}, Warning},
		"modules":    {func(p *Patient) { p.Machine.Root = fstest.MapFS{"proc/devices": {Data: []byte("4 tty\n")}} }, "modules", []string{"HLT-134"}, Warning},
		"config":     {func(p *Patient) { p.Config, p.ConfigErr = nil, errors.New("no") }, "config disk sync certificates modules devices gateways", []string{"HLT-142"}, Broken},
		"no backups": {func(*Patient) {}, "backup", nil, Fine},
		"backups": {func(p *Patient) {
			p.Config.Backup = &config.Backup{Folder: "/mnt/usb/tote"}
			p.Agent.Status.Gateway.Backup = &api.Backups{Last: &api.BackupMade{Name: "x"}}
		}, "backup", nil, Fine},
		"backup old": {func(p *Patient) {
			p.Config.Backup = &config.Backup{Folder: "/mnt/usb/tote"}
			p.Agent.Status.Gateway.Backup = &api.Backups{Code: "HLT-143", Text: "HLT-143: old"}
		}, "backup", []string{"HLT-143"}, Warning},
		"backup, no network": {func(p *Patient) {
			p.Config.Backup = &config.Backup{URL: "https://nas"}
			p.Agent.Status.Gateway.Backup = &api.Backups{Code: "STO-614", Text: "STO-614: silent"}
			p.Machine.Networked = func() (bool, error) { return false, nil }
		}, "backup network", []string{"HLT-152", "STO-614 network (HLT-152)"}, Broken},
		"backup of a satellite": {func(p *Patient) { p.Config.Store = config.StoreNone }, "backup", nil, Fine},
		"drops":                 {func(p *Patient) { p.Agent.Metrics["tote_mqtt_dropped_total"] = 1 }, "mqtt", []string{"HLT-161"}, Warning},
		"outbox":                {func(p *Patient) { p.Agent.Status.OutboxAge = 3_700_000 }, "outbox", []string{"HLT-160"}, Warning},
		"no agent": {
			func(p *Patient) { p.Agent = Told{Err: errors.New("refused")} },
			"agent quorum outbox mqtt disk",
			[]string{"HLT-140"},
			Broken,
		},
		"a gateway is gone, and with it the quorum": {
			func(p *Patient) {
				p.Agent.Cluster.Members[1].State = api.StateDown
				p.Agent.Status.Quorum.OK = false
				p.Agent.NotReady = "NO QUORUM"
			},
			"agent gateways quorum",
			[]string{"HLT-151 gw2", "HLT-141 gateways gw2 (HLT-151)", "HLT-150 gateways gw2 (HLT-151)"},
			Broken,
		},
		"the network is gone, and all that needs it": {
			func(p *Patient) {
				p.Machine.Networked = func() (bool, error) { return false, nil }
				p.Agent.Cluster.Members[1].State = api.StateDown
				p.Agent.Status.Quorum.OK = false
				p.Agent.Status.OutboxAge = 9_000_000
				down("pack1/printer", "DEV-101")(p)
			},
			"network gateways quorum outbox devices",
			[]string{
				"HLT-152", "HLT-133 usb",
				"HLT-150 network (HLT-152)",
				"HLT-130 pack1/scanner devices usb (HLT-133)", "HLT-130 pack1/scale devices usb (HLT-133)",
				"HLT-132 pack1/printer network (HLT-152)", "HLT-151 gw2 network (HLT-152)", "HLT-160 network (HLT-152)",
			},
			Broken,
		},
		"the hub is gone, and all on it; the printer is another matter": {
			func(p *Patient) {
				down("pack1/scale", "DEV-101")(p)
				down("pack1/scanner", "DEV-101")(p)
				down("pack1/printer", "DEV-101")(p)
			},
			"devices",
			[]string{
				"HLT-133 usb", "HLT-132 pack1/printer",
				"HLT-130 pack1/scanner devices usb (HLT-133)", "HLT-132 pack1/scanner devices usb (HLT-133)",
				"HLT-130 pack1/scale devices usb (HLT-133)", "HLT-132 pack1/scale devices usb (HLT-133)",
			},
			Broken,
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := well(t)
			tc.sick(&p)
			got := Run(t.Context(), only(p.Checks(), strings.Fields(tc.checks)...), time.Minute)
			if diff := cmp.Diff(tc.want, told(got)); diff != "" {
				t.Errorf("%s\n%+v", diff, got)
			}
			if l := Level(got); l != tc.level {
				t.Errorf("level %s, want %s", l, tc.level)
			}
			for _, f := range got {
				if f.Code != "" && (f.Cause == "" || f.Action == "") {
					t.Errorf("%+v has no cause or action", f)
				}
			}
		})
	}
}

// TestWithoutAgent: what only an agent knows is said to be unknown, the others are
// knocked at, and a gateway nobody opens is told.
func TestWithoutAgent(t *testing.T) {
	p := well(t)
	p.Config.Cluster.Gateways = []config.Gateway{{Address: "gw1@192.0.2.11:7070"}, {Address: "gw2@192.0.2.12:7070"}, {Address: "gw3@192.0.2.13:7070"}}
	p.Agent = Told{Err: errors.New("connection refused")}
	p.Machine.Dial = func(_ context.Context, address string) error {
		if address == "192.0.2.13:7070" {
			return errors.New("no route")
		}
		return nil
	}
	got := Run(t.Context(), only(p.Checks(), "agent", "gateways", "quorum", "outbox", "mqtt"), time.Minute)
	if diff := cmp.Diff([]string{"HLT-140", "HLT-151 gw3"}, told(got)); diff != "" {
		t.Error(diff)
	}
	skipped := 0
	for _, f := range got {
		if f.Level == Skipped && f.Text == "only a running agent can tell" {
			skipped++
		}
	}
	if skipped != 3 {
		t.Errorf("%d skipped: %+v", skipped, got)
	}
	var b strings.Builder
	if err := (Report{Level: Level(got), Findings: got}).Write(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"BROKEN agent: HLT-140", "WARNING gateways gw3: HLT-151: no route", "what to do: ", "skipped  quorum: only", "all in all: broken"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
}

// TestLimit: a check that hangs or panics takes none of the others with it.
func TestLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stuck := make(chan struct{})
		began := time.Now()
		got := Run(t.Context(), []Check{
			{"hangs", func(context.Context) []Finding { <-stuck; return nil }},
			{"panics", func(context.Context) []Finding { panic("x") }},
			{"works", func(context.Context) []Finding { return one(Fine, "", "yes") }},
		}, 3*time.Second)
		if took := time.Since(began); took != 3*time.Second {
			t.Errorf("took %v", took)
		}
		close(stuck)
		var lines []string
		for _, f := range got {
			lines = append(lines, fmt.Sprint(f.Level, " ", f.Check, " ", f.Code))
		}
		if diff := cmp.Diff([]string{"warning hangs HLT-101", "fine works ", "skipped panics "}, lines); diff != "" {
			t.Error(diff)
		}
	})
}

func TestExit(t *testing.T) {
	for level, want := range map[string]int{Fine: 0, Skipped: 0, Warning: 1, Broken: 2} {
		if got := Exit(level); got != want {
			t.Errorf("%s: %d, want %d", level, got, want)
		}
	}
}

// TestThisMachine: a synced write leaves nothing behind, and the machine answers.
func TestThisMachine(t *testing.T) {
	dir := t.TempDir()
	m := This()
	if took, err := m.Sync(t.Context(), dir); err != nil || took <= 0 {
		t.Errorf("%v, %v", took, err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	if s, err := m.Space(dir); err != nil || s.Free == 0 || s.Size < s.Free {
		t.Errorf("%+v, %v", s, err)
	}
}
