package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tote/picking/study"
)

// TestPlan: a problem is generated, written, planned, drawn and compared, and a
// plan of rounds is the same again from the file.
func TestPlan(t *testing.T) {
	dir := t.TempDir()
	file, picture := filepath.Join(dir, "p.json"), filepath.Join(dir, "w.svg")
	c := planCmd{Generate: "henn-waescher", Orders: 20, Capacity: 45, Blocks: 1, Seed: 3, Threads: 1, Rounds: 50, Write: file, SVG: picture, Batch: 1, Compare: true}
	var out bytes.Buffer
	if err := c.run(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"20 orders", "a bound no plan falls below", "as they come, s-shape"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, out.String())
		}
	}
	if raw, err := os.ReadFile(picture); err != nil || !bytes.Contains(raw, []byte("<svg")) {
		t.Error(err)
	}
	var first, again bytes.Buffer
	c.Write, c.SVG, c.JSON = "", "", true
	if err := c.run(&first); err != nil {
		t.Fatal(err)
	}
	c.Generate, c.File = "", file
	if err := c.run(&again); err != nil || !bytes.Equal(first.Bytes(), again.Bytes()) {
		t.Errorf("%v: the plan is another one", err)
	}
	var r study.Report
	if err := json.Unmarshal(again.Bytes(), &r); err != nil || r.Orders != 20 {
		t.Error(err)
	}
}

func TestPlanRefuses(t *testing.T) {
	bad := file(t, "bad.json", `{"version": 3}`)
	for name, c := range map[string]planCmd{
		"nothing":      {Threads: 1},
		"both":         {Threads: 1, File: bad, Generate: "pool", Blocks: 1},
		"no file":      {Threads: 1, File: bad + "x"},
		"a wrong file": {Threads: 1, File: bad},
		"no threads":   {Generate: "pool", Blocks: 1},
		"no such walk": {Generate: "henn-waescher", Orders: 3, Capacity: 45, Blocks: 1, Threads: 1, Rounds: 1, Batch: 9, SVG: filepath.Join(t.TempDir(), "x")},
		"a small cart": {Generate: "henn-waescher", Orders: 3, Capacity: 4, Blocks: 1, Threads: 1, Rounds: 1},
	} {
		if err := c.run(&bytes.Buffer{}); err == nil {
			t.Errorf("%s was planned", name)
		}
	}
	if err := (planCmd{Threads: 1, File: bad}).Run(); err == nil || !strings.HasPrefix(err.Error(), "PLN-101: ") {
		t.Error(err)
	}
}

// TestPlanningPage: the problem of docs/planning.md can be planned.
func TestPlanningPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/planning.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(page), "```json\n")
	text, _, _ = strings.Cut(text, "```")
	var out bytes.Buffer
	c := planCmd{File: file(t, "page.json", text), Threads: 1, Rounds: 10, Compare: true}
	if err := c.run(&out); err != nil || !strings.Contains(out.String(), "2 orders, 3 lines in 1 walks") {
		t.Errorf("%v\n%s", err, out.String())
	}
}
