package accept

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"tote/drivers"
)

// Report is what a run came to; as JSON it is for machines, as Markdown for the
// people who take the device over.
type Report struct {
	Site     string           `json:"site,omitempty"`    // filled in by the caller
	Device   string           `json:"device,omitempty"`  // its name in the configuration; the same
	Version  string           `json:"version,omitempty"` // of Tote; the same
	Driver   string           `json:"driver"`
	Kind     string           `json:"kind"`
	Evidence string           `json:"evidence"` // whose bytes the driver was judged by, or unproven
	Port     string           `json:"port"`
	Line     string           `json:"line,omitempty"`
	Identity drivers.Identity `json:"identity"`
	Attended bool             `json:"attended"` // a person did the steps
	Started  time.Time        `json:"started"`
	Ended    time.Time        `json:"ended"`
	Checks   []Check          `json:"checks"`
	Figures  Figures          `json:"figures"`
}

// Count is how many checks ended in each way.
func (r Report) Count() (passed, failed, skipped int) {
	for _, c := range r.Checks {
		switch c.Result {
		case Passed:
			passed++
		case Failed:
			failed++
		default:
			skipped++
		}
	}
	return passed, failed, skipped
}

// Accepted tells whether nothing failed and something passed.
func (r Report) Accepted() bool {
	passed, failed, _ := r.Count()
	return failed == 0 && passed > 0
}

// Verdict is the outcome in one line.
func (r Report) Verdict() string {
	passed, failed, skipped := r.Count()
	word := "accepted"
	if !r.Accepted() {
		word = "NOT accepted"
	}
	return fmt.Sprintf("%s: %d checks passed, %d failed, %d skipped", word, passed, failed, skipped)
}

// Markdown is the report for people.
func (r Report) Markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Acceptance of a %s\n\n**%s**\n\n| | |\n|---|---|\n", r.Kind, r.Verdict())
	who := r.Identity.String()
	if who == "" {
		who = "it does not say"
	}
	for _, f := range []struct{ name, value string }{
		{"site", r.Site},
		{"device", r.Device},
		{"who it says it is", who},
		{"port", r.Port},
		{"line", r.Line},
		{"driver", r.Driver + " (" + r.Evidence + ")"},
		{"attended", map[bool]string{true: "yes, a person did the steps", false: "no, steps that need a person were skipped"}[r.Attended]},
		{"from", r.Started.Format(time.RFC3339)},
		{"until", r.Ended.Format(time.RFC3339)},
		{"Tote", r.Version},
	} {
		if f.value != "" {
			fmt.Fprintf(&b, "| %s | %s |\n", f.name, cell(f.value))
		}
	}
	b.WriteString("\n## Checks\n\n| check | result | | took |\n|---|---|---|---|\n")
	for _, c := range r.Checks {
		result := string(c.Result)
		if c.Result == Failed {
			result = "**failed**"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %d ms |\n", c.Name, result, cell(c.Text), c.TookMs)
	}
	b.WriteString("\n## Measured\n\n| | |\n|---|---|\n")
	if r.Figures.Answers > 0 {
		fmt.Fprintf(&b, "| response time, half of %d answers within | %.2f ms |\n| 99 of 100 within | %.2f ms |\n", r.Figures.Answers, r.Figures.P50Ms, r.Figures.P99Ms)
	}
	fmt.Fprintf(&b, "| received | %d bytes |\n| frames | %d |\n| of these not readable, or telling of a fault | %d |\n", r.Figures.Bytes, r.Figures.Frames, r.Figures.Errors)
	return b.String()
}

// cell keeps what a device said within its cell of the table.
func cell(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return ' '
		}
		return r
	}, s)
	return strings.NewReplacer("|", `\|`, "<", "&lt;").Replace(s)
}

// Save writes the report as NAME-TIME.md and .json and says where it is. Slashes
// of the name become dashes.
func (r Report) Save(dir, name string) (files []string, err error) {
	asJSON, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	base := filepath.Join(dir, strings.Map(func(c rune) rune {
		if c == '/' || c == '\\' || c < ' ' {
			return '-'
		}
		return c
	}, name)+"-"+r.Started.Format("20060102-150405"))
	for ext, text := range map[string]string{".md": r.Markdown(), ".json": string(asJSON) + "\n"} {
		if err := os.WriteFile(base+ext, []byte(text), 0o644); err != nil {
			return files, err
		}
		files = append(files, base+ext)
	}
	slices.Sort(files)
	return files, nil
}
