//go:build !386 && !arm && !mips && !mipsle

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"
)

// The form of a line is what other programs read.
func TestLine(t *testing.T) {
	for _, tc := range []struct {
		name  string
		value float64
		unit  string
		goal  float64
		want  string
	}{
		{"free", 0.2276, "ms", 0, `{"name":"free","value":0.228,"unit":"ms","goal":"","ok":true}`},
		{"most", 1.1, "x", 1.1, `{"name":"most","value":1.1,"unit":"x","goal":"<= 1.1","ok":true}`},
		{"missed", 141.8, "s", 120, `{"name":"missed","value":142,"unit":"s","goal":"<= 120","ok":false}`},
		{"missed by less than is shown", 1.1004, "x", 1.1, `{"name":"missed by less than is shown","value":1.1,"unit":"x","goal":"<= 1.1","ok":false}`},
		{"least", 2_000_000, "1/s", -1_000_000, `{"name":"least","value":2000000,"unit":"1/s","goal":">= 1000000","ok":true}`},
		{"too few", 9, "1/s", -10, `{"name":"too few","value":9,"unit":"1/s","goal":">= 10","ok":false}`},
	} {
		var out bytes.Buffer
		if err := newFigure(tc.name, tc.value, tc.unit, tc.goal).write(&out); err != nil || out.String() != tc.want+"\n" {
			t.Errorf("got  %s (%v)\nwant %s", out.String(), err, tc.want)
		}
		var keys map[string]any
		if err := json.Unmarshal(out.Bytes(), &keys); err != nil || len(keys) != 5 {
			t.Errorf("%s: %v", out.String(), err)
		}
	}
}

func TestMedianAndPercentile(t *testing.T) {
	if got := median([]float64{9, 1, 2}); got != 2 {
		t.Errorf("median of three: %v", got)
	}
	if got := median([]float64{9, 1, 2, 4}); got != 3 {
		t.Errorf("median of four: %v", got)
	}
	var ds []time.Duration
	for i := range 100 {
		ds = append(ds, time.Duration(100-i)*time.Millisecond)
	}
	for p, want := range map[float64]float64{0.5: 50, 0.99: 99, 1: 100, 0: 1} {
		if got := percentile(ds, p); got != want {
			t.Errorf("percentile %v: %v, want %v", p, got, want)
		}
	}
}

const printed = "  12.0s  at the site 3/3  shipped 3/3\n" +
	`power cut: gw2, which leads, is killed (SIGKILL)

The shift
  orders               200 placed, 196 shipped (594 lines, 1101 units)
  first order shipped  13.6 s after the start
  whole shift          141.8 s
  robot R1             198 totes carried
  memory, peak         gw1 53 MB, gw2 111 MB, gw3 86 MB
  power cut            gateway killed once, taking scans again after 0.8 s
  verdict              ledger, OMS, devices and people agree on every order

The site goes on running. Look around:
  order tracking   http://127.0.0.1/track/1
`

func TestReadTable(t *testing.T) {
	table, err := readTable([]byte(printed))
	if err != nil {
		t.Fatal(err)
	}
	if len(table) != 7 || table["verdict"] == "" || table["order tracking"] != "" {
		t.Errorf("%q", table)
	}
	shown := map[string]figure{}
	if err := table.big(func(f figure) { shown[f.Name] = f }); err != nil {
		t.Fatal(err)
	}
	if err := table.small(func(f figure) { shown[f.Name] = f }); err != nil {
		t.Fatal(err)
	}
	for _, want := range []figure{
		{"demo_200_orders_3_gateways_leader_killed", 142, "s", "<= 120", false},
		{"takeover", 0.8, "s", "<= 1", true},
		{"gateway_peak_rss", 111, "MB", "<= 150", true},
		{"demo_first_order_shipped", 13.6, "s", "<= 20", true},
		{"demo_60_orders", 142, "s", "<= 30", false},
	} {
		if got := shown[want.Name]; got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
	if len(shown) != 5 {
		t.Errorf("%d figures", len(shown))
	}
}

// A table that lost a row is no figure of 0.
func TestReadTableFaults(t *testing.T) {
	if _, err := readTable([]byte("it went wrong\n")); err == nil || !strings.Contains(err.Error(), "it went wrong") {
		t.Errorf("no table: %v", err)
	}
	for _, row := range []string{"whole shift", "memory, peak", "power cut  "} {
		table, err := readTable([]byte(strings.Replace(printed, "\n  "+row, "\n  other row  ", 1)))
		if err != nil {
			t.Fatal(err)
		}
		if err := table.big(func(figure) {}); err == nil || !strings.Contains(err.Error(), strings.TrimSpace(row)) {
			t.Errorf("without %s: %v", row, err)
		}
	}
	table := resultTable{"memory, peak": "gw1 much MB"}
	if _, err := table.number("memory, peak", `([0-9]+) MB`); err == nil {
		t.Error("a row without its number")
	}
}

func TestChoose(t *testing.T) {
	for only, want := range map[string]string{"": "disk route blocks pool gs1 scaleline quiet llrp presence store domain state sitemodel rebuild rss import-stock scan photoeye idle resting install demo takeover", "scan": "scan", "takeover,disk": "disk takeover"} {
		todo, err := choose(only)
		var names []string
		for _, p := range todo {
			names = append(names, p.name)
		}
		if got := strings.Join(names, " "); err != nil || got != want {
			t.Errorf("%q: %q %v", only, got, err)
		}
	}
	if _, err := choose("disk,tape"); err == nil || errors.Unwrap(err) != nil || !strings.Contains(err.Error(), "tape") {
		t.Errorf("%v", err)
	}
}

func TestWriteBytes(t *testing.T) {
	const io = "rchar: 1\nwchar: 2\nread_bytes: 3\nwrite_bytes: 8192\ncancelled_write_bytes: 5\n"
	if n, err := writeBytes([]byte(io)); n != 8192 || err != nil {
		t.Errorf("%v, %v", n, err)
	}
	for _, bad := range []string{"", "wchar: 2\ncancelled_write_bytes: 5\n", "write_bytes: many\n"} {
		if n, err := writeBytes([]byte(bad)); err == nil {
			t.Errorf("%q: %v and no error", bad, n)
		}
	}
}

func TestStatusKB(t *testing.T) {
	const status = "Name:\tbench\nVmHWM:\t  114688 kB\nVmRSS:\t   65832 kB\n"
	for key, want := range map[string]float64{"VmRSS": 65832, "VmHWM": 114688} {
		if kb, err := statusKB([]byte(status), key); kb != want || err != nil {
			t.Errorf("%s: %v, %v", key, kb, err)
		}
	}
	for _, bad := range []string{"", "VmRSS: many kB\n", "NoVmRSS:\t1 kB\n"} {
		if kb, err := statusKB([]byte(bad), "VmRSS"); err == nil {
			t.Errorf("%q: %v and no error", bad, kb)
		}
	}
}
