package script

import (
	"errors"
	"fmt"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"tote/firmware-tests/record"
)

// document is the file as it is written.
type document struct {
	Seed  *uint64    `yaml:"seed"`
	Steps []textStep `yaml:"steps"`
}

type textStep struct {
	At     string `yaml:"at"`
	When   string `yaml:"when"`
	After  string `yaml:"after"`
	Jitter string `yaml:"jitter"`
	Device string `yaml:"device"`
	Fault  string `yaml:"fault"`
	For    string `yaml:"for"`
	Every  string `yaml:"every"`
	Times  int    `yaml:"times"`
}

// kinds of records that a step may wait for.
var kinds = map[string]bool{
	record.Put: true, record.Removed: true, record.Answered: true, record.Received: true, record.Printed: true, record.Taken: true,
	record.Scanned: true, record.Field: true, record.Passed: true, record.Inducted: true, record.Diverted: true, record.Arrived: true, record.Acted: true, record.Climate: true,
}

// Parse reads a script; file is its name in errors. What needs the devices is
// checked by Check.
func Parse(file string, text []byte) (*Script, error) {
	var doc document
	if err := yaml.UnmarshalWithOptions(text, &doc, yaml.Strict()); err != nil {
		var ye yaml.Error
		if errors.As(err, &ye) && ye.GetToken() != nil && ye.GetToken().Position != nil {
			return nil, fmt.Errorf("%w %s:%d: %s", ErrScript, file, ye.GetToken().Position.Line, ye.GetMessage())
		}
		return nil, fmt.Errorf("%w %s: %w", ErrScript, file, err)
	}
	s := &Script{file: file, seed: 1}
	if doc.Seed != nil {
		s.seed = *doc.Seed
	}
	lines, err := linesOf(text)
	if err != nil {
		return nil, fmt.Errorf("%w %s: %w", ErrScript, file, err)
	}
	if len(doc.Steps) == 0 {
		return nil, s.wrong(1, "no steps")
	}
	all := 0
	for i, t := range doc.Steps {
		st, why := t.step()
		if i < len(lines) {
			st.line = lines[i]
		}
		if why != "" {
			return nil, s.wrong(st.line, "%s", why)
		}
		if all += max(st.times, 1); all > maxSteps {
			return nil, s.wrong(st.line, "more than %d steps, repetitions counted", maxSteps)
		}
		s.steps = append(s.steps, st)
	}
	return s, nil
}

// linesOf gives the line of each step.
func linesOf(text []byte) (lines []int, err error) {
	f, err := parser.ParseBytes(text, 0)
	if err != nil {
		return nil, err
	}
	for _, d := range f.Docs {
		m, ok := d.Body.(*ast.MappingNode)
		if !ok {
			continue
		}
		for _, v := range m.Values {
			list, ok := v.Value.(*ast.SequenceNode)
			if !ok || v.Key.GetToken().Value != "steps" {
				continue
			}
			for _, n := range list.Values {
				tk := n.GetToken()
				if m, ok := n.(*ast.MappingNode); ok && len(m.Values) > 0 {
					tk = m.Values[0].Key.GetToken()
				}
				lines = append(lines, tk.Position.Line)
			}
		}
	}
	return lines, nil
}

// step checks what one step says of itself; why is "" when it makes sense.
func (t textStep) step() (st step, why string) {
	st = step{device: t.Device, fault: t.Fault, when: t.When, times: t.Times}
	for _, d := range []struct {
		key, text string
		into      *time.Duration
	}{{"at", t.At, &st.at}, {"after", t.After, &st.after}, {"jitter", t.Jitter, &st.jitter}, {"for", t.For, &st.length}, {"every", t.Every, &st.every}} {
		if d.text == "" {
			continue
		}
		v, err := time.ParseDuration(d.text)
		if err != nil || v < 0 || v > 24*time.Hour {
			return st, fmt.Sprintf("%s: %q is no time: 500ms, 5s, 2m, up to 24h", d.key, d.text)
		}
		*d.into = v
	}
	switch {
	case t.Fault == "":
		why = "fault must be given"
	case (t.At == "") == (t.When == ""):
		why = "either at or when must be given"
	case t.When != "" && !kinds[t.When]:
		why = fmt.Sprintf("when: nothing of kind %q is ever recorded", t.When)
	case t.After != "" && t.When == "":
		why = "after belongs to when"
	case t.Every != "" && t.When != "":
		why = "every belongs to at; a step with when repeats by times"
	case t.Times < 0, t.Times > 1 && t.When == "" && st.every == 0:
		why = "times needs every, and is not negative"
	case st.every > 0 && t.Times < 2:
		why = "every needs times, at least 2"
	case t.Times > 1 && st.length == 0:
		why = "a fault that stays for good cannot come again: for must be given"
	}
	return st, why
}
