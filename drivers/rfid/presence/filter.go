package presence

import (
	"fmt"
	"slices"
	"strings"

	"tote/drivers/rfid"
	"tote/gs1/epc"
)

// Filter chooses tags by what they say. Warehouses are full of tags that are no
// goods: the laundry's in the overalls, the forklift's, labels that were never
// encoded and answer with their factory number (E2…). They would be strays at
// every door and take the room of others.
//
// A pattern is one of
//
//	gs1              any EPC
//	gs1:9521234      any EPC of a company prefix
//	sgtin            any EPC of a scheme
//	sgtin:9521234    of a scheme and a company prefix
//	hex:E280         content that begins with these digits, EPC or not
//	raw              content that is no EPC
//	afi              tags of another family (toggle bit set), which are no EPC
//	                 whatever their content looks like
//
// Schemes are those of package epc.
type Filter struct {
	only, except []pattern
}

type pattern struct {
	scheme string // "" = by hex; "gs1", "raw" and "afi" as above
	prefix string // company prefix, "" = any
	hex    string
}

// NewFilter reads patterns: a tag is taken when it fits one of only, or only is
// empty, and none of except. The error says which pattern is wrong.
func NewFilter(only, except []string) (*Filter, error) {
	f := &Filter{}
	for _, l := range []struct {
		from []string
		to   *[]pattern
	}{{only, &f.only}, {except, &f.except}} {
		for _, s := range l.from {
			p, why := parsePattern(s)
			if why != "" {
				return nil, fmt.Errorf("%w: tag pattern %q: %s", ErrConfig, s, why)
			}
			*l.to = append(*l.to, p)
		}
	}
	return f, nil
}

// CheckPattern says why a pattern is none, "" when it is.
func CheckPattern(s string) string {
	_, why := parsePattern(s)
	return why
}

// patternWords are the heads of patterns that are no schemes.
var patternWords = []string{"gs1", "raw", "afi"}

func parsePattern(s string) (pattern, string) {
	head, rest, more := strings.Cut(s, ":")
	digits := func(of string) bool { return rest != "" && strings.Trim(rest, of) == "" }
	switch {
	case head == "hex" && !digits("0123456789ABCDEFabcdef"):
		return pattern{}, "want hexadecimal digits behind hex:"
	case head == "hex":
		return pattern{hex: strings.ToUpper(rest)}, ""
	case !slices.Contains(patternWords, head) && !slices.Contains(schemes(), head):
		return pattern{}, "want gs1, raw, afi, hex:… or a scheme, as " + strings.Join(schemes(), ", ")
	case more && (head == "raw" || head == "afi" || !digits("0123456789")):
		return pattern{}, "want a company prefix, digits, behind the scheme"
	}
	return pattern{scheme: head, prefix: rest}, ""
}

// schemes are those of package epc, without the sizes of their tags.
func schemes() []string {
	var out []string
	for _, s := range epc.TagSchemes() {
		s, _, _ = strings.Cut(s, "-")
		out = append(out, s)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (p pattern) fits(e epc.EPC, digits string) bool {
	switch p.scheme {
	case "":
		return strings.HasPrefix(digits, p.hex)
	case "afi":
		return e.AFI != ""
	case "raw":
		return e.Scheme == "" && e.AFI == ""
	case "gs1":
		return e.Scheme != "" && (p.prefix == "" || e.Prefix == p.prefix)
	}
	return e.Scheme == p.scheme && (p.prefix == "" || e.Prefix == p.prefix)
}

// takes tells whether a tag is wanted. A nil filter takes all.
func (f *Filter) takes(e epc.EPC, digits string) bool {
	if f == nil {
		return true
	}
	fits := func(p pattern) bool { return p.fits(e, digits) }
	return (len(f.only) == 0 || slices.ContainsFunc(f.only, fits)) && !slices.ContainsFunc(f.except, fits)
}

// name is what one content of a tag means.
type name struct {
	key    string // what two tags of one object have in common
	wanted bool
	object *object // of an Engine; may be gone
}

// names remembers what the contents of tags mean, so that a tag is decoded once
// and not with each of its reads. It holds no more than max: when it is full it
// begins anew.
type names struct {
	filter *Filter
	max    int
	known  map[string]*name // by content
	afi    map[string]*name // the same for tags with the toggle bit
}

func newNames(f *Filter, tags int) names {
	// Strays and damaged reads come on top of the tags that are followed.
	return names{filter: f, max: 2*tags + 256, known: map[string]*name{}, afi: map[string]*name{}}
}

// of gives the name of a read's tag.
func (n *names) of(r *rfid.Read) *name {
	m := n.known
	if !r.GS1() {
		m = n.afi
	}
	if known := m[r.EPC]; known != nil {
		return known
	}
	if len(n.known)+len(n.afi) >= n.max {
		clear(n.known)
		clear(n.afi)
		if !r.GS1() {
			m = n.afi
		}
	}
	e := identity(r.PC, r.EPC)
	one := &name{key: e.Key(), wanted: r.EPC != "" && n.filter.takes(e, strings.ToUpper(r.EPC))}
	if one.key == "" {
		one.key = strings.ToUpper(r.EPC) // no tag content at all: it is named as it came
	}
	if e.AFI != "" {
		one.key = e.RawURI() // the same bits on a tag of GS1 are something else
	}
	m[r.EPC] = one
	return one
}

// identity is what a tag says. A length that the protocol control word denies is
// no reason to lose a tag: readers cut and pad.
func identity(pc uint16, digits string) epc.EPC {
	if (rfid.Read{PC: pc}).GS1() {
		e, _ := epc.Decode(digits) // what breaks the rules of its scheme keeps its bits
		return e
	}
	if e, err := epc.DecodeTag(pc, digits); err == nil {
		return e
	}
	return epc.EPC{Hex: strings.ToUpper(digits), AFI: fmt.Sprintf("%02X", pc&0xFF)}
}
