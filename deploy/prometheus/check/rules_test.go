// Package check holds the alert rules and the dashboard against Prometheus itself,
// in a module of its own so that none of its hundreds of modules touches the
// product: make alerts.
package check

import (
	"encoding/json"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/promql/promqltest"
)

const (
	rulesFile = "../tote.rules.yml"
	dashboard = "../../grafana/tote.json"
)

// well is a site that nobody has to look at, over 30 minutes.
const well = `
up{job="tote",instance="gw1"} 1x30
tote_build_info{gateway="gw1",version="1.0.0"} 1x30
tote_ready 1x30
tote_quorum 1x30
tote_raft_peer_up{peer="gw2"} 1x30
tote_raft_lag_entries{peer="gw2"} 3x30
tote_raft_term 7x30
tote_raft_fsync_seconds_bucket{le="0.005"} 0+90x30
tote_raft_fsync_seconds_bucket{le="0.05"} 0+100x30
tote_raft_fsync_seconds_bucket{le="0.5"} 0+100x30
tote_raft_fsync_seconds_bucket{le="+Inf"} 0+100x30
tote_disk_slow 0x30
tote_disk_free_bytes 8e9x30
tote_disk_needed_bytes 1e8x30
tote_device_up{device="pack1/scale",driver="mt-sics"} 1x30
tote_command_seconds_bucket{le="0.05"} 0+99x30
tote_command_seconds_bucket{le="1"} 0+100x30
tote_command_seconds_bucket{le="2.5"} 0+100x30
tote_command_seconds_bucket{le="+Inf"} 0+100x30
tote_outbox_oldest_seconds{upstream="default"} 12x30
tote_upstream_connected{upstream="default"} 1x30
tote_mqtt_dropped_total 1x30
tote_portal_lost_total{dock="dock1"} 0x30
tote_mqtt_ids_used_twice 0x30
tote_certificate_days_left{certificate="site"} 61x30
tote_clock_offset_seconds 0.02x30
tote_backup_age_seconds 4000x30
tote_scheduled_backup_age_seconds 40000x30
tote_scheduled_backup_interval_seconds 86400x30
tote_fallouts_open 2x30
tote_issues{level="broken"} 0x30
tote_issues{level="warning"} 0x30
`

// sick is what calls each alert: lines in place of those of a site that is well.
var sick = map[string]string{
	"ToteGatewayGone":        `up{job="tote",instance="gw1"} 0x30`,
	"ToteNotReady":           `tote_ready 0x30`,
	"ToteNoQuorum":           `tote_quorum 0x30`,
	"TotePeerDown":           `tote_raft_peer_up{peer="gw2"} 0x30`,
	"ToteLagging":            `tote_raft_lag_entries{peer="gw2"} 50000x30`,
	"ToteElections":          `tote_raft_term 7+1x30`,
	"ToteFsyncSlow":          `tote_raft_fsync_seconds_bucket{le="0.05"} 0+50x30`,
	"ToteDiskSlow":           `tote_disk_slow 1x30`,
	"ToteDiskShort":          `tote_disk_free_bytes 1.5e8x30`,
	"ToteDiskFull":           `tote_disk_free_bytes 5e7x30`,
	"ToteDeviceDown":         `tote_device_up{device="pack1/scale",driver="mt-sics"} 0x30`,
	"ToteCommandsSlow":       "tote_command_seconds_bucket{le=\"0.05\"} 0+40x30\ntote_command_seconds_bucket{le=\"1\"} 0+50x30",
	"ToteOutboxOld":          `tote_outbox_oldest_seconds{upstream="default"} 4000x30`,
	"ToteUpstreamDown":       `tote_upstream_connected{upstream="default"} 0x30`,
	"ToteClientsDropped":     `tote_mqtt_dropped_total 0+1x30`,
	"ToteScansLost":          `tote_portal_lost_total{dock="dock1"} 0+1x30`,
	"ToteIdTwice":            `tote_mqtt_ids_used_twice 1x30`,
	"ToteCertificateEnds":    `tote_certificate_days_left{certificate="site"} 5x30`,
	"ToteClockWrong":         `tote_clock_offset_seconds -4x30`,
	"ToteBackupOld":          `tote_backup_age_seconds 200000x30`,
	"ToteScheduledBackupOld": `tote_scheduled_backup_age_seconds 200000x30`,
	"ToteFallouts":           `tote_fallouts_open 40x30`,
	"ToteIssueBroken":        `tote_issues{level="broken"} 1x30`,
}

// with is the site that is well with lines in place of those of their series.
func with(lines string) string {
	of := map[string]string{}
	for l := range strings.Lines(lines) {
		series, _, _ := strings.Cut(l, " ")
		of[series] = strings.TrimSpace(l)
	}
	var out []string
	for _, l := range strings.Split(strings.TrimSpace(well), "\n") {
		series, _, _ := strings.Cut(l, " ")
		if sick, ok := of[series]; ok {
			l = sick
		}
		out = append(out, "  "+l)
	}
	return "load 1m\n" + strings.Join(out, "\n") + "\n"
}

func language() parser.Parser { return parser.NewParser(parser.Options{}) }

// calls says whether an expression has a result on a site, after 25 minutes.
func calls(t *testing.T, site, expr string) bool {
	t.Helper()
	storage := promqltest.LoadedStorage(t, site)
	defer func() { _ = storage.Close() }()
	engine := promqltest.NewTestEngine(t, false, 0, promqltest.DefaultMaxSamplesPerQuery)
	q, err := engine.NewInstantQuery(t.Context(), storage, nil, expr, time.Unix(0, 0).Add(25*time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	res := q.Exec(t.Context())
	if res.Err != nil {
		t.Fatal(res.Err)
	}
	v, ok := res.Value.(promql.Vector)
	return ok && len(v) > 0
}

// TestRules: Prometheus takes the file, no alert calls on a site that is well, and
// each calls on a site that has its trouble.
func TestRules(t *testing.T) {
	groups, errs := rulefmt.ParseFile(rulesFile, false, model.UTF8Validation, language(), slog.New(slog.DiscardHandler))
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	seen := map[string]bool{}
	for _, g := range groups.Groups {
		for _, r := range g.Rules {
			seen[r.Alert] = true
			line, ok := sick[r.Alert]
			if !ok {
				t.Errorf("%s: no site here has this trouble", r.Alert)
				continue
			}
			if calls(t, with(""), r.Expr) {
				t.Errorf("%s calls on a site that is well", r.Alert)
			}
			if !calls(t, with(line), r.Expr) {
				t.Errorf("%s does not call when %s", r.Alert, line)
			}
		}
	}
	for name := range sick {
		if !seen[name] {
			t.Errorf("there is no alert %s", name)
		}
	}
}

// TestDashboard: Prometheus understands each query of it.
func TestDashboard(t *testing.T) {
	text, err := os.ReadFile(dashboard)
	if err != nil {
		t.Fatal(err)
	}
	var d struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	variables := strings.NewReplacer("$__rate_interval", "5m", "$__interval", "1m", "$__range", "1h", "$gateway", "gw1", "$instance", "gw1")
	n := 0
	for _, p := range d.Panels {
		for _, q := range p.Targets {
			n++
			if _, err := language().ParseExpr(variables.Replace(q.Expr)); err != nil {
				t.Errorf("%s: %s: %v", p.Title, q.Expr, err)
			}
		}
	}
	if n < 10 {
		t.Errorf("%d queries", n)
	}
}
