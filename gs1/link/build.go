package link

import (
	"fmt"
	"slices"
	"strings"

	"tote/gs1/ai"
	"tote/gs1/fault"
)

// CanonicalStem is the resolver of GS1 itself.
const CanonicalStem = "https://id.gs1.org"

// Build writes elements as an address below a stem ("https://id.example.com").
// The first element that can be a primary key is it; the qualifiers of one of its
// chains follow in the path, all others in the query as they come. The result
// has been read back. Errors: those of [Parse]; Link when there is no
// primary key or the stem is no address; LinkAttribute for what may stand
// nowhere.
func Build(stem string, elements []ai.Element, depth ai.Depth) (string, error) {
	if _, err := ai.Distinct(elements, depth); err != nil {
		return "", err
	}
	for _, e := range elements {
		if err := ai.Check(e, depth); err != nil {
			return "", err
		}
	}
	at := slices.IndexFunc(elements, func(e ai.Element) bool {
		s, _ := ai.Lookup(e.AI)
		return s.Primary
	})
	if at < 0 {
		return "", fmt.Errorf("no element is a primary key: %w", fault.Link)
	}
	if strings.ContainsAny(stem, "?#") {
		return "", fmt.Errorf("stem %.120q: %w", stem, fault.Link)
	}
	path := append([]ai.Element{elements[at]}, qualifiers(elements[at].AI, elements)...)
	var b strings.Builder
	b.WriteString(strings.TrimSuffix(stem, "/"))
	for _, e := range path {
		b.WriteString("/" + e.AI + "/")
		escape(&b, e.Value)
	}
	mark := byte('?')
	for i, e := range elements {
		if slices.Contains(path, e) || slices.Contains(elements[:i], e) {
			continue
		}
		b.WriteByte(mark)
		b.WriteString(e.AI + "=")
		escape(&b, e.Value)
		mark = '&'
	}
	uri := b.String()
	if back, err := Parse(uri, Options{Depth: depth}); err != nil {
		return "", err
	} else if !slices.Equal(back.Elements[:back.Path], path) {
		return "", fmt.Errorf("stem %.120q: %w", stem, fault.Link)
	}
	return uri, nil
}

// qualifiers picks the chain of a key with most of the elements that may stand in
// the path only, and of those the one with most elements at all.
func qualifiers(primary string, elements []ai.Element) (best []ai.Element) {
	s, _ := ai.Lookup(primary)
	most := 0
	for _, chain := range s.Chains {
		var have []ai.Element
		weight := 0
		for _, name := range chain {
			v, ok := ai.Value(elements, name)
			if !ok {
				continue
			}
			have = append(have, ai.Element{AI: name, Value: v})
			weight++
			if s, _ := ai.Lookup(name); !s.Attribute {
				weight += 100
			}
		}
		if weight > most {
			best, most = have, weight
		}
	}
	return best
}
