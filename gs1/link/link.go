// Package link reads and writes GS1 Digital Links: web addresses that carry
// application identifiers, as in
//
//	https://id.example.com/01/09506000134352/10/ABC?17=270131
//
// The path has a primary key and its qualifiers in their order, the query other
// data; everything before the primary key is the stem and may be anything.
// Compressed links are not read.
//
// It is a pure library: no state, no clock, no I/O; nothing is ever fetched.
// Reference: GS1 Digital Link URI Syntax 1.2 and later; where that leaves room it
// does as the reference engine gs1/gs1-syntax-engine does.
package link

import (
	"fmt"
	"slices"
	"strings"

	"tote/gs1/ai"
	"tote/gs1/fault"
	"tote/gs1/key"
)

// MaxLength is the longest address that is looked at, more than any barcode
// holds.
const MaxLength = 8000

// Options allows what the rules forbid by now, or leave to the reader.
type Options struct {
	ShortGTIN  bool     // GTINs of 8, 12 and 13 digits behind 01
	Names      bool     // keys by name: /gtin/…/ser/… for /01/…/21/…
	UnknownAIs bool     // AIs that the table does not have, in the query
	Depth      ai.Depth // how deep values are checked
}

// Link is an address, understood.
type Link struct {
	Stem     string       // what stands before the primary key, without the slash
	Elements []ai.Element // of the path, then of the query, as they come
	Path     int          // so many of the elements stand in the path
}

// Canonical gives the elements in the order for storage: the primary key, then by
// AI.
func (l Link) Canonical() []ai.Element {
	out := slices.Clone(l.Elements)
	if len(out) > 1 {
		slices.SortStableFunc(out[1:], func(a, b ai.Element) int { return strings.Compare(a.AI, b.AI) })
	}
	return out
}

// IsWeb reports whether a text begins like a web address: http or https, all in
// small or all in capital letters.
func IsWeb(text string) bool {
	_, ok := cutScheme(text)
	return ok
}

func cutScheme(text string) (rest string, ok bool) {
	for _, scheme := range []string{"https://", "http://", "HTTPS://", "HTTP://"} {
		if rest, ok := strings.CutPrefix(text, scheme); ok {
			return rest, true
		}
	}
	return "", false
}

// uriCharacters are the characters an address is made of, badHost those of them
// that no host has; who writes user@host wants to deceive.
const (
	uriCharacters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~:/?#[]@!$&'()*+,;=%"
	badHost       = "_~?#@!$&'()*+,;=%"
)

// Parse reads an address. Errors: Link when it is none of GS1, and then it may
// well be some other good address; TooLong, LinkPath, LinkAttribute, Repeated,
// UnknownAI, EmptyValue, and those of [ai.Check] when it is a broken one. All of
// package fault.
func Parse(uri string, o Options) (Link, error) {
	if len(uri) > MaxLength {
		return Link{}, fmt.Errorf("%d characters: %w", len(uri), fault.TooLong)
	}
	refuse := func(why string) (Link, error) { return Link{}, fmt.Errorf("%s: %w", why, fault.Link) }
	rest, ok := cutScheme(uri)
	if !ok {
		return refuse("neither http:// nor https://")
	}
	for i := range len(uri) {
		if strings.IndexByte(uriCharacters, uri[i]) < 0 {
			return refuse(fmt.Sprintf("character %q", uri[i]))
		}
	}
	slash := strings.IndexByte(rest, '/')
	switch {
	case slash < 1:
		return refuse("no host, or nothing behind it")
	case strings.ContainsAny(rest[:slash], badHost):
		return refuse("a character that no host name has")
	}
	whole, _, _ := strings.Cut(rest, "#")
	path, query, _ := strings.Cut(whole[slash+1:], "?")
	parts := strings.Split(path, "/")
	first, err := root(parts, o)
	if err != nil {
		return Link{}, err
	}
	l := Link{}
	for i := first; i < len(parts); i += 2 {
		name, _ := resolve(parts[i], o)
		if err := l.add(name, parts[i+1], false, o); err != nil {
			return Link{}, err
		}
	}
	l.Path = len(l.Elements)
	stem := len(uri) - len(rest) + slash + 1
	for _, p := range parts[:first] {
		stem += len(p) + 1
	}
	l.Stem = uri[:stem-1]
	if !chained(l.Elements) {
		return Link{}, fmt.Errorf("%s: %w", ai.Bracketed(l.Elements), fault.LinkPath)
	}
	if err := l.query(query, o); err != nil {
		return Link{}, err
	}
	return l, nil
}

// root finds the primary key: of the pairs AI/value, counted from the end, the
// first that is one. Before it there may be anything, behind it only AIs.
func root(parts []string, o Options) (int, error) {
	for i := len(parts) - 2; i >= 0; i -= 2 {
		name, ok := resolve(parts[i], o)
		if !ok {
			break
		}
		if s, _ := ai.Lookup(name); s.Primary {
			return i, nil
		}
	}
	return 0, fmt.Errorf("no GS1 key in the path: %w", fault.Link)
}

// resolve gives the AI of a path segment.
func resolve(segment string, o Options) (string, bool) {
	if o.Names {
		if name, ok := named(segment); ok {
			return name, true
		}
	}
	_, ok := ai.Lookup(segment)
	return segment, ok
}

// named is the AI of a name that links could be written with until 1.2.
func named(name string) (string, bool) {
	for _, n := range [...][2]string{
		{"cpid", "8010"},
		{"cpsn", "8011"},
		{"cpv", "22"},
		{"gcn", "255"},
		{"gdti", "253"},
		{"giai", "8004"},
		{"ginc", "401"},
		{"gln", "414"},
		{"glnx", "254"},
		{"gmn", "8013"},
		{"grai", "8003"},
		{"gsin", "402"},
		{"gsrn", "8018"},
		{"gsrnp", "8017"},
		{"gtin", "01"},
		{"itip", "8006"},
		{"lot", "10"},
		{"party", "417"},
		{"refno", "8020"},
		{"ser", "21"},
		{"srin", "8019"},
		{"sscc", "00"},
	} {
		if n[0] == name {
			return n[1], true
		}
	}
	return "", false
}

// add takes one pair.
func (l *Link) add(name, escaped string, query bool, o Options) error {
	if escaped == "" {
		return fmt.Errorf("(%s): %w", name, fault.EmptyValue)
	}
	if _, twice := ai.Value(l.Elements, name); twice {
		return fmt.Errorf("(%s): %w", name, fault.Repeated)
	}
	value, ok := unescape(escaped, query)
	if !ok {
		return fmt.Errorf("(%s): a broken %% escape: %w", name, fault.Link)
	}
	if o.ShortGTIN && name == "01" && len(value) < 14 {
		if long, err := key.GTIN14(value); err == nil {
			value = long
		}
	}
	e := ai.Element{AI: name, Value: value}
	if _, known := ai.Lookup(name); known {
		if err := ai.Check(e, o.Depth); err != nil {
			return err
		}
	} else if err := checkUnknown(e); err != nil {
		return err
	}
	l.Elements = append(l.Elements, e)
	return nil
}

// checkUnknown holds the value of an AI nobody here knows to what all have in
// common.
func checkUnknown(e ai.Element) error {
	switch {
	case len(e.AI) < 2 || len(e.AI) > 4:
		return fmt.Errorf("(%.12s): %w", e.AI, fault.UnknownAI)
	case len(e.Value) > 90:
		return fmt.Errorf("(%s): %w", e.AI, fault.Length)
	}
	for i := range len(e.Value) {
		if !key.InSet('X', e.Value[i]) {
			return fmt.Errorf("(%s): character %q: %w", e.AI, e.Value[i], fault.Charset)
		}
	}
	return nil
}

// query takes the pairs behind the question mark. Names that are no numbers are
// for the web server, and so is what has no value.
func (l *Link) query(query string, o Options) error {
	for pair := range strings.SplitSeq(query, "&") {
		name, value, ok := strings.Cut(pair, "=")
		if !ok || name == "" || !key.Digits(name) {
			continue
		}
		s, known := ai.Lookup(name)
		switch {
		case !known && !o.UnknownAIs:
			return fmt.Errorf("(%.12s): %w", name, fault.UnknownAI)
		case known && !s.Attribute:
			return fmt.Errorf("(%s): %w", name, fault.LinkAttribute)
		case known && l.belongs(name):
			return fmt.Errorf("(%s) belongs into the path: %w", name, fault.LinkAttribute)
		}
		if err := l.add(name, value, true, o); err != nil {
			return err
		}
	}
	return nil
}
