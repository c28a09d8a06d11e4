package ai

import (
	"fmt"
	"strconv"
	"strings"
	"sync"

	"tote/gs1/fault"
)

//go:generate go run ./gen

// row is one line of the AI table in the notation of the GS1 syntax
// dictionary: all AIs from..to have the components of spec.
type row struct {
	from, to string
	use      use
	spec     string // "N13,csum,gcppos1 [X..17]"
	rules    string // "ex=255,37 dlpkey=22,10,21|235"
	title    string // the data title printed on labels
}

// use says where the values of a row may stand.
type use uint8

const (
	fixed     use = 1 << iota // pre-defined length: no separator needed behind it
	attribute                 // allowed in the query of a Digital Link
)

// component is one part of a value.
type component struct {
	class    byte // 'N' digits, 'X' set 82, 'Y' set 39, 'Z' base64url
	min, max int
	optional bool
	checks   []*check
}

// Spec is what the table says of one AI.
type Spec struct {
	Title     string // the data title printed on labels
	Fixed     bool   // pre-defined length: no separator needed behind it
	Attribute bool   // may stand in the query of a Digital Link
	Primary   bool   // may be the primary key of a Digital Link
	Min, Max  int    // characters of a whole value
	// Chains are the qualifiers that may follow a primary key in the path of a
	// Digital Link, each in its order; a link takes one of them.
	Chains [][]string

	components []component
	needs      [][][]string // all of: one of: all of
	excludes   []string
}

// branch is all AIs that begin with the same two digits: they have the same
// length, so that an AI is found without trying.
type branch struct {
	digits int // of each AI; 0 = there is none
	specs  []*Spec
}

// branches is the table by its first two digits, read once.
var branches = sync.OnceValue(func() *[100]branch {
	var all [100]branch
	for _, r := range table {
		s, err := parseRow(r)
		if err != nil {
			panic(err) // the table is part of the program; its test reads it all
		}
		lo, _ := strconv.Atoi(r.from)
		hi, _ := strconv.Atoi(r.to)
		span := []int{1, 10, 100}[len(r.from)-2]
		for n := lo; n <= hi; n++ {
			b := &all[n/span]
			if b.digits == 0 {
				*b = branch{len(r.from), make([]*Spec, span)}
			}
			if b.digits != len(r.from) {
				panic(fmt.Sprintf("ai: AI %s is longer or shorter than its neighbours", r.from))
			}
			b.specs[n%span] = s
		}
	}
	return &all
})

func parseRow(r row) (*Spec, error) {
	s := &Spec{Title: r.title, Fixed: r.use&fixed != 0, Attribute: r.use&attribute != 0}
	for part := range strings.FieldsSeq(r.spec) {
		c, err := parseComponent(part)
		if err != nil {
			return nil, fmt.Errorf("ai: table row %s: %w", r.from, err)
		}
		if !c.optional {
			s.Min += c.min
		}
		s.Max += c.max
		s.components = append(s.components, c)
	}
	for rule := range strings.FieldsSeq(r.rules) {
		name, list, _ := strings.Cut(rule, "=")
		switch name {
		case "req":
			var any [][]string
			for alternative := range strings.SplitSeq(list, ",") {
				any = append(any, strings.Split(alternative, "+"))
			}
			s.needs = append(s.needs, any)
		case "ex":
			s.excludes = append(s.excludes, strings.Split(list, ",")...)
		case "dlpkey":
			s.Primary = true
			for chain := range strings.SplitSeq(list, "|") {
				if chain != "" {
					s.Chains = append(s.Chains, strings.Split(chain, ","))
				}
			}
		default:
			return nil, fmt.Errorf("ai: table row %s: %q is no rule", r.from, rule)
		}
	}
	return s, nil
}

func parseComponent(part string) (component, error) {
	format, names, _ := strings.Cut(part, ",")
	c := component{optional: strings.HasPrefix(format, "[")}
	format = strings.Trim(format, "[]")
	if format == "" || !strings.ContainsRune("NXYZ", rune(format[0])) {
		return c, fmt.Errorf("%q is no format", part)
	}
	c.class = format[0]
	number, variable := strings.CutPrefix(format[1:], "..")
	n, err := strconv.Atoi(number)
	if err != nil {
		return c, fmt.Errorf("%q is no format", part)
	}
	c.min, c.max = n, n
	if variable {
		c.min = 1
	}
	for name := range strings.SplitSeq(names, ",") {
		if name == "" {
			continue
		}
		check, ok := checks[name]
		if !ok {
			return c, fmt.Errorf("there is no check %q", name)
		}
		c.checks = append(c.checks, check)
	}
	return c, nil
}

// Find returns the AI that data begins with and what the table says of it.
func Find(data string) (ai string, spec *Spec, ok bool) {
	if len(data) < 2 || data[0] < '0' || data[0] > '9' || data[1] < '0' || data[1] > '9' {
		return "", nil, false
	}
	b := &branches()[int(data[0]-'0')*10+int(data[1]-'0')]
	if b.digits == 0 || len(data) < b.digits {
		return "", nil, false
	}
	n := 0
	for i := 2; i < b.digits; i++ {
		if data[i] < '0' || data[i] > '9' {
			return "", nil, false
		}
		n = 10*n + int(data[i]-'0')
	}
	if b.specs[n] == nil {
		return "", nil, false
	}
	return data[:b.digits], b.specs[n], true
}

// Lookup returns what the table says of exactly this AI.
func Lookup(ai string) (*Spec, bool) {
	found, s, ok := Find(ai)
	return s, ok && len(found) == len(ai)
}

// lookup is Lookup with the error of an AI that does not exist.
func lookup(ai string) (*Spec, error) {
	s, ok := Lookup(ai)
	if !ok {
		return nil, fmt.Errorf("%.12q: %w", ai, fault.UnknownAI)
	}
	return s, nil
}

// Title returns the data title of an AI as printed on labels ("SSCC", "GTIN"),
// or "" for an unknown one.
func Title(ai string) string {
	if s, ok := Lookup(ai); ok {
		return s.Title
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
