package scanner

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"tote/drivers"
	"tote/drivers/drivertest"
	"tote/gs1/fault"
	"tote/gs1/scan"
)

// TestCases plays the bytes of the scanner cases, which emulator and manuals
// agree on, to the driver as the case configures it.
func TestCases(t *testing.T) {
	files, err := filepath.Glob("../../firmware-tests/cases/scanner/*/driver")
	if err != nil || len(files) < 6 {
		t.Fatalf("%d cases: %v", len(files), err)
	}
	sent := regexp.MustCompile(`(?m)^scanned .* sent ("(?:[^"\\]|\\.)*") written true$`)
	for _, file := range files {
		dir := filepath.Dir(file)
		t.Run(filepath.Base(dir), func(t *testing.T) {
			var c struct {
				Driver                string // "" = the one of text
				GS1                   *scan.Config
				Scans, Rules, Rejects []string
			}
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(text, &c); err != nil {
				t.Fatal(err)
			}
			want, err := os.ReadFile(filepath.Join(dir, "want"))
			if err != nil {
				t.Fatal(err)
			}
			synctest.Test(t, func(t *testing.T) {
				var rules []string
				begin := start
				if c.Driver == SSIName {
					begin = func(t *testing.T, cfg Config) *bench { return &startSSI(t, cfg).bench }
				}
				b := begin(t, Config{GS1: c.GS1})
				sink := b.dev.cfg.Sink
				b.dev.cfg.Sink = func(s Scan) { rules = append(rules, string(s.Rule)); sink(s) }
				for _, m := range sent.FindAllStringSubmatch(string(want), -1) {
					frame, err := strconv.Unquote(m[1])
					if err != nil {
						t.Fatal(err)
					}
					b.send(frame, time.Second)
				}
				b.want(t, c.Scans, c.Rejects)
				if d := cmp.Diff(c.Rules, rules); d != "" {
					t.Errorf("rules (-want +got)\n%s", d)
				}
			})
		})
	}
}

// A label that is wrong is refused with its code, and says nothing against the
// scanner: it stays ready.
func TestAWrongLabelIsNotTheScannersFault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, Config{GS1: &scan.Config{Prefix: "S1:", Substitutes: []string{"~"}}})
		var texts []string
		reject := b.dev.cfg.OnReject
		b.dev.cfg.OnReject = func(r Reject) { texts = append(texts, r.Text); reject(r) }
		for range 4 {
			b.send("S1:]C10109506000134353\r", time.Second)
		}
		b.send("S1:]XX\r", time.Second)
		b.send("S1:2112345678900\r", time.Second)
		b.send("S1:]I124012345678905\r", time.Second)
		b.send("S1:A~1\r", time.Second)
		b.send("\x00\r", time.Second)
		if s := b.dev.Status(); s.State != drivers.Ready {
			t.Errorf("the scanner is %s", s.State)
		}
		bad := fault.CheckDigit.Code
		b.want(t, []string{"2112345678900", "]I124012345678905", "A~1"}, []string{bad, bad, bad, bad, fault.Identifier.Code, drivers.CodeScannerControl})
		if len(texts) != 6 || !strings.HasPrefix(texts[0], fault.CheckDigit.Cause) || !strings.Contains(texts[5], "control character") {
			t.Errorf("texts %q", texts)
		}
		if st := b.dev.Stats(); st != (Stats{Scans: 3, Rejects: 6}) {
			t.Errorf("stats %+v", st)
		}
	})
}

func TestNewChecksHowGS1IsSent(t *testing.T) {
	_, err := New(Config{Name: "x", Open: (&drivertest.Peer{}).Open, Sink: func(Scan) {}, GS1: &scan.Config{Substitutes: []string{"5"}}})
	if err == nil || !strings.Contains(err.Error(), "x: substitute") {
		t.Errorf("%v", err)
	}
}
