package gs1

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
)

// row is one line of the AI table in the notation of the GS1 syntax
// dictionary: all AIs from..to have the components of spec.
type row struct {
	from, to string
	fixed    bool   // pre-defined length: no separator needed behind it
	spec     string // "N13,csum,gcppos1 [X..17]"
	title    string // the data title printed on labels
}

// component is one part of a value.
type component struct {
	class    byte // 'N' digits, 'X' set 82, 'Y' set 39, 'Z' base64url
	min, max int
	optional bool
	checks   []string
}

// spec is what the table says of one AI.
type spec struct {
	fixed      bool
	title      string
	components []component
	min, max   int // characters of the whole value
}

// specs maps each AI to its row, read once from the table.
var specs = sync.OnceValue(func() map[string]*spec {
	all := make(map[string]*spec, 600)
	for _, r := range table {
		s, err := parseSpec(r)
		if err != nil {
			panic(err) // the table is part of the program; its test reads it all
		}
		lo, _ := strconv.Atoi(r.from)
		hi, _ := strconv.Atoi(r.to)
		for n := lo; n <= hi; n++ {
			all[fmt.Sprintf("%0*d", len(r.from), n)] = s
		}
	}
	return all
})

func parseSpec(r row) (*spec, error) {
	s := &spec{fixed: r.fixed, title: r.title}
	for part := range strings.FieldsSeq(r.spec) {
		format, checks, _ := strings.Cut(part, ",")
		c := component{optional: strings.HasPrefix(format, "[")}
		format = strings.Trim(format, "[]")
		c.class = format[0]
		number, variable := strings.CutPrefix(format[1:], "..")
		n, err := strconv.Atoi(number)
		if err != nil || !strings.ContainsRune("NXYZ", rune(c.class)) {
			return nil, fmt.Errorf("gs1: table row %s: %q is no format", r.from, part)
		}
		c.min, c.max = n, n
		if variable {
			c.min = 1
		}
		if checks != "" {
			c.checks = strings.Split(checks, ",")
		}
		if !c.optional {
			s.min += c.min
		}
		s.max += c.max
		s.components = append(s.components, c)
	}
	return s, nil
}

// findAI returns the AI that data begins with. No AI is the prefix of another,
// so the first that fits is the one.
func findAI(data string) (string, *spec, bool) {
	all := specs()
	for n := 2; n <= 4 && n <= len(data); n++ {
		if s, ok := all[data[:n]]; ok {
			return data[:n], s, true
		}
	}
	return "", nil, false
}

// Title returns the data title of an AI as printed on labels ("SSCC", "GTIN"),
// or "" for an unknown one.
func Title(ai string) string {
	if s, ok := specs()[ai]; ok {
		return s.title
	}
	return ""
}

// NeedsSeparator reports whether a value of this AI must be ended by a
// separator (FNC1, GS) when another element follows. Two digits decide, so that
// an AI this table does not know can be split as well.
func NeedsSeparator(ai string) bool {
	if len(ai) < 2 {
		return true
	}
	switch p := ai[:2]; {
	case p >= "00" && p <= "04", p >= "11" && p <= "20", p >= "31" && p <= "36", p == "41":
		return false
	}
	return true
}
