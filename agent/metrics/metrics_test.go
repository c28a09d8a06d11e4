package metrics

import (
	"encoding/json"
	"flag"
	"math"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write docs/metrics.md")

const page = "../../docs/metrics.md"

// TestDoc keeps docs/metrics.md equal to the table.
func TestDoc(t *testing.T) {
	want := Doc()
	if *update {
		if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(want, "\n"), strings.Split(string(got), "\n")); diff != "" {
		t.Errorf("docs/metrics.md is not what the table says; run go test ./agent/metrics -update:\n%s", diff)
	}
}

// TestTable: names and help as Prometheus wants them, each once.
func TestTable(t *testing.T) {
	name, label := regexp.MustCompile(`^tote_[a-z]+(_[a-z]+)*$`), regexp.MustCompile(`^[a-z]+$`)
	seen := map[string]bool{}
	for _, m := range All() {
		if seen[m.Name] || !name.MatchString(m.Name) || !strings.HasSuffix(m.Help, ".") {
			t.Errorf("%+v: twice, no name, or no sentence of help", m)
		}
		seen[m.Name] = true
		if (m.Kind == Counter) != strings.HasSuffix(m.Name, "_total") {
			t.Errorf("%s: counters and they alone end in _total", m.Name)
		}
		for _, l := range m.Labels {
			if !label.MatchString(l) {
				t.Errorf("%s: label %q", m.Name, l)
			}
		}
	}
}

func TestWriteTo(t *testing.T) {
	var p Page
	var h Histogram
	h.Add(time.Millisecond) // on the bound: it counts there
	h.Add(3 * time.Millisecond)
	h.Add(time.Minute)
	p.Put(Orders, 3, "a\"b\\c\nd\xff")
	p.PutSpread(Command, h.Spread())
	p.Put(Leader, math.Inf(1))
	var b strings.Builder
	if _, err := p.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	want := `# HELP tote_raft_leader 1 when this gateway leads.
# TYPE tote_raft_leader gauge
tote_raft_leader +Inf
# HELP tote_command_seconds From the proposal of a command at this gateway to its answer, in seconds: recorded by a majority and applied.
# TYPE tote_command_seconds histogram
tote_command_seconds_bucket{le="0.0005"} 0
tote_command_seconds_bucket{le="0.001"} 1
tote_command_seconds_bucket{le="0.0025"} 1
tote_command_seconds_bucket{le="0.005"} 2
tote_command_seconds_bucket{le="0.01"} 2
tote_command_seconds_bucket{le="0.025"} 2
tote_command_seconds_bucket{le="0.05"} 2
tote_command_seconds_bucket{le="0.1"} 2
tote_command_seconds_bucket{le="0.25"} 2
tote_command_seconds_bucket{le="0.5"} 2
tote_command_seconds_bucket{le="1"} 2
tote_command_seconds_bucket{le="2.5"} 2
tote_command_seconds_bucket{le="10"} 2
tote_command_seconds_bucket{le="+Inf"} 3
tote_command_seconds_sum 60.004
tote_command_seconds_count 3
# HELP tote_orders Orders by state.
# TYPE tote_orders gauge
tote_orders{state="a\"b\\c\nd?"} 3
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Error(diff)
	}
	if v := Values(b.String()); v["tote_command_seconds_count"] != 3 || len(v) != 18 {
		t.Errorf("read back: %v", v)
	}
}

func TestBounded(t *testing.T) {
	var p Page
	for range 2 * maxSeries {
		p.Put(Orders, 1, "x")
	}
	if n := len(p.lines[Orders.Name]); n != maxSeries {
		t.Errorf("%d series", n)
	}
	defer func() {
		if recover() == nil {
			t.Error("a label too many went through")
		}
	}()
	p.Put(Leader, 1, "x")
}

var named = regexp.MustCompile(`\btote_[a-z_]+`)

// TestRulesAndDashboard: they are whole, and name metrics that there are.
func TestRulesAndDashboard(t *testing.T) {
	rules, err := os.ReadFile("../../deploy/prometheus/tote.rules.yml")
	if err != nil {
		t.Fatal(err)
	}
	var r struct {
		Groups []struct {
			Name  string
			Rules []struct {
				Alert, Expr, For    string
				Labels, Annotations map[string]string
			}
		}
	}
	if err := yaml.UnmarshalWithOptions(rules, &r, yaml.Strict()); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, g := range r.Groups {
		for _, a := range g.Rules {
			n++
			if a.Alert == "" || !named.MatchString(a.Expr) || a.Labels["severity"] == "" || a.Annotations["summary"] == "" || a.Annotations["action"] == "" {
				t.Errorf("%+v: wants alert, expr, severity, summary and action", a)
			}
			if _, err := time.ParseDuration(a.For); err != nil {
				t.Errorf("%s: %v", a.Alert, err)
			}
		}
	}
	dashboard, err := os.ReadFile("../../deploy/grafana/tote.json")
	if err != nil {
		t.Fatal(err)
	}
	var d struct {
		Panels []struct {
			ID      int
			Title   string
			Type    string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(dashboard, &d); err != nil {
		t.Fatal(err)
	}
	ids := map[int]bool{}
	for _, p := range d.Panels {
		if p.Title == "" || p.Type == "" || ids[p.ID] || len(p.Targets) == 0 || !named.MatchString(p.Targets[0].Expr) {
			t.Errorf("%+v", p)
		}
		ids[p.ID] = true
	}
	if n < 15 || len(d.Panels) < 10 {
		t.Errorf("%d rules and %d panels", n, len(d.Panels))
	}
	there := Names()
	for file, text := range map[string][]byte{"rules": rules, "dashboard": dashboard} {
		for _, name := range named.FindAllString(string(text), -1) {
			if !there[name] {
				t.Errorf("%s: %s is no metric", file, name)
			}
		}
	}
}
