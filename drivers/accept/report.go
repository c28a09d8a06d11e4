package accept

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
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

// Writable makes the folder for a report and tells whether one can be written there:
// asked before a test, which takes minutes and a person. The error has code
// CodeReport.
func Writable(dir string) error {
	err := os.MkdirAll(dir, 0o755)
	if err == nil {
		var f *os.File
		if f, err = os.CreateTemp(dir, ".report-*"); err == nil {
			err = errors.Join(fill(f, strings.Repeat(" ", 64<<10)), os.Remove(f.Name()))
		}
	}
	return unsaved(err)
}

func unsaved(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s %w: %w", drivers.CodeReport, drivers.Coded(drivers.CodeReport), err)
}

// fill writes a file to its end and closes it.
func fill(f *os.File, text string) error {
	_, err := f.WriteString(text)
	return errors.Join(err, f.Sync(), f.Close())
}

// Save writes the report as NAME-TIME.md and .json and says where it is. Slashes
// of the name become dashes. A file is there whole or not at all; the error has code
// CodeReport.
func (r Report) Save(dir, name string) (files []string, err error) {
	asJSON, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, unsaved(err)
	}
	base := filepath.Join(dir, strings.Map(func(c rune) rune {
		if c == '/' || c == '\\' || c < ' ' {
			return '-'
		}
		return c
	}, name)+"-"+r.Started.Format("20060102-150405"))
	for _, file := range []struct{ ext, text string }{{".json", string(asJSON) + "\n"}, {".md", r.Markdown()}} {
		if err := whole(base+file.ext, file.text); err != nil {
			return files, unsaved(err)
		}
		files = append(files, base+file.ext)
	}
	return files, nil
}

// whole puts a file in its place when all of it is on the disk.
func whole(path, text string) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".report-*")
	if err != nil {
		return err
	}
	err = fill(f, text)
	if err == nil {
		err = errors.Join(os.Chmod(f.Name(), 0o644), os.Rename(f.Name(), path))
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}
