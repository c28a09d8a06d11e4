// Package pattern drives odd scales by a regular expression that a site
// engineer writes: RE2, so that no line can make it slow. Its stable group is
// mandatory: a scale that does not say when it rests cannot be booked from.
//
// It is a codec; nothing here starts a goroutine.
package pattern

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"slices"

	"tote/drivers/scale"
)

// Name is this protocol's name in the table of drivers.
const Name = "regex"

// Bounds of a configuration, in bytes.
const (
	MaxPattern = 500
	MaxAsk     = 32
)

// Config says how a scale talks.
type Config struct {
	// Pattern matches one whole line, without its CR or LF. Groups: value (a
	// decimal number) and stable are mandatory, unit is unless Unit is given;
	// overload, underload and net may be there. A group that matched no
	// character says no.
	Pattern string
	Unit    string // for scales that do not tell: mg, g, kg, lb or oz
	Ask     string // the question for a weight; "" = the scale talks by itself
	Zero    string // the command that zeroes; "" = there is none
}

// groups that a pattern may have.
var groups = []string{"value", "unit", "stable", "overload", "underload", "net"}

// Protocol checks cfg and makes a protocol of it. There is no checksum: two
// equal weights make a stable one.
func Protocol(cfg Config) (scale.Protocol, error) {
	p, err := compile(cfg)
	if err != nil {
		return scale.Protocol{}, err
	}
	return scale.Protocol{
		Name: Name, Ask: cfg.Ask, Zero: cfg.Zero, Window: 2, Parse: p.parse,
		Framer: func() scale.Framer { return &scale.Lines{CR: true} },
	}, nil
}

type parser struct {
	re    *regexp.Regexp
	unit  string
	index map[string]int // group → its place
}

func compile(cfg Config) (*parser, error) {
	switch {
	case cfg.Pattern == "":
		return nil, errors.New("a pattern is needed")
	case len(cfg.Pattern) > MaxPattern:
		return nil, fmt.Errorf("a pattern of %d bytes; at most %d", len(cfg.Pattern), MaxPattern)
	case len(cfg.Ask) > MaxAsk || len(cfg.Zero) > MaxAsk:
		return nil, fmt.Errorf("a question or command of more than %d bytes", MaxAsk)
	}
	re, err := regexp.Compile(`^(?:` + cfg.Pattern + `)$`)
	if err != nil {
		return nil, fmt.Errorf("the pattern: %w", err)
	}
	p := &parser{re: re, unit: cfg.Unit, index: map[string]int{}}
	for i, name := range re.SubexpNames() {
		switch {
		case name == "":
		case !slices.Contains(groups, name):
			return nil, fmt.Errorf("the pattern has a group %q; there are %q", name, groups)
		case p.index[name] != 0:
			return nil, fmt.Errorf("the pattern has two groups %q", name)
		default:
			p.index[name] = i
		}
	}
	for _, name := range []string{"value", "stable"} {
		if p.index[name] == 0 {
			return nil, fmt.Errorf("the pattern has no group %q", name)
		}
	}
	switch _, known := scale.Milligrams(1, 0, cfg.Unit); {
	case cfg.Unit == "" && p.index["unit"] == 0:
		return nil, errors.New(`the pattern has no group "unit", and no unit is given`)
	case cfg.Unit != "" && p.index["unit"] != 0:
		return nil, errors.New(`either a group "unit" or a unit, not both`)
	case cfg.Unit != "" && !known:
		return nil, fmt.Errorf("unit %q; there are mg, g, kg, lb and oz", cfg.Unit)
	}
	// What says "stable" of any line says nothing.
	if m := re.FindSubmatch(nil); m != nil {
		return nil, errors.New("the pattern matches an empty line")
	}
	return p, nil
}

func (p *parser) parse(line []byte) (scale.Answer, error) {
	m := p.re.FindSubmatch(line)
	if m == nil {
		return scale.Answer{}, fmt.Errorf("%w: %q", scale.ErrFrame, line)
	}
	group := func(name string) []byte {
		if i := p.index[name]; i > 0 {
			return m[i]
		}
		return nil
	}
	switch {
	case len(group("overload")) > 0:
		return scale.Answer{Kind: scale.AnswerOverload}, nil
	case len(group("underload")) > 0:
		return scale.Answer{Kind: scale.AnswerUnderload}, nil
	}
	value, decimals, rest, ok := scale.Number(group("value"))
	unit := p.unit
	if unit == "" {
		unit = scale.UnitOf(bytes.TrimSpace(group("unit")))
	}
	if !ok || len(bytes.TrimSpace(rest)) > 0 || unit == "" {
		return scale.Answer{}, fmt.Errorf("%w: %q", scale.ErrFrame, line)
	}
	return scale.Answer{
		Kind: scale.AnswerWeight, Stable: len(group("stable")) > 0, Net: len(group("net")) > 0,
		Value: value, Decimals: decimals, Unit: unit,
	}, nil
}
